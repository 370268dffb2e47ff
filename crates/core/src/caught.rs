//! Code of others that panics on damaged files.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Runs code of a library that panics on input that contradicts itself; `None` when it did.
///
/// Whatever the code was changing must not be used afterwards. A program that does not want such a panic
/// on its standard error asks [`is_catching`] in its panic hook.
pub fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    let before = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(before);
    result.ok()
}

/// Whether a panic of this thread would be caught by [`caught`].
#[must_use]
pub fn is_catching() -> bool {
    CATCHING.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_none_and_nothing_is_caught_afterwards() {
        assert_eq!(caught(|| caught(|| 7)), Some(Some(7)));
        let inside = caught(|| {
            assert!(is_catching());
            assert_eq!(1, 2);
        });
        assert_eq!(inside, None);
        assert!(!is_catching());
    }
}
