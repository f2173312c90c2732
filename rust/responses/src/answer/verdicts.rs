//! Sentences that judge options: "the most likely diagnosis is …", "option E is correct", "I choose C".

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::anchors::{Anchor, Kind};
use super::choices::Choices;
use super::cursor::{is_one, sentence_end, sentence_start, skip_closers, skip_markup, word};
use super::statement::{read_backward, read_forward};
use super::value::{Read, Reading, read_list, read_value};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cue {
    /// "the best option is C", "C is the best option".
    Judges,
    /// "I choose C".
    Takes,
    /// "it could be C".
    Hedges,
    /// "It is C."
    Is,
    /// "✅".
    Ticks,
}

const CUES: [(&str, Cue); 43] = [
    ("correct", Cue::Judges),
    ("right", Cue::Judges),
    ("best", Cue::Judges),
    ("most likely", Cue::Judges),
    ("most appropriate", Cue::Judges),
    ("most suitable", Cue::Judges),
    ("most probable", Cue::Judges),
    ("most consistent", Cue::Judges),
    ("most accurate", Cue::Judges),
    ("most effective", Cue::Judges),
    ("preferred", Cue::Judges),
    ("of choice", Cue::Judges),
    ("diagnosis", Cue::Judges),
    ("next step", Cue::Judges),
    ("option", Cue::Judges),
    ("choice", Cue::Judges),
    ("selection", Cue::Judges),
    ("statement", Cue::Judges),
    ("exception", Cue::Judges),
    ("classification", Cue::Judges),
    ("class:", Cue::Judges),
    ("conclusion", Cue::Judges),
    ("指项", Cue::Judges),
    ("choose", Cue::Takes),
    ("select", Cue::Takes),
    ("pick ", Cue::Takes),
    ("go with", Cue::Takes),
    ("opt for", Cue::Takes),
    ("goes to", Cue::Takes),
    ("classified as", Cue::Takes),
    ("consistent with", Cue::Takes),
    ("points to", Cue::Takes),
    ("point to", Cue::Takes),
    ("suggestive of", Cue::Takes),
    ("should be", Cue::Takes),
    ("must be", Cue::Takes),
    ("could be", Cue::Hedges),
    ("might be", Cue::Hedges),
    ("may be", Cue::Hedges),
    ("it is", Cue::Is),
    ("it's", Cue::Is),
    ("✅", Cue::Ticks),
    ("✔", Cue::Ticks),
];

/// A verdict, and where it stands.
#[derive(Clone, Copy)]
struct Verdict {
    reading: Reading,
    start: usize,
}

/// More verdicts than this are no conclusion.
const KEPT: usize = 24;

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let patterns = CUES.iter().map(|(cue, _)| cue);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(patterns)
        .ok()
});

/// What the sentences that judge options agree on, or what the last one concludes.
pub(super) fn verdict(choices: &Choices, text: &str) -> Option<Reading> {
    let finder = FINDER.as_ref()?;
    let mut kept: [Option<Verdict>; KEPT] = [None; KEPT];
    let mut count = 0;
    let mut hedged = None;
    for found in finder.find_iter(text) {
        let cue = CUES[found.pattern().as_usize()].1;
        let Some(reading) = judged(choices, text, cue, found.start(), found.end()) else {
            continue;
        };
        if cue == Cue::Hedges {
            hedged = Some(Reading::Ambiguous);
            continue;
        }
        kept[count % KEPT] = Some(Verdict {
            reading,
            start: found.start(),
        });
        count += 1;
    }
    if count == 0 {
        return hedged;
    }
    let last = kept[(count - 1) % KEPT]?;
    let agree = kept
        .iter()
        .flatten()
        .all(|verdict| verdict.reading == last.reading);
    let decides = agree || is_conclusion(text, last.start);
    Some(if decides {
        last.reading
    } else {
        Reading::Ambiguous
    })
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
            if is_longer || is_denied(text, start) {
                return None;
            }
            let forward = read_forward(choices, text, anchor).map(|read| read.reading);
            forward.or_else(|| read_backward(choices, text, start, end))
        }
        Cue::Takes => taken(choices, text, start, end).map(|read| read.reading),
        Cue::Hedges => read_value(choices, text, end).map(|read| read.reading),
        Cue::Is => read_is(choices, text, start, end),
        Cue::Ticks => ticked(choices, text, start),
    }
}

fn is_denied(text: &str, start: usize) -> bool {
    let before = text[..start].trim_end();
    [
        "less",
        "least",
        "wrong",
        "incorrect",
        "second",
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
    let mine = ["I would ", "I'd ", "we would ", "would therefore "];
    let is_denied = denied.iter().any(|word| before.ends_with(word))
        && !mine.iter().any(|word| before.ends_with(word));
    let end = end + text[end..].len()
        - text[end..]
            .trim_start_matches(|letter: char| letter.is_ascii_alphabetic())
            .len();
    let read = read_value(choices, text, end)?;
    let is_question = text[skip_closers(text, read.end)..].starts_with('?');
    let next = word(text, skip_closers(text, read.end));
    (!is_denied && !is_question && !is_one(next, &["if"])).then_some(read)
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

const CONCLUSIONS: [&str; 22] = [
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
    "conclusion",
    "given",
    "based on",
    "ultimately",
    "accordingly",
    "taken together",
    "altogether",
    "因此",
    "所以",
    "综上",
    "故",
];

/// Whether the sentence of `at` begins as a conclusion does, or is the text's last.
pub(super) fn is_conclusion(text: &str, at: usize) -> bool {
    let start = skip_markup(text, sentence_start(text, at, 400));
    let sentence = &text[start.min(text.len())..];
    let begins = |cue: &&str| {
        sentence
            .as_bytes()
            .get(..cue.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(cue.as_bytes()))
    };
    let is_last = text[sentence_end(text, at)..]
        .trim_matches(|mark: char| !mark.is_alphanumeric())
        .is_empty();
    is_last || CONCLUSIONS.iter().any(|cue| begins(&cue))
}
