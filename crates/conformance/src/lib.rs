//! One suite for every backend: cases, tolerances, poison, laws. A backend opts in with one line of a test file:
//!
//! ```text
//! reformer_conformance::suite!(two_threads, reformer_cpu::Cpu::new(2));
//! ```
//!
//! That makes a test for every case of every op, `two_threads::attention::lsh_two_rounds`, and one for every law. A case is
//! a program that is run on the float64 oracle and on the backend with the same inputs; every output and every state is
//! compared, with an allowance that has a reason ([`Tolerance`], `docs/numerics.md`). Every case is also run again, with
//! checks off, without sharing slots, and on its first rows alone: the bits must be the same.
//!
//! A backend whose tests have names that only the machine knows, as the GPU's have its adapters', goes through [`cases::all`] and
//! [`laws::ALL`] itself.

mod case;
pub mod cases;
mod compare;
mod fixture;
mod harness;
pub mod laws;
mod tolerance;

pub use case::Case;
pub use compare::Passed;
pub use fixture::{Expectation, Fixture, Home, Judge, Results, as_stream, segments};
pub use harness::{Failure, Report, check, run_once, same_bits};
pub use reformer_oracle::Oracle;
pub use reformer_tensor::Backend;
pub use tolerance::{Scale, Tolerance, UNIT_ROUNDOFF, likely, norm_roundings};

/// Runs every case and every law on a backend.
///
/// # Errors
/// Everything that failed.
pub fn run(backend: &dyn Backend) -> Result<Vec<Report>, Vec<Failure>> {
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    let all = cases::all().into_iter().map(|case| check(backend, &case));
    let laws = laws::ALL.iter().map(|(name, law)| laws::check(backend, name, *law));
    for result in all.chain(laws) {
        match result {
            Ok(report) => reports.push(report),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Ok(reports) } else { Err(failures) }
}

/// A test for every case and every law, in a module of this name. With `if condition` tests of a machine that can't run the
/// backend say that they skip; the condition is in the text.
#[macro_export]
macro_rules! suite {
    ($name:ident, $backend:expr) => {
        $crate::suite!($name if true, $backend);
    };
    ($name:ident if $condition:expr, $backend:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn backend() -> Result<Box<dyn $crate::Backend>, &'static str> {
                if $condition { Ok(Box::new($backend)) } else { Err(stringify!($condition)) }
            }

            $crate::catalogue! {}
        }
    };
}

/// What a generated test does: passes with a report, skips loudly, or panics with the failure's text.
pub fn test(
    backend: Result<Box<dyn Backend>, &'static str>,
    check: impl FnOnce(&dyn Backend) -> Result<Report, Failure>,
) -> String {
    match backend {
        Err(condition) => format!("SKIPPED: this machine lacks `{condition}`"),
        Ok(backend) => match check(backend.as_ref()) {
            Ok(report) => report.to_string(),
            Err(failure) => panic!("\n{failure}\n"),
        },
    }
}
