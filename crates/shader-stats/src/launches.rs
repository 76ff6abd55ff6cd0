//! Which kernels are compiled, with which constants. What is left out or added is in `budgets.json`.

use reformer_shaders::{ALL, ComposeError, Entry, compose};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// An entry point with its constants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Launch {
    /// The file: `product.wgsl`.
    pub file: String,
    /// The function.
    pub entry: String,
    /// Constants marked `// one of …`, all that the file has.
    pub constants: BTreeMap<String, u32>,
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.entry)?;
        self.constants.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl Launch {
    /// What is known of the entry point.
    pub fn find(&self) -> Option<&'static Entry> {
        ALL.iter().copied().find(|entry| entry.file == self.file && entry.name == self.entry)
    }

    /// The constants as `compose` takes them.
    pub fn chosen(&self) -> Vec<(&str, u32)> {
        self.constants.iter().map(|(name, value)| (name.as_str(), *value)).collect()
    }
}

/// Every entry point with the values in its file, and with every other listed value, one constant at a time: what the
/// build of the shaders validates.
///
/// # Errors
/// None that the build of the shaders would not have stopped at.
pub fn all() -> Result<Vec<Launch>, ComposeError> {
    let mut launches = Vec::new();
    for entry in ALL {
        let choices = compose(entry.file, &[])?.choices;
        let usual: BTreeMap<String, u32> = choices.iter().map(|c| (c.name.clone(), c.values[0])).collect();
        let launch = |constants| Launch { file: entry.file.to_owned(), entry: entry.name.to_owned(), constants };
        launches.push(launch(usual.clone()));
        for choice in &choices {
            for &value in &choice.values[1..] {
                let mut constants = usual.clone();
                constants.insert(choice.name.clone(), value);
                launches.push(launch(constants));
            }
        }
    }
    Ok(launches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_there_once_for_each_value() {
        let launches = all().expect("the build composed them");
        for entry in ALL {
            let of_entry = |launch: &&Launch| launch.find() == Some(*entry);
            let choices = compose(entry.file, &[]).expect("the build composed it").choices;
            let expected = 1 + choices.iter().map(|choice| choice.values.len() - 1).sum::<usize>();
            let found: Vec<String> = launches.iter().filter(of_entry).map(Launch::to_string).collect();
            assert_eq!(found.len(), expected, "{found:?}");
            for (index, name) in found.iter().enumerate() {
                assert!(!found[..index].contains(name), "{name} is there twice");
            }
        }
    }

    #[test]
    fn a_launch_prints_as_it_is_told_apart() {
        let constants = BTreeMap::from([("TILE".to_owned(), 64), ("TERMS".to_owned(), 16)]);
        let launch = Launch { file: "product_tiled.wgsl".into(), entry: "main".into(), constants };
        assert_eq!(launch.to_string(), "product_tiled.wgsl main TERMS=16 TILE=64");
        assert!(launch.find().is_some());
        assert!(Launch { entry: "other".into(), ..launch }.find().is_none());
    }
}
