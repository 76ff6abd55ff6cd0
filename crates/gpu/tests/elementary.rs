//! `accurate_exp` and `accurate_log` of shaders/shared/math.wgsl against f64, on every adapter of this machine. No kernel shows them
//! alone, so a kernel of this test's own includes them.

use reformer_gpu::testing::TestAdapter;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, SQRT_2};

reformer_gpu::on_every_adapter!(exp_is_within_its_roundings_of_f64s, log_is_within_its_roundings_of_f64s);

const FILE: &str = "shared/math.wgsl";
/// Words in and out, so that no copy touches NaN or what is below the normal numbers.
const KERNEL: &str = "
@group(0) @binding(0) var<storage, read> inputs: array<u32>;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;

@compute @workgroup_size(64)
fn exp_of(@builtin(global_invocation_id) id: vec3<u32>) {
    results[id.x] = bitcast<u32>(accurate_exp(bitcast<f32>(inputs[id.x])));
}

@compute @workgroup_size(64)
fn log_of(@builtin(global_invocation_id) id: vec3<u32>) {
    results[id.x] = bitcast<u32>(accurate_log(bitcast<f32>(inputs[id.x])));
}
";
/// Invocations of a workgroup.
const LANES: usize = 64;

/// Numbers of a mean of errors, and means over the range that a polynomial is for.
const MEAN_OF: usize = 1 << 14;
const MEANS: usize = 64;

/// What `entry` makes of the numbers.
fn run(adapter: &wgpu::Adapter, entry: &str, numbers: &[f32]) -> Vec<f32> {
    let mut words: Vec<u32> = numbers.iter().map(|number| number.to_bits()).collect();
    words.resize(numbers.len().next_multiple_of(LANES), 0);
    let bytes = 4 * words.len() as u64;
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let buffer = |usage| {
        device.create_buffer(&wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false })
    };
    let inputs = buffer(wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST);
    let results = buffer(wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
    queue.write_buffer(&inputs, 0, bytemuck::cast_slice(&words));
    let (_, functions) = reformer_shaders::SOURCES.iter().find(|(name, _)| *name == FILE).unwrap();
    let text = format!("{functions}{KERNEL}");
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(text.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some(entry),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[
            wgpu::BindGroupEntry { binding: 0, resource: inputs.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 1, resource: results.as_entire_binding() },
        ],
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups((words.len() / LANES) as u32, 1, 1);
    drop(pass);
    encoder.copy_buffer_to_buffer(&results, 0, &staging, 0, bytes);
    queue.submit([encoder.finish()]);
    staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let mapped = staging.slice(..).get_mapped_range().unwrap();
    bytemuck::cast_slice::<u8, u32>(&mapped)[..numbers.len()].iter().map(|&word| f32::from_bits(word)).collect()
}

/// How far a result is from `exact`, in units of the last place that f32 has there.
fn error(got: f32, exact: f64) -> f64 {
    const LOWEST: f64 = f32::MIN_POSITIVE as f64;
    let unit = exact.abs().max(LOWEST).log2().floor().exp2() * f64::from(f32::EPSILON);
    (f64::from(got) - exact) / unit
}

/// Every exponent of f32's normal numbers from `lowest` to `highest`, with mantissas that are evenly spread.
fn all_exponents(lowest: i32, highest: i32) -> Vec<f32> {
    const MANTISSAS: u32 = 1024;
    let mantissas = || (0..MANTISSAS).map(|at| f32::from_bits(0x3f80_0000 + at * ((1 << 23) / MANTISSAS) + at % 7));
    (lowest..=highest).flat_map(|exponent| mantissas().map(move |mantissa| mantissa * 2f32.powi(exponent))).collect()
}

/// Numbers from `first` to `last`, as many as all means need.
fn evenly(first: f64, last: f64) -> Vec<f32> {
    let count = MEANS * MEAN_OF;
    (0..count).map(|at| (first + (last - first) * (at as f64 + 0.5) / count as f64) as f32).collect()
}

/// No error is larger than what `allowed` says of its argument.
fn within(name: &str, numbers: &[f32], got: &[f32], exact: fn(f64) -> f64, allowed: impl Fn(f32) -> f64) {
    for (&x, &got) in numbers.iter().zip(got) {
        let exact = exact(f64::from(x));
        let (error, allowed) = (error(got, exact), allowed(x));
        assert!(
            error.abs() <= allowed,
            "{name}({x:e}) = {got:e}, off by {error:.3} units in the last place, allowed {allowed}"
        );
    }
}

/// No mean of errors is larger than `allowed`: `place` says which of [`MEANS`] means a number belongs to. Roundings cancel in a mean,
/// what a polynomial lacks does not.
fn unbiased(name: &str, numbers: &[f32], got: &[f32], exact: fn(f64) -> f64, place: fn(f64) -> f64, allowed: f64) {
    let mut sums = [(0.0, 0usize); MEANS];
    for (&x, &got) in numbers.iter().zip(got) {
        let x = f64::from(x);
        let (sum, count) = &mut sums[((place(x) * MEANS as f64) as usize).min(MEANS - 1)];
        *sum += error(got, exact(x));
        *count += 1;
    }
    for (at, (sum, count)) in sums.into_iter().enumerate() {
        assert!(count > MEAN_OF / 2, "{name}: {count} numbers are too few for mean {at}");
        let mean = sum / count as f64;
        assert!(
            mean.abs() <= allowed,
            "{name}: errors in part {at} of {MEANS} have a mean of {mean:.3} units in the last place, allowed {allowed}"
        );
    }
}

/// e^x = 2^k·e^r with |r| ≤ ln 2/2, and e^r = 1 + (x − k·c₁) + k·c₂ + s·r². A compiler may add these four in any order; in units of
/// the last place of an e^r below 1, the worst case, two sums of 1 or more round by 1 and the last one by ½. Roundings of k·c₂, r², s
/// and its product with r² are worth 0.15, the polynomial is off by 0.033, and ln 2 in two parts by 0.004·k/150.
const EXP_ALLOWED: f64 = 2.7;
/// What is no rounding, and six deviations of a mean of roundings: each is even within its limits, which makes √(1² + 1² + ½²)/√3 of
/// all, by √MEAN_OF.
const EXP_BIAS: f64 = 0.033 + 0.004 + 6.0 * 0.87 / 128.0;

fn exp_is_within_its_roundings_of_f64s(adapter: &TestAdapter) {
    let adapter = adapter.itself();
    let run = |numbers: &[f32]| run(&adapter, "exp_of", numbers);
    // From the smallest result that is no zero to the largest that is finite.
    let spread = evenly(-87.3, 88.72);
    let got = run(&spread);
    within("exp", &spread, &got, f64::exp, |_| EXP_ALLOWED);
    let place = |x: f64| x / LN_2 - (x / LN_2).round() + 0.5;
    unbiased("exp", &spread, &got, f64::exp, place, EXP_BIAS);

    // Devices may take what is below the normal numbers for zero, but then all of it.
    let lowest = if run(&[-88.0]) == [0.0] { -87.3 } else { -104.0 };
    let mut numbers = all_exponents(-126, 6);
    numbers.extend((0..1 << 16).map(|at| 87.0 + at as f32 / 3800.0));
    numbers.extend(numbers.clone().into_iter().map(|x| -x));
    numbers.retain(|x| (lowest..=88.72).contains(x));
    within("exp", &numbers, &run(&numbers), f64::exp, |_| EXP_ALLOWED);

    let ends = [0.0, -0.0, -104.01, -1e30, f32::NEG_INFINITY, 88.72, 88.73, 1e30, f32::INFINITY, f32::NAN];
    let got = run(&ends);
    assert_eq!(got[..5], [1.0, 1.0, 0.0, 0.0, 0.0], "exp of {:?}", &ends[..5]);
    assert!(got[5].is_finite() && got[6..9].iter().all(|&top| top == got[5]), "exp of {:?}: {got:?}", &ends[5..9]);
    assert!(got[9].is_nan(), "exp(NaN) = {}", got[9]);
}

/// ln x = m − m²/2 + s·m³ + e·(c₁ + c₂), again in any order. In units of the last place of ln √2, the worst case: without e two sums
/// round by ½ each; m² by ⅛; s, its products and its m³ by 0.15; the polynomial is off by 0.041.
const LOG_ALLOWED: f64 = 1.35;
/// With e a result may be as small (ln 2 − ln √2), and four sums of up to ln 2 and more round by 1, the last of them by ½.
const LOG_ALLOWED_OUTSIDE: f64 = 3.9;
/// What is no rounding, and six deviations of a mean of roundings without e.
const LOG_BIAS: f64 = 0.041 + 6.0 * 0.42 / 128.0;

fn log_is_within_its_roundings_of_f64s(adapter: &TestAdapter) {
    let adapter = adapter.itself();
    let run = |numbers: &[f32]| run(&adapter, "log_of", numbers);
    let spread = evenly(FRAC_1_SQRT_2, SQRT_2);
    let got = run(&spread);
    within("log", &spread, &got, f64::ln, |_| LOG_ALLOWED);
    unbiased("log", &spread, &got, f64::ln, |x| (x - FRAC_1_SQRT_2) / (SQRT_2 - FRAC_1_SQRT_2), LOG_BIAS);

    let mut numbers = all_exponents(-126, 127);
    numbers.extend([f32::MIN_POSITIVE, f32::MAX]);
    // Neighbours of 1, each of them.
    numbers.extend((0x3f80_0000u32 - 0x4000..=0x3f80_0000 + 0x4000).map(f32::from_bits));
    let is_inside = |x: f32| (FRAC_1_SQRT_2..SQRT_2).contains(&f64::from(x));
    let allowed = |x| if is_inside(x) { LOG_ALLOWED } else { LOG_ALLOWED_OUTSIDE };
    within("log", &numbers, &run(&numbers), f64::ln, allowed);
    assert_eq!(run(&[1.0]), [0.0], "log(1)");
}
