//! What is measured of a response.

use super::format::has_all;
use super::loops::loop_words;
use super::markup::is_damaged;
use super::reasoning::is_empty;
use super::refusal::is_refusal;
use super::repetition::{hash_lines, hash_words, line_share, ngram_share};
use super::scratch::Scratch;
use super::script::{Letters, Script};
use super::settings::MeasureSettings;
use crate::identifying::{Kinds, kinds_in};
use crate::parts::Parts;
use crate::words::{count_words, saturated};

/// A response with what the row says of it.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The response as sampled, with its markup.
    pub text: &'a str,
    /// Its reasoning and answer: those of [`parts`](crate::parts).
    pub parts: Parts<'a>,
    /// What the row says of its end: false for `finish_reason: length`; `None` where it says nothing.
    pub finished: Option<bool>,
}

/// What is measured of a response; what the settings leave out is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// A sum of [`flags`].
    pub flags: u8,
    /// Kinds of identifying data: [`Kinds::bits`].
    pub identifying: u16,
    /// Words of the reasoning.
    pub reasoning_words: u32,
    /// Words of reasoning and answer together.
    pub response_words: u32,
    /// The share of n-grams that occurred before, in ten-thousandths.
    pub ngram_share: u16,
    /// The share of lines that occurred before, in ten-thousandths.
    pub line_share: u16,
    /// The share of letters that are of the script, in ten-thousandths.
    pub script_share: u16,
    /// The longest loop at the end of the reasoning or of the answer, in words.
    pub loop_words: u32,
}

/// What is true of a response: bits of [`Measures::flags`].
pub mod flags {
    /// It has reasoning, were it empty.
    pub const HAS_REASONING: u8 = 1;
    /// Its reasoning ends, and so does it as far as the row says.
    pub const FINISHED: u8 = 2;
    /// As a whole it is a refusal.
    pub const REFUSAL: u8 = 4;
    /// Its markup is damaged.
    pub const DAMAGED_MARKUP: u8 = 8;
    /// Its reasoning says nothing.
    pub const EMPTY_REASONING: u8 = 16;
    /// It has the formats that were asked for.
    pub const ACCEPTED_FORMAT: u8 = 32;
}

/// Measures a response. Linear in its length; allocates only while `scratch` grows.
///
/// ```
/// use octomed_responses::{MeasureSettings, Response, Scratch, flags, measure, parts};
///
/// let text = "<think>Gram-negative rods.</think> The answer is (C).";
/// let response = Response { text, parts: parts(text, None), finished: Some(true) };
/// let measures = measure(&response, &MeasureSettings::everything(), &mut Scratch::new());
/// assert_eq!((measures.reasoning_words, measures.response_words), (2, 6));
/// assert_ne!(measures.flags & flags::FINISHED, 0);
/// ```
pub fn measure(
    response: &Response<'_>,
    settings: &MeasureSettings,
    scratch: &mut Scratch,
) -> Measures {
    let mut measures = Measures {
        flags: flags_of(response, settings),
        identifying: identifying_bits(&response.parts, settings.identifying),
        script_share: settings
            .script
            .map_or(0, |script| script_share(&response.parts, script)),
        ..Measures::default()
    };
    measure_words(&response.parts, settings, scratch, &mut measures);
    if settings.lines {
        measures.line_share = measure_lines(&response.parts, scratch);
    }
    measures
}

fn texts<'a>(parts: &Parts<'a>) -> [&'a str; 2] {
    [parts.reasoning.unwrap_or_default(), parts.answer]
}

fn flags_of(response: &Response<'_>, settings: &MeasureSettings) -> u8 {
    let Response {
        text,
        parts,
        finished,
    } = response;
    let finds = [
        (flags::HAS_REASONING, parts.reasoning.is_some()),
        (flags::FINISHED, parts.is_closed && *finished != Some(false)),
        (
            flags::REFUSAL,
            settings.refusals && is_refusal(parts.answer),
        ),
        (
            flags::DAMAGED_MARKUP,
            settings.markup && is_damaged(text, parts),
        ),
        (
            flags::EMPTY_REASONING,
            parts.reasoning.is_some_and(is_empty),
        ),
        (
            flags::ACCEPTED_FORMAT,
            has_all(&settings.format, text, parts),
        ),
    ];
    finds
        .iter()
        .filter(|(_, is_so)| *is_so)
        .map(|(flag, _)| flag)
        .sum()
}

fn identifying_bits(parts: &Parts<'_>, kinds: Kinds) -> u16 {
    texts(parts)
        .iter()
        .map(|text| kinds_in(text, kinds).bits())
        .fold(0, |all, bits| all | bits)
}

fn script_share(parts: &Parts<'_>, script: Script) -> u16 {
    let mut letters = Letters::default();
    for text in texts(parts) {
        letters.add(text, script);
    }
    letters.share()
}

fn measure_words(
    parts: &Parts<'_>,
    settings: &MeasureSettings,
    scratch: &mut Scratch,
    measures: &mut Measures,
) {
    let [reasoning, answer] = texts(parts);
    if settings.ngram.is_none() && !settings.loops {
        measures.reasoning_words = count_words(reasoning);
        measures.response_words = measures.reasoning_words.saturating_add(count_words(answer));
        return;
    }
    let Scratch {
        words,
        matches,
        set,
        ..
    } = scratch;
    words.clear();
    hash_words(reasoning, words);
    let reasoning_words = words.len();
    hash_words(answer, words);
    measures.reasoning_words = saturated(reasoning_words);
    measures.response_words = saturated(words.len());
    let (reasoning, answer) = words.split_at(reasoning_words);
    if let Some(n) = settings.ngram {
        measures.ngram_share = ngram_share(&[reasoning, answer], n.max(1) as usize, set);
    }
    if settings.loops {
        measures.loop_words = loop_words(reasoning, matches).max(loop_words(answer, matches));
    }
}

fn measure_lines(parts: &Parts<'_>, scratch: &mut Scratch) -> u16 {
    scratch.lines.clear();
    for text in texts(parts) {
        hash_lines(text, &mut scratch.lines);
    }
    line_share(&scratch.lines, &mut scratch.set)
}
