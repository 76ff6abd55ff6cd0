//! Fingerprints of all pieces of a text that have one length, in a time that does not depend on that length (Karp and Rabin,
//! "Efficient randomized pattern-matching algorithms", 1987). What they are compared with is known elsewhere.

use std::collections::HashSet;

/// Fingerprints of pieces. A hash set, since every byte of a text asks it; never iterated but into another set or to sort them, so that its
/// order reaches nothing.
pub(crate) type Fingerprints = HashSet<u128>;

/// 2⁶¹ - 1, a prime, modulo which a product is reduced with a shift and an addition.
const PRIME: u64 = (1 << 61) - 1;
/// A piece is a polynomial whose coefficients are its bytes; it is evaluated at these two places. Drawn once at random: two different
/// pieces of 4096 bytes have the same two values with a probability of about (4096 / 2⁶¹)², or 10⁻²⁹.
const BASES: [u64; 2] = [0x0f3a_91c7_5d2e_8b46, 0x1a64_7e09_b3d8_52f1];

/// Shows each piece of `length` bytes, by the place where it begins, as its fingerprint; none of a text that is shorter.
pub(crate) fn fingerprints_of(text: &[u8], length: usize, mut each: impl FnMut(usize, u128)) {
    if length == 0 || text.len() < length {
        return;
    }
    // What the first byte of a piece counts.
    let leading = BASES.map(|base| (1..length).fold(1, |power, _| times(power, base)));
    let mut values = [0; 2];
    for (at, &byte) in text.iter().enumerate() {
        for (value, (&base, &leading)) in values.iter_mut().zip(BASES.iter().zip(&leading)) {
            if at >= length {
                let gone = times(coefficient(text[at - length]), leading);
                *value = plus(*value, PRIME - gone);
            }
            *value = plus(times(*value, base), coefficient(byte));
        }
        if at + 1 >= length {
            each(at + 1 - length, u128::from(values[0]) << 64 | u128::from(values[1]));
        }
    }
}

/// Never 0, so that zeros at the beginning count.
fn coefficient(byte: u8) -> u64 {
    u64::from(byte) + 1
}

fn plus(one: u64, other: u64) -> u64 {
    let sum = one + other;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn times(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    // 2⁶¹ is 1 here, so what is above the 61 lower bits is added to them.
    plus((product & u128::from(PRIME)) as u64, (product >> 61) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8], length: usize) -> Vec<u128> {
        let mut found = Vec::new();
        fingerprints_of(text, length, |at, fingerprint| {
            assert_eq!(at, found.len());
            found.push(fingerprint);
        });
        found
    }

    proptest! {
        #[test]
        fn a_piece_has_the_fingerprint_that_it_has_alone(text: Vec<u8>, length in 1..40usize) {
            let alone: Vec<u128> = text.windows(length).flat_map(|piece| all(piece, length)).collect();
            prop_assert_eq!(all(&text, length), alone);
        }

        #[test]
        fn other_pieces_have_others(mut text in prop::collection::vec(any::<u8>(), 1..5000), at: prop::sample::Index, with: u8) {
            let before = all(&text, text.len());
            let at = at.index(text.len());
            prop_assume!(text[at] != with);
            text[at] = with;
            prop_assert_ne!(all(&text, text.len()), before);
        }
    }

    #[test]
    fn products_are_those_of_wide_numbers() {
        for one in [0, 1, 2, PRIME - 1, BASES[0], BASES[1]] {
            for other in [0, 1, 7, PRIME - 1, BASES[0]] {
                assert_eq!(u128::from(times(one, other)), u128::from(one) * u128::from(other) % u128::from(PRIME));
            }
        }
        assert!(BASES.iter().all(|&base| base < PRIME));
    }
}
