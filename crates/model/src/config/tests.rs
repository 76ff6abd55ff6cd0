//! Configs: presets, what is refused and with which words. Recording from them is tested in `tests/identities`.

use super::*;

#[test]
fn presets_are_possible_and_survive_json() {
    for config in [ModelConfig::tiny(), ModelConfig::chat(), ModelConfig::book()] {
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ModelConfig>(&text).unwrap(), config);
    }
}

#[test]
fn impossible_values_are_refused_by_name() {
    let refusals = [
        (
            ModelConfig { heads: 0, ..ModelConfig::tiny() },
            "model config: `heads` is 0: it must be at least 1 and at most 65536",
        ),
        (
            // The same limit is named however far above it a value is.
            ModelConfig { rounds: 1 << 32, ..ModelConfig::tiny() },
            "model config: `rounds` is 4294967296: it must be at least 1 and at most 256",
        ),
        (
            ModelConfig { buckets: vec![4, 3], ..ModelConfig::tiny() },
            "model config: `buckets` is [4, 3]: each factor must be even and positive, and at most 65536",
        ),
        (
            ModelConfig { heads: 1 << 12, head_width: 1 << 13, ..ModelConfig::tiny() },
            "model config: `head_width` is 8192: times `heads`, which is 4096, it must be at most 16777216",
        ),
        (
            ModelConfig { window: 1 << 24, buckets: vec![128], ..ModelConfig::tiny() },
            "model config: `window` is 16777216: times `heads`, `rounds` and the number of buckets, which are 2, 2 and 128, \
             it must be at most 4294967296",
        ),
        (
            ModelConfig { width: 1 << 16, feed_forward: 1 << 24, ..ModelConfig::tiny() },
            "model config: `width` is 65536: the model would have 4398212841984 parameters, it must be at most 1099511627776",
        ),
        (
            ModelConfig { dropout: f32::NAN, ..ModelConfig::tiny() },
            "model config: `dropout` is NaN: it must be at least 0 and below 1",
        ),
        (
            ModelConfig { pattern: vec![], ..ModelConfig::tiny() },
            "model config: `pattern` is []: name at least one of local, lsh, full",
        ),
    ];
    for (config, message) in refusals {
        assert_eq!(config.validate().unwrap_err().to_string(), message);
    }
}

#[test]
fn unknown_fields_are_refused_by_name() {
    let mut value = serde_json::to_value(ModelConfig::tiny()).unwrap();
    value["hedas"] = 3.into();
    let error = serde_json::from_value::<ModelConfig>(value).unwrap_err().to_string();
    assert!(error.contains("unknown field `hedas`"), "{error}");
}

#[test]
fn the_axial_grid_holds_every_position() {
    for max_positions in [1, 2, 3, 511, 512, 513, 1 << 20] {
        let config = ModelConfig { max_positions, ..ModelConfig::tiny() };
        match config.position_kind() {
            PositionKind::Axial { outer, inner, .. } => {
                assert!(outer * inner >= max_positions, "{outer}·{inner} < {max_positions}")
            }
            PositionKind::Learned => panic!("expected axial positions"),
        }
    }
}
