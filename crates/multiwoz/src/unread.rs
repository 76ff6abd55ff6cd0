//! What lies in the folder or the archive of a source and isn't read: whatever holds dialogues there, by what is in it and not by its
//! name, would otherwise be missed in silence. Which files are read is decided in `layout.rs`.

use crate::contents::Contents;
use crate::tree::{DataFile, Node, Tree};
use crate::{DataError, Limits, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into: a link may lead around in a circle.
const DEEPEST: usize = 8;
/// What lies beside the dialogues of published sets and holds none: whole names, and endings.
const COMPANIONS: [&str; 9] = [
    "schema.json",
    "dialog_acts.json",
    "dialogue_acts.json",
    "ontology.json",
    "slot_descriptions.json",
    "trainlistfile",
    "trainlistfile.txt",
    "trainlistfile.json",
    "database.json",
];
const COMPANION_ENDINGS: [&str; 2] = ["_db.json", "listfile"];

/// Files in the folder or the archive of a source that aren't read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unread {
    /// They hold dialogues.
    pub dialogues: Vec<PathBuf>,
    /// What usually lies beside dialogues, such as `schema.json`.
    pub companions: Vec<PathBuf>,
    /// They hold no dialogues.
    pub others: Vec<PathBuf>,
    /// What can't be looked into and why: archives, tables, text that is not in UTF-8, files that can't be read.
    pub opaque: Vec<(PathBuf, String)>,
    /// Whether there is more, which was not looked at: more files than of an archive are read, or folders that lie too deep.
    pub is_cut: bool,
}

impl Source {
    /// Looks at everything in the folder or the archive, but for hidden files: at the first bytes of each file. Empty for a single
    /// file and for the sample.
    ///
    /// # Errors
    /// If a folder can't be listed.
    pub fn unread(&self) -> Result<Unread, DataError> {
        let Some(tree) = self.tree() else { return Ok(Unread::default()) };
        let read = self.files().iter().map(|file| file.file.path());
        let read: BTreeSet<&Path> = read.chain(self.lists()).collect();
        let mut walk = Walk { unread: Unread::default(), read, limits: self.limits(), seen: 0 };
        walk.folder(tree, 0)?;
        Ok(walk.unread)
    }
}

struct Walk<'a> {
    unread: Unread,
    read: BTreeSet<&'a Path>,
    limits: &'a Limits,
    seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, tree: &Tree, depth: usize) -> Result<(), DataError> {
        if depth == DEEPEST {
            self.unread.is_cut = true;
            return Ok(());
        }
        for (name, node) in tree.nodes()? {
            self.seen += 1;
            if self.seen > self.limits.archive_entries {
                self.unread.is_cut = true;
                return Ok(());
            }
            match node {
                Node::Folder(inner) => self.folder(&inner, depth + 1)?,
                Node::File(file) if self.read.contains(file.path()) => {}
                Node::File(file) => self.file(&name, &file),
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, file: &DataFile) {
        let path = file.path().to_owned();
        match file.contents(self.limits) {
            Ok(Contents::Dialogues(_)) => self.unread.dialogues.push(path),
            Ok(Contents::Foreign { kind, found }) if kind.may_hold_dialogues() => {
                self.unread.opaque.push((path, format!("it is {found}")));
            }
            Ok(Contents::Encoding(found)) => self.unread.opaque.push((path, format!("it {found}"))),
            Ok(_) if is_companion(name) => self.unread.companions.push(path),
            Ok(_) => self.unread.others.push(path),
            Err(error) => self.unread.opaque.push((path, error.to_string())),
        }
    }
}

fn is_companion(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    COMPANIONS.contains(&name.as_str()) || COMPANION_ENDINGS.iter().any(|ending| name.ends_with(ending))
}
