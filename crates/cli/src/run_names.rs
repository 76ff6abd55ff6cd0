//! The runs that are there, for who has named one that isn't: those in `runs/` and those beside the name, the most alike first.

use crate::trained::RUNS;
use crate::typed::{program, typed};
use reformer_session::{Place, runs_in};
use std::path::{Path, PathBuf};

/// Runs that a message names; of more it says how many.
const MOST_NAMED: usize = 8;

/// Why `path` is no run, and which there are.
pub fn not_a_run(path: &Path) -> String {
    let why = match Place::of(path) {
        Ok(Place::Missing) => "there is no such folder",
        Ok(Place::Empty) => "the folder is empty",
        Ok(Place::NoFolder) => "it is no folder",
        Ok(Place::Leftovers) => "its start was ended before it had a config.json",
        Ok(Place::Run | Place::Foreign(_)) => "it has no config.json of a run",
        Err(_) => "it can't be looked at",
    };
    // Somebody may have named a checkpoint, or a file of the run.
    let around = path.ancestors().skip(1).find(|folder| Place::of(folder).is_ok_and(|place| place == Place::Run));
    match around.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(run) => format!("{} is not a run, but lies in one: name {}", typed(path), typed(run)),
        None => format!("{} is not a run: {why}. {}", typed(path), there(Some(path))),
    }
}

/// `There are: good, runs/run-0001`: the runs in `runs/` and in the folder where `named` would lie, or the current one.
pub fn there(named: Option<&Path>) -> String {
    let mut runs = runs_in(Path::new(RUNS));
    let parent = named.and_then(Path::parent).unwrap_or(Path::new(""));
    let beside = runs_in(if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    // As one would type them: `name`, not `./name`.
    runs.extend(beside.iter().filter_map(|run| run.file_name()).map(|name| parent.join(name)));
    if let Some(named) = named {
        let wanted = name_of(named);
        runs.sort_by_cached_key(|run| (distance(&wanted, &name_of(run)), run.clone()));
        runs.dedup();
    }
    if runs.is_empty() {
        return format!("There is no run here yet: `{} train` makes one", program());
    }
    let named: Vec<String> = runs.iter().take(MOST_NAMED).map(|run| typed(run)).collect();
    match runs.len().saturating_sub(MOST_NAMED) {
        0 => format!("There are: {}", named.join(", ")),
        more => format!("There are: {} and {more} more", named.join(", ")),
    }
}

fn name_of(path: &Path) -> Vec<char> {
    let path: PathBuf = path.components().collect();
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase().chars().collect()
}

/// Letters to put in, take out or change to make one name of the other (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.iter().enumerate() {
        let mut above_left = row[0];
        row[0] = line + 1;
        for (at, known) in other.iter().enumerate() {
            let change = above_left + usize::from(letter != known);
            above_left = row[at + 1];
            row[at + 1] = change.min(above_left + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_are_near() {
        let of = |one: &str, other: &str| distance(&name_of(Path::new(one)), &name_of(Path::new(other)));
        for (one, other, expected) in
            [("run", "runs/RUN/", 0), ("tpyo", "typo", 2), ("", "abc", 3), ("kitten", "sitting", 3), ("a", "b", 1)]
        {
            assert_eq!(of(one, other), expected, "{one} {other}");
            assert_eq!(of(other, one), expected, "{other} {one}");
        }
    }
}
