//! Wrong files of MultiWOZ 2.2 and of other schema-guided sets.

use super::{Case, SCHEMA_GUIDED, broken_texts, case, cut, deep, remove};
use crate::harness::{published_2_2, published_sgd};
use serde_json::{Value, json};

/// A good dialogue of 2.2 and a bad one after it.
fn bad_2_2(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut bad = published_2_2("bad");
    change(&mut bad);
    json!([published_2_2("good"), bad]).to_string().into_bytes()
}

fn bad_sgd(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut bad = published_sgd("bad");
    change(&mut bad);
    json!([bad]).to_string().into_bytes()
}

pub fn cases() -> Vec<Case> {
    let f = SCHEMA_GUIDED;
    let one_2_2 = json!([published_2_2("good")]).to_string().into_bytes();
    let mut cases = broken_texts(f, &one_2_2);
    cases.extend([
        case("empty file", f, "", &["cut off", "after 0 whole dialogues"]),
        case(
            "cut in a text",
            f,
            cut(&bad_2_2(|_| ()), "chinese fo"),
            &["cut off, in dialogue bad, turn 0, field `utterance`", "after 1 whole"],
        ),
        case(
            "cut in a frame",
            f,
            cut(&bad_2_2(|_| ()), "copy_from"),
            &["cut off, in dialogue bad, turn 0, frame 1, field `slots[0]`"],
        ),
        case("cut after a dialogue", f, cut(&one_2_2, "}"), &["cut off: it ends in line 1", "after 1 whole"]),
        case("a second list", f, "[] []", &["trailing characters", "line 1 column 4"]),
        case("no comma", f, "[{} {}]", &["`dialogue_id` is missing"]),
        case("no comma after a good one", f, [&one_2_2[..one_2_2.len() - 1], b" {}]"].concat(), &["expected `,`"]),
        case("comma at the end", f, [&one_2_2[..one_2_2.len() - 1], b",]"].concat(), &["expected a dialogue"]),
        case(
            "an object",
            f,
            "{\"dialogues\": []}",
            &["expected a list of dialogues, found an object", "another layout"],
        ),
        case("a number", f, "17", &["expected a list or an object"]),
        case(
            "wrong bracket",
            f,
            "[{\"dialogue_id\": [1}]}]",
            &["dialogue number 1", "field `dialogue_id[1]`", "not valid JSON"],
        ),
        case(
            "lone surrogate",
            f,
            String::from_utf8(bad_2_2(|_| ())).unwrap().replace("(bad)", "\\ud800 x"),
            &["in dialogue bad, turn 0, field `utterance`", "not valid JSON", "line 1 column"],
        ),
        case(
            "surrogates the wrong way round",
            f,
            String::from_utf8(bad_2_2(|_| ())).unwrap().replace("(bad)", "\\udc00\\ud800"),
            &["turn 0, field `utterance`"],
        ),
        case(
            "control character",
            f,
            String::from_utf8(bad_2_2(|_| ())).unwrap().replace("(bad)", "\u{7}"),
            &["turn 0, field `utterance`", "control character"],
        ),
        case(
            "duplicate key of a dialogue",
            f,
            "[{\"dialogue_id\":\"a\",\"turns\":[],\"turns\":[]}]",
            &["dialogue a", "the key `turns` occurs twice"],
        ),
        case(
            "duplicate slot",
            f,
            String::from_utf8(bad_2_2(|_| ())).unwrap().replace("restaurant-name\":[", "restaurant-food\":["),
            &["turn 0, frame 0, field `state.slot_values`", "`restaurant-food` occurs twice"],
        ),
        case("deep nesting", f, deep("[", "]"), &["recursion limit", "dialogue number 1"]),
        case(
            "deep nesting in a field",
            f,
            deep("[{\"dialogue_id\":\"a\",\"x\":", "}]"),
            &["dialogue a", "recursion limit"],
        ),
        case(
            "number beyond all",
            f,
            "[{\"dialogue_id\":\"a\",\"x\":1e999}]",
            &["dialogue a, field `x`", "number out of range"],
        ),
        case("NaN", f, "[{\"dialogue_id\":\"a\",\"x\":NaN}]", &["dialogue a, field `x`", "not valid JSON"]),
        case(
            "id is a number",
            f,
            bad_2_2(|d| d["dialogue_id"] = json!(7)),
            &["dialogue number 2", "`dialogue_id` is 7"],
        ),
        case("no id", f, bad_2_2(|d| remove(d, "dialogue_id")), &["dialogue number 2", "`dialogue_id` is missing"]),
        case(
            "huge wrong id",
            f,
            bad_2_2(|d| d["dialogue_id"] = json!(["x".repeat(1 << 20)])),
            &["`dialogue_id` is [\"xxx", "…"],
        ),
        case("no services", f, bad_2_2(|d| remove(d, "services")), &["dialogue bad", "`services` is missing"]),
        case(
            "services are a text",
            f,
            bad_2_2(|d| d["services"] = json!("hotel")),
            &["dialogue bad", "`services` is \"hotel\""],
        ),
        case("no turns", f, bad_2_2(|d| remove(d, "turns")), &["dialogue bad", "`turns` is missing"]),
        case("turns are null", f, bad_2_2(|d| d["turns"] = json!(null)), &["dialogue bad", "`turns` is null"]),
        case(
            "a turn is a text",
            f,
            bad_2_2(|d| d["turns"][1] = json!("hi")),
            &["dialogue bad, turn 1", "found \"hi\""],
        ),
        case(
            "no utterance",
            f,
            bad_2_2(|d| remove(&mut d["turns"][1], "utterance")),
            &["turn 1", "`utterance` is missing"],
        ),
        case(
            "utterance is a list",
            f,
            bad_2_2(|d| d["turns"][0]["utterance"] = json!(["a"])),
            &["turn 0", "`utterance` is [\"a\"]"],
        ),
        case("no speaker", f, bad_2_2(|d| remove(&mut d["turns"][1], "speaker")), &["turn 1", "`speaker` is missing"]),
        case(
            "unknown speaker",
            f,
            bad_2_2(|d| d["turns"][1]["speaker"] = json!("BOT")),
            &["turn 1", "`speaker` is \"BOT\""],
        ),
        case("no frames", f, bad_2_2(|d| remove(&mut d["turns"][1], "frames")), &["turn 1", "`frames` is missing"]),
        case("turn_id is a number", f, bad_2_2(|d| d["turns"][1]["turn_id"] = json!(1)), &["turn 1", "`turn_id` is 1"]),
        case(
            "a frame is a list",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][1] = json!([])),
            &["turn 0, frame 1", "found []"],
        ),
        case(
            "no service",
            f,
            bad_2_2(|d| remove(&mut d["turns"][0]["frames"][1], "service")),
            &["turn 0, frame 1", "`service` is missing"],
        ),
        case(
            "state is null",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][0]["state"] = json!(null)),
            &["frame 0", "`state` is null"],
        ),
        case(
            "no slot_values",
            f,
            bad_2_2(|d| remove(&mut d["turns"][0]["frames"][0]["state"], "slot_values")),
            &["frame 0", "`slot_values` is missing"],
        ),
        case(
            "a value is a text",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][0]["state"]["slot_values"]["restaurant-food"] = json!("chinese")),
            &["frame 0", "`slot_values.restaurant-food` is \"chinese\"", "a list of texts"],
        ),
        case(
            "a value of values is null",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][0]["state"]["slot_values"]["restaurant-food"] = json!(["a", null])),
            &["`slot_values.restaurant-food[1]` is null"],
        ),
        case(
            "a span before the text",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][0]["slots"][0]["start"] = json!(-1)),
            &["frame 0", "`slots[0].start` is -1"],
        ),
        case(
            "a span of half a character",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][0]["slots"][0]["exclusive_end"] = json!(2.5)),
            &["`slots[0].exclusive_end` is 2.5"],
        ),
        case(
            "a slot without name",
            f,
            bad_2_2(|d| remove(&mut d["turns"][0]["frames"][1]["slots"][0], "slot")),
            &["frame 1", "`slots[0].slot` is missing"],
        ),
        case(
            "slots are an object",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][1]["slots"] = json!({})),
            &["frame 1", "`slots` is {}"],
        ),
        case(
            "copy_from is a list",
            f,
            bad_2_2(|d| d["turns"][0]["frames"][1]["slots"][0]["copy_from"] = json!([])),
            &["`slots[0].copy_from` is []"],
        ),
        case(
            "an act without name",
            f,
            bad_sgd(|d| remove(&mut d["turns"][0]["frames"][0]["actions"][0], "act")),
            &["dialogue bad, turn 0, frame 0", "`actions[0].act` is missing"],
        ),
        case(
            "an act's value is a number",
            f,
            bad_sgd(|d| d["turns"][0]["frames"][0]["actions"][0]["values"] = json!([4])),
            &["`actions[0].values[0]` is 4"],
        ),
        case(
            "an action is a text",
            f,
            bad_sgd(|d| d["turns"][0]["frames"][0]["actions"][0] = json!("BYE")),
            &["`actions[0]` is \"BYE\""],
        ),
        case(
            "a call without method",
            f,
            bad_sgd(|d| remove(&mut d["turns"][1]["frames"][0]["service_call"], "method")),
            &["turn 1, frame 0", "`service_call.method` is missing"],
        ),
        case(
            "a parameter is a number",
            f,
            bad_sgd(|d| d["turns"][1]["frames"][0]["service_call"]["parameters"]["city"] = json!(1)),
            &["`service_call.parameters.city` is 1"],
        ),
        case(
            "results are an object",
            f,
            bad_sgd(|d| d["turns"][1]["frames"][0]["service_results"] = json!({})),
            &["`service_results` is {}"],
        ),
        case(
            "a result's value is null",
            f,
            bad_sgd(|d| d["turns"][1]["frames"][0]["service_results"][0]["name"] = json!(null)),
            &["`service_results[0].name` is null"],
        ),
        case(
            "a requested slot is a number",
            f,
            bad_sgd(|d| d["turns"][0]["frames"][0]["state"]["requested_slots"] = json!([1])),
            &["`requested_slots[0]` is 1"],
        ),
        case(
            "an intent is null",
            f,
            bad_sgd(|d| d["turns"][0]["frames"][0]["state"]["active_intent"] = json!(null)),
            &["`active_intent` is null"],
        ),
    ]);
    cases
}
