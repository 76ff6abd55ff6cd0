//! All conversations of a generator as they were at one time, to begin there again without reading their tokens once more.

use super::{Generator, Row};
use crate::SessionError;
use reformer_tensor::HostTensor;

/// States with this in their names are caches; all others are parameters.
const CACHE: &str = ".cache.";

/// All rows: tokens, logits and caches. See [`Generator::hold`].
#[derive(Clone)]
pub struct Held {
    rows: Vec<Row>,
    caches: Vec<(String, HostTensor)>,
}

impl Generator {
    /// Copies all rows with their caches, to begin there again as often as needed.
    ///
    /// # Errors
    /// If the backend refuses.
    pub fn hold(&self) -> Result<Held, SessionError> {
        let names = self.store.names().into_iter().filter(|name| name.contains(CACHE));
        let caches: Result<_, SessionError> = names.map(|name| Ok((name.clone(), self.store.read(&name)?))).collect();
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
