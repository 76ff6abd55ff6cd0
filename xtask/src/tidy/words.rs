//! Words that must not stand in any text file, as data. They are written in two halves so that this file may hold them.

use super::tree::Tree;
use super::{Violation, code};

struct Word {
    word: &'static str,
    mend: &'static str,
}

const FINISH: &str = "do it now, or write an issue and leave no trace in the text";
const NO_PLACE: &str = "name a path relative to the repository, or one that the reader chooses";

const WORDS: &[Word] = &[
    Word { word: concat!("TO", "DO"), mend: FINISH },
    Word { word: concat!("FIX", "ME"), mend: FINISH },
    Word { word: concat!("XX", "X"), mend: FINISH },
    Word { word: concat!("/wo", "rk/"), mend: NO_PLACE },
    Word { word: concat!("/ro", "ot/"), mend: NO_PLACE },
    Word { word: concat!("/ho", "me/"), mend: NO_PLACE },
    Word { word: concat!("/Us", "ers/"), mend: NO_PLACE },
    Word { word: concat!("/tm", "p/"), mend: NO_PLACE },
    Word { word: concat!("<<<", "<<<<"), mend: "finish the merge" },
    Word { word: concat!(">>>", ">>>>"), mend: "finish the merge" },
];

/// Every place where one of the words stands by itself.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.files {
        for Word { word, mend } in WORDS {
            for at in code::places(&file.text, word) {
                violations.push(Violation::new(&file.path, file.line_of(at), format!("`{word}` in the text"), *mend));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_words_are_found_in_every_kind_of_file() {
        for word in WORDS.iter().map(|word| word.word) {
            for path in ["docs/a.md", "crates/model/src/a.rs", ".ci/run"] {
                let found = check(&Tree::of(&[(path, &format!("first\nsecond {word}x: {word} \n"))]));
                assert!(found.iter().any(|violation| violation.line == 2), "{word} in {path}");
            }
        }
    }

    #[test]
    fn longer_words_are_others() {
        let text = concat!("TO", "DOS mTO", "DO FIX", "MEUP\n");
        assert_eq!(check(&Tree::of(&[("a.md", text)])), []);
    }
}
