//! Options that name files and folders, as clap reads them: any bytes but what could only be a mistake. What lies there is
//! looked at by the commands.

use clap::builder::{PathBufValueParser, TypedValueParser, ValueParser};
use clap::{Arg, Command, value_parser};
use std::path::{Path, PathBuf};

/// Options for which `-` is standard input.
const TAKE_INPUT: [&str; 2] = ["data", "prompt_file"];

/// Numbers may be negative and paths may begin with a dash: what is wrong with them is then said by who knows what they are for. Left
/// to clap, `-1` is an unknown option.
pub fn lenient(command: Command) -> Command {
    command.mut_args(lenient_option).mut_subcommands(lenient)
}

fn lenient_option(option: Arg) -> Arg {
    if !option.get_action().takes_values() || option.is_allow_hyphen_values_set() {
        return option;
    }
    let is_path = option.get_value_parser().type_id() == value_parser!(PathBuf).type_id();
    if !is_path {
        return option.allow_negative_numbers(true);
    }
    let takes_input = TAKE_INPUT.iter().any(|id| option.get_id() == *id);
    let check = move |path: PathBuf| check(&path, takes_input).map(|()| path);
    option.allow_hyphen_values(true).value_parser(ValueParser::new(PathBufValueParser::new().try_map(check)))
}

fn check(path: &Path, takes_input: bool) -> Result<(), String> {
    let shown = path.display();
    // What is no text has more than blanks in it.
    if path.to_str().is_some_and(|text| text.chars().all(|letter| letter.is_whitespace() || letter.is_control())) {
        return Err("a name of nothing but blanks can't be told from none: write another".to_owned());
    }
    match path.as_os_str().as_encoded_bytes() {
        b"-" if takes_input => Ok(()),
        b"-" => Err("`-` stands for no stream here: name a file or a folder; one of that name is ./-".to_owned()),
        [b'-', ..] => Err(format!("is the name missing? One that begins with a dash is written ./{shown}")),
        _ => Ok(()),
    }
}
