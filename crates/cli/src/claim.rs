//! Where a run's folder is claimed: what may be there, whose it is, and that a run and its data stay apart. What a folder is,
//! `session` tells; the lock is its own, too.

use crate::run_names::{not_a_run, there};
use crate::train_arguments::TrainArguments;
use crate::trained::RUNS;
use crate::typed::typed;
use anyhow::{Context, bail, ensure};
use reformer_multiwoz::whole_path;
use reformer_session::{Place, RunFolder, RunLock, SessionError};
use reformer_trainer::Start;
use std::fs;
use std::path::Path;

/// A folder that is ours, and whether there is something to go on from.
pub struct Claim {
    pub run: RunFolder,
    pub lock: RunLock,
    pub start: Start,
    /// Whether the folder was made for it, or was empty: if nothing comes of the run, nobody misses what is in it.
    pub is_new: bool,
}

/// The folder that was named or is to be resumed, if it is there. Writes nothing.
///
/// # Errors
/// A folder that holds what isn't ours, unless `--force` says that it may; nothing to resume; data and run in each other.
pub fn look(arguments: &TrainArguments) -> anyhow::Result<Option<RunFolder>> {
    let resume = arguments.run.resume;
    if let Some(data) = &arguments.data.data {
        keep_apart(arguments, data)?;
    }
    let Some(path) = &arguments.run.run else {
        return if resume { newest().map(Some) } else { Ok(None) };
    };
    let place = Place::of(path)?;
    if resume {
        // Of a config that can't be read it is said what is wrong with it.
        if let (Place::Foreign(_), Ok(run)) = (&place, RunFolder::open(path)) {
            run.read_config()?;
        }
        ensure!(place.is_run(), "--resume: {}", not_a_run(path));
        // Without a config nobody knows what it was to be trained on: the defaults would be another run of ten minutes.
        ensure!(
            place == Place::Run || arguments.data.data.is_some(),
            "--resume: the start of {} was ended before it had a config.json, so what it was to be trained on is not known: say so again, \
             with --data and the other options",
            typed(path)
        );
    } else if !fit(path, &place, arguments.run.force)? {
        return Ok(None);
    }
    RunFolder::create(path).map(Some).map_err(Into::into)
}

/// Takes what [`look`] found.
///
/// # Errors
/// If another process has it, or it can't be started there as asked.
pub fn take(run: RunFolder, arguments: &TrainArguments) -> anyhow::Result<Claim> {
    let lock = run.lock()?;
    run.remove_unfinished();
    let start = Start::find(&run, &lock, arguments.run.resume)?;
    Ok(Claim { run, lock, start, is_new: false })
}

/// A new folder: the one that was named, or the next under `runs/`.
///
/// # Errors
/// If the system refuses, or somebody was faster.
pub fn new(arguments: &TrainArguments) -> anyhow::Result<Claim> {
    let (run, is_new) = match &arguments.run.run {
        Some(path) => {
            // Reading the data may have taken minutes: somebody may have put something there.
            let place = Place::of(path)?;
            fit(path, &place, arguments.run.force)?;
            (RunFolder::create(path)?, matches!(place, Place::Missing | Place::Empty))
        }
        None => {
            let numbered = RunFolder::create_numbered(Path::new(RUNS));
            let run = numbered.context("the current folder has no place for a run: name another with --run DIR")?;
            (run, true)
        }
    };
    Ok(Claim { is_new, ..take(run, arguments)? })
}

/// The newest run, which is resumed when none is named.
fn newest() -> anyhow::Result<RunFolder> {
    match RunFolder::newest(Path::new(RUNS)) {
        Ok(run) => Ok(run),
        Err(SessionError::NoRuns { .. }) => bail!(
            "--resume: no run is in {RUNS}/ to go on with. {}. Name one with --run DIR, or leave --resume out to begin one",
            there(None)
        ),
        Err(error) => Err(error.into()),
    }
}

/// Whether a folder is there that a plain start may take; false if there is none yet.
fn fit(path: &Path, place: &Place, force: bool) -> anyhow::Result<bool> {
    let name = typed(path);
    let checkpoints = path.join(RunFolder::CHECKPOINTS);
    match place {
        Place::Missing => return Ok(false),
        Place::NoFolder => bail!("--run {name}: it is no folder, and a run is one: name another"),
        Place::Foreign(entry) if !force => bail!(
            "--run {name}: the folder holds {}, which is not of a run: name a new or an empty folder; with --force the run is put \
             there all the same, and what has the names of its files is replaced",
            typed(entry)
        ),
        Place::Foreign(_) => {
            let held = fs::read_dir(&checkpoints).is_ok_and(|mut entries| entries.next().is_some());
            ensure!(
                !held,
                "--run {name}: {} is not empty, which no --force replaces: name another folder, or move it away",
                typed(&checkpoints)
            );
        }
        Place::Empty | Place::Run | Place::Leftovers => {}
    }
    for file in RunFolder::FILES.map(|file| path.join(file)) {
        // What a link leads to is somebody's, wherever the link lies.
        let is_other = fs::symlink_metadata(&file).is_ok_and(|metadata| !metadata.is_file());
        ensure!(
            !is_other,
            "--run {name}: {} is a folder or a link, and would be a file of the run: remove it",
            typed(&file)
        );
    }
    Ok(true)
}

/// Refuses a run inside its data, whose files would be read as data, and data inside its run, whatever they are called.
///
/// # Errors
/// Which of them to move.
pub fn keep_apart(arguments: &TrainArguments, data: &Path) -> anyhow::Result<()> {
    // What isn't there is told by who reads it; the sample is nowhere.
    let Ok(whole_data) = dunce::canonicalize(data) else { return Ok(()) };
    // A new run has a name that nothing has yet.
    let run = arguments.run.run.clone().unwrap_or_else(|| Path::new(RUNS).join("new"));
    let Some(whole_run) = whole_path(&run) else { return Ok(()) };
    let said_data = typed(data);
    if whole_data.is_dir() && whole_run.starts_with(&whole_data) {
        let place = if whole_run == whole_data { "is the folder of" } else { "lies inside" };
        bail!(
            "{} {place} the data, {said_data}, where the run's files would be read as data: name another folder with \
             --run DIR, or move the data to a folder of its own",
            arguments.run.run.as_deref().map_or(format!("{RUNS}/"), |run| format!("--run {}", typed(run)))
        );
    }
    ensure!(
        !whole_data.starts_with(&whole_run),
        "--data {said_data} lies inside the run, {}: move the data out of it, or name another folder with --run DIR",
        typed(&run)
    );
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::train_arguments::RunArguments;

    #[test]
    fn only_a_folder_with_nothing_in_it_is_new() {
        let around = tempfile::tempdir().expect("a folder");
        let at = |name: &str| around.path().join(name);
        let claim = |name: &str| {
            let run = RunArguments { run: Some(at(name)), force: true, ..Default::default() };
            new(&TrainArguments { run, ..Default::default() }).map_err(|error| error.to_string())
        };
        for folder in ["empty", "theirs"] {
            fs::create_dir(at(folder)).expect("writable");
        }
        fs::write(at("theirs/config.json"), r#"{"mine":1}"#).expect("writable");
        for (name, is_new) in [("missing", true), ("empty", true), ("theirs", false)] {
            assert_eq!(claim(name).expect("it may be taken").is_new, is_new, "{name}");
        }
        // Whatever would be one of the run's files is looked at before anything is written.
        for file in RunFolder::FILES {
            fs::create_dir_all(at("folder").join(file)).expect("writable");
            let error = claim("folder").err().unwrap_or_default();
            assert!(error.contains(&format!("{file} is a folder or a link")), "{file}: {error}");
            fs::remove_dir(at("folder").join(file)).expect("writable");
        }
    }

    #[test]
    fn a_run_and_its_data_are_kept_apart_whatever_they_are_called() {
        let around = tempfile::tempdir().expect("a folder");
        let at = |name: &str| around.path().join(name);
        for folder in ["my/train", "run", "other"] {
            fs::create_dir_all(at(folder)).expect("writable");
        }
        for file in ["my/own.jsonl", "run/x.jsonl", "own.jsonl"] {
            fs::write(at(file), "{}").expect("writable");
        }
        std::os::unix::fs::symlink(at("my"), at("link")).expect("writable");
        let apart = |data: &str, run: &str| {
            let run = RunArguments { run: Some(at(run)), ..Default::default() };
            keep_apart(&TrainArguments { run, ..Default::default() }, &at(data)).map_err(|error| error.to_string())
        };
        for (data, run) in [
            ("my", "my"),
            ("my", "my/runs/a"),
            ("my", "link/runs/a"),
            ("link", "my"),
            ("my", "other/../my/new"),
            ("my", "not/../my/new"),
            ("my/../my", "my/new"),
            ("other/..", "new"),
        ] {
            let error = apart(data, run).expect_err("in each other");
            assert!(error.contains("the data, ") && error.contains("move the data"), "{data} {run}: {error}");
        }
        for (data, run) in [("run/x.jsonl", "run"), ("my/own.jsonl", "link"), ("my/train", "my")] {
            let error = apart(data, run).expect_err("in each other");
            assert!(error.contains("lies inside the run"), "{data} {run}: {error}");
        }
        for (data, run) in
            [("own.jsonl", "new"), ("my", "mys"), ("my", "run"), ("my/own.jsonl", "my/new"), ("no", "no")]
        {
            assert_eq!(apart(data, run), Ok(()), "{data} {run}");
        }
    }
}
