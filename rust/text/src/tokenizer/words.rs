//! The inner loop: a word at a time off the text, its ids from the cache or by merging.

use std::ops::Range;

use super::block::{BLOCK, Block, LONGEST_SHORT};
use super::cache::{Found, INLINE, LONGEST, LongWords, ShortWords, place};
use super::edges::Edges;
use super::fast::Fast;
use super::merge::Scratch;
use super::split::{Cased, DeepSeek, Gpt2, Scheme, Splitter, Words};

/// One worker's memory of words.
#[derive(Debug)]
pub(crate) struct Memory {
    short: ShortWords,
    long: LongWords,
    scratch: Scratch,
}

/// How many words are cut before the first of them is looked up.
const AHEAD: usize = 64;
/// In place of the key of a word that is too long to have one; no set holds it.
const LONG: u128 = u128::MAX;

/// A word that is cut and not looked up yet.
#[derive(Clone, Copy, Default)]
struct Cut {
    key: u128,
    length: u32,
    place: u32,
}

/// Where the last word of a run begins, in bytes and in ids, and where it ends.
struct Last {
    start: usize,
    ids_before: usize,
    end: usize,
}

/// A text without added tokens, and where it lies in its trace.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub text: &'a str,
    /// The byte of the trace at which `text` begins.
    pub base: usize,
    /// The position in `ids` of the trace's first token.
    pub first: usize,
}

impl Place<'_> {
    /// The part from byte `start` to byte `end` of the text.
    pub fn cut(&self, start: usize, end: usize) -> Self {
        Self {
            text: &self.text[start..end],
            base: self.base + start,
            first: self.first,
        }
    }
}

impl Memory {
    pub fn new() -> Self {
        Self {
            short: ShortWords::new(),
            long: LongWords::new(),
            scratch: Scratch::default(),
        }
    }

    /// Appends the ids of a text that is normalised and has no added tokens in it.
    pub fn encode(&mut self, fast: &Fast, place: Place, ids: &mut Vec<u32>, edges: &mut Edges) {
        match fast.scheme {
            Scheme::Qwen => self.words::<Words<1>>(fast, place, ids, edges),
            Scheme::Cl100k => self.words::<Words<3>>(fast, place, ids, edges),
            Scheme::Gpt2 => self.words::<Gpt2>(fast, place, ids, edges),
            Scheme::O200k => self.words::<Cased<3, true>>(fast, place, ids, edges),
            Scheme::Tekken => self.words::<Cased<1, false>>(fast, place, ids, edges),
            Scheme::DeepSeek => self.words::<DeepSeek>(fast, place, ids, edges),
        }
    }

    fn words<S: Splitter>(
        &mut self,
        fast: &Fast,
        place: Place,
        ids: &mut Vec<u32>,
        edges: &mut Edges,
    ) {
        let Place { text, base, first } = place;
        let text = text.as_bytes();
        let mut splitter = S::default();
        let mut at = 0;
        edges.resolve_between(base, ids.len() - first);
        while at < text.len() {
            let stop = edges
                .next()
                .map_or(text.len(), |edge| text.len().min(edge - base));
            let last = self.run(fast, &mut splitter, text, at..stop, ids);
            at = last.end;
            resolve_inside(
                fast,
                &last,
                base,
                &ids[first..],
                last.ids_before - first,
                edges,
            );
            edges.resolve_between(base + at, ids.len() - first);
        }
    }

    /// Encodes words from the first byte of `bytes` until one ends at or after its last.
    ///
    /// Words are cut some way ahead of being looked up, so that the cache lines of their sets have arrived.
    fn run<S: Splitter>(
        &mut self,
        fast: &Fast,
        splitter: &mut S,
        text: &[u8],
        bytes: Range<usize>,
        ids: &mut Vec<u32>,
    ) -> Last {
        // A word has at most as many ids as bytes; an inline value is written whole.
        ids.reserve(text.len() - bytes.start + INLINE + 1);
        let mut last = Last {
            start: bytes.start,
            ids_before: ids.len(),
            end: bytes.start,
        };
        let mut ahead = [Cut::default(); AHEAD];
        while last.end < bytes.end {
            let count = self.cut(splitter, text, last.end..bytes.end, &mut ahead);
            for word in &ahead[..count] {
                last.start = last.end;
                last.end += word.length as usize;
                last.ids_before = ids.len();
                match self.short.find(word.key, word.place) {
                    // SAFETY: `reserve` left room for an id for each byte not yet encoded, and four more.
                    Found::Inline(value) => unsafe { push_inline(ids, value) },
                    Found::Spilled(known) => ids.extend_from_slice(known),
                    Found::Nothing => self.other(fast, word.key, &text[last.start..last.end], ids),
                }
            }
        }
        last
    }

    /// Cuts words until `ahead` is full or one ends at or after the last byte of `bytes`; gives how many.
    #[inline]
    fn cut<S: Splitter>(
        &self,
        splitter: &mut S,
        text: &[u8],
        bytes: Range<usize>,
        ahead: &mut [Cut; AHEAD],
    ) -> usize {
        let mut at = bytes.start;
        for (count, word) in ahead.iter_mut().enumerate() {
            if at >= bytes.end {
                return count;
            }
            let block = Block::load(text, at);
            let certain = certain_word::<S>(block, text[at]);
            let length = if certain > 0 {
                certain
            } else {
                splitter.end(text, at) - at
            };
            at += length;
            let key = if length <= LONGEST_SHORT {
                block.key(length)
            } else {
                LONG
            };
            let place = place(key);
            self.short.expect(place);
            #[allow(clippy::cast_possible_truncation, reason = "a text has under 4 GiB")]
            let length = length as u32;
            *word = Cut { key, length, place };
        }
        AHEAD
    }

    /// A word that is not among the short ones: it is long, or it is new.
    #[inline(never)]
    fn other(&mut self, fast: &Fast, key: u128, word: &[u8], ids: &mut Vec<u32>) {
        if key == LONG {
            self.long_word(fast, word, ids);
        } else {
            self.new_word(fast, key, word, ids);
        }
    }

    fn new_word(&mut self, fast: &Fast, key: u128, word: &[u8], ids: &mut Vec<u32>) {
        let found = merged(fast, word, &mut self.scratch);
        self.short.keep(key, found);
        ids.extend_from_slice(found);
    }

    fn long_word(&mut self, fast: &Fast, word: &[u8], ids: &mut Vec<u32>) {
        if word.len() > LONGEST {
            ids.extend_from_slice(merged(fast, word, &mut self.scratch));
            return;
        }
        match self.long.find(word) {
            Found::Inline(value) => ids.extend_from_slice(&value[..value[INLINE] as usize]),
            Found::Spilled(known) => ids.extend_from_slice(known),
            Found::Nothing => {
                let found = merged(fast, word, &mut self.scratch);
                self.long.keep(word, found);
                ids.extend_from_slice(found);
            }
        }
    }
}

/// The ids of a word that no cache knows.
fn merged<'a>(fast: &Fast, word: &[u8], scratch: &'a mut Scratch) -> &'a [u32] {
    match fast.whole.get(word) {
        Some(id) => scratch.one(*id),
        None => fast.merger.merge(word, scratch),
    }
}

/// Writes a value's four numbers, of which the first `value[3]` are ids.
///
/// # Safety
/// `ids` has room for four more, and the last number is at most three.
#[inline]
unsafe fn push_inline(ids: &mut Vec<u32>, value: [u32; INLINE + 1]) {
    let length = ids.len();
    // SAFETY: the caller has made room.
    unsafe {
        ids.as_mut_ptr()
            .add(length)
            .cast::<[u32; INLINE + 1]>()
            .write_unaligned(value);
        ids.set_len(length + value[INLINE] as usize);
    }
}

/// The length of the word at the start of the block, where a glance decides it; else 0.
#[inline]
fn certain_word<S: Splitter>(block: Block, first: u8) -> usize {
    let letters = block.letters();
    let length = if S::CASED {
        cased_length(letters, block.capitals())
    } else {
        (letters | 1).trailing_ones()
    } as usize;
    let lead = S::LEADS[usize::from(first)];
    let ascii_after = (block.beyond_ascii() >> length) & 1 == 0;
    if length >= usize::from(lead) && length < BLOCK && ascii_after {
        let quoted = S::CASED && block.byte(length) == b'\'';
        return if quoted { 0 } else { length };
    }
    // A lone mark before a space is a word, and so is a digit where digits are not joined.
    let mark = lead == 2 && first > b' ' && block.byte(1) == b' ';
    let digit = S::LONE_DIGITS && first.is_ascii_digit();
    usize::from(mark || digit)
}

/// The length of one leading byte of any kind, capitals, then small letters.
#[inline]
fn cased_length(letters: u32, capitals: u32) -> u32 {
    let lead = !letters & 1;
    let after_capitals = lead + (capitals >> lead).trailing_ones();
    after_capitals + ((letters & !capitals) >> after_capitals).trailing_ones()
}

/// Resolves the edges inside the last word by the lengths of its tokens.
fn resolve_inside(
    fast: &Fast,
    last: &Last,
    base: usize,
    ids: &[u32],
    before: usize,
    edges: &mut Edges,
) {
    while let Some(edge) = edges.next().filter(|edge| *edge < base + last.end) {
        let (mut ended, mut begun) = (before, before);
        let mut at = base + last.start;
        for id in &ids[before..] {
            begun += usize::from(at < edge);
            at += fast.vocabulary.get(*id).map_or(0, <[u8]>::len);
            ended += usize::from(at <= edge);
        }
        edges.resolve(ended, begun);
    }
}
