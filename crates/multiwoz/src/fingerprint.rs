//! Telling texts apart without keeping them: FNV-1a of 128 bits, the same on every machine. Not for adversaries.

use crate::Dialogue;

/// The offset basis and the prime of FNV-1a with 128 bits, from its definition.
const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
/// Ends a turn. No UTF-8 text contains this byte, so that moving a word to the next turn gives another text.
const END_OF_TURN: u8 = 0xff;

/// A text's fingerprint. Two of a million different texts have the same one with a probability below 10⁻²⁶.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Fingerprint(pub u128);

impl Fingerprint {
    /// Of all utterances in order.
    pub(crate) fn of(dialogue: &Dialogue) -> Self {
        Self::of_bytes(bytes_of(dialogue))
    }

    /// Of a salt and all utterances in order.
    pub(crate) fn salted(salt: &str, dialogue: &Dialogue) -> Self {
        Self::of_bytes(salt.bytes().chain([END_OF_TURN]).chain(bytes_of(dialogue)))
    }

    pub(crate) fn of_bytes(bytes: impl Iterator<Item = u8>) -> Self {
        Self(bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
    }
}

fn bytes_of(dialogue: &Dialogue) -> impl Iterator<Item = u8> {
    dialogue.turns.iter().flat_map(|turn| turn.utterance.bytes().chain([END_OF_TURN]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fnv_1a() {
        // From the test vectors of its authors.
        assert_eq!(Fingerprint::of_bytes([].into_iter()).0, BASIS);
        assert_eq!(Fingerprint::of_bytes(b"a".iter().copied()).0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
