//! The text of an assistant turn, from a response that may come in two parts.

/// Marks of a response that already says where its reasoning begins.
const OPENINGS: [(&str, &str); 2] = [
    ("<think>", "</think>"),
    ("## Thinking", "## Final Response"),
];

/// Appends the assistant's text: `<think>\n{reasoning}\n</think>\n\n{response}`.
///
/// Without reasoning, or when the response already marks its own, the response is appended as it
/// is. Line breaks at the edges of the parts are left out, as the chat templates of the Qwen3
/// family do: a text in this form passes through them unchanged.
pub fn join_reasoning(reasoning: Option<&str>, response: &str, out: &mut String) {
    let reasoning = reasoning
        .map(|text| text.trim_matches('\n'))
        .filter(|text| !text.trim().is_empty());
    match reasoning {
        Some(reasoning) if !marks_reasoning(response) => {
            let response = response.trim_start_matches('\n');
            out.reserve(reasoning.len() + response.len() + 19);
            out.push_str("<think>\n");
            out.push_str(reasoning);
            out.push_str("\n</think>\n\n");
            out.push_str(response);
        }
        _ => out.push_str(response),
    }
}

/// Whether a response carries its reasoning inside, in one of the forms met in published data.
#[must_use]
pub fn marks_reasoning(response: &str) -> bool {
    let both = |(open, close): &(&str, &str)| {
        response
            .find(open)
            .is_some_and(|at| response[at..].contains(close))
    };
    response.contains("<|im_start|>think") || OPENINGS.iter().any(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(reasoning: Option<&str>, response: &str) -> String {
        let mut out = String::new();
        join_reasoning(reasoning, response, &mut out);
        out
    }

    #[test]
    fn two_parts_become_one_text() {
        assert_eq!(joined(Some("r"), "a"), "<think>\nr\n</think>\n\na");
        assert_eq!(
            joined(Some("\n r\n\n"), "\n\na\n"),
            "<think>\n r\n</think>\n\na\n"
        );
    }

    #[test]
    fn without_reasoning_the_response_is_left_as_it_is() {
        for reasoning in [None, Some(""), Some(" \n ")] {
            assert_eq!(joined(reasoning, "\na"), "\na");
        }
    }

    #[test]
    fn a_response_that_marks_its_reasoning_is_left_as_it_is() {
        let marked = [
            "<think>x</think>a",
            "## Thinking\nx\n## Final Response\na",
            "<|im_start|>think\nx",
        ];
        for response in marked {
            assert_eq!(joined(Some("r"), response), response);
        }
        for response in [
            "</think> a <think>",
            "## Thinking only",
            "<think> never closed",
        ] {
            assert_eq!(
                joined(Some("r"), response),
                format!("<think>\nr\n</think>\n\n{response}")
            );
        }
    }
}
