//! Reasoning that says nothing.

/// What stands for a missing reasoning, in lower case and without marks around it.
const PLACEHOLDERS: [&str; 23] = [
    "n/a",
    "na",
    "n.a",
    "none",
    "null",
    "nil",
    "nan",
    "nothing",
    "no reasoning",
    "no reasoning provided",
    "no reasoning needed",
    "no explanation",
    "no thinking",
    "no thoughts",
    "not applicable",
    "not available",
    "not provided",
    "empty",
    "todo",
    "tbd",
    "reasoning",
    "skip",
    "无",
];

/// Whether `reasoning` has no letter or digit, or is one of the placeholders ("N/A", "None.", "(empty)").
pub(super) fn is_empty(reasoning: &str) -> bool {
    // Longer text is none of them, whatever is around it.
    if reasoning.len() > 256 && reasoning.chars().take(256).any(char::is_alphanumeric) {
        return false;
    }
    let text = reasoning.trim_matches(|character: char| !character.is_alphanumeric());
    text.is_empty()
        || PLACEHOLDERS
            .iter()
            .any(|known| text.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::is_empty;

    #[test]
    fn placeholders_are_no_reasoning() {
        for text in [
            "",
            "\n\n",
            "N/A",
            "n/a.",
            "None",
            "(null)",
            "...",
            "—",
            "**N/A**",
            "No reasoning provided.",
            "[empty]",
            "NaN",
            "无。",
        ] {
            assert!(is_empty(text), "{text}");
        }
        let long = format!("{}x", ".".repeat(300));
        for text in [
            "C",
            "39.5",
            "None of the above fits, so C.",
            "Na is 140",
            "感染",
            "na+",
            &long,
        ] {
            assert_eq!(is_empty(text), text == "na+", "{text}");
        }
        assert!(is_empty(&".".repeat(300)));
    }
}
