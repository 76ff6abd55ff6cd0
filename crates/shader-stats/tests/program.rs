//! The program as one calls it. What needs the driver is skipped, and says so, where there is none; not where CI is set.

use reformer_shader_stats::architecture::{self, ARCHITECTURES};
use reformer_shader_stats::child;
use reformer_shader_stats::figures::Figure;
use reformer_shader_stats::launches::{self, Launch};
use reformer_shaders::ALL;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Asked at run time: cargo compiles nothing anew in a checkout that was moved or copied.
fn program() -> PathBuf {
    const NAME: &str = "CARGO_BIN_EXE_reformer-shader-stats";
    std::env::var_os(NAME).unwrap_or_else(|| env!("CARGO_BIN_EXE_reformer-shader-stats").into()).into()
}

fn call(arguments: &[&str], ci: bool) -> (i32, String, String) {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("CI");
    if ci {
        command.env("CI", "true");
    }
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code().expect("no signal"), text(&stdout), text(&stderr))
}

/// The driver, unless this machine may be without.
fn driver(test: &str) -> Option<PathBuf> {
    match architecture::find_manifest(&architecture::manifest_folders()) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI checks what GPUs make of kernels: {error}");
            // Not through the test's captured output: a skipped test should be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {error}");
            None
        }
    }
}

/// Budgets that leave out every file but one.
fn only(folder: &Path, file: &str, budgets: &str) -> PathBuf {
    let others: BTreeSet<&str> = ALL.iter().map(|entry| entry.file).filter(|&other| other != file).collect();
    let excluded: Vec<String> =
        others.iter().map(|other| format!(r#"{{ "for": {{ "file": "{other}" }}, "reason": "a test" }}"#)).collect();
    let path = folder.join("budgets.json");
    let text = format!(r#"{{ "set_with": "Mesa 1", "excluded": [{}], "budgets": [{budgets}] }}"#, excluded.join(", "));
    fs::write(&path, text).expect("writable");
    path
}

#[test]
fn figures_are_those_of_the_kernel_that_was_asked_for() {
    let Some(manifest) = driver("figures_are_those_of_the_kernel_that_was_asked_for") else { return };
    let wanted = ["fill.wgsl", "product_tiled.wgsl"];
    let launches: Vec<Launch> =
        launches::all().expect("composed").into_iter().filter(|l| wanted.contains(&l.file.as_str())).collect();
    for architecture in ARCHITECTURES {
        let compiled = child::compile(&program(), &manifest, architecture.family, &launches);
        let compiled = compiled.unwrap_or_else(|error| panic!("{error}"));
        assert!(compiled.by.device.to_lowercase().contains(architecture.family), "{:?}", compiled.by);
        let rows: Vec<_> = compiled.rows.iter().map(|(launch, figures)| (launch.to_string(), figures)).collect();
        let row = |name: &str| rows.iter().find(|(launch, _)| launch == name).unwrap_or_else(|| panic!("{name}")).1;
        let fill = row("fill.wgsl main");
        assert_eq!((fill[&Figure::LdsBytes], fill[&Figure::ScratchBytes]), (0, 0), "{fill:?}");
        assert!(fill[&Figure::Instructions] < 100 && fill[&Figure::CodeBytes] > 0, "{fill:?}");
        // Two tiles of 16 · 65 words, and what the hardware rounds up to.
        let large = row("product_tiled.wgsl main STORED=0 TERMS=16 TILE=64");
        assert!((8320..8320 + 2048).contains(&large[&Figure::LdsBytes]), "{large:?}");
        // 32 sums in registers, and 8 with tiles half as wide.
        let small = row("product_tiled.wgsl main STORED=0 TERMS=16 TILE=32");
        assert!(large[&Figure::Vgprs] >= 32 && large[&Figure::Vgprs] > small[&Figure::Vgprs], "{large:?} {small:?}");
        assert!(large[&Figure::Waves] < small[&Figure::Waves], "{large:?} {small:?}");
        assert!(large[&Figure::LdsBytes] > small[&Figure::LdsBytes], "constants change nothing: {large:?} {small:?}");
    }
}

#[test]
fn waves_of_32_are_had_by_asking() {
    let Some(manifest) = driver("waves_of_32_are_had_by_asking") else { return };
    let fill = launches::all().expect("composed").into_iter().find(|l| l.file == "fill.wgsl").expect("there is one");
    for (family, wave) in [("navi31", 64), ("navi31:32", 32)] {
        let compiled = child::compile(&program(), &manifest, family, std::slice::from_ref(&fill));
        let compiled = compiled.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(compiled.rows[0].1[&Figure::Wave], wave, "{family}");
    }
}

#[test]
fn a_check_fails_and_names_kernel_architecture_figure_and_budget() {
    if driver("a_check_fails_and_names_kernel_architecture_figure_and_budget").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |limit: u64| {
        let budget = format!(r#"{{ "limits": {{ "instructions": {limit} }}, "reason": "it is short" }}"#);
        let path = only(folder.path(), "fill.wgsl", &budget);
        call(&["--check", "--budgets", &path.to_string_lossy()], true)
    };
    let (code, out, _) = check(1000);
    assert_eq!((code, &*out), (0, "1 kernels and variants for 2 GPUs: every figure is within its budget\n"));
    let (code, out, err) = check(1);
    assert_eq!((code, &*out), (1, ""), "{err}");
    for (line, family) in err.lines().zip(["navi31", "vega10"]) {
        let begin = format!("fill.wgsl main on {family}: instructions is ");
        assert!(line.starts_with(&begin) && line.ends_with(", the budget is at most 1 (it is short)"), "{err}");
    }
    assert!(err.contains("2 violations of ") && err.contains("set with Mesa 1; this is radv"), "{err}");
}

#[test]
fn a_table_has_the_other_families_that_are_asked_for() {
    if driver("a_table_has_the_other_families_that_are_asked_for").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = only(folder.path(), "fill.wgsl", "");
    let path = path.to_string_lossy();
    let (code, out, err) = call(&["--budgets", &path, "--family", "navi21"], true);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("navi21: ") && lines[0].contains("NAVI21"), "{out}");
    assert!(lines[2].starts_with("kernel          for ") && lines[3].starts_with("fill.wgsl main  navi21 "), "{out}");
    let (code, _, err) = call(&["--budgets", &path, "--family", "navi99"], true);
    assert_eq!(code, 1, "{err}");
    assert!(err.starts_with("error: compiling for `navi99` ended with "), "{err}");
}

#[test]
fn without_the_driver_nothing_is_checked_loudly_and_in_ci_that_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = folder.path().to_string_lossy();
    let (code, out, err) = call(&["--check", "--drivers", &empty], false);
    assert_eq!((code, &*out), (0, ""), "{err}");
    assert!(
        err.starts_with("SKIPPED: no kernel is compiled for any GPU, and no budget checked: no radeon_icd"),
        "{err}"
    );
    for (arguments, ci) in [(&["--check", "--drivers", &empty][..], true), (&["--drivers", &empty][..], false)] {
        let (code, _, err) = call(arguments, ci);
        assert_eq!(code, 1, "{err}");
        assert!(err.starts_with("error: no radeon_icd*.json in "), "{err}");
    }
}

#[test]
fn a_broken_driver_is_no_missing_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest =
        r#"{ "file_format_version": "1.0.0", "ICD": { "library_path": "no_such.so", "api_version": "1.3.0" } }"#;
    fs::write(folder.path().join("radeon_icd.json"), manifest).expect("writable");
    let (code, _, err) = call(&["--check", "--drivers", &folder.path().to_string_lossy()], false);
    assert_eq!(code, 1, "{err}");
    assert!(err.starts_with("error: compiling for `navi31` ended with "), "{err}");
}

#[test]
fn wrong_usage_is_told_apart() {
    for (arguments, expected) in [
        (&["--chek"][..], "there is no argument `--chek`"),
        (&["--budgets"], "--budgets of what?"),
        (&["--check", "--family", "navi21"], "--check is for the two families that budgets speak of"),
    ] {
        let (code, _, err) = call(arguments, false);
        assert_eq!(code, 2, "{err}");
        assert!(err.starts_with(&format!("error: {expected}")), "{err}");
    }
}
