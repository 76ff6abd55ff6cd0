//! Help, exit codes, refusals, and the commands that need no run: `plan`, `data`, `info --adapters`.

mod harness;

use harness::{call, positive};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn every_command_has_help() {
    let folder = folder();
    let commands: [&[&str]; 13] = [
        &[],
        &["train"],
        &["chat"],
        &["generate"],
        &["evaluate"],
        &["plan"],
        &["info"],
        &["data"],
        &["data", "fetch"],
        &["data", "stats"],
        &["data", "check"],
        &["data", "sample"],
        &["data", "convert"],
    ];
    for command in commands {
        let said = call(folder.path(), &[command, &["--help"]].concat()).ended(0);
        assert!(said.stdout.contains("Usage: reformer"), "{command:?}: {}", said.stdout);
        let bare =
            said.stdout.lines().filter(|line| line.trim_start().starts_with("--") && !line.contains("  ")).count();
        assert!(bare == 0 || said.stdout.lines().count() > bare * 2, "{command:?} has options without a word on them");
    }
    let train = call(folder.path(), &["train", "--help"]).ended(0).stdout;
    for heading in ["Data:", "Model (", "Step (", "Machine:", "Run:"] {
        assert!(train.contains(heading), "no heading {heading}");
    }
    for option in [
        "data",
        "exclude-duplicates",
        "split-salt",
        "test-share",
        "bytes",
        "preset",
        "layers",
        "pattern",
        "width",
        "heads",
        "feed-forward",
        "vocabulary",
        "rounds",
        "window",
        "buckets",
        "max-positions",
        "init-from",
        "length",
        "batch",
        "accumulate",
        "steps",
        "minutes",
        "learning-rate",
        "dropout",
        "seed",
        "precision",
        "backend",
        "adapter",
        "threads",
        "memory-limit",
        "run",
        "resume",
        "force",
        "save-every",
        "evaluate-every",
        "json",
        "quiet",
        "profile",
    ] {
        assert!(train.contains(&format!("--{option}")), "no option --{option}");
    }
}

#[test]
fn wrong_usage_is_2() {
    let folder = folder();
    let rows: [&[&str]; 15] = [
        &[],
        &["trian"],
        &["train", "--no-such-option"],
        &["train", "--steps", "0"],
        &["train", "--steps", "many"],
        &["train", "--steps", "5", "--minutes", "5"],
        &["train", "--minutes", "-1"],
        &["train", "--pattern", "local,global"],
        &["train", "--memory-limit", "plenty"],
        &["train", "--preset", "huge"],
        &["train", "--learning-rate", "NaN"],
        &["generate"],
        &["generate", "--prompt", "x", "--top-p", "0"],
        &["data", "sample"],
        &["data", "convert"],
    ];
    for arguments in rows {
        let said = call(folder.path(), arguments).ended(2);
        assert!(said.stderr.contains("Usage") || said.stderr.contains("--help"), "{arguments:?}: {}", said.stderr);
    }
}

#[test]
fn what_is_not_there_yet_is_refused_with_what_is() {
    let folder = folder();
    let rows: [(&[&str], &[&str]); 3] = [
        (&["train", "--backend", "gpu"], &["--backend gpu: ", "adapter", "cpu"]),
        (&["train", "--adapter", "radeon"], &["--adapter radeon: ", "adapter"]),
        (&["train", "--adapter", "radeon", "--backend", "cpu"], &["--adapter radeon: it chooses a GPU"]),
    ];
    for (arguments, parts) in rows {
        call(folder.path(), arguments).refused(parts);
    }
    assert!(fs::read_dir(folder.path()).expect("readable").next().is_none(), "a refusal leaves nothing behind");
}

#[test]
fn wrong_paths_are_named() {
    let folder = folder();
    for command in [&["chat"][..], &["evaluate"], &["generate", "--prompt", "hello"], &["info"]] {
        call(folder.path(), &[command, &["--run", "no/such/run"]].concat()).refused(&["no/such/run"]);
        call(folder.path(), command).refused(&["runs", "train"]);
    }
    for command in [&["train"][..], &["data", "stats"], &["data", "check"]] {
        call(folder.path(), &[command, &["--data", "no/such/data"]].concat()).refused(&["no/such/data"]);
    }
    call(folder.path(), &["plan", "--picture", "no/such/folder.svg"]).refused(&["no/such/folder.svg"]);
}

#[test]
fn a_plan_adds_up() {
    let folder = folder();
    let plan = call(folder.path(), &["plan", "--preset", "tiny", "--json"]).ended(0).object();
    assert_eq!(plan["event"], "plan");
    assert_eq!(plan["backend"], "cpu");
    assert!(plan["adapter"].is_string() && plan["stored_layers"].is_u64());
    for field in ["parameters", "planned_peak_bytes", "flops_per_step", "head_group"] {
        positive(&plan, field);
    }
    let parts = plan["peak_parts"].as_object().expect("an object");
    let sum: u64 = parts.values().filter_map(Value::as_u64).sum();
    assert_eq!(plan["planned_peak_bytes"], sum, "the parts of the peak are all of it: {parts:?}");
    let ops = plan["peak_ops"].as_array().expect("a list");
    let alive: u64 = ops.iter().filter_map(|op| op["bytes"].as_u64()).sum();
    assert_eq!(parts["alive"], alive);
    assert!(ops.iter().all(|op| op["name"].is_string() && op["scope"].is_string()), "{ops:?}");
    let parameters = plan["parameters"].as_u64().expect("a number");
    assert_eq!(parts["moments"], 8 * parameters);
    assert_eq!((&parts["parameters"], &parts["gradients"]), (&(4 * parameters).into(), &(4 * parameters).into()));
}

#[test]
fn options_change_the_plan() {
    let folder = folder();
    let plan = |more: &[&str]| {
        call(folder.path(), &[&["plan", "--preset", "tiny", "--json"], more].concat()).ended(0).object()
    };
    let least = plan(&["--memory-limit", "min"]);
    let all = plan(&["--memory-limit", "1TiB"]);
    assert_eq!((&least["stored_layers"], &all["stored_layers"]), (&0.into(), &2.into()));
    assert!(positive(&least, "planned_peak_bytes") < positive(&all, "planned_peak_bytes"));
    let limit = positive(&least, "planned_peak_bytes") as u64;
    assert_eq!(plan(&["--memory-limit", &limit.to_string()])["planned_peak_bytes"], limit);
    let below = (limit - 1).to_string();
    call(folder.path(), &["plan", "--preset", "tiny", "--memory-limit", &below]).refused(&["--memory-limit", "MiB"]);
    let flops = |batches: &str| positive(&plan(&["--accumulate", batches]), "flops_per_step");
    // The optimiser runs once however many batches there are.
    assert_eq!(flops("3") - flops("2"), flops("2") - flops("1"));
    assert!(flops("2") > 1.9 * flops("1") && flops("2") < 2.0 * flops("1"));
    assert_eq!(plan(&["--layers", "4", "--pattern", "full"])["stored_layers"], 4);
}

/// Six layers of width 512 over a million tokens in 16 GiB, planned in under a second.
#[test]
fn a_million_tokens_are_planned_at_once() {
    let folder = folder();
    let arguments = [
        "plan",
        "--preset",
        "book",
        "--length",
        "1048576",
        "--memory-limit",
        "min",
        "--json",
        "--picture",
        "memory.svg",
    ];
    // The best of three: other processes may want the machine at the same time.
    let mut fastest = Duration::MAX;
    let mut plan = Value::Null;
    for _ in 0..3 {
        let begin = Instant::now();
        plan = call(folder.path(), &arguments).ended(0).object();
        fastest = fastest.min(begin.elapsed());
    }
    assert!(fastest < Duration::from_secs(1), "planning took {fastest:?}");
    assert!(positive(&plan, "planned_peak_bytes") <= 16.0 * f64::from(1 << 30), "{}", plan["planned_peak_bytes"]);
    let picture = fs::read_to_string(folder.path().join("memory.svg")).expect("the picture was written");
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert!(!picture.contains("NaN") && !picture.contains("inf"), "a picture has finite places");

    let deep = call(folder.path(), &[&arguments[..8], &["--layers", "48"]].concat()).ended(0).object();
    let slots = |plan: &Value| {
        let part = |name: &str| plan["peak_parts"][name].as_u64().expect("a number");
        part("alive") + part("unused")
    };
    assert_eq!(slots(&plan), slots(&deep), "activation memory does not depend on depth");
}

#[test]
fn a_plan_for_people_says_what_is_alive() {
    let folder = folder();
    let text = call(folder.path(), &["plan", "--preset", "tiny"]).ended(0).stdout;
    for part in ["2 rows of 512", "parameters", "FLOP", "peak", "alive", "layer 1"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn adapters_are_listed() {
    let folder = folder();
    let text = call(folder.path(), &["info", "--adapters"]).ended(0).stdout;
    assert!(["cpu", "oracle", "gpu", "thread"].iter().all(|part| text.contains(part)), "{text}");
    let list = call(folder.path(), &["info", "--adapters", "--json"]).ended(0).object();
    assert_eq!((&list["adapters"][0]["backend"], &list["auto"]), (&json!("cpu"), &json!("cpu")));
}

/// Without a driver, who asks for a GPU is told what to install; who doesn't gets the CPU.
#[test]
#[cfg(all(target_os = "linux", feature = "gpu"))]
fn without_a_driver_there_is_the_cpu() {
    let folder = folder();
    call(folder.path(), &["train", "--backend", "gpu"]).refused(&["--backend gpu: ", "mesa-vulkan-drivers"]);
    let plan = call(folder.path(), &["plan", "--json"]).ended(0).object();
    assert_eq!(plan["backend"], "cpu");
    // A plan needs no device.
    let plan = call(folder.path(), &["plan", "--json", "--backend", "gpu"]).ended(0).object();
    assert_eq!(plan["backend"], "gpu");
    let text = call(folder.path(), &["info", "--adapters"]).ended(0).stdout;
    assert!(text.contains("mesa-vulkan-drivers") && text.contains("takes cpu"), "{text}");
}

/// A reader that goes away (`reformer … | head -0`) is no failure and no panic.
#[test]
#[cfg(unix)]
fn a_closed_pipe_ends_quietly() {
    let folder = folder();
    for arguments in [&["plan"][..], &["--help"], &["info", "--adapters"], &["data", "stats"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = harness::program(folder.path())
            .args(arguments)
            .stdout(writer)
            .spawn()
            .and_then(|child| child.wait_with_output())
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("error"), "{arguments:?}: {:?} {said}", output.status);
    }
}

/// The presets' numbers stand in the help as well as in the table: they must be the same.
#[test]
fn the_help_states_the_presets() {
    let folder = folder();
    let help = call(folder.path(), &["train", "--help"]).ended(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = |name: &str| call(folder.path(), &["plan", "--preset", name, "--memory-limit", "min"]).ended(0).stdout;
    for (name, length, batch, layers, width) in
        [("tiny", 512, 2, 2, 64), ("chat", 2048, 2, 4, 256), ("book", 65_536, 1, 6, 512)]
    {
        let plan = text(name);
        for part in
            [format!("{batch} row"), format!("of {length}"), format!("{layers} layers"), format!("width {width}")]
        {
            assert!(plan.contains(&part), "{name}: the plan does not say {part:?}\n{plan}");
        }
        for part in [
            format!("{name} {length}"),
            format!("{name} {batch}"),
            format!("{name} {layers}"),
            format!("{name} {width}"),
        ] {
            assert!(help.contains(&part), "{name}: the help does not say {part:?}");
        }
    }
}
