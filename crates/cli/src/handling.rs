//! How data is to be read, as options or a run's config say it: which of own dialogues are for what, and whether a file is learned as
//! bytes. What the data is is found out in `material.rs`.

use crate::train_arguments::TrainingData;
use anyhow::bail;
use reformer_multiwoz::Dealing;
use serde_json::Value;

/// Fields of the data section of a run's config.
pub const SALT: &str = "split_salt";
pub const PERCENT: &str = "test_percent";
pub const BYTES: &str = "bytes";
/// The layouts of own dialogues. Runs on these say how they were dealt; those that don't were dealt by line.
const OWN: [&str; 2] = ["jsonl", "json"];
pub const TEXT: &str = "text";

/// How data is to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Handling {
    /// Which of own dialogues in one file are for what.
    pub dealing: Dealing,
    /// What a file is learned as that holds no dialogues.
    pub text: TextKind,
}

/// What a file is learned as that holds no dialogues.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TextKind {
    /// Text, which it must be.
    #[default]
    Text,
    /// Bytes, whatever they are.
    Bytes,
    /// As a run that calls it text has learned it: before `--bytes` there was, it may have been anything.
    AsLearned,
}

impl Handling {
    /// What the options of a new run say.
    pub fn of_options(options: &TrainingData) -> Self {
        let salt = options.split_salt.clone().unwrap_or_default();
        let dealing = Dealing::ByText { salt, test_percent: options.test_share.unwrap_or(Dealing::USUAL_PERCENT) };
        Self { dealing, text: if options.bytes { TextKind::Bytes } else { TextKind::Text } }
    }

    /// What a run's config says, for other data than its own.
    ///
    /// # Errors
    /// If a field is none that we write.
    pub fn of_section(section: &Value) -> anyhow::Result<Self> {
        let is_own = OWN.iter().any(|layout| section["layout"] == *layout);
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
        Ok(Self { dealing, text })
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
            assert_eq!(Handling::as_learned(&section).unwrap(), Handling { dealing, text }, "{section}");
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
