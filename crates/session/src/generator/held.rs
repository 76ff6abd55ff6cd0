//! All conversations of a generator as they were at one time, to begin there again without reading their tokens once more.

use super::{Generator, Row};
use crate::SessionError;
use reformer_model::{ModelConfig, cache_states};
use reformer_tensor::{DType, HostTensor};

/// All rows: tokens, logits and caches. See [`Generator::hold`].
#[derive(Clone)]
pub struct Held {
    rows: Vec<Row>,
    caches: Vec<(String, HostTensor)>,
}

impl Generator {
    /// What a copy of `batch` conversations takes at most, beside the [`Generator::bytes`] of the generator: their caches, and of each row
    /// its logits and as many tokens as there are positions.
    pub fn held_bytes(config: &ModelConfig, batch: usize) -> u64 {
        let caches = cache_states(config, batch).into_iter().map(|(_, shape, stored)| (shape.elements(), stored));
        let rows = batch.saturating_mul(config.vocabulary.saturating_add(config.max_positions));
        let bytes = |(elements, stored): (usize, DType)| stored.bytes(elements) as u64;
        caches.chain([(rows, DType::F32)]).map(bytes).fold(0, u64::saturating_add)
    }

    /// Copies all rows with their caches, to begin there again as often as needed.
    ///
    /// # Errors
    /// If the backend refuses.
    pub fn hold(&self) -> Result<Held, SessionError> {
        let copies = self.caches.iter().map(|name| Ok((name.clone(), self.store.read(name)?)));
        let caches: Result<_, SessionError> = copies.collect();
        Ok(Held { rows: self.rows.clone(), caches: caches? })
    }

    /// Makes all rows what they were: what follows is the same bit for bit.
    ///
    /// # Errors
    /// If the backend refuses, or the copy is of another generator.
    pub fn restore(&mut self, held: &Held) -> Result<(), SessionError> {
        for (name, cache) in &held.caches {
            self.store.write(name, cache)?;
        }
        self.rows.clone_from(&held.rows);
        Ok(())
    }
}
