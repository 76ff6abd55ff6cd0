//! Wrong files of MultiWOZ 2.0 and 2.1.

use super::{Case, DATA_JSON, broken_texts, case, cut, deep, remove};
use crate::harness::logged;
use serde_json::{Value, json};

fn bad_2_1(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut bad = logged("hello");
    change(&mut bad);
    json!({ "A1": logged("good"), "B2": bad }).to_string().into_bytes()
}

pub fn cases() -> Vec<Case> {
    let f = DATA_JSON;
    let mut cases = broken_texts(f, json!({ "A1": logged("good") }).to_string().as_bytes());
    cases.extend([
        case("cut in a text", f, cut(&bad_2_1(|_| ()), "how many nigh").replace("For", "for"), &["cut off"]),
        case("cut in a key", f, "{\"A1", &["cut off", "after 0 whole"]),
        case("cut after a key", f, "{\"A1\":", &["cut off"]),
        case(
            "cut in metadata",
            f,
            cut(&bad_2_1(|_| ()), "\"pricerange\":"),
            &["cut off, in dialogue B2, turn 1, field `metadata.hotel.semi.pricerange`", "after 1 whole"],
        ),
        case("a key is no text", f, "{1: {}}", &["expected the name of a dialogue"]),
        case("a key is a lone surrogate", f, "{\"\\ud800\": {}}", &["name of a dialogue as a valid JSON text"]),
        case("no colon", f, "{\"A1\" {}}", &["expected `:`"]),
        case("no value", f, "{\"A1\":}", &["expected a dialogue"]),
        case(
            "duplicate id",
            f,
            format!("{{\"A1\":{0},\"A1\":{0}}}", logged("x")),
            &["dialogue A1", "the key `A1` occurs twice", "would be lost"],
        ),
        case(
            "duplicate id, spelled in two ways",
            f,
            format!("{{\"A1\":{0},\"A1.json\":{0}}}", logged("x")),
            &["the key `A1.json` occurs twice"],
        ),
        case(
            "duplicate key",
            f,
            "{\"A1\":{\"goal\":{},\"goal\":{},\"log\":[]}}",
            &["dialogue A1", "the key `goal` occurs twice"],
        ),
        case("a dialogue is a list", f, "{\"A1\":[]}", &["dialogue A1", "found []", "`goal` and `log`"]),
        case(
            "deep nesting",
            f,
            deep("{\"A1\":{\"log\":[{\"text\":\"a\",\"metadata\":", "}]}}"),
            &["dialogue A1, turn 0, field `metadata[", "recursion limit"],
        ),
        case("goal is a text", f, bad_2_1(|d| d["goal"] = json!("eat")), &["dialogue B2", "`goal` is \"eat\""]),
        case("no log", f, bad_2_1(|d| remove(d, "log")), &["dialogue B2", "`log` is missing"]),
        case("log is an object", f, bad_2_1(|d| d["log"] = json!({})), &["dialogue B2", "`log` is {}"]),
        case("a turn is null", f, bad_2_1(|d| d["log"][1] = json!(null)), &["dialogue B2, turn 1", "found null"]),
        case("no text", f, bad_2_1(|d| remove(&mut d["log"][0], "text")), &["turn 0", "`text` is missing"]),
        case("text is a number", f, bad_2_1(|d| d["log"][0]["text"] = json!(5)), &["turn 0", "`text` is 5"]),
        case(
            "metadata is a list",
            f,
            bad_2_1(|d| d["log"][1]["metadata"] = json!([])),
            &["turn 1", "`metadata` is []"],
        ),
        case(
            "a domain is a text",
            f,
            bad_2_1(|d| d["log"][1]["metadata"]["taxi"] = json!("no")),
            &["turn 1", "`metadata.taxi` is \"no\""],
        ),
        case(
            "semi is a list",
            f,
            bad_2_1(|d| d["log"][1]["metadata"]["taxi"]["semi"] = json!([])),
            &["`metadata.taxi.semi` is []"],
        ),
        case(
            "booked is a text",
            f,
            bad_2_1(|d| d["log"][1]["metadata"]["taxi"]["book"]["booked"] = json!("yes")),
            &["`metadata.taxi.book.booked` is \"yes\""],
        ),
        case("acts are a list", f, bad_2_1(|d| d["log"][0]["dialog_act"] = json!([])), &["`dialog_act` is []"]),
        case(
            "an act's slots are a text",
            f,
            bad_2_1(|d| d["log"][0]["dialog_act"]["Hotel-Inform"] = json!("Area")),
            &["`dialog_act.Hotel-Inform` is \"Area\""],
        ),
        case(
            "a slot without value",
            f,
            bad_2_1(|d| d["log"][0]["dialog_act"]["Hotel-Inform"] = json!([["Area"]])),
            &["`dialog_act.Hotel-Inform[0]` is [\"Area\"]"],
        ),
        case(
            "a span of four",
            f,
            bad_2_1(|d| d["log"][0]["span_info"] = json!([["a", "b", "c", 1]])),
            &["`span_info[0]` is [\"a\",\"b\",\"c\",1]"],
        ),
        case(
            "a span ends nowhere",
            f,
            bad_2_1(|d| d["log"][0]["span_info"] = json!([["a", "b", "c", 1, null]])),
            &["`span_info[0]` is"],
        ),
        case(
            "a name of 2.2",
            f,
            bad_2_1(|d| d["turns"] = json!([])),
            &["dialogue B2", "`turns` is []", "called otherwise"],
        ),
    ]);
    cases
}
