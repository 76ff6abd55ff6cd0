//! `loss.svg`: the training loss, smoothed, and the validation loss, over the steps. Where the numbers come from is in `metrics.rs`.

use crate::TrainError;
use crate::metrics::History;
use plotters::prelude::*;
use reformer_session::write_atomically;
use std::path::Path;

const SIZE: (u32, u32) = (960, 540);
/// The training line has at most so many points; each is the mean of equally many steps.
const MOST_POINTS: usize = 200;
/// A line of at most so many points has dots.
const MOST_DOTS: usize = 40;
/// Part of the height that is left free above and below the lines.
const MARGIN: f64 = 0.05;
/// The least of it, and the least part of the largest number: lines on it are then some ticks apart.
const LEAST_MARGIN: f64 = 1e-3;
/// Larger losses are drawn as this.
const LARGEST_DRAWN: f64 = 1e9;
// Okabe and Ito's blue and vermilion: told apart by all eyes.
const TRAINING: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);

/// That the picture can take its place: found out before there is anything to lose.
pub(crate) fn check_place(path: &Path) -> Result<(), TrainError> {
    if path.is_dir() {
        let message = "it is a folder, the picture of the loss belongs here: remove or rename it".to_owned();
        return Err(TrainError::Picture { path: path.to_owned(), message });
    }
    Ok(())
}

/// Draws the picture; nothing happens before there is a loss. Atomic.
pub(crate) fn draw(path: &Path, history: &History) -> Result<(), TrainError> {
    let Some(svg) = svg(history).map_err(|message| TrainError::Picture { path: path.to_owned(), message })? else {
        return Ok(());
    };
    Ok(write_atomically(path, svg.as_bytes())?)
}

fn svg(history: &History) -> Result<Option<String>, String> {
    // A file may hold any number, and axes have no room for all of them.
    let drawn = |(step, loss): (f64, f64)| (step, loss.clamp(-LARGEST_DRAWN, LARGEST_DRAWN));
    let (training, mean_of) = smoothed(&history.training);
    let training: Vec<(f64, f64)> = training.into_iter().map(drawn).collect();
    let validation = history.validation.iter().map(|&(step, loss)| drawn((step as f64, loss)));
    let validation: Vec<(f64, f64)> = validation.collect();
    let points = || training.iter().chain(&validation);
    if points().next().is_none() {
        return Ok(None);
    }
    let bound = |of: fn(&(f64, f64)) -> f64, pick: fn(f64, f64) -> f64, start: f64| points().map(of).fold(start, pick);
    let (low, high) = (bound(|p| p.1, f64::min, f64::INFINITY), bound(|p| p.1, f64::max, f64::NEG_INFINITY));
    let margin = ((high - low) * MARGIN).max(LEAST_MARGIN).max(high.abs().max(low.abs()) * LEAST_MARGIN);
    let last = bound(|p| p.0, f64::max, 1.0);

    let mut text = String::new();
    let failed = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(&root)
            .caption("Loss", ("sans-serif", 22))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..last, low - margin..high + margin)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc("step")
            .y_desc("loss (nats per token)")
            .x_label_formatter(&|step| format!("{step:.0}"))
            .y_label_formatter(&|loss| format!("{loss:.2}"))
            .axis_desc_style(("sans-serif", 16))
            .label_style(("sans-serif", 13))
            .light_line_style(TRANSPARENT)
            .draw()
            .map_err(failed)?;
        let mut legend = |points: Vec<(f64, f64)>, colour: RGBColor, label: String| {
            let style = colour.stroke_width(2);
            // Dots show where few numbers are, and where one is, which is no line.
            let dots = if points.len() <= MOST_DOTS { 3 } else { 0 };
            let line = LineSeries::new(points, style.filled()).point_size(dots);
            let line = chart.draw_series(line).map_err(failed)?;
            line.label(label).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
            Ok::<(), String>(())
        };
        let steps = if mean_of == 1 { "each step".to_owned() } else { format!("mean of {mean_of} steps") };
        legend(training, TRAINING, format!("training ({steps})"))?;
        if !validation.is_empty() {
            legend(validation, VALIDATION, "validation".to_owned())?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.9))
            .border_style(BLACK.mix(0.2))
            .label_font(("sans-serif", 14))
            .draw()
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(Some(text))
}

/// Means of equally many steps each (the last of what is left), at the middle of their steps; and how many steps.
fn smoothed(losses: &[(u64, f64)]) -> (Vec<(f64, f64)>, usize) {
    let size = losses.len().div_ceil(MOST_POINTS).max(1);
    let mean = |chunk: &[(u64, f64)]| {
        let count = chunk.len() as f64;
        let (steps, sum) =
            chunk.iter().fold((0.0, 0.0), |(steps, sum), &(step, loss)| (steps + step as f64, sum + loss));
        (steps / count, sum / count)
    };
    (losses.chunks(size).map(mean).collect(), size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_the_mean_and_bounds_the_points() {
        let losses: Vec<(u64, f64)> = (1..=1000).map(|step| (step, step as f64)).collect();
        let (points, mean_of) = smoothed(&losses);
        assert_eq!((points.len(), mean_of), (200, 5));
        assert_eq!((points[0], points[199]), ((3.0, 3.0), (998.0, 998.0)));
        assert_eq!(smoothed(&losses[..7]).1, 1);
        assert_eq!(smoothed(&[]), (vec![], 1));
    }

    #[test]
    fn the_picture_has_titled_axes_and_both_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.svg");
        draw(&path, &History::default()).unwrap();
        assert!(!path.exists(), "nothing to draw yet");
        let training = (1..=400).map(|step| (step, 5.0 / step as f64)).collect();
        draw(&path, &History { training, validation: vec![(200, 0.1), (400, 0.05)] }).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for part in ["<svg", "</svg>", "loss (nats per token)", "step", "training (mean of 2 steps)", "validation"] {
            assert!(svg.contains(part), "no {part:?} in {svg}");
        }
        assert!(svg.matches("<polyline").count() >= 2, "{svg}");
        draw(&path, &History { training: vec![(1, 2.0)], validation: vec![] }).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("<circle"), "a single loss is a dot: {svg}");
        for wild in [vec![(1, f64::MAX), (2, f64::MIN)], vec![(1, 1e15)], vec![(3, 1e300), (3, 1e300)], vec![(1, -0.0)]]
        {
            draw(&path, &History { training: wild.clone(), validation: wild }).unwrap();
        }
    }
}
