//! Where `unsafe` may stand, for which calls, and that each gives its reason. The lint `unsafe_code` of the compiler only asks
//! for an allowance; which ones there are is decided here.

use super::tree::{File, Tree};
use super::{Violation, code};

/// A place where `unsafe` may stand.
struct Home {
    /// A folder that ends with `/`, or a file.
    path: &'static str,
    /// What it is needed for.
    what: &'static str,
    /// What may be called, each in one block that does nothing else; empty where any kernel may be written.
    calls: &'static [&'static str],
}

const HOMES: &[Home] = &[
    Home { path: "crates/cpu/", what: "SIMD kernels", calls: &[] },
    Home {
        path: "crates/gpu/src/device.rs",
        what: "shaders without a check in every access, and compiled kernels from an earlier run",
        calls: &["create_shader_module_trusted", "create_pipeline_cache"],
    },
    Home {
        path: "crates/gpu/src/instance.rs",
        what: "Vulkan without the extensions of window systems",
        calls: &["init_with_callback", "from_hal"],
    },
    Home {
        path: "crates/cli/src/allocation.rs",
        what: "an allocator that passes everything on, and ends the program with an error where memory is refused",
        calls: &[],
    },
    Home { path: "benches/benches/machine.rs", what: "the product that all else is compared with", calls: &["gemm"] },
    Home { path: "crates/shader-stats/src/vulkan.rs", what: "raw Vulkan", calls: &[] },
];

/// `unsafe` outside its homes, for something else than it may be there for, or without its reason.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let home = HOMES.iter().find(|home| file.path.starts_with(home.path));
        // A call may be listed once a file: what was reasoned about one place holds for that place.
        let mut left: Vec<&str> = home.map_or_else(Vec::new, |home| home.calls.to_vec());
        for at in code::places(&file.code, "unsafe") {
            let line = file.line_of(at);
            let mut found = |found: String, mend: String| {
                violations.push(Violation::new(&file.path, line, found, mend));
            };
            let Some(home) = home else {
                let homes: Vec<String> = HOMES.iter().map(|home| format!("{} ({})", home.path, home.what)).collect();
                found(
                    "`unsafe` in a file that may have none".to_owned(),
                    format!("write it without; HOMES of xtask/src/tidy/unsafe_code.rs lists: {}", homes.join(", ")),
                );
                continue;
            };
            if !home.calls.is_empty() {
                let called = only_call(&file.code, at);
                match left.iter().position(|call| called == Some(*call)) {
                    Some(index) => _ = left.remove(index),
                    None => found(
                        format!("`unsafe` for something else than {}", home.calls.join(" or ")),
                        "write it without; or keep the block to that one call, and each call to one place".to_owned(),
                    ),
                }
            }
            if !has_reason(file, line) {
                found(
                    "`unsafe` without its reason".to_owned(),
                    "write `// SAFETY: …` right above it: why nothing that can happen breaks it".to_owned(),
                );
            }
        }
    }
    violations
}

/// The method that the block at `at` consists of: `create` in `unsafe { self.device.create(…) }`; `None` if it holds anything else.
fn only_call(code: &str, at: usize) -> Option<&str> {
    let open = at + "unsafe".len() + code[at + "unsafe".len()..].find(|c: char| !c.is_whitespace())?;
    if !code[open..].starts_with('{') {
        return None;
    }
    let block = code[open + 1..code::closing(code, open)].trim();
    let bracket = block.find('(')?;
    let whole = code::closing(block, bracket) + 1 == block.len();
    // Types that a call names say nothing of what is called: `from_hal::<Vulkan>(…)`.
    let path = &block[..bracket];
    let path = path.split_once("::<").filter(|(_, types)| types.ends_with('>')).map_or(path, |(path, _)| path);
    let plain = path.chars().all(|c| c == '_' || c == '.' || c == ':' || c.is_alphanumeric());
    (whole && plain).then(|| path.rsplit(['.', ':']).next()).flatten()
}

/// Whether the comment above a line, or the line itself or the next, gives the reason. Up to two lines of the same
/// statement may stand between.
fn has_reason(file: &File, line: usize) -> bool {
    const STATEMENT_LINES: usize = 2;
    let lines: Vec<&str> = file.text.lines().collect();
    let gives = |text: &str| text.contains("SAFETY:") || text.contains("# Safety");
    if lines.iter().skip(line - 1).take(2).any(|text| gives(text)) {
        return true;
    }
    let mut between = 0;
    for text in lines[..line - 1].iter().rev().map(|text| text.trim()) {
        let aside = text.starts_with("//") || text.starts_with("#[");
        if gives(text) {
            return true;
        }
        between += usize::from(!aside);
        if between > STATEMENT_LINES || text.is_empty() {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn unsafe_needs_a_home_and_a_reason() {
        let bare = "fn a() {\n    unsafe { b() }\n}\n";
        assert_eq!(lines("crates/model/src/a.rs", bare), [2]);
        assert_eq!(lines("crates/cpu/src/a.rs", bare), [2]);
        for reasoned in [
            "// SAFETY: b takes anything.\nunsafe { b() }\n",
            "// SAFETY: b takes\n// anything.\n#[allow(unsafe_code)]\nlet x = c(\n    unsafe { b() },\n);\n",
            "unsafe {\n    // SAFETY: b takes anything.\n    b()\n}\n",
            "/// # Safety\n/// Anything goes.\npub unsafe fn b() {}\n",
            "#![deny(unsafe_code)] // no unsafe here\nconst A: &str = \"unsafe\";\n",
        ] {
            assert_eq!(lines("crates/cpu/src/a.rs", reasoned), NONE, "{reasoned}");
        }
        let far = "// SAFETY: of something else.\nlet a = 1;\n\nlet b = unsafe { c() };\n";
        assert_eq!(lines("crates/cpu/src/a.rs", far), [4]);
        let planted = "// SAFETY: fine.\nunsafe { a() }\nlet b = 1;\nlet c = 2;\nunsafe { d() }\n";
        assert_eq!(lines("crates/cpu/src/a.rs", planted), [5]);
    }

    #[test]
    fn raw_vulkan_is_in_one_file() {
        let reasoned = "// SAFETY: b takes anything.\nunsafe { b() }\n";
        assert_eq!(lines("crates/shader-stats/src/vulkan.rs", reasoned), NONE);
        assert_eq!(lines("crates/shader-stats/src/child.rs", reasoned), [2]);
    }

    #[test]
    fn the_gpu_has_two_calls_in_one_file() {
        let shader =
            "// SAFETY: fine.\nlet m =\n    unsafe { self.device.create_shader_module_trusted(a, f(b).c()) };\n";
        let cache = "// SAFETY: fine.\nunsafe {\n    device.create_pipeline_cache(&D { a })\n}\n";
        assert_eq!(lines("crates/gpu/src/device.rs", &format!("{shader}{cache}")), NONE);
        assert_eq!(lines("crates/gpu/src/recorder.rs", shader), [3], "another file");
        assert_eq!(lines("crates/gpu/tests/device.rs", shader), [3], "another folder");
        assert_eq!(lines("crates/gpu/src/device.rs", &format!("{shader}{shader}")), [6], "a second place");
        let without = shader.replace("SAFETY: ", "");
        assert_eq!(lines("crates/gpu/src/device.rs", &without), [3], "no reason");
        let typed = "// SAFETY: fine.\nunsafe { wgpu::Instance::from_hal::<hal::api::Vulkan>(a) };\n";
        assert_eq!(lines("crates/gpu/src/instance.rs", typed), NONE, "types may be named");
    }

    #[test]
    fn the_gpu_calls_nothing_else_unsafely() {
        for other in [
            "unsafe { self.device.create_shader_module_passthrough(a) };",
            "unsafe { write(p); self.device.create_pipeline_cache(a) };",
            "unsafe { self.device.create_pipeline_cache(a); write(p) };",
            "unsafe { write(p).create_pipeline_cache(a) };",
            "unsafe { *p = 1; self.device.create_pipeline_cache(a) };",
            "unsafe { write(create_pipeline_cache(a)) };",
            "unsafe fn create_pipeline_cache() {}",
            "unsafe impl Send for Device {}",
        ] {
            assert_eq!(lines("crates/gpu/src/device.rs", &format!("// SAFETY: fine.\n{other}\n")), [2], "{other}");
        }
    }
}
