//! Memory that may be refused: whoever reserves it reports that as an error of its own. A program whose allocator ends it where memory
//! is refused asks here whether it should. Allocates nothing itself.

use std::cell::Cell;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `reserve`, which asks for memory in a way that can fail, and whose caller says what it was for.
pub fn refusable<R>(reserve: impl FnOnce() -> R) -> R {
    let before = EXPECTED.replace(true);
    let result = reserve();
    EXPECTED.set(before);
    result
}

/// Whether this thread is inside of [`refusable`].
pub fn is_refusable() -> bool {
    // While a thread ends there is nobody left who would report it.
    EXPECTED.try_with(Cell::get).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_inside_and_on_this_thread_alone() {
        assert!(!is_refusable());
        refusable(|| {
            assert!(is_refusable());
            refusable(|| ());
            assert!(is_refusable(), "the outer one goes on");
            std::thread::scope(|scope| assert!(!scope.spawn(is_refusable).join().unwrap()));
        });
        assert!(!is_refusable());
    }
}
