//! The folder of a run and the numbered runs beside it. What is inside the files is known elsewhere.

use crate::config::LARGEST_CONFIG;
use crate::durable::{TEMPORARY_PREFIX, write_atomically};
use crate::files::Unusable;
use crate::{Checkpoints, RunConfig, RunLock, SessionError, Tokenizer, TrainedOn, files, lock};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Numbered runs are `run-0001` and on.
const PREFIX: &str = "run-";

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const TRAINED_ON: &str = "trained-on.txt";
const METRICS: &str = "metrics.jsonl";
const PICTURE: &str = "loss.svg";
/// What an exported folder has of these, beside the weights.
pub(crate) const BESIDE_WEIGHTS: [&str; 3] = [CONFIG, TOKENIZER, TRAINED_ON];

/// The folder of a run: its [files](RunFolder::FILES), `lock` and `checkpoints/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The names of all files that a run writes into its folder, but for the lock.
    pub const FILES: [&str; 5] = [CONFIG, TOKENIZER, TRAINED_ON, METRICS, PICTURE];
    /// The name of the folder of its checkpoints.
    pub const CHECKPOINTS: &str = "checkpoints";

    /// The folder with this name, whatever is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the folder where there is none; what is in it stays. Whether it is fit for a run, [`crate::Place`] tells.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(path: &Path) -> Result<Self, SessionError> {
        fs::create_dir_all(path).map_err(SessionError::file("create", path))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Makes a new numbered run in `runs`: one above the highest number there. Two processes never get the same.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create_numbered(runs: &Path) -> Result<Self, SessionError> {
        fs::create_dir_all(runs).map_err(SessionError::file("create", runs))?;
        loop {
            let number = match numbers(runs)?.pop() {
                None => 1,
                Some((number, path)) => number
                    .checked_add(1)
                    .ok_or_else(|| SessionError::format(&path, "no run can have a higher number: rename it"))?,
            };
            let path = runs.join(format!("{PREFIX}{number:04}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                // Another process was faster: look again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(SessionError::file("create", &path)(error)),
            }
        }
    }

    /// A run that is there.
    ///
    /// # Errors
    /// [`SessionError::NoRun`] if the folder holds no `config.json`, [`SessionError::Format`] if that is no file.
    pub fn open(path: &Path) -> Result<Self, SessionError> {
        let run = Self { path: path.to_owned() };
        match files::open(&run.config_path()) {
            Ok(_) => Ok(run),
            Err(Unusable::Missing(_)) => Err(SessionError::NoRun { path: path.to_owned() }),
            Err(unusable) => Err(unusable.in_run(&run.config_path())),
        }
    }

    /// The numbered run with the highest number in `runs` that has a config.
    ///
    /// # Errors
    /// [`SessionError::NoRuns`] if there is none.
    pub fn newest(runs: &Path) -> Result<Self, SessionError> {
        let none = || SessionError::NoRuns { path: runs.to_owned() };
        if !runs.exists() {
            return Err(none());
        }
        let started = numbers(runs)?.into_iter().rev().map(|(_, path)| Self { path }).find(Self::is_started);
        started.ok_or_else(none)
    }

    /// Whether the run has a config already.
    pub fn is_started(&self) -> bool {
        self.config_path().is_file()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.json`.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `tokenizer.json`.
    pub fn tokenizer_path(&self) -> PathBuf {
        self.path.join(TOKENIZER)
    }

    /// `metrics.jsonl`.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// `loss.svg`.
    pub fn picture_path(&self) -> PathBuf {
        self.path.join(PICTURE)
    }

    /// `trained-on.txt`.
    pub fn trained_on_path(&self) -> PathBuf {
        self.path.join(TRAINED_ON)
    }

    /// The folder of its checkpoints.
    pub fn checkpoints_path(&self) -> PathBuf {
        self.path.join(Self::CHECKPOINTS)
    }

    /// The run's checkpoints; the folder need not exist yet.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.checkpoints_path())
    }

    /// Takes the lock that a process holds while it writes to the run.
    ///
    /// # Errors
    /// [`SessionError::Locked`] if another process holds it.
    pub fn lock(&self) -> Result<RunLock, SessionError> {
        RunLock::take(&self.path)
    }

    /// Removes files that a killed process of ours was writing here. Only with the run's lock in hand, or where nobody else knows the folder.
    pub fn remove_unfinished(&self) {
        // What can't be listed or removed is in nobody's way.
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY_PREFIX));
            if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Removes what a run that never trained has left: its config, tokenizer, lock and the folder itself. Nothing is removed of a run that
    /// has checkpoints or lines in `metrics.jsonl`, nor anything that is none of a run's own files. Says whether the folder is gone.
    pub fn remove_if_untrained(&self) -> bool {
        let has_lines = fs::metadata(self.metrics_path()).is_ok_and(|metadata| metadata.len() > 0);
        if has_lines || fs::symlink_metadata(self.checkpoints_path()).is_ok() {
            return false;
        }
        // Another thread of this process may be writing: what it makes meanwhile is met by the next try.
        const TRIES: usize = 10;
        for _ in 0..TRIES {
            self.remove_unfinished();
            // What can't be removed stays, and so does the folder then. A picture is only drawn of a run that trained.
            for name in [CONFIG, TOKENIZER, TRAINED_ON, METRICS, lock::NAME] {
                let _ = fs::remove_file(self.path.join(name));
            }
            match fs::remove_dir(&self.path) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// Reads the config.
    ///
    /// # Errors
    /// With the file, the field and its value.
    pub fn read_config(&self) -> Result<RunConfig, SessionError> {
        let path = self.config_path();
        let text = files::read_text(&path, LARGEST_CONFIG).map_err(|unusable| unusable.in_run(&path))?;
        RunConfig::parse(&path, &text)
    }

    /// Writes the config. Atomic.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write_config(&self, config: &RunConfig) -> Result<(), SessionError> {
        let path = self.config_path();
        let text =
            serde_json::to_string_pretty(config).map_err(|error| SessionError::format(&path, error.to_string()))?;
        write_atomically(&path, (text + "\n").as_bytes())
    }

    /// Reads the tokenizer.
    ///
    /// # Errors
    /// See [`Tokenizer::load`].
    pub fn read_tokenizer(&self) -> Result<Tokenizer, SessionError> {
        Tokenizer::load(&self.tokenizer_path())
    }

    /// Writes the tokenizer. Atomic.
    ///
    /// # Errors
    /// See [`Tokenizer::save`].
    pub fn write_tokenizer(&self, tokenizer: &Tokenizer) -> Result<(), SessionError> {
        tokenizer.save(&self.tokenizer_path())
    }

    /// Reads what the run was trained on; none of a run that doesn't remember.
    ///
    /// # Errors
    /// With the file and its first line that is none of ours.
    pub fn read_trained_on(&self) -> Result<Option<TrainedOn>, SessionError> {
        TrainedOn::load(&self.trained_on_path())
    }

    /// Writes what the run was trained on. Atomic.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write_trained_on(&self, trained_on: &TrainedOn) -> Result<(), SessionError> {
        trained_on.save(&self.trained_on_path())
    }
}

/// Whether a name in a run's folder is one that a run gives.
pub(crate) fn is_name_of_run(name: &OsStr) -> bool {
    RunFolder::FILES.into_iter().chain([RunFolder::CHECKPOINTS]).any(|known| name == known)
}

/// Whatever is named with `prefix` and a number, in order of the numbers.
pub(crate) fn numbered(folder: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>, SessionError> {
    let fail = || SessionError::file("list", folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail())? {
        let entry = entry.map_err(fail())?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(prefix)).unwrap_or_default();
        // `parse` alone would take a plus sign.
        if digits.bytes().all(|digit| digit.is_ascii_digit())
            && let Ok(number) = digits.parse()
        {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn numbers(runs: &Path) -> Result<Vec<(u64, PathBuf)>, SessionError> {
    let mut found = numbered(runs, PREFIX)?;
    found.retain(|(_, path)| path.is_dir());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_model::ModelConfig;
    use serde_json::json;

    fn config() -> RunConfig {
        RunConfig::new(ModelConfig::tiny(), json!({}), json!({}))
    }

    #[test]
    fn runs_are_numbered_and_the_newest_has_the_highest_number_with_a_config() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        assert!(matches!(RunFolder::newest(&runs), Err(SessionError::NoRuns { .. })));
        for expected in ["run-0001", "run-0002"] {
            let run = RunFolder::create_numbered(&runs).unwrap();
            assert_eq!(run.path(), runs.join(expected));
            assert!(matches!(RunFolder::open(run.path()), Err(SessionError::NoRun { .. })));
            run.write_config(&config()).unwrap();
        }
        fs::create_dir(runs.join("run-10000")).unwrap();
        fs::create_dir(runs.join("run-mine")).unwrap();
        fs::write(runs.join("run-20000"), "a file").unwrap();
        assert_eq!(RunFolder::newest(&runs).unwrap().path(), runs.join("run-0002"));
        assert_eq!(RunFolder::create_numbered(&runs).unwrap().path(), runs.join("run-10001"));
        assert_eq!(RunFolder::newest(&runs).unwrap().read_config().unwrap(), config());
        fs::create_dir(runs.join(format!("run-{}", u64::MAX))).unwrap();
        let error = RunFolder::create_numbered(&runs).unwrap_err().to_string();
        assert!(error.contains("run-18446744073709551615: no run can have a higher number: rename it"), "{error}");
    }

    #[test]
    fn what_never_trained_is_removed_and_what_did_is_said_to_stay() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&folder.path().join("run")).unwrap();
        run.write_config(&config()).unwrap();
        run.write_tokenizer(&Tokenizer::bytes()).unwrap();
        drop(run.lock().unwrap());
        fs::create_dir(run.checkpoints_path()).unwrap();
        assert!(!run.remove_if_untrained() && run.is_started());
        fs::remove_dir(run.checkpoints_path()).unwrap();
        fs::write(run.metrics_path(), "{}\n").unwrap();
        assert!(!run.remove_if_untrained() && run.is_started());
        fs::write(run.metrics_path(), "").unwrap();
        assert!(run.remove_if_untrained() && !run.path().exists());
        assert!(!run.remove_if_untrained(), "there was nothing to remove");
    }

    #[test]
    fn a_second_lock_is_refused_and_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        let lock = run.lock().unwrap();
        let error = run.lock().unwrap_err().to_string();
        assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
        drop(lock);
        run.lock().unwrap();
    }
}
