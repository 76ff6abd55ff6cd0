//! Recognising a layout: which files of a path hold dialogues, and of which split. No dialogue is read here.

use crate::contents::{Contents, Form};
use crate::dialogue_file::{DialogueFile, FileLayout, Splitting};
use crate::naming::{LINES, WHOLE, ZIP, ends_in};
use crate::not_data::{describe, misnamed, misnamed_archive};
use crate::schema_guided::{self, SCHEMA};
use crate::split_lists::{self, SplitLists};
use crate::tree::{DataFile, Node, Tree};
use crate::{DataError, Limits, Reading, Split, gzip};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// See [`crate::Source::layout`].
    pub layout: &'static str,
    /// In the order of splits and, within a split, of their numbers.
    pub files: Vec<DialogueFile>,
    /// The folder or the archive that was named; none for a single file.
    pub tree: Option<Tree>,
}

const MULTIWOZ_2_2: &str = "multiwoz-2.2";
const SCHEMA_GUIDED: &str = "schema-guided";
const MULTIWOZ_2_1: &str = "multiwoz-2.1";
const JSONL: &str = "jsonl";
const JSON: &str = "json";
/// The layouts of own dialogues.
const OWN: [&str; 2] = [JSONL, JSON];
/// Files that are named where there are too many.
const NAMED: usize = 4;
/// All dialogues of MultiWOZ 2.0 or 2.1.
const DATA_JSON: &str = "data.json";

/// Recognises what is at a path.
///
/// # Errors
/// If there is nothing, or nothing that is known.
pub(crate) fn recognise(path: &Path, reading: &Reading) -> Result<Found, DataError> {
    let data = match fs::metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(DataError::NotFound { path: path.to_owned() });
        }
        Err(error) => return Err(DataError::file("read", path)(error)),
    };
    if !data.is_dir() && !data.is_file() {
        return Err(DataError::NotAFile { path: path.to_owned(), found: "no ordinary file" });
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = gzip::unpacked_name(&name).unwrap_or(&name);
    let tree = if data.is_dir() {
        Tree::Folder(path.to_owned())
    } else if ends_in(name, &ZIP) {
        match Tree::archive(path, &reading.limits) {
            // It may be something else by its name only.
            Err(error @ DataError::Archive { .. }) => {
                return Err(misnamed_archive(path, &reading.limits).unwrap_or(error));
            }
            tree => tree?,
        }
    } else if ends_in(name, &WHOLE) {
        return single_json(path, name, reading);
    } else if ends_in(name, &LINES) {
        let file = transcripts(DataFile::new(path.to_owned()), dealt(reading));
        return Ok(Found { layout: JSONL, files: vec![file], tree: None });
    } else {
        return unknown_file(path, &reading.limits);
    };
    match in_tree(&tree, reading)? {
        Some(found) => Ok(Found { tree: Some(tree), ..found }),
        None => unknown(path, &describe(&tree)?),
    }
}

/// A file whose name says nothing: what it holds says what would help.
fn unknown_file(path: &Path, limits: &Limits) -> Result<Found, DataError> {
    match DataFile::new(path.to_owned()).read_with_contents(limits)?.1 {
        Contents::Dialogues(form) => Err(misnamed(path, form)),
        _ => unknown(path, "is not a file of dialogues"),
    }
}

/// Whether a layout, by its name, is one of own dialogues: see [`crate::Source::layout`].
pub fn is_own_layout(layout: &str) -> bool {
    OWN.contains(&layout)
}

fn dealt(reading: &Reading) -> Splitting {
    Splitting::Dealt(Arc::new(reading.dealing.clone()))
}

fn unknown<T>(path: &Path, found: &str) -> Result<T, DataError> {
    Err(DataError::Layout { path: path.to_owned(), found: found.to_owned() })
}

/// Looks into a folder, and into the one folder that it holds if it holds nothing else that is known.
fn in_tree(tree: &Tree, reading: &Reading) -> Result<Option<Found>, DataError> {
    let nodes = tree.nodes()?;
    if let Some(found) = in_nodes(tree, &nodes, reading)? {
        return Ok(Some(found));
    }
    let mut folders = nodes.iter().filter_map(|(_, node)| match node {
        Node::Folder(inner) => Some(inner),
        Node::File(_) => None,
    });
    match (folders.next(), folders.next()) {
        (Some(inner), None) => in_nodes(inner, &inner.nodes()?, reading),
        _ => Ok(None),
    }
}

/// What is in a folder. Dialogues in two layouts would mean that some are left out, which is an error.
fn in_nodes(tree: &Tree, nodes: &[(String, Node)], reading: &Reading) -> Result<Option<Found>, DataError> {
    let limits = &reading.limits;
    let files: Vec<(&str, &DataFile)> = nodes.iter().filter_map(file_of).collect();
    refuse_twins(&files)?;
    // Own dialogues in a list are known by what is in it, whatever the file is called.
    let (lists, files): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|(name, file)| ends_in(name, &WHOLE) && form_of(file, limits) == Some(Form::OwnList));
    let mut found: Vec<Found> = split_folders(nodes)?.into_iter().collect();
    if let Some((_, file)) = files.iter().find(|(name, _)| name.eq_ignore_ascii_case(DATA_JSON)) {
        found.push(data_json((*file).clone(), &files, limits)?);
    }
    found.extend(files_by_name(&files, limits)?);
    found.extend(transcripts_in(tree, &files, &lists, reading)?);
    if let [first, second, ..] = found.as_slice()
        && let (Some(read), Some(other)) = (first.files.first(), second.files.first())
    {
        let read = read.file.path().display();
        return unknown(
            other.file.path(),
            &format!("lies beside {read}, and of both only one would be read: name the one, or take the other away"),
        );
    }
    Ok(found.into_iter().next())
}

/// A file of dialogues beside itself packed with gzip is an error: of both only one would be read, or both, as twice as many dialogues.
fn refuse_twins(files: &[(&str, &DataFile)]) -> Result<(), DataError> {
    let mut seen = BTreeMap::new();
    for (name, file) in files.iter().filter(|(name, _)| is_json(name)) {
        if let Some(other) = seen.insert(name, file.path()) {
            let other = other.display();
            return unknown(file.path(), &format!("is {other} once more, packed or unpacked: take one of them away"));
        }
    }
    Ok(())
}

/// How a file holds dialogues; what is wrong with one is said when it is read.
fn form_of(file: &DataFile, limits: &Limits) -> Option<Form> {
    match file.contents(limits) {
        Ok(Contents::Dialogues(form)) => Some(form),
        _ => None,
    }
}

/// `train.json`, `dev.json` and `test.json`, as far as they are there.
fn files_by_name(files: &[(&str, &DataFile)], limits: &Limits) -> Result<Option<Found>, DataError> {
    let found = named_after_splits(files.iter().filter(|(name, _)| ends_in(name, &WHOLE)))?;
    let found = found.into_iter().map(|(split, file)| json_file(file, Splitting::One(split), limits));
    let files = found.collect::<Result<Vec<_>, DataError>>()?;
    Ok(files.first().map(layout_of).map(|layout| Found { layout, files, tree: None }))
}

/// Own dialogues: `train.jsonl` and so on, or a single file; `.json` files are `lists`.
fn transcripts_in(
    tree: &Tree,
    files: &[(&str, &DataFile)],
    lists: &[(&str, &DataFile)],
    reading: &Reading,
) -> Result<Option<Found>, DataError> {
    let lines = files.iter().filter(|(name, _)| ends_in(name, &LINES)).map(|file| (file, FileLayout::Transcripts));
    let all: Vec<_> = lines.chain(lists.iter().map(|file| (file, FileLayout::TranscriptList))).collect();
    let named = named_after_splits(all.iter().map(|(file, _)| *file))?;
    let layout_of_file = |path: &Path| {
        let layout = all.iter().find(|((_, file), _)| file.path() == path);
        layout.map_or(FileLayout::Transcripts, |(_, layout)| *layout)
    };
    let files: Vec<DialogueFile> = match all.as_slice() {
        [] => return Ok(None),
        _ if named.len() == all.len() => named
            .into_iter()
            .map(|(split, file)| DialogueFile {
                layout: layout_of_file(file.path()),
                file,
                splitting: Splitting::One(split),
            })
            .collect(),
        [((_, file), layout)] => {
            vec![DialogueFile { file: (*file).clone(), layout: *layout, splitting: dealt(reading) }]
        }
        _ => {
            let names: Vec<_> = all.iter().map(|((name, _), _)| crate::error::shorten(name)).take(NAMED).collect();
            let advice = "name one of them, or call them train.jsonl, dev.jsonl and test.jsonl";
            let kind = if lists.is_empty() { "several .jsonl files" } else { "several files of own dialogues" };
            return unknown(&tree.path(), &format!("holds {kind} ({}): {advice}", names.join(", ")));
        }
    };
    let is_lines = files.iter().all(|file| file.layout == FileLayout::Transcripts);
    Ok(Some(Found { layout: if is_lines { JSONL } else { JSON }, files, tree: None }))
}

/// The files that are called like splits, in the order of these.
fn named_after_splits<'a>(
    files: impl Iterator<Item = &'a (&'a str, &'a DataFile)>,
) -> Result<BTreeMap<Split, DataFile>, DataError> {
    let mut found: BTreeMap<Split, DataFile> = BTreeMap::new();
    for (name, file) in files {
        let Some(split) = split_by_name(name) else { continue };
        if let Some(other) = found.insert(split, (*file).clone()) {
            return same_split(file.path(), other.path());
        }
    }
    Ok(found)
}

fn same_split<T>(path: &Path, other: &Path) -> Result<T, DataError> {
    unknown(path, &format!("is of the same split as {}: take one of them away", other.display()))
}

fn file_of((name, node): &(String, Node)) -> Option<(&str, &DataFile)> {
    match node {
        Node::File(file) => Some((name, file)),
        Node::Folder(_) => None,
    }
}

/// `train/`, `dev/` (or `val/`) and `test/`, as far as they hold dialogues. What lies beside them, such as the published
/// `dialog_acts.json` and `schema.json`, holds none.
fn split_folders(nodes: &[(String, Node)]) -> Result<Option<Found>, DataError> {
    let mut splits: BTreeMap<Split, (PathBuf, Vec<DataFile>)> = BTreeMap::new();
    let mut own_schemas = true;
    for (name, node) in nodes {
        let (Node::Folder(folder), Ok(split)) = (node, name.parse::<Split>()) else { continue };
        let inner = folder.nodes()?;
        let found = numbered_files(&inner)?;
        if found.is_empty() {
            continue;
        }
        own_schemas &= inner.iter().any(|(name, _)| name == SCHEMA);
        if let Some((other, _)) = splits.insert(split, (folder.path(), found)) {
            return same_split(&folder.path(), &other);
        }
    }
    // MultiWOZ has one schema for all splits, other sets have one for each.
    let is_other = own_schemas && !nodes.iter().any(|(name, _)| name == SCHEMA);
    let layout = if is_other { SCHEMA_GUIDED } else { MULTIWOZ_2_2 };
    let file = |split, file| DialogueFile { file, layout: FileLayout::SchemaGuided, splitting: Splitting::One(split) };
    let files: Vec<_> =
        splits.into_iter().flat_map(|(split, (_, files))| files.into_iter().map(move |one| file(split, one))).collect();
    Ok((!files.is_empty()).then_some(Found { layout, files, tree: None }))
}

/// The files of dialogues of a split's folder in numeric order. A file of JSON that is called otherwise, or a folder of such
/// files, is an error: what is in it would be lost.
fn numbered_files(nodes: &[(String, Node)]) -> Result<Vec<DataFile>, DataError> {
    refuse_twins(&nodes.iter().filter_map(file_of).collect::<Vec<_>>())?;
    let mut files = Vec::new();
    for (name, node) in nodes {
        let path = match (schema_guided::number_of(name), node) {
            (Some(number), Node::File(file)) => {
                files.push((number, name, file));
                continue;
            }
            (Some(_), Node::Folder(folder)) => {
                return Err(DataError::NotAFile { path: folder.path(), found: "a folder" });
            }
            (None, Node::File(file)) if is_json(name) && name != SCHEMA => file.path().to_owned(),
            (None, Node::Folder(folder)) if folder.nodes()?.iter().any(|(name, _)| is_json(name)) => folder.path(),
            (None, _) => continue,
        };
        return unknown(
            &path,
            "is not named like a file of dialogues, so it would be left out: rename it, or take it away",
        );
    }
    files.sort_by_key(|(number, name, _)| (*number, *name));
    Ok(files.into_iter().map(|(_, _, file)| file.clone()).collect())
}

fn is_json(name: &str) -> bool {
    ends_in(name, &WHOLE) || ends_in(name, &LINES)
}

fn data_json(file: DataFile, beside: &[(&str, &DataFile)], limits: &Limits) -> Result<Found, DataError> {
    let mut lists = SplitLists::default();
    for (name, list) in beside {
        if let Some(split) = split_lists::split_of_list(name) {
            lists.add(split, list, limits)?;
        }
    }
    let splitting = Splitting::Listed(Arc::new(lists));
    let file = DialogueFile { file, layout: FileLayout::DataJson, splitting };
    Ok(Found { layout: MULTIWOZ_2_1, files: vec![file], tree: None })
}

/// A file that is named itself. Of own dialogues it is cut into all splits; otherwise its name says the split, or that of its folder
/// if it is a numbered one, or it is for training. `name` is without `.gz`.
fn single_json(path: &Path, name: &str, reading: &Reading) -> Result<Found, DataError> {
    let (file, limits) = (DataFile::new(path.to_owned()), &reading.limits);
    if form_of(&file, limits) == Some(Form::OwnList) {
        let file = DialogueFile { file, layout: FileLayout::TranscriptList, splitting: dealt(reading) };
        return Ok(Found { layout: JSON, files: vec![file], tree: None });
    }
    if name.eq_ignore_ascii_case(DATA_JSON) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = Tree::Folder(parent.to_owned()).nodes()?;
        return data_json(file, &beside.iter().filter_map(file_of).collect::<Vec<_>>(), limits);
    }
    let folder = path.parent().and_then(Path::file_name).map(OsStr::to_string_lossy);
    let by_folder = || folder.filter(|_| schema_guided::number_of(name).is_some())?.parse().ok();
    let split = split_by_name(name).or_else(by_folder).unwrap_or(Split::Train);
    let file = json_file(file, Splitting::One(split), limits)?;
    Ok(Found { layout: layout_of(&file), files: vec![file], tree: None })
}

/// `train.json`, `val.jsonl` and the like.
fn split_by_name(name: &str) -> Option<Split> {
    name.rsplit_once('.')?.0.parse().ok()
}

/// Lists are of the one layout, objects of the other.
fn json_file(file: DataFile, splitting: Splitting, limits: &Limits) -> Result<DialogueFile, DataError> {
    if let (_, Contents::Dialogues(form @ Form::OwnLines)) = file.read_with_contents(limits)? {
        return Err(misnamed(file.path(), form));
    }
    let layout = match file.first_byte(limits)? {
        Some(b'{') => FileLayout::DataJson,
        // What else it may be is said by whoever reads it.
        _ => FileLayout::SchemaGuided,
    };
    Ok(DialogueFile { file, layout, splitting })
}

fn layout_of(file: &DialogueFile) -> &'static str {
    match file.layout {
        FileLayout::SchemaGuided => MULTIWOZ_2_2,
        FileLayout::DataJson => MULTIWOZ_2_1,
        FileLayout::Transcripts => JSONL,
        FileLayout::TranscriptList => JSON,
    }
}

fn transcripts(file: DataFile, splitting: Splitting) -> DialogueFile {
    DialogueFile { file, layout: FileLayout::Transcripts, splitting }
}
