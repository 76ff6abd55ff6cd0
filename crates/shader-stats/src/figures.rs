//! The figures of a compiled kernel, by the driver's names, and which way each is better. What they may be is in `budgets`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// A figure of a compiled kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Invocations that run in step.
    Wave,
    /// Vector registers a lane.
    Vgprs,
    /// Scalar registers a wave.
    Sgprs,
    /// Vector registers that went to memory.
    SpilledVgprs,
    /// Scalar registers that went to vector registers or memory.
    SpilledSgprs,
    /// Memory for spills and for arrays that are indexed at run time, in bytes a wave.
    ScratchBytes,
    /// Workgroup memory, in bytes a workgroup.
    LdsBytes,
    /// Waves that a SIMD holds at a time, as far as registers and workgroup memory decide.
    Waves,
    /// Instructions.
    Instructions,
    /// Bytes of code.
    CodeBytes,
}

/// Every figure.
pub type Figures = BTreeMap<Figure, u64>;

impl Figure {
    /// All, in the table's order.
    pub const ALL: [Figure; 10] = [
        Figure::Wave,
        Figure::Vgprs,
        Figure::Sgprs,
        Figure::SpilledVgprs,
        Figure::SpilledSgprs,
        Figure::ScratchBytes,
        Figure::LdsBytes,
        Figure::Waves,
        Figure::Instructions,
        Figure::CodeBytes,
    ];

    /// Its name in `budgets.json`.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Wave => "wave",
            Figure::Vgprs => "vgprs",
            Figure::Sgprs => "sgprs",
            Figure::SpilledVgprs => "spilled_vgprs",
            Figure::SpilledSgprs => "spilled_sgprs",
            Figure::ScratchBytes => "scratch_bytes",
            Figure::LdsBytes => "lds_bytes",
            Figure::Waves => "waves",
            Figure::Instructions => "instructions",
            Figure::CodeBytes => "code_bytes",
        }
    }

    /// Its column in the table.
    pub fn heading(self) -> &'static str {
        match self {
            Figure::Wave => "wave",
            Figure::Vgprs => "VGPR",
            Figure::Sgprs => "SGPR",
            Figure::SpilledVgprs => "v-spill",
            Figure::SpilledSgprs => "s-spill",
            Figure::ScratchBytes => "scratch",
            Figure::LdsBytes => "LDS",
            Figure::Waves => "waves",
            Figure::Instructions => "instr.",
            Figure::CodeBytes => "code",
        }
    }

    /// What RADV calls it in `VkPipelineExecutableStatisticKHR`; a wave's size is a property, not a statistic.
    fn statistic(self) -> Option<&'static str> {
        match self {
            Figure::Wave => None,
            Figure::Vgprs => Some("VGPRs"),
            Figure::Sgprs => Some("SGPRs"),
            Figure::SpilledVgprs => Some("Spilled VGPRs"),
            Figure::SpilledSgprs => Some("Spilled SGPRs"),
            Figure::ScratchBytes => Some("Scratch size"),
            Figure::LdsBytes => Some("LDS size"),
            Figure::Waves => Some("Subgroups per SIMD"),
            Figure::Instructions => Some("Instructions"),
            Figure::CodeBytes => Some("Code size"),
        }
    }

    /// Whether `value` keeps to `limit`: more waves are better, more of anything else is worse.
    pub fn keeps(self, value: u64, limit: u64) -> bool {
        if self.wants_more() { value >= limit } else { value <= limit }
    }

    /// `at least` or `at most`.
    pub fn bound(self) -> &'static str {
        if self.wants_more() { "at least" } else { "at most" }
    }

    fn wants_more(self) -> bool {
        matches!(self, Figure::Waves)
    }
}

/// The driver does not tell a figure.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the driver tells no `{name}`, only: {}", .known.join(", "))]
pub struct MissingStatistic {
    /// What was sought.
    pub name: &'static str,
    /// What the driver tells.
    pub known: Vec<String>,
}

/// The figures of an executable.
///
/// # Errors
/// If a statistic is not there.
pub fn figures(wave: u32, statistics: &[(String, u64)]) -> Result<Figures, MissingStatistic> {
    let value = |figure: Figure| {
        let Some(name) = figure.statistic() else { return Ok((figure, u64::from(wave))) };
        let found = statistics.iter().find(|(known, _)| known == name);
        let known = || statistics.iter().map(|(known, _)| known.clone()).collect();
        found.map(|&(_, value)| (figure, value)).ok_or_else(|| MissingStatistic { name, known: known() })
    };
    Figure::ALL.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_read() {
        for figure in Figure::ALL {
            let read: Figure = serde_json::from_str(&format!("\"{}\"", figure.name())).expect("a name");
            assert_eq!(read, figure);
        }
    }

    #[test]
    fn figures_are_found_by_name_and_a_missing_one_is_named() {
        let mut statistics: Vec<(String, u64)> = Figure::ALL
            .into_iter()
            .rev()
            .filter_map(|figure| Some((figure.statistic()?.to_owned(), figure as u64)))
            .collect();
        let found = figures(64, &statistics).expect("all are there");
        assert_eq!(found[&Figure::Wave], 64);
        assert_eq!(found[&Figure::ScratchBytes], Figure::ScratchBytes as u64);
        assert_eq!(found.len(), Figure::ALL.len());
        statistics.retain(|(name, _)| name != "LDS size");
        let error = figures(64, &statistics).expect_err("one is missing").to_string();
        assert!(error.starts_with("the driver tells no `LDS size`, only: Code size, Instructions, "), "{error}");
    }

    #[test]
    fn fewer_waves_and_more_of_anything_else_are_worse() {
        for figure in Figure::ALL {
            let more = figure == Figure::Waves;
            assert!(figure.keeps(8, 8), "{}", figure.name());
            assert_eq!(figure.keeps(9, 8), more, "{}", figure.name());
            assert_eq!(figure.keeps(7, 8), !more, "{}", figure.name());
        }
    }
}
