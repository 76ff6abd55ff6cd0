//! What a file's name says that it holds, from the names' endings alone. What is in it is found out in `contents.rs`.

use crate::gzip;
use std::path::Path;

/// Files that have a dialogue in each line end so.
pub(crate) const LINES: [&str; 2] = ["jsonl", "ndjson"];
/// Files of dialogues in a list, or in an object by their ids, end so.
pub(crate) const WHOLE: [&str; 1] = ["json"];
/// Archives that are looked into end so.
pub(crate) const ZIP: [&str; 1] = ["zip"];
/// Archives that are not looked into end so. They must be unpacked: even where one could pass for text, nobody wants to learn it.
const PACKED: [&str; 8] = ["tar", "tgz", "xz", "txz", "7z", "zst", "bz2", "rar"];

/// What a file's name says that it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameSays {
    /// Dialogues, or an archive that is looked into for dialogues: a [`crate::Source`].
    Dialogues,
    /// An archive that has to be unpacked before anything in it can be read.
    Archive,
    /// Neither.
    Other,
}

impl NameSays {
    /// Of a file; of one that is packed with gzip, what its name says without `.gz`.
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = gzip::unpacked_name(&name).unwrap_or(&name);
        if [&LINES[..], &WHOLE, &ZIP].iter().any(|endings| ends_in(name, endings)) {
            Self::Dialogues
        } else if ends_in(name, &PACKED) {
            Self::Archive
        } else {
            Self::Other
        }
    }
}

/// Whether a name has one of these endings, in any case.
pub(crate) fn ends_in(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_what_a_file_holds() {
        for (name, expected) in [
            ("a/own.JSONL", NameSays::Dialogues),
            ("own.ndjson.gz", NameSays::Dialogues),
            ("data.json", NameSays::Dialogues),
            ("all.zip", NameSays::Dialogues),
            ("all.tar", NameSays::Archive),
            ("all.tar.gz", NameSays::Archive),
            ("all.TGZ", NameSays::Archive),
            ("own.jsonl.txt", NameSays::Other),
            ("json", NameSays::Other),
            ("a.zip/notes", NameSays::Other),
        ] {
            assert_eq!(NameSays::of(Path::new(name)), expected, "{name}");
        }
    }
}
