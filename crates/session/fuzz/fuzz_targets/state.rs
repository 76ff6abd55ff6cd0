//! A `state.json` that holds anything: refused, or one that a checkpoint can be held against.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reformer_session_fuzz::{RUN, check, checkpoint, put};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    put("checkpoints/step-1/state.json", data);
    for file in ["model", "optimizer"] {
        put(&format!("checkpoints/step-1/{file}.safetensors"), b"any bytes");
    }
    let checkpoint = checkpoint();
    match checkpoint.state::<Value>() {
        Ok(state) => assert_eq!(state.step, 1),
        Err(error) => check(&error, "state.json"),
    }
    if let Err(error) = checkpoint.verify() {
        check(&error, "checkpoints/step-1/");
    }
    if let Err(error) = RUN.checkpoints().newest() {
        check(&error, "checkpoints/step-1/");
    }
    let _best = RUN.checkpoints().best().expect("a state that can't be read is not the best");
});
