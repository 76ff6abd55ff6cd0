//! Plans as data: what runs, what shares a slot, what is refused. Nothing is computed.

use crate::{DType, HeadRange, Location, Plan, PlanError, PlanOptions, Program, op::NormParameters, shape};

fn norm(program: &mut Program, width: usize) -> NormParameters {
    NormParameters {
        gamma: program.state("gamma", shape![width], DType::F32),
        beta: program.state("beta", shape![width], DType::F32),
    }
}

fn heads() -> HeadRange {
    HeadRange { first: 0, count: 1, width: 8 }
}

#[test]
fn what_nobody_asks_for_does_not_run() {
    let mut program = Program::new();
    let kept = program.zeros("kept", shape![4]);
    program.zeros("unused", shape![4]);
    program.output("kept", kept);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    assert_eq!(plan.schedule, vec![0]);
    assert_eq!(plan.peak_bytes(), 16);
}

/// dx is updated twice and dies each time: one slot. The gradient that an output keeps can't be overwritten.
#[test]
fn updates_share_the_slot_of_what_dies() {
    let record = |keep: bool| {
        let mut program = Program::new();
        let norm = norm(&mut program, 8);
        let x = program.input("x", shape![2, 8], DType::F32);
        let zeros = program.zeros("dx", shape![2, 8]);
        let gradients = NormParameters {
            gamma: program.state("dgamma", shape![8], DType::F32),
            beta: program.state("dbeta", shape![8], DType::F32),
        };
        let dx = program.layer_norm_gradient(x, norm.gamma, x, zeros, gradients);
        if keep {
            program.output("first", zeros);
        }
        program.output("dx", dx);
        (Plan::new(&program, &PlanOptions::default()).unwrap(), zeros, dx)
    };
    let (plan, zeros, dx) = record(false);
    assert_eq!(plan.location(zeros.id), plan.location(dx.id), "{plan}");
    let (plan, zeros, dx) = record(true);
    assert_ne!(plan.location(zeros.id), plan.location(dx.id), "an output was overwritten: {plan}");
}

#[test]
fn a_fresh_write_never_lands_on_an_operand() {
    let mut program = Program::new();
    let norm = norm(&mut program, 8);
    let weight = program.state("weight", shape![8, 8], DType::F32);
    let x = program.zeros("x", shape![2, 8]);
    let y = program.project_heads(heads(), x, norm, &[weight], &["y"])[0];
    let z = program.project_heads(heads(), y, norm, &[weight], &["z"])[0];
    program.output("z", z);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    assert_ne!(plan.location(x.id), plan.location(y.id));
    assert_ne!(plan.location(y.id), plan.location(z.id));
    assert_eq!(plan.location(x.id), plan.location(z.id), "x is dead when z is written: {plan}");
    let apart = Plan::new(&program, &PlanOptions { share_slots: false, ..PlanOptions::default() }).unwrap();
    assert_eq!(apart.slots.len(), 3);
}

#[test]
fn a_stale_state_is_refused() {
    let mut program = Program::new();
    let norm = norm(&mut program, 8);
    let x = program.input("x", shape![2, 8], DType::F32);
    let dx = program.zeros("dx", shape![2, 8]);
    let old = NormParameters { gamma: norm.gamma, beta: norm.beta };
    let other = program.input("other_gamma", shape![8], DType::F32);
    program.layer_norm_gradient(x, other, x, dx, old);
    let y = program.layer_norm_gradient(x, norm.gamma, x, dx, old);
    program.output("y", y);
    match Plan::new(&program, &PlanOptions::default()) {
        Err(PlanError::StaleState { name, .. }) => assert_eq!(name, "gamma"),
        other => panic!("expected a stale read of gamma, got {other:?}"),
    }
}

#[test]
fn a_plan_over_the_limit_is_refused_with_both_figures() {
    let mut program = Program::new();
    let zeros = program.zeros("zeros", shape![1024]);
    program.output("zeros", zeros);
    let options = PlanOptions { memory_limit: Some(4095), ..PlanOptions::default() };
    assert_eq!(Plan::new(&program, &options), Err(PlanError::Memory { needed: 4096, limit: 4095 }));
}

#[test]
fn shape_mistakes_name_op_scope_operand_and_both_shapes() {
    let mut program = Program::new();
    program.set_scope("block 2, attention");
    let norm = norm(&mut program, 8);
    let weight = program.state("block.2.query", shape![6, 8], DType::F32);
    let x = program.input("x", shape![2, 8], DType::STREAM);
    program.project_heads(heads(), x, norm, &[weight], &["q"]);
    let error = Plan::new(&program, &PlanOptions::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        "project_heads in block 2, attention: `weight` (`block.2.query`) is [6, 8], expected [8, 8]. Weights are [width, heads·head_width]"
    );
}

#[test]
fn ten_thousand_operations_plan_quickly() {
    let mut program = Program::new();
    let norm = norm(&mut program, 8);
    let weight = program.state("weight", shape![8, 8], DType::F32);
    let mut x = program.zeros("x", shape![2, 8]);
    for _ in 0..10_000 {
        x = program.project_heads(heads(), x, norm, &[weight], &["x"])[0];
    }
    program.output("x", x);
    let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
    assert_eq!(plan.slots.len(), 2, "a chain needs two slots");
    assert!(matches!(plan.location(x.id), Location::Slot(_)));
}

/// Two kinds, by name and maker; an update in place is counted once, also where it makes another kind of it.
#[test]
fn parts_of_what_is_alive_make_up_the_whole() {
    let mut program = Program::new();
    let norm = norm(&mut program, 8);
    let weight = program.state("weight", shape![8, 8], DType::F32);
    let gradients = NormParameters {
        gamma: program.state("dgamma", shape![8], DType::F32),
        beta: program.state("dbeta", shape![8], DType::F32),
    };
    let x = program.input("x", shape![2, 8], DType::F32);
    let zeros = program.zeros("dx", shape![2, 8]);
    let query = program.project_heads(heads(), x, norm, &[weight], &["query"])[0];
    let dx = program.layer_norm_gradient(x, norm.gamma, query, zeros, gradients);
    let value = program.project_heads(heads(), x, norm, &[weight], &["value"])[0];
    program.output("dx", dx);
    program.output("value", value);
    for share_slots in [true, false] {
        let plan = Plan::new(&program, &PlanOptions { share_slots, ..PlanOptions::default() }).unwrap();
        let parts =
            plan.live_bytes_by::<2>(|value, maker| usize::from(value.name == "query" || maker.op.name() == "zeros"));
        let bytes = 2 * 8 * 4;
        // The zeros, the query with them, then the gradient in the zeros' place or beside them, and at last it and the value.
        let third = if share_slots { [bytes, bytes] } else { [bytes, 2 * bytes] };
        let expected = [[0, bytes], [0, 2 * bytes], third, [2 * bytes, 0]];
        assert_eq!(parts, expected, "sharing {share_slots}: {plan}");
        let sums: Vec<u64> = parts.iter().map(|parts| parts.iter().sum()).collect();
        assert_eq!(sums, plan.live_bytes);
        assert_eq!(plan.alive_at_peak().len() as u64 * bytes, plan.live_bytes[plan.peak_step()]);
    }
}
