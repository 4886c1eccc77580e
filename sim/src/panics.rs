//! What the first panic of a run said, and where. tokio says only that there was one.

use std::cell::RefCell;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `play`, and says what panicked first in it, caught or not.
pub(crate) fn first_in<T>(play: impl FnOnce() -> T) -> (T, Option<String>) {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            note(panic);
            before(panic);
        }));
    });
    FIRST.take();
    let result = play();
    (result, FIRST.take())
}

fn note(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("something panicked");
    let place = panic.location().map_or_else(String::new, |place| format!(" ({place})"));
    FIRST.with_borrow_mut(|first| {
        first.get_or_insert_with(|| format!("{said}{place}"));
    });
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::first_in;

    #[test]
    fn the_first_panic_is_told_with_its_place() {
        let panics = || {
            let _ = catch_unwind(|| panic!("the first"));
            let _ = catch_unwind(|| panic!("the second"));
        };
        let ((), first) = first_in(panics);
        let first = first.expect("two of them");
        assert!(first.starts_with("the first (") && first.contains("panics.rs:"), "{first}");
        assert_eq!(first_in(|| 7), (7, None));
    }
}
