//! What a folder is to a run that would be put there: nothing, empty, a run, what a killed start has left, or somebody else's.
//! Nothing is written here.

use crate::config::LARGEST_CONFIG;
use crate::durable::TEMPORARY_PREFIX;
use crate::run::is_name_of_run;
use crate::{RunFolder, SessionError, Tokenizer, files, json, lock};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A lock holds the number of a process at most.
const LONGEST_LOCK: u64 = 32;
/// What every config of a run has, whatever its format is.
const CONFIG_FIELDS: [&str; 4] = ["format", "model", "training", "data"];

/// What a folder is, before a run is put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing has the name.
    Missing,
    /// A folder with nothing in it.
    Empty,
    /// A run: its config is there and is one of ours.
    Run,
    /// A start was killed before it wrote its config: nothing is there but its lock, its tokenizer, metrics without a line, and half-written files.
    Leftovers,
    /// A folder with something of somebody else's in it: this, among others.
    Foreign(PathBuf),
    /// A file, or anything else that is no folder.
    NoFolder,
}

impl Place {
    /// Looks.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn of(path: &Path) -> Result<Self, SessionError> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => return Ok(Self::NoFolder),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // A link that leads nowhere: no folder can be made there.
                let is_link = fs::symlink_metadata(path).is_ok();
                // Windows says the same of what would lie below a file.
                let around = path.ancestors().skip(1).find_map(|folder| fs::metadata(folder).ok());
                let is_below_file = around.is_some_and(|metadata| !metadata.is_dir());
                return Ok(if is_link || is_below_file { Self::NoFolder } else { Self::Missing });
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(Self::NoFolder),
            Err(error) => return Err(SessionError::file("look at", path)(error)),
        }
        let run = RunFolder::at(path);
        if is_config(&run.config_path()) {
            return Ok(Self::Run);
        }
        let fail = || SessionError::file("list", path);
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(fail())? {
            entries.push(entry.map_err(fail())?.path());
        }
        if entries.is_empty() {
            return Ok(Self::Empty);
        }
        // In an order that doesn't depend on the file system; files that a run would replace come before others.
        entries.sort_by_key(|entry| (!entry.file_name().is_some_and(is_name_of_run), entry.clone()));
        let foreign = entries.iter().find(|entry| !is_leftover(entry));
        // A start takes its lock before it writes anything: a tokenizer without one is not from there. Names of files that are being
        // written are nobody else's.
        let is_ours = is_lock(&path.join(lock::NAME)) || entries.iter().all(|entry| is_unfinished(entry));
        let foreign = foreign.or_else(|| if is_ours { None } else { entries.first() });
        Ok(foreign.map_or(Self::Leftovers, |entry| Self::Foreign(entry.clone())))
    }

    /// Whether there is a run, be it one that was killed before its first checkpoint.
    pub fn is_run(&self) -> bool {
        matches!(self, Self::Run | Self::Leftovers)
    }
}

/// All runs that lie in `folder`, in order of their names; none where it can't be listed.
pub fn runs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut runs: Vec<PathBuf> = entries.filter(|path| is_config(&RunFolder::at(path).config_path())).collect();
    runs.sort();
    runs
}

/// Whether a file is the config of a run: a JSON object with the fields that each has. What is wrong with one of them is told by who
/// reads it.
fn is_config(path: &Path) -> bool {
    let value = files::read_text(path, LARGEST_CONFIG).ok().and_then(|text| json::parse(&text).ok());
    value.is_some_and(|value| CONFIG_FIELDS.iter().all(|field| value.get(field).is_some()))
}

fn is_leftover(entry: &Path) -> bool {
    let is_file = fs::symlink_metadata(entry).is_ok_and(|metadata| metadata.is_file());
    let (Some(folder), Some(name)) = (entry.parent(), entry.file_name()) else { return false };
    let run = RunFolder::at(folder);
    if name == lock::NAME {
        is_lock(entry)
    } else if entry == run.metrics_path() {
        // It is opened before the config is written, and lines come after.
        is_file && fs::metadata(entry).is_ok_and(|metadata| metadata.len() == 0)
    } else if entry == run.tokenizer_path() {
        is_file && Tokenizer::load(entry).is_ok()
    } else {
        is_unfinished(entry)
    }
}

/// Whether it is a file that was being written when its process was killed.
fn is_unfinished(entry: &Path) -> bool {
    let is_file = fs::symlink_metadata(entry).is_ok_and(|metadata| metadata.is_file());
    let name = entry.file_name().and_then(|name| name.to_str());
    is_file && name.is_some_and(|name| name.starts_with(TEMPORARY_PREFIX))
}

/// Whether a file holds nothing, or the number of a process.
fn is_lock(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
        && files::read_text(path, LONGEST_LOCK).is_ok_and(|text| text.trim().bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunConfig;
    use reformer_model::ModelConfig;
    use serde_json::json;

    #[test]
    fn a_folder_is_told_from_a_run() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("m");
        let of = || Place::of(&path).unwrap();
        assert_eq!(of(), Place::Missing);
        let run = RunFolder::create(&path).unwrap();
        assert_eq!(of(), Place::Empty);
        // As a start that is killed leaves it, at every moment.
        drop(run.lock().unwrap());
        assert_eq!(of(), Place::Leftovers);
        fs::write(path.join(".writing-x7"), "{").unwrap();
        run.write_tokenizer(&Tokenizer::bytes()).unwrap();
        fs::write(run.metrics_path(), "").unwrap();
        assert_eq!(of(), Place::Leftovers);
        let theirs = path.join("notes.txt");
        fs::write(&theirs, "keep").unwrap();
        assert_eq!(of(), Place::Foreign(theirs));
        run.write_config(&RunConfig::new(ModelConfig::tiny(), json!({}), json!({}))).unwrap();
        assert_eq!(of(), Place::Run);
        // Of another format: a run all the same, whoever can read it.
        fs::write(run.config_path(), r#"{"format":99,"model":[],"training":0,"data":""}"#).unwrap();
        assert_eq!(of(), Place::Run);
        assert_eq!(runs_in(around.path()), std::slice::from_ref(&path));
        fs::write(run.config_path(), r#"{"mine":1}"#).unwrap();
        assert_eq!(of(), Place::Foreign(run.config_path()));
        assert!(runs_in(around.path()).is_empty());
    }

    #[test]
    fn what_merely_has_our_names_is_not_ours() {
        for (name, text) in [("tokenizer.json", "{}"), ("lock", "apt"), ("metrics.jsonl", "{}"), (".hidden", "")] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            assert_eq!(Place::of(folder.path()).unwrap(), Place::Foreign(file.clone()), "{name}");
            // A lock of ours beside it changes nothing.
            if name != "lock" {
                fs::write(folder.path().join("lock"), "7").unwrap();
                assert_eq!(Place::of(folder.path()).unwrap(), Place::Foreign(file), "{name}");
            }
        }
        // A tokenizer that we could read, without a lock.
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        run.write_tokenizer(&Tokenizer::bytes()).unwrap();
        assert_eq!(Place::of(folder.path()).unwrap(), Place::Foreign(run.tokenizer_path()));
        assert_eq!(Place::of(&run.tokenizer_path()).unwrap(), Place::NoFolder);
        assert_eq!(Place::of(&run.tokenizer_path().join("below")).unwrap(), Place::NoFolder);
    }
}
