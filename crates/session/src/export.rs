//! A run's weights alone: a folder with one `model.safetensors`, whose header says what it is, and the config and tokenizer that belong
//! to it. Written from a checkpoint, and read in the place of a run. What is in checkpoints is in `checkpoint.rs`.

use crate::belonging::{Belonging, TokenizerRecord};
use crate::checkpoint::{PARAMETERS, is_sha256};
use crate::durable::remove;
use crate::new_folder::NewFolder;
use crate::run::BESIDE_WEIGHTS;
use crate::tensors::{copy_with_metadata, parameters_sha256, read_metadata, read_tensors};
use crate::{Checkpoint, RunFolder, RunLock, SessionError, TensorSpec, lock};
use reformer_tensor::Store;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Names in the header's metadata.
const STEP: &str = "step";
const PARAMETERS_SHA256: &str = "parameters_sha256";
const TOKENIZER_SHA256: &str = "tokenizer_sha256";
const TOKENIZER_TOKENS: &str = "tokenizer_tokens";
const MODEL_SHA256: &str = "model_sha256";
const MODEL: &str = "model";
/// What the name of a folder begins with until it is whole.
const UNFINISHED: &str = ".exporting-";
/// What a folder that is replaced is called: the name of the new one while it was unfinished, and this.
const REPLACED: &str = "-old";

/// Weights in a folder that was exported.
#[derive(Clone, Debug)]
pub struct Exported {
    path: PathBuf,
    /// Steps that they were trained for.
    pub step: u64,
    /// See [`crate::parameters_sha256`].
    pub parameters_sha256: String,
    /// The tokenizer and the model that they belong to.
    pub belonging: Belonging,
}

impl Exported {
    /// What the header of the folder's `model.safetensors` says.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] with what is missing or wrong.
    pub fn open(run: &RunFolder) -> Result<Self, SessionError> {
        let path = run.path().join(PARAMETERS);
        let said = read_metadata(&path)?;
        let damaged = |message: String| SessionError::damaged(&path, message);
        let text = |name: &str| {
            said.get(name).map(String::as_str).ok_or_else(|| {
                damaged(format!(
                    "its header doesn't say `{name}`: it was not written by `export`, or by another program since"
                ))
            })
        };
        let number = |name: &str| -> Result<u64, SessionError> {
            let value = text(name)?;
            value.parse().map_err(|_| damaged(format!("`{name}` in its header is {value:?}, no number")))
        };
        let hash = |name: &str| -> Result<String, SessionError> {
            let value = text(name)?;
            if is_sha256(value) {
                Ok(value.to_owned())
            } else {
                Err(damaged(format!("`{name}` is {value:?}, no SHA-256")))
            }
        };
        let model: Map<String, Value> = serde_json::from_str(text(MODEL)?)
            .map_err(|error| damaged(format!("`{MODEL}` in its header is no JSON object: {error}")))?;
        let tokenizer = TokenizerRecord { sha256: hash(TOKENIZER_SHA256)?, tokens: number(TOKENIZER_TOKENS)? };
        Ok(Self {
            step: number(STEP)?,
            parameters_sha256: hash(PARAMETERS_SHA256)?,
            belonging: Belonging { tokenizer: Some(tokenizer), model_sha256: hash(MODEL_SHA256)?, model },
            path,
        })
    }

    /// Reads the parameters into `store`.
    ///
    /// # Errors
    /// As [`Checkpoint::read_parameters`].
    pub(crate) fn read(&self, specs: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
        read_tensors(&self.path, specs, store)?;
        let (said, read) = (&self.parameters_sha256, parameters_sha256(store, specs)?);
        if *said != read {
            let message = format!("`{PARAMETERS_SHA256}` in its header is {said}, the parameters give {read}");
            return Err(SessionError::damaged(&self.path, message));
        }
        Ok(())
    }
}

impl RunFolder {
    /// Whether it is a folder of [`RunFolder::export`]: weights alone, and no checkpoints.
    pub fn is_exported(&self) -> bool {
        fs::symlink_metadata(self.path().join(PARAMETERS)).is_ok()
            && self.checkpoints().all().is_ok_and(|all| all.is_empty())
    }

    /// Writes the parameters of a checkpoint of this run as a folder `to` of their own: `model.safetensors`, `config.json` and
    /// `tokenizer.json`. The folder appears when it is whole; until then it lies beside it, and `unfinished` is told where, for whoever
    /// ends the process meanwhile. What is there already is only replaced with `force`, and only if it is such a folder, too. A kill while
    /// one takes the place of the other leaves the old one as `.exporting-…-old`.
    ///
    /// # Errors
    /// A checkpoint that is damaged, or belongs to another config or tokenizer; a folder that is there; what the system refuses. What was
    /// there is then still there.
    pub fn export(
        &self,
        checkpoint: &Checkpoint,
        to: &Path,
        force: bool,
        unfinished: impl FnOnce(&Path),
    ) -> Result<Exported, SessionError> {
        checkpoint.verify_parameters()?;
        let (config, tokenizer) = (self.read_config()?, self.read_tokenizer()?);
        let tokenizer_record = TokenizerRecord::of(&tokenizer)?;
        let belonging = Belonging::new(&config.model, Some(&tokenizer))?;
        checkpoint.belongs_to(self, &belonging)?;
        let target = Target::look(to, force)?;
        let new = NewFolder::within(to.parent().unwrap_or(Path::new(".")), UNFINISHED)?;
        unfinished(new.path());
        let folder = RunFolder::at(new.path());
        folder.write_config(&config)?;
        folder.write_tokenizer(&tokenizer)?;
        // Whoever measures the weights elsewhere wants to know it as much.
        if let Some(trained_on) = self.read_trained_on()? {
            folder.write_trained_on(&trained_on)?;
        }
        let said = [
            (STEP, checkpoint.step().to_string()),
            (PARAMETERS_SHA256, checkpoint.state::<Value>()?.parameters_sha256),
            (TOKENIZER_SHA256, tokenizer_record.sha256),
            (TOKENIZER_TOKENS, tokenizer_record.tokens.to_string()),
            (MODEL_SHA256, belonging.model_sha256.clone()),
            (MODEL, Value::Object(belonging.model.clone()).to_string()),
        ];
        let said: BTreeMap<String, String> = said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        copy_with_metadata(&checkpoint.path().join(PARAMETERS), &new.path().join(PARAMETERS), said)?;
        target.give_to(new, to)?;
        Exported::open(&RunFolder::open(to)?)
    }
}

/// What has the name that an exported folder is to have.
enum Target {
    /// Nothing, or an empty folder: the system itself refuses to put a folder in the place of one with something in it.
    Free,
    /// Exported weights, which nobody else may write to meanwhile.
    Exported(RunLock),
}

impl Target {
    fn look(to: &Path, force: bool) -> Result<Self, SessionError> {
        let Ok(metadata) = fs::symlink_metadata(to) else { return Ok(Self::Free) };
        if !metadata.is_dir() {
            return Err(SessionError::format(to, "it is there and is no folder: name another"));
        }
        if names_in(to)?.is_empty() {
            return Ok(Self::Free);
        }
        check_exported(to, to)?;
        if !force {
            let message = "it holds exported weights already: name another folder, or say --force";
            return Err(SessionError::format(to, message));
        }
        RunFolder::at(to).lock().map(Self::Exported)
    }

    fn give_to(self, new: NewFolder, to: &Path) -> Result<(), SessionError> {
        match self {
            Self::Free => {
                // Windows puts no folder in the place of another, not even of an empty one.
                if cfg!(windows) && fs::symlink_metadata(to).is_ok() {
                    fs::remove_dir(to).map_err(SessionError::file("replace", to))?;
                }
                new.put(to)
            }
            Self::Exported(held) => {
                let mut aside = new.path().as_os_str().to_owned();
                aside.push(REPLACED);
                let aside = Path::new(&aside);
                // Windows renames no folder with an open file in it.
                let held = if cfg!(windows) {
                    drop(held);
                    None
                } else {
                    Some(held)
                };
                // It may have taken minutes to get here: somebody may have put something there.
                new.replace(to, aside, |aside| check_exported(aside, to))?;
                drop(held);
                remove(aside)
            }
        }
    }
}

fn names_in(folder: &Path) -> Result<Vec<OsString>, SessionError> {
    let entries = fs::read_dir(folder).map_err(SessionError::file("list", folder))?;
    let names: Result<_, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    names.map_err(SessionError::file("list", folder))
}

/// Whether all that lies in `folder`, which the user knows as `called`, was written by [`RunFolder::export`]. Names alone don't tell: other
/// programs call their files so, too.
fn check_exported(folder: &Path, called: &Path) -> Result<(), SessionError> {
    let foreign = |what: &OsStr| {
        let message =
            format!("it holds {}, which `export` did not write: name an empty or a new folder", what.display());
        SessionError::format(called, message)
    };
    // A lock is left by whoever tried to train there.
    let ours =
        |name: &OsString| name == PARAMETERS || name == lock::NAME || BESIDE_WEIGHTS.iter().any(|own| name == own);
    let names = names_in(folder)?;
    if let Some(other) = names.iter().find(|name| !ours(name)) {
        return Err(foreign(other));
    }
    if Exported::open(&RunFolder::at(folder)).is_err() {
        let weights = names.iter().find(|name| *name == PARAMETERS).or(names.first());
        return Err(foreign(weights.map_or(OsStr::new("nothing"), OsString::as_os_str)));
    }
    Ok(())
}
