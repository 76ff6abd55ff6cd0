//! The known answers are the oracle's, and every adapter of this machine gives them.

use reformer_gpu::testing::TestAdapter;

type Test = Box<dyn Fn(&TestAdapter) + Send + Sync>;

reformer_gpu::on_every_adapter!([
    ("every_op_gives_its_known_answer", Box::new(every_op_gives_its_known_answer) as Test),
    ("what_was_checked_is_kept", Box::new(what_was_checked_is_kept)),
]);

fn every_op_gives_its_known_answer(adapter: &TestAdapter) {
    if let Err(error) = adapter.shared().checked(None, |_| ()) {
        panic!("{error}");
    }
}

fn what_was_checked_is_kept(adapter: &TestAdapter) {
    let folder = tempfile::tempdir().unwrap();
    let check =
        || adapter.shared().checked(Some(folder.path()), |_| ()).map(drop).unwrap_or_else(|error| panic!("{error}"));
    check();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    if !adapter.shared().described().driver.contains(|letter: char| letter.is_ascii_digit()) {
        // SwiftShader: the next version of the driver could not be told from this one.
        assert!(files.is_empty(), "{files:?}");
        return;
    }
    assert!(files.len() == 1 && files[0].extension().is_some_and(|ending| ending == "checked"), "{files:?}");
    let kept = std::fs::read(&files[0]).unwrap();
    check();
    assert_eq!(std::fs::read(&files[0]).unwrap(), kept);
    // Of other kernels, it is checked again.
    std::fs::write(&files[0], "0000").unwrap();
    check();
    assert_eq!(std::fs::read(&files[0]).unwrap(), kept);
}
