//! Tags and tokens that the search for damaged markup knows.

/// Names of tags that open and close in turn, in lower case; the first family is that of reasoning.
pub(super) const FAMILIES: [&[&str]; 6] = [
    &[
        "think",
        "thinking",
        "thought",
        "thoughts",
        "seed:think",
        "antthinking",
    ],
    &["answer"],
    &["final_answer", "final answer"],
    &["solution"],
    &["reasoning"],
    &["scratchpad"],
];

/// The longest name of a control token, its closing bar included.
pub(super) const LONGEST_NAME: usize = 48;

/// Markers of reasoning that [`parts`](crate::parts) knows are no damage; in lower case.
pub(super) const KNOWN_CONTROLS: [&str; 13] = [
    "<|begin_of_thought|>",
    "<|end_of_thought|>",
    "<|begin_of_solution|>",
    "<|end_of_solution|>",
    "<|begin_of_box|>",
    "<|end_of_box|>",
    "<|im_start|>think",
    "<|im_start|>answer",
    "<|start_thinking|>",
    "<|end_thinking|>",
    "<|channel|>analysis<|message|>",
    "<|channel|>final<|message|>",
    "<|message|>",
];

/// Control tokens that are spelled without bars.
pub(super) const CONTROL_WORDS: [&str; 11] = [
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<s>",
    "</s>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<bos>",
    "<eos>",
    "[UNUSED_TOKEN_",
];
