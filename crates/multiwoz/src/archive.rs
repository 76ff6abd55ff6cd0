//! Zip archives, read where they lie: nothing is unpacked to disk. What an archive says of itself is not believed before it
//! is checked: names, sizes, checksums. Which of its files are dialogues is decided in `layout.rs`.

use crate::error::shorten;
use crate::{DataError, Limits};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zip::read::Config;
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

/// The longest name of a file; those of data sets have some dozens of bytes.
const LONGEST_NAME: usize = 1024;

/// Bytes that are unpacked at a time.
const BUFFER: usize = 64 << 10;

/// An archive whose list of files was read and checked.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    /// By name, with `/` between folders.
    members: BTreeMap<String, Member>,
}

/// Where a file of an archive is, and what the archive says of it.
#[derive(Clone, Copy, Debug)]
struct Member {
    start: u64,
    packed: u64,
    unpacked: u64,
    checksum: u32,
    deflated: bool,
}

impl Archive {
    /// Reads the list of files.
    ///
    /// # Errors
    /// If this is no archive, or one that is cut off, encrypted, too large, or has a file twice or outside its own folder.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, DataError> {
        let fail = |problem: String| DataError::Archive { path: path.to_owned(), problem };
        let damaged = |error: zip::result::ZipError| match error {
            zip::result::ZipError::Io(error) if error.kind() != ErrorKind::UnexpectedEof => {
                DataError::file("read", path)(error)
            }
            error => fail(format!(
                "it is no zip archive, or it is damaged or cut off ({}): copy or download it again",
                shorten(&error.to_string())
            )),
        };
        let open = || File::open(path).map(BufReader::new).map_err(DataError::file("read", path));
        let mut list = ZipIterable::try_new(open()?, Config::default()).map_err(damaged)?;
        if list.len() > limits.archive_entries {
            return Err(fail(format!(
                "it holds {} files, which is more than the {} of an archive that is read: unpack it, and name the folder",
                list.len(),
                limits.archive_entries
            )));
        }
        let mut contents = open()?;
        let mut members = BTreeMap::new();
        let mut unpacked = 0_u64;
        for entry in list.files().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            let name = checked_name(&entry.name().map_err(damaged)?).map_err(fail)?;
            if entry.is_dir() {
                continue;
            }
            unpacked = unpacked.saturating_add(entry.size());
            if unpacked > limits.unpacked_bytes {
                return Err(fail(format!(
                    "it would unpack to more than the {} bytes that are read of an archive: if you trust it, unpack it, and \
                     name the folder",
                    limits.unpacked_bytes
                )));
            }
            let deflated = match (entry.encrypted(), entry.compression()) {
                (false, CompressionMethod::Stored) => false,
                (false, CompressionMethod::Deflated) => true,
                (true, _) => return Err(fail(format!("{name} is encrypted: unpack it, and name the folder"))),
                (false, method) => {
                    let problem = "only deflate and stored files are read: unpack it, and name the folder";
                    return Err(fail(format!("{name} is packed with {method}: {problem}")));
                }
            };
            let (packed, size, checksum) = (entry.compressed_size(), entry.size(), entry.crc32());
            let file = entry.with_reader(&mut contents, ZipReadOptions::new()).map_err(damaged)?;
            let start = file.data_start().ok_or_else(|| fail(format!("{name} has no place in it")))?;
            let member = Member { start, packed, unpacked: size, checksum, deflated };
            if members.insert(name.clone(), member).is_some() {
                return Err(fail(format!("it holds {name} twice, and one of them would be lost: pack it again")));
            }
        }
        Ok(Self { path: path.to_owned(), members })
    }

    /// The archive itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// A file's bytes. Whether there are as many as the archive says, and the right ones, is found out while they are read.
    ///
    /// # Errors
    /// If the archive can't be read any more, or has no such file.
    pub(crate) fn read(&self, name: &str) -> Result<Box<dyn BufRead + Send>, DataError> {
        let Some(member) = self.members.get(name).copied() else {
            return Err(DataError::Archive { path: self.path.clone(), problem: format!("it holds no {name}") });
        };
        let fail = DataError::file("read", &self.path);
        let mut file = File::open(&self.path).map_err(&fail)?;
        file.seek(SeekFrom::Start(member.start)).map_err(&fail)?;
        let packed = BufReader::with_capacity(BUFFER, file).take(member.packed);
        let unpacked: Box<dyn Read + Send> =
            if member.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Ok(Box::new(BufReader::with_capacity(
            BUFFER,
            Checked { unpacked, left: member.unpacked, member, crc: Crc::new() },
        )))
    }
}

/// The name with `/` between folders, unless it is none that a file of the archive can have.
fn checked_name(name: &str) -> Result<String, String> {
    let name = name.replace('\\', "/");
    if name.len() > LONGEST_NAME {
        return Err(format!("it holds a file whose name has {} bytes: {}", name.len(), shorten(&name)));
    }
    let drive = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with('/') || drive || name.split('/').any(|part| part == "..") {
        return Err(format!(
            "it holds {}, which lies outside its own folder: do not unpack it, get it from where it can be trusted",
            shorten(&name)
        ));
    }
    let parts: Vec<_> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    // Messages are one line, whatever the name.
    Ok(parts.join("/").replace(char::is_control, "\u{fffd}"))
}

/// Unpacked bytes, of which there may be neither more nor fewer than the archive says.
struct Checked {
    unpacked: Box<dyn Read + Send>,
    left: u64,
    member: Member,
    crc: Crc,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let says = self.member.unpacked;
        let read = self.unpacked.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            _ => damaged(format!("its packed data is damaged ({error})")),
        })?;
        if read == 0 && !buffer.is_empty() {
            if self.left > 0 {
                return Err(damaged(format!(
                    "it unpacks to {} bytes, not to the {says} that it says",
                    says - self.left
                )));
            }
            if self.crc.sum() != self.member.checksum {
                return Err(damaged("its checksum is another".to_owned()));
            }
        }
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| damaged(format!("it unpacks to more than the {says} bytes that it says")))?;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

fn damaged(problem: String) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("the archive is damaged or lies: {problem}; copy or download it again"),
    )
}
