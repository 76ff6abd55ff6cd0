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
    cases.extend(chats(f));
    cases
}

/// Wrong messages.
fn chats(f: &'static str) -> Vec<Case> {
    vec![
        case(
            "a tool's answer",
            f,
            bad_line(r#"{"messages":[{"role":"user","content":"a"},{"role":"tool","content":"5"}]}"#),
            &["in line 3, turn 1", "`role` is \"tool\"", "take it out"],
        ),
        case("no role", f, bad_line(r#"{"messages":[{"content":"a"}]}"#), &["turn 0", "`role` is missing"]),
        case("no content", f, bad_line(r#"{"messages":[{"role":"user"}]}"#), &["turn 0", "`content` is missing"]),
        case(
            "content is null",
            f,
            bad_line(r#"{"messages":[{"role":"assistant","content":null}]}"#),
            &["turn 0", "`content` is null", "a list of parts"],
        ),
        case(
            "a picture",
            f,
            bad_line(r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]}]}"#),
            &["turn 0", "`content[1]` is {\"type\":\"image_url\"}", "only text is learned"],
        ),
        case(
            "a call of a tool",
            f,
            bad_line(r#"{"messages":[{"role":"assistant","content":"a","tool_calls":[{"id":"x"}]}]}"#),
            &["turn 0", "`tool_calls` is [{\"id\":\"x\"}]", "not learned"],
        ),
        case(
            "instructions in between",
            f,
            bad_line(r#"{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}"#),
            &["turn 1", "`role` is \"system\"", "a first message"],
        ),
        case(
            "instructions twice",
            f,
            bad_line(r#"{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"}]}"#),
            &["turn 1", "`role` is \"system\"", "there once"],
        ),
        case(
            "turns and messages",
            f,
            bad_line(r#"{"turns":[],"messages":[{"role":"user","content":"a"}]}"#),
            &["`messages` is [", "only one of `turns`, `messages` and `conversations`"],
        ),
        case(
            "a stranger's word",
            f,
            bad_line(r#"{"conversations":[{"from":"bing","value":"a"}]}"#),
            &["turn 0", "`from` is \"bing\"", "\"human\" or \"gpt\""],
        ),
        case("messages are none", f, bad_line(r#"{"messages":5}"#), &["`messages` is 5", "a list of messages"]),
    ]
}
