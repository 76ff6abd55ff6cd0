//! Memory that may be refused: whoever reserves it reports that as an error of its own. A program whose allocator ends it where memory
//! is refused asks here whether it should. Allocates nothing itself.

use std::cell::Cell;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `reserve`, which asks for memory in a way that can fail, and whose caller says what it was for.
pub fn refusable<R>(reserve: impl FnOnce() -> R) -> R {
    let _before = Before(EXPECTED.replace(true));
    reserve()
}

/// What was so before, and is again when this goes: at an end or in a panic, which somebody may catch.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        EXPECTED.set(self.0);
    }
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

    #[test]
    fn a_panic_inside_does_not_outlast_it() {
        std::panic::catch_unwind(|| refusable(|| panic!("on purpose"))).unwrap_err();
        assert!(!is_refusable());
    }
}
