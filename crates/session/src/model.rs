//! A trained model out of its run's folder. Running it is in `generator.rs` and `chat.rs`.

use crate::tensors::parameter_specs;
use crate::{Belonging, Generator, RunConfig, RunFolder, SessionError, Tokenizer, Weights};
use reformer_tensor::{Backend, Store};

/// What of a trained model is to be another on purpose. By default nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Hash rounds, instead of those that it was trained with: more find more of what attention should see, and take longer.
    pub rounds: Option<usize>,
}

/// Everything that a trained model is: its config, its tokenizer, and its parameters in a store.
pub struct LoadedModel {
    /// The run's config, with the changes that were asked for.
    pub config: RunConfig,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// Steps that the parameters were trained for.
    pub step: u64,
    /// The parameters, by name.
    pub store: Box<dyn Store>,
    /// Whether the checkpoint names the tokenizer and the model that it belongs to, and they are these. Those of older versions name
    /// neither: then it can't be known.
    pub is_vouched_for: bool,
    /// Asked while tokens are read, however many they are: whether to stop. A generator of this model ends then.
    pub stop: fn() -> bool,
}

impl LoadedModel {
    /// Loads the newest checkpoint of a run, or the weights of a folder that was exported. Of its files the parameters and the state are needed, and the optimizer's are not looked at.
    ///
    /// # Errors
    /// [`SessionError::NoCheckpoint`] before the first one; a config or a tokenizer that is not the one that the checkpoint was trained
    /// with; an impossible change; otherwise with the file and what is wrong in it, and, where the newest checkpoint is damaged,
    /// which is the last good one.
    pub fn open(run: &RunFolder, backend: &dyn Backend, changes: &Changes) -> Result<Self, SessionError> {
        let mut config = run.read_config()?;
        let tokenizer = run.read_tokenizer()?;
        let parameters = parameter_specs(&config.model);
        let weights = Weights::newest(run, &parameters)?;
        let is_vouched_for = weights.belong_to(run, &Belonging::new(&config.model, Some(&tokenizer))?)?;
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
        if let Some(rounds) = changes.rounds {
            config.model.rounds = rounds;
            config.model.validate().map_err(SessionError::Model)?;
        }
        let mut store = backend.store();
        weights.read(run, &parameters, store.as_mut())?;
        Ok(Self { config, tokenizer, step: weights.step(), store, is_vouched_for, stop: || false })
    }

    /// The model ready for `batch` conversations, and its tokenizer. It draws only tokens that the tokenizer knows.
    ///
    /// # Errors
    /// See [`Generator::new`].
    pub fn into_generator(self, backend: &dyn Backend, batch: usize) -> Result<(Generator, Tokenizer), SessionError> {
        let mut generator = Generator::new(backend, self.store, &self.config.model, batch)?;
        generator.limit_vocabulary(self.tokenizer.vocabulary());
        generator.stop_when(self.stop);
        Ok((generator, self.tokenizer))
    }
}
