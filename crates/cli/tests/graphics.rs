//! A small run on the GPU backend, from `train` to `generate`, on whatever adapter this machine has. The backend's arithmetic is
//! tested in `crates/gpu`.
#![cfg(feature = "gpu")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod harness;

use harness::{SMALL, adapter, call_with_drivers, folder, positive};

/// A server or a container has no folder of a login, and nothing of a window system is wanted: drivers have nothing to complain of.
#[test]
fn drivers_say_nothing_where_nobody_is_logged_in() {
    let folder = folder();
    let mut program = harness::program_with_drivers(folder.path());
    for variable in ["XDG_RUNTIME_DIR", "WAYLAND_DISPLAY", "DISPLAY"] {
        program.env_remove(variable);
    }
    let said = program.args(["info", "--adapters"]).output().expect("it runs");
    assert!(said.status.success());
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
}

#[test]
fn a_run_on_the_gpu_learns_and_talks() {
    let Some(adapter) = adapter() else {
        println!("SKIPPED: this machine has no adapter");
        return;
    };
    let folder = folder();
    let machine = ["--backend", "gpu", "--steps", "12", "--run", "run", "--json"];
    let said = call_with_drivers(folder.path(), &[&SMALL[..], &machine].concat()).ended(0);
    let objects = said.objects();
    let events = |name: &str| objects.iter().filter(|object| object["event"] == name).collect::<Vec<_>>();
    let plan = events("plan")[0];
    assert_eq!(plan["backend"], "gpu");
    // Behind the adapter stands which variant of the product was chosen for it.
    let on_which = plan["adapter"].as_str().expect("a name");
    assert!(on_which.starts_with(&format!("{adapter}, product ")), "{on_which}, not {adapter}");
    // And the run keeps it.
    let config = std::fs::read_to_string(folder.path().join("run/config.json")).expect("a run has a config");
    let config: serde_json::Value = serde_json::from_str(&config).expect("it is JSON");
    assert_eq!(config["machines"], serde_json::json!([format!("gpu ({on_which})")]));
    let steps = events("step");
    assert!(positive(steps[11], "loss") < positive(steps[0], "loss"), "nothing was learned");

    let asked = ["generate", "--run", "run", "--prompt", "i need a hotel", "--max-tokens", "8", "--json"];
    let on = |backend: &str| {
        let arguments = [&asked[..], &["--backend", backend, "--temperature", "0"]].concat();
        call_with_drivers(folder.path(), &arguments).ended(0).object()
    };
    assert_eq!(on("gpu")["text"], on("cpu")["text"], "the likeliest tokens of a run are the same on every backend");
}
