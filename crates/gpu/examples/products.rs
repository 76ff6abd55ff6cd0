//! The speed of every variant of the matrix product on this machine's adapter: `cargo run --release -p reformer-gpu --example products`.

use reformer_gpu::{Choice, Gpu, ProductVariant};

/// Rows, columns and terms.
const SIZE: usize = 1024;
/// The best of this many counts.
const REPEATS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gpu = Gpu::new(&Choice::Best)?;
    #[allow(clippy::print_stdout)]
    for (variant, time) in gpu.measure_products(SIZE, REPEATS, &ProductVariant::all())? {
        let rate = 2.0 * (SIZE as f64).powi(3) / time.as_secs_f64() / 1e9;
        println!("{rate:8.1} GFLOP/s  {variant:?}");
    }
    Ok(())
}
