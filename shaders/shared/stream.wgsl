// Residual streams: words that are f32 or fixed point, and shares that are added to them. Needs no binding.

/// `fraction_bits` of a stream in plain f32.
const PLAIN: u32 = 255u;

/// 2^-fraction_bits.
fn stream_unit(fraction_bits: u32) -> f32 {
    return bitcast<f32>((127u - fraction_bits) << 23u);
}

/// A stream's word as a number.
fn stream_value(word: u32, fraction_bits: u32) -> f32 {
    if fraction_bits == PLAIN {
        return bitcast<f32>(word);
    }
    return f32(bitcast<i32>(word)) * stream_unit(fraction_bits);
}

/// 0 if the stream can take the share, else the bits of its magnitude: NaN is larger than every number.
fn share_fault(share: f32, fraction_bits: u32) -> u32 {
    let magnitude = bitcast<u32>(share) & 0x7fffffffu;
    if fraction_bits == PLAIN {
        return select(0u, magnitude, magnitude >= 0x7f800000u);
    }
    // 2^(31 - fraction_bits): the first magnitude that the integers can't hold.
    let limit = (127u + 31u - fraction_bits) << 23u;
    return select(0u, magnitude, magnitude >= limit);
}

/// The word with the share added (`sign` 1) or taken off (`sign` -1), rounded to the unit with ties to even. Integers wrap.
fn stream_add(word: u32, share: f32, sign: i32, fraction_bits: u32) -> u32 {
    if fraction_bits == PLAIN {
        return bitcast<u32>(bitcast<f32>(word) + f32(sign) * share);
    }
    // 2^fraction_bits: the product is exact, where a driver's division need not be.
    let units = bitcast<f32>((127u + fraction_bits) << 23u);
    let integer = i32(round(share * units));
    return bitcast<u32>(bitcast<i32>(word) + sign * integer);
}
