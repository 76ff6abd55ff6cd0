//! Files wherever they are: in a folder, in an archive, or alone. What they hold is not known here.

use crate::archive::Archive;
use crate::contents::{Contents, HEAD};
use crate::{DataError, Limits, gzip};
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
    /// Whether its name says that it is packed with gzip.
    is_packed: bool,
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

    /// The folder around it.
    pub(crate) fn parent(&self) -> Option<Self> {
        match self {
            Tree::Folder(path) => path.parent().map(|parent| Tree::Folder(parent.to_owned())),
            Tree::Archive(archive, prefix) => {
                let outer = prefix.strip_suffix('/')?.rsplit_once('/').map_or("", |(outer, _)| outer);
                let outer = if outer.is_empty() { String::new() } else { format!("{outer}/") };
                Some(Tree::Archive(Arc::clone(archive), outer))
            }
        }
    }

    /// What is directly in it, by name in the order of names. What is hidden, or is junk, is not there. A file that is packed with
    /// gzip has the name that it has unpacked.
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
                            let file = DataFile {
                                path: archive.path().join(&member),
                                is_packed: gzip::unpacked_name(name).is_some(),
                                member: Some((Arc::clone(archive), member)),
                            };
                            nodes.push((name.to_owned(), Node::File(file)));
                        }
                    }
                }
            }
        }
        nodes.retain(|(name, _)| !name.starts_with('.') && name != JUNK && !name.is_empty());
        for (name, node) in &mut nodes {
            if let (Node::File(_), Some(stem)) = (node, gzip::unpacked_name(name)) {
                *name = stem.to_owned();
            }
        }
        Ok(nodes)
    }
}

impl DataFile {
    /// A file on disk.
    pub(crate) fn new(path: PathBuf) -> Self {
        let is_packed = path.file_name().is_some_and(|name| gzip::unpacked_name(&name.to_string_lossy()).is_some());
        Self { path, member: None, is_packed }
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that it is in.
    pub(crate) fn folder(&self) -> Option<Tree> {
        match &self.member {
            None => self.path.parent().map(|parent| Tree::Folder(parent.to_owned())),
            Some((archive, name)) => {
                let prefix = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                Some(Tree::Archive(Arc::clone(archive), prefix))
            }
        }
    }

    /// Its text, unpacked, after a look at the first bytes.
    ///
    /// # Errors
    /// If it can't be opened, is no file, or begins as no UTF-8 does, or as a file of another kind.
    pub(crate) fn read(&self, limits: &Limits) -> Result<Box<dyn BufRead + Send>, DataError> {
        Ok(self.read_with_contents(limits)?.0)
    }

    /// As [`DataFile::read`], with what the first bytes say.
    ///
    /// # Errors
    /// As [`DataFile::read`].
    pub(crate) fn read_with_contents(&self, limits: &Limits) -> Result<(Box<dyn BufRead + Send>, Contents), DataError> {
        let (head, reader) = self.begin(limits)?;
        match Contents::of(&head) {
            Contents::Encoding(found) => Err(DataError::Encoding { file: self.path.clone(), found }),
            Contents::Foreign { kind, found } => Err(DataError::Contents {
                file: self.path.clone(),
                found: format!("is {found}"),
                advice: kind.advice(),
            }),
            contents => Ok((Box::new(Cursor::new(head).chain(reader)), contents)),
        }
    }

    /// What its first bytes, unpacked, say that it is.
    ///
    /// # Errors
    /// If it can't be opened, or is no file.
    pub(crate) fn contents(&self, limits: &Limits) -> Result<Contents, DataError> {
        Ok(Contents::of(&self.begin(limits)?.0))
    }

    /// All its bytes, packed or not.
    ///
    /// # Errors
    /// If it can't be opened, or is no file.
    pub(crate) fn open(&self) -> Result<Box<dyn BufRead + Send>, DataError> {
        let fail = DataError::file("read", &self.path);
        if let Some((archive, name)) = &self.member {
            return archive.read(name);
        }
        let kind = fs::metadata(&self.path).map_err(&fail)?;
        if !kind.is_file() {
            // To open a pipe would be to wait for whoever writes into it.
            let found = if kind.is_dir() { "a folder" } else { "no ordinary file" };
            return Err(DataError::NotAFile { path: self.path.clone(), found });
        }
        Ok(Box::new(BufReader::with_capacity(BUFFER, File::open(&self.path).map_err(&fail)?)))
    }

    /// The first bytes, unpacked, and what comes after them.
    fn begin(&self, limits: &Limits) -> Result<(Vec<u8>, Box<dyn BufRead + Send>), DataError> {
        let mut reader = self.open()?;
        if self.is_packed {
            let begin = reader.fill_buf().map_err(DataError::file("read", &self.path))?;
            if !gzip::is_packed(begin) {
                let found = "is called .gz and is no gzip file".to_owned();
                return Err(DataError::Contents {
                    file: self.path.clone(),
                    found,
                    advice: "take .gz off its name, or copy or download it again",
                });
            }
            reader = gzip::unpack(reader, limits.unpacked_bytes);
        }
        let mut head = Vec::new();
        reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(DataError::file("read", &self.path))?;
        Ok((head, reader))
    }

    /// Its first byte that is no white space.
    ///
    /// # Errors
    /// If it can't be read.
    pub(crate) fn first_byte(&self, limits: &Limits) -> Result<Option<u8>, DataError> {
        let mut reader = self.read(limits)?;
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
