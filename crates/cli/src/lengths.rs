//! A picture of how long dialogues are, as SVG text: turns and bytes, each split a line. Counts nothing; writes no file.

use plotters::coord::Shift;
use plotters::prelude::*;
use reformer_multiwoz::{Length, Percentiles, SplitStats, Stats};
use std::io;

const SIZE: (u32, u32) = (960, 720);
/// Parts that the lengths up to the axis' end are counted in, if they are not fewer by themselves.
const BARS: usize = 60;
/// The axis ends where this much longer dialogues than 99 % of them would be: a single huge one must not flatten the rest.
const BEYOND_P99: f64 = 1.5;
// Okabe and Ito's blue, vermilion and green: told apart by all eyes.
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = DrawingAreaErrorKind<io::Error>;

/// What is counted along an axis.
struct Axis {
    name: &'static str,
    /// The least part of it: turns come in pairs, one of each speaker.
    unit: usize,
    of: fn(&Length) -> usize,
    spread: fn(&SplitStats) -> &Percentiles,
}

/// Draws.
///
/// # Errors
/// If there is no dialogue.
pub fn picture(stats: &Stats, title: &str) -> anyhow::Result<String> {
    anyhow::ensure!(stats.splits.values().any(|split| split.dialogues > 0), "there is no dialogue to draw");
    let mut svg = String::new();
    draw(&mut svg, stats, title).map_err(|error| anyhow::anyhow!("cannot draw the picture: {error}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, stats: &Stats, title: &str) -> Result<(), Failure> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(title, ("sans-serif", 20))?;
    let axes = [
        Axis { name: "turns a dialogue", unit: 2, of: |length| length.turns, spread: |split| &split.turns_a_dialogue },
        Axis {
            name: "bytes of text a dialogue",
            unit: 1,
            of: |length| length.bytes,
            spread: |split| &split.bytes_a_dialogue,
        },
    ];
    for (area, axis) in root.split_evenly((2, 1)).iter().zip(&axes) {
        histogram(area, stats, axis)?;
    }
    root.present()
}

fn histogram(area: &Area<'_>, stats: &Stats, axis: &Axis) -> Result<(), Failure> {
    let end = stats.splits.values().map(|split| {
        let spread = (axis.spread)(split);
        spread.most.min((spread.p99 as f64 * BEYOND_P99) as usize)
    });
    let end = end.max().unwrap_or(0) + 1;
    let width = end.div_ceil(BARS).next_multiple_of(axis.unit);
    let lines: Vec<_> = stats.splits.values().map(|split| shares(&split.lengths, axis, width, end)).collect();
    let highest = lines.iter().flatten().map(|&(_, share)| share).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..end.next_multiple_of(width) as f64, 0.0..highest * 1.05)?;
    let each = if width == 1 { String::new() } else { format!(", {width} at a time") };
    chart
        .configure_mesh()
        .x_desc(format!("{}{each}", axis.name))
        .y_desc("share of dialogues")
        .x_label_formatter(&|length| format!("{length:.0}"))
        .y_label_formatter(&|share| format!("{:.0} %", 100.0 * share))
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for ((split, line), colour) in stats.splits.keys().zip(lines).zip(COLOURS) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line, style))?
            .label(split.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 13))
        .draw()
}

/// For each interval of lengths, the share of dialogues in it, as a line of steps.
fn shares(lengths: &[Length], axis: &Axis, width: usize, end: usize) -> Vec<(f64, f64)> {
    let mut counts = vec![0usize; end.div_ceil(width)];
    for length in lengths {
        if let Some(count) = counts.get_mut((axis.of)(length) / width) {
            *count += 1;
        }
    }
    let all = lengths.len().max(1) as f64;
    let step = |(at, count): (usize, usize)| {
        let share = count as f64 / all;
        [((at * width) as f64, share), (((at + 1) * width) as f64, share)]
    };
    counts.into_iter().enumerate().flat_map(step).collect()
}
