//! Options that prose names, and whether it names them to rule them out.

use memchr::memmem;

use super::choices::{Choices, Set, set};
use super::clauses::{Clauses, Hits};
use super::cursor::{clause, is_one, sentence_start, skip_markup, skip_on_line, word};
use super::fold::{folded, is_unspaced};
use super::labels::label_at;

/// Words before an option that rule it out.
const BEFORE: [&str; 24] = [
    "not",
    "no",
    "nor",
    "neither",
    "without",
    "than",
    "instead",
    "unlike",
    "exclude",
    "excludes",
    "excluding",
    "excluded",
    "eliminate",
    "eliminated",
    "avoid",
    "avoiding",
    "isnt",
    "against",
    "except",
    "versus",
    "vs",
    "rules",
    "ruling",
    "rule",
];
/// Words behind one that do.
const AFTER: [&str; 22] = [
    "not",
    "differently",
    "unlikely",
    "less",
    "incorrect",
    "wrong",
    "contraindicated",
    "excluded",
    "avoided",
    "ruled",
    "limited",
    "isnt",
    "cannot",
    "inappropriate",
    "unsafe",
    "fails",
    "false",
    "doesnt",
    "arent",
    "wouldnt",
    "lacks",
    "unsuitable",
];
/// Words that end the reach of those.
const TURNS: [&str; 6] = ["but", "so", "therefore", "rather", "thus", "hence"];
const REACH_BEFORE: usize = 4;
const REACH_AFTER: usize = 6;

/// Options named and not ruled out.
pub(super) fn positive(choices: &Choices, text: &str) -> Set {
    if choices.is_yes_no() {
        return labelled(choices, text);
    }
    let mut hits = Hits::of(choices, text);
    let (mut found, mut before) = (0, 0);
    for clause in Clauses::of(text, choices.has_commas()) {
        // Where the clause before names nothing there is nothing to rule out.
        if before != 0 && is_ruling(&text[clause.clone()]) {
            found &= !before;
        }
        let possible = hits.possible(&clause);
        before = if possible == 0 {
            0
        } else {
            in_clause(choices, &text[clause], possible)
        };
        found |= before;
    }
    found | labelled(choices, text)
}

/// Whether a clause begins with a word that rules out what the clause before names: "Ampicillin — incorrect".
fn is_ruling(clause: &str) -> bool {
    let ruling = ["incorrect", "wrong", "unlikely", "false", "contraindicated"];
    is_one(word(clause, skip_on_line(clause, 0)), &ruling)
}

/// The options that a clause names and does not rule out, of those that it may name.
fn in_clause(choices: &Choices, clause: &str, possible: Set) -> Set {
    if clause.len() < 2 {
        return 0;
    }
    let clause = folded(clause);
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for option in (0..choices.len()).filter(|option| possible >> option & 1 == 1) {
        add_places(&clause, choices.text(option), option, &mut places);
    }
    let is_inside = |one: &(usize, usize, usize)| {
        let holds = |other: &(usize, usize, usize)| {
            other.0 <= one.0 && other.1 >= one.1 && other.1 - other.0 > one.1 - one.0
        };
        places.iter().any(holds)
    };
    let stated = places
        .iter()
        .filter(|place| !is_inside(place) && !is_ruled_out(&clause, place.0, place.1));
    set(stated.map(|(_, _, option)| *option))
}

/// A clause of more occurrences than this says nothing that a reader would follow.
const MAX_PLACES: usize = 64;

fn add_places(clause: &str, text: &str, option: usize, places: &mut Vec<(usize, usize, usize)>) {
    if !is_telling(text) {
        return;
    }
    for start in memmem::find_iter(clause.as_bytes(), text) {
        let end = start + text.len();
        if places.len() < MAX_PLACES && is_word(clause, start, end) {
            places.push((start, end, option));
        }
    }
}

/// Whether a text is long enough that prose does not hold it by chance.
pub(super) fn is_telling(text: &str) -> bool {
    let letters = text.chars().filter(|letter| letter.is_alphabetic()).count();
    letters >= 3
        || text.contains('%')
        || text.chars().filter(|letter| is_unspaced(*letter)).count() >= 2
}

fn is_word(clause: &str, start: usize, end: usize) -> bool {
    let is_open =
        |beside: Option<char>| beside.is_none_or(|beside| beside == ' ' || is_unspaced(beside));
    let is_first_unspaced = clause[start..].chars().next().is_some_and(is_unspaced);
    let before = is_first_unspaced || is_open(clause[..start].chars().next_back());
    let is_last_unspaced = clause[..end].chars().next_back().is_some_and(is_unspaced);
    before && (is_last_unspaced || is_open(clause[end..].chars().next()))
}

fn is_ruled_out(clause: &str, start: usize, end: usize) -> bool {
    let reach = |words: &mut dyn Iterator<Item = &str>, ruling: &[&str]| {
        let mut words = words.take_while(|word| !TURNS.contains(word) || *word == "rather");
        words.any(|word| ruling.contains(&word))
    };
    let before = reach(
        &mut clause[..start].split_whitespace().rev().take(REACH_BEFORE),
        &BEFORE,
    );
    let chinese = ["不是", "不能用", "而非", "不选", "排除", "也不能用"];
    before
        || reach(
            &mut clause[end..].split_whitespace().take(REACH_AFTER),
            &AFTER,
        )
        || chinese
            .iter()
            .any(|ruling| clause[..start].ends_with(ruling))
}

/// Labels with a name before them: "option E".
pub(super) fn labelled(choices: &Choices, text: &str) -> Set {
    let mut found = 0;
    for start in memmem::find_iter(text.as_bytes(), "ption ").take(MAX_PLACES) {
        let at = skip_markup(text, start + 6);
        if let Some((option, end)) = label_at(choices, text, at)
            && !is_ruled_out(&folded(clause(text, end)), 0, 0)
            && !is_ruled_out_before(text, start)
        {
            found |= 1 << option;
        }
    }
    found
}

/// Bytes before a label that may rule it out.
const BEFORE_LABEL: usize = 60;

fn is_ruled_out_before(text: &str, at: usize) -> bool {
    let from = sentence_start(text, at, BEFORE_LABEL);
    let before = text[from..at]
        .rsplit([',', ';'])
        .next()
        .map(folded)
        .unwrap_or_default();
    is_ruled_out(&before, before.len(), before.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::extracted::Choice;
    use super::*;

    /// Clause by clause, each looked through for each option.
    fn slowly(choices: &Choices, text: &str) -> Set {
        let separators: &[char] = if choices.has_commas() {
            &['\n', '。']
        } else {
            &[',', ';', '\n', '—', '，', '；', '。']
        };
        let clauses = text.split_inclusive(separators);
        let clauses = clauses.flat_map(|clause| clause.split_inclusive(". "));
        let (mut found, mut before) = (0, 0);
        for clause in clauses {
            if is_ruling(clause) {
                found &= !before;
            }
            let may_be = |option: &usize| choices.may_be_in(*option, clause);
            let possible = set((0..choices.len()).filter(may_be));
            before = if choices.is_yes_no() || possible == 0 {
                0
            } else {
                in_clause(choices, clause, possible)
            };
            found |= before;
        }
        found | labelled(choices, text)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn options_are_those_that_each_clause_names(
            options in prop::collection::vec(
                "(Ampicillin|ampicillin and |Zinc|beta|Menière|β-blocker|a, b and c|20%|the |ad|呋喃妥因|yes){1,2}", 1..5),
            text in "(Ampicillin|AMPICILLIN|zinc |zinc|beta|meniere|Menière|β-blocker|a, b and c|20%|呋喃妥因|option B|\
                not | is |incorrect|, |,|; |;|\\. |\\.|。|，|；|—|\n| |é|x|unlikely ){0,24}",
        ) {
            let labels = ["A", "B", "C", "D", "E"];
            let options = labels.into_iter().zip(&options);
            let options: Vec<_> = options.map(|(label, text)| Choice { label, text }).collect();
            let choices = Choices::new(&options);
            prop_assert_eq!(positive(&choices, &text), slowly(&choices, &text));
        }
    }
}
