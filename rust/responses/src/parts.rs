//! Splits a response into its reasoning and its answer, by the markers that models write.

mod headings;
mod tags;

use tags::{Edge, Marks};

/// A response, split where its reasoning ends. Both texts are without white space around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The reasoning; `None` where nothing marks one, and empty where the markers hold nothing.
    pub reasoning: Option<&'a str>,
    /// What follows the reasoning: the whole response where nothing marks one.
    pub answer: &'a str,
    /// False where the reasoning never ends: the response was cut in it.
    pub is_closed: bool,
}

/// What a tokenizer's decoder may leave at the end of a response.
const END_TOKENS: [&str; 9] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|return|>",
    "<|end|>",
    "</s>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
];

/// Splits `response`; `reasoning` is the row's own column of it, which wins over markers.
///
/// Known are `<think>` and its siblings (in any case, the opening one may be missing, as chat templates write it into the
/// prompt), `<|begin_of_thought|>`, `<|im_start|>think`, `<|channel|>analysis`, `[THINK]`, `◁think▷`, `<unused94>thought`
/// and the headings `## Thinking` … `## Final Response`. Of several thoughts the last one's end counts, and all before it
/// is reasoning. A column without a response after it has not ended: an API that stops in mid-thought leaves exactly this.
///
/// ```
/// use octomed_responses::parts;
///
/// let split = parts("<think>Gram-negative.</think>\nThe answer is (C).", None);
/// assert_eq!(split.reasoning, Some("Gram-negative."));
/// assert_eq!(split.answer, "The answer is (C).");
/// assert!(!parts("<think>Gram-neg", None).is_closed);
/// ```
#[must_use]
pub fn parts<'a>(response: &'a str, reasoning: Option<&'a str>) -> Parts<'a> {
    let marked = marked_parts(without_end_tokens(response));
    let Some(column) = reasoning else {
        return marked;
    };
    Parts {
        reasoning: Some(column.trim()),
        answer: marked.answer,
        is_closed: marked.is_closed && !marked.answer.is_empty(),
    }
}

fn marked_parts(text: &str) -> Parts<'_> {
    let marks = Marks::of(text);
    if marks.last_end.is_some() || marks.first_start.is_some() {
        return tagged_parts(text, &marks);
    }
    match headings::split(text) {
        headings::Split::None => whole(text),
        headings::Split::Unclosed(start) => unclosed(&text[start..]),
        headings::Split::Closed { reasoning, answer } => Parts {
            reasoning: Some(text[reasoning].trim()),
            answer: text[answer..].trim(),
            is_closed: true,
        },
    }
}

fn tagged_parts<'a>(text: &'a str, marks: &Marks) -> Parts<'a> {
    let start = marks.first_start.as_ref().map_or(0, |edge| edge.end);
    let Some(end) = &marks.last_end else {
        return unclosed(&text[start..]);
    };
    let begins_again = |edge: &Edge| edge.start >= end.end;
    if marks.last_start.as_ref().is_some_and(begins_again) {
        return unclosed(&text[start.min(end.start)..]);
    }
    let start = if start <= end.start { start } else { 0 };
    Parts {
        reasoning: Some(text[start..end.start].trim()),
        answer: answer_beside(text, marks, end),
        is_closed: true,
    }
}

/// What follows the reasoning, or, where nothing does, what precedes it.
fn answer_beside<'a>(text: &'a str, marks: &Marks, end: &Edge) -> &'a str {
    let after = text[end.end..].trim();
    match &marks.first_start {
        Some(edge) if after.is_empty() => text[..edge.start].trim(),
        _ => tags::without_solution_tokens(after),
    }
}

fn whole(text: &str) -> Parts<'_> {
    Parts {
        reasoning: None,
        answer: tags::without_solution_tokens(text.trim()),
        is_closed: true,
    }
}

fn unclosed(reasoning: &str) -> Parts<'_> {
    Parts {
        reasoning: Some(reasoning.trim()),
        answer: "",
        is_closed: false,
    }
}

fn without_end_tokens(response: &str) -> &str {
    let mut text = response.trim_end();
    while let Some(token) = END_TOKENS.iter().find(|token| text.ends_with(*token)) {
        text = text[..text.len() - token.len()].trim_end();
    }
    text
}

#[cfg(test)]
mod tests;
