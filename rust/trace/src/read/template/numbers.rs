//! Columns that a template takes for numbers or booleans: as text, which is all that CSV has, they would give
//! every row one answer.

/// How a template uses a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// It is compared with a number or a boolean.
    compared: bool,
    /// It is a condition by itself.
    condition: bool,
}

impl Use {
    /// How `source` uses the column `name`.
    pub(super) fn of(source: &str, name: &str) -> Self {
        let mut found = Self::default();
        for (at, _) in source.match_indices(name) {
            let (before, after) = (&source[..at], &source[at + name.len()..]);
            let joins = |next: char| next.is_alphanumeric() || "_.|([\"'".contains(next);
            let is_part =
                before.ends_with(|last: char| last.is_alphanumeric() || "_.\"'".contains(last));
            if is_part || after.starts_with(joins) {
                continue;
            }
            let (before, after) = (before.trim_end(), after.trim_start());
            found.compared |= operand_after(after).is_some_and(is_number)
                || operand_before(before).is_some_and(is_number);
            let opens = ["if", "elif", "not", "and", "or"]
                .iter()
                .any(|word| before.ends_with(word));
            let closes = ["%}", "-%}", "}}", "else", "and", "or", ")"]
                .iter()
                .any(|end| after.starts_with(end));
            found.condition |= opens && closes;
        }
        found
    }

    /// Whether a text is one that the template does not mean: `0` is true, and less than no number.
    pub(super) fn misreads(self, text: &str) -> bool {
        let text = text.trim();
        let is_truth = ["true", "false"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text));
        let is_false = text.eq_ignore_ascii_case("false") || text.parse::<f64>() == Ok(0.0);
        self.compared && (is_truth || text.parse::<f64>().is_ok()) || self.condition && is_false
    }
}

/// What stands after the comparison that a text begins with.
fn operand_after(text: &str) -> Option<&str> {
    let operators = [
        "==", "!=", "<=", ">=", "<", ">", "in [", "in (", "not in [", "not in (",
    ];
    let rest = operators
        .iter()
        .find_map(|operator| text.strip_prefix(operator))?;
    Some(rest.trim_start())
}

/// What stands before the comparison that a text ends with.
fn operand_before(text: &str) -> Option<&str> {
    let operators = ["==", "!=", "<=", ">=", "<", ">"];
    let rest = operators
        .iter()
        .find_map(|operator| text.strip_suffix(operator))?;
    rest.trim_end().rsplit([' ', '{', '(']).next()
}

fn is_number(operand: &str) -> bool {
    let words = ["true", "false", "True", "False"];
    operand
        .trim_start_matches('-')
        .starts_with(|next: char| next.is_ascii_digit())
        || words.iter().any(|word| operand.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::Use;

    #[test]
    fn comparisons_with_numbers_are_seen_and_with_texts_are_not() {
        for source in [
            "{{ 'y' if s == 1 else 'n' }}",
            "{% if 0 < s %}",
            "{{ s in [1, 2] }}",
            "{{ s != True }}",
            "{{ 'y' if s>=-1 else 'n' }}",
        ] {
            assert!(Use::of(source, "s").misreads("1"), "{source}");
            assert!(!Use::of(source, "s").misreads("one"), "{source}");
        }
        for source in [
            "{{ s }}",
            "{{ 'y' if s == '1' else 'n' }}",
            "{{ s|int == 1 }}",
            "{{ ans == 1 }}",
            "{{ x.s == 1 }}",
            "{{ 'ABCD'[s] }}",
            "{% if s %}{{ s }}{% endif %}",
        ] {
            assert!(!Use::of(source, "s").misreads("1"), "{source}");
        }
        for source in [
            "{{ 'y' if s else 'n' }}",
            "{% if not s %}x{% endif %}",
            "{% if a and s %}x{% endif %}",
        ] {
            assert!(
                Use::of(source, "s").misreads("0") && Use::of(source, "s").misreads("False"),
                "{source}"
            );
            assert!(!Use::of(source, "s").misreads("no"), "{source}");
        }
    }
}
