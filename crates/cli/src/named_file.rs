//! Files that the user names for us to write: new, or known to be ours, or asked for with `--force`. And the mark by which a
//! picture of ours is known again. What is in the files is made elsewhere.

use crate::typed::typed;
use anyhow::{Context, bail};
use reformer_session::{SessionError, write_atomically, write_new};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Bytes of a file that are looked at to see whether it is ours: more than any that we write has.
const LARGEST_KNOWN: u64 = 64 << 20;

/// How a file was named, and what may be replaced.
pub struct Named<'a> {
    /// The option or command that named it: `--picture`.
    pub option: &'a str,
    /// Its name.
    pub path: &'a Path,
    /// Whether whatever is there may be replaced.
    pub force: bool,
    /// What asks for that: `--force`.
    pub how_to_force: &'a str,
}

impl Named<'_> {
    /// Writes it. A file that is there is only replaced if it `is_ours` or that was asked for, and never if it is no ordinary file or
    /// may not be written to.
    ///
    /// # Errors
    /// What is there and what to do, or why the system refuses.
    pub fn write(&self, bytes: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> anyhow::Result<()> {
        let Self { option, path, force, how_to_force } = self;
        let name = typed(path);
        let failed = || format!("{option} {name}");
        match write_new(path, bytes) {
            Err(SessionError::Exists { .. }) => {}
            written => return written.with_context(failed),
        }
        let metadata = fs::symlink_metadata(path).with_context(failed)?;
        if metadata.is_symlink() {
            let target = fs::read_link(path).with_context(failed)?;
            bail!("{option} {name}: it is a link to {}: name that file itself, or another", typed(&target));
        }
        if metadata.is_dir() {
            bail!("{option} {name}: it is a folder: name a file in it");
        }
        if !metadata.is_file() {
            bail!("{option} {name}: it is a pipe, a socket or a device: name a file");
        }
        let ours = metadata.len() <= LARGEST_KNOWN && fs::read(path).is_ok_and(|there| is_ours(&there));
        if !ours && !force {
            bail!(
                "{option} {name}: it is there already, and it isn't known to be ours: name another file, or replace it with \
                 {how_to_force}"
            );
        }
        if metadata.permissions().readonly() {
            bail!("{option} {name}: it may not be written to: name another file, or make it writable first");
        }
        write_atomically(path, bytes).with_context(failed)
    }
}

/// A picture with the mark of what has drawn it, by which [`is_drawn`] knows it again.
pub fn drawn(svg: &str, by: &str) -> String {
    match svg.find('>') {
        // After the first tag: a file begins as pictures do.
        Some(end) => format!("{}{}{}", &svg[..=end], mark(svg, by), &svg[end + 1..]),
        None => svg.to_owned(),
    }
}

/// Whether a file is a picture as this has drawn it, and nobody has changed it since.
pub fn is_drawn(file: &[u8], by: &str) -> bool {
    let Ok(text) = std::str::from_utf8(file) else { return false };
    let Some(end) = text.find('>') else { return false };
    let Some(length) = text[end + 1..].find("-->").map(|at| at + "-->".len()) else { return false };
    let (before, rest) = text.split_at(end + 1);
    let (found, after) = rest.split_at(length);
    found == mark(&format!("{before}{after}"), by)
}

fn mark(svg: &str, by: &str) -> String {
    format!("<!-- drawn by reformer {by} {:016x} -->", checksum(svg.as_bytes()))
}

/// A number that tells whether anybody has changed a picture: what somebody has drawn into one of ours is not to be replaced.
fn checksum(bytes: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    // Eight of its bytes are enough: nobody gains by forging it.
    hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, force: bool) -> Result<(), String> {
        let named = Named { option: "--picture", path, force, how_to_force: "--force" };
        let done = named.write(drawn(text, "plan").as_bytes(), |there| is_drawn(there, "plan"));
        done.map_err(|error| error.to_string())
    }

    #[test]
    fn a_picture_of_ours_is_drawn_again_and_any_other_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.svg");
        assert_eq!(write(&path, "<svg a=\"1\">\n</svg>\n", false), Ok(()));
        assert_eq!(write(&path, "<svg a=\"2\">\n</svg>\n", false), Ok(()));
        let ours = fs::read_to_string(&path).expect("written");
        assert!(ours.starts_with("<svg a=\"2\"><!-- drawn by reformer plan ") && ours.ends_with("</svg>\n"), "{ours}");
        let others = [
            ours.replace("\"2\"", "\"3\""),
            ours.replace("</svg>", "<circle/></svg>"),
            drawn("<svg>\n</svg>\n", "data stats"),
            "<svg>\n</svg>\n".to_owned(),
            String::new(),
        ];
        for other in others {
            fs::write(&path, &other).expect("writable");
            let error = write(&path, "<svg/>", false).expect_err("not ours");
            assert!(error.contains("a.svg: it is there already") && error.contains("--force"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("there"), other);
        }
        assert_eq!(write(&path, "<svg/>", true), Ok(()));
    }

    #[test]
    fn what_is_no_file_is_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = write(folder.path(), "<svg/>", true).expect_err("a folder");
        assert!(error.contains("it is a folder: name a file in it"), "{error}");
        let path = folder.path().join("read-only.svg");
        fs::write(&path, "mine").expect("writable");
        let mut permissions = fs::metadata(&path).expect("there").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).expect("ours");
        let error = write(&path, "<svg/>", true).expect_err("read-only");
        assert!(error.contains("may not be written to"), "{error}");
        #[cfg(unix)]
        {
            let (link, target) = (folder.path().join("link.svg"), folder.path().join("target"));
            std::os::unix::fs::symlink(&target, &link).expect("writable");
            let error = write(&link, "<svg/>", true).expect_err("a link");
            assert!(error.contains("it is a link to ") && error.contains("target"), "{error}");
            assert!(!target.exists());
            let error = write(Path::new("/dev/null"), "<svg/>", true).expect_err("a device");
            assert!(error.contains("it is a pipe, a socket or a device"), "{error}");
        }
    }
}
