//! Commands and paths that a user is told to type: as a shell takes them. How paths are shown elsewhere is `Path::display`'s.

use crate::spool::STANDARD_INPUT;
use std::env;
use std::path::Path;

/// What no shell takes for anything but itself. PowerShell makes a list of what has a comma, and cmd a variable's value of `%A%`.
#[cfg(not(windows))]
const PLAIN: &str = "/._-+:@%,";
#[cfg(windows)]
const PLAIN: &str = "/._-+:\\";
/// What `--data` calls the embedded corpus.
pub const SAMPLE: &str = "sample";
/// What means something else than a path: one of that name needs its folder.
const OTHER_MEANINGS: [&str; 2] = [SAMPLE, STANDARD_INPUT];
/// Says how the program was called, where something stands between it and the user: `cargo xtask` sets it.
const CALLED_AS: &str = "REFORMER_CALLED_AS";

/// How the user calls the program from where they are: through what has called us, by its name where that is enough, else with
/// its path.
pub fn program() -> String {
    if let Ok(called) = env::var(CALLED_AS) {
        return called;
    }
    let name = env::args_os().next().unwrap_or_else(|| "reformer".into());
    let path = Path::new(&name);
    let is_found_by_name = path.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let said = typed(path);
    // PowerShell takes what is quoted for a text and not for a program.
    if cfg!(windows) && !is_found_by_name && said.starts_with(['"', '\'']) { format!("& {said}") } else { said }
}

/// A path as one types it, quoted where a shell would take it for something else.
pub fn typed(path: &Path) -> String {
    let has_other_meaning = OTHER_MEANINGS.iter().any(|word| path.as_os_str() == *word);
    // A leading dash would be an option.
    let is_option = path.as_os_str().as_encoded_bytes().first() == Some(&b'-');
    let before = if is_option || has_other_meaning { "./" } else { "" };
    match path.to_str() {
        Some(text) if text.chars().all(is_plain) && !text.is_empty() => format!("{before}{text}"),
        text => quoted(path, text, before),
    }
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || PLAIN.contains(letter)
}

#[cfg(unix)]
fn quoted(path: &Path, text: Option<&str>, before: &str) -> String {
    use std::os::unix::ffi::OsStrExt;
    match text {
        Some(text) if !text.contains(char::is_control) => format!("'{before}{}'", text.replace('\'', r"'\''")),
        // Any byte, in every shell: what `$'…'` is for, dash does not know.
        _ => {
            let byte = |&byte: &u8| match byte {
                b'%' => "%%".to_owned(),
                // A shell that one types to takes `!` for an earlier command, between double quotes too.
                b'\'' | b'\\' | b'!' => format!("\\{byte:03o}"),
                b' '..=b'~' => char::from(byte).to_string(),
                // Three octal digits: a hexadecimal number would go on into what follows.
                _ => format!("\\{byte:03o}"),
            };
            let bytes: String = path.as_os_str().as_bytes().iter().map(byte).collect();
            format!("\"$(printf '{before}{bytes}')\"")
        }
    }
}

/// No path of Windows holds a double quote, so that cmd and PowerShell both take one between two. PowerShell, which is what a
/// terminal opens there, would put a variable in the place of `$a`: then only its own single quotes help.
#[cfg(not(unix))]
fn quoted(path: &Path, _text: Option<&str>, before: &str) -> String {
    let shown = path.display().to_string();
    if shown.contains(['$', '`']) {
        return format!("'{before}{}'", shown.replace('\'', "''"));
    }
    // A backslash before the last quote would be taken for a quote that belongs to the name.
    let end = if shown.ends_with('\\') { "\\" } else { "" };
    format!("\"{before}{shown}{end}\"")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    #[test]
    fn a_shell_reads_the_same_path() {
        let rows: [(&[u8], &str); 12] = [
            (b"runs/run-0001", "runs/run-0001"),
            ("für".as_bytes(), "für"),
            (b"a b", "'a b'"),
            (b"it's $HOME", r"'it'\''s $HOME'"),
            (b"-x", "./-x"),
            (b"-x y", "'./-x y'"),
            (b"sample", "./sample"),
            (b"-", "./-"),
            (b"~", "'~'"),
            (b"", "''"),
            (b"caf\xe9'\\!%", r#""$(printf 'caf\351\047\134\041%%')""#),
            (b"a\nb", r#""$(printf 'a\012b')""#),
        ];
        for (bytes, expected) in rows {
            let said = typed(Path::new(OsStr::from_bytes(bytes)));
            assert_eq!(said, expected);
            for shell in ["sh", "bash", "dash"] {
                let script = format!("printf %s {said}");
                let Ok(output) = Command::new(shell).args(["-c", &script]).output() else { continue };
                let read = output.stdout.strip_prefix(b"./").unwrap_or(&output.stdout);
                assert_eq!(read, bytes, "{shell} takes {said} for {:?}", output.stdout);
            }
        }
    }
}
