//! The first keys of a JSON text, from its first bytes: enough to tell dialogues from other JSON, and one layout from another,
//! without reading a file to its end. Whether it is valid JSON is said by whoever reads it.

use crate::contents::Form;

/// Levels of objects whose keys are noted.
const DEEPEST: usize = 3;
/// Keys that are noted; a first dialogue has some dozens.
const MOST_KEYS: usize = 2000;

/// What the first bytes of a JSON text hold, of every list the first element only.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Whether the text begins with a list.
    is_list: bool,
    /// From the outermost object to each key; a list's key has `[]` at its end too.
    keys: Vec<Vec<String>>,
}

/// A list or an object that is open.
struct Level {
    is_list: bool,
    /// Whether what comes is in a list's first element; in an object always.
    is_first: bool,
    /// Whether a text that comes next is a key, and the last key.
    takes_key: bool,
    key: String,
}

impl Outline {
    pub(crate) fn of(head: &[u8]) -> Self {
        let mut outline = Self::default();
        let mut levels: Vec<Level> = Vec::new();
        let mut at = 0;
        while let Some(&byte) = head.get(at) {
            at += 1;
            match byte {
                b'[' | b'{' => {
                    let is_list = byte == b'[';
                    if levels.is_empty() {
                        outline.is_list = is_list;
                    } else if is_list {
                        outline.note(&levels, "[]");
                    }
                    levels.push(Level { is_list, is_first: true, takes_key: !is_list, key: String::new() });
                }
                b']' | b'}' => {
                    levels.pop();
                    if levels.is_empty() {
                        break;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                // Neither an object nor a list, so nothing that has keys.
                _ if levels.is_empty() => break,
                b'"' => {
                    let Some(length) = text_length(&head[at..]) else { break };
                    let text = &head[at..at + length];
                    at += length + 1;
                    if let Some(level) = levels.last_mut().filter(|level| level.takes_key) {
                        level.takes_key = false;
                        level.key = String::from_utf8_lossy(text).into_owned();
                        outline.note(&levels, "");
                    }
                }
                b',' => {
                    if let Some(level) = levels.last_mut() {
                        level.takes_key = !level.is_list;
                        level.is_first &= !level.is_list;
                    }
                }
                _ => {}
            }
            if outline.keys.len() > MOST_KEYS {
                break;
            }
        }
        outline
    }

    fn note(&mut self, levels: &[Level], ending: &str) {
        let objects = levels.iter().filter(|level| !level.is_list);
        let is_key = levels.last().is_some_and(|level| !level.is_list);
        // A list of lists holds no dialogues.
        let is_key =
            is_key && !levels.iter().take(2).skip_while(|level| !level.is_list).skip(1).any(|level| level.is_list);
        if is_key && levels.iter().all(|level| level.is_first) && objects.clone().count() <= DEEPEST {
            let mut path: Vec<String> = objects.map(|level| level.key.clone()).collect();
            if let Some(last) = path.last_mut() {
                last.push_str(ending);
            }
            self.keys.push(path);
        }
    }

    fn has(&self, path: &[&str]) -> bool {
        self.keys.iter().any(|key| key == path)
    }

    /// How the text holds dialogues, if it does.
    pub(crate) fn form(&self) -> Option<Form> {
        let own = if self.is_list { Form::OwnList } else { Form::OwnLines };
        let is_published =
            self.has(&["dialogue_id"]) || self.has(&["turns[]", "utterance"]) || self.has(&["turns", "utterance"]);
        if self.has(&["messages[]"]) || self.has(&["conversations[]"]) {
            Some(own)
        } else if self.has(&["turns[]"]) || self.has(&["dialogue_id"]) {
            Some(if is_published && self.is_list { Form::SchemaGuided } else { own })
        } else if !self.is_list && self.keys.iter().any(|key| matches!(key.as_slice(), [_, log] if log == "log[]")) {
            Some(Form::DataJson)
        } else {
            None
        }
    }
}

/// How many bytes a JSON text has up to its closing quote.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialogues_are_told_from_other_json() {
        let cases = [
            (r#"{"turns":[{"speaker":"user","text":"a"}]}"#, Some(Form::OwnLines)),
            (" \n{\"id\":\"a\\\"{\",\"turns\" : [", Some(Form::OwnLines)),
            (r#"{"messages":[{"role":"user"#, Some(Form::OwnLines)),
            (r#"[{"conversations":[]}]"#, Some(Form::OwnList)),
            (r#"[{"services":["a"],"turns":[{"speaker":"user","text":"#, Some(Form::OwnList)),
            (r#"[{"dialogue_id":"a","#, Some(Form::SchemaGuided)),
            (r#"[{"turns":[{"frames":[{"state":{}}],"utterance":"#, Some(Form::SchemaGuided)),
            (r#"{"dialogue_id":"a","turns":[]}"#, Some(Form::OwnLines)),
            (r#"{"A.json":{"goal":{"info":[]},"log":[{"text":"a"}"#, Some(Form::DataJson)),
            // Other files of data sets.
            (r#"[{"service_name":"hotel","slots":[]}]"#, None),
            (r#"{"A.json":{"0":{"dialog_act":{},"span_info":[]}}}"#, None),
            (r#"{"hotel-area":["north"]}"#, None),
            (r#"{"messages":{"hello":"Hello"}}"#, None),
            (r#"[1,{"turns":[]}]"#, None),
            (r#"[[{"turns":[]}],{"messages":[]}]"#, None),
            (r#"{"a":[{"turns":[]}]}"#, None),
            ("[Chapter 1] {turns}", None),
            ("He said \"turns\": [", None),
            ("[]", None),
            ("{}", None),
            ("", None),
        ];
        for (text, form) in cases {
            assert_eq!(Outline::of(text.as_bytes()).form(), form, "{text}");
        }
    }
}
