//! `config.json` of a run: the model's section, and the trainer's sections, which are only carried here. Every mistake in
//! it is named with its file, field and value.

use crate::{SessionError, json};
use reformer_model::ModelConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// The format that this program writes and the only one that it reads.
pub const CONFIG_FORMAT: u32 = 1;

/// A config has about a kilobyte.
pub(crate) const LARGEST_CONFIG: u64 = 1 << 20;

/// Characters of a value that a message quotes.
const LONGEST_VALUE: usize = 200;

/// What a run is. Everything that decides its bits is in here, and the machines that computed them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// [`CONFIG_FORMAT`].
    pub format: u32,
    /// The model.
    pub model: ModelConfig,
    /// The trainer's section: batches, schedule, steps, seed.
    pub training: Value,
    /// Where the text came from.
    pub data: Value,
    /// What it has run on, the first one first, each once: the backend, its adapter, and which variant of a kernel was measured
    /// to be the fastest there. A record: a run may go on anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<String>,
}

impl RunConfig {
    /// A config in the current format.
    pub fn new(model: ModelConfig, training: Value, data: Value) -> Self {
        Self { format: CONFIG_FORMAT, model, training, data, machines: Vec::new() }
    }

    /// Notes what it runs on, and says whether that is new.
    pub fn note_machine(&mut self, machine: &str) -> bool {
        let is_new = !self.machines.iter().any(|known| known == machine);
        if is_new {
            self.machines.push(machine.to_owned());
        }
        is_new
    }

    /// Reads what was found in `file`.
    ///
    /// # Errors
    /// [`SessionError::Format`] with the field that is unknown, missing, of the wrong type or impossible.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, SessionError> {
        let fail = |message: String| SessionError::format(file, message);
        let value = json::parse(text).map_err(fail)?;
        let object = value.as_object().ok_or_else(|| fail("not a JSON object".to_owned()))?;
        // Before anything else: the fields of another format are unknown by right.
        match object.get("format") {
            Some(format) if format.as_u64() == Some(u64::from(CONFIG_FORMAT)) => {}
            Some(format) => {
                return Err(fail(format!(
                    "`format` is {format}, this program reads {CONFIG_FORMAT}: use the version that wrote the run"
                )));
            }
            None => return Err(fail("the field `format` is missing".to_owned())),
        }
        if let Some(model) = object.get("model") {
            read_section::<ModelConfig>(file, "model", model)?;
        }
        let config: Self = read_value(&value).map_err(fail)?;
        config.model.validate().map_err(|error| fail(error.to_string()))?;
        Ok(config)
    }
}

/// Reads one section of a run's config: `read_section(&run.config_path(), "training", &config.training)`.
///
/// # Errors
/// [`SessionError::Format`] with the file, the section, the field and its value.
pub fn read_section<T: DeserializeOwned>(file: &Path, section: &str, value: &Value) -> Result<T, SessionError> {
    read_value(value).map_err(|message| SessionError::format(file, format!("`{section}`: {message}")))
}

/// As serde reads it, but a value of the wrong type is named with its field, which serde leaves out.
pub(crate) fn read_value<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let read = |value: Value| serde_json::from_value::<T>(value).map_err(|error| error.to_string());
    read(value.clone()).map_err(|message| {
        // These already name it.
        if ["unknown field", "missing field"].iter().any(|start| message.starts_with(start)) {
            return message;
        }
        // serde stops at the first wrong field, in the object's order: the first prefix of fields with the same message ends with it.
        let mut prefix = Map::new();
        for (field, content) in value.as_object().into_iter().flatten() {
            prefix.insert(field.clone(), content.clone());
            if read(Value::Object(prefix.clone())).err().as_ref() == Some(&message) {
                return format!("`{field}` is {}: {message}", shortened(content.to_string()));
            }
        }
        message
    })
}

/// A value may be a whole list: of a long one the beginning says enough.
fn shortened(value: String) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(change: impl FnOnce(&mut Value)) -> Result<RunConfig, String> {
        let mut config = RunConfig::new(ModelConfig::tiny(), json!({"steps": 3}), json!({"source": "sample"}));
        assert!(config.note_machine("cpu (portable, 1 thread)") && !config.note_machine("cpu (portable, 1 thread)"));
        let mut value = serde_json::to_value(config).unwrap();
        change(&mut value);
        RunConfig::parse(Path::new("runs/run-0001/config.json"), &value.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let config = parse(|_| {}).unwrap();
        assert_eq!(config.model, ModelConfig::tiny());
        assert_eq!(config.training, json!({"steps": 3}));
        assert_eq!(config.machines, ["cpu (portable, 1 thread)"]);
        let older = parse(|v| _ = v.as_object_mut().unwrap().remove("machines")).unwrap();
        assert!(older.machines.is_empty());
    }

    #[test]
    fn each_mistake_names_file_field_and_value() {
        let cases: [(fn(&mut Value), &[&str]); 9] = [
            (|v| v["extra"] = 1.into(), &["unknown field `extra`"]),
            (|v| v["model"]["hedas"] = 4.into(), &["`model`", "unknown field `hedas`"]),
            (|v| v["model"]["heads"] = "four".into(), &["`model`", "`heads` is \"four\"", "expected usize"]),
            (|v| v["model"]["heads"] = (-4).into(), &["`heads` is -4"]),
            (
                |v| v["model"]["pattern"] = json!(["local", "global"]),
                &["`pattern` is [\"local\",\"global\"]", "global"],
            ),
            (|v| v["model"]["heads"] = 0.into(), &["`heads` is 0", "at least 1"]),
            (|v| v["format"] = 2.into(), &["`format` is 2"]),
            (|v| v["machines"] = json!([7]), &["`machines` is [7]"]),
            (|v| *v = json!([]), &["not a JSON object"]),
        ];
        for (change, parts) in cases {
            let error = parse(change).unwrap_err();
            for part in ["runs/run-0001/config.json"].iter().chain(parts) {
                assert!(error.contains(part), "expected {part:?} in: {error}");
            }
        }
    }

    #[test]
    fn a_section_of_any_type_names_its_field() {
        #[derive(Deserialize, Debug)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Training {
            steps: u32,
            precision: String,
        }
        let read = |value: Value| read_section::<Training>(Path::new("config.json"), "training", &value);
        assert!(read(json!({"steps": 1, "precision": "f32"})).is_ok());
        let error = read(json!({"steps": 1.5, "precision": "f32"})).unwrap_err().to_string();
        assert!(error.contains("config.json: `training`: `steps` is 1.5"), "{error}");
        let error = read(json!({"precision": "f32"})).unwrap_err().to_string();
        assert!(error.contains("missing field `steps`"), "{error}");
    }
}
