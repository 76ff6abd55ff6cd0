//! Functions of one number that vectorise: branch-free polynomials, the same bits alone and in a loop. No slices here.

use crate::simd::Arithmetic;

/// e^x = 2^(x·log2 e): below this exp is 0, which masked logits rely on.
const EXP_LOWEST: f32 = -104.0;
/// Above this exp overflows to infinity.
const EXP_HIGHEST: f32 = 88.72;
/// 1.5·2²³: adding it leaves the nearest integer (ties to even) in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// e^x to about one unit in the last place (Cephes' split of ln 2 and a Taylor-like minimax polynomial). NaN stays NaN; below
/// -104 the result is exactly 0.
#[inline(always)]
pub(crate) fn exp<A: Arithmetic>(x: f32) -> f32 {
    let clamped = if x < EXP_LOWEST { EXP_LOWEST } else { x };
    let clamped = if clamped > EXP_HIGHEST { EXP_HIGHEST } else { clamped };
    let shifted = A::multiply_add(clamped, std::f32::consts::LOG2_E, ROUNDER);
    let exponent = shifted - ROUNDER;
    // ln 2 in two parts: the first has few bits, so that its product with the exponent is exact.
    let reduced = A::multiply_add(exponent, -0.693_359_4, clamped);
    let reduced = A::multiply_add(exponent, 2.121_944_4e-4, reduced);
    let mut sum = 1.987_569_1e-4;
    sum = A::multiply_add(sum, reduced, 1.398_2e-3);
    sum = A::multiply_add(sum, reduced, 8.333_452e-3);
    sum = A::multiply_add(sum, reduced, 4.166_579_6e-2);
    sum = A::multiply_add(sum, reduced, 1.666_666_5e-1);
    sum = A::multiply_add(sum, reduced, 0.5);
    let square = reduced * reduced;
    let tail = A::multiply_add(sum, square, reduced) + 1.0;
    // 2^exponent in two factors, so that subnormal results are reached without a subnormal factor.
    let power = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let half = power >> 1;
    let first = f32::from_bits(((half + 127) << 23) as u32);
    let second = f32::from_bits(((power - half + 127) << 23) as u32);
    let result = tail * first * second;
    let result = if x < EXP_LOWEST { 0.0 } else { result };
    if x > EXP_HIGHEST { f32::INFINITY } else { result }
}

/// ln x for normal x > 0 (Cephes' polynomial on [√½, √2)), to about one unit in the last place.
#[inline(always)]
pub(crate) fn ln<A: Arithmetic>(x: f32) -> f32 {
    let bits = x.to_bits() as i32;
    // The exponent that leaves a mantissa in [√½, √2): √½ has bits 0x3f3504f3.
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted >> 23) as f32;
    let mantissa = f32::from_bits((bits.wrapping_sub(shifted & !0x007f_ffff)) as u32) - 1.0;
    let square = mantissa * mantissa;
    let mut sum = 7.037_683_6e-2;
    for coefficient in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        0.333_333_3,
    ] {
        sum = A::multiply_add(sum, mantissa, coefficient);
    }
    let tail = A::multiply_add(exponent, -2.121_944_4e-4, sum * mantissa * square);
    let tail = A::multiply_add(square, -0.5, tail);
    A::multiply_add(exponent, 0.693_359_4, mantissa + tail)
}

/// σ(x) = 1/(1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid<A: Arithmetic>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<A>(-x))
}

/// 2·√(2/π).
const GELU_SCALE: f32 = 1.595_769;
/// The cubic term of GELU's tanh form.
const GELU_CUBIC: f32 = 0.044_715;

/// GELU in its tanh form, x·σ(2√(2/π)(x + 0.044715x³)), and its derivative.
#[inline(always)]
pub(crate) fn gelu<A: Arithmetic>(x: f32) -> (f32, f32) {
    let square = x * x;
    let inner = GELU_SCALE * x * A::multiply_add(GELU_CUBIC, square, 1.0);
    let sigma = sigmoid::<A>(inner);
    let slope = GELU_SCALE * A::multiply_add(3.0 * GELU_CUBIC, square, 1.0);
    let derivative = A::multiply_add(x * sigma * (1.0 - sigma), slope, sigma);
    (x * sigma, derivative)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Fused, Separate};

    fn units(got: f32, expected: f64) -> f64 {
        let ulp = f64::from(f32::from_bits((expected.abs() as f32).max(f32::MIN_POSITIVE).to_bits() + 1))
            - f64::from((expected.abs() as f32).max(f32::MIN_POSITIVE));
        (f64::from(got) - expected).abs() / ulp
    }

    #[test]
    fn exp_and_ln_are_within_two_units() {
        let mut worst = [0.0f64; 4];
        for step in 0..200_000 {
            let x = -87.0 + step as f32 * (175.0 / 200_000.0);
            worst[0] = worst[0].max(units(exp::<Fused>(x), f64::from(x).exp()));
            worst[1] = worst[1].max(units(exp::<Separate>(x), f64::from(x).exp()));
            let y = 1e-30f32 * 1.0007f32.powi(step);
            if y.is_finite() && !(0.9..1.1).contains(&y) {
                worst[2] = worst[2].max(units(ln::<Fused>(y), f64::from(y).ln()));
                worst[3] = worst[3].max(units(ln::<Separate>(y), f64::from(y).ln()));
            }
        }
        assert!(worst.iter().all(|&units| units <= 2.0), "units in the last place of exp, exp, ln, ln: {worst:?}");
    }

    #[test]
    fn exp_ends_where_masks_need_it() {
        assert_eq!(exp::<Fused>(-1e5).to_bits(), 0);
        assert_eq!(exp::<Fused>(f32::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp::<Fused>(0.0), 1.0);
        assert_eq!(exp::<Fused>(100.0), f32::INFINITY);
        assert!(exp::<Fused>(f32::NAN).is_nan());
        assert!(exp::<Fused>(-100.0) > 0.0);
    }

    #[test]
    fn the_derivative_of_gelu_is_its_slope() {
        for step in -60..60 {
            let x = step as f32 * 0.1;
            let h = 1e-2f32;
            let slope = (gelu::<Fused>(x + h).0 - gelu::<Fused>(x - h).0) / (2.0 * h);
            // h²/6 of a third derivative below 1, and 1e-7/h of rounding.
            assert!((slope - gelu::<Fused>(x).1).abs() < 1e-4, "at {x}: {slope} against {}", gelu::<Fused>(x).1);
        }
    }
}
