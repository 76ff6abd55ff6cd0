//! Paths in commands that a user is told to type: as a shell takes them. How paths are shown elsewhere is `Path::display`'s.

use std::path::Path;

/// What no shell takes for anything but itself.
const PLAIN: &str = "/._-+:@%,";

/// A path as one types it, quoted where a shell would take it for something else.
pub fn typed(path: &Path) -> String {
    // A leading dash would be an option.
    let shown = if path.as_os_str().as_encoded_bytes().first() == Some(&b'-') { "./" } else { "" };
    match path.to_str() {
        Some(text) if text.chars().all(is_plain) && !text.is_empty() => format!("{shown}{text}"),
        text => quoted(path, text, shown),
    }
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || PLAIN.contains(letter) || cfg!(windows) && letter == '\\'
}

#[cfg(unix)]
fn quoted(path: &Path, text: Option<&str>, before: &str) -> String {
    use std::os::unix::ffi::OsStrExt;
    match text {
        Some(text) if !text.contains(char::is_control) => format!("'{before}{}'", text.replace('\'', r"'\''")),
        // The one way to type any byte: bash, zsh, and sh by the newest standard.
        _ => {
            let byte = |&byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                // Three octal digits: a hexadecimal number would go on into what follows.
                _ => format!("\\{byte:03o}"),
            };
            format!("$'{before}{}'", path.as_os_str().as_bytes().iter().map(byte).collect::<String>())
        }
    }
}

/// No path of Windows holds a double quote.
#[cfg(not(unix))]
fn quoted(path: &Path, _text: Option<&str>, before: &str) -> String {
    format!("\"{before}{}\"", path.display())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    #[test]
    fn a_shell_reads_the_same_path() {
        let rows: [(&[u8], &str); 8] = [
            (b"runs/run-0001", "runs/run-0001"),
            ("für".as_bytes(), "für"),
            (b"a b", "'a b'"),
            (b"it's $HOME", r"'it'\''s $HOME'"),
            (b"-x", "./-x"),
            (b"-x y", "'./-x y'"),
            (b"caf\xe91'\\", r"$'caf\3511\'\\'"),
            (b"a\nb", r"$'a\012b'"),
        ];
        for (bytes, expected) in rows {
            let said = typed(Path::new(OsStr::from_bytes(bytes)));
            assert_eq!(said, expected);
            let Ok(output) = Command::new("bash").args(["-c", &format!("printf %s {said}")]).output() else { continue };
            let read = output.stdout.strip_prefix(b"./").unwrap_or(&output.stdout);
            assert_eq!(read, bytes, "bash takes {said} for {:?}", output.stdout);
        }
    }
}
