//! Gzip files, unpacked while they are read and to no more than is allowed. Which files are such is said by their names, in `tree.rs`.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// What the name of a packed file ends in.
const ENDING: &str = ".gz";
/// Bytes that are unpacked at a time.
const BUFFER: usize = 64 << 10;

/// The name without `.gz`, if it ends so, in any case.
pub(crate) fn unpacked_name(name: &str) -> Option<&str> {
    let (stem, ending) = name.split_at_checked(name.len().checked_sub(ENDING.len())?)?;
    (ending.eq_ignore_ascii_case(ENDING) && !stem.is_empty()).then_some(stem)
}

/// Whether a file that begins so is packed.
pub(crate) fn is_packed(begin: &[u8]) -> bool {
    begin.starts_with(&[0x1f, 0x8b])
}

/// The bytes of a packed file.
pub(crate) fn unpack(packed: Box<dyn BufRead + Send>, most: u64) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, Unpacked { decoder: MultiGzDecoder::new(packed), left: most, most }))
}

struct Unpacked {
    decoder: MultiGzDecoder<Box<dyn BufRead + Send>>,
    left: u64,
    most: u64,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wrong = |what: String| io::Error::new(ErrorKind::InvalidData, what);
        let read = self.decoder.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            ErrorKind::UnexpectedEof => wrong("its gzip data is cut off: copy or download it again".to_owned()),
            _ => wrong(format!("its gzip data is damaged ({error}): copy or download it again")),
        })?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            wrong(format!(
                "it unpacks to more than the {} bytes that are read of a packed file: if you trust it, unpack it, and name \
                 what comes out",
                self.most
            ))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packed_names_lose_their_ending() {
        let names = ["a.jsonl.gz", "a.GZ", ".gz", "gz", "a.gz.txt", "ä.gz", "€", ""];
        let stems = [Some("a.jsonl"), Some("a"), None, None, None, Some("ä"), None, None];
        assert_eq!(names.map(unpacked_name), stems);
    }
}
