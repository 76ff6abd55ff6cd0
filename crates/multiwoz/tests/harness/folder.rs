//! A folder with a file of small dialogues in each split, for tests that change it.

use reformer_multiwoz::{DataError, Source, Split};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub fn turn(at: usize, speaker: &str, text: &str) -> Value {
    json!({ "turn_id": at.to_string(), "speaker": speaker, "utterance": text, "frames": [] })
}

pub fn dialogue(id: &str) -> Value {
    let frame = json!({
        "service": "hotel", "actions": [], "slots": [],
        "state": { "active_intent": "find_hotel", "requested_slots": [], "slot_values": { "hotel-area": ["north"] } },
    });
    let mut first = turn(0, "USER", &format!("A room in the north, please ({id})."));
    first["frames"] = json!([frame]);
    json!({ "dialogue_id": id, "services": ["hotel"], "turns": [first, turn(1, "SYSTEM", "For how many nights?")] })
}

/// A folder with one file in each split.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for split in Split::ALL {
            folder.put(&format!("{split}/dialogues_001.json"), &json!([dialogue(&format!("{split}-1"))]).to_string());
        }
        folder
    }

    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn error(&self, split: Split) -> DataError {
        Source::open(self.path()).unwrap().split(split).unwrap_err()
    }
}

/// The message says each of these.
pub fn says(error: &DataError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    assert!(!message.contains('\n'), "{message:?} is more than a line");
}
