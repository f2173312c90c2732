use super::{Parts, parts};
use proptest::prelude::*;

fn split(response: &str) -> (Option<&str>, &str, bool) {
    let Parts {
        reasoning,
        answer,
        is_closed,
    } = parts(response, None);
    (reasoning, answer, is_closed)
}

#[test]
fn each_marker_of_the_field_splits() {
    let markers = [
        ("<think>", "</think>"),
        ("<THINK>", "</Think>"),
        ("< think >", "</ think >"),
        ("<think>\n", "\n</think>\n"),
        ("<thinking>", "</thinking>"),
        ("<thought>", "</thought>"),
        ("<reasoning>", "</reasoning>"),
        ("<REASONING>", "</REASONING>"),
        ("<rationale>", "</rationale>"),
        ("<scratchpad>", "</scratchpad>"),
        ("<analysis>", "</analysis>"),
        ("<seed:think>", "</seed:think>"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        (
            "<|begin_of_thought|>",
            "<|end_of_thought|>\n\n<|begin_of_solution|>",
        ),
        ("<|im_start|>think\n", "\n<|im_start|>answer\n"),
        (
            "<|channel|>analysis<|message|>",
            "<|channel|>final<|message|>",
        ),
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        ("<unused94>thought\n", "<unused95>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
        ("## Thinking\n\n", "\n\n## Final Response\n\n"),
        ("### Thinking\n", "\n### Final Response\n"),
        ("**Thinking**\n", "\n**Final Response**\n"),
        ("## Thinking\n", "\n## Final Answer\n"),
        ("### Reasoning:\n", "\n### Answer:\n"),
        ("**Reasoning:** ", "\n**Answer:** "),
        ("", "</think>"),
        ("", "\n## Final Response\n"),
    ];
    for (start, end) in markers {
        let response = format!("{start}Two facts.{end}It is C.");
        assert_eq!(
            split(&response),
            (Some("Two facts."), "It is C.", true),
            "{response}"
        );
    }
}

#[test]
fn unclosed_reasoning_has_no_answer() {
    for response in [
        "<think>Two facts",
        "<think>One</think> so <think>Two facts",
        "## Thinking\n\nTwo facts. The answer is C.",
        "<|begin_of_thought|>Two facts",
        "<|im_start|>think\nTwo facts",
        "[THINK]Two",
        "◁think▷Two",
        "<think>Two facts <answer>C</answer>",
        "<think>The tag </thin",
    ] {
        let Parts {
            answer,
            is_closed,
            reasoning,
        } = parts(response, None);
        assert_eq!((answer, is_closed), ("", false), "{response}");
        assert!(reasoning.is_some(), "{response}");
    }
}

#[test]
fn of_several_thoughts_the_last_end_counts() {
    assert_eq!(
        split("<think>a</think> Maybe B. <think>b</think> C"),
        (Some("a</think> Maybe B. <think>b"), "C", true)
    );
    assert_eq!(
        split("<think>a <think>b</think> c</think> C"),
        (Some("a <think>b</think> c"), "C", true)
    );
    assert_eq!(
        split("a</think>b</think>C"),
        (Some("a</think>b"), "C", true)
    );
}

#[test]
fn without_markers_all_is_the_answer() {
    assert_eq!(split(" It is C.\n"), (None, "It is C.", true));
    assert_eq!(split(""), (None, "", true));
    assert_eq!(
        split("Na <130 and K >5 [THINKING]"),
        (None, "Na <130 and K >5 [THINKING]", true)
    );
    assert_eq!(
        split("### Analysis\nA is wrong.\nSo C."),
        (None, "### Analysis\nA is wrong.\nSo C.", true)
    );
}

#[test]
fn empty_reasoning_is_not_none() {
    assert_eq!(split("<think>\n\n</think>\n\nC"), (Some(""), "C", true));
}

#[test]
fn an_answer_may_stand_before_its_reasoning() {
    assert_eq!(
        split("<answer>C</answer><think>a</think>"),
        (Some("a"), "<answer>C</answer>", true)
    );
    assert_eq!(split("Well. <think>a</think> C"), (Some("a"), "C", true));
}

#[test]
fn tokens_at_the_end_are_no_text() {
    assert_eq!(
        split("<think>a</think>C<|im_end|>\n<|endoftext|>"),
        (Some("a"), "C", true)
    );
    assert_eq!(split("C</s>"), (None, "C", true));
}

#[test]
fn a_column_of_its_own_wins() {
    let split = parts("<think>mine</think>It is C.", Some(" theirs "));
    assert_eq!(
        (split.reasoning, split.answer, split.is_closed),
        (Some("theirs"), "It is C.", true)
    );
    let split = parts(" \n", Some("theirs"));
    assert_eq!(
        (split.reasoning, split.answer, split.is_closed),
        (Some("theirs"), "", false)
    );
    assert!(!parts("<think>mine", Some("theirs")).is_closed);
}

proptest! {
    #[test]
    fn hostile_texts_split_within_themselves(
        text in "(<|>|/|think|<think>|</think>|## Thinking\n|## Final Response\n|\\[|◁think▷|<\\|im_start\\|>|é|\u{85}| |\n|#|\\*|x){0,40}"
    ) {
        let found = parts(&text, None);
        let range = text.as_bytes().as_ptr_range();
        prop_assert!(range.contains(&found.answer.as_ptr()) || found.answer.is_empty());
        prop_assert!(found.is_closed || found.answer.is_empty());
        let padded = format!("{text} \n\n");
        prop_assert_eq!(found, parts(&padded, None));
    }
}
