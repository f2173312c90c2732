//! The inner loop: words off the text, some dozens at a time, their ids from the caches or by merging.

use std::ops::Range;

use super::ahead::{Ahead, BEYOND, FULL, ROOM};
use super::block::{BLOCK, Block};
use super::cache::{LONGEST, LongWords, ShortWords, place};
use super::edges::Edges;
use super::fast::Fast;
use super::isa::Isa;
use super::merge::Scratch;
use super::near::{ABSENT, LONGEST_NEAR, NearWords, near_key};
use super::seams::Seams;
use super::split::{Cased, DeepSeek, Gpt2, Scheme, Splitter, Words};
use super::window::{WINDOW, starts};

/// Words of at most so many bytes are not cut into parts: they come again as they are.
const UNCUT: usize = 8;

/// One worker's memory of words.
#[derive(Debug)]
pub(crate) struct Memory {
    /// What the inner loop uses; the processor has it, which [`Memory::with_isa`] checks.
    isa: Isa,
    near: NearWords,
    other: OtherWords,
    ahead: Ahead,
}

/// Words that are not near: longer, of more tokens, met seldom, or new.
#[derive(Debug)]
struct OtherWords {
    short: ShortWords,
    long: LongWords,
    scratch: Scratch,
    /// Keys of the words that are being looked up, and their places among the short ones.
    keys: [(u128, u32); ROOM],
    /// Numbers of those that are long or new.
    seldom: [usize; ROOM],
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
    /// An empty memory whose words are cut and looked up with an instruction set; none if the processor lacks it.
    pub fn with_isa(isa: Isa) -> Option<Self> {
        isa.is_available().then(|| Self {
            isa,
            near: NearWords::new(),
            other: OtherWords {
                short: ShortWords::new(),
                long: LongWords::new(),
                scratch: Scratch::default(),
                keys: [(0, 0); ROOM],
                seldom: [0; ROOM],
            },
            ahead: Ahead::new(),
        })
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
    fn run<S: Splitter>(
        &mut self,
        fast: &Fast,
        splitter: &mut S,
        text: &[u8],
        bytes: Range<usize>,
        ids: &mut Vec<u32>,
    ) -> Last {
        // SAFETY: the processor has `self.isa`, and with it what each of the functions is compiled for.
        unsafe {
            match self.isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => self.run_avx512(fast, splitter, text, bytes, ids),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => self.run_avx2(fast, splitter, text, bytes, ids),
                _ => self.run_with::<S, false, false>(fast, splitter, text, bytes, ids),
            }
        }
    }

    /// [`Self::run_with`] compiled for AVX2.
    ///
    /// # Safety
    /// The processor must have [`Isa::Avx2`].
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn run_avx2<S: Splitter>(
        &mut self,
        fast: &Fast,
        splitter: &mut S,
        text: &[u8],
        bytes: Range<usize>,
        ids: &mut Vec<u32>,
    ) -> Last {
        // SAFETY: the caller has AVX2, and AVX-512 is not used.
        unsafe { self.run_with::<S, true, false>(fast, splitter, text, bytes, ids) }
    }

    /// [`Self::run_with`] compiled for AVX-512.
    ///
    /// # Safety
    /// The processor must have [`Isa::Avx512`].
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2")]
    unsafe fn run_avx512<S: Splitter>(
        &mut self,
        fast: &Fast,
        splitter: &mut S,
        text: &[u8],
        bytes: Range<usize>,
        ids: &mut Vec<u32>,
    ) -> Last {
        // SAFETY: the caller has AVX-512, and AVX2 with it.
        unsafe { self.run_with::<S, true, true>(fast, splitter, text, bytes, ids) }
    }

    /// Some dozens of words are cut, then looked up, then written: each step is a loop with few branches, and
    /// what one word waits for does not hold up the next.
    ///
    /// # Safety
    /// `AVX2` asks for [`Isa::Avx2`], and `AVX512` for [`Isa::Avx512`].
    #[inline(always)]
    unsafe fn run_with<S: Splitter, const AVX2: bool, const AVX512: bool>(
        &mut self,
        fast: &Fast,
        splitter: &mut S,
        text: &[u8],
        bytes: Range<usize>,
        ids: &mut Vec<u32>,
    ) -> Last {
        // A word has at most as many ids as bytes; several ids are written at once.
        ids.reserve(text.len() - bytes.start + BEYOND);
        let mut last = Last {
            start: bytes.start,
            ids_before: ids.len(),
            end: bytes.start,
        };
        let mut cutter = Cutter {
            splitter,
            text,
            seams: fast.seams(),
            parts_end: bytes.start,
        };
        while last.end < bytes.end {
            self.ahead.restart(last.end);
            // SAFETY: as the caller says.
            let end = unsafe { cutter.cut::<AVX2, AVX512>(last.end..bytes.end, &mut self.ahead) };
            if self.other.short.make_room(self.ahead.len()) {
                // Near words may have their ids apart as well.
                self.near.clear();
            }
            self.ahead.find(&self.near);
            self.find_others(fast, text);
            // SAFETY: as many bytes have room for as many ids, and some more; for `AVX2`, as the caller says.
            let last_count = unsafe { self.ahead.write::<AVX2>(&self.other.short, ids) };
            last = Last {
                start: self.ahead.last_start(),
                ids_before: ids.len() - last_count,
                end,
            };
        }
        last
    }

    /// Finds the ids of the words that are not near, asking for the memory of all before looking at any.
    fn find_others(&mut self, fast: &Fast, text: &[u8]) {
        let Self {
            near, other, ahead, ..
        } = self;
        let missing = ahead.missing();
        for number in 0..missing {
            let key = ahead.missing_key(number);
            let place = place(key);
            other.short.expect(place);
            other.keys[number % ROOM] = (key, place);
        }
        let mut seldom = 0;
        for number in 0..missing {
            let (key, place) = other.keys[number % ROOM];
            let (known, value) = other.short.find(key, place);
            if known {
                ahead.set(number, value, near);
            }
            other.seldom[seldom % ROOM] = number;
            seldom += usize::from(!known);
        }
        for at in 0..seldom {
            let number = other.seldom[at];
            let word = &text[ahead.missing_word(number)];
            other.look_up(fast, other.keys[number].0, word, number, ahead, near);
        }
    }
}

/// Cuts a text into words, and some words into parts.
struct Cutter<'a, S> {
    splitter: &'a mut S,
    text: &'a [u8],
    /// The seams at which words may be cut, if they may.
    seams: Option<&'a Seams>,
    /// Where the word ends that is being cut into parts.
    parts_end: usize,
}

impl<S: Splitter> Cutter<'_, S> {
    /// Cuts words until there are enough or one ends at or after the last byte of `bytes`; gives its end.
    ///
    /// # Safety
    /// `AVX2` asks for [`Isa::Avx2`], and `AVX512` for [`Isa::Avx512`].
    #[inline(always)]
    unsafe fn cut<const AVX2: bool, const AVX512: bool>(
        &mut self,
        bytes: Range<usize>,
        ahead: &mut Ahead,
    ) -> usize {
        let mut at = self.cut_parts(bytes.start, ahead);
        while at < bytes.end && ahead.len() < FULL {
            // A window's words begin before `bytes.end`, and sixteen bytes can be read from each.
            let window = self.text[at..].first_chunk::<{ WINDOW + LONGEST_NEAR }>();
            let Some(window) = window.filter(|_| at + WINDOW <= bytes.end) else {
                at = self.cut_one(at, bytes.end, ahead);
                continue;
            };
            // SAFETY: as the caller says.
            let (end, hard) = unsafe { cut_window::<S, AVX2, AVX512>(window, at, ahead) };
            at = end;
            if hard {
                at = self.cut_one(at, bytes.end, ahead);
            }
        }
        at
    }

    /// Cuts the word at byte `at` by a glance or by the splitter, or the first of its parts; gives where they end.
    fn cut_one(&mut self, at: usize, stop: usize, ahead: &mut Ahead) -> usize {
        let block = Block::load(self.text, at);
        let length = match certain_word::<S>(block, self.text[at]) {
            0 => self.splitter.end(self.text, at) - at,
            certain => certain,
        };
        let end = at + length;
        // The last word stays whole: an edge may fall inside it, and is resolved by its tokens.
        if end < stop && length > UNCUT && self.has_seams(at, end) {
            self.parts_end = end;
            return self.cut_parts(at, ahead);
        }
        self.push(at, end, block, ahead);
        end
    }

    /// Whether a look for seams in the word may pay: it begins or ends with a character of three bytes, of those
    /// that are written without spaces.
    #[inline]
    fn has_seams(&self, start: usize, end: usize) -> bool {
        let wide = |at: usize| self.text[at] >= 0xE3;
        self.seams.is_some() && (wide(start) || wide(start + 1) || wide(end - 3))
    }

    /// Cuts the word that is being cut into parts until there are enough, from the part at byte `at`; gives
    /// where they end, which is `at` if there is no such word.
    fn cut_parts(&mut self, mut at: usize, ahead: &mut Ahead) -> usize {
        let end = self.parts_end;
        while let Some(seams) = self.seams
            && at < end
            && ahead.len() < FULL
        {
            let (mut bits, all) = seams.within(self.text, at, end);
            let last = all || bits == 0;
            let first = at;
            while bits != 0 {
                let seam = first + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.push(at, seam, Block::load(self.text, at), ahead);
                at = seam;
            }
            if last {
                self.push(at, end, Block::load(self.text, at), ahead);
                at = end;
            }
        }
        at
    }

    #[inline]
    fn push(&self, start: usize, end: usize, block: Block, ahead: &mut Ahead) {
        // Zeros at its end would be taken for the padding of a shorter word.
        let key = match self.text[end - 1] {
            0 => ABSENT,
            _ => near_key(block.bytes(), end - start),
        };
        ahead.push(end, key);
    }
}

/// Cuts the plain words of a window that begins at byte `at`; gives where they end, and whether the word
/// there is the splitter's.
///
/// # Safety
/// `AVX2` asks for [`Isa::Avx2`], and `AVX512` for [`Isa::Avx512`].
#[inline(always)]
unsafe fn cut_window<S: Splitter, const AVX2: bool, const AVX512: bool>(
    window: &[u8; WINDOW + LONGEST_NEAR],
    at: usize,
    ahead: &mut Ahead,
) -> (usize, bool) {
    let Some(plain) = window.first_chunk() else {
        return (at, true);
    };
    // SAFETY: as the caller says.
    let found = unsafe { starts::<S, AVX2>(plain) };
    #[cfg(target_arch = "x86_64")]
    if AVX512 {
        let last = u64::from(found.closed) << (found.end % 64);
        // SAFETY: as the caller says; the ends ascend, and words begin at 0 and at each but the last.
        unsafe { ahead.put_window(plain, at, found.bits | 1, found.bits | last) };
        let start = (found.bits | 1).ilog2() as usize;
        return match found.closed {
            true => (at + found.end as usize, found.hard),
            false => (at + start, found.hard || start == 0),
        };
    }
    let mut bits = found.bits;
    let mut start = 0;
    let mut count = ahead.len();
    let mut put = |count: usize, start: usize, end: usize| {
        let first = window[start..].first_chunk().copied().unwrap_or_default();
        ahead.put(count, at + end, near_key(first, end - start))
    };
    while bits != 0 {
        let end = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        count = put(count, start, end);
        start = end;
    }
    if found.closed {
        let end = found.end as usize;
        count = put(count, start, end);
        ahead.grow(count);
        return (at + end, found.hard);
    }
    ahead.grow(count);
    (at + start, found.hard || start == 0)
}

impl OtherWords {
    /// Finds the ids of a word that is long or new; its key is 0 where it is too long for one.
    #[inline(never)]
    fn look_up(
        &mut self,
        fast: &Fast,
        key: u128,
        word: &[u8],
        number: usize,
        ahead: &mut Ahead,
        near: &mut NearWords,
    ) {
        if key == 0
            && let Some(ids) = self.long.find(word)
        {
            return ahead.set_ids(number, ids, near);
        }
        let found = merged(fast, word, &mut self.scratch);
        match key {
            0 if word.len() > LONGEST => ahead.set_ids(number, found, near),
            0 => {
                self.long.keep(word, found);
                ahead.set_ids(number, found, near);
            }
            key => ahead.set(number, self.short.keep(key, found), near),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The words of a window, where they end, and whether the next one is the splitter's.
    unsafe fn cut<S: Splitter, const AVX2: bool, const AVX512: bool>(
        window: &[u8; WINDOW + LONGEST_NEAR],
        before: usize,
    ) -> (Vec<(usize, u128)>, (usize, bool)) {
        let mut ahead = Ahead::new();
        ahead.restart(1000 - before);
        (0..before).for_each(|word| ahead.push(1001 - before + word, 5));
        // SAFETY: as the caller says.
        let ended = unsafe { cut_window::<S, AVX2, AVX512>(window, 1000, &mut ahead) };
        (ahead.words(), ended)
    }

    /// The words of a window with every instruction set that the processor has.
    fn cut_by_each<S: Splitter>(
        window: &[u8; WINDOW + LONGEST_NEAR],
        before: usize,
    ) -> Vec<(Vec<(usize, u128)>, (usize, bool))> {
        // SAFETY: only what the processor has is called.
        let cut = |isa| unsafe {
            match isa {
                Isa::Baseline => cut::<S, false, false>(window, before),
                Isa::Avx2 => cut::<S, true, false>(window, before),
                Isa::Avx512 => cut::<S, true, true>(window, before),
            }
        };
        Isa::available().map(cut).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn words_of_a_window_are_the_same_with_every_instruction_set(
            pieces in prop::collection::vec(prop_oneof!["[a-zA-Z]{1,3}", "[a-zA-Z]{4,20}", "[ -~]", " ", "[0-9]", "é"], 80),
            before in 0..FULL,
        ) {
            let text = pieces.concat().into_bytes();
            let Some(window) = text.first_chunk() else {
                return Ok(());
            };
            for cut in [cut_by_each::<Words<1>>, cut_by_each::<Words<3>>, cut_by_each::<Gpt2>, cut_by_each::<DeepSeek>,
                cut_by_each::<Cased<3, true>>, cut_by_each::<Cased<1, false>>] {
                let mut all = cut(window, before).into_iter();
                let baseline = all.next();
                for other in all {
                    prop_assert_eq!(Some(&other), baseline.as_ref());
                }
            }
        }
    }
}
