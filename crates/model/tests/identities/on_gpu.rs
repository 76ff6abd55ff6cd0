//! The identities that a whole model must keep, bit for bit on every adapter of this machine: `ADAPTER::decoding::cached_decoding_…`.

mod decoding;
mod fixture;
mod hardness;
#[macro_use]
mod list;
mod machine;
mod packing;
mod reversible;

use reformer_gpu::testing::TestAdapter;

/// Each identity by its name.
macro_rules! named {
    ($($file:ident::$name:ident),* $(,)?) => {
        [$({
            let test: fn(&TestAdapter) = |adapter| $file::$name(&|_| Box::new(adapter.shared()));
            (concat!(stringify!($file), "::", stringify!($name)), test)
        }),*]
    };
}

reformer_gpu::on_every_adapter!(identities!(named));
