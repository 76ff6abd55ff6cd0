//! Standard input as data (`--data -`): kept in a temporary file, since data is read more than once. What it is is found out from
//! its first bytes, for lack of a name.

use crate::interrupt;
use crate::output::note;
use anyhow::{Context, bail};
use reformer_multiwoz::{Contents, DataError, ForeignKind, contents};
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What `--data` calls it.
pub const STANDARD_INPUT: &str = "-";
/// The file's name without its ending. Nobody has named it, so that messages say [`SAID`] instead.
const NAME: &str = "standard-input";
/// What messages call it.
const SAID: &str = "standard input";

/// What came from standard input. The file goes when this does.
#[derive(Debug)]
pub struct Spool {
    _folder: TempDir,
    file: PathBuf,
}

impl Spool {
    /// Reads standard input to its end. As bytes, the file has no ending; otherwise one that says what is in it.
    ///
    /// # Errors
    /// If it is empty or can't be read, or there is no room for it.
    pub fn read(as_bytes: bool) -> anyhow::Result<Self> {
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            note("reading data from the terminal, up to Ctrl-D");
        }
        let folder = tempfile::Builder::new().prefix("reformer-").tempdir();
        let folder = folder.context("--data -: there is no folder for temporary files")?;
        interrupt::remove_at_an_end(folder.path());
        // As whoever opens it finds it, whose messages are to be known again.
        let whole = dunce::canonicalize(folder.path()).context("--data -: there is no folder for temporary files")?;
        let mut file = whole.join(NAME);
        let written = File::create(&file).and_then(|mut written| io::copy(&mut input, &mut written));
        let length = written.with_context(|| format!("--data -: cannot keep what comes in {}", file.display()))?;
        if length == 0 {
            bail!("--data -: standard input is empty: pipe dialogues or text into it");
        }
        if !as_bytes {
            file = named(&file)?;
        }
        Ok(Self { _folder: folder, file })
    }

    /// A message about what came, which the user knows as standard input and not as a temporary file.
    pub fn say(&self, message: &str) -> String {
        message.replace(&self.file.display().to_string(), SAID)
    }

    /// An error about it likewise.
    pub fn say_error(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast_ref::<DataError>() {
            Some(error) => anyhow::anyhow!(self.say(&error.to_string())),
            None => anyhow::anyhow!(self.say(&format!("{error:#}"))),
        }
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.file
    }
}

/// Renames a file after what is in it.
fn named(file: &Path) -> anyhow::Result<PathBuf> {
    let rename = |ending: &str| -> anyhow::Result<PathBuf> {
        let to = file.with_file_name(format!("{NAME}{ending}"));
        fs::rename(file, &to).context("--data -: cannot rename a temporary file")?;
        Ok(to)
    };
    let ending = match contents(file)? {
        Contents::Dialogues(form) => form.ending(),
        Contents::Foreign { kind: ForeignKind::Zip, .. } => ".zip",
        Contents::Foreign { kind: ForeignKind::Gzip, .. } => {
            let packed = rename(".gz")?;
            let ending = match contents(&packed)? {
                Contents::Dialogues(form) => form.ending(),
                _ => ".txt",
            };
            let to = file.with_file_name(format!("{NAME}{ending}.gz"));
            fs::rename(&packed, &to).context("--data -: cannot rename a temporary file")?;
            return Ok(to);
        }
        Contents::Foreign { .. } | Contents::Encoding(_) | Contents::Other => ".txt",
    };
    rename(ending)
}
