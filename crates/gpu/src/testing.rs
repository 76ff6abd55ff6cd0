//! Tests on every adapter of the machine, each named after its adapter, and what becomes of them where there is none. For the tests of
//! every crate that runs on a GPU; nothing else uses it.

use crate::adapter::{Adapter, Choice, adapters, choose};
use crate::backend::Gpu;
use crate::layout::DeviceLimits;
use std::fmt::Display;
use std::sync::{Arc, OnceLock};

/// So little that the suite's larger cases are cut: 512 rows of 64 columns fill a segment, and a launch walks two blocks of rows less a
/// few, or the keys of a query in parts.
pub const TINY: DeviceLimits =
    DeviceLimits { binding_bytes: 128 << 10, buffer_bytes: 128 << 10, workgroups: 64, iterations: 1000 };

/// An adapter that tests run on. Nothing is opened before a test asks for it: listing tests costs nothing.
pub struct TestAdapter {
    position: usize,
    described: Adapter,
    shared: OnceLock<Gpu>,
}

impl TestAdapter {
    /// The adapter itself, for a test that brings kernels of its own.
    ///
    /// # Panics
    /// If it is gone.
    pub fn itself(&self) -> wgpu::Adapter {
        choose(&Choice::Position(self.position)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A device of its own, for a test that breaks it or changes what is kept with it.
    ///
    /// # Panics
    /// If the adapter does not open, or another one stands in its place by now.
    pub fn open(&self) -> Gpu {
        let gpu = Gpu::new(&Choice::Position(self.position)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(gpu.described(), &self.described, "the adapters of this machine have changed");
        gpu
    }

    /// A device whose kernels count the iterations of their loops.
    ///
    /// # Panics
    /// As [`TestAdapter::open`] does.
    pub fn counting(&self) -> Gpu {
        Gpu::counting(&Choice::Position(self.position)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// One device for all tests of a process: its kernels are compiled once.
    ///
    /// # Panics
    /// As [`TestAdapter::open`] does.
    pub fn shared(&self) -> Gpu {
        self.shared.get_or_init(|| self.open()).clone()
    }
}

/// A test on one adapter.
pub struct AdapterTest {
    /// `ADAPTER::name`.
    pub name: String,
    /// Whether it can't run here, and need not.
    pub is_ignored: bool,
    /// Whether it runs whichever tests are asked for: it says that none of them can.
    pub is_demanded: bool,
    /// Panics if something is wrong.
    pub run: Box<dyn FnOnce() + Send>,
}

/// Every test, with its name, on every adapter. Without any adapter there is one test that says so: it fails where CI demands an adapter,
/// and is ignored elsewhere.
pub fn on_every_adapter<Name, Test>(tests: impl IntoIterator<Item = (Name, Test)>) -> Vec<AdapterTest>
where
    Name: Display,
    Test: Fn(&TestAdapter) + Send + Sync + 'static,
{
    let adapters = adapters();
    if adapters.is_empty() {
        return vec![no_adapter()];
    }
    let tests: Vec<(Name, Arc<Test>)> = tests.into_iter().map(|(name, test)| (name, Arc::new(test))).collect();
    let names = names(&adapters);
    let all = adapters.into_iter().zip(names).enumerate().flat_map(|(position, (described, adapter_name))| {
        let adapter = Arc::new(TestAdapter { position, described, shared: OnceLock::new() });
        tests.iter().map(move |(name, test)| {
            let (adapter, test) = (adapter.clone(), test.clone());
            let run = Box::new(move || test(&adapter));
            AdapterTest { name: format!("{adapter_name}::{name}"), is_ignored: false, is_demanded: false, run }
        })
    });
    all.collect()
}

#[allow(clippy::print_stderr, reason = "what is not tested is said whichever tests are asked for")]
fn no_adapter() -> AdapterTest {
    let is_ignored = std::env::var_os("CI").is_none();
    if is_ignored {
        eprintln!("SKIPPED: this machine has no GPU adapter");
    }
    let run = Box::new(|| panic!("nothing was tested on a GPU: this machine has no adapter, and CI demands one"));
    AdapterTest { name: "no GPU adapter".to_owned(), is_ignored, is_demanded: !is_ignored, run }
}

/// A name for each adapter: its own, and from the second of the same name on its number.
fn names(adapters: &[Adapter]) -> Vec<String> {
    let full: Vec<String> = adapters.iter().map(Adapter::to_string).collect();
    let name = |(at, name): (usize, &String)| match full[..at].iter().filter(|earlier| *earlier == name).count() {
        0 => name.clone(),
        earlier => format!("{name} #{}", earlier + 1),
    };
    full.iter().enumerate().map(name).collect()
}

/// The `main` of a test program whose tests run on every adapter: functions that take a [`TestAdapter`], or an expression of pairs of a
/// name and such a function. Its crate depends on `libtest-mimic`, and its target has `harness = false`.
#[macro_export]
macro_rules! on_every_adapter {
    ($($test:ident),+ $(,)?) => {
        $crate::on_every_adapter!([$((stringify!($test), $test as fn(&$crate::testing::TestAdapter))),+]);
    };
    ($tests:expr) => {
        fn main() {
            let trial = |test: $crate::testing::AdapterTest| {
                let run = || {
                    (test.run)();
                    Ok(())
                };
                libtest_mimic::Trial::test(test.name, run).with_ignored_flag(test.is_ignored)
            };
            let mut arguments = libtest_mimic::Arguments::from_args();
            let tests = $crate::testing::on_every_adapter($tests);
            if tests.iter().any(|test| test.is_demanded) {
                // Whatever was asked for, nothing of it can be tested.
                arguments.filter = None;
            }
            libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit()
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::AdapterKind;

    #[test]
    fn adapters_of_one_name_are_told_apart() {
        let adapter = |name: &str, interface: &str| Adapter {
            name: name.to_owned(),
            kind: AdapterKind::Discrete,
            interface: interface.to_owned(),
            driver: String::new(),
            binding_bytes: 0,
            buffer_bytes: 0,
        };
        let all = ["Vulkan", "Vulkan", "Dx12", "Vulkan"].map(|interface| adapter("A 1", interface));
        let vulkan = "A 1 (discrete GPU, Vulkan)";
        let expected = [vulkan, &format!("{vulkan} #2"), "A 1 (discrete GPU, Dx12)", &format!("{vulkan} #3")];
        assert_eq!(names(&all), expected);
    }
}
