//! The whole model's gradient against central differences in f64, on the oracle with f32 streams (no rounding), with the same
//! rotations and dropout for every evaluation. The straight-through rule has its test beside the ops' own, in `oracle`.

use crate::fixture::{Batch, Machine, config, only};
use crate::hardness::assert_hard_in;
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, PositionEncoding, random_inputs, record};
use reformer_oracle::Oracle;
use reformer_tensor::{DType, HostTensor, Inputs, Key};

fn oracle(config: &ModelConfig) -> Machine {
    Machine::new(config, Box::new(Oracle::new()))
}

fn small(pattern: &[LayerKind]) -> ModelConfig {
    ModelConfig {
        heads: 2,
        head_width: 6,
        width: 12,
        feed_forward: 16,
        vocabulary: 13,
        max_positions: 64,
        dropout: 0.1,
        window: 4,
        ..config(pattern, 2)
    }
}

/// The forward half of a training program has dropout; evaluation doesn't: differences are taken of the training losses.
fn loss(machine: &mut Machine, program: &reformer_tensor::Program, inputs: &Inputs) -> f64 {
    machine.run(program, inputs)["losses"].to_f64(DType::F32).iter().sum()
}

#[test]
fn central_differences_agree() {
    for (name, config) in [
        ("local, lsh", small(&[LayerKind::Local, LayerKind::Lsh])),
        (
            "full, lsh; learned positions",
            ModelConfig { positions: PositionEncoding::Learned, ..small(&[LayerKind::Full, LayerKind::Lsh]) },
        ),
    ] {
        let batch = Batch::new(&config, &[29, 12], 51);
        let program =
            record::training_with(&config, batch.rows(), MemoryChoice { head_group: 1, stored_layers: 1 }, DType::F32);
        let random = random_inputs(&config, Key::from_seed(3));
        let inputs = only(&program, &batch.inputs(random.clone()));
        let mut machine = oracle(&config);
        let at_once = record::training_with(&config, batch.rows(), MemoryChoice::everything(&config), DType::F32);
        assert_hard_in(name, &config, &batch, &mut machine, &at_once, random);
        machine.run(&program, &inputs);
        let gradients: Vec<(String, Vec<f64>)> = config
            .parameters()
            .iter()
            .map(|spec| {
                (spec.name.clone(), machine.store.read(&format!("gradient.{}", spec.name)).unwrap().to_f64(DType::F32))
            })
            .collect();
        let mut worst = 0.0f64;
        for (parameter, gradient) in gradients {
            let value = machine.store.read(&parameter).unwrap();
            let (shape, data) = (value.shape, value.to_f64(DType::F32));
            let scale = gradient.iter().fold(1e-3f64, |most, x| most.max(x.abs()));
            // A few places each: the largest entry and some fixed ones.
            let largest = (0..data.len()).max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs())).unwrap();
            for at in [largest, 0, data.len() / 3, data.len() - 1] {
                // Error of central differences: h² of the third derivative, and rounding ε/h of the loss.
                let step = 1e-5;
                let mut shifted = |sign: f64| {
                    let mut moved = data.clone();
                    moved[at] += sign * step;
                    machine.store.write(&parameter, &HostTensor::f64(shape, moved)).unwrap();
                    loss(&mut machine, &program, &inputs)
                };
                let difference = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
                machine.store.write(&parameter, &HostTensor::f64(shape, data.clone())).unwrap();
                let error = (difference - gradient[at]).abs() / scale;
                worst = worst.max(error);
                // 1e-16 / 1e-5 of rounding in a loss of order 1, and as much again of curvature: below 1e-8; a wrong rule is off by 1e-2.
                assert!(
                    error < 1e-6,
                    "{name}: {parameter}[{at}]: central difference {difference:e}, gradient {:e}",
                    gradient[at]
                );
            }
        }
        assert!(worst > 0.0);
    }
}
