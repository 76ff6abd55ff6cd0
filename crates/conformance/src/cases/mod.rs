//! The catalogue: every op's cases, one file an op. A name that is listed without its function does not compile, and a
//! function that is not listed is dead code.

use crate::case::Case;

mod adamw;
mod attention;
mod attention_cached;
mod attention_gradient;
mod cast;
mod embed;
mod embed_gradient;
mod feed_forward;
mod feed_forward_gradient;
mod gradient_norm;
mod head_loss;
mod head_loss_gradient;
mod intervals;
mod layer_norm_gradient;
mod logits;
mod lsh_hash;
mod merge_heads;
mod merge_heads_gradient;
pub(crate) mod operands;
mod project_heads;
mod project_heads_gradient;
mod sort_by_bucket;
mod zeros;

/// The list of all cases and laws; what is made of it is in `@tests` and `@registry`. For [`crate::suite!`].
#[macro_export]
macro_rules! catalogue {
    () => { $crate::catalogue! { @list @tests } };
    (@list @$then:ident) => { $crate::catalogue! { @$then
        zeros: vector, matrix;
        cast: one_number, odd_f16, odd_bf16, limits_f16, limits_bf16, many;
        embed: one_row, learned, axial, axial_dropout, across_segments, plain_stream, exact_ties;
        embed_gradient: one_row, learned_repeated, axial_dropout, across_blocks, many_entries;
        project_heads: one_row, middle_heads, three_weights, across_tiles, wide, plain_stream, off_centre, small_rows, constant_rows, weights_f16, weights_bf16;
        project_heads_gradient: one_row, middle_heads, three_weights, across_blocks, plain_stream, weights_f16, weights_bf16;
        layer_norm_gradient: one_row, odd, across_blocks, plain_stream, off_centre;
        lsh_hash: one_bucket, one_row, two_buckets, middle_heads, factors, many_factors;
        sort_by_bucket: one_row, all_in_one, odd, segments, many_rows, large;
        intervals: one_row, window_one, window_three, window_longer_than_rows, segments, many_rows;
        attention: lsh_one_row, lsh_two_rows, lsh_odd, lsh_window_one, lsh_window_longer_than_rows, lsh_three_rounds,
            lsh_crowded, lsh_every_token_alone, lsh_segments, lsh_many_rows, lsh_wide_heads, lsh_sharp, lsh_small_keys,
            local_one_row, local_window_one, local_odd, local_segments, local_window_longer_than_rows, local_many_rows,
            local_sharp, full_one_row, full_odd, full_segments, full_many_rows;
        attention_gradient: lsh_one_row, lsh_two_rows, lsh_odd, lsh_window_one, lsh_window_longer_than_rows,
            lsh_three_rounds, lsh_crowded, lsh_every_token_alone, lsh_segments, lsh_many_rows, lsh_wide_heads,
            lsh_small_keys, lsh_other_delta, local_one_row, local_window_one, local_odd, local_segments, local_many_rows, full_odd, full_segments,
            full_many_rows;
        attention_cached: lsh_from_empty, lsh_past_the_window, lsh_three_rounds, lsh_two_caches, lsh_restart,
            lsh_bounded_by_positions, lsh_small_keys, lsh_long_lists, local_from_empty, local_past_the_window, local_two_caches,
            full_from_empty, full_restart, full_long, wide_heads, nobody;
        merge_heads: one_row, middle_heads, taken_off, across_tiles, dropout, plain_stream, in_place, exact_ties, weights_f16, weights_bf16;
        merge_heads_gradient: one_row, middle_heads, across_blocks, dropout, weights_f16, weights_bf16;
        feed_forward: one_row, gelu, relu, dropout, taken_off, across_tiles, plain_stream, in_place, exact_ties, weights_f16, weights_bf16;
        feed_forward_gradient: one_row, gelu, relu, dropout, rebuild, across_blocks, many_rows, plain_stream, weights_f16, weights_bf16;
        head_loss: one_row, odd, unscored_rows, unscored_block, unscored_nan, across_tiles, large_vocabulary, plain_stream, sharp, weights_f16, weights_bf16;
        head_loss_gradient: one_row, odd, unscored_rows, unscored_block, unscored_nan, across_blocks, large_vocabulary, plain_stream, weights_f16, weights_bf16;
        logits: one_row, odd, repeated, across_segments, plain_stream, weights_f16, weights_bf16;
        gradient_norm: one_number, many_tensors, across_blocks, many_blocks;
        adamw: first_step, clipped, no_decay, many;
    } };
    (@tests $($op:ident: $($name:ident),*;)*) => {
        $(mod $op {
            $(#[test]
            fn $name() {
                let case = $crate::cases::find(stringify!($op), stringify!($name));
                println!("{}", $crate::test(super::backend(), |backend| $crate::check(backend, &case)));
            })*
        })*
        $crate::laws_catalogue! {}
    };
    (@registry $($op:ident: $($name:ident),*;)*) => {
        /// Every case of every op.
        pub fn all() -> Vec<Case> {
            vec![$($(Case { op: stringify!($op), name: stringify!($name), ..$op::$name() }),*),*]
        }
    };
}

crate::catalogue! { @list @registry }

/// The case of this name.
///
/// # Panics
/// If there is none: the catalogue lists it.
pub fn find(op: &str, name: &str) -> Case {
    let case = all().into_iter().find(|case| case.op == op && case.name == name);
    case.unwrap_or_else(|| panic!("the catalogue lists no case {op}/{name}"))
}
