//! Panics of other crates, caught where those crates are called.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// What a crate said when it panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked(pub String);

impl fmt::Display for Panicked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Panicked {}

/// Runs `work`, and gives what it says if it panics. Nothing is printed then.
///
/// # Errors
/// [`Panicked`] when `work` panics.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    HOOK.call_once(keep_quiet_inside);
    let before = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    result.map_err(|payload| Panicked(said(payload.as_ref())))
}

/// Has the hook say nothing of a panic that is caught here.
fn keep_quiet_inside() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !GUARDED.get() {
            hook(info);
        }
    }));
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::*;

    #[test]
    fn a_panic_becomes_what_it_says() {
        assert_eq!(guard(|| 1), Ok(1));
        let caught = guard(|| -> u8 { panic!("of {}", "glass") });
        assert_eq!(caught, Err(Panicked("of glass".to_owned())));
        assert!(!GUARDED.get());
    }
}
