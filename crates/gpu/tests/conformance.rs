//! The suite of `reformer-conformance` on every adapter of this machine, a software one too: `ADAPTER::fast::attention::lsh_odd`.

use reformer_conformance::{Failure, Report, cases, laws};
use reformer_gpu::testing::{TINY, TestAdapter};
use reformer_gpu::{Gpu, Kernels, ProductVariant};

reformer_gpu::on_every_adapter!(tests());

/// What runs the whole suite.
const BACKENDS: [(&str, fn(&TestAdapter) -> Gpu); 3] = [
    ("fast", TestAdapter::shared),
    ("naive", |adapter| adapter.shared().with_kernels(Kernels::Naive)),
    ("cut", |adapter| adapter.shared().with_limits(TINY)),
];

type Test = Box<dyn Fn(&TestAdapter) + Send + Sync>;

fn tests() -> Vec<(String, Test)> {
    let mut tests: Vec<(String, Test)> = vec![
        ("variants_of_the_product_change_no_bit".to_owned(), Box::new(variants_of_the_product_change_no_bit)),
        ("kernels_and_choices_are_kept_on_disk".to_owned(), Box::new(kernels_and_choices_are_kept_on_disk)),
    ];
    for (backend, open) in BACKENDS {
        for case in cases::all() {
            let (op, case) = (case.op, case.name);
            let test =
                move |adapter: &TestAdapter| judge(reformer_conformance::check(&open(adapter), &cases::find(op, case)));
            tests.push((format!("{backend}::{op}::{case}"), Box::new(test)));
        }
        for &(law, holds) in laws::ALL {
            let test = move |adapter: &TestAdapter| judge(laws::check(&open(adapter), law, holds));
            tests.push((format!("{backend}::laws::{}", law.replace('/', "::")), Box::new(test)));
        }
    }
    tests
}

/// Passes, or panics with the failure's text. What passes is shown as libtest would: with `--nocapture`.
#[allow(clippy::print_stdout, reason = "the figures are for people")]
fn judge(result: Result<Report, Failure>) {
    match result {
        Ok(report) if std::env::args().any(|argument| argument == "--nocapture") => println!("{report}"),
        Ok(_) => {}
        Err(failure) => panic!("\n{failure}\n"),
    }
}

/// A measured choice of the product's variant may differ between two runs of one training: it must change no bit.
fn variants_of_the_product_change_no_bit(adapter: &TestAdapter) {
    let usual = adapter.shared();
    for variant in [
        ProductVariant::Simple,
        ProductVariant::Tiled { tile: 32, terms: 8 },
        ProductVariant::Tiled { tile: 64, terms: 16 },
    ] {
        if let Err(failure) = reformer_conformance::same_bits(&adapter.shared().with_product(variant), &usual) {
            panic!("\n{variant}\n{failure}\n");
        }
    }
}

/// Kernels and choices that were kept are taken, and a second process finds them.
fn kernels_and_choices_are_kept_on_disk(adapter: &TestAdapter) {
    let folder = tempfile::tempdir().unwrap();
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let gpu = adapter.open().cached(folder.path()).tuned(folder.path()).unwrap();
    let case = cases::find("project_heads", "one_row");
    reformer_conformance::check(&gpu, &case).unwrap_or_else(|failure| panic!("{failure}"));
    let kept = files();
    let choice = kept.iter().find(|path| path.extension().is_some_and(|ending| ending == "product")).unwrap();
    assert!(std::fs::read_to_string(choice).unwrap().parse::<ProductVariant>().is_ok());
    std::fs::write(choice, "simple").unwrap();
    let again = adapter.open().cached(folder.path()).tuned(folder.path()).unwrap();
    reformer_conformance::check(&again, &case).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(files(), kept);
    assert_eq!(std::fs::read_to_string(choice).unwrap(), "simple", "a known choice is not measured again");
}
