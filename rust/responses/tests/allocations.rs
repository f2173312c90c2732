//! Judging a response by a marker allocates nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use octomed_responses::{AnswerState, Choice, Gold, GoldRule, judge, parts};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn markers_are_judged_without_allocation() {
    let options: Vec<_> = ["A", "B", "C"]
        .iter()
        .zip(["Ampicillin", "Ceftriaxone", "Nitrofurantoin"])
        .map(|(label, text)| Choice { label, text })
        .collect();
    let gold = Gold::new(&options, Some("C"), GoldRule::Options).unwrap();
    for end in [
        "<answer>C</answer>",
        "\\boxed{\\text{C. Nitrofurantoin}}",
        "The answer is (C) Nitrofurantoin.",
        "**Answer:** nitrofurantoin",
        "Answer: C\n\nAmpicillin fails.",
    ] {
        let response = format!(
            "<think>\n{}</think>\n\n{end}",
            "Ampicillin fails, so A is out. ".repeat(100)
        );
        // The cues of corrections are made ready once.
        let _ = judge(&gold, &parts(&response, None), None);
        let before = COUNT.with(Cell::get);
        let judged = judge(&gold, &parts(&response, None), None);
        let allocated = COUNT.with(Cell::get) - before;
        assert_eq!((judged.state, allocated), (AnswerState::Right, 0), "{end}");
    }
}
