//! How many iterations of loops an invocation of each kernel takes at most in a launch, so that recordings can be cut: an invocation
//! that walks long is stopped by a system's watchdog on a GPU, and older versions of Mesa's llvmpipe end all loops of an invocation
//! after 65,535 iterations in all, silently. `Gpu::counting` and `tests/loops.rs` count what
//! is taken, and compare.
//!
//! An iteration of any loop counts one. Loops that are marked `// unrolled` in the shaders, of a small constant number of iterations
//! and without a loop inside, count nothing: every compiler unrolls them.

use crate::recorder::{Dispatch, LANES};
use reformer_shaders::Entry;
use reformer_shaders::entries::{
    activation, adamw, add_share, attention, attention_cached, attention_gather, attention_gradient, attention_rows,
    attention_scatter, attention_scores, cast, column_sums, cross_entropy, embed, embed_gradient, fill, gradient_norm,
    head_loss_gradient, interleave, intervals, layer_norm_gradient, logits, lsh_hash, mask_rows, merge_heads_gradient,
    norm_sums, normalize, product, radix_sort,
};
use reformer_tensor::BackendError;

/// What no launch exceeds, though what can be cut is cut sooner (`DeviceLimits::iterations`): some less than the 65,535 at which
/// llvmpipe ended loops.
const MOST: u64 = 60_000;

/// A kernel's constants as a launch sets them.
type Constants<'a> = &'a [(&'static str, u32)];

/// Parameters of a kernel, which say how long its loops are.
pub(crate) trait Loops {
    /// Iterations of all loops that an invocation takes at most.
    fn iterations(&self, entry: &Entry, constants: Constants<'_>) -> u64;
}

/// # Errors
/// If the launch walks longer than any system is sure to let it.
pub(crate) fn check(dispatch: &Dispatch, scope: &str) -> Result<(), BackendError> {
    let Dispatch { entry, iterations, .. } = dispatch;
    if *iterations <= MOST {
        return Ok(());
    }
    Err(BackendError::Device(format!(
        "{} {} in {scope}: an invocation would take {iterations} iterations, and drivers may end it after {MOST}: use a smaller \
         window, fewer rounds, narrower heads or a shorter --length, or --backend cpu",
        entry.file, entry.name
    )))
}

/// The value of a constant; 0 where the launch leaves it as it stands in the file.
fn constant(constants: Constants<'_>, name: &str) -> u64 {
    constants.iter().find(|(known, _)| *known == name).map_or(0, |&(_, value)| u64::from(value))
}

/// Sums over rounds: each of them `own` and, for every round before it, `earlier`.
fn rounds(count: u32, own: u64, earlier: u64) -> u64 {
    let count = u64::from(count);
    count * own + count * count.saturating_sub(1) / 2 * earlier
}

macro_rules! without_loops {
    ($($file:ident),+ $(,)?) => {
        $(impl Loops for $file::Parameters {
            fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
                0
            }
        })+
    };
}

without_loops!(
    activation,
    adamw,
    add_share,
    attention_gather,
    cast,
    embed,
    fill,
    head_loss_gradient,
    interleave,
    logits,
    mask_rows
);

impl Loops for product::Parameters {
    fn iterations(&self, entry: &Entry, constants: Constants<'_>) -> u64 {
        let terms = u64::from(self.terms);
        let blocks = terms.div_ceil(u64::from(self.block.max(1)));
        match entry.file {
            "product_registers.wgsl" => {
                let rows = constant(constants, "TILE_ROWS");
                let tile = rows * constant(constants, "TILE_COLUMNS");
                3 * rows + blocks * (1 + 2 * tile) + terms * (1 + rows)
            }
            "product_tiled.wgsl" => {
                const INVOCATIONS: u64 = 256;
                const SIDE: u64 = 16;
                let (tile, step) = (constant(constants, "TILE"), constant(constants, "TERMS").max(1));
                let own = tile / SIDE;
                let loads = (step * tile).div_ceil(INVOCATIONS);
                2 * own + terms.div_ceil(step) * (1 + loads + step * (1 + own)) + (blocks + 1) * own * own
            }
            _ => terms + blocks,
        }
    }
}

impl Loops for attention::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        let (width, keys) = (u64::from(self.head_width), u64::from(self.window.min(self.rows)));
        let round = 1 + keys * (2 * (1 + width) + width) + width;
        match entry.name {
            "lsh" => rounds(self.rounds, round, 2 * keys) + 2 * width,
            _ => round + 2 * width,
        }
    }
}

impl Loops for attention_gradient::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        let (width, pairs) = (u64::from(self.head_width), u64::from(self.window.min(self.rows)) + 1);
        let round = 1 + pairs * (1 + 4 * width);
        match entry.name {
            "lsh_by_query" | "lsh_by_key" => rounds(self.rounds, round, pairs) + 3 * width,
            _ => round + 2 * width,
        }
    }
}

impl Loops for attention_cached::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        let token = match (entry.file, entry.name) {
            ("attention_cached.wgsl", "lsh") => cached::simple_lsh(self),
            ("attention_cached.wgsl", _) => cached::simple_in_order(self),
            (_, "lsh") => cached::group_lsh(self),
            _ => cached::group_in_order(self),
        };
        u64::from(self.count) * (1 + token)
    }
}

/// Of a token in `attention_cached`, whose kernels take columns and places of lists by strips.
mod cached {
    use super::{LANES, attention_cached::Parameters, rounds};

    /// `STRIP` of shaders/shared/cache.wgsl; `KEYS` of shaders/attention_cached_group.wgsl.
    const STRIP: u64 = 8;
    const KEYS: u64 = 256;
    /// Halvings in which a workgroup's lanes find their largest number.
    const HALVINGS: u64 = LANES.ilog2() as u64;

    fn strips(count: u64) -> u64 {
        count / STRIP + count % STRIP
    }

    fn shared(count: u64) -> u64 {
        count.div_ceil(LANES as u64)
    }

    /// Width, keys of a list, a list's strips, and words that a new segment clears.
    fn sizes(parameters: &Parameters) -> (u64, u64, u64, [u64; 2]) {
        let keys = u64::from(parameters.window);
        let lists = u64::from(parameters.rounds) * u64::from(parameters.buckets);
        (u64::from(parameters.head_width), keys, keys.div_ceil(STRIP), [lists, u64::from(parameters.capacity)])
    }

    pub fn simple_lsh(parameters: &Parameters) -> u64 {
        let (width, keys, places, [lists, entries]) = sizes(parameters);
        let round = 2 + 2 * keys * (1 + strips(width)) + keys * strips(width) + width;
        let earlier = 2 * keys * (1 + places);
        lists + entries + 4 * width + rounds(parameters.rounds, round, earlier)
    }

    pub fn simple_in_order(parameters: &Parameters) -> u64 {
        let (width, keys, ..) = sizes(parameters);
        4 * width + 2 * keys * (1 + strips(width)) + keys * strips(width)
    }

    /// Logits of a list's keys for a lane, weights and sums of values.
    fn list(width: u64, keys: u64) -> (u64, u64) {
        let tiles = keys.div_ceil(KEYS);
        // Those of longer lists are made twice.
        let passes = if keys > KEYS { 2 } else { 1 };
        let tile = keys.min(KEYS);
        let own = passes * tiles * shared(tile);
        let sums = tiles * (shared(tile) + shared(width) * (1 + tile.div_ceil(STRIP)));
        (2 * tiles + own * (1 + strips(width)) + HALVINGS + sums + shared(width), own)
    }

    pub fn group_lsh(parameters: &Parameters) -> u64 {
        let (width, keys, places, [lists, entries]) = sizes(parameters);
        let (round, own) = list(width, keys);
        let clear = shared(lists) + shared(entries);
        clear + 3 * shared(width) + strips(width) + width + rounds(parameters.rounds, 2 + round, own * (1 + places))
    }

    pub fn group_in_order(parameters: &Parameters) -> u64 {
        let (width, keys, ..) = sizes(parameters);
        3 * shared(width) + list(width, keys).0
    }
}

impl Loops for attention_rows::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        if entry.name == "lengths" { u64::from(self.head_width) } else { 0 }
    }
}

impl Loops for attention_scatter::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        if entry.name == "key_gradient" { 2 * u64::from(self.head_width) } else { 0 }
    }
}

impl Loops for attention_scores::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        let keys = (u64::from(self.before) + 1) * u64::from(self.chunk);
        let part = u64::from(self.key_end - self.key_first);
        match entry.name {
            "lsh" => keys * (3 + u64::from(self.round)),
            "lsh_gradient" => keys * (1 + u64::from(self.round)),
            "in_order" => 2 * keys,
            _ => part,
        }
    }
}

impl Loops for column_sums::Parameters {
    fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
        u64::from(self.rows) + u64::from(self.rows.div_ceil(self.block.max(1)))
    }
}

impl Loops for cross_entropy::Parameters {
    fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
        const GROUP: u32 = 128;
        3 * u64::from(self.vocabulary.div_ceil(GROUP)) + 2 * u64::from(GROUP.ilog2())
    }
}

impl Loops for embed_gradient::Parameters {
    fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
        u64::from(self.places)
    }
}

impl Loops for gradient_norm::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        const GROUP: u32 = 256;
        const BLOCK: u32 = 4096;
        let own = if entry.name == "root" { self.count.div_ceil(GROUP) } else { BLOCK / GROUP };
        u64::from(own) + u64::from(GROUP.ilog2())
    }
}

impl Loops for intervals::Parameters {
    fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
        // Halvings of a range of slots.
        u64::from(u32::BITS)
    }
}

/// Of kernels on shared/moments.wgsl: passes over a row's columns, with so many streams staged in each, and the columns written.
fn norm(width: u32, passes: u64, staged_streams: u64, constants: Constants<'_>) -> u64 {
    const TILE: u64 = 16;
    let (width, lanes) = (u64::from(width), LANES as u64);
    let tiles = width.div_ceil(TILE);
    // Tiles end where the row ends: the columns of all of them are the row's.
    let plain = passes * (tiles + width);
    if constant(constants, "STAGED") == 1 {
        return plain + passes * tiles * staged_streams * TILE + lanes * (1 + width.div_ceil(lanes));
    }
    plain + 1 + width
}

impl Loops for layer_norm_gradient::Parameters {
    fn iterations(&self, entry: &Entry, constants: Constants<'_>) -> u64 {
        match entry.name {
            "row_moments" => norm(self.width, 2, 1, constants),
            "both" => norm(self.width, 2, 2, constants),
            _ => norm(self.width, 1, 2, constants),
        }
    }
}

impl Loops for normalize::Parameters {
    fn iterations(&self, entry: &Entry, constants: Constants<'_>) -> u64 {
        let passes = if entry.name == "both" { 4 } else { 2 };
        norm(self.width, passes, 1, constants)
    }
}

impl Loops for lsh_hash::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        let projection = if entry.name == "main" { u64::from(self.head_width) } else { 0 };
        u64::from(self.half) * (1 + projection)
    }
}

impl Loops for merge_heads_gradient::Parameters {
    fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
        u64::from(self.head_width)
    }
}

impl Loops for norm_sums::Parameters {
    fn iterations(&self, _: &Entry, _: Constants<'_>) -> u64 {
        u64::from(self.rows) + u64::from(self.rows.div_ceil(self.block.max(1)))
    }
}

impl Loops for radix_sort::Parameters {
    fn iterations(&self, entry: &Entry, _: Constants<'_>) -> u64 {
        const DIGITS: u32 = 32;
        const SCANNERS: u32 = 256;
        u64::from(match entry.name {
            "count" | "place" => self.block + DIGITS,
            "scan" => 2 * (DIGITS * self.blocks).div_ceil(SCANNERS) + SCANNERS,
            _ => 0,
        })
    }
}
