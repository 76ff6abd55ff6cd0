//! Files for tests: dialogues in every layout, folders and archives of them, and what a message must say.

// Each test file is a program of its own and needs but some of this.
#![allow(dead_code)]

pub mod folder;

use reformer_multiwoz::{DataError, Dialogue, Source, Split};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Files by name.
pub type Files = Vec<(String, Vec<u8>)>;

pub fn files(files: &[(&str, &Value)]) -> Files {
    files.iter().map(|(name, value)| ((*name).to_owned(), value.to_string().into_bytes())).collect()
}

pub fn put(folder: &Path, files: &Files) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// An archive of files, deflated.
pub fn zipped(files: &Files) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// All dialogues by split, of the splits that are there.
pub fn read(path: &Path) -> (String, BTreeMap<Split, Vec<Dialogue>>) {
    let source = Source::open(path).unwrap();
    let splits = source.splits().into_iter().map(|split| (split, source.split(split).unwrap())).collect();
    (source.layout().to_owned(), splits)
}

/// The first thing that is wrong with what is at a path.
pub fn first_error(path: impl Into<PathBuf>) -> Option<DataError> {
    let source = match Source::open(path.into()) {
        Ok(source) => source,
        Err(error) => return Some(error),
    };
    source.splits().into_iter().find_map(|split| source.split(split).err())
}

/// The message says each of these, in one short line.
pub fn says(name: &str, message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{name}: {message:?} does not say {part:?}");
    }
    assert!(!message.contains(['\n', '\r', '\0']), "{name}: {message:?} is more than a line");
    assert!(message.len() < 1200, "{name}: a message of {} bytes", message.len());
}

/// As MultiWOZ 2.2 is published.
pub fn published_2_2(id: &str) -> Value {
    json!({
        "dialogue_id": id,
        "services": ["restaurant", "taxi"],
        "turns": [
            {
                "frames": [
                    {
                        "actions": [],
                        "service": "restaurant",
                        "slots": [{ "exclusive_end": 25, "slot": "restaurant-food", "start": 18, "value": "chinese" }],
                        "state": {
                            "active_intent": "find_restaurant",
                            "requested_slots": ["restaurant-address"],
                            "slot_values": { "restaurant-food": ["chinese"], "restaurant-name": ["nandos", "nando's"] },
                        },
                    },
                    {
                        "actions": [],
                        "service": "taxi",
                        "slots": [{ "copy_from": "restaurant-name", "slot": "taxi-destination", "value": ["nandos"] }],
                        "state": { "active_intent": "NONE", "requested_slots": [], "slot_values": {} },
                    },
                ],
                "speaker": "USER",
                "turn_id": "0",
                "utterance": format!("I am looking for chinese food ({id})."),
            },
            { "frames": [], "speaker": "SYSTEM", "turn_id": "1", "utterance": "Where?" },
        ],
    })
}

/// As other schema-guided sets are published: calls of services, no `turn_id`.
pub fn published_sgd(id: &str) -> Value {
    json!({
        "dialogue_id": id,
        "services": ["Restaurants_1"],
        "turns": [
            {
                "frames": [{
                    "actions": [{ "act": "INFORM", "canonical_values": ["San Jose"], "slot": "city", "values": ["sj"] }],
                    "service": "Restaurants_1",
                    "slots": [{ "exclusive_end": 5, "slot": "city", "start": 3 }],
                    "state": {
                        "active_intent": "FindRestaurants",
                        "requested_slots": [],
                        "slot_values": { "city": ["San Jose", "sj"] },
                    },
                }],
                "speaker": "USER",
                "utterance": format!("In sj ({id})"),
            },
            {
                "frames": [{
                    "actions": [{ "act": "OFFER", "canonical_values": ["71 St"], "slot": "name", "values": ["71 St"] }],
                    "service": "Restaurants_1",
                    "service_call": { "method": "FindRestaurants", "parameters": { "city": "San Jose" } },
                    "service_results": [{ "city": "San Jose", "name": "71 St" }],
                    "slots": [],
                }],
                "speaker": "SYSTEM",
                "utterance": "71 St",
            },
        ],
    })
}

/// A dialogue of MultiWOZ 2.1's `data.json`.
pub fn logged(text: &str) -> Value {
    let metadata = json!({
        "hotel": {
            "book": { "booked": [{ "name": "acorn", "reference": "X1" }], "people": "3", "stay": "" },
            "semi": { "name": "not mentioned", "area": "east", "parking": "yes", "pricerange": "cheap|moderate" },
        },
        "taxi": { "book": { "booked": [] }, "semi": { "leaveAt": "none", "destination": ["a", "b"] } },
        "bus": { "book": { "booked": [], "people": "" }, "semi": { "day": "" } },
    });
    json!({
        "goal": {
            "hotel": { "info": { "area": "east" }, "fail_info": {} }, "taxi": {}, "topic": { "hotel": false },
            "message": ["You are looking for a <span class='emphasis'>place to stay</span>"],
        },
        "log": [
            {
                "text": text,
                "metadata": {},
                "dialog_act": { "Hotel-Inform": [["Area", "east"], ["Stars", "4"]], "general-greet": [["none", "none"]] },
                "span_info": [["Hotel-Inform", "Area", "east", 8, 8]],
            },
            { "text": "For how many nights ?", "metadata": metadata, "dialog_act": {}, "span_info": [] },
        ],
    })
}
