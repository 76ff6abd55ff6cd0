// Weights rounded to halves, two a word: to the nearest, ties to even, done with integers since a driver may round otherwise.
#include "shared/indexing.wgsl"
#include "shared/halves.wgsl"

struct Parameters {
    elements: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read_write> half: array<u32>;

/// `bits / 2^shift`, to the nearest, ties to even; `shift` is at least 1 and the quotient below 2^31.
fn divided(bits: u32, shift: u32) -> u32 {
    let quotient = bits >> shift;
    let rest = bits & ((1u << shift) - 1u);
    let middle = 1u << (shift - 1u);
    return quotient + select(0u, 1u, rest > middle || (rest == middle && (quotient & 1u) == 1u));
}

/// The bits of the half for those of a number. Carries run from the fraction into the exponent, up to infinity.
fn rounded(bits: u32) -> u32 {
    let magnitude = bits & 0x7fffffffu;
    let sign = (bits >> 16u) & 0x8000u;
    if STORED == BF16 {
        if magnitude > 0x7f800000u {
            return (bits >> 16u) | 0x40u;
        }
        return sign | divided(magnitude, 16u);
    }
    if magnitude > 0x7f800000u {
        return sign | 0x7e00u;
    }
    // From 2^16 on there is only infinity.
    if magnitude >= 0x47800000u {
        return sign | 0x7c00u;
    }
    // Below 2^-14 a half counts units of 2^-24; below 2^-25 there is not half a unit.
    if magnitude < 0x38800000u {
        let exponent = magnitude >> 23u;
        if exponent < 102u {
            return sign;
        }
        return sign | divided((magnitude & 0x7fffffu) | 0x800000u, 126u - exponent);
    }
    // The exponent's zero is 127 in one and 15 in the other.
    return sign | divided(magnitude - (112u << 23u), 13u);
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let first = 2u * linear(id, groups);
    if first >= parameters.elements {
        return;
    }
    var word = rounded(weight[first]);
    if first + 1u < parameters.elements {
        word |= rounded(weight[first + 1u]) << 16u;
    }
    half[first / 2u] = word;
}
