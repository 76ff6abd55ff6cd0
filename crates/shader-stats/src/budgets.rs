//! What figures may be: reads `budgets.json` and compares. A budget without a reason is refused; so is one that nothing
//! needs any more, since it would hide the next mistake.

use crate::child::Compiled;
use crate::figures::Figure;
use crate::launches::Launch;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file of this package.
pub const OWN: &str = include_str!("../budgets.json");

/// `budgets.json`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// The driver whose figures they were set by.
    pub set_with: String,
    /// Launches that are left out.
    pub excluded: Vec<Excluded>,
    /// Limits; where several speak of a launch's figure, the last one counts.
    pub budgets: Vec<Budget>,
}

/// Launches that are left out.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excluded {
    /// Which.
    #[serde(rename = "for", default)]
    pub which: Which,
    /// Why.
    pub reason: String,
}

/// Limits of some launches' figures.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Which launches; all of them if nothing is said.
    #[serde(rename = "for", default)]
    pub which: Which,
    /// The worst that a figure may be.
    pub limits: BTreeMap<Figure, u64>,
    /// Why.
    pub reason: String,
}

/// Some launches: those that have all that is said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The file.
    pub file: Option<String>,
    /// The function.
    pub entry: Option<String>,
    /// Constants.
    #[serde(default)]
    pub constants: BTreeMap<String, u32>,
    /// The architecture.
    pub family: Option<String>,
}

impl Which {
    fn has(&self, launch: &Launch, family: Option<&str>) -> bool {
        let same = |said: &Option<String>, value: &str| said.as_deref().is_none_or(|said| said == value);
        same(&self.file, &launch.file)
            && same(&self.entry, &launch.entry)
            && self.constants.iter().all(|(name, value)| launch.constants.get(name) == Some(value))
            && family.is_none_or(|family| same(&self.family, family))
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [&self.file, &self.entry].into_iter().flatten().cloned();
        let constants = self.constants.iter().map(|(name, value)| format!("{name}={value}"));
        let family = self.family.iter().map(|family| format!("on {family}"));
        let parts: Vec<String> = names.chain(constants).chain(family).collect();
        if parts.is_empty() { f.write_str("every kernel") } else { f.write_str(&parts.join(" ")) }
    }
}

/// Why a file of budgets is refused.
#[derive(Debug, Error)]
pub enum BudgetsError {
    /// It can't be read.
    #[error("{}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no JSON of the right form.
    #[error("{}: {error}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and what.
        error: serde_json::Error,
    },
    /// A reason is missing.
    #[error("{}: `{field}` for {which} has an empty `reason`", .path.display())]
    Reason {
        /// The file.
        path: PathBuf,
        /// `budgets` or `excluded`.
        field: &'static str,
        /// Whose.
        which: String,
    },
}

impl Budgets {
    /// Reads a file's text; `path` is for errors.
    ///
    /// # Errors
    /// If the text has not the right form, or a reason is empty.
    pub fn parse(path: &Path, text: &str) -> Result<Self, BudgetsError> {
        let budgets: Budgets =
            serde_json::from_str(text).map_err(|error| BudgetsError::Form { path: path.to_owned(), error })?;
        let excluded = budgets.excluded.iter().map(|one| ("excluded", &one.which, &one.reason));
        let limits = budgets.budgets.iter().map(|one| ("budgets", &one.which, &one.reason));
        for (field, which, reason) in excluded.chain(limits) {
            if reason.trim().is_empty() {
                return Err(BudgetsError::Reason { path: path.to_owned(), field, which: which.to_string() });
            }
        }
        Ok(budgets)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it can't be read, or as [`Budgets::parse`].
    pub fn read(path: &Path) -> Result<Self, BudgetsError> {
        let text = std::fs::read_to_string(path);
        Self::parse(path, &text.map_err(|error| BudgetsError::Read { path: path.to_owned(), error })?)
    }

    /// The launches that are not left out.
    pub fn measured(&self, launches: Vec<Launch>) -> Vec<Launch> {
        let is_excluded = |launch: &Launch| self.excluded.iter().any(|one| one.which.has(launch, None));
        launches.into_iter().filter(|launch| !is_excluded(launch)).collect()
    }

    /// What is wrong: figures beyond their limits, then budgets that nothing needs and exclusions of nothing.
    pub fn check(&self, launches: &[Launch], compiled: &[Compiled]) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut used: Vec<BTreeMap<Figure, bool>> = vec![BTreeMap::new(); self.budgets.len()];
        for of in compiled {
            for (launch, figures) in &of.rows {
                for (&figure, &value) in figures {
                    let mut last: Option<(u64, &Budget)> = None;
                    for (budget, used) in self.budgets.iter().zip(&mut used) {
                        let Some(&limit) = budget.limits.get(&figure) else { continue };
                        if budget.which.has(launch, Some(&of.family)) {
                            // A looser limit than the one before is for a figure that needs it.
                            let is_looser = last.is_some_and(|(before, _)| !figure.keeps(limit, before));
                            let is_needed = !is_looser || last.is_some_and(|(before, _)| !figure.keeps(value, before));
                            *used.entry(figure).or_default() |= is_needed;
                            last = Some((limit, budget));
                        }
                    }
                    if let Some((limit, budget)) = last.filter(|(limit, _)| !figure.keeps(value, *limit)) {
                        violations.push(Violation::Beyond {
                            launch: launch.to_string(),
                            family: of.family.clone(),
                            figure,
                            value,
                            limit,
                            reason: budget.reason.clone(),
                        });
                    }
                }
            }
        }
        for (budget, used) in self.budgets.iter().zip(&used) {
            for &figure in budget.limits.keys().filter(|figure| used.get(figure) != Some(&true)) {
                let which = budget.which.to_string();
                violations.push(Violation::Unneeded { which, figure, speaks: used.contains_key(&figure) });
            }
        }
        for one in self.excluded.iter().filter(|one| !launches.iter().any(|launch| one.which.has(launch, None))) {
            violations.push(Violation::ExcludesNothing { which: one.which.to_string() });
        }
        violations
    }
}

/// Something wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Violation {
    /// A figure is worse than its budget.
    Beyond {
        /// The kernel.
        launch: String,
        /// The architecture.
        family: String,
        /// The figure.
        figure: Figure,
        /// What it is.
        value: u64,
        /// What it may be.
        limit: u64,
        /// Why it may not be worse.
        reason: String,
    },
    /// A limit could go.
    Unneeded {
        /// Whose.
        which: String,
        /// Of what.
        figure: Figure,
        /// Whether there is any such kernel.
        speaks: bool,
    },
    /// An exclusion could go.
    ExcludesNothing {
        /// Of what.
        which: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Beyond { launch, family, figure, value, limit, reason } => write!(
                f,
                "{launch} on {family}: {} is {value}, the budget is {} {limit} ({reason})",
                figure.name(),
                figure.bound()
            ),
            Violation::Unneeded { which, figure, speaks: true } => {
                write!(f, "budgets for {which}: nothing needs its `{}` any more: remove it", figure.name())
            }
            Violation::Unneeded { which, figure, speaks: false } => {
                write!(f, "budgets for {which}: `{}` is for no kernel that is measured: remove it", figure.name())
            }
            Violation::ExcludesNothing { which } => write!(f, "excluded: there is no {which}: remove it"),
        }
    }
}

#[cfg(test)]
#[path = "budgets_tests.rs"]
mod tests;
