//! No catch-all arm over `Op`: a new operation must make the compiler name every place that has to know it. Found
//! without a parser, by brackets: good enough for formatted code, and tested on what it must see.

use super::tree::Tree;
use super::{Violation, code};

/// Every `match` with a pattern over `Op` and an arm that takes whatever is left.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let own = spans_of_impl_op(&file.code);
        for at in code::places(&file.code, "match") {
            let Some(arms) = arms(&file.code, at) else { continue };
            let inside_op = own.iter().any(|span| span.contains(&at));
            let over_op = arms.iter().any(|(_, pattern)| {
                code::places(pattern, "Op::").next().is_some()
                    || inside_op && code::places(pattern, "Self::").next().is_some()
            });
            for (offset, pattern) in arms.iter().filter(|(_, pattern)| over_op && takes_all(pattern)) {
                violations.push(Violation::new(
                    &file.path,
                    file.line_of(*offset),
                    format!("`{} =>` in a match over `Op`: a new operation would pass unseen", pattern.trim()),
                    "name every operation, several in one arm with `|`; use `if let` or `let … else` for a single one",
                ));
            }
        }
    }
    violations
}

/// Where `Self::` means `Op::`.
fn spans_of_impl_op(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut spans = Vec::new();
    for at in code::places(code, "impl") {
        let Some(open) = code[at..].find('{').map(|length| at + length) else { continue };
        let head = code[at..open].trim_end();
        if head == "impl Op" || head.ends_with(" for Op") {
            spans.push(open..code::closing(code, open));
        }
    }
    spans
}

/// The patterns, each with its offset, of the match at `at`; `None` if it is no match expression.
fn arms(code: &str, at: usize) -> Option<Vec<(usize, &str)>> {
    let mut open = at + "match".len();
    if !code[open..].starts_with(|c: char| c.is_whitespace() || c == '(' || c == '{') {
        return None; // `r#match`, or a word of a macro
    }
    loop {
        open += code[open..].find(['{', '(', '[', ';'])?;
        let end = code::closing(code, open);
        match code.as_bytes()[open] {
            b';' => return None,
            // `match unsafe { … } { arms }`: a block may be what is matched.
            b'{' if !code[end..].trim_start_matches('}').trim_start().starts_with('{') => break,
            _ => open = (end + 1).min(code.len()),
        }
    }
    let end = code::closing(code, open);
    let mut arms = Vec::new();
    let mut from = open + 1;
    while let Some(arrow) = at_depth_zero(code, from, end, "=>") {
        // A pattern has no comma outside brackets; what stands before one belongs to the arm above.
        let mut start = from;
        while let Some(comma) = at_depth_zero(code, start, arrow, ",") {
            start = comma + 1;
        }
        start += code[start..arrow].len() - code[start..arrow].trim_start().len();
        arms.push((start, &code[start..arrow]));
        let body = arrow + 2 + code[arrow + 2..end].len() - code[arrow + 2..end].trim_start().len();
        from = if code[body..].starts_with('{') {
            (code::closing(code, body) + 1).min(end)
        } else {
            at_depth_zero(code, body, end, ",").map_or(end, |comma| comma + 1)
        };
    }
    Some(arms)
}

/// The first place of `what` outside brackets.
fn at_depth_zero(code: &str, from: usize, end: usize, what: &str) -> Option<usize> {
    let bytes = code.as_bytes();
    let mut at = from;
    while at < end {
        if bytes[at..end].starts_with(what.as_bytes()) {
            return Some(at);
        }
        at = match bytes[at] {
            b'(' | b'[' | b'{' => code::closing(code, at) + 1,
            _ => at + 1,
        };
    }
    None
}

/// Whether a pattern without a guard takes anything: `_`, `(_, _)`, `..`, or a bare name.
fn takes_all(pattern: &str) -> bool {
    let pattern = pattern.trim();
    let wild = pattern.chars().all(|c| c.is_whitespace() || "_(),.&".contains(c)) && pattern.contains(['_', '.']);
    let name = pattern.starts_with(|c: char| c.is_lowercase())
        && pattern.chars().all(|c| c == '_' || c.is_alphanumeric())
        && !["true", "false"].contains(&pattern);
    wild || name
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn lines(code: &str) -> Vec<usize> {
        check(&Tree::of(&[("crates/cpu/src/a.rs", code)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn every_shape_of_catch_all_is_found() {
        let rows = [
            "match op {\n    Op::Zeros(_) => 1,\n    _ => 2,\n}",
            "match &x.op {\n    tensor::Op::Zeros(z) => { f(z) }\n    _ => 2,\n}",
            "match op {\n    Op::Zeros(_) | Op::Embed(_) => f::<A, B>(x),\n    other => 2,\n}",
            "match (op, x) {\n    (Op::Zeros(_), Some(1)) => match y { 1 => {} _ => {} },\n    (_, _) => 2,\n}",
            "match f(|x| { x }) {\n    Some(Op::Zeros(_)) => 1,\n    _ => 2,\n}",
            "match unsafe { f() } {\n    Op::Zeros(_) if x => 1,\n    _ => { 2 }\n}",
            "impl Op { fn f(&self) { match self {\n    Self::Zeros(_) => 1,\n    _ => 2,\n} } }",
        ];
        for code in rows {
            assert_eq!(lines(code), [3], "{code}");
        }
    }

    #[test]
    fn whatever_names_all_operations_passes() {
        let rows = [
            "match op { Op::Zeros(_) => 1, Op::Embed(_) | Op::Logits(_) => match x { 1 => 2, _ => 3 } }",
            "match op { Op::Zeros(_) => 1, x if f(x) => 2, Op::Embed(_) => 3 }",
            "match x { BinaryOp::Add => 1, _ => 2 }",
            "match x { 1 => Op::Zeros(a), _ => Op::Embed(b) }",
            "match op { Op::Zeros(_) => 1, Op::Embed(Embed { rows, .. }) => 2 }",
            "// match op { Op::Zeros(_) => 1, _ => 2 }",
            "impl Kind { fn f(&self) { match self { Self::Zeros => 1, _ => 2 } } }",
            "if matches!(op, Op::Zeros(_)) {}",
        ];
        for code in rows {
            assert_eq!(lines(code), NONE, "{code}");
        }
    }
}
