//! Laws over several ops, bit for bit on one backend, and what every backend must refuse. Laws that hold for every case by
//! itself are in `harness.rs`.

use crate::compare::Passed;
use crate::harness::{Failure, Report};
use reformer_tensor::Backend;

mod decoding;
mod faults;
mod head_groups;
mod packing;
mod sets;

/// A law: how many values it looked at, or what is wrong.
pub type Law = fn(&dyn Backend) -> Result<usize, String>;

/// Laws have one seed.
pub(crate) const SEED: u64 = 7;

/// The list of all laws; what is made of it is in `@tests` and `@registry`. For [`crate::suite!`].
#[macro_export]
macro_rules! laws_catalogue {
    () => { $crate::laws_catalogue! { @list @tests } };
    (@list @$then:ident) => { $crate::laws_catalogue! { @$then
        sets: lsh, local;
        packing: lsh, local, full;
        decoding: lsh, local, full;
        head_groups: lsh, local;
        faults: indices, ranges;
    } };
    (@tests $($file:ident: $($name:ident),*;)*) => {
        mod laws {
            $(mod $file {
                $(#[test]
                fn $name() {
                    let name = concat!(stringify!($file), "/", stringify!($name));
                    println!("{}", $crate::test(super::super::backend(), |backend| $crate::laws::find(backend, name)));
                })*
            })*
        }
    };
    (@registry $($file:ident: $($name:ident),*;)*) => {
        /// Every law.
        pub const ALL: &[(&str, Law)] = &[$($((concat!(stringify!($file), "/", stringify!($name)), $file::$name)),*),*];
    };
}

crate::laws_catalogue! { @list @registry }

/// Checks one law.
///
/// # Errors
/// What is wrong.
pub fn check(backend: &dyn Backend, name: &str, law: Law) -> Result<Report, Failure> {
    let what = format!("laws/{name}");
    match law(backend) {
        Ok(values) => Ok(Report {
            what,
            backend: format!("{}: {}", backend.name(), backend.adapter()),
            passed: Passed { values, worst: 0.0 },
            ties: 0,
        }),
        Err(text) => Err(Failure { what, backend: backend.name(), adapter: backend.adapter(), seed: SEED, text }),
    }
}

/// Checks the law of this name.
///
/// # Errors
/// What is wrong.
///
/// # Panics
/// If there is no such law: the catalogue lists it.
pub fn find(backend: &dyn Backend, name: &str) -> Result<Report, Failure> {
    let law = ALL.iter().find(|(known, _)| *known == name);
    let (name, law) = law.unwrap_or_else(|| panic!("the catalogue lists no law {name}"));
    check(backend, name, *law)
}
