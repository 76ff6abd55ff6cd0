//! What the device refuses is a typed error that names adapter and tensor: never a panic, never a result of zeros.

use reformer_gpu::testing::TestAdapter;
use reformer_gpu::{Choice, Gpu};
use reformer_tensor::{
    Backend, BackendError, Checks, DType, HostTensor, Inputs, Plan, PlanOptions, Prepared, Program, RunError, Store,
    shape,
};
use std::sync::atomic::{AtomicUsize, Ordering};

// Each opens a device of its own: some break it.
reformer_gpu::on_every_adapter!(
    a_state_that_no_buffer_holds_is_named,
    an_adapter_that_is_not_there_is_refused_with_those_that_are,
    an_adapter_is_found_by_its_kind,
    a_device_that_is_gone_is_an_error_and_no_result,
    the_store_of_another_backend_is_refused,
    a_run_that_is_told_to_stop_ends_between_submissions,
);

fn device_error(result: Result<(), impl Into<RunError>>) -> String {
    match result.map_err(Into::into) {
        Err(RunError::Backend(BackendError::Device(text))) => text,
        other => panic!("expected an error of the device, got {other:?}"),
    }
}

/// The norm of a state of 1,000 numbers.
fn norm(gpu: &Gpu) -> (Box<dyn Prepared>, Box<dyn Store>) {
    let mut program = Program::new();
    let gradient = program.state("gradient", shape![1000], DType::F32);
    let norm = program.gradient_norm(&[gradient]);
    program.output("norm", norm);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    let mut store = gpu.store();
    plan.declare_states(store.as_mut()).unwrap();
    (gpu.prepare(plan, Checks::Off).unwrap(), store)
}

fn a_state_that_no_buffer_holds_is_named(adapter: &TestAdapter) {
    let gpu = adapter.open();
    // 16 TiB: more than any device has.
    let error = device_error(gpu.store().declare("embed.table", shape![1 << 22, 1 << 20], DType::F32));
    assert!(error.contains("`embed.table` of 17592186044416 bytes"), "{error}");
    assert!(error.contains(&gpu.described().name), "{error}");
}

fn an_adapter_that_is_not_there_is_refused_with_those_that_are(adapter: &TestAdapter) {
    let gpu = adapter.open();
    let error = device_error(Gpu::new(&Choice::Named("no such adapter".to_owned())).map(|_| ()));
    assert!(error.contains("no adapter's name or kind contains `no such adapter`"), "{error}");
    assert!(error.contains(&gpu.described().name), "{error}");
}

fn an_adapter_is_found_by_its_kind(adapter: &TestAdapter) {
    let gpu = adapter.open();
    let kind = gpu.described().kind;
    let found = Gpu::new(&Choice::Named(kind.to_string().to_uppercase())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.described().kind, kind);
}

fn a_device_that_is_gone_is_an_error_and_no_result(adapter: &TestAdapter) {
    let gpu = adapter.open();
    let (mut prepared, mut store) = norm(&gpu);
    store.write("gradient", &HostTensor::f32(shape![1000], vec![1.0; 1000])).unwrap();
    prepared.run(store.as_mut(), &Inputs::new()).unwrap();
    gpu.close();
    let error = device_error(prepared.run(store.as_mut(), &Inputs::new()).map(|_| ()));
    assert!(error.contains(&gpu.described().name), "{error}");
}

fn the_store_of_another_backend_is_refused(adapter: &TestAdapter) {
    let gpu = adapter.open();
    let (mut prepared, _) = norm(&gpu);
    let mut foreign = reformer_gpu::Planner::new(reformer_gpu::DeviceLimits::WEBGPU).store();
    let error = device_error(prepared.run(foreign.as_mut(), &Inputs::new()).map(|_| ()));
    assert_eq!(error, "the store belongs to another backend");
}

fn a_run_that_is_told_to_stop_ends_between_submissions(adapter: &TestAdapter) {
    let gpu = adapter.open();
    let mut program = Program::new();
    let gradient = program.state("gradient", shape![1000], DType::F32);
    for number in 0..100 {
        let norm = program.gradient_norm(&[gradient]);
        program.output(&format!("norm {number}"), norm);
    }
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    let mut store = gpu.store();
    plan.declare_states(store.as_mut()).unwrap();
    store.write("gradient", &HostTensor::f32(shape![1000], vec![0.5; 1000])).unwrap();
    let mut prepared = gpu.prepare(plan, Checks::Off).unwrap();
    let expected = prepared.run(store.as_mut(), &Inputs::new()).unwrap();
    for most in [0, 1, 3] {
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::SeqCst) >= most;
        assert_eq!(prepared.run_until(store.as_mut(), &Inputs::new(), &stop).unwrap_err(), RunError::Stopped);
        assert_eq!(asked.load(Ordering::SeqCst), most + 1, "it went on after it was told");
    }
    let after = prepared.run_until(store.as_mut(), &Inputs::new(), &|| false).unwrap();
    assert_eq!(after, expected, "asking changes no bit");
}
