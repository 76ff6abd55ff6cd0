//! Looking at Rust source without parsing it: blanking out what is not code, finding words and matching brackets. Every
//! rule that looks for a word in code uses this, so that comments, strings and tests may speak of what code may not do.

/// The text with comments, and the contents of strings and characters, replaced by spaces. Lines and byte offsets stay.
pub fn without_text(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word_before(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            b'b' | b'c' if !is_word_before(bytes, at) && bytes.get(at + 1) == Some(&b'r') => {
                match raw_string_end(bytes, at + 1) {
                    Some(end) => end,
                    None => {
                        at += 1;
                        continue;
                    }
                }
            }
            b'\'' => match character_end(text, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Comments and strings begin and end at ASCII characters, so that what is left is whole characters.
    String::from_utf8(code).unwrap_or_default()
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn is_word_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length)
}

/// Block comments nest.
fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"` or `r#"…"#` whose `r` is at `at`; `None` if that is another word, such as `r#match`.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    let start = at + 1 + hashes;
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let length = bytes[start + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| start + 1 + length + close.len()))
}

/// The end of a character literal; `None` for a lifetime.
fn character_end(text: &str, at: usize) -> Option<usize> {
    let mut rest = text[at + 1..].char_indices();
    let (_, first) = rest.next()?;
    if first != '\\' {
        let (offset, second) = rest.next()?;
        return (second == '\'').then_some(at + 1 + offset + 1);
    }
    rest.next()?; // What is escaped may be a quote.
    rest.find(|&(_, character)| character == '\'').map(|(offset, _)| at + 1 + offset + 1)
}

/// The code with everything under `#[cfg(test)]` blanked out too.
pub fn without_tests(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(offset) = code[from..].find("#[cfg(test)]") {
        let start = from + offset;
        let body = code[start..].find(['{', ';']).map_or(code.len(), |length| start + length);
        let end = if code[body..].starts_with('{') { closing(code, body) + 1 } else { body + 1 };
        let end = end.min(code.len());
        bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        from = end;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// The offset of the bracket that closes the one at `open`; the end of the code if there is none.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return offset;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Every place where `word` stands by itself: not inside a longer identifier.
pub fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let end = at + word.len();
        let joins = |byte: Option<&u8>| byte.copied().is_some_and(is_word);
        let longer_before = joins(word.as_bytes().first()) && is_word_before(bytes, at);
        let longer_after = joins(word.as_bytes().last()) && joins(bytes.get(end));
        !longer_before && !longer_after
    })
}

/// The names that follow a path: one, or those at the top level of `{…}`.
pub fn names_after(code: &str, at: usize) -> Vec<(usize, &str)> {
    let word = |from: usize| {
        let length = code[from..].find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(code.len() - from);
        (from, &code[from..from + length])
    };
    if !code[at..].starts_with('{') {
        return vec![word(at)];
    }
    let end = closing(code, at);
    let mut names = Vec::new();
    let (mut depth, mut expecting) = (0, true);
    for (offset, character) in code[at + 1..end].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            character if expecting && !character.is_whitespace() => {
                names.push(word(at + 1 + offset));
                expecting = false;
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_code_is_blanked_at_the_same_offsets() {
        let rows = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x \" y", z)"#, r#"f(        , z)"#),
            (r###"f(r#"x " y"#, br"q", r#match)"###, "f(          ,      , r#match)"),
            ("f('{', '\\'', 'a, '\\u{1F600}')", "f(   ,     , 'a,            )"),
            ("let x: &'static str = \"é\nö\";", "let x: &'static str =    \n   ;"),
            ("write(b\"x\", '\"', \"y\")", "write(b   ,    ,    )"),
            ("\"never closed", "             "),
        ];
        for (text, code) in rows {
            let got = without_text(text);
            assert_eq!(got, code, "{text}");
            assert_eq!(got.len(), text.len(), "{text}");
        }
    }

    #[test]
    fn test_modules_are_blanked() {
        let code = "use a;\n#[cfg(test)]\nmod tests { fn b() { c() } }\nfn d() {}\n#[cfg(test)]\nmod more;\nfn e() {}";
        let left = without_tests(code);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), "use a; fn d() {} fn e() {}");
        assert_eq!(left.lines().count(), code.lines().count());
    }

    #[test]
    fn words_are_whole_words() {
        let code = "unsafe_code unsafe fn not_unsafe(unsafe) Op::A BinaryOp::A";
        assert_eq!(places(code, "unsafe").collect::<Vec<_>>(), [12, 33]);
        assert_eq!(places(code, "Op::").count(), 1);
    }

    #[test]
    fn names_after_a_path() {
        let names = |code: &str| {
            let names: Vec<String> = names_after(code, code.find("a::").expect("is there") + 3)
                .iter()
                .map(|(_, name)| name.to_string())
                .collect();
            names.join(" ")
        };
        assert_eq!(names("use a::b as c;"), "b");
        assert_eq!(names("a::b::MAIN"), "b");
        assert_eq!(names("use a::{b as c, d::{e, f}, self,\n    g};"), "b d self g");
        assert_eq!(names("use a::{b, c"), "b c", "a bracket that is never closed");
    }

    #[test]
    fn brackets_match() {
        assert_eq!(closing("f(a[b{c}], d) e", 1), 12);
        assert_eq!(closing("f(a", 1), 3);
    }
}
