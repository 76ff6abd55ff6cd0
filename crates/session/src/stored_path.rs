//! A path in JSON: exact, whatever bytes it has. What lies there is known elsewhere.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A path that JSON keeps: a string where the path is text, as nearly all are. JSON has no other strings, so any other path is the
/// list of what its system makes it of: bytes on Unix, 16-bit units on Windows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StoredPath(PathBuf);

impl Deref for StoredPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl<P: Into<PathBuf>> From<P> for StoredPath {
    fn from(path: P) -> Self {
        Self(path.into())
    }
}

/// As people read it: what is no text is replaced.
impl fmt::Display for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Serialize for StoredPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => units(&self.0).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StoredPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a path: a string, or a list of its bytes where it is no text")]
        enum Either {
            Text(String),
            Units(Vec<u16>),
        }
        match Either::deserialize(deserializer)? {
            Either::Text(text) => Ok(text.into()),
            Either::Units(units) => match of_units(&units) {
                Some(path) => Ok(path.into()),
                None => Err(D::Error::custom("a path's list holds numbers that no path of this system has")),
            },
        }
    }
}

#[cfg(unix)]
fn units(path: &Path) -> Vec<u16> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().iter().copied().map(u16::from).collect()
}

#[cfg(unix)]
fn of_units(units: &[u16]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    let bytes: Result<Vec<u8>, _> = units.iter().copied().map(u8::try_from).collect();
    bytes.ok().map(OsString::from_vec)
}

#[cfg(windows)]
fn units(path: &Path) -> Vec<u16> {
    use std::os::windows::ffi::OsStrExt;
    path.as_os_str().encode_wide().collect()
}

#[cfg(windows)]
fn of_units(units: &[u16]) -> Option<OsString> {
    use std::os::windows::ffi::OsStringExt;
    Some(OsString::from_wide(units))
}

/// Elsewhere paths are text.
#[cfg(not(any(unix, windows)))]
fn units(path: &Path) -> Vec<u16> {
    path.to_string_lossy().encode_utf16().collect()
}

#[cfg(not(any(unix, windows)))]
fn of_units(units: &[u16]) -> Option<OsString> {
    String::from_utf16(units).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn there_and_back(path: &StoredPath) -> Value {
        let value = serde_json::to_value(path).expect("every path can be written");
        let text = value.to_string();
        assert_eq!(&serde_json::from_str::<StoredPath>(&text).expect("what was written can be read"), path, "{text}");
        value
    }

    #[test]
    fn text_stays_text() {
        for text in ["sample", "/a b/c", "/für/a", ""] {
            assert_eq!(there_and_back(&text.into()), json!(text));
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_text_keeps_its_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let path = StoredPath::from(OsString::from_vec(b"/caf\xe9".to_vec()));
        assert_eq!(there_and_back(&path), json!([47, 99, 97, 102, 0xe9]));
        assert_eq!(path.to_string(), "/caf\u{fffd}");
        // What another program wrote into the file.
        for (wrong, message) in [(json!([47, 300]), "numbers that no path"), (json!(7), "expected a path: a string")] {
            let error = serde_json::from_value::<StoredPath>(wrong).expect_err("no path").to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
