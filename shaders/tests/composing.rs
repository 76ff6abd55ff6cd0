//! Composition: includes, choices, errors, and what reflection says.

use reformer_shaders::{ALL, ComposeError, SOURCES, compose, entries};

#[test]
fn a_choice_is_set_and_everything_else_stays() {
    let plain = compose("product_registers.wgsl", &[]).unwrap();
    let chosen = compose("product_registers.wgsl", &[("TILE_ROWS", 4)]).unwrap();
    let differing: Vec<(&str, &str)> =
        plain.text.lines().zip(chosen.text.lines()).filter(|(before, after)| before != after).collect();
    assert_eq!(differing.len(), 1, "{differing:?}");
    assert_eq!(differing[0].1, "const TILE_ROWS: u32 = 4u;");
    assert_eq!(plain.origins.len(), plain.text.lines().count(), "every line has an origin");
}

#[test]
fn an_unknown_constant_and_an_unknown_file_are_named() {
    let error = compose("fill.wgsl", &[("TILE", 4)]).unwrap_err();
    assert_eq!(error.to_string(), "fill.wgsl: there is no constant `TILE` marked `// one of …` to set");
    let error = compose("no.wgsl", &[]).unwrap_err();
    assert_eq!(error, ComposeError::Missing { file: "no.wgsl".into(), line: 0, included: "no.wgsl".into() });
}

#[test]
fn every_entry_is_described() {
    assert_eq!(entries::product::MAIN.bindings.len(), 3);
    let writes: Vec<bool> = entries::product::MAIN.bindings.iter().map(|binding| binding.writes).collect();
    assert_eq!(writes, [false, false, true]);
    assert_eq!(entries::product::MAIN.parameters as usize, std::mem::size_of::<entries::product::Parameters>());
    for entry in ALL {
        assert!(SOURCES.iter().any(|(file, _)| *file == entry.file), "{} has no source", entry.file);
        assert!(entry.bindings.iter().any(|binding| binding.writes), "{} {} writes nothing", entry.file, entry.name);
    }
}

/// Floats have no atomics that give the same bits twice; integers do.
#[test]
fn no_shader_has_an_atomic_float() {
    for (file, text) in SOURCES {
        let without_spaces: String = text.split_whitespace().collect();
        assert!(!without_spaces.contains("atomic<f32>"), "{file} has a float atomic");
    }
}
