//! From files with `#include` and chosen constants to one WGSL text. Shared by the build script and the library; it reads no
//! file itself and knows no shader.
//!
//! Two directives, each a line of its own:
//! - `#include "shared/stream.wgsl"`: that file's text, once however often it is named;
//! - `const TILE: u32 = 8; // one of 4, 8, 16`: a constant that a launch may set; the build validates every value that is listed.

use thiserror::Error;

/// Why a text can't be composed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ComposeError {
    /// No such file.
    #[error("{file}:{line}: there is no `{included}` to include")]
    Missing {
        /// The file that names it.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What it names.
        included: String,
    },
    /// A directive that can't be read.
    #[error("{file}:{line}: expected `{expected}`")]
    Directive {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// The right form.
        expected: &'static str,
    },
    /// A constant that is set but not there.
    #[error("{file}: there is no constant `{name}` marked `// one of …` to set")]
    Constant {
        /// The file.
        file: String,
        /// The constant.
        name: String,
    },
}

/// A constant that a launch may set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// The value in the text, and the others that the build validates.
    pub values: Vec<u32>,
}

/// One WGSL text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Composed {
    /// The text.
    pub text: String,
    /// Where each line is from: file and line, from 1.
    pub origins: Vec<(String, usize)>,
    /// Its choices.
    pub choices: Vec<Choice>,
}

const INCLUDE: &str = "#include \"";
const CHOICE: &str = "// one of ";

/// Composes `file` with the constants set. `source` finds a file's text.
///
/// # Errors
/// See [`ComposeError`].
pub fn compose<'a>(
    file: &str,
    source: &dyn Fn(&str) -> Option<&'a str>,
    constants: &[(&str, u32)],
) -> Result<Composed, ComposeError> {
    let mut composed = Composed::default();
    let mut seen = vec![file.to_owned()];
    let text = source(file).ok_or_else(|| missing(file, 0, file))?;
    append(&mut composed, file, text, source, constants, &mut seen)?;
    for (name, _) in constants {
        if !composed.choices.iter().any(|choice| choice.name == *name) {
            return Err(ComposeError::Constant { file: file.to_owned(), name: (*name).to_owned() });
        }
    }
    Ok(composed)
}

fn missing(file: &str, line: usize, included: &str) -> ComposeError {
    ComposeError::Missing { file: file.to_owned(), line, included: included.to_owned() }
}

fn append<'a>(
    composed: &mut Composed,
    file: &str,
    text: &str,
    source: &dyn Fn(&str) -> Option<&'a str>,
    constants: &[(&str, u32)],
    seen: &mut Vec<String>,
) -> Result<(), ComposeError> {
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let directive = |expected| ComposeError::Directive { file: file.to_owned(), line: number, expected };
        if line.starts_with('#') {
            let included = line.strip_prefix(INCLUDE).and_then(|rest| rest.strip_suffix('"'));
            let included = included.ok_or_else(|| directive("#include \"shared/name.wgsl\""))?;
            if !seen.iter().any(|known| known == included) {
                seen.push(included.to_owned());
                let text = source(included).ok_or_else(|| missing(file, number, included))?;
                append(composed, included, text, source, constants, seen)?;
            }
            continue;
        }
        let mut line = line.to_owned();
        if let Some((declaration, list)) = line.split_once(CHOICE) {
            const FORM: &str = "const NAME: u32 = 8; // one of 4, 8";
            let (name, value) = declared(declaration).ok_or_else(|| directive(FORM))?;
            let mut values = vec![value];
            for value in list.split(',') {
                let value = value.trim().parse().map_err(|_| directive(FORM))?;
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            let chosen = constants.iter().find(|(known, _)| *known == name).map_or(value, |&(_, value)| value);
            let name = name.to_owned();
            line = format!("const {name}: u32 = {chosen}u;");
            composed.choices.push(Choice { name, values });
        }
        composed.text.push_str(&line);
        composed.text.push('\n');
        composed.origins.push((file.to_owned(), number));
    }
    Ok(())
}

/// `NAME` and `8` of `const NAME: u32 = 8;`.
fn declared(line: &str) -> Option<(&str, u32)> {
    let (name, value) = line.trim().strip_prefix("const ")?.split_once(": u32 = ")?;
    Some((name, value.trim_end().strip_suffix(';')?.trim_end_matches('u').parse().ok()?))
}
