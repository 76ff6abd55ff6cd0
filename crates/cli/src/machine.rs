//! What the machine has and what was asked of it: the backend, free memory, memory in use. Computes nothing.

use crate::graphics;
use crate::output::note;
use crate::quantities::{Bytes, MemoryWish};
use crate::train_arguments::{BackendName, MachineArguments};
use anyhow::{anyhow, bail};
use reformer_cpu::Cpu;
use reformer_model::MemoryLimit;
use reformer_oracle::Oracle;
use reformer_tensor::Backend;
use reformer_trainer::Bound;

/// Where the system doesn't say what is free, this much is assumed to be.
const ASSUMED_FREE_BYTES: u64 = 4 << 30;
/// What a run is allowed beside its plan: threads and their heaps, tokens of the data, a tensor on its way to a file. An allowance, which
/// nobody has measured for all data: where it is too little, the allocator still ends the process with an error.
pub const BESIDE_TRAINING: u64 = 48 << 20;
/// The same while it measures or makes text, and less: the data, the tokenizer and the parameters are in memory when the limit is looked at,
/// so that only what comes on top of the plan has to fit, such as tokens and the text itself. An allowance, too.
pub const BESIDE_READING: u64 = 8 << 20;
/// An allowance for a GPU's drivers and their shader compiler, before anything runs on it. Nobody has measured what they take at least: with
/// too little, drivers end the process in ways of their own, and under limits of at most 400 MiB those of software adapters were seen to.
const BYTES_OF_DRIVERS: u64 = 1 << 30;
/// `auto` takes this part of what is free.
const AUTOMATIC_PART: u64 = 2;

/// The backend that was asked for. Left open, it is a hardware GPU where there is one, else the CPU: software adapters, which
/// are slower than the CPU's own kernels, are only taken if they are asked for.
///
/// # Errors
/// A backend that isn't there, with what is.
pub fn backend(wish: &MachineArguments) -> anyhow::Result<Box<dyn Backend>> {
    let threads = threads(wish.threads);
    let named = wish.adapter.as_deref();
    if matches!(wish.backend, Some(BackendName::Gpu)) || named.is_some() {
        check_bound("a GPU's driver", BYTES_OF_DRIVERS, 0, "Take --backend cpu")?;
    }
    match (wish.backend.unwrap_or(BackendName::Auto), named) {
        (BackendName::Auto | BackendName::Gpu, Some(name)) => {
            graphics::named(name).map_err(|error| anyhow!("--adapter {name}: {error}"))
        }
        (BackendName::Gpu, None) => graphics::best().map_err(|error| anyhow!("--backend gpu: {error}")),
        (BackendName::Cpu | BackendName::Oracle, Some(name)) => {
            bail!("--adapter {name}: it chooses a GPU, and --backend says otherwise; leave one of them out")
        }
        (BackendName::Auto, None) => match hardware() {
            Some(gpu) => Ok(gpu),
            None => cpu(threads),
        },
        (BackendName::Cpu, None) => cpu(threads),
        (BackendName::Oracle, None) => Ok(Box::new(Oracle::new())),
    }
}

/// The threads that were asked for (0: one a core), but no more than there are cores: they would only take memory and stand in each
/// other's way. Results don't depend on it.
fn threads(asked: Option<usize>) -> usize {
    let taken = available(asked);
    if let Some(asked) = asked.filter(|&asked| asked > taken) {
        let (noun, are) = if taken == 1 { ("core", "is") } else { ("cores", "are") };
        note(format_args!("warning: --threads {asked}: there {are} {taken} {noun} to run on, so {taken} are taken"));
    }
    taken
}

/// The same, of what was warned about already.
pub fn available(asked: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or(0, |asked| asked.min(cores))
}

fn cpu(threads: usize) -> anyhow::Result<Box<dyn Backend>> {
    Ok(Box::new(Cpu::try_new(threads).map_err(|error| anyhow!("--threads: {error}"))?))
}

/// The backend that a plan is for: as [`backend`], but a GPU that isn't named need not be there.
///
/// # Errors
/// As [`backend`].
pub fn planning_backend(wish: &MachineArguments) -> anyhow::Result<Box<dyn Backend>> {
    match (wish.backend, &wish.adapter) {
        (Some(BackendName::Gpu), None) => graphics::planner().map_err(|error| anyhow!("--backend gpu: {error}")),
        _ => backend(wish),
    }
}

/// A hardware GPU, if there is one that opens.
fn hardware() -> Option<Box<dyn Backend>> {
    if !drivers_fit() {
        return None;
    }
    let name = graphics::hardware_name()?;
    let opened = graphics::hardware();
    opened.inspect_err(|error| note(format_args!("{name} is not used: {error}"))).ok()
}

/// Whether the limits of this process leave room for a GPU's drivers: only then may they be asked what there is.
pub fn drivers_fit() -> bool {
    reformer_trainer::memory_bound().is_none_or(|bound| bound.left >= BYTES_OF_DRIVERS)
}

/// What `--backend auto` takes: a backend's name.
pub fn automatic() -> &'static str {
    // Opened, since a device that computes wrongly is refused.
    hardware().map_or("cpu", |_| "gpu")
}

/// What the bytes of [`memory_limit`] are a part of, for messages.
pub fn describe_limit(wish: MemoryWish) -> String {
    match (wish, reformer_trainer::memory_bound()) {
        (MemoryWish::Automatic, Some(bound)) if bound.left <= free_bytes() => {
            format!(", half of what {} leaves", bound.what)
        }
        (MemoryWish::Automatic, _) => ", half of what is free".to_owned(),
        (MemoryWish::Minimum | MemoryWish::Bytes(_), _) => String::new(),
    }
}

/// What `--memory-limit` means here and now.
pub fn memory_limit(wish: MemoryWish) -> MemoryLimit {
    match wish {
        MemoryWish::Automatic => MemoryLimit::Bytes(free_bytes() / AUTOMATIC_PART),
        MemoryWish::Minimum => MemoryLimit::Minimum,
        MemoryWish::Bytes(bytes) => MemoryLimit::Bytes(bytes),
    }
}

/// Refuses what the limits of this process, of its container or its control group can't hold; what the machine has free is another matter,
/// since that may change. `what` needs so many `bytes`, and the program so many `beside` it; `advice` says how it would need fewer.
///
/// # Errors
/// With the limit, where it comes from, and both sizes.
pub fn check_bound(what: &str, bytes: u64, beside: u64, advice: &str) -> anyhow::Result<()> {
    match reformer_trainer::memory_bound() {
        Some(bound) => fits_bound(&bound, what, (bytes, beside), advice),
        None => Ok(()),
    }
}

fn fits_bound(bound: &Bound, what: &str, (bytes, beside): (u64, u64), advice: &str) -> anyhow::Result<()> {
    if bytes.saturating_add(beside) > bound.left {
        let program = match beside {
            0 => String::new(),
            beside => format!(", and the program some {} beside it", Bytes(beside)),
        };
        bail!(
            "{what} takes {}{program}: {} is {}, of which {} are left. {advice}, or raise the limit",
            Bytes(bytes),
            bound.what,
            Bytes(bound.most),
            Bytes(bound.left)
        );
    }
    Ok(())
}

/// Memory that can be taken without swapping.
pub fn free_bytes() -> u64 {
    reformer_trainer::free_bytes().unwrap_or(ASSUMED_FREE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_limit_cannot_hold_is_refused_with_the_limit() {
        let bound = Bound { what: "the limit `ulimit -v`".to_owned(), most: 400 << 20, left: 58 << 20 };
        assert!(fits_bound(&bound, "a step", (10 << 20, 48 << 20), "Say less").is_ok());
        let error = fits_bound(&bound, "a step", ((10 << 20) + 1, 48 << 20), "Say less").expect_err("a byte too many");
        assert_eq!(
            error.to_string(),
            "a step takes 10.0 MiB, and the program some 48.0 MiB beside it: the limit `ulimit -v` is 400.0 MiB, of which 58.0 MiB are \
             left. Say less, or raise the limit"
        );
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let wish = |backend, adapter: Option<&str>, threads| MachineArguments {
            backend,
            adapter: adapter.map(str::to_owned),
            threads,
        };
        let rows = [
            (wish(None, Some("no such adapter"), None), "--adapter no such adapter: "),
            (wish(Some(BackendName::Cpu), Some("radeon"), None), "--adapter radeon: it chooses a GPU"),
        ];
        for (wish, message) in rows {
            let error = backend(&wish).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(message), "{error}");
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert_eq!([threads(None), threads(Some(1)), threads(Some(1 << 20))], [0, 1, cores], "no more than cores");
        let cpu = wish(Some(BackendName::Cpu), None, Some(1));
        assert_eq!(backend(&cpu).expect("the CPU is always there").name(), "cpu");
        let open = wish(None, None, Some(1));
        assert_eq!(backend(&open).expect("something is always there").name(), automatic());
    }
}
