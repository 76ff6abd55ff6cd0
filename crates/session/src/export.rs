//! A run's weights alone: a folder with one `model.safetensors`, whose header says what it is, and the config and tokenizer that belong
//! to it. Written from a checkpoint, and read in the place of a run. What is in checkpoints is in `checkpoint.rs`.

use crate::belonging::{Belonging, TokenizerRecord};
use crate::checkpoint::{PARAMETERS, is_sha256};
use crate::durable::{remove, rename, sync_folder};
use crate::tensors::{copy_with_metadata, parameters_sha256, read_metadata, read_tensors};
use crate::{Checkpoint, RunFolder, SessionError, TensorSpec, lock};
use reformer_tensor::Store;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Names in the header's metadata.
const STEP: &str = "step";
const PARAMETERS_SHA256: &str = "parameters_sha256";
const TOKENIZER_SHA256: &str = "tokenizer_sha256";
const TOKENIZER_TOKENS: &str = "tokenizer_tokens";
const MODEL_SHA256: &str = "model_sha256";
const MODEL: &str = "model";
/// What a folder that is written is called until it is whole.
const UNFINISHED: &str = ".exporting-";

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
            && fs::symlink_metadata(self.path().join("checkpoints")).is_err()
    }

    /// Writes the parameters of a checkpoint of this run as a folder `to` of their own: `model.safetensors`, `config.json` and
    /// `tokenizer.json`. The folder appears when it is whole. What is there already is only replaced with `force`, and only if it is
    /// such a folder, too.
    ///
    /// # Errors
    /// A checkpoint that is damaged, or belongs to another config or tokenizer; a folder that is there; what the system refuses.
    pub fn export(&self, checkpoint: &Checkpoint, to: &Path, force: bool) -> Result<Exported, SessionError> {
        checkpoint.verify_parameters()?;
        let (config, tokenizer) = (self.read_config()?, self.read_tokenizer()?);
        let belonging = Belonging::new(&config.model, Some(&tokenizer))?;
        checkpoint.belongs_to(self, &belonging)?;
        let replaces = check_target(to, force)?;
        let parent = match to.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(SessionError::file("create", parent))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let unfinished = builder.tempdir_in(parent).map_err(SessionError::file("create", parent))?;
        let folder = RunFolder::create(unfinished.path())?;
        folder.write_config(&config)?;
        folder.write_tokenizer(&tokenizer)?;
        // Whoever measures the weights elsewhere wants to know it as much.
        if let Some(trained_on) = self.read_trained_on()? {
            folder.write_trained_on(&trained_on)?;
        }
        let own = belonging.tokenizer.as_ref();
        let said = [
            (STEP, checkpoint.step().to_string()),
            (PARAMETERS_SHA256, checkpoint.state::<Value>()?.parameters_sha256),
            (TOKENIZER_SHA256, own.map(|own| own.sha256.clone()).unwrap_or_default()),
            (TOKENIZER_TOKENS, tokenizer.vocabulary().to_string()),
            (MODEL_SHA256, belonging.model_sha256.clone()),
            (MODEL, Value::Object(belonging.model.clone()).to_string()),
        ];
        let said: BTreeMap<String, String> = said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        copy_with_metadata(&checkpoint.path().join(PARAMETERS), &unfinished.path().join(PARAMETERS), said)?;
        sync_folder(unfinished.path())?;
        if replaces {
            remove(to)?;
        }
        rename(unfinished.path(), to)?;
        let _ = unfinished.keep();
        sync_folder(parent)?;
        Exported::open(&RunFolder::open(to)?)
    }
}

/// Whether something is there that is to be replaced; what is not ours is not.
fn check_target(to: &Path, force: bool) -> Result<bool, SessionError> {
    let Ok(metadata) = fs::symlink_metadata(to) else { return Ok(false) };
    if !metadata.is_dir() {
        return Err(SessionError::format(to, "it is there and is no folder: name another"));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(to).map_err(SessionError::file("list", to))? {
        names.push(entry.map_err(SessionError::file("list", to))?.file_name());
    }
    // A lock is left by whoever tried to train there.
    let ours = ["config.json", "tokenizer.json", "trained-on.txt", PARAMETERS, lock::NAME];
    if let Some(other) = names.iter().find(|name| !ours.iter().any(|own| *name == own)) {
        let message =
            format!("it holds {}, which `export` did not write: name an empty or a new folder", other.display());
        return Err(SessionError::format(to, message));
    }
    if !names.is_empty() && !force {
        return Err(SessionError::format(to, "it holds exported weights already: name another folder, or say --force"));
    }
    Ok(true)
}
