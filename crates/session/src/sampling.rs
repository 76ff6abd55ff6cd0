//! From logits to a token: greedy, temperature, top-k, top-p. In f64 and in a fixed order, so a seed gives one text on
//! every machine that has the same logits. Knows no model.

use reformer_tensor::Key;
use thiserror::Error;

/// How a token is drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SamplingOptions {
    /// Logits are divided by this. 0: the best token always; of equal ones that with the lowest number.
    pub temperature: f64,
    /// Only the best so many tokens can be drawn; 0: all. Of equal ones those with the lowest numbers.
    pub top_k: usize,
    /// Only the best tokens that together have at least this probability can be drawn; 1: all.
    pub top_p: f64,
    /// The same seed gives the same draws.
    pub seed: u64,
}

impl Default for SamplingOptions {
    /// Lively but on topic: temperature 0.8, the best 95 percent, seed 0.
    fn default() -> Self {
        Self { temperature: 0.8, top_k: 0, top_p: 0.95, seed: 0 }
    }
}

/// Why a token can't be drawn.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SamplingError {
    /// An impossible temperature.
    #[error("`temperature` is {0}: it must be a number of at least 0")]
    Temperature(f64),
    /// An impossible top-p.
    #[error("`top_p` is {0}: it must be above 0 and at most 1")]
    TopP(f64),
    /// The model's output is no number.
    #[error("the logit of token {token} is {value}: the model's parameters are broken; load another checkpoint")]
    Logit {
        /// The token.
        token: usize,
        /// NaN or +∞.
        value: f32,
    },
    /// Every token is banned.
    #[error("no token can be drawn: all {0} of the vocabulary are banned")]
    Nothing(usize),
}

/// Draws tokens one after another.
#[derive(Clone, Debug)]
pub struct Sampler {
    options: SamplingOptions,
    key: Key,
    drawn: u32,
}

impl Sampler {
    /// A sampler at its first draw.
    ///
    /// # Errors
    /// The option that is impossible.
    pub fn new(options: SamplingOptions) -> Result<Self, SamplingError> {
        if !(options.temperature >= 0.0 && options.temperature.is_finite()) {
            return Err(SamplingError::Temperature(options.temperature));
        }
        if !(options.top_p > 0.0 && options.top_p <= 1.0) {
            return Err(SamplingError::TopP(options.top_p));
        }
        Ok(Self { options, key: Key::from_seed(options.seed), drawn: 0 })
    }

    /// The options.
    pub fn options(&self) -> &SamplingOptions {
        &self.options
    }

    /// Draws a token from `logits`, one a token of the vocabulary, but none that is in `banned`. The n-th draw depends on the
    /// seed, n and these arguments alone.
    ///
    /// # Errors
    /// [`SamplingError::Logit`] for NaN and +∞ (−∞ is a token that can't be drawn), [`SamplingError::Nothing`] if nothing is left.
    pub fn draw(&mut self, logits: &[f32], banned: &[u32]) -> Result<u32, SamplingError> {
        let uniform = self.key.fold_in(self.drawn).uniform(0);
        let mut candidates = Vec::with_capacity(logits.len());
        for (token, &value) in logits.iter().enumerate() {
            if value.is_nan() || value == f32::INFINITY {
                return Err(SamplingError::Logit { token, value });
            }
            let token = token as u32;
            if value > f32::NEG_INFINITY && !banned.contains(&token) {
                // Adding zero makes one of the two zeros, so that they tie.
                candidates.push((token, f64::from(value) + 0.0));
            }
        }
        // Best first; of equal logits the lowest number first. The logits are no NaN, so this is a total order.
        candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let &(best, largest) = candidates.first().ok_or(SamplingError::Nothing(logits.len()))?;
        self.drawn = self.drawn.wrapping_add(1);
        if self.options.temperature == 0.0 {
            return Ok(best);
        }
        if self.options.top_k > 0 {
            candidates.truncate(self.options.top_k);
        }
        // Unnormalised: the best one has weight 1.
        let mut weights: Vec<f64> =
            candidates.iter().map(|&(_, logit)| ((logit - largest) / self.options.temperature).exp()).collect();
        if self.options.top_p < 1.0 {
            let enough = self.options.top_p * weights.iter().sum::<f64>();
            let mut sum = 0.0;
            let reaches = weights.iter().position(|weight| {
                sum += weight;
                sum >= enough
            });
            weights.truncate(reaches.map_or(weights.len(), |last| last + 1));
        }
        let mut rest = uniform * weights.iter().sum::<f64>();
        for (&(token, _), weight) in candidates.iter().zip(&weights) {
            if rest < *weight {
                return Ok(token);
            }
            rest -= weight;
        }
        // Rounding can leave a crumb behind the last one; the best one always has weight.
        Ok(best)
    }
}

#[cfg(test)]
mod tests;
