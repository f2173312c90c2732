//! The text of an assistant turn, from a response that may come in two parts.

/// Marks at the very beginning of a response that carries its reasoning inside, and what ends the reasoning.
const OPENINGS: [(&str, &str); 8] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
    ("## Thinking", "## Final Response"),
    ("<|im_start|>think", "<|im_start|>answer"),
];

/// A response carries one chain of thought and stands next to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoReasonings;

/// Appends the assistant's text: `<think>\n{reasoning}\n</think>\n\n{response}`.
///
/// Without reasoning the response is appended as it is, and so is one that begins with the same reasoning
/// between marks of its own. Marks around nothing give way. Marks elsewhere in a response are prose. Line breaks
/// at the edges of the parts are left out, as the chat templates of the Qwen3 family do: a text in this form
/// passes through them unchanged.
///
/// # Errors
/// [`TwoReasonings`] when the response begins with other reasoning than the one next to it: which of them leads
/// to the answer is not known.
pub fn join_reasoning(
    reasoning: Option<&str>,
    response: &str,
    out: &mut String,
) -> Result<(), TwoReasonings> {
    let reasoning = reasoning
        .map(|text| unmarked(text).trim_matches('\n'))
        .filter(|text| !text.trim().is_empty());
    let Some(reasoning) = reasoning else {
        out.push_str(response);
        return Ok(());
    };
    let response = match split_reasoning(response) {
        Some((own, rest)) if own.trim().is_empty() => rest,
        Some((own, _)) if own.trim() == reasoning.trim() => {
            out.push_str(response);
            return Ok(());
        }
        Some(_) => return Err(TwoReasonings),
        // The prompt of some models writes the opening, so that a response has the end alone.
        None => match response.split_once("</think>") {
            Some((own, rest)) if own.trim() == reasoning.trim() => rest,
            Some((own, rest)) if rest.starts_with('\n') && !own.contains("<think>") => {
                return Err(TwoReasonings);
            }
            _ => response,
        },
    };
    let response = response.trim_start_matches('\n');
    out.reserve(reasoning.len() + response.len() + 19);
    out.push_str("<think>\n");
    out.push_str(reasoning);
    out.push_str("\n</think>\n\n");
    out.push_str(response);
    Ok(())
}

/// Reasoning without the marks of its own that may stand around it.
fn unmarked(reasoning: &str) -> &str {
    match split_reasoning(reasoning) {
        Some((inner, rest)) if rest.trim().is_empty() => inner,
        _ => match reasoning.trim_end().strip_suffix("</think>") {
            Some(inner) if !inner.contains("<think>") => inner,
            _ => reasoning,
        },
    }
}

/// The reasoning between the marks that a response begins with, and the response after them.
fn split_reasoning(response: &str) -> Option<(&str, &str)> {
    let text = response.trim_start();
    OPENINGS.iter().find_map(|(open, close)| {
        let inner = text.strip_prefix(open)?;
        let is_heading = !open.ends_with(['>', '▷']);
        if is_heading && !inner.trim_start_matches(' ').starts_with('\n') && !inner.is_empty() {
            return None; // `## Thinking about it` is a heading of the answer's own
        }
        // A response cut inside its reasoning has reasoning and nothing else.
        Some(inner.split_once(close).unwrap_or((inner, "")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(reasoning: Option<&str>, response: &str) -> Result<String, TwoReasonings> {
        let mut out = String::new();
        join_reasoning(reasoning, response, &mut out)?;
        Ok(out)
    }

    #[test]
    fn two_parts_become_one_text() {
        assert_eq!(
            joined(Some("r"), "a").as_deref(),
            Ok("<think>\nr\n</think>\n\na")
        );
        assert_eq!(
            joined(Some("\n r\n\n"), "\n\na\n").as_deref(),
            Ok("<think>\n r\n</think>\n\na\n")
        );
    }

    #[test]
    fn without_reasoning_the_response_is_left_as_it_is() {
        for reasoning in [None, Some(""), Some(" \n ")] {
            for response in ["\na", "<think>x</think>a", "<think></think>a"] {
                assert_eq!(joined(reasoning, response).as_deref(), Ok(response));
            }
        }
    }

    #[test]
    fn marks_of_the_reasoning_itself_are_said_once() {
        for reasoning in [
            "<think>r</think>",
            "<think>\nr\n</think>\n",
            "\nr</think>",
            "<thought>r</thought>",
        ] {
            assert_eq!(
                joined(Some(reasoning), "a").as_deref(),
                Ok("<think>\nr\n</think>\n\na"),
                "{reasoning}"
            );
        }
    }

    #[test]
    fn an_end_without_a_beginning_gets_one() {
        for response in ["r\n</think>\n\na", "r</think>a"] {
            assert_eq!(
                joined(Some("r"), response).as_deref(),
                Ok("<think>\nr\n</think>\n\na"),
                "{response}"
            );
        }
    }

    #[test]
    fn marks_around_nothing_give_way() {
        for response in [
            "<think>\n\n</think>\n\na",
            "<think></think>a",
            "\n <think> </think>\na",
            "## Thinking\n\n## Final Response\na",
            "<|im_start|>think\n<|im_start|>answer\na",
        ] {
            assert_eq!(
                joined(Some("r"), response).as_deref(),
                Ok("<think>\nr\n</think>\n\na"),
                "{response}"
            );
        }
    }

    #[test]
    fn the_same_reasoning_twice_is_said_once() {
        for response in [
            "<think>\nr\n</think>\n\na",
            "<think>r</think>a",
            "## Thinking\nr\n\n## Final Response\na",
            "<|im_start|>think\nr\n<|im_start|>answer\na",
        ] {
            assert_eq!(joined(Some("r\n"), response).as_deref(), Ok(response));
        }
    }

    #[test]
    fn different_reasoning_is_refused() {
        for response in [
            "<think>x</think>a",
            " \n<think>\nr, but not quite\n</think>a",
            "<think> never closed",
            "## Thinking\nx\n## Final Response\na",
            "<|im_start|>think\nx",
        ] {
            assert_eq!(
                joined(Some("r"), response),
                Err(TwoReasonings),
                "{response}"
            );
        }
    }

    #[test]
    fn marks_in_prose_are_prose() {
        for response in [
            "a: `<think>` opens and `</think>` closes",
            "</think> a <think>",
            "a\n## Thinking\nx\n## Final Response\na",
            "the token <|im_start|>think",
            "I <think>x</think>",
            "## Thinking errors in medicine\nx",
            "use </think> to end",
        ] {
            assert_eq!(
                joined(Some("r"), response),
                Ok(format!("<think>\nr\n</think>\n\n{response}"))
            );
        }
    }
}
