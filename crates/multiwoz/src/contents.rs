//! What a file is by its first bytes, whatever it is called: archives, tensors and pictures by their marks, dialogues by the first
//! keys of their JSON (`outline.rs`). What a file may be where it lies is decided by whoever reads it.

use crate::outline::Outline;

/// First bytes that are looked at. Marks need 262, the others are for JSON whose first key comes late.
pub(crate) const HEAD: usize = 16 << 10;

/// What a file's first bytes say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contents {
    /// JSON that holds dialogues.
    Dialogues(Form),
    /// No text in UTF-8, or one that begins with a mark: how it begins.
    Encoding(&'static str),
    /// A file of another kind.
    Foreign {
        /// What kind.
        kind: ForeignKind,
        /// Such as `a tar archive`.
        found: &'static str,
    },
    /// None of these: text, perhaps, or bytes that nobody knows.
    Other,
}

/// How JSON holds dialogues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Own dialogues, one a line: with `turns`, `messages` or `conversations`.
    OwnLines,
    /// One list of own dialogues.
    OwnList,
    /// A list as in MultiWOZ 2.2 and other schema-guided sets.
    SchemaGuided,
    /// An object as in MultiWOZ 2.0 and 2.1.
    DataJson,
}

impl Form {
    /// What it is, for a sentence that begins with a file's name: `holds …`.
    pub fn describe(self) -> &'static str {
        match self {
            Form::OwnLines => "dialogues as JSON objects one after another",
            Form::OwnList => "dialogues as one JSON list",
            Form::SchemaGuided => "dialogues of the layout of MultiWOZ 2.2",
            Form::DataJson => "dialogues of the layout of MultiWOZ 2.0 and 2.1",
        }
    }

    /// How a file of it must end.
    pub fn ending(self) -> &'static str {
        match self {
            Form::OwnLines => ".jsonl",
            Form::OwnList | Form::SchemaGuided | Form::DataJson => ".json",
        }
    }
}

/// Kinds of files that are neither dialogues nor text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForeignKind {
    /// A zip archive, which is read where its name says so.
    Zip,
    /// A file that is packed with gzip, which is read where its name says so.
    Gzip,
    /// An archive of another kind.
    Archive,
    /// Tables: Parquet, Arrow, SQLite.
    Table,
    /// Weights of a model and other numbers.
    Tensors,
    /// Pictures, recordings, documents.
    Media,
    /// A program.
    Program,
}

impl ForeignKind {
    /// What to do with a file of it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Zip => "let its name end in .zip, or unpack it, and name the folder or the file",
            Self::Gzip => "unpack it, or let its name end in .gz: .jsonl.gz, .json.gz, .txt.gz",
            Self::Archive => "unpack it, and name the folder or the file",
            Self::Table => "save it as .jsonl, a dialogue a line",
            Self::Tensors => "dialogues and texts are learned, no tensors: name a file of these",
            Self::Media => {
                "dialogues and texts are learned, no pictures and documents: name a file of these, or save it as text"
            }
            Self::Program => "dialogues and texts are learned: name a file of these",
        }
    }

    /// Whether there may be dialogues in a file of it, which nobody sees without unpacking or converting it.
    pub fn may_hold_dialogues(self) -> bool {
        match self {
            Self::Zip | Self::Gzip | Self::Archive | Self::Table => true,
            Self::Tensors | Self::Media | Self::Program => false,
        }
    }
}

/// Where a mark stands, the mark, what has it, of which kind that is. The first that is there counts.
const MARKS: &[(usize, &[u8], &str, ForeignKind)] = &[
    (0, b"\x1f\x8b", "a gzip file", ForeignKind::Gzip),
    (0, b"\xfd7zXZ\0", "an xz archive", ForeignKind::Archive),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", ForeignKind::Archive),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", ForeignKind::Archive),
    (0, b"Rar!\x1a\x07", "a rar archive", ForeignKind::Archive),
    (0, b"\x04\x22\x4d\x18", "an lz4 archive", ForeignKind::Archive),
    (257, b"ustar", "a tar archive", ForeignKind::Archive),
    (0, b"\x93NUMPY", "a numpy file", ForeignKind::Tensors),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", ForeignKind::Tensors),
    (0, b"\x89PNG\r\n\x1a\n", "a picture (PNG)", ForeignKind::Media),
    (0, b"\xff\xd8\xff", "a picture (JPEG)", ForeignKind::Media),
    (0, b"GIF87a", "a picture (GIF)", ForeignKind::Media),
    (0, b"GIF89a", "a picture (GIF)", ForeignKind::Media),
    (0, b"II*\0", "a picture (TIFF)", ForeignKind::Media),
    (0, b"MM\0*", "a picture (TIFF)", ForeignKind::Media),
    (8, b"WEBPVP8", "a picture (WebP)", ForeignKind::Media),
    (8, b"WAVEfmt ", "a recording (WAV)", ForeignKind::Media),
    (0, b"OggS\0", "a recording (Ogg)", ForeignKind::Media),
    (0, b"%PDF-", "a PDF document", ForeignKind::Media),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Office", ForeignKind::Media),
    (0, b"SQLite format 3\0", "a database (SQLite)", ForeignKind::Table),
    (0, b"PAR1\x15", "a table (Parquet)", ForeignKind::Table),
    (0, b"ARROW1\0\0", "a table (Arrow)", ForeignKind::Table),
    (0, b"\x7fELF", "a program", ForeignKind::Program),
];

impl Contents {
    /// Of a file that begins so; [`HEAD`] bytes are enough.
    pub(crate) fn of(head: &[u8]) -> Self {
        if let Some((found, kind)) = foreign(head) {
            return Self::Foreign { kind, found };
        }
        let found = match head {
            [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte-order mark"),
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("is UTF-32, not UTF-8"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16, not UTF-8"),
            [0, _, ..] | [_, 0, ..] => Some("holds zero bytes and may be UTF-16, not UTF-8"),
            _ => None,
        };
        match found {
            Some(found) => Self::Encoding(found),
            None => Outline::of(head).form().map_or(Self::Other, Self::Dialogues),
        }
    }
}

fn foreign(head: &[u8]) -> Option<(&'static str, ForeignKind)> {
    let begins = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    if let Some((.., found, kind)) = MARKS.iter().find(|(at, mark, ..)| begins(*at, mark)) {
        return Some((found, *kind));
    }
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(zip(head)),
        // A digit for how large its blocks are, then a mark of 48 bits: of the first block, or of the end.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, ..] => {
            Some(("a bzip2 archive", ForeignKind::Archive))
        }
        // The length of a header of JSON in eight bytes, then the header.
        [_, _, _, _, 0, 0, 0, 0, b'{', b'"', ..] => Some(("a safetensors file", ForeignKind::Tensors)),
        [b'G', b'G', b'U', b'F', _, 0, 0, 0, ..] => Some(("a GGUF file", ForeignKind::Tensors)),
        // A protocol's number; text in UTF-8 never begins with this byte.
        [0x80, 2..=5, ..] => Some(("a pickle", ForeignKind::Tensors)),
        // Four bytes that are reserved, and 0.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some(("a picture (BMP)", ForeignKind::Media)),
        _ => None,
    }
}

/// Other programs keep their files in zip archives too: the first file's name tells which.
fn zip(head: &[u8]) -> (&'static str, ForeignKind) {
    const LOCAL_HEADER: usize = 30;
    /// Names that are longer tell nothing.
    const LOOKED_AT: usize = 120;
    let name = head.get(LOCAL_HEADER..).unwrap_or_default();
    let name = &name[..name.len().min(LOOKED_AT)];
    let holds = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    if holds(b"data.pkl") {
        ("a file of PyTorch", ForeignKind::Tensors)
    } else if holds(b".npyPK") || holds(b".npy\x01") || holds(b".npy\x93") {
        ("a numpy file", ForeignKind::Tensors)
    } else if holds(b"[Content_Types].xml") || holds(b"mimetypeapplication/vnd.oasis") {
        ("a document of Office", ForeignKind::Media)
    } else {
        ("a zip archive", ForeignKind::Zip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &[u8]) -> &'static str {
        match Contents::of(head) {
            Contents::Foreign { found, .. } | Contents::Encoding(found) => found,
            Contents::Dialogues(form) => form.describe(),
            Contents::Other => "",
        }
    }

    #[test]
    fn marks_are_known_and_words_that_begin_alike_are_not() {
        let tar = [vec![b'a'; 257], b"ustar\0".to_vec()].concat();
        let torch = [b"PK\x03\x04".as_slice(), &[0; 26], b"model/data.pkl"].concat();
        let cases: [(&[u8], &str); 24] = [
            (b"PK\x03\x04\x14\0", "a zip archive"),
            (b"PK\x05\x06", "a zip archive"),
            (&torch, "a file of PyTorch"),
            (b"\x1f\x8b\x08", "a gzip file"),
            (b"BZh91AY&SY", "a bzip2 archive"),
            (&tar, "a tar archive"),
            (b"\x28\xb5\x2f\xfd", "a zstd archive"),
            (b"\x40\0\0\0\0\0\0\0{\"a\":", "a safetensors file"),
            (b"\x93NUMPY\x01", "a numpy file"),
            (b"GGUF\x03\0\0\0", "a GGUF file"),
            (b"\x80\x04\x95", "a pickle"),
            (b"\x89PNG\r\n\x1a\n\0", "a picture (PNG)"),
            (b"%PDF-1.7", "a PDF document"),
            (b"\xff\xfeh\0", "is UTF-16, not UTF-8"),
            (b"\xff\xfe\0\0h", "is UTF-32, not UTF-8"),
            (b"\xef\xbb\xbfhi", "begins with a byte-order mark"),
            (b"h\0i\0", "holds zero bytes and may be UTF-16, not UTF-8"),
            // Text that has something of a mark.
            (b"PK is short for", ""),
            (b"BM was a firm", ""),
            (b"BZh9 is a name", ""),
            (b"GGUF is a format", ""),
            (b"Rar! he cried", ""),
            (b"MM* ", ""),
            (b"", ""),
        ];
        for (head, expected) in cases {
            assert_eq!(found(head), expected, "{:?}", String::from_utf8_lossy(head));
        }
        // However short a file is.
        for (head, _) in cases {
            (0..head.len()).for_each(|end| assert!(found(&head[..end]).len() < 60));
        }
    }
}
