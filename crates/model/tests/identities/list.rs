//! The identities that hold on every backend. What is made of each is in `main.rs` and `on_gpu.rs`.

/// Hands the paths of all identities to a macro.
macro_rules! identities {
    ($made:ident) => {
        $made! {
            packing::a_prefix_does_not_depend_on_what_follows,
            packing::packed_is_separate_with_any_padding,
            decoding::cached_decoding_is_the_full_forward_pass,
            decoding::batch_rows_start_and_stop_independently,
            reversible::rebuilt_and_stored_gradients_are_the_same_bits,
            reversible::plain_f32_streams_do_not_rebuild_the_same_bits,
            machine::threads_slots_groups_and_memory_change_no_bit,
        }
    };
}
