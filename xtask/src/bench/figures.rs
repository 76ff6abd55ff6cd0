//! What criterion measured, read from the files that it keeps: a folder a bench, in it `new/estimates.json` and
//! `new/benchmark.json`. What is made of it is in `page.rs`.

use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// What one bench measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figure {
    /// The median of a run: what other work on the machine disturbs least.
    pub seconds: f64,
    /// FLOPs or tokens of a run.
    pub elements: Option<f64>,
    /// Bytes of a run.
    pub bytes: Option<f64>,
}

impl Figure {
    /// FLOPs or tokens a second. None where a run has none.
    pub fn elements_per_second(&self) -> Option<f64> {
        self.elements.filter(|&elements| elements > 0.0).map(|elements| elements / self.seconds)
    }

    /// Bytes a second.
    pub fn bytes_per_second(&self) -> Option<f64> {
        self.bytes.map(|bytes| bytes / self.seconds)
    }
}

/// All benches, by the parts of their names: group, function, value (empty where there is none).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures(BTreeMap<[String; 3], Figure>);

impl Figures {
    /// The figures below `folder` that were written at `since` or later: those of an earlier run are another commit's.
    ///
    /// # Errors
    /// If a file is there and can't be read.
    pub fn read(folder: &Path, since: SystemTime) -> anyhow::Result<Figures> {
        let mut figures = Figures::default();
        figures.read_below(folder, since)?;
        Ok(figures)
    }

    fn read_below(&mut self, folder: &Path, since: SystemTime) -> anyhow::Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            let estimates = path.join("estimates.json");
            if path.ends_with("new") && estimates.is_file() {
                let written = fs::metadata(&estimates).and_then(|file| file.modified());
                if written.with_context(|| format!("cannot read {}", estimates.display()))? >= since {
                    let (name, figure) = figure(&json(&path.join("benchmark.json"))?, &json(&estimates)?)
                        .with_context(|| format!("{}: not what criterion writes", path.display()))?;
                    self.0.insert(name, figure);
                }
            } else if path.is_dir() {
                self.read_below(&path, since)?;
            }
        }
        Ok(())
    }

    /// The figure of a bench, if it was measured.
    pub fn get(&self, group: &str, function: &str, value: &str) -> Option<&Figure> {
        self.0.get(&[group, function, value].map(String::from))
    }

    /// The functions of a group, the slowest first.
    pub fn functions(&self, group: &str) -> Vec<(&str, &Figure)> {
        let own = self.0.iter().filter(|(name, _)| name[0] == group);
        let mut functions: Vec<_> = own.map(|(name, figure)| (name[1].as_str(), figure)).collect();
        functions.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
        functions
    }

    /// The values of a group that are numbers, ascending: lengths, contexts.
    pub fn values(&self, group: &str) -> Vec<u64> {
        let own = self.0.keys().filter(|name| name[0] == group);
        let mut values: Vec<u64> = own.filter_map(|name| name[2].parse().ok()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Adds a figure.
    #[cfg(test)]
    pub fn with(mut self, name: [&str; 3], seconds: f64, elements: f64, bytes: f64) -> Figures {
        self.0.insert(name.map(String::from), Figure { seconds, elements: Some(elements), bytes: Some(bytes) });
        self
    }
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// A bench's name and figure; `None` if something is missing.
fn figure(bench: &Value, estimates: &Value) -> Option<([String; 3], Figure)> {
    let part = |field: &str| bench[field].as_str().unwrap_or_default().to_owned();
    let name = [bench["group_id"].as_str()?.to_owned(), part("function_id"), part("value_str")];
    // Either number alone, or both.
    let throughput = &bench["throughput"];
    let both = &throughput["ElementsAndBytes"];
    let elements = throughput["Elements"].as_f64().or(both["elements"].as_f64());
    let bytes = throughput["Bytes"].as_f64().or(both["bytes"].as_f64());
    // Criterion counts nanoseconds.
    let seconds = estimates["median"]["point_estimate"].as_f64()? * 1e-9;
    (seconds > 0.0).then_some((name, Figure { seconds, elements, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bench(folder: &Path, name: &str, text: &str) {
        let new = folder.join(name).join("new");
        fs::create_dir_all(&new).expect("writable");
        fs::write(new.join("benchmark.json"), text).expect("writable");
        fs::write(new.join("estimates.json"), r#"{"mean":{"point_estimate":9e9},"median":{"point_estimate":2e6}}"#)
            .expect("writable");
    }

    #[test]
    fn figures_are_what_criterion_keeps_now() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = r#"{"group_id":"attention","function_id":"lsh","value_str":"4096","throughput":{"Elements":4096}}"#;
        bench(folder.path(), "attention/lsh/4096", text);
        let text = r#"{"group_id":"ops","function_id":"cast","value_str":null,
            "throughput":{"ElementsAndBytes":{"elements":0,"bytes":1000}}}"#;
        bench(folder.path(), "ops/cast", text);
        // A kept baseline is not what was measured now.
        let base = folder.path().join("ops/sort/base");
        fs::create_dir_all(&base).expect("writable");
        fs::write(base.join("estimates.json"), "{}").expect("writable");

        let figures = Figures::read(folder.path(), SystemTime::UNIX_EPOCH).expect("readable");
        let lsh = figures.get("attention", "lsh", "4096").expect("it is there");
        assert_eq!((lsh.seconds, lsh.elements_per_second(), lsh.bytes_per_second()), (2e-3, Some(2_048_000.0), None));
        let cast = figures.get("ops", "cast", "").expect("it is there");
        assert_eq!((cast.elements_per_second(), cast.bytes_per_second()), (None, Some(500_000.0)));
        assert_eq!(figures.0.len(), 2);
        assert_eq!(figures.values("attention"), [4096]);

        let later = SystemTime::now() + Duration::from_secs(3600);
        assert_eq!(Figures::read(folder.path(), later).expect("readable"), Figures::default(), "another run's");
    }

    #[test]
    fn what_is_no_figure_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        bench(folder.path(), "ops/cast", r#"{"group":"ops"}"#);
        let error = Figures::read(folder.path(), SystemTime::UNIX_EPOCH).expect_err("no group_id").to_string();
        assert!(error.contains("cast") && error.contains("not what criterion writes"), "{error}");
    }
}
