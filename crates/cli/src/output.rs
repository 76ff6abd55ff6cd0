//! Where words go: results to stdout, the rest to stderr. A reader that goes away is no mistake of ours, and never a panic.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Nobody reads stdout any more (`reformer … | head`).
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct ReaderGone;

/// Prints a line to stdout, at once.
///
/// # Errors
/// [`ReaderGone`], or what else stopped the writing.
pub fn line(text: impl Display) -> anyhow::Result<()> {
    text_now(format_args!("{text}\n"))
}

/// Prints to stdout as it is, at once.
///
/// # Errors
/// See [`line()`].
pub fn text_now(text: impl Display) -> anyhow::Result<()> {
    written(write!(io::stdout().lock(), "{text}"))
}

/// What became of writing to stdout, once the rest of it is written.
///
/// # Errors
/// See [`line()`].
pub fn written(so_far: io::Result<()>) -> anyhow::Result<()> {
    match so_far.and_then(|()| io::stdout().lock().flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write to stdout")),
    }
}

/// Prints a line to stderr. If even that is closed, there is nobody to tell.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error as everyone sees it: one line, and the causes under it, each said once.
pub fn report(error: &anyhow::Error) -> String {
    let mut said = one_line(&error.to_string());
    let mut text = format!("error: {said}\n");
    for cause in error.chain().skip(1) {
        let cause = one_line(&cause.to_string());
        // What an error quotes or wraps, with or without the system's number for it, was said with it.
        if !says(&said, without_number(&cause)) {
            text += &format!("  because: {cause}\n");
        }
        said += "\n";
        said += &cause;
    }
    text
}

/// Whether a text holds another as words of their own.
fn says(text: &str, words: &str) -> bool {
    let is_letter = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(words).any(|(at, _)| {
        !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + words.len()..].chars().next())
    })
}

/// `File exists (os error 17)` without its number.
fn without_number(text: &str) -> &str {
    match text.rsplit_once(" (os error ") {
        Some((words, number)) if number.trim_end_matches(')').parse::<i64>().is_ok() => words,
        _ => text,
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn an_error_is_one_line_and_its_causes() {
        let error = Err::<(), _>(anyhow!("no such\n file")).context("cannot read a.json").expect_err("an error");
        assert_eq!(report(&error), "error: cannot read a.json\n  because: no such file\n");
        let repeated = Err::<(), _>(anyhow!("same")).context("same").expect_err("an error");
        assert_eq!(report(&repeated), "error: same\n");
        let quoted = Err::<(), _>(anyhow!("denied")).context("cannot write a: denied").expect_err("an error");
        assert_eq!(report(&quoted.context("--run a")), "error: --run a\n  because: cannot write a: denied\n");
        // Whatever part of it: the system's number may be on either side, or something after it.
        for (said, cause) in [
            ("cannot create t: File exists (os error 17)", "File exists"),
            ("cannot create t: File exists", "File exists (os error 17)"),
            ("cannot create t: File exists (os error 17): name another", "File exists (os error 17)"),
        ] {
            assert_eq!(report(&anyhow!(cause).context(said)), format!("error: {said}\n"));
            let far = anyhow!(cause).context("between").context(said);
            assert_eq!(report(&far), format!("error: {said}\n  because: between\n"));
        }
        // A word that merely holds the other says it not.
        let other = anyhow!("use").context("this was because of misuse");
        assert_eq!(report(&other), "error: this was because of misuse\n  because: use\n");
    }
}
