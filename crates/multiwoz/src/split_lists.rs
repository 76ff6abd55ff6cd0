//! Which dialogues of `data.json` are for validation and which for testing: the lists beside it. All others are for
//! training.

use crate::tree::DataFile;
use crate::{DataError, Limits, Split};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;

/// The lists of a `data.json`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SplitLists {
    splits: BTreeMap<String, Split>,
    /// The lists that there are.
    files: BTreeMap<Split, PathBuf>,
}

/// The split whose list is called so: `valListFile.txt` or `.json` (or `devListFile…`, as a split may be called), `testListFile…`,
/// in any case. A list for training says nothing: what no list names is for that.
pub(crate) fn split_of_list(name: &str) -> Option<Split> {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".txt").or_else(|| name.strip_suffix(".json"))?;
    match stem {
        "trainlistfile" => None,
        stem => stem.strip_suffix("listfile")?.parse().ok(),
    }
}

impl SplitLists {
    /// Adds a list: an id a line, or a JSON list of them, whatever the file is called.
    ///
    /// # Errors
    /// If it can't be read or is no list, or names a dialogue that another list names.
    pub(crate) fn add(&mut self, split: Split, file: &DataFile, limits: &Limits) -> Result<(), DataError> {
        let fail = |problem: String| DataError::SplitList { path: file.path().to_owned(), problem };
        if let Some(other) = self.files.insert(split, file.path().to_owned()) {
            return Err(fail(format!("{} lists the same split: take one of them away", other.display())));
        }
        let mut bytes = Vec::new();
        let reader = file.read(limits)?;
        reader
            .take(limits.dialogue_bytes as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(DataError::file("read", file.path()))?;
        if bytes.len() > limits.dialogue_bytes {
            return Err(fail(format!("it has more than {} bytes: it is no list of dialogues", limits.dialogue_bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|_| fail("it is not in UTF-8: save it as UTF-8".to_owned()))?;
        let ids: Vec<String> = if text.trim_start().starts_with(['[', '{']) {
            serde_json::from_str(&text)
                .map_err(|error| fail(format!("it is no list of dialogues' ids: {error}; copy or download it again")))?
        } else {
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        for id in ids {
            let name = crate::error::shorten(&id);
            if self.splits.insert(bare(&id).to_owned(), split).is_some_and(|other| other != split) {
                return Err(fail(format!(
                    "it names {name}, which is in the other split's list, too: take it out of one"
                )));
            }
        }
        Ok(())
    }

    /// The split of a dialogue.
    pub(crate) fn split_of(&self, id: &str) -> Split {
        self.splits.get(bare(id)).copied().unwrap_or(Split::Train)
    }

    /// The splits that have a list, with where it is.
    pub(crate) fn files(&self) -> &BTreeMap<Split, PathBuf> {
        &self.files
    }

    /// Ids of a split that are not among those found, in order.
    pub(crate) fn missing(&self, split: Split, found: &BTreeSet<String>) -> Vec<&str> {
        let of_split = self.splits.iter().filter(|(_, other)| **other == split);
        of_split.map(|(id, _)| id.as_str()).filter(|id| !found.contains(*id)).collect()
    }
}

/// Some files have the ending in ids, some have not.
pub(crate) fn bare(id: &str) -> &str {
    id.strip_suffix(".json").unwrap_or(id)
}
