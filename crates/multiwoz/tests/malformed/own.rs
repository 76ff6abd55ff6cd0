//! Wrong files of own dialogues.

use super::{Case, OWN, broken_texts, case, deep};

/// Lines of which the third is bad.
fn bad_line(line: &str) -> Vec<u8> {
    let good = r#"{"turns":[{"speaker":"user","text":"Hello."}]}"#;
    format!("{good}\n\n{line}\n{good}\n").into_bytes()
}

pub fn cases() -> Vec<Case> {
    let f = OWN;
    let mut cases = broken_texts(f, br#"{"turns":[{"speaker":"user","text":"good"}]}"#);
    cases.extend([
        case(
            "cut line",
            f,
            bad_line("{\"turns\": [{\"speaker\":\"user\",\"text\":\"He"),
            &["dialogue in line 3, turn 0, field `text`", "the line is cut off"],
        ),
        case("no JSON", f, bad_line("turns"), &["line 3", "not valid JSON"]),
        case("two objects", f, bad_line("{\"turns\":[]} {\"turns\":[]}"), &["line 3", "trailing characters"]),
        case("a list", f, bad_line("[]"), &["dialogue in line 3", "found []"]),
        case("no turns", f, bad_line("{}"), &["in line 3", "`turns` is missing"]),
        case(
            "unknown speaker",
            f,
            bad_line(r#"{"turns":[{"speaker":"me","text":"a"}]}"#),
            &["in line 3, turn 0", "`speaker` is \"me\""],
        ),
        case("no speaker", f, bad_line(r#"{"turns":[{"text":"a"}]}"#), &["in line 3, turn 0", "`speaker` is missing"]),
        case("no text", f, bad_line(r#"{"turns":[{"speaker":"user"}]}"#), &["turn 0", "`text` is missing"]),
        case(
            "text is null",
            f,
            bad_line(r#"{"turns":[{"speaker":"user","text":null}]}"#),
            &["turn 0", "`text` is null"],
        ),
        case(
            "lone surrogate",
            f,
            bad_line(r#"{"turns":[{"speaker":"user","text":"\ud83d"}]}"#),
            &["in line 3, turn 0, field `text`", "not valid JSON"],
        ),
        case(
            "duplicate key",
            f,
            bad_line(r#"{"turns":[{"speaker":"user","text":"a","text":"b"}]}"#),
            &["turn 0", "`text` occurs twice"],
        ),
        case("deep nesting", f, bad_line(&deep("{\"turns\":[],\"x\":", "}")), &["line 3", "recursion limit"]),
        case("id is a number", f, bad_line(r#"{"id":3,"turns":[]}"#), &["in line 3", "`id` is 3"]),
        case(
            "two texts",
            f,
            bad_line(r#"{"turns":[{"speaker":"user","text":"a","utterance":"b"}]}"#),
            &["turn 0", "`utterance` is \"b\"", "called otherwise"],
        ),
        case(
            "two ids",
            f,
            bad_line(r#"{"id":"a","dialogue_id":"b","turns":[]}"#),
            &["`dialogue_id` is \"b\"", "called otherwise"],
        ),
        case(
            "a wrong frame",
            f,
            bad_line(r#"{"turns":[{"speaker":"user","text":"a","frames":[{}]}]}"#),
            &["turn 0, frame 0", "`service` is missing"],
        ),
    ]);
    cases
}
