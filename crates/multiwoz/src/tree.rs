//! Files wherever they are: in a folder, in an archive, or alone. What they hold is not known here.

use crate::archive::Archive;
use crate::{DataError, Limits};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What macOS puts beside the files of an archive.
const JUNK: &str = "__MACOSX";
/// Bytes that are read from disk at a time.
const BUFFER: usize = 64 << 10;

/// A folder on disk or in an archive.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Folder(PathBuf),
    /// Its name within the archive is empty or ends with `/`.
    Archive(Arc<Archive>, String),
}

/// Something in a folder.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(DataFile),
    Folder(Tree),
}

/// A file on disk or in an archive.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    /// For messages, in an archive too: there the archive's path comes first.
    path: PathBuf,
    /// The archive and the name in it.
    member: Option<(Arc<Archive>, String)>,
}

impl Tree {
    /// Opens an archive.
    ///
    /// # Errors
    /// See [`Archive::open`].
    pub(crate) fn archive(path: &Path, limits: &Limits) -> Result<Self, DataError> {
        Ok(Self::Archive(Arc::new(Archive::open(path, limits)?), String::new()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Tree::Folder(path) => path.clone(),
            Tree::Archive(archive, prefix) => archive.path().join(prefix.trim_end_matches('/')),
        }
    }

    /// What is directly in it, by name in the order of names. What is hidden, or is junk, is not there.
    ///
    /// # Errors
    /// If it can't be listed.
    pub(crate) fn nodes(&self) -> Result<Vec<(String, Node)>, DataError> {
        let mut nodes = Vec::new();
        match self {
            Tree::Folder(path) => {
                for entry in fs::read_dir(path).map_err(DataError::file("list", path))? {
                    let entry = entry.map_err(DataError::file("list", path))?;
                    let path = entry.path();
                    let name = entry.file_name().to_string_lossy().into_owned();
                    let node =
                        if path.is_dir() { Node::Folder(Tree::Folder(path)) } else { Node::File(DataFile::new(path)) };
                    nodes.push((name, node));
                }
                nodes.sort_by(|one, other| one.0.cmp(&other.0));
            }
            Tree::Archive(archive, prefix) => {
                let mut folders = BTreeSet::new();
                for name in archive.names().filter_map(|name| name.strip_prefix(prefix.as_str())) {
                    match name.split_once('/') {
                        Some((folder, _)) if folders.insert(folder) => {
                            let inner = Tree::Archive(Arc::clone(archive), format!("{prefix}{folder}/"));
                            nodes.push((folder.to_owned(), Node::Folder(inner)));
                        }
                        Some(_) => {}
                        None => {
                            let member = format!("{prefix}{name}");
                            let path = archive.path().join(&member);
                            let file = DataFile { path, member: Some((Arc::clone(archive), member)) };
                            nodes.push((name.to_owned(), Node::File(file)));
                        }
                    }
                }
            }
        }
        nodes.retain(|(name, _)| !name.starts_with('.') && name != JUNK && !name.is_empty());
        Ok(nodes)
    }
}

impl DataFile {
    /// A file on disk.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, member: None }
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its text, after a look at the first bytes.
    ///
    /// # Errors
    /// If it can't be opened, is no file, or begins as no UTF-8 does.
    pub(crate) fn read(&self) -> Result<Box<dyn BufRead + Send>, DataError> {
        let fail = DataError::file("read", &self.path);
        let mut reader: Box<dyn BufRead + Send> = match &self.member {
            Some((archive, name)) => archive.read(name)?,
            None => {
                let kind = fs::metadata(&self.path).map_err(&fail)?;
                if !kind.is_file() {
                    // To open a pipe would be to wait for whoever writes into it.
                    let found = if kind.is_dir() { "a folder" } else { "no ordinary file" };
                    return Err(DataError::NotAFile { path: self.path.clone(), found });
                }
                Box::new(BufReader::with_capacity(BUFFER, File::open(&self.path).map_err(&fail)?))
            }
        };
        let mut head = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut head).map_err(&fail)?;
        let found = match head.as_slice() {
            [0xef, 0xbb, 0xbf] => Some("begins with a byte-order mark"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16, not UTF-8"),
            [0, _, ..] | [_, 0, ..] => Some("holds zero bytes and may be UTF-16, not UTF-8"),
            _ => None,
        };
        match found {
            Some(found) => Err(DataError::Encoding { file: self.path.clone(), found }),
            None => Ok(Box::new(Cursor::new(head).chain(reader))),
        }
    }

    /// Its first byte that is no white space.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn first_byte(&self) -> Result<Option<u8>, DataError> {
        let mut reader = self.read()?;
        loop {
            let chunk = reader.fill_buf().map_err(DataError::file("read", &self.path))?;
            if let Some(byte) = chunk.iter().copied().find(|byte| !byte.is_ascii_whitespace()) {
                return Ok(Some(byte));
            }
            match chunk.len() {
                0 => return Ok(None),
                blank => reader.consume(blank),
            }
        }
    }
}
