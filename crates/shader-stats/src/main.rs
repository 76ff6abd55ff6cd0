//! The program: arguments, printing, exit codes. Prints the table of all kernels, or checks it against `budgets.json`.

use anyhow::{Context, bail};
use reformer_shader_stats::architecture::{self, ARCHITECTURES};
use reformer_shader_stats::budgets::{self, Budgets};
use reformer_shader_stats::child::{self, Compiled};
use reformer_shader_stats::launches::{self, Launch};
use reformer_shader_stats::table;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
reformer-shader-stats [--check] [--budgets FILE] [--family NAME]… [--drivers FOLDER]

What the compilers of real GPUs make of each kernel, without a GPU: registers, spills, scratch (bytes a wave), workgroup
memory (LDS, bytes), waves a SIMD, instructions, bytes of code. Needs Mesa's Vulkan driver for AMD (RADV).

  --check          print what is beyond its budget, kernel by kernel, instead of the table; the exit code is 1 if
                   anything is. Without the driver nothing is checked, and it says so; where CI is set, that fails
  --budgets FILE   other budgets than the package's budgets.json
  --family NAME    other GPUs than the two that budgets are for: navi21, polaris10, …; `navi31:32` asks for waves of 32
                   where the driver would choose 64. Not with --check
  --drivers FOLDER where the driver's radeon_icd.json is, if not in one of the usual folders
";

const DONE: u8 = 0;
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// What is wanted.
#[derive(Default)]
struct Arguments {
    check: bool,
    budgets: Option<PathBuf>,
    families: Vec<String>,
    drivers: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [child::ARGUMENT, family] => {
            child::serve(family, std::io::stdin().lock(), std::io::stdout().lock()).map_err(Into::into).map(|()| DONE)
        }
        ["--help" | "-h"] => {
            say(HELP);
            Ok(DONE)
        }
        _ => match parse(&arguments) {
            Ok(arguments) => run(&arguments),
            Err(error) => {
                complain(&format!("error: {error}\n\n{HELP}"));
                Ok(WRONG_USAGE)
            }
        },
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        complain(&format!("error: {error:#}\n"));
        FAILED
    }))
}

fn parse(arguments: &[&str]) -> anyhow::Result<Arguments> {
    let mut parsed = Arguments::default();
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        let mut value = || rest.next().map(|value| value.to_string()).with_context(|| format!("{argument} of what?"));
        match argument {
            "--check" => parsed.check = true,
            "--budgets" => parsed.budgets = Some(value()?.into()),
            "--family" => parsed.families.push(value()?),
            "--drivers" => parsed.drivers = Some(value()?.into()),
            _ => bail!("there is no argument `{argument}`"),
        }
    }
    if parsed.check && !parsed.families.is_empty() {
        bail!("--check is for the two families that budgets speak of; leave --family out");
    }
    if parsed.families.is_empty() {
        parsed.families = ARCHITECTURES.iter().map(|architecture| architecture.family.to_owned()).collect();
    }
    Ok(parsed)
}

fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let budgets = match &arguments.budgets {
        Some(path) => Budgets::read(path)?,
        None => Budgets::parse(Path::new("crates/shader-stats/budgets.json"), budgets::OWN)?,
    };
    let folders = arguments.drivers.clone().map_or_else(architecture::manifest_folders, |folder| vec![folder]);
    let manifest = match architecture::find_manifest(&folders) {
        Ok(manifest) => manifest,
        Err(error) if arguments.check && std::env::var_os("CI").is_none() => {
            complain(&format!("SKIPPED: no kernel is compiled for any GPU, and no budget checked: {error}\n"));
            return Ok(DONE);
        }
        Err(error) => return Err(error.into()),
    };
    let all = launches::all()?;
    let launches = budgets.measured(all.clone());
    let program = std::env::current_exe().context("cannot find the running program")?;
    let compiled = compile(&program, &manifest, &arguments.families, &launches)?;
    if !arguments.check {
        for of in &compiled {
            let meaning = ARCHITECTURES.iter().find(|known| known.family == of.family).map(|known| known.meaning);
            say(&format!("{}: {}; compiled by {}\n", of.family, meaning.unwrap_or(&of.by.device), of.by.driver));
        }
        say(&format!("\n{}", table::table(&compiled)));
        return Ok(DONE);
    }
    let violations = budgets.check(&all, &compiled);
    if violations.is_empty() {
        let (kernels, count) = (launches.len(), compiled.len());
        say(&format!("{kernels} kernels and variants for {count} GPUs: every figure is within its budget\n"));
        return Ok(DONE);
    }
    let mut text: String = violations.iter().map(|violation| format!("{violation}\n")).collect();
    let driver = compiled.first().map_or("", |of| &of.by.driver);
    text += &format!(
        "\n{} violations of crates/shader-stats/budgets.json, set with {}; this is {driver}\n\
         docs/gpu-shader-stats.md says what to do\n",
        violations.len(),
        budgets.set_with
    );
    complain(&text);
    Ok(FAILED)
}

/// Each family in a process of its own, at the same time.
fn compile(program: &Path, manifest: &Path, families: &[String], launches: &[Launch]) -> anyhow::Result<Vec<Compiled>> {
    std::thread::scope(|scope| {
        let start = |family| scope.spawn(move || child::compile(program, manifest, family, launches));
        let running: Vec<_> = families.iter().map(|family| start(family)).collect();
        let end = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            let result: Result<Compiled, child::ChildError> =
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(result?)
        };
        running.into_iter().map(end).collect()
    })
}

/// Prints. A reader that went away (`… | head`) is no reason to fail.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
