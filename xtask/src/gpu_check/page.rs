//! The page of results, in Markdown. It measures nothing and names no place of the machine that it was written on.

use super::Adapter;
use super::parts::Report;
use std::path::Path;

/// What every page begins with.
pub const TITLE: &str = "# GPU check: ";

/// Everything that is written about one check.
pub struct Page {
    /// The adapter that was asked for; `None` if the adapters couldn't be listed.
    pub adapter: Option<Adapter>,
    /// What is checked out.
    pub commit: String,
    /// When.
    pub seconds_since_1970: u64,
    /// What became of each part.
    pub reports: Vec<Report>,
}

impl Page {
    /// Whether every part passed.
    pub fn passed(&self) -> bool {
        self.reports.iter().all(|report| report.outcome.is_ok())
    }

    fn name(&self) -> &str {
        self.adapter.as_ref().map_or("unknown adapter", Adapter::name)
    }

    /// The adapter's name as a part of a file's name.
    pub fn slug(&self) -> String {
        let letters = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let slug: String = self.name().chars().map(letters).collect();
        slug.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// The page. Paths below `root` become relative to it.
    pub fn text(&self, root: &Path) -> String {
        let failed = self.reports.iter().filter(|report| report.outcome.is_err()).count();
        let result = match failed {
            0 => format!("all {} parts passed", self.reports.len()),
            _ => format!("**{failed} of {} parts failed**", self.reports.len()),
        };
        let remark = self.adapter.as_ref().map_or("unknown", |adapter| adapter.remark.as_str());
        let rows = [
            ("adapter", self.adapter.as_ref().map_or("unknown", |adapter| adapter.full.as_str()).to_owned()),
            ("driver", remark.to_owned()),
            ("system", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
            ("commit", self.commit.clone()),
            ("date", date(self.seconds_since_1970)),
            ("result", result),
        ];
        let mut text = format!("{TITLE}{}\n\n|  |  |\n|---|---|\n", self.name());
        for (name, value) in rows {
            text += &format!("| {name} | {} |\n", cell(&value));
        }
        text += "\n| part | outcome | time | figures |\n|---|---|---|---|\n";
        for report in &self.reports {
            let (outcome, figures) = match &report.outcome {
                Ok(figures) => ("passed", figures),
                Err(what) => ("**failed**", what),
            };
            let time = report.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"));
            text += &format!("| {} | {outcome} | {time} | {} |\n", report.name, cell(&without_places(figures, root)));
        }
        text += "\nTimes are without compiling.\n";
        for report in &self.reports {
            text += &format!("\n## {}\n\n`{}`\n", report.name, report.typed);
            if !report.shown.trim().is_empty() {
                text += &format!("\n```text\n{}\n```\n", without_places(report.shown.trim_end(), root));
            }
        }
        text
    }
}

/// What a cell of a table can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Paths below `root` relative to it, and of every other absolute path the last part: where things lie on a machine is its
/// owner's business.
fn without_places(text: &str, root: &Path) -> String {
    let root = root.to_string_lossy();
    let inside = text.replace(&format!("{root}{}", std::path::MAIN_SEPARATOR), "").replace(&*root, ".");
    let ends = |c: char| c.is_whitespace() || "\"'`()[]<>,;=".contains(c);
    let mut out = String::new();
    for piece in inside.split_inclusive(ends) {
        let (word, end) = match piece.chars().last() {
            Some(last) if ends(last) => piece.split_at(piece.len() - last.len_utf8()),
            _ => (piece, ""),
        };
        let drive =
            word.len() > 2 && word.is_char_boundary(1) && (word[1..].starts_with(":\\") || word[1..].starts_with(":/"));
        let absolute = drive || word.starts_with('/') && word.matches('/').count() > 1;
        let last = word.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(word);
        out += &if absolute { format!("…/{last}") } else { word.to_owned() };
        out += end;
    }
    out
}

/// A day as `2026-01-31`, in UTC.
fn date(seconds_since_1970: u64) -> String {
    let mut days = seconds_since_1970 / (24 * 60 * 60);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let adapter =
            Adapter { full: "RTX | 4090 (discrete GPU, Vulkan)".into(), remark: "NVIDIA 550.54; 2 GiB".into() };
        let report = |name, outcome: Result<&str, &str>, shown: &str| Report {
            name,
            typed: format!("cargo run {name}"),
            outcome: outcome.map(String::from).map_err(String::from),
            seconds: Some(1.25),
            shown: shown.into(),
        };
        Page {
            adapter: Some(adapter),
            commit: "e99eaa1".into(),
            seconds_since_1970: 1_764_000_000,
            reports: vec![
                report("products", Ok("9.0 GFLOP/s"), "9.0 GFLOP/s  Tiled\n"),
                report("training", Ok("10 steps"), ""),
            ],
        }
    }

    #[test]
    fn a_page_says_everything() {
        let text = page().text(Path::new("/nowhere"));
        let expected = format!(
            "# GPU check: RTX | 4090\n\n|  |  |\n|---|---|\n\
             | adapter | RTX \\| 4090 (discrete GPU, Vulkan) |\n\
             | driver | NVIDIA 550.54; 2 GiB |\n\
             | system | {} on {} |\n\
             | commit | e99eaa1 |\n\
             | date | 2025-11-24 |\n\
             | result | all 2 parts passed |\n\n\
             | part | outcome | time | figures |\n|---|---|---|---|\n\
             | products | passed | 1.2 s | 9.0 GFLOP/s |\n\
             | training | passed | 1.2 s | 10 steps |\n\n\
             Times are without compiling.\n\n\
             ## products\n\n`cargo run products`\n\n```text\n9.0 GFLOP/s  Tiled\n```\n\n\
             ## training\n\n`cargo run training`\n",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
        assert_eq!(text, expected);
        assert!(page().passed());
        assert_eq!(page().slug(), "rtx-4090");
    }

    #[test]
    fn a_failure_is_marked() {
        let mut page = page();
        page.reports[1].outcome = Err("2 of 9 tests failed".into());
        let text = page.text(Path::new("/nowhere"));
        assert!(!page.passed());
        assert!(text.contains("| result | **1 of 2 parts failed** |"), "{text}");
        assert!(text.contains("| training | **failed** | 1.2 s | 2 of 9 tests failed |"), "{text}");
    }

    #[test]
    fn an_adapter_may_be_unknown() {
        let page = Page { adapter: None, ..page() };
        assert_eq!(page.slug(), "unknown-adapter");
        assert!(page.text(Path::new("/nowhere")).contains("| adapter | unknown |"));
    }

    #[test]
    fn no_place_of_the_machine_is_named() {
        let root = Path::new("/here/reformer");
        for (text, expected) in [
            ("at /here/reformer/crates/gpu/src/a.rs:3:5", "at crates/gpu/src/a.rs:3:5"),
            ("in /here/reformer: no", "in .: no"),
            ("cannot read \"/var/cache/x/y.json\", so", "cannot read \"…/y.json\", so"),
            ("(/opt/rust/lib.rs:3)", "(…/lib.rs:3)"),
            ("--run=/var/runs/", "--run=…/runs"),
            ("C:\\Users\\me\\a.rs:1 broke", "…/a.rs:1 broke"),
            ("9.0 GFLOP/s, 1/2 of tokens/s / step", "9.0 GFLOP/s, 1/2 of tokens/s / step"),
        ] {
            assert_eq!(without_places(text, root), expected);
        }
    }

    #[test]
    fn days_are_dates() {
        for (day, expected) in
            [(0, "1970-01-01"), (58, "1970-02-28"), (59, "1970-03-01"), (11_016, "2000-02-29"), (19_782, "2024-02-29")]
        {
            assert_eq!(date(day * 86_400 + 86_399), expected);
        }
        assert_eq!(date(1_735_689_599), "2024-12-31");
        assert_eq!(date(1_735_689_600), "2025-01-01");
    }
}
