//! A trained model out of its run's folder. Running it is in `generator.rs` and `chat.rs`.

use crate::tensors::parameter_specs;
use crate::{Generator, RunConfig, RunFolder, SessionError, Tokenizer};
use reformer_tensor::{Backend, Store};

/// Everything that a trained model is: its config, its tokenizer, and its parameters in a store.
pub struct LoadedModel {
    /// The run's config.
    pub config: RunConfig,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// Steps that the parameters were trained for.
    pub step: u64,
    /// The parameters, by name.
    pub store: Box<dyn Store>,
}

impl LoadedModel {
    /// Loads the newest checkpoint of a run.
    ///
    /// # Errors
    /// [`SessionError::NoCheckpoint`] before the first one; otherwise with the file and what is wrong in it, and, where the newest
    /// checkpoint is damaged, which is the last good one.
    pub fn open(run: &RunFolder, backend: &dyn Backend) -> Result<Self, SessionError> {
        let config = run.read_config()?;
        let tokenizer = run.read_tokenizer()?;
        if tokenizer.vocabulary() > config.model.vocabulary {
            return Err(SessionError::format(
                &run.config_path(),
                format!(
                    "`model`: `vocabulary` is {}, but tokenizer.json has {} tokens: one of the files belongs to another run",
                    config.model.vocabulary,
                    tokenizer.vocabulary()
                ),
            ));
        }
        let checkpoints = run.checkpoints();
        let parameters = parameter_specs(&config.model);
        let none = || SessionError::NoCheckpoint { path: run.path().join("checkpoints") };
        let newest = checkpoints.newest_of(&parameters)?.ok_or_else(none)?;
        let mut store = backend.store();
        newest.read_parameters(&parameters, store.as_mut()).map_err(|error| checkpoints.advise(error, &newest))?;
        Ok(Self { config, tokenizer, step: newest.step(), store })
    }

    /// The model ready for `batch` conversations, and its tokenizer. It draws only tokens that the tokenizer knows.
    ///
    /// # Errors
    /// See [`Generator::new`].
    pub fn into_generator(self, backend: &dyn Backend, batch: usize) -> Result<(Generator, Tokenizer), SessionError> {
        let mut generator = Generator::new(backend, self.store, &self.config.model, batch)?;
        generator.limit_vocabulary(self.tokenizer.vocabulary());
        Ok((generator, self.tokenizer))
    }
}
