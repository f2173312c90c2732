//! Answer options: their letters, and the letters that sources already wrote before them.

/// The label of the option at a 0-based place: `A` to `Z`, then `AA`, `AB` and so on.
#[must_use]
pub fn option_label(place: usize) -> String {
    Label::new(place).as_str().to_owned()
}

/// A label without an allocation: every row writes a handful of them.
pub(crate) struct Label {
    letters: [u8; 16],
    start: usize,
}

impl Label {
    pub(crate) fn new(place: usize) -> Self {
        let mut label = Self {
            letters: [b'A'; 16],
            start: 16,
        };
        let mut rest = place + 1;
        while rest > 0 {
            rest -= 1;
            label.start -= 1;
            label.letters[label.start] += u8::try_from(rest % 26).unwrap_or(0);
            rest /= 26;
        }
        label
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters[self.start..]).unwrap_or_default()
    }
}

/// The options without labels of their own: `A: x`, `A) x`, `(A) x`, `A. x`.
///
/// Labels are cut only when every option carries its own right one, so that an option which merely
/// looks labelled (`A. baumannii` in the second place) is left whole.
#[must_use]
pub fn strip_labels<'o>(options: &[&'o str]) -> Vec<&'o str> {
    let stripped = options
        .iter()
        .enumerate()
        .map(|(place, option)| without_label(option, place));
    stripped
        .collect::<Option<Vec<_>>>()
        .unwrap_or_else(|| options.to_vec())
}

fn without_label(option: &str, place: usize) -> Option<&str> {
    let label = Label::new(place);
    let label = label.as_str();
    let option = option.trim();
    let after_label = |text: &'_ str| {
        let head = text.get(..label.len())?;
        head.eq_ignore_ascii_case(label).then_some(label.len())
    };
    if let Some(inner) = option.strip_prefix(['(', '（']) {
        let rest = &inner[after_label(inner)?..];
        return Some(rest.strip_prefix([')', '）'])?.trim_start());
    }
    let rest = option[after_label(option)?..].trim_start();
    if let Some(text) = rest.strip_prefix([':', ')', '：', '）', '、', '．']) {
        return Some(text.trim_start());
    }
    let text = rest.strip_prefix('.')?;
    (text.is_empty() || text.starts_with(char::is_whitespace)).then(|| text.trim_start())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_go_on_after_z() {
        let labels = [0, 25, 26, 27, 51, 52, 701, 702].map(option_label);
        assert_eq!(labels, ["A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn labels_of_every_form_are_cut() {
        for form in [
            "A: x|B: y",
            "A) x|B) y",
            "(A) x|(B) y",
            "A. x|B. y",
            " A:x|b:y",
            "A．x|B、y",
            "A.|(b)",
        ] {
            let options: Vec<_> = form.split('|').collect();
            let expected = if form == "A.|(b)" {
                ["", ""]
            } else {
                ["x", "y"]
            };
            assert_eq!(strip_labels(&options), expected, "{form}");
        }
    }

    #[test]
    fn labels_are_cut_from_all_or_none() {
        for options in [
            &["A: x", "C: y"][..],
            &["A: x", "y"],
            &["A. baumannii", "B.I.D."],
            &["Aspirin", "Bleeding"],
            &["A", "B"],
            &["A.M. dose", "B.M. dose"],
            &["", ""],
            &["é", "("],
        ] {
            assert_eq!(strip_labels(options), options);
        }
    }

    proptest! {
        #[test]
        fn labels_that_we_write_are_cut_again(texts in prop::collection::vec("[^\\s]{0,5}", 1..60)) {
            let labelled: Vec<_> = texts.iter().enumerate()
                .map(|(place, text)| format!("{}. {text}", option_label(place))).collect();
            let labelled: Vec<_> = labelled.iter().map(String::as_str).collect();
            prop_assert_eq!(strip_labels(&labelled), texts);
        }
    }
}
