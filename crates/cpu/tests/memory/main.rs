//! Memory is a promise: a training step takes what its plan says, and allocates nothing large. What it computes is not looked at.
//!
//! Two witnesses. The allocator counts every byte of the heap: exact, and on any system. Linux counts pages: what is resident is
//! what the promise is about, and what is touched shows that a plan does not promise more than a step needs. Both compare
//! with the process just before the states, inputs and slots of its plans were made; threads and recordings are there.
//! `prepare` makes all of its memory resident (aligned memory is zeroed by writing), so the high-water mark is reset after it,
//! and what a step adds is compared as well: what gemm packs and what is handed out, both of which the plan counts.
//!
//! Every case is a process of its own: memory that an earlier case freed would be used again, and seem to be none.

mod allocator;
mod resident;
mod step;

use reformer_cpu::Cpu;
use reformer_model::MemoryChoice;
use std::io::Write;
use std::process::Command;
use step::{Plans, Step};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// Names the case that a process measures.
const CASE: &str = "REFORMER_MEMORY_CASE";
const TEST: &str = "a_step_takes_what_its_plan_says";

/// Set where cargo starts programs for aarch64 with an emulator.
const EMULATOR: &str = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER";

/// Rows, threads, what is stored, how the rows are cut into segments. One segment takes the most: attention's results by slot are as
/// long as the longest. Dialogues are worked on side by side, each with memory of its own.
const CASES: [&str; 9] = [
    "4096 2 minimum whole",
    "4096 2 everything whole",
    "16384 2 minimum whole",
    "16384 2 everything whole",
    "65536 2 minimum whole",
    "65536 2 everything whole",
    "16384 1 everything dialogues",
    "16384 2 minimum dialogues",
    "16384 3 minimum dialogues",
];
/// Rows of a short segment; among `dialogues` one of half the rows comes first.
const DIALOGUE: usize = 256;

const MIB: u64 = 1 << 20;
/// The largest allocation within a step.
const LARGEST: u64 = 4 * MIB;
/// What a process may take beside the plan: a tenth of it, and this much for the program itself and what the system's allocator
/// keeps.
const PROGRAM: u64 = 64 * MIB;
/// Bytes of the heap beside the plan: names, and lists of tiles, which grow with the rows, but slowly.
const LISTS: u64 = MIB;
/// What threads may keep after their first step: queues of tasks, grown once.
const QUEUES: u64 = 64 << 10;
/// What gemm may pack on a thread, and these products do not fill.
const PACKING: u64 = 3 * MIB;

/// What steps may add to the resident size after `prepare`: parts of the program that had not run, and on each thread a
/// second-level cache's size, which gemm keeps, and what the system's allocator keeps of small pieces. More means that large pieces
/// come and go.
fn added_by_steps(threads: u64) -> u64 {
    (4 + 3 * threads) * MIB
}

#[test]
fn a_step_takes_what_its_plan_says() {
    if let Ok(case) = std::env::var(CASE) {
        return measure(&case);
    }
    if cfg!(target_arch = "aarch64") && std::env::var_os(EMULATOR).is_some() {
        // Linux can't start this program again without the emulator, and of a process it would count the emulator's pages.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the memory of a step was not compared with its plan under an emulator"
        );
        return;
    }
    if !resident::is_measured() {
        // Not through the test's captured output: a skipped test should be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no writable /proc/self/clear_refs here, so resident memory is not compared with the plan; the heap is"
        );
    }
    let program = std::env::current_exe().expect("a running test has a file");
    let mut failures = Vec::new();
    for case in CASES {
        let mut child = Command::new(&program);
        let output = child.args([TEST, "--exact", "--nocapture"]).env(CASE, case).output();
        let output = output.expect("the test can start itself");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        println_figures(&said, case);
        if !output.status.success() {
            failures.push(said);
        }
    }
    assert!(failures.is_empty(), "{} cases break the promise:\n{}", failures.len(), failures.join("\n"));
}

/// Figures are worth seeing with `--nocapture`, whether the case passes or not.
#[allow(clippy::print_stdout, reason = "a test's captured output")]
fn println_figures(said: &str, case: &str) {
    said.lines().filter(|line| line.starts_with(case)).for_each(|line| println!("{line}"));
}

/// Runs steps of one case and compares.
fn measure(case: &str) {
    let parts: Vec<&str> = case.split(' ').collect();
    let [rows, threads, choice, cut] = parts[..] else { panic!("`{case}` is no case") };
    let (rows, threads): (usize, usize) = (rows.parse().expect("a number"), threads.parse().expect("a number"));
    let whole = cut == "whole";
    let segments = if whole { vec![rows] } else { [vec![rows / 2], vec![DIALOGUE; rows / 2 / DIALOGUE]].concat() };
    let config = step::config(rows);
    let choice = if choice == "minimum" { MemoryChoice::minimum() } else { MemoryChoice::everything(&config) };

    let cpu = Cpu::new(threads);
    let plans = Plans::new(&cpu, &config, rows, choice);
    let planned = plans.peak_bytes();
    let (heap, resident) = (allocator::counted().live, resident::now());
    let mut step = Step::new(&cpu, &config, &segments, plans);
    let linux = resident::forget();
    let prepared = resident::now();
    allocator::mark();
    step.run();
    let first = allocator::counted();
    let touched = resident::touched();
    allocator::mark();
    step.run();
    let later = allocator::counted();
    let most = resident::most();

    let of_heap = first.most.max(later.most) - heap;
    let of_process = most.saturating_sub(resident);
    let added = most.saturating_sub(prepared);
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / MIB as f64);
    let figures = format!(
        "{case}: planned {}, heap {}, resident {}, touched {}; steps add {}; largest {} in the first, {} in the next (MiB)",
        mib(planned),
        mib(of_heap),
        mib(of_process),
        mib(touched),
        mib(added),
        mib(first.largest),
        mib(later.largest)
    );
    let threads = threads as u64;
    let mut broken = Vec::new();
    let mut at_most = |what: &str, bytes: u64, limit: u64| {
        if bytes > limit {
            broken.push(format!("{what}: {} MiB, at most {}", mib(bytes), mib(limit)));
        }
    };
    at_most("one allocation within the first step", first.largest, LARGEST);
    at_most("one allocation within a later step", later.largest, LARGEST);
    at_most("memory for tensors or scratch that steps allocate", first.of_tensors + later.of_tensors, 0);
    at_most("what a later step leaves allocated", later.live.saturating_sub(first.live), QUEUES);
    at_most("the heap, beside an exact plan", of_heap, planned + LISTS);
    at_most("what is planned and not allocated", planned.saturating_sub(of_heap), threads * PACKING);
    if linux {
        at_most("the resident size", of_process, planned + planned / 10 + PROGRAM);
        at_most("what steps add to the resident size after prepare", added, added_by_steps(threads));
        // Slots and buffers serve several values and ops, and are as long as the longest of each needs.
        let untouched = planned / 20 + threads * PACKING;
        at_most("what is planned and not touched", planned.saturating_sub(touched), untouched);
    }
    // A line of its own, behind what the harness has begun to print.
    let _ = writeln!(std::io::stdout(), "\n{figures}");
    assert!(broken.is_empty(), "{case}: {} MiB planned, but\n{}", mib(planned), broken.join("\n"));
}
