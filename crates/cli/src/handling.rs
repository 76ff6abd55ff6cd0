//! How data is to be read, as options or a run's config say it: which of own dialogues are for what, and whether a file is learned as
//! bytes. What the data is is found out in `material.rs`.

use crate::train_arguments::TrainingData;
use anyhow::bail;
use reformer_multiwoz::{Dealing, is_own_layout};
use serde_json::Value;

/// Fields of the data section of a run's config.
pub const SALT: &str = "split_salt";
pub const PERCENT: &str = "test_percent";
pub const BYTES: &str = "bytes";
pub const EXCLUDE: &str = "exclude_duplicates";
/// The layout of a text file.
pub const TEXT: &str = "text";

/// How data is to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Handling {
    /// Which of own dialogues in one file are for what.
    pub dealing: Dealing,
    /// What a file is learned as that holds no dialogues.
    pub text: TextKind,
    /// Whether the command could learn a file's bytes as they are, if it was asked to: only a new run can.
    pub can_take_bytes: bool,
}

/// What a file is learned as that holds no dialogues.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TextKind {
    /// Text, which it must be.
    #[default]
    Text,
    /// Bytes, whatever they are.
    Bytes,
    /// What a run has learned that calls it text. It need not be: earlier versions learned the bytes of any file without
    /// `--bytes`, and such a run goes on.
    AsLearned,
}

impl Handling {
    /// What the options of a new run say.
    pub fn of_options(options: &TrainingData) -> Self {
        let salt = options.split_salt.clone().unwrap_or_default();
        let dealing = Dealing::ByText { salt, test_percent: options.test_share.unwrap_or(Dealing::USUAL_PERCENT) };
        let text = if options.bytes { TextKind::Bytes } else { TextKind::Text };
        Self { dealing, text, can_take_bytes: true }
    }

    /// What a run's config says, for other data than its own.
    ///
    /// # Errors
    /// If a field is none that we write.
    pub fn of_section(section: &Value) -> anyhow::Result<Self> {
        // Runs on own dialogues say how they were dealt; those that don't were dealt by line.
        let is_own = section["layout"].as_str().is_some_and(is_own_layout);
        let dealing = match (&section[SALT], &section[PERCENT]) {
            (Value::Null, Value::Null) if is_own => Dealing::ByLine,
            (Value::Null, Value::Null) => Dealing::default(),
            (salt, percent) => {
                let allowed = 1..=u64::from(Dealing::MOST_PERCENT);
                let share = percent.as_u64().filter(|percent| allowed.contains(percent));
                match (salt.as_str(), share.and_then(|share| u8::try_from(share).ok())) {
                    (Some(salt), Some(test_percent)) => Dealing::ByText { salt: salt.to_owned(), test_percent },
                    _ => bail!(
                        "the run's config.json: `data.{SALT}` is {salt} and `data.{PERCENT}` is {percent}: a text and a \
                         number from 1 to {} belong there",
                        Dealing::MOST_PERCENT
                    ),
                }
            }
        };
        let text = if section[BYTES] == true { TextKind::Bytes } else { TextKind::Text };
        Ok(Self { dealing, text, can_take_bytes: false })
    }

    /// What a run's config says, for the data that it has learned.
    ///
    /// # Errors
    /// As [`Handling::of_section`].
    pub fn as_learned(section: &Value) -> anyhow::Result<Self> {
        let handling = Self::of_section(section)?;
        let is_text = section["layout"] == TEXT && handling.text == TextKind::Text;
        Ok(if is_text { Self { text: TextKind::AsLearned, ..handling } } else { handling })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_config_says_how_its_data_is_read() {
        let by_text = |salt: &str, test_percent| Dealing::ByText { salt: salt.to_owned(), test_percent };
        let cases = [
            (json!({ "layout": "jsonl" }), Dealing::ByLine, TextKind::Text),
            (json!({ "layout": "jsonl", "split_salt": "", "test_percent": 5 }), Dealing::default(), TextKind::Text),
            (json!({ "layout": "json", "split_salt": "a", "test_percent": 40 }), by_text("a", 40), TextKind::Text),
            (json!({ "layout": "multiwoz-2.2" }), Dealing::default(), TextKind::Text),
            (json!({ "layout": "text" }), Dealing::default(), TextKind::AsLearned),
            (json!({ "layout": "bytes", "bytes": true }), Dealing::default(), TextKind::Bytes),
        ];
        for (section, dealing, text) in cases {
            assert_eq!(
                Handling::as_learned(&section).unwrap(),
                Handling { dealing, text, can_take_bytes: false },
                "{section}"
            );
        }
        for section in [
            json!({ "split_salt": "a" }),
            json!({ "split_salt": "", "test_percent": 41 }),
            json!({ "split_salt": 1, "test_percent": 5 }),
        ] {
            let error = Handling::of_section(&section).unwrap_err().to_string();
            assert!(error.contains("config.json") && error.contains("from 1 to 40"), "{error}");
        }
    }
}
