// How weights are stored: f32, or two halves a word, the first in the lower half.

const SINGLE: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;
/// Which of them this kernel is compiled for.
const STORED: u32 = 0; // one of 0, 1, 2

/// Element `index` of a weight in halves, from its word.
fn widened(word: u32, index: u32) -> f32 {
    let half = (word >> (16u * (index & 1u))) & 0xffffu;
    if STORED == BF16 {
        return bitcast<f32>(half << 16u);
    }
    // With integers: not every device widens f16, and some lose the numbers below 2^-14, which count units of 2^-24.
    let sign = (half & 0x8000u) << 16u;
    let magnitude = half & 0x7fffu;
    if magnitude < 0x400u {
        return bitcast<f32>(sign | bitcast<u32>(f32(magnitude) * 0x1p-24f));
    }
    // The exponent's zero is 15 in one and 127 in the other; the highest one means infinity in both.
    let exponent = select(112u, 224u, magnitude >= 0x7c00u) << 23u;
    return bitcast<f32>(sign | ((magnitude << 13u) + exponent));
}
