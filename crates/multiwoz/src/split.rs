//! The three splits of a data set and their names. Which dialogue is in which split is decided where files are read.

use crate::DataError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A part of a data set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What a model learns from.
    Train,
    /// What is looked at while it learns.
    Dev,
    /// What is looked at once, at the end.
    Test,
}

impl Split {
    /// All of them, in the order in which they are named everywhere.
    pub const ALL: [Split; 3] = [Split::Train, Split::Dev, Split::Test];

    /// `train`, `dev` or `test`: also the name of the split's folder.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Dev => "dev",
            Split::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = DataError;

    /// Reads `train`, `dev` (also `val`, `valid`, `validation`) or `test`, in any case.
    ///
    /// # Errors
    /// [`DataError::UnknownSplit`] for any other name.
    fn from_str(name: &str) -> Result<Self, DataError> {
        match name.to_ascii_lowercase().as_str() {
            "train" => Ok(Split::Train),
            "dev" | "val" | "valid" | "validation" => Ok(Split::Dev),
            "test" => Ok(Split::Test),
            _ => Err(DataError::UnknownSplit { name: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_named() {
        for split in Split::ALL {
            assert_eq!(split.to_string().parse::<Split>().unwrap(), split);
        }
        assert_eq!("val".parse::<Split>().unwrap(), Split::Dev);
        assert_eq!("VALID".parse::<Split>().unwrap(), Split::Dev);
        assert_eq!("Validation".parse::<Split>().unwrap(), Split::Dev);
        let error = "holdout".parse::<Split>().unwrap_err().to_string();
        assert!(error.contains("`holdout`") && error.contains("train, dev"), "{error}");
    }
}
