//! What to say of a file, a folder or an archive that holds no data set, or one under another name. Which files are dialogues is
//! decided in `layout.rs`.

use crate::contents::{Contents, ForeignKind, Form};
use crate::naming::{ZIP, ends_in};
use crate::tree::{DataFile, Node, Tree};
use crate::{DataError, Limits, schema_guided};
use std::path::Path;

/// What a file called `.zip` is, if it isn't a zip archive at all.
pub(crate) fn misnamed_archive(path: &Path, limits: &Limits) -> Option<DataError> {
    match DataFile::new(path.to_owned()).contents(limits).ok()? {
        Contents::Dialogues(form) => Some(misnamed(path, form)),
        Contents::Foreign { kind: ForeignKind::Zip, .. } => None,
        Contents::Foreign { kind, found } => Some(DataError::Contents {
            file: path.to_owned(),
            found: format!("is {found}, not a zip archive"),
            advice: kind.advice(),
        }),
        Contents::Encoding(_) | Contents::Other => None,
    }
}

/// A file of dialogues whose name says something else.
pub(crate) fn misnamed(path: &Path, form: Form) -> DataError {
    let found = format!("holds {}", form.describe());
    let advice = match form {
        Form::OwnLines => {
            "let its name end in .jsonl if each is a line, or put them into one list, [{…}, {…}], in a .json file"
        }
        Form::OwnList | Form::SchemaGuided | Form::DataJson => "let its name end in .json",
    };
    DataError::Contents { file: path.to_owned(), found, advice }
}

/// What there is instead of a data set.
pub(crate) fn describe(tree: &Tree) -> Result<String, DataError> {
    let (kind, empty) = match tree {
        Tree::Archive(..) => ("an archive", "is an empty archive"),
        Tree::Folder(_) => ("a folder", "is an empty folder"),
    };
    let nodes = tree.nodes()?;
    if nodes.is_empty() {
        return Ok(empty.to_owned());
    }
    if nodes.iter().any(|(name, _)| schema_guided::number_of(name).is_some()) {
        return Ok("holds the dialogues of a single split: name the folder above it".to_owned());
    }
    if let Some((name, _)) = nodes.iter().find(|(name, _)| ends_in(name, &ZIP)) {
        let name = crate::error::shorten(name);
        return Ok(format!("is {kind} without dialogues that holds the archive {name}: name that, unpacked or not"));
    }
    let texts = nodes.iter().filter(|(name, node)| ends_in(name, &["txt"]) && matches!(node, Node::File(_)));
    if let Some((name, _)) = texts.take(1).next() {
        let name = crate::error::shorten(name);
        return Ok(format!(
            "is {kind} without dialogues that holds the text {name}: name the file itself to learn it as text"
        ));
    }
    Ok(format!("is {kind} without dialogues"))
}
