//! All figures as one table of text. What they may be is in `budgets`.

use crate::child::Compiled;
use crate::figures::Figure;
use std::fmt::Write as _;

/// A row for each launch and architecture, launches in order and their architectures beneath each other.
pub fn table(compiled: &[Compiled]) -> String {
    let mut rows = vec![headings()];
    let launches = compiled.first().map_or(&[][..], |first| &first.rows);
    for (index, (launch, _)) in launches.iter().enumerate() {
        for of in compiled {
            let figures = &of.rows[index].1;
            let mut row = vec![launch.to_string(), of.family.clone()];
            row.extend(Figure::ALL.iter().map(|figure| figures.get(figure).map_or_else(String::new, u64::to_string)));
            rows.push(row);
        }
    }
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Names to the left, figures to the right.
            let _ = if column < 2 { write!(line, "{cell:width$}  ") } else { write!(line, "{cell:>width$}  ") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn headings() -> Vec<String> {
    let names = ["kernel", "for"].into_iter().chain(Figure::ALL.into_iter().map(Figure::heading));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Greeting;
    use crate::launches::Launch;
    use std::collections::BTreeMap;

    #[test]
    fn architectures_of_a_kernel_are_beneath_each_other_in_columns() {
        let launch = |entry: &str| Launch { file: "a.wgsl".into(), entry: entry.into(), constants: BTreeMap::new() };
        let compiled = |family: &str, vgprs| Compiled {
            family: family.into(),
            by: Greeting { device: String::new(), driver: String::new() },
            rows: ["main", "other"]
                .map(|entry| (launch(entry), Figure::ALL.into_iter().map(|figure| (figure, vgprs)).collect()))
                .to_vec(),
        };
        let text = table(&[compiled("navi31", 7), compiled("vega10", 123_456_789)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[0].starts_with("kernel        for          wave       VGPR"), "{text}");
        assert!(lines[1].starts_with("a.wgsl main   navi31          7          7"), "{text}");
        assert!(lines[2].starts_with("a.wgsl main   vega10  123456789  123456789"), "{text}");
        assert!(lines[3].starts_with("a.wgsl other  navi31 "), "{text}");
        assert!(lines.iter().all(|line| line.len() == lines[2].len()), "{text}");
    }
}
