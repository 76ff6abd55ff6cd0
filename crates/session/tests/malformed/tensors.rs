//! `model.safetensors` and `optimizer.safetensors`.

use crate::fixture::{Run, model, optimizer, refuse_all};
use reformer_cpu::Cpu;
use reformer_session::{SessionError, TensorSpec, parameter_specs};
use reformer_tensor::Backend;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;

/// `"name":{…}` of a header; `dtype`, `shape` and `offsets` are JSON.
fn entry(name: &str, dtype: &str, shape: &str, offsets: &str) -> String {
    format!("\"{name}\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}")
}

fn file(header: &str, data_bytes: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data_bytes, 0);
    bytes
}

/// The file that `specs` ask for, all zeros, with the entry of one tensor (and what follows it) another.
fn with(specs: &[TensorSpec], name: &str, other: impl Fn(u64, u64) -> String) -> (String, u64) {
    let mut offset = 0;
    let mut entries = Vec::new();
    for spec in specs {
        let end = offset + 4 * spec.shape.elements() as u64;
        if spec.name == name {
            entries.push(other(offset, end));
        } else {
            entries.push(entry(&spec.name, "\"F32\"", &spec.shape.to_string(), &format!("[{offset},{end}]")));
        }
        offset = end;
    }
    (format!("{{{}}}", entries.join(",")), offset)
}

/// A one-dimensional tensor of 260 elements: nothing but its entry is wrong in the rows that change it.
const CHANGED: &str = "head.bias";
const SHAPE: &str = "[260]";

#[test]
fn headers_that_lie_are_refused_before_anything_is_allocated() {
    let run = Run::new();
    let specs = parameter_specs(&model());
    let changed = |dtype: &str, shape: &str, offsets: &dyn Fn(u64, u64) -> String| {
        let (header, data) = with(&specs, CHANGED, |start, end| entry(CHANGED, dtype, shape, &offsets(start, end)));
        file(&header, data as usize)
    };
    let right = |start: u64, end: u64| format!("[{start},{end}]");
    let of_type = |dtype: &str| changed(dtype, SHAPE, &right);
    let of_shape = |shape: &str| changed("\"F32\"", shape, &right);
    let at = |offsets: &dyn Fn(u64, u64) -> String| changed("\"F32\"", SHAPE, offsets);
    let instead = |text: &str| {
        let (header, data) = with(&specs, CHANGED, |_, _| text.to_owned());
        file(&header, data as usize)
    };
    let beside = |text: &str, more: usize| {
        let (header, data) =
            with(&specs, CHANGED, |start, end| entry(CHANGED, "\"F32\"", SHAPE, &right(start, end)) + "," + text);
        file(&header, data as usize + more)
    };
    let (whole, data) = with(&specs, "", |_, _| String::new());
    let length_of = |length: u64| [length.to_le_bytes().to_vec(), vec![b' '; 100]].concat();
    let many: Vec<String> = (0..100_000).map(|at| entry(&format!("t{at}"), "\"F32\"", "[0]", "[0,0]")).collect();
    let one =
        |shape: &str, end: u64| file(&format!("{{{}}}", entry(CHANGED, "\"F32\"", shape, &format!("[0,{end}]"))), 64);
    let rows = [
        // The length of the header.
        (vec![], "it has 0 bytes, too few"),
        (vec![0; 7], "it has 7 bytes, too few"),
        (length_of(u64::MAX), "its header claims 18446744073709551615 bytes, the file has 108"),
        (length_of(i64::MAX as u64), "its header claims 9223372036854775807 bytes"),
        (length_of(1 << 40), "its header claims 1099511627776 bytes, the file has 108"),
        (length_of(101), "its header claims 101 bytes, the file has 108"),
        (length_of(0), "its header is wrong: EOF"),
        (vec![0xff; 1 << 12], "its header claims 18446744073709551615 bytes"),
        // The header.
        (file("", 0), "its header is wrong: EOF"),
        (file("not json", 64), "its header is wrong: expected"),
        (file("[]", 64), "its header is wrong"),
        (file("17", 64), "its header is wrong"),
        (file("null", 64), "its header is wrong"),
        (file(&whole[..whole.len() / 2], data as usize), "its header is wrong: EOF"),
        (file(&(whole.clone() + "}"), data as usize), "its header is wrong: trailing characters"),
        (file(&"{\"a\":".repeat(1 << 17), 0), "its header is wrong: recursion limit exceeded"),
        (file(&"[".repeat(1 << 19), 0), "its header is wrong"),
        ([8u64.to_le_bytes().to_vec(), b"{\"\xff\":{}}".to_vec()].concat(), "its header is wrong"),
        (file("{}", 0), "is missing"),
        (file("{}", 64), "it has 64 bytes of tensors, its header speaks of 0"),
        (file(&format!("{{{}}}", many.join(",")), 0), "is missing"),
        // Entries.
        (instead("\"head.bias\":null"), "its header is wrong"),
        (instead("\"head.bias\":7"), "its header is wrong"),
        (instead("\"head.bias\":{}"), "its header is wrong: missing field"),
        (instead("\"head.bias\":{\"dtype\":\"F32\",\"shape\":[260]}"), "missing field `data_offsets`"),
        (instead("\"head.bias\":{\"shape\":[260],\"data_offsets\":[0,1040]}"), "missing field `dtype`"),
        (instead("\"head.bias\":{\"dtype\":\"F32\",\"data_offsets\":[0,1040]}"), "missing field `shape`"),
        (instead(&entry("head.bais", "\"F32\"", SHAPE, "[0,0]")), "its header is wrong"),
        // Types: of the right size, of another one, none at all.
        (of_type("\"I32\""), "`head.bias` is I32 [260], expected F32 [260]"),
        (of_type("\"U32\""), "`head.bias` is U32 [260], expected F32 [260]"),
        (of_type("\"F16\""), "its header is wrong"),
        (of_type("\"BF16\""), "its header is wrong"),
        (of_type("\"F64\""), "its header is wrong"),
        (of_type("\"BOOL\""), "its header is wrong"),
        (of_type("\"F33\""), "its header is wrong: unknown variant `F33`"),
        (of_type("\"f32\""), "its header is wrong: unknown variant `f32`"),
        (of_type("32"), "its header is wrong"),
        (of_type("null"), "its header is wrong"),
        (changed("\"F16\"", "[520]", &right), "`head.bias` is F16 [520], expected F32 [260]"),
        (changed("\"BF16\"", "[520]", &right), "`head.bias` is BF16 [520], expected F32 [260]"),
        (changed("\"F64\"", "[130]", &right), "`head.bias` is F64 [130], expected F32 [260]"),
        (changed("\"U8\"", "[1040]", &right), "`head.bias` is U8 [1040], expected F32 [260]"),
        // Shapes.
        (of_shape("[130,2]"), "`head.bias` is F32 [130, 2], expected F32 [260]"),
        (of_shape("[260,1]"), "`head.bias` is F32 [260, 1], expected F32 [260]"),
        (of_shape("[1,1,1,1,1,260]"), "`head.bias` is F32 [1, 1, 1, 1, 1, 260], expected F32 [260]"),
        (of_shape("[]"), "its header is wrong"),
        (of_shape("[0]"), "its header is wrong"),
        (of_shape("[259]"), "its header is wrong"),
        (of_shape("[1000000000000]"), "its header is wrong"),
        (of_shape("[4294967296,4294967296]"), "its header is wrong: overflow"),
        (of_shape("[4611686018427387904,4]"), "its header is wrong: overflow"),
        (of_shape("[2305843009213693952]"), "its header is wrong: overflow"),
        (of_shape("[18446744073709551615,18446744073709551615]"), "its header is wrong: overflow"),
        (of_shape("[36893488147419103232]"), "its header is wrong"),
        (of_shape("[-260]"), "its header is wrong"),
        (of_shape("[260.0]"), "its header is wrong"),
        (of_shape("[\"260\"]"), "its header is wrong"),
        (of_shape("260"), "its header is wrong"),
        (of_shape("null"), "its header is wrong"),
        (of_shape(&format!("[{}1]", "1,".repeat(100_000))), "its header is wrong"),
        // 10¹² elements, whose offsets fit: the file is too short for them.
        (one("[1000000000000]", 4_000_000_000_000), "its header speaks of 4000000000000"),
        (one("[1000000,1000000]", 4_000_000_000_000), "it has 64 bytes of tensors"),
        // As many bytes as there are at all, so that the file's length would be less than nothing more.
        (one("[576460752303423487]", 2_305_843_009_213_693_948), "its header speaks of 2305843009213693948"),
        // Offsets: overlapping, with holes, backwards, beyond the file, no offsets.
        (at(&|start, end| right(start - 4, end - 4)), "its header is wrong: invalid offset"),
        (at(&|start, end| right(start + 4, end + 4)), "its header is wrong: invalid offset"),
        (at(&|start, end| right(start - 4, end)), "its header is wrong"),
        (at(&|start, end| right(start, end - 4)), "its header is wrong"),
        (at(&|start, end| right(start, end + 4)), "its header is wrong"),
        (at(&|start, end| right(end, start)), "its header is wrong"),
        (at(&|_, _| right(0, 1040)), "its header is wrong: invalid offset"),
        (at(&|start, _| right(start, start)), "its header is wrong"),
        (at(&|start, _| right(start, u64::MAX)), "its header is wrong"),
        (at(&|_, _| right(u64::MAX - 1040, u64::MAX)), "its header is wrong"),
        (at(&|start, end| format!("[{start},{end},{end}]")), "its header is wrong"),
        (at(&|start, _| format!("[{start}]")), "its header is wrong"),
        (at(&|start, end| format!("[-{start},{end}]")), "its header is wrong"),
        (at(&|start, end| format!("[{start}.5,{end}]")), "its header is wrong"),
        (at(&|_, _| "\"all\"".to_owned()), "its header is wrong"),
        // The data.
        (file(&whole, data as usize - 1), "bytes of tensors, its header speaks of"),
        (file(&whole, data as usize + 1), "bytes of tensors, its header speaks of"),
        (file(&whole, 0), "it has 0 bytes of tensors"),
        // What else there is.
        (beside(&entry("extra", "\"F32\"", "[1]", &right(data, data + 4)), 4), "`extra` does not belong to this model"),
        (beside(&entry("extra", "\"F32\"", "[0]", &right(data, data)), 0), "`extra` does not belong to this model"),
        (beside(&entry("", "\"F32\"", "[0]", &right(data, data)), 0), "the tensor `` does not belong"),
        (beside(&entry("\\u001b[2J", "\"F32\"", "[0]", &right(data, data)), 0), "`\\u{1b}[2J` does not belong"),
        (beside(&entry(&"x".repeat(1 << 20), "\"F32\"", "[0]", &right(data, data)), 0), "the tensor `xxx"),
        (beside("\"__metadata__\":{\"format\":1}", 0), "its header is wrong"),
        (beside("\"__metadata__\":{\"format\":{\"a\":\"b\"}}", 0), "its header is wrong"),
        (beside("\"__metadata__\":[]", 0), "its header is wrong"),
        // Right but for the numbers, which are not those of this run.
        (file(&whole, data as usize), "state.json is damaged: `parameters_sha256` is"),
        (beside("\"__metadata__\":{\"format\":\"pt\"}", 0), "state.json is damaged: `parameters_sha256` is"),
    ];
    let newest = run.newest();
    for (name, specs) in [("model.safetensors", &specs), ("optimizer.safetensors", &optimizer())] {
        let path = newest.path().join(name);
        let read = || {
            let mut store = Cpu::new(1).store();
            let result = match name {
                "model.safetensors" => newest.read_parameters(specs, store.as_mut()),
                _ => newest.read_optimizer(specs, store.as_mut()),
            };
            let of_data = matches!(&result, Err(error) if error.to_string().contains("parameters_sha256"));
            assert!(of_data || store.names().is_empty(), "a tensor was allocated: {result:?}");
            // The file that is blamed may be the state: both names are then in the path of the step.
            result.map_err(|error| match error {
                SessionError::Damaged { path, message, advice } if path.ends_with("state.json") => {
                    SessionError::Damaged { path: path.with_file_name(name).join("state.json"), message, advice }
                }
                error => error,
            })
        };
        // To the optimizer the tensors of the model are those of another one, whatever else is wrong.
        match name {
            "model.safetensors" => refuse_all(&path, &rows, read),
            _ => refuse_all(&path, &rows.clone().map(|(bytes, _)| (bytes, "is damaged")), read),
        }
    }
}

#[test]
fn a_header_of_gigabytes_is_not_read() {
    let run = Run::new();
    let path = run.newest().path().join("model.safetensors");
    let mut file = File::create(&path).unwrap();
    file.write_all(&(3u64 << 30).to_le_bytes()).unwrap();
    // It takes no place on the disk, and all that the header claims is there.
    file.set_len(4 << 30).unwrap();
    let error = run.newest().read_parameters(&parameter_specs(&model()), Cpu::new(1).store().as_mut()).unwrap_err();
    assert!(
        error.to_string().contains("its header claims 3221225472 bytes, more than the 16777216 of any model"),
        "{error}"
    );
}

/// Its size and its hash may be those of `state.json`: that is not found out of terabytes that no model of this config has.
#[test]
fn files_of_terabytes_are_refused_before_they_are_read() {
    for name in ["model.safetensors"] {
        let run = Run::new();
        let (newest, bytes) = (run.newest(), 1_u64 << 42);
        File::options().write(true).open(newest.path().join(name)).unwrap().set_len(bytes).unwrap();
        let state = newest.path().join("state.json");
        let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
        value[name.split('.').next().unwrap()]["bytes"] = bytes.into();
        std::fs::write(&state, value.to_string()).unwrap();
        let error = run.load().unwrap_err().to_string();
        for part in [name, "it has 4398046511104 bytes, and a model as in config.json at most", "remove step-20"] {
            assert!(error.contains(part), "expected {part:?} in: {error}");
        }
    }
}

#[test]
fn numbers_that_are_none_are_refused_with_their_place() {
    let run = Run::new();
    let specs = parameter_specs(&model());
    let newest = run.newest();
    for (name, specs) in [("model.safetensors", &specs), ("optimizer.safetensors", &optimizer())] {
        let path = newest.path().join(name);
        let whole = fs::read(&path).unwrap();
        for bits in [0x7fc0_0000u32, 0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xffff_ffff] {
            let mut bytes = whole.clone();
            let end = bytes.len();
            bytes[end - 8..end - 4].copy_from_slice(&bits.to_le_bytes());
            fs::write(&path, &bytes).unwrap();
            let mut store = Cpu::new(1).store();
            let error = match name {
                "model.safetensors" => newest.read_parameters(specs, store.as_mut()),
                _ => newest.read_optimizer(specs, store.as_mut()),
            };
            let error = error.unwrap_err().to_string();
            let last = specs.last().unwrap();
            let place = last.shape.index_of(last.shape.elements() - 2);
            let expected = format!("`{}` holds {} at {place:?}", last.name, f32::from_bits(bits));
            assert!(error.contains(&expected) && error.contains(name), "expected {expected:?} in: {error}");
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn the_optimizer_of_another_model_is_told() {
    let run = Run::new();
    let newest = run.newest();
    fs::copy(newest.path().join("model.safetensors"), newest.path().join("optimizer.safetensors")).unwrap();
    let error = newest.read_optimizer(&optimizer(), Cpu::new(1).store().as_mut()).unwrap_err().to_string();
    assert!(error.contains("the tensor `moment1.embed.positions.inner` is missing; it is of another model"), "{error}");
}

/// Set in the process that runs under the limit, which must not start another.
#[cfg(target_os = "linux")]
const LIMITED: &str = "REFORMER_TEST_LIMITED_MEMORY";

/// All of the above once more in a process that can't have more than a gigabyte of addresses: an allocation that believed a file
/// would end it.
#[cfg(target_os = "linux")]
#[test]
fn a_gigabyte_of_addresses_is_enough_for_every_malformed_file() {
    if std::env::var_os(LIMITED).is_some() {
        return;
    }
    let program = crate::again::this_program();
    // Addresses of an emulator's own count as well: qemu has 1.2 GiB of them in all while it runs these tests.
    let kibibytes = if crate::again::is_emulated() { 2 << 20 } else { 1 << 20 };
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("ulimit -v {kibibytes} && exec \"$0\" \"$@\" --test-threads=2 --skip mutations")])
        .arg(program.get_program())
        .args(program.get_args())
        .env(LIMITED, "")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("headers_that_lie"), "the other tests were not run: {text}");
}
