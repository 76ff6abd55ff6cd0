//! What `generate` is asked to go on from: an option, a file or standard input. What it means to the model is in `generate.rs`.

use crate::arguments::GenerateArguments;
use crate::output::note;
use crate::spool::STANDARD_INPUT;
use crate::typed::typed;
use anyhow::{Context, bail, ensure};
use reformer_multiwoz::why_no_text;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::Path;

/// Longer than what any model has positions for.
const LARGEST: u64 = 64 << 20;

/// A prompt and where it is from.
pub struct Prompt {
    /// For messages: `--prompt`, `--prompt-file a.txt`.
    pub source: String,
    /// The text as it is.
    pub text: String,
}

impl Prompt {
    /// Reads what was asked for.
    ///
    /// # Errors
    /// If it can't be read, isn't text, or is larger than any prompt.
    pub fn read(arguments: &GenerateArguments) -> anyhow::Result<Self> {
        match (&arguments.prompt, &arguments.prompt_file) {
            (Some(text), _) if text != STANDARD_INPUT => Ok(Self { source: "--prompt".to_owned(), text: text.clone() }),
            (None, Some(path)) if path.as_os_str() != STANDARD_INPUT => Self::of_file(path),
            (Some(_), _) => Self::of_input("--prompt -"),
            (None, _) => Self::of_input("--prompt-file -"),
        }
    }

    fn of_file(path: &Path) -> anyhow::Result<Self> {
        let source = format!("--prompt-file {}", typed(path));
        let metadata = fs::metadata(path).with_context(|| format!("{source}: cannot read it"))?;
        ensure!(!metadata.is_dir(), "{source}: it is a folder: name a file of text");
        // A pipe that a shell makes (`<(…)`) ends; whatever else never does is bounded.
        let file = File::open(path).with_context(|| format!("{source}: cannot read it"))?;
        Self::of_stream(source, file)
    }

    fn of_input(source: &str) -> anyhow::Result<Self> {
        if io::stdin().is_terminal() {
            note(if cfg!(windows) {
                "type the prompt; Ctrl-Z on a line of its own ends it"
            } else {
                "type the prompt; Ctrl-D ends it"
            });
        }
        Self::of_stream(source.to_owned(), io::stdin().lock())
    }

    fn of_stream(source: String, stream: impl Read) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        stream.take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| format!("{source}: cannot read it"))?;
        ensure!(
            bytes.len() as u64 <= LARGEST,
            "{source}: it has more than {} MiB, longer than any model's positions: take a part of it",
            LARGEST >> 20
        );
        if bytes.starts_with("\u{feff}".as_bytes()) {
            bail!(
                "{source}: it begins with a byte-order mark, which is no part of a text: save it as UTF-8 without one"
            );
        }
        if let Some(found) = why_no_text(&bytes) {
            bail!("{source}: it {found}: save it as text in UTF-8");
        }
        Ok(Self { source, text: String::from_utf8(bytes)? })
    }

    /// What a user says: the line end that every editor and `echo` puts there is no part of it.
    pub fn as_turn(&self) -> anyhow::Result<&str> {
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        ensure!(!text.trim().is_empty(), "{}: it is empty: write what the user says", self.source);
        Ok(text)
    }
}
