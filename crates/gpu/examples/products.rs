//! The speed of every variant of the matrix product: `cargo run --release -p reformer-gpu --example products [ADAPTER]`, the best adapter
//! if none is named.

use reformer_gpu::{Choice, Gpu, ProductVariant};

/// Rows, columns and terms.
const SIZE: usize = 1024;
/// The best of this many counts.
const REPEATS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gpu = Gpu::new(&std::env::args().nth(1).map_or(Choice::Best, Choice::Named))?;
    #[allow(clippy::print_stdout)]
    for (variant, time) in gpu.measure_products(SIZE, REPEATS, &ProductVariant::all())? {
        let rate = 2.0 * (SIZE as f64).powi(3) / time.as_secs_f64() / 1e9;
        println!("{rate:8.1} GFLOP/s  {variant:?}");
    }
    Ok(())
}
