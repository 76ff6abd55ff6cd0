// Mean and 1/deviation of rows of a stream, or of two side by side. The including file declares the streams `x` and `other` and
// a parameter `fraction_bits`. Explicit fma, so that every kernel has the same bits.
#include "shared/stream.wgsl"

struct Moments {
    mean: f32,
    // 1/√(variance + epsilon).
    inverse: f32,
}

fn one(index: u32) -> f32 {
    return stream_value(x[index], parameters.fraction_bits);
}

fn two(index: u32) -> f32 {
    return stream_value(other[index], parameters.fraction_bits);
}

/// Of the row of `x` that starts at word `start`.
fn moments_of_one(start: u32, width: u32, epsilon: f32) -> Moments {
    var sum = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        sum += one(start + i);
    }
    let mean = sum / f32(width);
    var squares = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        let difference = one(start + i) - mean;
        squares = fma(difference, difference, squares);
    }
    return Moments(mean, 1.0 / sqrt(squares / f32(width) + epsilon));
}

/// Of the rows of both streams that start there, as one row.
fn moments_of_both(start: u32, width: u32, epsilon: f32) -> Moments {
    var sum = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        sum += one(start + i);
    }
    for (var i = 0u; i < width; i += 1u) {
        sum += two(start + i);
    }
    let mean = sum / f32(2u * width);
    var squares = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        let difference = one(start + i) - mean;
        squares = fma(difference, difference, squares);
    }
    for (var i = 0u; i < width; i += 1u) {
        let difference = two(start + i) - mean;
        squares = fma(difference, difference, squares);
    }
    return Moments(mean, 1.0 / sqrt(squares / f32(2u * width) + epsilon));
}
