//! Sentences that judge options: "the most likely diagnosis is …", "option E is correct", "I choose C".

use super::anchors::{Anchor, Kind};
use super::choices::Choices;
use super::cues::{CUES, Cue, FINDER};
use super::cursor::{
    is_one, sentence_end, sentence_start, skip_closers, skip_markup, starts_ignoring_case, word,
};
use super::options::{Read, Reading, read_list};
use super::statement::{read_forward, read_statement};
use super::subject::read_backward;
use super::value::read_value;

/// A verdict, and where it stands.
#[derive(Clone, Copy)]
struct Verdict {
    reading: Reading,
    start: usize,
}

/// So many of the last cues are looked at.
const KEPT: usize = 128;

/// What the sentences that judge options agree on, or what the last one concludes.
pub(super) fn verdict(choices: &Choices, text: &str) -> Option<Reading> {
    let finder = FINDER.as_ref()?;
    let mut cues = [(Cue::Is, 0, 0); KEPT];
    let mut count = 0;
    for found in finder.find_iter(text) {
        cues[count % KEPT] = (
            CUES[found.pattern().as_usize()].1,
            found.start(),
            found.end(),
        );
        count += 1;
    }
    let cues = &mut cues[..count.min(KEPT)];
    cues.sort_unstable_by_key(|(_, start, _)| *start);
    concluded(choices, text, cues)
}

/// The verdict of the last cue where it concludes, or where all agree.
fn concluded(choices: &Choices, text: &str, cues: &[(Cue, usize, usize)]) -> Option<Reading> {
    let (mut last, mut agree, mut is_hedged): (Option<Verdict>, bool, bool) = (None, true, false);
    for (cue, start, end) in cues {
        let Some(reading) = judged(choices, text, *cue, *start, *end) else {
            continue;
        };
        if *cue == Cue::Hedges {
            is_hedged = true;
            continue;
        }
        agree &= last.is_none_or(|last| last.reading == reading);
        last = Some(Verdict {
            reading,
            start: *start,
        });
    }
    match last {
        Some(last) if agree || is_conclusion(text, last.start) => Some(last.reading),
        None if !is_hedged => None,
        _ => Some(Reading::Ambiguous),
    }
}

fn judged(choices: &Choices, text: &str, cue: Cue, start: usize, end: usize) -> Option<Reading> {
    if text[..start].ends_with(|before: char| before.is_ascii_alphabetic()) {
        return None;
    }
    match cue {
        Cue::Judges => {
            let is_longer =
                text[end..].starts_with(|next: char| next.is_ascii_alphabetic() && next != 's');
            let anchor = Anchor {
                kind: Kind::Answer,
                start,
                end,
            };
            let is_list = text[end..].starts_with("s:");
            if is_longer || is_list || is_denied(text, start, end) {
                return None;
            }
            let names = is_one(text[start..end].trim_end(), &["option", "choice"])
                && !is_chosen(text, start);
            if names && text[end..].starts_with('s') {
                return read_backward(choices, text, start, end);
            }
            let forward = if names {
                read_statement(choices, text, anchor)
            } else {
                read_forward(choices, text, anchor)
            };
            let forward = forward.map(|read| read.reading);
            forward.or_else(|| read_backward(choices, text, start, end))
        }
        Cue::Takes => taken(choices, text, start, end).map(|read| read.reading),
        Cue::Hedges => read_value(choices, text, end).map(|read| read.reading),
        Cue::Is => read_is(choices, text, start, end),
        Cue::Ticks => ticked(choices, text, start),
    }
}

/// "my final choice E": the word before says that it is one's own, and not just any option.
fn is_chosen(text: &str, start: usize) -> bool {
    let before = text[..start].trim_end();
    let letters = before
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let own = [
        "correct", "right", "best", "final", "selected", "chosen", "my",
    ];
    is_one(&before[before.len() - letters..], &own)
}

fn is_denied(text: &str, start: usize, end: usize) -> bool {
    if text[start..end].eq_ignore_ascii_case("statement") {
        return false;
    }
    let before = text[..start].trim_end();
    [
        "less",
        "least",
        "wrong",
        "incorrect",
        "second",
        "second best",
        "second-best",
        "worst",
        "not the",
        "not a",
        "tempting",
        "differential",
    ]
    .iter()
    .any(|word| before.ends_with(word))
}

fn taken(choices: &Choices, text: &str, start: usize, end: usize) -> Option<Read> {
    let from = sentence_start(text, start, 200);
    let before = &text[from..start];
    let denied = [
        "not ",
        "n't ",
        "students ",
        "people ",
        "would ",
        "many ",
        "some ",
        "could ",
        "might ",
        "never ",
    ];
    let others = [
        "students",
        "people",
        "clinicians",
        "physicians",
        "doctors",
        "some ",
        "many ",
        "others ",
    ];
    let is_others = others
        .iter()
        .any(|word| before.to_ascii_lowercase().contains(word));
    let mine = ["I would ", "I'd ", "we would ", "would therefore "];
    let is_denied = is_others
        || denied.iter().any(|word| before.ends_with(word))
            && !mine.iter().any(|word| before.ends_with(word));
    let end = if text[..end].ends_with(' ') {
        end
    } else {
        word_end(text, end)
    };
    let read = read_value(choices, text, end)?;
    let is_question = text[skip_closers(text, read.end)..].starts_with('?');
    let next = word(text, skip_closers(text, read.end));
    (!is_denied && !is_question && !is_one(next, &["if"])).then_some(read)
}

/// Where the word ends that goes on at `at`: "selected".
fn word_end(text: &str, at: usize) -> usize {
    text.len()
        - text[at..]
            .trim_start_matches(|letter: char| letter.is_ascii_alphabetic())
            .len()
}

/// "It is E.", "So B it is."; of texts only in a conclusion, since "it is normal to …" says nothing.
fn read_is(choices: &Choices, text: &str, start: usize, end: usize) -> Option<Reading> {
    let rest = text[skip_closers(text, end)..].trim_start();
    if rest.is_empty() || rest.starts_with(['.', '!', ',']) {
        let from = sentence_start(text, start, 60);
        let subject = text[from..start].trim();
        let name = last_token(subject);
        return choices
            .by_label(name)
            .map(|option| Reading::Options(1 << option));
    }
    let read = read_list(choices, text, skip_markup(text, end))
        .or_else(|| read_value(choices, text, end))?;
    let is_whole = text[skip_closers(text, read.end)..]
        .trim_start()
        .starts_with(['.', '\n', ',', ';']);
    let ends = read.end == text.len() || is_whole;
    (ends && (is_conclusion(text, start) || text[end..read.end].trim().len() <= 3))
        .then_some(read.reading)
}

fn last_token(text: &str) -> &str {
    text.rsplit([' ', '*', '(']).next().unwrap_or(text)
}

/// The option whose line has the tick.
fn ticked(choices: &Choices, text: &str, start: usize) -> Option<Reading> {
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let at = skip_markup(text, line);
    let read = (at < start).then(|| read_list(choices, text, at))??;
    (read.end <= start).then_some(read.reading)
}

/// Words that begin a sentence which weighs all that was said.
const CONCLUSIONS: [&str; 18] = [
    "therefore",
    "thus",
    "hence",
    "so ",
    "so,",
    "in conclusion",
    "in summary",
    "to summarize",
    "overall",
    "consequently",
    "finally",
    "ultimately",
    "accordingly",
    "taken together",
    "因此",
    "所以",
    "综上",
    "故",
];
/// Words that begin one which weighs some of it.
const GROUNDS: [&str; 4] = ["given", "based on", "conclusion", "altogether"];

/// Whether the sentence of `at` begins as a conclusion does, or is the text's last.
fn is_conclusion(text: &str, at: usize) -> bool {
    let is_last = text[sentence_end(text, at)..]
        .trim_matches(|mark: char| !mark.is_alphanumeric())
        .is_empty();
    is_last || concludes(text, at) || begins(text, at, &GROUNDS)
}

/// Whether the sentence of `at` begins as a conclusion does.
pub(super) fn concludes(text: &str, at: usize) -> bool {
    begins(text, at, &CONCLUSIONS)
}

fn begins(text: &str, at: usize, cues: &[&str]) -> bool {
    let start = skip_markup(text, sentence_start(text, at, 400));
    let sentence = &text[start.min(text.len())..];
    cues.iter().any(|cue| starts_ignoring_case(sentence, cue))
}
