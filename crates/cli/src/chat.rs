//! `reformer chat`: lines in, replies out, and the commands that begin with a slash. What a conversation is, `session` knows.

use crate::arguments::ChatArguments;
use crate::named_file::Named;
use crate::output::{self, note};
use crate::typed::typed;
use crate::{interrupt, machine, trained};
use anyhow::{Context, bail};
use reformer_session::{Conversation, Reply, ReplyOptions, SessionError, Stop};
use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What `/help` says.
const HELP: &str = "\
/new        start over
/undo       take your last line and its reply back
/save FILE  write the conversation to FILE; to a .jsonl in a form that can be trained on. A file that is there is replaced
            if this chat has written it, or with /save --force FILE
/help       this
/quit       leave (so do Ctrl-D, and Ctrl-C where nothing is being said; during a reply it cuts it off)";

const FORCE: &str = "--force";
/// How `/save` is written.
const SAVE: &str = "with a file's name: /save FILE, or /save --force FILE to replace one that is there";

/// Something to do.
#[derive(Debug, PartialEq)]
enum Input<'a> {
    Nothing,
    Say(&'a str),
    New,
    Undo,
    Save {
        file: &'a str,
        force: bool,
    },
    Help,
    Quit,
    /// A command, and how it is written.
    Misused(&'a str, &'static str),
    Unknown(&'a str),
}

impl<'a> Input<'a> {
    fn read(line: &'a str) -> Self {
        let line = line.trim();
        if !line.starts_with('/') {
            return if line.is_empty() { Input::Nothing } else { Input::Say(line) };
        }
        let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let save = |file: &'a str, force| match file {
            "" => Input::Misused(command, SAVE),
            file => Input::Save { file, force },
        };
        match (command, rest) {
            ("/new", "") => Input::New,
            ("/undo", "") => Input::Undo,
            ("/help", "") => Input::Help,
            ("/quit" | "/exit", "") => Input::Quit,
            ("/save", file) => match file.strip_prefix(FORCE) {
                // A file whose name merely begins like it is a file.
                Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => save(rest.trim(), true),
                _ => save(file, false),
            },
            ("/new" | "/undo" | "/help" | "/quit" | "/exit", _) => Input::Misused(command, "alone on its line"),
            _ => Input::Unknown(line),
        }
    }
}

/// What this chat has written where, as far as it knows: such a file may be replaced.
#[derive(Default)]
struct Saved(BTreeMap<PathBuf, Vec<u8>>);

impl Saved {
    fn save(&mut self, conversation: &Conversation, file: &str, force: bool) -> anyhow::Result<String> {
        let path = Path::new(file);
        let text = conversation.transcript(path).into_bytes();
        let named = Named { option: "/save", path, force, how_to_force: "/save --force FILE" };
        named.write(&text, |there| self.0.get(path).is_some_and(|written| written == there))?;
        self.0.insert(path.to_owned(), text);
        Ok(format!("{} turns saved to {}", conversation.turns().len(), typed(path)))
    }
}

/// Runs the command until its input ends.
///
/// # Errors
/// If the run can't be loaded; through a pipe also if a line got no reply.
pub fn run(arguments: &ChatArguments) -> anyhow::Result<()> {
    // Before a device is opened, which may take seconds.
    let run = trained::choose(&arguments.run)?;
    let backend = machine::backend(&arguments.machine)?;
    let model = trained::load_to_talk(&arguments.run, &run, backend.as_ref(), &arguments.changes.changes(), 1)?;
    if trained::is_plain_text(&model.config) {
        note("this run learned a text and no dialogues: it goes on with what you type, and does not answer");
    }
    let options = ReplyOptions {
        max_tokens: arguments.sampling.max_tokens,
        sampling: arguments.sampling.options(),
        stop_texts: arguments.sampling.stop.clone(),
    };
    let mut conversation = Conversation::new(model, backend.as_ref(), options)?;
    if io::stdin().is_terminal() {
        note("type and press return; /help lists what else there is");
        terminal(&mut conversation)
    } else {
        pipe(&mut conversation)
    }
}

/// Bytes of a line: longer than what any model has positions for.
const LONGEST_LINE: u64 = 64 << 20;

/// Reads a line; none at the end. What is no text is read as well as it can be. Of a line that has no end, the beginning is kept:
/// it is too long for an answer in any case.
fn next_line() -> anyhow::Result<Option<String>> {
    let mut input = io::stdin().lock();
    let mut bytes = Vec::new();
    let read = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).context("cannot read stdin")?;
    if read as u64 == LONGEST_LINE && !bytes.ends_with(b"\n") {
        input.skip_until(b'\n').context("cannot read stdin")?;
    }
    Ok((read > 0).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

fn terminal(conversation: &mut Conversation) -> anyhow::Result<()> {
    let mut saved = Saved::default();
    loop {
        output::text_now("you> ")?;
        let Some(line) = next_line()? else { return output::line("") };
        match Input::read(&line) {
            Input::Nothing => {}
            Input::Quit => return Ok(()),
            Input::Say(text) => {
                output::text_now("bot> ")?;
                // A reply may not begin with what looks like the program's own space.
                let mut begun = false;
                let said = reply(conversation, text, |part| {
                    let part = if begun { part } else { part.trim_start() };
                    begun |= !part.is_empty();
                    output::text_now(part)
                })?;
                output::line("")?;
                match said {
                    Ok(said) => tell_of(&said),
                    Err(error) => note(output::report(&error.into()).trim_end()),
                }
            }
            command => note(obey(conversation, &mut saved, &command)),
        }
    }
}

fn pipe(conversation: &mut Conversation) -> anyhow::Result<()> {
    let mut saved = Saved::default();
    let mut unanswered = 0;
    while let Some(line) = next_line()? {
        match Input::read(&line) {
            Input::Quit => break,
            Input::Nothing => output::line("")?,
            Input::Say(text) => match reply(conversation, text, |_| Ok(()))? {
                Ok(said) => {
                    output::line(in_one_line(&said.text))?;
                    tell_of(&said);
                }
                Err(error) => {
                    unanswered += 1;
                    note(output::report(&error.into()).trim_end());
                    output::line("")?;
                }
            },
            command => output::line(in_one_line(&obey(conversation, &mut saved, &command)))?,
        }
    }
    match unanswered {
        0 => Ok(()),
        1 => bail!("1 line got no reply; why is above"),
        lines => bail!("{lines} lines got no reply; why is above"),
    }
}

/// Says `text` and shows the reply as it comes. The outer error ends the program, the inner one is only of this line.
fn reply(
    conversation: &mut Conversation,
    text: &str,
    mut show: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Result<Reply, SessionError>> {
    let mut shown = Ok(());
    interrupt::reply_begins();
    let said = conversation.reply(text, |part| {
        if shown.is_ok() {
            shown = show(part);
        }
        if interrupt::wished() || shown.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    interrupt::reply_ends();
    shown?;
    Ok(said)
}

/// What is worth knowing of a reply beside its text.
fn tell_of(reply: &Reply) {
    if reply.forgotten_turns > 0 {
        note(format_args!(
            "(the conversation is longer than the model's positions: its first {} turns are out of sight)",
            reply.forgotten_turns
        ));
    }
    if reply.stop == Stop::MaxPositions {
        note("(cut off: the model has no position left; /new starts over)");
    }
}

/// Does what a command says, and returns what to say about it.
fn obey(conversation: &mut Conversation, saved: &mut Saved, command: &Input) -> String {
    match command {
        Input::New => {
            conversation.reset();
            "a new conversation".to_owned()
        }
        Input::Undo => match conversation.undo() {
            true => "your last line and its reply are taken back".to_owned(),
            false => "there is nothing to take back".to_owned(),
        },
        Input::Save { file, force } => match saved.save(conversation, file, *force) {
            Ok(done) => done,
            Err(error) => output::report(&error).trim_end().to_owned(),
        },
        Input::Misused(command, how) => format!("`{command}` is written {how}"),
        Input::Unknown(line) => format!("there is no command `{line}`; /help lists them"),
        Input::Help | Input::Nothing | Input::Say(_) | Input::Quit => HELP.to_owned(),
    }
}

/// A reply as one line: words as they are, line ends as spaces.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_from_commands() {
        let rows = [
            ("  i need a hotel\n", Input::Say("i need a hotel")),
            ("\n", Input::Nothing),
            ("/new\n", Input::New),
            (" /undo ", Input::Undo),
            ("/save my file.txt\n", Input::Save { file: "my file.txt", force: false }),
            ("/save --force  my file.txt", Input::Save { file: "my file.txt", force: true }),
            ("/save --forced", Input::Save { file: "--forced", force: false }),
            ("/save", Input::Misused("/save", SAVE)),
            ("/save --force ", Input::Misused("/save", SAVE)),
            ("/quit\r\n", Input::Quit),
            ("/new york", Input::Misused("/new", "alone on its line")),
            ("/quit now", Input::Misused("/quit", "alone on its line")),
            ("/saved a", Input::Unknown("/saved a")),
            ("/help", Input::Help),
            ("a / b", Input::Say("a / b")),
        ];
        for (line, expected) in rows {
            assert_eq!(Input::read(line), expected, "{line:?}");
        }
        assert_eq!(in_one_line(" a\nb  c\r\n"), "a b c");
    }
}
