// Functions of one number where a driver's own may be poor: exp and ln to about one unit in the last place. Every step is a
// product, a sum or an explicit `fma`, so that two shaders give the same bits. Needs no binding. Accuracy is tested in
// crates/gpu/tests/elementary.rs.

/// Below this e^x is 0, which masked logits rely on.
const EXP_LOWEST: f32 = -104.0;
/// Above this e^x is no f32; it stays at the last one that is.
const EXP_HIGHEST: f32 = 88.72;

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

/// 2^power for -127 < power < 128.
fn power_of_two(power: i32) -> f32 {
    return bitcast<f32>(u32(power + 127) << 23u);
}

/// n·355/512, the first part of ln 2: few bits, so that it is exact. The product with 355 is one of integers, since compilers take
/// n·a + n·b for n·(a + b), and the two parts of ln 2 for one rounded number.
fn first_of_ln_2(n: i32) -> f32 {
    return f32(n * 355) * 0x1p-9f;
}

/// e^x: Cephes' split of ln 2 and polynomial. NaN stays NaN.
fn accurate_exp(x: f32) -> f32 {
    let clamped = clamp(x, EXP_LOWEST, EXP_HIGHEST);
    let power = i32(round(clamped * 1.4426950408889634));
    let reduced = fma(f32(power), 2.12194440e-4, clamped - first_of_ln_2(power));
    var sum = 1.9875691500e-4;
    sum = fma(sum, reduced, 1.3981999507e-3);
    sum = fma(sum, reduced, 8.3334519073e-3);
    sum = fma(sum, reduced, 4.1665795894e-2);
    sum = fma(sum, reduced, 1.6666665459e-1);
    sum = fma(sum, reduced, 0.5);
    let tail = fma(sum, reduced * reduced, reduced) + 1.0;
    // 2^exponent in two factors: a result below the normal numbers needs no factor there.
    let half = power >> 1u;
    let result = select(tail * power_of_two(half) * power_of_two(power - half), 0.0, x < EXP_LOWEST);
    // By bits: compilers may take any comparison of numbers for one without NaN.
    return select(result, x, is_nan(x));
}

/// ln x for normal x > 0: Cephes' polynomial on [√½, √2).
fn accurate_log(x: f32) -> f32 {
    let bits = bitcast<i32>(x);
    // The exponent that leaves a mantissa in [√½, √2): √½ has bits 0x3f3504f3.
    let shifted = bits - 0x3f3504f3;
    let exponent = shifted >> 23u;
    let mantissa = bitcast<f32>(bits - (shifted & ~0x007fffff)) - 1.0;
    let square = mantissa * mantissa;
    var sum = 7.0376836292e-2;
    sum = fma(sum, mantissa, -1.1514610310e-1);
    sum = fma(sum, mantissa, 1.1676998740e-1);
    sum = fma(sum, mantissa, -1.2420140846e-1);
    sum = fma(sum, mantissa, 1.4249322787e-1);
    sum = fma(sum, mantissa, -1.6668057665e-1);
    sum = fma(sum, mantissa, 2.0000714765e-1);
    sum = fma(sum, mantissa, -2.4999993993e-1);
    sum = fma(sum, mantissa, 3.3333331174e-1);
    var tail = fma(f32(exponent), -2.12194440e-4, sum * mantissa * square);
    tail = fma(square, -0.5, tail);
    return first_of_ln_2(exponent) + (mantissa + tail);
}
