//! Charts of lines over two logarithmic axes, as SVG text. Knows no bench and writes no file.

use std::fmt::Write;

/// A chart's size and the margins of its plot, in pixels.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 46.0;
/// Colours that people who see fewer can tell apart (Okabe and Ito).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
/// More labels than these crowd an axis.
const MOST_TICKS: usize = 9;

/// One line, from points of two positive numbers.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Lines over the same axes.
pub struct Chart {
    pub title: String,
    pub x: String,
    pub y: String,
    pub lines: Vec<Line>,
}

/// Charts side by side.
pub fn svg(charts: &[Chart]) -> String {
    let width = WIDTH * charts.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for (at, chart) in charts.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(svg, "<g transform=\"translate({} 0)\">\n{}</g>", WIDTH * at as f64, chart.drawn());
    }
    svg + "</svg>\n"
}

impl Chart {
    fn drawn(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let xs = powers_of_two(points().map(|(x, _)| x));
        let ys = decimal_ticks(points().map(|(_, y)| y));
        let x = Axis::new(&xs, LEFT, WIDTH - RIGHT);
        let y = Axis::new(&ys, HEIGHT - BOTTOM, TOP);
        let mut svg = format!("<text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n", escaped(&self.title));
        for &tick in &ys {
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y.at(tick) + 4.0,
                label(tick),
                at = y.at(tick)
            );
        }
        // The last label is always there, and of the others as many as fit.
        let every = xs.len().div_ceil(MOST_TICKS).max(1);
        for &tick in xs.iter().rev().step_by(every) {
            let _ = writeln!(
                svg,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{}\" stroke=\"#eee\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 16.0,
                power_label(tick),
                at = x.at(tick)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text><text x=\"{LEFT}\" y=\"{}\">{}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 10.0,
            escaped(&self.x),
            TOP - 8.0,
            escaped(&self.y)
        );
        for (number, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let mut path = String::new();
            for &(at, value) in &line.points {
                let _ = write!(path, "{:.1},{:.1} ", x.at(at), y.at(value));
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    x.at(at),
                    y.at(value)
                );
            }
            let left = LEFT + (WIDTH - LEFT - RIGHT) / self.lines.len() as f64 * number as f64;
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <rect x=\"{left:.1}\" y=\"36\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"42\">{}</text>",
                path.trim_end(),
                left + 18.0,
                escaped(&line.name)
            );
        }
        svg
    }
}

/// Where numbers between two lie, by their logarithms.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(ticks: &[f64], from: f64, to: f64) -> Axis {
        let end = |tick: Option<&f64>| tick.copied().unwrap_or(1.0).ln();
        let (low, high) = (end(ticks.first()), end(ticks.last()));
        // One tick alone lies at the axis' start.
        Axis { low, high: if high > low { high } else { low + 1.0 }, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value.ln() - self.low) / (self.high - self.low)
    }
}

/// All powers of two from the one at or below the least to the one at or above the greatest.
fn powers_of_two(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let Some((low, high)) = ends(values) else { return Vec::new() };
    (low.log2().floor() as i32..=high.log2().ceil() as i32).map(|power| 2f64.powi(power)).collect()
}

/// 1, 2 and 5 times powers of ten around the values; powers alone where those are too many.
fn decimal_ticks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let Some((low, high)) = ends(values) else { return Vec::new() };
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let fine: Vec<f64> =
        decades.clone().flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power))).collect();
    // What lies below the least but one, or above the greatest but one, is not needed.
    let first = fine.iter().rposition(|&tick| tick <= low).unwrap_or(0);
    let last = fine.iter().position(|&tick| tick >= high).unwrap_or(fine.len() - 1);
    if last + 1 - first <= MOST_TICKS {
        fine[first..=last].to_vec()
    } else {
        decades.map(|power| 10f64.powi(power)).collect()
    }
}

/// The least and the greatest positive number.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let positive = values.filter(|value| value.is_finite() && *value > 0.0);
    positive.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

fn label(value: f64) -> String {
    if value >= 1e4 { format!("{} k", value / 1e3) } else { format!("{}", (value * 1e6).round() / 1e6) }
}

/// Lengths by the 1,024.
fn power_label(value: f64) -> String {
    const STEP: f64 = 1024.0;
    match value {
        value if value >= STEP * STEP => format!("{} M", value / (STEP * STEP)),
        value if value >= STEP => format!("{} k", value / STEP),
        value => format!("{value}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_enclose_the_values_and_are_few() {
        assert_eq!(decimal_ticks([3.0, 40.0].into_iter()), [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(decimal_ticks([0.9, 12_000.0].into_iter()), [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0]);
        assert_eq!(powers_of_two([1000.0, 4096.0].into_iter()), [512.0, 1024.0, 2048.0, 4096.0]);
        assert_eq!(decimal_ticks([f64::NAN, 0.0].into_iter()), Vec::<f64>::new());
        assert_eq!(decimal_ticks([5.0].into_iter()), [5.0]);
    }

    #[test]
    fn equal_factors_are_equal_distances() {
        let axis = Axis::new(&[1.0, 100.0], 0.0, 200.0);
        assert_eq!([1.0, 10.0, 100.0].map(|value| axis.at(value).round()), [0.0, 100.0, 200.0]);
        let up = Axis::new(&[1.0, 100.0], 300.0, 100.0);
        assert_eq!(up.at(100.0).round(), 100.0, "greater numbers lie higher");
    }

    #[test]
    fn every_line_is_drawn_within_the_picture() {
        let line = |name: &str, points: &[(f64, f64)]| Line { name: name.to_owned(), points: points.to_vec() };
        let chart = || Chart {
            title: "a < b".to_owned(),
            x: "length".to_owned(),
            y: "ms".to_owned(),
            lines: vec![line("lsh", &[(1024.0, 3.0), (4096.0, 40.0)]), line("full", &[])],
        };
        let svg = svg(&[chart(), chart()]);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("a &lt; b") && svg.contains(">1 k<") && svg.contains(">4 k<"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([0.1, 5.0, 2000.0, 20_000.0].map(label), ["0.1", "5", "2000", "20 k"]);
        assert_eq!([2.0, 1024.0, 65_536.0, 1_048_576.0].map(power_label), ["2", "1 k", "64 k", "1 M"]);
    }
}
