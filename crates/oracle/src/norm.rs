//! Layer norm of one row and its gradient.

use reformer_tensor::op::NORM_EPSILON;

/// n = (x − mean)/√(var + ε), and 1/√(var + ε).
pub(crate) struct Normal {
    pub numbers: Vec<f64>,
    pub inverse: f64,
}

/// The row without scale and shift.
pub(crate) fn normal(x: &[f64]) -> Normal {
    let width = x.len() as f64;
    let mean = x.iter().sum::<f64>() / width;
    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / width;
    let inverse = 1.0 / (variance + f64::from(NORM_EPSILON)).sqrt();
    Normal { numbers: x.iter().map(|x| (x - mean) * inverse).collect(), inverse }
}

impl Normal {
    /// n·γ + β.
    pub fn scaled(&self, gamma: &[f64], beta: &[f64]) -> Vec<f64> {
        self.numbers.iter().zip(gamma.iter().zip(beta)).map(|(n, (gamma, beta))| n * gamma + beta).collect()
    }

    /// The gradient into x from `d`, that into n·γ + β: (g − mean(g) − n·mean(g·n))/√(var + ε), g = d·γ.
    pub fn gradient(&self, gamma: &[f64], d: &[f64]) -> Vec<f64> {
        let width = d.len() as f64;
        let g: Vec<f64> = d.iter().zip(gamma).map(|(d, gamma)| d * gamma).collect();
        let mean = g.iter().sum::<f64>() / width;
        let along = g.iter().zip(&self.numbers).map(|(g, n)| g * n).sum::<f64>() / width;
        g.iter().zip(&self.numbers).map(|(g, n)| (g - mean - n * along) * self.inverse).collect()
    }

    /// dγ += d·n, dβ += d.
    pub fn add_parameter_gradients(&self, d: &[f64], dgamma: &mut [f64], dbeta: &mut [f64]) {
        for (column, &d) in d.iter().enumerate() {
            dgamma[column] += d * self.numbers[column];
            dbeta[column] += d;
        }
    }
}
