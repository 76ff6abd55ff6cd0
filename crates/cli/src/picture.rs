//! A picture of memory over a training step, as SVG text. Knows plans; writes no file.

use crate::quantities::Bytes;
use reformer_tensor::Plan;
use std::fmt::Write;

/// The picture's width and height, and the plot's margins, in pixels.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;
/// Lines across the plot.
const GRID_LINES: u64 = 4;
/// Letters that a label's coloured square and the gap behind it are as wide as.
const SWATCH_LETTERS: usize = 6;

/// What is there for the whole step, below what comes and goes.
struct Layer {
    name: &'static str,
    bytes: u64,
    colour: &'static str,
}

/// Memory over the step: what is always there as bands, then what is alive at each op. The dotted line is what the plan
/// takes: slots are given once, so it is the peak plus what slots leave unused.
pub fn memory_over_step(plan: &Plan, moment_bytes: u64, title: &str) -> String {
    let bands = [
        Layer { name: "parameters and gradients", bytes: plan.state_bytes, colour: "#3b6ea5" },
        Layer { name: "moments", bytes: moment_bytes, colour: "#7fa8d1" },
        Layer { name: "inputs and scratch", bytes: plan.input_bytes + plan.scratch_bytes, colour: "#b9c7d6" },
    ];
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
    for line in 0..=GRID_LINES {
        let bytes = most / GRID_LINES * line;
        // Writing to a String cannot fail.
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
    let mut below = 0;
    let mut legend = Vec::new();
    for band in &bands {
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
            y(below + band.bytes),
            x(steps) - LEFT,
            y(below) - y(below + band.bytes),
            band.colour
        );
        legend.push((band.name, band.bytes, band.colour));
        below += band.bytes;
    }
    let mut outline = format!("{LEFT:.1},{:.1}", y(below));
    for (step, &live) in plan.live_bytes.iter().enumerate() {
        let _ = write!(outline, " {:.1},{at:.1} {:.1},{at:.1}", x(step), x(step + 1), at = y(below + live));
    }
    let _ = write!(outline, " {:.1},{:.1}", x(steps), y(below));
    let _ = writeln!(svg, "<polygon points=\"{outline}\" fill=\"#e0803a\"/>");
    legend.push(("alive in the step, at most", plan.live_bytes.iter().copied().max().unwrap_or(0), "#e0803a"));
    let _ = writeln!(
        svg,
        "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#333\" stroke-dasharray=\"3 3\"/>",
        WIDTH - RIGHT,
        at = y(most)
    );
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">op 1 to {steps}, in the order they run; the peak is at op {}</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - BOTTOM + 18.0,
        plan.peak_step() + 1
    );
    // Each label gets room by its length.
    let labels: Vec<(String, &str)> =
        legend.into_iter().map(|(name, bytes, colour)| (format!("{name}: {}", Bytes(bytes)), colour)).collect();
    let letters: usize = labels.iter().map(|(label, _)| label.len() + SWATCH_LETTERS).sum();
    let mut at = LEFT;
    for (label, colour) in labels {
        let _ = writeln!(
            svg,
            "<rect x=\"{at:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{label}</text>",
            HEIGHT - 22.0,
            at + 14.0,
            HEIGHT - 13.0
        );
        at += (WIDTH - LEFT - RIGHT) * (label.len() + SWATCH_LETTERS) as f64 / letters as f64;
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
