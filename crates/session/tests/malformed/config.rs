//! `config.json`.

use crate::fixture::{Run, changed, no_json_at_all, refuse_all};
use serde_json::{Value, json};
use std::fs;

/// Every field of the model that is a size.
const SIZES: [&str; 9] =
    ["vocabulary", "width", "heads", "head_width", "feed_forward", "layers", "window", "rounds", "max_positions"];

fn good(run: &Run) -> Value {
    serde_json::from_str(&fs::read_to_string(run.run.config_path()).unwrap()).unwrap()
}

#[test]
fn what_is_no_json_is_no_config() {
    let run = Run::new();
    let text = good(&run).to_string();
    let mut rows = no_json_at_all(&text);
    rows.push((vec![b' '; (1 << 20) + 1], "it has 1048577 bytes, far more than the at most 1048576"));
    refuse_all(&run.run.config_path(), &rows, || run.run.read_config());
}

#[test]
fn every_size_of_a_model_has_its_bounds() {
    let run = Run::new();
    let mut rows = Vec::new();
    for field in SIZES {
        for (value, expected) in [
            (json!(0), "is 0: it must be at least 1"),
            (json!(1u64 << 60), "is 1152921504606846976: it must be at least 1 and at most"),
            (json!(1_000_000_000_000u64), "is 1000000000000: it must be at least 1 and at most"),
            (json!(u64::MAX), "is 18446744073709551615: it must be"),
            (json!(1e30), "is 1e+30: invalid type"),
            (json!(-1), "is -1: invalid value"),
            (json!(1.5), "is 1.5: invalid type"),
            (json!("64"), "is \"64\": invalid type"),
            (json!(null), "is null: invalid type"),
            (json!([64]), "is [64]: invalid type"),
            (json!({"a": 64}), "is {\"a\":64}: invalid type"),
            (json!(true), "is true: invalid type"),
        ] {
            let mut value_of = good(&run);
            value_of["model"][field] = value;
            rows.push((value_of.to_string().into_bytes(), expected));
        }
    }
    refuse_all(&run.run.config_path(), &rows, || {
        // Every message also has the name of the field, which is the one that is no number in bounds.
        run.run.read_config().inspect_err(|error| {
            let error = error.to_string();
            assert!(SIZES.iter().any(|field| error.contains(&format!("`{field}`"))), "no field in: {error}");
        })
    });
}

#[test]
fn what_no_model_can_be_is_refused_by_name() {
    let run = Run::new();
    let changes: [(fn(&mut Value), &str); 49] = [
        // Sizes that are possible alone, and not together.
        (|v| v["model"]["heads"] = json!(1 << 17), "`heads` is 131072: it must be at least 1 and at most 65536"),
        (|v| v["model"]["layers"] = json!(1000), "`layers` is 1000: it must be at least 1 and at most 999"),
        (|v| v["model"]["rounds"] = json!(257), "`rounds` is 257: it must be at least 1 and at most 256"),
        (|v| v["model"]["head_width"] = json!(1 << 24), "`head_width` is 16777216: times `heads`, which is 2"),
        (|v| v["model"]["width"] = json!(3), "axial positions need a width of at least 4"),
        (
            |v| {
                v["model"]["width"] = json!(1 << 24);
                v["model"]["feed_forward"] = json!(1 << 24);
                v["model"]["vocabulary"] = json!(1 << 24);
                v["model"]["layers"] = json!(999);
            },
            "parameters, it must be at most 1099511627776",
        ),
        (
            |v| {
                v["model"]["window"] = json!(1 << 24);
                v["model"]["buckets"] = json!([256]);
            },
            "`window` is 16777216: times `heads`, `rounds` and the number of buckets, which are 2, 2 and 256",
        ),
        // Lists and words.
        (|v| v["model"]["pattern"] = json!([]), "`pattern` is []: name at least one of"),
        (|v| v["model"]["pattern"] = json!(["lsh", "global"]), "unknown variant `global`"),
        (|v| v["model"]["pattern"] = json!("lsh"), "`pattern` is \"lsh\": invalid type"),
        (|v| v["model"]["pattern"] = json!([["lsh"]]), "`pattern` is [[\"lsh\"]]"),
        (|v| v["model"]["pattern"] = json!({"lsh": 1}), "`pattern` is"),
        (|v| v["model"]["pattern"] = json!(vec!["x".repeat(1000); 900]), "unknown variant"),
        (|v| v["model"]["buckets"] = json!([3]), "`buckets` is [3]: each factor must be even"),
        (|v| v["model"]["buckets"] = json!([0]), "`buckets` is [0]: each factor must be even"),
        (|v| v["model"]["buckets"] = json!([1u64 << 60]), "`buckets` is [1152921504606846976]: each factor"),
        (|v| v["model"]["buckets"] = json!(vec![2; 100_000]), "their product must be at most 16777216"),
        (|v| v["model"]["buckets"] = json!([-2]), "`buckets` is [-2]"),
        (|v| v["model"]["buckets"] = json!(8), "`buckets` is 8: invalid type"),
        (|v| v["model"]["positions"] = json!("rotary"), "unknown variant `rotary`"),
        (|v| v["model"]["positions"] = json!(1), "`positions` is 1"),
        (|v| v["model"]["activation"] = json!("GELU"), "unknown variant `GELU`"),
        (|v| v["model"]["activation"] = json!(null), "`activation` is null"),
        // Numbers that are no sizes.
        (|v| v["model"]["dropout"] = json!(1.0), "`dropout` is 1.0: it must be at least 0 and below 1"),
        (|v| v["model"]["dropout"] = json!(-0.5), "`dropout` is -0.5: it must be"),
        (|v| v["model"]["dropout"] = json!(1e39), "`dropout` is inf: it must be"),
        (|v| v["model"]["dropout"] = json!("NaN"), "`dropout` is \"NaN\": invalid type"),
        (|v| v["model"]["dropout"] = json!(null), "`dropout` is null: invalid type"),
        (|v| v["model"]["stream_fraction_bits"] = json!(7), "`stream_fraction_bits` is 7: it must be from 8 to 27"),
        (|v| v["model"]["stream_fraction_bits"] = json!(28), "`stream_fraction_bits` is 28: it must be"),
        (|v| v["model"]["stream_fraction_bits"] = json!(275), "`stream_fraction_bits` is 275: invalid value"),
        // Unknown, missing and wrong keys.
        (|v| v["model"]["hedas"] = json!(2), "`model`: unknown field `hedas`"),
        (|v| v["model"]["x".repeat(100_000)] = json!(2), "`model`: unknown field `xxx"),
        (|v| v["model"]["\u{1b}[2J"] = json!(2), "unknown field `\\u{1b}[2J`"),
        (|v| remove(&mut v["model"], "heads"), "`model`: missing field `heads`"),
        (|v| remove(&mut v["model"], "pattern"), "`model`: missing field `pattern`"),
        (|v| v["model"] = json!(null), "`model`: invalid type: null"),
        (|v| v["model"] = json!([]), "`model`: "),
        (|v| v["model"] = json!("tiny"), "`model`: invalid type: string"),
        (|v| remove(v, "model"), "missing field `model`"),
        (|v| remove(v, "training"), "missing field `training`"),
        (|v| remove(v, "data"), "missing field `data`"),
        (|v| v["extra"] = json!(1), "unknown field `extra`"),
        (|v| remove(v, "format"), "the field `format` is missing"),
        (|v| v["format"] = json!(2), "`format` is 2, this program reads 1"),
        (|v| v["format"] = json!("1"), "`format` is \"1\", this program reads 1"),
        (|v| v["format"] = json!(1.5), "`format` is 1.5, this program reads 1"),
        (|v| *v = json!([v.clone()]), "not a JSON object"),
        (|v| *v = json!(1), "not a JSON object"),
    ];
    refuse_all(&run.run.config_path(), &changed(&good(&run), &changes), || run.run.read_config());
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key);
}

#[test]
fn a_config_of_another_model_than_the_checkpoint_is_told_without_advice_to_remove_anything() {
    let run = Run::older();
    let changes: [(fn(&mut Value), &str); 6] = [
        (
            |v| v["model"]["width"] = json!(24),
            "the tensor `embed.positions.inner` is F32 [16, 12], expected F32 [16, 18]",
        ),
        (|v| v["model"]["heads"] = json!(3), "`layer.000.attention.output` is F32 [16, 16], expected F32 [24, 16]"),
        (|v| v["model"]["layers"] = json!(2), "the tensor `layer.001.attention.norm.beta` is missing"),
        (|v| v["model"]["pattern"] = json!(["local"]), "the tensor `layer.000.attention.key` is missing"),
        (|v| v["model"]["feed_forward"] = json!(16_777_216), "expected F32 [16777216]"),
        (
            |v| v["model"]["max_positions"] = json!(16_777_216),
            "`embed.positions.inner` is F32 [16, 12], expected F32 [4096",
        ),
    ];
    for (bytes, expected) in changed(&good(&run), &changes) {
        fs::write(run.run.config_path(), bytes).unwrap();
        let error = run.load().unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in: {error}");
        assert!(
            error.contains("model.safetensors is damaged") && error.contains("bring back the one of both"),
            "{error}"
        );
        assert!(!error.contains("remove"), "nothing here should be removed: {error}");
    }
}
