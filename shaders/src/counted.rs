//! Kernels that count the iterations of their loops while they run, so that tests can compare them with what was computed beforehand.

use crate::{ComposeError, Composed, compose};

/// The binding of the counter, one word: the most iterations that any invocation took.
pub const COUNTER: u32 = 15;
/// What is behind a loop of a small constant number of iterations, which every compiler unrolls: it counts nothing.
const UNROLLED: &str = "// unrolled";

const COUNTING: &str = "
@group(0) @binding(15) var<storage, read_write> most_iterations: atomic<u32>;
var<private> iterations: u32;

fn count_iteration() {
    iterations += 1u;
    atomicMax(&most_iterations, iterations);
}

// Every entry point calls it, so that all of them have the binding.
fn begin_counting() {
    iterations = 0u;
    atomicMax(&most_iterations, 0u);
}
";

/// The text of `file` with these constants, which counts iterations in a buffer at binding [`COUNTER`]: those of loops that aren't
/// marked `// unrolled`.
///
/// # Errors
/// An unknown file or constant.
pub fn compose_counted(file: &str, constants: &[(&str, u32)]) -> Result<Composed, ComposeError> {
    let composed = compose(file, constants)?;
    let mut counted = Composed { choices: composed.choices, ..Composed::default() };
    let mut is_entry = false;
    for (line, origin) in composed.text.lines().zip(&composed.origins) {
        let mut put = |text: &str| {
            counted.text.push_str(text);
            counted.text.push('\n');
            counted.origins.push(origin.clone());
        };
        put(line);
        let code = line.trim();
        is_entry |= code.starts_with("@compute");
        if (code.starts_with("for (") || code.starts_with("while ")) && !code.ends_with(UNROLLED) {
            put("count_iteration();");
        } else if is_entry && code.ends_with('{') {
            is_entry = false;
            put("begin_counting();");
        }
    }
    counted.text.push_str(COUNTING);
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_count_but_for_those_that_are_unrolled() {
        let text = compose_counted("product_registers.wgsl", &[]).unwrap().text;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("for (")) {
            assert_eq!(lines[at + 1] == "count_iteration();", !line.ends_with(UNROLLED), "{line}");
        }
        assert_eq!(lines.iter().filter(|line| **line == "begin_counting();").count(), 1, "{text}");
    }

    /// A loop that is marked so must be one that compilers unroll: a constant number of iterations, and no loop inside.
    #[test]
    fn what_is_marked_as_unrolled_is_short_and_holds_no_loop() {
        for (file, text) in crate::SOURCES {
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.ends_with(UNROLLED)) {
                let bound = line.split("< ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
                let is_constant =
                    bound.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "_u".contains(c));
                assert!(is_constant && !bound.is_empty(), "{file}:{}: `{bound}` is no constant", at + 1);
                let indent = line.len() - line.trim_start().len();
                let body = lines[at + 1..].iter().take_while(|line| line.len() - line.trim_start().len() > indent);
                for line in body {
                    assert!(!line.trim().starts_with("for ("), "{file}:{}: holds `{}`", at + 1, line.trim());
                }
            }
        }
    }
}
