//! Dialogues as tokens: who speaks, and which tokens are scored. Knows no data set and no file.

use crate::tokenizer::{DIALOGUE, END, SYSTEM, USER};
use crate::{SessionError, Tokenizer};
use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The person.
    User,
    /// The model.
    System,
}

impl Speaker {
    /// The special token that begins a turn of this speaker.
    pub fn token(self) -> u32 {
        match self {
            Speaker::User => USER,
            Speaker::System => SYSTEM,
        }
    }

    /// `user` or `system`.
    pub fn name(self) -> &'static str {
        match self {
            Speaker::User => "user",
            Speaker::System => "system",
        }
    }
}

/// A dialogue as tokens: for each turn the speaker's tag, the text and `<end>`; after the last turn `<dialogue>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedDialogue {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// For each token whether predicting it counts: text and `<end>` do; speakers' tags and `<dialogue>` are the frame
    /// of the transcript, not its text, and don't.
    pub scored: Vec<bool>,
    /// Bytes of the text alone.
    pub text_bytes: usize,
}

impl Tokenizer {
    /// Encodes the turns of one dialogue.
    ///
    /// # Errors
    /// [`SessionError::Tokenizer`] if the library refuses a text.
    pub fn encode_dialogue<S: AsRef<str>>(&self, turns: &[(Speaker, S)]) -> Result<EncodedDialogue, SessionError> {
        let mut dialogue = EncodedDialogue::default();
        for (speaker, text) in turns {
            let text = text.as_ref();
            let tokens = self.encode(text)?;
            dialogue.tokens.push(speaker.token());
            dialogue.scored.push(false);
            dialogue.scored.resize(dialogue.scored.len() + tokens.len() + 1, true);
            dialogue.tokens.extend(tokens);
            dialogue.tokens.push(END);
            dialogue.text_bytes += text.len();
        }
        dialogue.tokens.push(DIALOGUE);
        dialogue.scored.push(false);
        Ok(dialogue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_frame_the_text_and_are_not_scored() {
        let tokenizer = Tokenizer::bytes();
        let dialogue = tokenizer.encode_dialogue(&[(Speaker::User, "hé"), (Speaker::System, "")]).unwrap();
        let bytes = tokenizer.encode("hé").unwrap();
        assert_eq!(bytes.len(), 3);
        let tokens = [&[USER], bytes.as_slice(), &[END, SYSTEM, END, DIALOGUE]].concat();
        assert_eq!(dialogue.tokens, tokens);
        assert_eq!(dialogue.scored, [false, true, true, true, true, false, true, false]);
        assert_eq!(dialogue.text_bytes, 3);
    }

    #[test]
    fn a_speaker_is_a_word_in_json() {
        assert_eq!(serde_json::to_string(&Speaker::System).unwrap(), "\"system\"");
        assert!(serde_json::from_str::<Speaker>("\"User\"").is_err());
    }
}
