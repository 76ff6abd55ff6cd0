//! `docs/results.md` and the charts beside it, from figures. Measures nothing and writes no file; what was not measured is a dash.

use super::figures::{Figure, Figures};
use super::memory::{Memory, Peak, WAYS};
use super::picture::{Chart, Line};

const KINDS: [&str; 3] = ["lsh", "local", "full"];
/// What stands where nothing was measured.
const DASH: &str = "–";
/// What the names of the GPU's groups begin with.
const GPU: &str = "gpu_";
const GIB: f64 = (1u64 << 30) as f64;

/// Everything that the page tells.
pub struct Page {
    /// What the machine is: names and values.
    pub machine: Vec<(&'static str, String)>,
    pub figures: Figures,
    pub memory: Memory,
}

impl Page {
    /// The page, in Markdown.
    pub fn text(&self) -> String {
        let machine = self.machine.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
        [
            "# Results\n\nWritten by `cargo xtask bench`, all of it in one run; each time is a median. How to read single \
             steps is in [performance.md](performance.md).\n"
                .to_owned(),
            table(&["", ""], machine),
            "## Operations\n\nIn the programs they occur in: width 256, 4 heads of 64, feed-forward 1,024, vocabulary 4,096, \
             two rounds of W = 64, 4,096 rows (a software adapter has 1,024). The shares are of `gemm` at 1024³ and of reading \
             memory, with all cores; bytes are those of the operands, once each, so what lies in caches passes faster than memory.\n"
                .to_owned(),
            self.operations(),
            "## Attention by length\n\nMilliseconds; two heads of 64, hashing and sorting included.\n\n\
             ![Attention](attention-speed.svg)\n"
                .to_owned(),
            self.attention(""),
            "On the GPU:\n".to_owned(),
            self.attention(GPU),
            "## A training step by length\n\nTokens a second: gradients and AdamW, everything stored; two layers of width \
             256, 4 heads, feed-forward 1,024, bytes.\n\n![Training step](step-speed.svg)\n"
                .to_owned(),
            self.training_step(""),
            "On the GPU:\n".to_owned(),
            self.training_step(GPU),
            "## Decoding\n\nTokens a second of all conversations together; two layers of width 512, vocabulary 8,192.\n".to_owned(),
            self.decoding(),
            "## Planning\n\nMilliseconds to record a training step of the book preset and to plan it.\n".to_owned(),
            self.planning(),
            "## Memory\n\nPeaks of a step of the book preset (width 512), in GiB, as `cargo xtask plan` says. Full attention works \
             in tiles as well, and holds no matrix of scores: it differs by its projections.\n\n![Memory](memory.svg)\n"
                .to_owned(),
            self.peaks(&self.memory.by_length, "length", |peak| peak.length),
            self.peaks(&self.memory.by_depth, "layers", |peak| peak.layers),
        ]
        .join("\n")
    }

    /// The pictures, by the names of their files.
    pub fn pictures(&self) -> Vec<(&'static str, Vec<Chart>)> {
        let attention = |group: &str, title: &str| Chart {
            title: title.to_owned(),
            x: "tokens".to_owned(),
            y: "ms".to_owned(),
            lines: KINDS.iter().map(|kind| self.line(kind, group, |figure| Some(figure.seconds * 1e3))).collect(),
        };
        let step = Chart {
            title: "A training step".to_owned(),
            x: "tokens".to_owned(),
            y: "tokens/s".to_owned(),
            lines: ["lsh", "full"]
                .iter()
                .map(|kind| self.line(kind, "training_step", Figure::elements_per_second))
                .collect(),
        };
        let memory = |peaks: &[Peak], title: &str, x: &str, of: fn(&Peak) -> u64| Chart {
            title: title.to_owned(),
            x: x.to_owned(),
            y: "GiB".to_owned(),
            lines: WAYS
                .iter()
                .enumerate()
                .map(|(way, (name, _))| {
                    let own = peaks.iter().filter(|peak| peak.way == way);
                    Line {
                        name: (*name).to_owned(),
                        points: own.map(|peak| (of(peak) as f64, peak.bytes / GIB)).collect(),
                    }
                })
                .collect(),
        };
        vec![
            (
                "attention-speed.svg",
                vec![
                    attention("attention", "Attention, forward"),
                    attention("attention_backward", "Forward and backward"),
                ],
            ),
            ("step-speed.svg", vec![step]),
            (
                "memory.svg",
                vec![
                    memory(&self.memory.by_length, "Peak memory of a step, 6 layers", "tokens", |peak| peak.length),
                    memory(&self.memory.by_depth, "65,536 tokens", "layers", |peak| peak.layers),
                ],
            ),
        ]
    }

    fn line(&self, function: &str, group: &str, value: impl Fn(&Figure) -> Option<f64>) -> Line {
        let points = self.figures.values(group).into_iter().filter_map(|length| {
            let figure = self.figures.get(group, function, &length.to_string())?;
            Some((length as f64, value(figure)?))
        });
        Line { name: function.to_owned(), points: points.collect() }
    }

    fn operations(&self) -> String {
        let gemm = self.figures.get("machine", "gemm_1024", "").and_then(Figure::elements_per_second);
        let memory = self.figures.get("machine", "read", "").and_then(Figure::bytes_per_second);
        let share =
            |own: Option<f64>, most: Option<f64>| cell(own.zip(most).map(|(own, most)| 100.0 * own / most), "%");
        let row = |name: &str, cpu: Option<&Figure>| {
            let (flops, bytes) = (cpu.and_then(Figure::elements_per_second), cpu.and_then(Figure::bytes_per_second));
            let gpu = self.figures.get("gpu_ops", name, "");
            vec![
                format!("`{name}`"),
                milliseconds(cpu),
                cell(flops.map(|flops| flops / 1e9), ""),
                share(flops, gemm),
                cell(bytes.map(|bytes| bytes / 1e9), ""),
                share(bytes, memory),
                milliseconds(gpu),
                cell(gpu.and_then(Figure::elements_per_second).map(|flops| flops / 1e9), ""),
            ]
        };
        let mut rows: Vec<Vec<String>> =
            self.figures.functions("ops").into_iter().map(|(name, cpu)| row(name, Some(cpu))).collect();
        rows.extend([("gemm_1024", "gemm at 1024³"), ("read", "reading memory")].map(|(name, words)| {
            let mut cells = row(name, self.figures.get("machine", name, ""));
            words.clone_into(&mut cells[0]);
            cells
        }));
        table(&["", "CPU, ms", "GFLOP/s", "of gemm", "GB/s", "of memory", "GPU, ms", "GFLOP/s"], rows)
    }

    fn attention(&self, prefix: &str) -> String {
        let header = ["tokens", "lsh", "local", "full", "lsh with backward", "local", "full"];
        let groups = ["attention", "attention_backward"].map(|group| format!("{prefix}{group}"));
        let rows = self.figures.values(&groups[0]).into_iter().map(|length| {
            let mut row = vec![grouped(length)];
            for group in &groups {
                row.extend(KINDS.map(|kind| milliseconds(self.figures.get(group, kind, &length.to_string()))));
            }
            row
        });
        table(&header, rows.collect())
    }

    fn training_step(&self, prefix: &str) -> String {
        let group = format!("{prefix}training_step");
        let rows = self.figures.values(&group).into_iter().map(|length| {
            let speed =
                |kind| self.figures.get(&group, kind, &length.to_string()).and_then(Figure::elements_per_second);
            let (lsh, full) = (speed("lsh"), speed("full"));
            let ratio = lsh.zip(full).map_or_else(|| DASH.to_owned(), |(lsh, full)| format!("{:.2}", lsh / full));
            vec![grouped(length), cell(lsh, ""), cell(full, ""), ratio]
        });
        table(&["tokens", "lsh", "full", "lsh ÷ full"], rows.collect())
    }

    fn decoding(&self) -> String {
        let contexts = self.figures.values("decoding");
        let titles: Vec<String> = contexts.iter().map(|&context| format!("context {}", grouped(context))).collect();
        let mut header = vec!["weights", "conversations"];
        header.extend(titles.iter().map(String::as_str));
        let ways = ["f32", "bf16"].into_iter().flat_map(|weights| ["1", "8"].map(|count| (weights, count)));
        let rows = ways.map(|(weights, count)| {
            let mut row = vec![weights.to_owned(), count.to_owned()];
            row.extend(contexts.iter().map(|context| {
                let figure = self.figures.get("decoding", &format!("{weights}_{count}"), &context.to_string());
                cell(figure.and_then(Figure::elements_per_second), "")
            }));
            row
        });
        table(&header, rows.collect())
    }

    fn planning(&self) -> String {
        let rows = self.figures.values("planning").into_iter().map(|length| {
            let time = |layers: &str| milliseconds(self.figures.get("planning", layers, &length.to_string()));
            vec![grouped(length), time("layers_6"), time("layers_48")]
        });
        table(&["tokens", "6 layers", "48 layers"], rows.collect())
    }

    fn peaks(&self, peaks: &[Peak], title: &str, of: fn(&Peak) -> u64) -> String {
        let mut sizes: Vec<u64> = peaks.iter().map(of).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let rows = sizes.into_iter().map(|size| {
            let mut row = vec![grouped(size)];
            row.extend((0..WAYS.len()).map(|way| {
                let peak = peaks.iter().find(|peak| peak.way == way && of(peak) == size);
                cell(peak.map(|peak| peak.bytes / GIB), "")
            }));
            row
        });
        let mut header = vec![title];
        header.extend(WAYS.map(|(name, _)| name));
        table(&header, rows.collect())
    }
}

fn milliseconds(figure: Option<&Figure>) -> String {
    cell(figure.map(|figure| figure.seconds * 1e3), "")
}

/// A number with three digits that count, or a dash.
fn cell(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else { return DASH.to_owned() };
    let number = match value {
        value if value >= 99.95 => grouped(value.round() as u64),
        value if value >= 9.995 => format!("{value:.1}"),
        value if value >= 0.9995 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    };
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// `65,536`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table; empty if it has no rows.
fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return "Not measured.\n".to_owned();
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(header.len()));
    line(&header) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(figures: Figures) -> Page {
        let peak = |way, length, layers, gib: f64| Peak { way, length, layers, bytes: gib * GIB };
        let memory = Memory {
            by_length: vec![peak(0, 4096, 6, 0.5), peak(1, 4096, 6, 2.0)],
            by_depth: vec![peak(0, 65_536, 48, 1.0)],
            adapter: String::new(),
        };
        Page { machine: vec![("CPU", "one".to_owned())], figures, memory }
    }

    #[test]
    fn shares_are_of_what_this_run_measured() {
        let figures = Figures::default()
            .with(["machine", "gemm_1024", ""], 0.01, 2e9, 0.0)
            .with(["machine", "read", ""], 0.5, 0.0, 10e9)
            .with(["ops", "cast", ""], 0.001, 0.0, 5e6)
            .with(["ops", "attention", ""], 0.002, 1e8, 8e6)
            .with(["gpu_ops", "attention", ""], 0.004, 1e8, 8e6);
        let text = page(figures).operations();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2], "| `attention` | 2.00 | 50.0 | 25.0 % | 4.00 | 20.0 % | 4.00 | 25.0 |",
            "the slowest first"
        );
        assert_eq!(lines[3], "| `cast` | 1.00 | – | – | 5.00 | 25.0 % | – | – |");
        assert!(lines[4].starts_with("| gemm at 1024³ | 10.0 | 200 | 100 % |"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let figures = Figures::default()
            .with(["training_step", "lsh", "65536"], 4.0, 65_536.0, 0.0)
            .with(["training_step", "lsh", "1024"], 0.1, 1024.0, 0.0)
            .with(["training_step", "full", "1024"], 0.2, 1024.0, 0.0)
            .with(["gpu_training_step", "lsh", "2048"], 2.0, 2048.0, 0.0)
            .with(["decoding", "bf16_8", "1000"], 0.01, 8.0, 0.0);
        let page = page(figures);
        let rows = "| 1,024 | 10,240 | 5,120 | 2.00 |\n| 65,536 | 16,384 | – | – |\n";
        assert!(page.training_step("").ends_with(rows), "{}", page.training_step(""));
        assert!(page.training_step(GPU).ends_with("| 2,048 | 1,024 | – | – |\n"), "{}", page.training_step(GPU));
        assert!(page.decoding().contains("| f32 | 1 | – |\n") && page.decoding().contains("| bf16 | 8 | 800 |\n"));
        assert!(page.text().contains("| 4,096 | 0.500 | 2.00 | – |\n"), "{}", page.text());
        assert!(page.attention("").contains("Not measured"));
    }

    #[test]
    fn every_picture_is_on_the_page() {
        let figures = Figures::default().with(["attention", "lsh", "2048"], 0.002, 2048.0, 0.0).with(
            ["attention", "lsh", "16384"],
            0.02,
            16_384.0,
            0.0,
        );
        let page = page(figures);
        let text = page.text();
        for (name, charts) in page.pictures() {
            assert!(text.contains(&format!("({name})")), "{name}");
            assert!(!charts.is_empty());
        }
        let (_, charts) = &page.pictures()[0];
        assert_eq!(charts[0].lines[0].points, [(2048.0, 2.0), (16_384.0, 20.0)], "by length, not by the letters of it");
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let cells = [0.0123, 0.99951, 9.995, 99.96, 12_345.6].map(|value| cell(Some(value), ""));
        assert_eq!(cells, ["0.012", "1.00", "10.0", "100", "12,346"]);
    }
}
