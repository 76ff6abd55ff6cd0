//! A `config.json` that holds anything: refused, or a model that is possible and survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reformer_session::parameter_specs;
use reformer_session_fuzz::{RUN, check, put};

fuzz_target!(|data: &[u8]| {
    put("config.json", data);
    match RUN.read_config() {
        Ok(config) => {
            // No product of sizes overflows: the build checks that.
            let elements: usize = parameter_specs(&config.model).iter().map(|spec| spec.shape.elements()).sum();
            assert_eq!(elements as u64, config.model.parameter_count());
            RUN.write_config(&config).expect("what was read can be written");
            assert_eq!(RUN.read_config().expect("what was written can be read"), config);
        }
        Err(error) => check(&error, "config.json"),
    }
});
