//! Random numbers without state: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011). Every number is a function of a key and a counter; sampling policies are elsewhere.

/// A key for random numbers. Keys derive from keys by [`Key::fold_in`]; nothing is ever advanced.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(pub [u32; 2]);

/// The rotation constants of Threefry-2x32 (table 2 of the paper).
const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
/// The key schedule's parity constant of Threefish with 32-bit words.
const PARITY: u32 = 0x1BD1_1BDA;
/// Second counter word of derived keys, so that a key's children and its random bits at small counters differ.
const FOLD_TAG: u32 = 0xF01D_F01D;

impl Key {
    /// The key of a run's seed.
    pub fn from_seed(seed: u64) -> Self {
        Key([(seed >> 32) as u32, seed as u32])
    }

    /// The 64 random bits at `counter`.
    #[inline(always)]
    pub fn bits(self, counter: [u32; 2]) -> [u32; 2] {
        let schedule = [self.0[0], self.0[1], PARITY ^ self.0[0] ^ self.0[1]];
        let mut x0 = counter[0].wrapping_add(schedule[0]);
        let mut x1 = counter[1].wrapping_add(schedule[1]);
        let mut round = 0;
        while round < 20 {
            x0 = x0.wrapping_add(x1);
            x1 = x1.rotate_left(ROTATIONS[round % 8]) ^ x0;
            round += 1;
            if round % 4 == 0 {
                let injection = round / 4;
                x0 = x0.wrapping_add(schedule[injection % 3]);
                x1 = x1.wrapping_add(schedule[(injection + 1) % 3]).wrapping_add(injection as u32);
            }
        }
        [x0, x1]
    }

    /// The key for `number` under this key: a step, a layer, a site.
    pub fn fold_in(self, number: u32) -> Key {
        Key(self.bits([number, FOLD_TAG]))
    }

    /// A number uniform in [0, 1), of 53 random bits, at `index`.
    pub fn uniform(self, index: u64) -> f64 {
        let [a, b] = self.bits([(index >> 32) as u32, index as u32]);
        // 2^-53: the spacing of doubles just below 1.
        ((u64::from(a) << 32 | u64::from(b)) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// `count` standard normal numbers (Box and Muller 1958), the same for every count that is long enough.
    pub fn normal(self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|index| {
                let pair = (index / 2) as u64;
                // 1 - u lies in (0, 1], where the logarithm is finite.
                let radius = (-2.0 * (1.0 - self.uniform(2 * pair)).ln()).sqrt();
                let angle = std::f64::consts::TAU * self.uniform(2 * pair + 1);
                (if index % 2 == 0 { radius * angle.cos() } else { radius * angle.sin() }) as f32
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known-answer vectors that Random123 publishes for threefry2x32, 20 rounds.
    #[test]
    fn random123_vectors() {
        let cases: [([u32; 2], [u32; 2], [u32; 2]); 3] = [
            ([0, 0], [0, 0], [0x6b20_0159, 0x99ba_4efe]),
            ([u32::MAX, u32::MAX], [u32::MAX, u32::MAX], [0x1cb9_96fc, 0xbb00_2be7]),
            ([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3], [0xc492_3a9c, 0x483d_f7a0]),
        ];
        for (key, counter, expected) in cases {
            let got = Key(key).bits(counter);
            assert_eq!(
                got, expected,
                "threefry2x32-20 of key {key:08x?}, counter {counter:08x?}: got {got:08x?}, expected {expected:08x?}"
            );
        }
    }

    #[test]
    fn normal_numbers_have_the_right_moments() {
        let count = 100_000;
        let numbers = Key::from_seed(7).normal(count);
        let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / count as f64;
        let variance = numbers.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / count as f64;
        // Five standard errors: 1/sqrt(count) for the mean, sqrt(2/count) for the variance.
        assert!(mean.abs() < 5.0 / (count as f64).sqrt(), "mean {mean}");
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / count as f64).sqrt(), "variance {variance}");
        assert_eq!(numbers[..7], Key::from_seed(7).normal(7)[..], "a longer draw starts with the shorter one");
    }
}
