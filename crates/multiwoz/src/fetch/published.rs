//! Which files MultiWOZ 2.2 and its database are upstream, where each belongs, and the id that git gave it: a table that is
//! carried along, so that what comes from any address can be told from what was published. Downloads nothing.

use sha1::{Digest, Sha1};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The repository's files, the commit in the first line: blob id, tab, path.
const TABLE: &str = include_str!("published.tsv");
/// Where the files lie at that commit; a path is appended.
pub(crate) const UPSTREAM: &str =
    "https://raw.githubusercontent.com/budzianowski/multiwoz/fe0c8e65cfcd8462bd33c86e35f21addc84ca82b";
/// Dialogues, schema and dialogue acts of version 2.2 upstream; here they are in the folder itself.
const DIALOGUES: &str = "data/MultiWOZ_2.2/";
/// The database upstream, and below the folder here.
const DATABASE: &str = "db/";
/// What is read or received at once.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// A file that was published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PublishedFile {
    /// Its path in the repository.
    pub upstream: String,
    /// Its path below the folder that is fetched.
    pub place: String,
    /// What it must be.
    pub blob: BlobId,
}

/// The files of MultiWOZ 2.2 and of the database, in the table's order.
pub(crate) fn multiwoz_2_2() -> Vec<PublishedFile> {
    TABLE.lines().filter_map(published_file).collect()
}

/// None for comments and for the archives of older versions.
fn published_file(line: &str) -> Option<PublishedFile> {
    let (blob, path) = line.split_once('\t')?;
    let place = path.strip_prefix(DIALOGUES).or_else(|| path.starts_with(DATABASE).then_some(path))?;
    Some(PublishedFile { upstream: path.to_owned(), place: place.to_owned(), blob: BlobId::from_hex(blob)? })
}

/// The id that git gives a file's content: SHA-1 of `blob`, the length and the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobId([u8; 20]);

impl BlobId {
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut id = [0; 20];
        if text.len() != 2 * id.len() || !text.is_ascii() {
            return None;
        }
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(id))
    }

    /// Of a file, with its length. Memory for a buffer is enough.
    pub(crate) fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut hash = Sha1::new();
        hash.update(format!("blob {length}\0"));
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok((Self(hash.finalize().into()), length)),
                count => hash.update(&buffer[..count]),
            }
        }
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    pub(crate) fn blob_of(bytes: &[u8]) -> BlobId {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        BlobId::of_file(file.path()).unwrap().0
    }

    #[test]
    fn the_table_names_every_file_of_2_2_and_the_database() {
        let files = multiwoz_2_2();
        let of = |start: &str| files.iter().filter(|file| file.place.starts_with(start)).count();
        assert_eq!((of("train/"), of("dev/"), of("test/"), of("db/")), (17, 2, 2, 8));
        assert!(files.iter().any(|file| file.place == "schema.json"));
        assert!(
            files
                .iter()
                .any(|file| file.place == "dialog_acts.json" && file.upstream.starts_with("data/MultiWOZ_2.2/"))
        );
        assert_eq!(files.len(), 31);
    }

    #[test]
    fn ids_are_git_s() {
        // What `git hash-object` says of these.
        assert_eq!(blob_of(b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(blob_of(b"hello\n").to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(BlobId::from_hex("ce013625030ba8dba906f756967f9e9ca394464a"), Some(blob_of(b"hello\n")));
        for wrong in ["", "ce", "zz013625030ba8dba906f756967f9e9ca394464a", "é013625030ba8dba906f756967f9e9ca394464"] {
            assert_eq!(BlobId::from_hex(wrong), None);
        }
    }

    /// The database's files, where they are beside the repository, come from upstream unchanged: each has the id of the table,
    /// and the table is the one that lies there.
    #[test]
    fn the_database_beside_the_repository_has_the_published_ids() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        if !shared.join("multiwoz-db").is_dir() {
            // Not through the test's captured output: a skipped test should be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: no database at {} to check ids on", shared.display());
            return;
        }
        let mut checked = 0;
        for file in multiwoz_2_2().iter().filter(|file| file.place.starts_with("db/")) {
            let path = shared.join("multiwoz-db").join(file.place.trim_start_matches("db/"));
            assert_eq!(BlobId::of_file(&path).unwrap().0, file.blob, "{}", path.display());
            checked += 1;
        }
        assert_eq!(checked, 8);
        let table = fs::read_to_string(shared.join("multiwoz-upstream-blobs.tsv")).unwrap();
        assert_eq!(table, TABLE);
    }
}
