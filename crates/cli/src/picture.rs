//! A picture of memory over a training step by kind, as SVG text. Knows plans; writes no file.

use crate::quantities::Bytes;
use reformer_tensor::{DType, Instruction, Plan, Value};
use std::fmt::Write;

/// The picture's width and height, and the plot's margins, in pixels.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 78.0;
/// Lines across the plot.
const GRID_LINES: u64 = 4;
/// Entries in a row of the legend, and from row to row.
const LEGEND_COLUMNS: usize = 4;
const LEGEND_ROW: f64 = 20.0;

/// What comes and goes within a step, from below: residual streams, which are there all the time; gradients of streams and of
/// what attention reads; the rest, which is what attention and the loss work with.
const KINDS: [(&str, &str); 3] =
    [("streams", "#2f8f83"), ("their gradients", "#e0803a"), ("queries, keys, values …", "#b58bc0")];
const STREAMS: usize = 0;
const GRADIENTS: usize = 1;
const PROJECTIONS: usize = 2;

/// A layer of the picture: its bytes at each op, or at all of them.
struct Layer {
    name: &'static str,
    colour: &'static str,
    bytes: Vec<u64>,
}

/// What a temporary of a training step is. Only streams are in fixed point; gradients are what a gradient's op makes or clears.
fn kind_of(value: &Value, maker: &Instruction) -> usize {
    let op = maker.op.name();
    match value.dtype {
        DType::Fixed { .. } => STREAMS,
        _ if op.ends_with("_gradient") || op == "zeros" => GRADIENTS,
        _ => PROJECTIONS,
    }
}

/// From below: what is always there, then what is alive at each op.
fn layers(plan: &Plan, moment_bytes: u64) -> Vec<Layer> {
    // A parameter has a gradient sum of its own size.
    let gradient_bytes = plan.state_bytes / 2;
    let always = [
        ("parameters", "#3b6ea5", plan.state_bytes - gradient_bytes),
        ("their gradients", "#f0b183", gradient_bytes),
        ("moments", "#7fa8d1", moment_bytes),
        ("inputs and scratch", "#b9c7d6", plan.input_bytes + plan.scratch_bytes),
    ];
    let by_op = plan.live_bytes_by::<{ KINDS.len() }>(kind_of);
    let steady =
        always.into_iter().map(|(name, colour, bytes)| Layer { name, colour, bytes: vec![bytes; by_op.len()] });
    let passing = KINDS.into_iter().enumerate().map(|(kind, (name, colour))| Layer {
        name,
        colour,
        bytes: by_op.iter().map(|bytes| bytes[kind]).collect(),
    });
    steady.chain(passing).collect()
}

/// Memory over the step by kind. The dotted line is what the plan takes: slots are given once, so it is the peak plus what slots
/// leave unused.
pub fn memory_over_step(plan: &Plan, moment_bytes: u64, title: &str) -> String {
    let layers = layers(plan, moment_bytes);
    let most = (plan.peak_bytes() + moment_bytes).max(1);
    let steps = plan.live_bytes.len().max(1);
    let x = |step: usize| LEFT + (WIDTH - LEFT - RIGHT) * step as f64 / steps as f64;
    let y = |bytes: u64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * bytes as f64 / most as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    // Writing to a String cannot fail.
    for line in 0..=GRID_LINES {
        let bytes = most / GRID_LINES * line;
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y(bytes) + 4.0,
            Bytes(bytes),
            at = y(bytes),
        );
    }
    let mut tops = vec![0; plan.live_bytes.len()];
    for layer in &layers {
        let floor: Vec<u64> = tops.clone();
        tops.iter_mut().zip(&layer.bytes).for_each(|(top, bytes)| *top += bytes);
        let _ = writeln!(
            svg,
            "<polygon points=\"{}{}\" fill=\"{}\"/>",
            stairs(&tops, x, y, false),
            stairs(&floor, x, y, true),
            layer.colour
        );
    }
    let _ = writeln!(
        svg,
        "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#333\" stroke-dasharray=\"3 3\"/>",
        WIDTH - RIGHT,
        at = y(most)
    );
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">op 1 to {steps}, in the order they run; the peak is at op {}; of each kind its most</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - BOTTOM + 18.0,
        plan.peak_step() + 1
    );
    for (place, layer) in layers.iter().enumerate() {
        let column = (WIDTH - LEFT - RIGHT) / LEGEND_COLUMNS as f64;
        let left = LEFT + column * (place % LEGEND_COLUMNS) as f64;
        let row = HEIGHT - BOTTOM + 44.0 + LEGEND_ROW * (place / LEGEND_COLUMNS) as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{row:.1}\" font-size=\"11\">{}: {}</text>",
            row - 9.0,
            layer.colour,
            left + 14.0,
            layer.name,
            Bytes(layer.bytes.iter().copied().max().unwrap_or(0))
        );
    }
    svg + "</svg>\n"
}

/// The outline of bytes that hold for an op each, from left to right or back.
fn stairs(bytes: &[u64], x: impl Fn(usize) -> f64, y: impl Fn(u64) -> f64, is_back: bool) -> String {
    let mut corners: Vec<String> = bytes
        .iter()
        .enumerate()
        .flat_map(|(step, &bytes)| [step, step + 1].map(|side| format!("{:.1},{:.1} ", x(side), y(bytes))))
        .collect();
    if is_back {
        corners.reverse();
    }
    corners.concat()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_model::{MemoryChoice, ModelConfig, record::training};
    use reformer_tensor::PlanOptions;

    #[test]
    fn kinds_make_up_what_is_alive() {
        let config = ModelConfig::tiny();
        let choice = MemoryChoice { head_group: 1, stored_layers: 1 };
        let plan = Plan::new(&training(&config, 64, choice), &PlanOptions::default()).unwrap();
        let by_op = plan.live_bytes_by::<{ KINDS.len() }>(kind_of);
        let stream = (64 * config.width * size_of::<i32>()) as u64;
        for (op, (bytes, &live)) in by_op.iter().zip(&plan.live_bytes).enumerate() {
            assert_eq!(bytes.iter().sum::<u64>(), live, "op {op}");
            assert_eq!(bytes[STREAMS] % stream, 0, "op {op}");
        }
        let peak = plan.peak_step();
        assert!(by_op[peak].iter().all(|&bytes| bytes > 0), "at the peak: {:?}", by_op[peak]);
        // All that the forward pass holds is streams and what attention works with.
        assert_eq!(by_op[1][GRADIENTS], 0);
        // The embedding's gradient comes last and needs no stream.
        assert_eq!(by_op.last().map(|bytes| bytes[PROJECTIONS] + bytes[STREAMS]), by_op.last().map(|_| 0));
    }
}
