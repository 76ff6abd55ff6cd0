//! Tests of reading budgets and of comparing figures with them.

use super::*;
use crate::child::Greeting;
use crate::figures::Figures;

fn launch(file: &str, width: u32) -> Launch {
    Launch { file: file.into(), entry: "main".into(), constants: BTreeMap::from([("WIDTH".into(), width)]) }
}

/// What `family` makes of launches.
fn compiled(family: &str, rows: &[(Launch, &[(Figure, u64)])]) -> Compiled {
    let figures = |figures: &[(Figure, u64)]| figures.iter().copied().collect::<Figures>();
    let rows = rows.iter().map(|(launch, of)| (launch.clone(), figures(of))).collect();
    Compiled { family: family.into(), by: Greeting { device: String::new(), driver: String::new() }, rows }
}

fn parse(text: &str) -> Result<Budgets, BudgetsError> {
    Budgets::parse(Path::new("b.json"), text)
}

fn budgets(excluded: &str, budgets: &str) -> Budgets {
    parse(&format!(r#"{{ "set_with": "x", "excluded": [{excluded}], "budgets": [{budgets}] }}"#)).expect("well formed")
}

fn found(budgets: &Budgets, compiled: &[Compiled]) -> Vec<String> {
    let launches: Vec<Launch> =
        compiled.iter().flat_map(|of| of.rows.iter().map(|(launch, _)| launch.clone())).collect();
    budgets.check(&launches, compiled).iter().map(Violation::to_string).collect()
}

const NO_SCRATCH: &str = r#"{ "limits": { "scratch_bytes": 0, "waves": 4 }, "reason": "it is slow" }"#;

#[test]
fn the_packages_own_file_is_well_formed() {
    let own = parse(OWN).expect("well formed");
    assert_eq!(own.budgets[0].which, Which::default(), "the first budget is for every kernel");
    let strict = [Figure::SpilledVgprs, Figure::SpilledSgprs, Figure::ScratchBytes];
    assert!(strict.iter().all(|figure| own.budgets[0].limits[figure] == 0), "and allows no spill and no scratch");
}

#[test]
fn a_figure_beyond_its_budget_is_named_with_kernel_architecture_and_budget() {
    let of = compiled("navi31", &[(launch("a.wgsl", 8), &[(Figure::ScratchBytes, 512), (Figure::Waves, 3)])]);
    let expected = [
        "a.wgsl main WIDTH=8 on navi31: scratch_bytes is 512, the budget is at most 0 (it is slow)",
        "a.wgsl main WIDTH=8 on navi31: waves is 3, the budget is at least 4 (it is slow)",
    ];
    assert_eq!(found(&budgets("", NO_SCRATCH), &[of]), expected);
}

#[test]
fn the_last_budget_that_speaks_of_a_figure_counts_and_only_for_whom_it_speaks() {
    let own = r#"{ "for": { "file": "a.wgsl", "entry": "main", "constants": { "WIDTH": 8 }, "family": "navi31" },
        "limits": { "scratch_bytes": 512 }, "reason": "an array" }"#;
    let budgets = budgets("", &format!("{NO_SCRATCH}, {own}"));
    let row = |file, width, scratch| -> (Launch, Vec<(Figure, u64)>) {
        (launch(file, width), vec![(Figure::ScratchBytes, scratch), (Figure::Waves, 4)])
    };
    let check = |family: &str, (of, figures): (Launch, Vec<(Figure, u64)>)| {
        // The exception is needed somewhere, so that only the figure itself is judged.
        let (needs, needed) = row("a.wgsl", 8, 512);
        found(&budgets, &[compiled("navi31", &[(needs, &needed)]), compiled(family, &[(of, &figures)])])
    };
    assert_eq!(check("navi31", row("a.wgsl", 8, 512)), Vec::<String>::new());
    let beyond = check("navi31", row("a.wgsl", 8, 513));
    assert_eq!(beyond, ["a.wgsl main WIDTH=8 on navi31: scratch_bytes is 513, the budget is at most 512 (an array)"]);
    for (family, file, width) in [("vega10", "a.wgsl", 8), ("navi31", "b.wgsl", 8), ("navi31", "a.wgsl", 16)] {
        let beyond = check(family, row(file, width, 512));
        assert_eq!(beyond.len(), 1, "{beyond:?}");
        assert!(beyond[0].ends_with("is 512, the budget is at most 0 (it is slow)"), "{beyond:?}");
    }
}

#[test]
fn a_budget_that_nothing_needs_is_found() {
    let needed = [(Figure::ScratchBytes, 0), (Figure::Waves, 8)];
    let of = [compiled("navi31", &[(launch("a.wgsl", 8), &needed)])];
    let looser = r#"{ "for": { "file": "a.wgsl" }, "limits": { "scratch_bytes": 512 }, "reason": "an array" }"#;
    let gone = "budgets for a.wgsl: nothing needs its `scratch_bytes` any more: remove it";
    assert_eq!(found(&budgets("", &format!("{NO_SCRATCH}, {looser}")), &of), [gone]);
    let tighter = r#"{ "for": { "family": "navi31" }, "limits": { "waves": 8 }, "reason": "it can" }"#;
    assert_eq!(found(&budgets("", &format!("{NO_SCRATCH}, {tighter}")), &of), Vec::<String>::new());
    let nobody = r#"{ "for": { "file": "c.wgsl", "family": "vega10" }, "limits": { "waves": 1 }, "reason": "?" }"#;
    let gone = "budgets for c.wgsl on vega10: `waves` is for no kernel that is measured: remove it";
    assert_eq!(found(&budgets("", &format!("{NO_SCRATCH}, {nobody}")), &of), [gone]);
}

#[test]
fn what_is_excluded_is_not_measured_and_must_be_there() {
    let budgets = budgets(
        r#"{ "for": { "file": "a.wgsl", "constants": { "WIDTH": 8 } }, "reason": "naive" },
           { "for": { "file": "c.wgsl" }, "reason": "gone" }"#,
        NO_SCRATCH,
    );
    let all = vec![launch("a.wgsl", 8), launch("a.wgsl", 16), launch("b.wgsl", 8)];
    assert_eq!(budgets.measured(all.clone()), all[1..]);
    let of = compiled("navi31", &[(launch("b.wgsl", 8), &[(Figure::ScratchBytes, 0), (Figure::Waves, 4)])]);
    let violations: Vec<String> = budgets.check(&all, &[of]).iter().map(Violation::to_string).collect();
    assert_eq!(violations, ["excluded: there is no c.wgsl: remove it"]);
}

#[test]
fn mistakes_are_named_with_file_and_place() {
    let text = |budget: &str| format!("{{ \"set_with\": \"x\", \"excluded\": [],\n\"budgets\": [{budget}] }}");
    let rows = [
        (r#"{ "limits": { "registers": 1 }, "reason": "x" }"#, "b.json: unknown variant `registers`, expected one of"),
        (r#"{ "limits": { "waves": -1 }, "reason": "x" }"#, "b.json: invalid value: integer `-1`, expected u64"),
        (r#"{ "limits": { "waves": 1 } }"#, "b.json: missing field `reason` at line 2"),
        (
            r#"{ "for": { "files": "a" }, "limits": {}, "reason": "x" }"#,
            "b.json: unknown field `files`, expected one of",
        ),
        (
            r#"{ "for": { "file": "a.wgsl" }, "limits": {}, "reason": " " }"#,
            "b.json: `budgets` for a.wgsl has an empty `reason`",
        ),
        (r#"{ "limits": {}, "reason": "" }"#, "b.json: `budgets` for every kernel has an empty `reason`"),
    ];
    for (budget, expected) in rows {
        let error = parse(&text(budget)).expect_err(budget).to_string();
        assert!(error.starts_with(expected), "{budget}: {error}");
    }
    let error = Budgets::read(Path::new("missing/b.json")).expect_err("no such file").to_string();
    assert!(error.starts_with("missing/b.json: "), "{error}");
}
