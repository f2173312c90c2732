//! Options that are one text, a line each: `Answer Choices:\nA. Iron\nB. Zinc`.

use crate::label::{Place, place_of_option};

/// The longest heading that may stand above the options.
const LONGEST_HEADING: usize = 60;

/// The options of a text whose lines begin with the letters or numbers of options, in order and from the first on.
/// A line that begins with none goes on with the option before it. Nothing where that is not what the text is.
pub(super) fn lines_of(text: &str) -> Option<Vec<&str>> {
    let mut starts: Vec<(usize, Place)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(place) = place_of_option(line.trim())
            && is_next(place, &starts)
        {
            starts.push((at, place));
        }
        at += line.len();
    }
    let (first, _) = *starts.first()?;
    if starts.len() < 2 || !is_heading(text[..first].trim()) {
        return None;
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start);
    let options = starts.iter().zip(ends.chain([text.len()]));
    Some(
        options
            .map(|((start, _), end)| text[*start..end].trim())
            .collect(),
    )
}

/// Whether an option of this place comes after the others.
fn is_next(place: Place, others: &[(usize, Place)]) -> bool {
    match (place, others.last()) {
        (Place::Letter(count), None) => count == 0,
        (Place::Number(count), None) => count <= 1,
        (Place::Letter(count), Some((_, Place::Letter(last))))
        | (Place::Number(count), Some((_, Place::Number(last)))) => count == last + 1,
        _ => false,
    }
}

/// Whether a text is nothing but the heading of a list.
fn is_heading(text: &str) -> bool {
    text.is_empty() || text.len() <= LONGEST_HEADING && text.ends_with(':') && !text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::lines_of;

    #[test]
    fn options_stand_below_one_another() {
        let found = lines_of("Answer Choices:\nA. Iron\nB. Zinc,\n  or none\n\nC. E. coli\n");
        assert_eq!(
            found,
            Some(vec!["A. Iron", "B. Zinc,\n  or none", "C. E. coli"])
        );
        assert_eq!(lines_of("(A) x\r\n(B) y"), Some(vec!["(A) x", "(B) y"]));
        assert_eq!(lines_of("1) x\n2) y"), Some(vec!["1) x", "2) y"]));
    }

    #[test]
    fn what_is_no_list_of_options_is_none() {
        for text in [
            "A. Iron",
            "B. Iron\nC. Zinc",
            "Which of these is a metal? Say why.\nA. Iron\nB. Zinc",
            "A. Iron B. Zinc",
            "Iron\nZinc",
            "",
        ] {
            assert_eq!(lines_of(text), None, "{text}");
        }
    }
}
