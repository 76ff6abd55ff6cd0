//! The suite of `reformer-conformance` on the best adapter of this machine; a software one counts.

use reformer_gpu::testing::{adapter_here, shared};
use reformer_gpu::{Choice, DeviceLimits, Gpu, Kernels, ProductVariant};

reformer_conformance::suite!(fast if adapter_here(), shared());
reformer_conformance::suite!(naive if adapter_here(), shared().with_kernels(Kernels::Naive));
reformer_conformance::suite!(cut if adapter_here(), shared().with_limits(TINY));

/// So little that the matrices of the larger cases are cut: 512 rows of 64 columns fill a segment.
const TINY: DeviceLimits = DeviceLimits { binding_bytes: 128 << 10, buffer_bytes: 128 << 10, workgroups: 64 };

/// A measured choice of the product's variant may differ between two runs of one training: it must change no bit.
#[test]
fn variants_of_the_product_change_no_bit() {
    if !adapter_here() {
        return;
    }
    let usual = shared();
    for variant in [
        ProductVariant::Simple,
        ProductVariant::Tiled { tile: 32, terms: 8 },
        ProductVariant::Tiled { tile: 64, terms: 16 },
    ] {
        if let Err(failure) = reformer_conformance::same_bits(&shared().with_product(variant), &usual) {
            panic!("\n{variant}\n{failure}\n");
        }
    }
}

/// Kernels and choices that were kept are taken, and a second process finds them.
#[test]
fn kernels_and_choices_are_kept_on_disk() {
    if !adapter_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let gpu = Gpu::new(&Choice::Best).unwrap().cached(folder.path()).tuned(folder.path()).unwrap();
    let case = reformer_conformance::cases::find("project_heads", "one_row");
    reformer_conformance::check(&gpu, &case).unwrap_or_else(|failure| panic!("{failure}"));
    let kept = files();
    let choice = kept.iter().find(|path| path.extension().is_some_and(|ending| ending == "product")).unwrap();
    assert!(std::fs::read_to_string(choice).unwrap().parse::<ProductVariant>().is_ok());
    std::fs::write(choice, "simple").unwrap();
    let again = Gpu::new(&Choice::Best).unwrap().cached(folder.path()).tuned(folder.path()).unwrap();
    reformer_conformance::check(&again, &case).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(files(), kept);
    assert_eq!(std::fs::read_to_string(choice).unwrap(), "simple", "a known choice is not measured again");
}
