//! A Windows that exists for one check: a temporary prefix of wine, and programs that run in it. What they are asked is in
//! `job.rs`.

use super::tools::{MINGW, WinePrograms};
use crate::workspace;
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Whoever takes longer hangs: the whole check takes a minute or two.
const PATIENCE: Duration = Duration::from_secs(600);

/// The server stays for so many seconds without a program, even if nobody tells it to go.
const PERSISTENCE: &str = "-p600";

/// A prefix with its server. Dropping it ends every process in it, and removes nothing.
pub struct Wine {
    programs: WinePrograms,
    prefix: PathBuf,
    /// Whether the watchdog killed what was running.
    hung: Arc<AtomicBool>,
    /// Dropped, it calls the watchdog off.
    _over: Sender<()>,
}

impl Wine {
    /// Makes a prefix in `folder`, and starts it.
    pub fn begin(programs: WinePrograms, folder: &Path) -> anyhow::Result<Self> {
        let prefix = folder.join("prefix");
        fs::create_dir_all(&prefix).with_context(|| format!("cannot create {}", prefix.display()))?;
        let (over, called_off) = mpsc::channel();
        let mut kill = server(&programs, &prefix);
        kill.arg("-k");
        let hung = Arc::new(AtomicBool::new(false));
        let has_hung = hung.clone();
        thread::spawn(move || {
            // A program that is killed is an error for whoever waits for it, and says more than a check that never ends.
            if called_off.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                has_hung.store(true, Ordering::Relaxed);
                let _ = kill.status();
            }
        });
        let wine = Self { programs, prefix, hung, _over: over };
        // The server stays until it is told to go: each program would start it anew, and it would keep that program's pipes.
        let started =
            server(&wine.programs, &wine.prefix).arg(PERSISTENCE).status().context("cannot start wineserver")?;
        ensure!(started.success(), "wineserver did not start");
        let made = wine.program(Path::new("wineboot.exe")).arg("-i").status().context("cannot start wine")?;
        ensure!(made.success(), "wine could not make a prefix in {}", wine.prefix.display());
        wine.add_random_numbers()?;
        Ok(wine)
    }

    /// Builds the library that Debian's wine 8 lacks, unless this wine has it.
    fn add_random_numbers(&self) -> anyhow::Result<()> {
        let library = self.prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
        if library.exists() {
            return Ok(());
        }
        let source = workspace::root().join("xtask/src/windows/process_prng.c");
        let built = Command::new(MINGW)
            .args(["-shared", "-O2", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .arg("-ladvapi32")
            .status()
            .with_context(|| format!("cannot start {MINGW}"))?;
        ensure!(built.success(), "{} was not built; the compiler's messages are above", source.display());
        Ok(())
    }

    /// A call of a Windows program, with nothing to read, whose output is thrown away unless it is asked for.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.programs.wine);
        command.arg(program).envs(variables(&self.programs, &self.prefix)).env_remove("DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Whether wine killed a process that had ended, as Windows sees it, but was not gone within a second: on a busy machine that happens.
    /// Its exit code is lost, and what it printed must tell. What the watchdog killed hung, and had not ended.
    pub fn killed_at_its_end(&self, status: ExitStatus) -> bool {
        is_killed(status) && !self.hung.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    const SIGKILL: i32 = 9;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGKILL)
}

/// There is no wine on Windows.
#[cfg(not(unix))]
fn is_killed(_: ExitStatus) -> bool {
    false
}

impl Drop for Wine {
    fn drop(&mut self) {
        // `-k` kills whatever still runs in this prefix, `-w` waits until it is gone; if they fail, nothing can be done about it.
        let _ = server(&self.programs, &self.prefix).arg("-k").status();
        let _ = server(&self.programs, &self.prefix).arg("-w").status();
    }
}

fn server(programs: &WinePrograms, prefix: &Path) -> Command {
    let mut command = Command::new(&programs.server);
    command.envs(variables(programs, prefix)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn variables(programs: &WinePrograms, prefix: &Path) -> Vec<(&'static str, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    vec![
        ("WINEPREFIX", text(prefix)),
        ("WINESERVER", text(&programs.server)),
        ("WINEDEBUG", "-all".to_owned()),
        // .NET and a browser are never asked for, and wine would want to download them; entries in menus are nobody's wish.
        ("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=".to_owned()),
        // Otherwise names of files are ASCII. Debian always has this one.
        ("LC_ALL", "C.UTF-8".to_owned()),
    ]
}

/// What Windows calls a path of ours: wine shows `/` as drive `Z:`.
pub fn windows_path(path: &Path) -> anyhow::Result<String> {
    match path.to_str() {
        Some(text) if path.is_absolute() => Ok(format!("Z:{}", text.replace('/', "\\"))),
        _ => bail!("{} has no name on Windows", path.display()),
    }
}
