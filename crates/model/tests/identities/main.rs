//! The identities that a whole model must keep, bit for bit on the CPU. Attention alone is tested in `cpu` and `conformance`.

mod decoding;
mod fixture;
mod gradients;
mod hardness;
mod machine;
mod packing;
mod reversible;

/// Every identity on the backends, each a test of its name.
macro_rules! identities {
    ($($file:ident::$name:ident),* $(,)?) => {
        mod on_the_cpu {
            $(#[test]
            fn $name() {
                crate::$file::$name(crate::fixture::Place::Cpu);
            })*
        }

        mod on_the_gpu {
            $(#[test]
            fn $name() {
                if reformer_gpu::testing::adapter_here() {
                    crate::$file::$name(crate::fixture::Place::Gpu);
                }
            })*
        }
    };
}

identities!(
    packing::a_prefix_does_not_depend_on_what_follows,
    packing::packed_is_separate_with_any_padding,
    decoding::cached_decoding_is_the_full_forward_pass,
    decoding::batch_rows_start_and_stop_independently,
    reversible::rebuilt_and_stored_gradients_are_the_same_bits,
    reversible::plain_f32_streams_do_not_rebuild_the_same_bits,
    machine::threads_slots_groups_and_memory_change_no_bit,
);
