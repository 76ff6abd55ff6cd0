//! What a checkpoint belongs to: the tokenizer and the model that its parameters were trained with, and what to say of files that
//! are others. Which files a run has is known elsewhere.

use crate::tensors::hexadecimal;
use crate::{RunFolder, SessionError, Tokenizer};
use reformer_model::ModelConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A model's section as it is hashed and compared: no field that says what its absence says too.
type Fields = Map<String, Value>;

/// What a checkpoint says of the tokenizer and the model that its parameters belong to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belonging {
    /// The tokenizer; none for a run that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenizerRecord>,
    /// See [`model_sha256`].
    pub model_sha256: String,
    /// The model's section of the config, without fields that have their default: with it a difference can be named.
    pub model: Fields,
}

/// What a checkpoint says of its tokenizer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerRecord {
    /// See [`Tokenizer::sha256`].
    pub sha256: String,
    /// Tokens in its vocabulary.
    pub tokens: u64,
}

impl TokenizerRecord {
    pub(crate) fn of(tokenizer: &Tokenizer) -> Result<Self, SessionError> {
        Ok(Self { sha256: tokenizer.sha256()?, tokens: tokenizer.vocabulary() as u64 })
    }
}

impl Belonging {
    /// Of a model and its tokenizer.
    ///
    /// # Errors
    /// [`SessionError::Tokenizer`] if the library fails.
    pub fn new(model: &ModelConfig, tokenizer: Option<&Tokenizer>) -> Result<Self, SessionError> {
        let model = fields(model);
        Ok(Self { tokenizer: tokenizer.map(TokenizerRecord::of).transpose()?, model_sha256: sha256(&model), model })
    }

    /// Whether `self`, which weights called `saved` say of themselves, is what their run's files are: `found`.
    ///
    /// # Errors
    /// [`SessionError::Format`] that names the file, the field, both values and what to do.
    pub(crate) fn check(&self, run: &RunFolder, saved: &str, found: &Belonging) -> Result<(), SessionError> {
        if let (Some(own), Some(other)) = (&self.tokenizer, &found.tokenizer)
            && own.sha256 != other.sha256
        {
            return Err(SessionError::format(
                &run.tokenizer_path(),
                format!(
                    "it is another tokenizer ({} tokens, SHA-256 {}) than the one that {saved} was trained with ({} tokens, SHA-256 {}): \
                     bring back the tokenizer.json of this run",
                    other.tokens, other.sha256, own.tokens, own.sha256
                ),
            ));
        }
        if self.model_sha256 == found.model_sha256 {
            return Ok(());
        }
        let differences = differences(&found.model, &self.model);
        if differences.is_empty() {
            let message = format!(
                "{saved} was saved with this very model, but says that its SHA-256 is {}, not {}: take another checkpoint",
                self.model_sha256, found.model_sha256
            );
            return Err(SessionError::format(&run.config_path(), message));
        }
        let deliberate = if differences.iter().any(|difference| difference.starts_with("`model.rounds`")) {
            " (for another number of rounds on purpose, `evaluate`, `generate` and `chat` take --rounds N)"
        } else {
            ""
        };
        let message = format!(
            "{}: write back what the run was trained with{deliberate}",
            differences.iter().map(|difference| format!("{difference} in {saved}")).collect::<Vec<_>>().join("; ")
        );
        Err(SessionError::format(&run.config_path(), message))
    }
}

/// SHA-256 over a model's config as compact JSON with its keys in order. A field that may be absent counts only where it is not what
/// its absence means, so that the hash of a model stays what it is when a later version adds fields with defaults.
pub fn model_sha256(model: &ModelConfig) -> String {
    sha256(&fields(model))
}

fn sha256(fields: &Fields) -> String {
    let ordered: BTreeMap<&String, &Value> = fields.iter().collect();
    let text = serde_json::to_string(&ordered).expect("strings and values are JSON");
    hexadecimal(Sha256::new_with_prefix(text.as_bytes()))
}

/// The fields of a model that must be said: without any of the others it would be read as the same model.
fn fields(model: &ModelConfig) -> Fields {
    // Through text, which says an f32 in its shortest form and not as the double next to it.
    let text = serde_json::to_string(model).expect("a config has string keys and no failing serializer");
    let all: Fields = serde_json::from_str(&text).expect("what serde_json wrote it reads");
    let means_the_same = |field: &String| {
        let mut without = all.clone();
        without.remove(field);
        serde_json::from_value::<ModelConfig>(Value::Object(without)).is_ok_and(|read| read == *model)
    };
    all.iter()
        .filter(|(field, _)| !means_the_same(field))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

/// Each field in which the config that was found differs from the one that was saved: `` `model.window` is 32 here, 64``.
fn differences(found: &Fields, saved: &Fields) -> Vec<String> {
    let mut names: Vec<&String> = found.keys().chain(saved.keys()).collect();
    names.sort();
    names.dedup();
    let of = |fields: &Fields, name| fields.get(name).map_or("its default".to_owned(), Value::to_string);
    let differing = names.into_iter().filter(|&name| found.get(name) != saved.get(name));
    differing.map(|name| format!("`model.{name}` is {} here, {}", of(found, name), of(saved, name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_model::Precision;

    /// What these give is in checkpoints of runs that are long trained: it must never change.
    #[test]
    fn hashes_stay_what_they_are() {
        assert_eq!(
            model_sha256(&ModelConfig::tiny()),
            "d5b7ecbe35dc43df97f2536d86845a299bed567b87bf195c57b8c58a21a813d8"
        );
        assert_eq!(
            Tokenizer::bytes().sha256().unwrap(),
            "d06a97099894015e61c347b008ca92e71ec0580f83b47e5db6f8d6e471c10071"
        );
    }

    #[test]
    fn a_field_that_may_be_absent_counts_only_where_it_says_something() {
        let model = ModelConfig::tiny();
        assert!(!fields(&model).contains_key("precision"), "a later version's new field is like this one");
        assert_eq!(fields(&model).len() + 1, serde_json::to_value(&model).unwrap().as_object().unwrap().len());
        let half = ModelConfig { precision: Precision::Bf16, ..model.clone() };
        assert_eq!(fields(&half)["precision"], "bf16");
        assert_ne!(model_sha256(&half), model_sha256(&model));
        assert_eq!(differences(&fields(&half), &fields(&model)), ["`model.precision` is \"bf16\" here, its default"]);
        let rounded = ModelConfig { dropout: 0.1, ..model };
        assert_eq!(fields(&rounded)["dropout"].to_string(), "0.1", "as people write it");
    }
}
