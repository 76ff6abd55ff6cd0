//! Folders, links, pipes and files nobody may read in the place of files, and files in the place of folders.

use crate::fixture::Run;
use std::fs;
use std::path::Path;

/// The optimizer's file: only a run that goes on needs it.
const OPTIMIZER: &str = "checkpoints/step-20/optimizer.safetensors";
/// The files of a run that are read, below its folder, and whether a checkpoint of its own makes good for them.
const FILES: [(&str, bool); 5] = [
    ("config.json", false),
    ("tokenizer.json", false),
    ("checkpoints/step-20/state.json", true),
    ("checkpoints/step-20/model.safetensors", true),
    (OPTIMIZER, true),
];

fn refused(run: &Run, file: &str, expected: &str, damage: bool) {
    // Windows writes paths with backslashes.
    let error = match file {
        OPTIMIZER => {
            assert_eq!(run.load().unwrap(), 20, "to talk to it or to measure it, it isn't needed");
            run.checkpoints().newest().unwrap_err()
        }
        _ => run.load().unwrap_err(),
    };
    let error = error.to_string().replace('\\', "/");
    for part in [file, expected] {
        assert!(error.contains(part), "{file}: expected {part:?} in: {error}");
    }
    if damage {
        assert!(error.contains("is damaged") && error.contains("step-10: remove step-20"), "{error}");
        fs::remove_dir_all(run.path().join("checkpoints/step-20")).unwrap();
        assert_eq!(run.load().unwrap(), 10, "what the message says must work");
    }
}

fn each(expected: &str, replace: impl Fn(&Path)) {
    for (file, damage) in FILES {
        let run = Run::new();
        fs::remove_file(run.path().join(file)).unwrap();
        replace(&run.path().join(file));
        refused(&run, file, expected, damage);
    }
}

#[test]
fn a_folder_in_the_place_of_a_file() {
    each("it is a folder: a file belongs here", |path| fs::create_dir(path).unwrap());
}

#[test]
fn a_missing_file() {
    for (file, damage) in FILES {
        let run = Run::new();
        fs::remove_file(run.path().join(file)).unwrap();
        refused(&run, file, if damage { "it is missing" } else { "(os error 2)" }, damage);
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_or_to_what_never_ends() {
    use std::os::unix::fs::symlink;
    let nowhere = "it is a link that leads nowhere";
    each(nowhere, |path| symlink(path.file_name().unwrap(), path).unwrap());
    each(nowhere, |path| symlink("nothing", path).unwrap());
    each("a device: a file belongs here", |path| symlink("/dev/zero", path).unwrap());
}

#[cfg(unix)]
#[test]
fn a_link_to_an_ordinary_file_is_as_good_as_the_file() {
    for (file, _) in FILES {
        let run = Run::new();
        let (path, other) = (run.path().join(file), run.path().join("elsewhere"));
        fs::rename(&path, &other).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!(run.load().unwrap(), 20, "{file}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    each("a pipe, a socket or a device: a file belongs here", |path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    });
}

#[cfg(unix)]
#[test]
fn a_file_that_nobody_may_read_is_the_systems_trouble_and_not_damage() {
    use std::os::unix::fs::PermissionsExt;
    for (file, _) in FILES {
        let run = Run::new();
        let path = run.path().join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&path).is_ok() {
            #[allow(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: this user may read everything");
            }
            return;
        }
        let error = run.load().unwrap_err().to_string();
        assert!(error.contains("cannot read") && error.contains(file) && error.contains("denied"), "{error}");
        assert!(!error.contains("remove"), "nothing is to be removed: {error}");
    }
}

#[test]
fn whatever_has_the_name_of_a_checkpoint_is_one_that_is_damaged() {
    let places: [fn(&Path); 2] = [
        |path| fs::write(path, "a file").unwrap(),
        |path| {
            #[cfg(unix)]
            std::os::unix::fs::symlink("nothing", path).unwrap();
            #[cfg(not(unix))]
            fs::write(path, "").unwrap();
        },
    ];
    for place in places {
        let run = Run::new();
        let path = run.path().join("checkpoints/step-30");
        place(&path);
        let error = run.load().unwrap_err().to_string();
        assert!(error.contains("step-30 is damaged") && error.contains("step-20: remove step-30"), "{error}");
        assert_eq!(run.checkpoints().latest_good().unwrap().unwrap().step(), 20);
        fs::remove_file(&path).unwrap();
        assert_eq!(run.load().unwrap(), 20);
        // Names that are only like those of checkpoints are nobody's business.
        for name in ["step-", "step-+70", "step--1", "step-30-backup", "step-1e3", "step-99999999999999999999999"] {
            fs::write(run.path().join("checkpoints").join(name), "").unwrap();
        }
        assert_eq!(run.load().unwrap(), 20);
    }
}

#[test]
fn checkpoints_that_cannot_be_listed_are_not_the_same_as_none() {
    let places: [(fn(&Path), &str); 3] = [
        (|path| fs::write(path, "a file").unwrap(), "Not a directory"),
        (
            // A disk that is not there now: training anew would end at its first checkpoint.
            |path| {
                #[cfg(unix)]
                std::os::unix::fs::symlink("nothing", path).unwrap();
                #[cfg(not(unix))]
                fs::write(path, "").unwrap();
            },
            "No such file",
        ),
        (
            |path| {
                #[cfg(unix)]
                std::os::unix::fs::symlink("checkpoints", path).unwrap();
                #[cfg(not(unix))]
                fs::write(path, "").unwrap();
            },
            "cannot list",
        ),
    ];
    for (place, expected) in places {
        let run = Run::new();
        let path = run.path().join("checkpoints");
        fs::remove_dir_all(&path).unwrap();
        place(&path);
        for error in
            [run.load().unwrap_err(), run.checkpoints().all().unwrap_err(), run.checkpoints().clean().unwrap_err()]
        {
            let error = error.to_string();
            assert!(error.contains("cannot list") && error.contains("checkpoints"), "{error}");
            if cfg!(unix) {
                assert!(error.contains(expected), "expected {expected:?} in: {error}");
            }
        }
    }
}

#[test]
fn what_cleaning_finds_is_removed_whatever_it_is() {
    let run = Run::new();
    let inside = run.path().join("checkpoints");
    for name in [".new-a", ".gone-step-7", ".old-step-20"] {
        fs::write(inside.join(name), "a file").unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(run.path(), inside.join(".new-link")).unwrap();
    run.checkpoints().clean().unwrap();
    let mut names: Vec<_> = fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["step-10", "step-20"]);
    assert_eq!(run.load().unwrap(), 20, "what a link led to is still there");
}

#[test]
fn a_lock_is_a_file_and_nothing_else() {
    let run = Run::new();
    let lock = run.path().join("lock");
    for content in [&b""[..], b"not a number", b"\xff\xfe", &[b'9'; 1 << 20]] {
        fs::write(&lock, content).unwrap();
        let held = run.run.lock().unwrap();
        assert_eq!(fs::read_to_string(&lock).unwrap(), std::process::id().to_string());
        // Whoever holds it may have written anything there; Windows lets nobody else write.
        #[cfg(unix)]
        {
            fs::write(&lock, content).unwrap();
            let error = run.run.lock().unwrap_err().to_string();
            assert!(error.contains("is in use by another process"), "{error}");
        }
        drop(held);
    }
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = run.run.lock().unwrap_err().to_string();
    assert!(error.contains("lock: it is a folder, no lock: remove it"), "{error}");
    fs::remove_dir(&lock).unwrap();
    #[cfg(unix)]
    {
        let precious = run.path().join("precious");
        fs::write(&precious, "work").unwrap();
        for target in ["precious", "nothing", "lock", "/dev/zero"] {
            std::os::unix::fs::symlink(target, &lock).unwrap();
            let error = run.run.lock().unwrap_err().to_string();
            assert!(error.contains("it is a link, a pipe, a socket or a device, no lock: remove it"), "{error}");
            fs::remove_file(&lock).unwrap();
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "work", "a lock is written to");
        assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
        assert!(run.run.lock().unwrap_err().to_string().contains("no lock: remove it"));
    }
}
