//! `reformer export`: a run's weights as a folder of their own. Writing it is `session`'s.

use crate::arguments::{ExportArguments, RunChoice};
use crate::output::{self, note};
use crate::{interrupt, trained};
use anyhow::Context;
use reformer_session::{StoredPath, Weights, parameter_specs};
use serde_json::{Value, json};
use std::path::Path;

/// Runs the command.
///
/// # Errors
/// If the run can't be read, or something else is where it should be written.
pub fn run(arguments: &ExportArguments) -> anyhow::Result<()> {
    let named = RunChoice { run: arguments.positional.clone().or(arguments.run.run.clone()) };
    let run = trained::choose(&named)?;
    if run.is_exported() {
        anyhow::bail!("{} holds exported weights already: copy the folder", run.path().display());
    }
    let specs = parameter_specs(&run.read_config()?.model);
    let newest = Weights::newest_checkpoint(&run, &specs)?;
    if newest.state::<Value>()?.belongs_to.is_none() {
        trained::warn_unvouched(&run, newest.step());
    }
    let to: &Path = &arguments.to;
    let exported = run.export(&newest, to, arguments.force, interrupt::remove_at_an_end);
    let exported = exported.with_context(|| format!("--to {}", to.display()))?;
    if arguments.json {
        return output::line(json!({
            "to": StoredPath::from(to),
            "step": exported.step,
            "parameters_sha256": exported.parameters_sha256,
            "tokenizer_sha256": exported.belonging.tokenizer.map(|own| own.sha256),
            "model_sha256": exported.belonging.model_sha256,
        }));
    }
    output::line(format_args!("step {} of {} is in {}", exported.step, run.path().display(), to.display()))?;
    note(trained::what_to_try(&run.read_config()?, to));
    Ok(())
}
