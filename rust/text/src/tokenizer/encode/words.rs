//! The inner loop: words off the text, some dozens at a time, their ids from the caches or by merging.

use std::ops::Range;

use super::cutter::Cutter;
use super::isa::Isa;
use super::segment::Segment;
use super::word_batch::{ROOM, SPARE_IDS, WordBatch};
use crate::tokenizer::bpe::merge::Scratch;
use crate::tokenizer::cache::hot::HotCache;
use crate::tokenizer::cache::words::{LONGEST, LongWordCache, ShortWordCache, set_of};
use crate::tokenizer::fast::Fast;
use crate::tokenizer::span_aligner::SpanAligner;
use crate::tokenizer::split::{Cased, DeepSeek, Gpt2, Scheme, Splitter, Words};

/// One worker's caches of words, and the words at hand.
#[derive(Debug)]
pub(crate) struct WordEncoder {
    /// What the inner loop uses; the processor has it, which [`WordEncoder::with_isa`] checks.
    isa: Isa,
    hot: HotCache,
    caches: WordCaches,
    batch: WordBatch,
}

/// The caches of words that the hot cache lacks: rare, or too long for it.
#[derive(Debug)]
struct WordCaches {
    short: ShortWordCache,
    long: LongWordCache,
    scratch: Scratch,
    /// The keys of the words that are being looked up, and their sets among the short ones.
    keys: [(u128, u32); ROOM],
    /// The numbers of those that are long or new.
    rare: [usize; ROOM],
}

/// Where the last word of a run begins, in bytes and in ids, and where it ends.
struct Last {
    start: usize,
    ids_before: usize,
    end: usize,
}

impl WordEncoder {
    /// One without words, whose inner loop uses an instruction set; none if the processor lacks it.
    pub fn with_isa(isa: Isa) -> Option<Self> {
        isa.is_available().then(|| Self {
            isa,
            hot: HotCache::new(),
            caches: WordCaches {
                short: ShortWordCache::new(),
                long: LongWordCache::new(),
                scratch: Scratch::default(),
                keys: [(0, 0); ROOM],
                rare: [0; ROOM],
            },
            batch: WordBatch::new(),
        })
    }

    /// Appends the ids of a text that is normalised and has no added tokens in it.
    pub fn encode(
        &mut self,
        fast: &Fast,
        segment: Segment,
        ids: &mut Vec<u32>,
        aligner: &mut SpanAligner,
    ) {
        match fast.scheme {
            Scheme::Qwen => self.words::<Words<1>>(fast, segment, ids, aligner),
            Scheme::Cl100k => self.words::<Words<3>>(fast, segment, ids, aligner),
            Scheme::Gpt2 => self.words::<Gpt2>(fast, segment, ids, aligner),
            Scheme::O200k => self.words::<Cased<3, true>>(fast, segment, ids, aligner),
            Scheme::Tekken => self.words::<Cased<1, false>>(fast, segment, ids, aligner),
            Scheme::DeepSeek => self.words::<DeepSeek>(fast, segment, ids, aligner),
        }
    }

    fn words<S: Splitter>(
        &mut self,
        fast: &Fast,
        segment: Segment,
        ids: &mut Vec<u32>,
        aligner: &mut SpanAligner,
    ) {
        let Segment { text, base, first } = segment;
        let text = text.as_bytes();
        let mut splitter = S::default();
        let mut at = 0;
        aligner.resolve_between(base, ids.len() - first);
        while at < text.len() {
            let stop = aligner
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
                aligner,
            );
            aligner.resolve_between(base + at, ids.len() - first);
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
        ids.reserve(text.len() - bytes.start + SPARE_IDS);
        let mut last = Last {
            start: bytes.start,
            ids_before: ids.len(),
            end: bytes.start,
        };
        let mut cutter = Cutter {
            splitter,
            text,
            boundaries: fast.boundaries(),
            parts_end: bytes.start,
        };
        while last.end < bytes.end {
            self.batch.restart(last.end);
            // SAFETY: as the caller says.
            let end = unsafe { cutter.cut::<AVX2, AVX512>(last.end..bytes.end, &mut self.batch) };
            if self.caches.short.make_room(self.batch.len()) {
                // The hot cache may hold values whose ids were in the list that was emptied.
                self.hot.clear();
            }
            self.batch.find(&self.hot);
            self.find_others(fast, text);
            // SAFETY: `ids` has room for as many ids as bytes are left and for `SPARE_IDS` more, and no word has more ids
            // than bytes; for `AVX2`, as the caller says.
            let last_count = unsafe { self.batch.write::<AVX2>(&self.caches.short, ids) };
            last = Last {
                start: self.batch.last_start(),
                ids_before: ids.len() - last_count,
                end,
            };
        }
        last
    }

    /// Finds the ids of the words that the hot cache lacks, asking for the memory of all before looking at any.
    fn find_others(&mut self, fast: &Fast, text: &[u8]) {
        let Self {
            hot, caches, batch, ..
        } = self;
        let missing = batch.missing();
        for number in 0..missing {
            let key = batch.missing_key(number);
            let set = set_of(key);
            caches.short.prefetch(set);
            caches.keys[number % ROOM] = (key, set);
        }
        let mut rare = 0;
        for number in 0..missing {
            let (key, set) = caches.keys[number % ROOM];
            let (known, value) = caches.short.find(key, set);
            if known {
                batch.set(number, value, hot);
            }
            caches.rare[rare % ROOM] = number;
            rare += usize::from(!known);
        }
        for at in 0..rare {
            let number = caches.rare[at];
            let word = &text[batch.missing_word(number)];
            caches.look_up(fast, caches.keys[number].0, word, number, batch, hot);
        }
    }
}

impl WordCaches {
    /// Finds the ids of a word that is long or new; its key is 0 where it is too long for one.
    #[inline(never)]
    fn look_up(
        &mut self,
        fast: &Fast,
        key: u128,
        word: &[u8],
        number: usize,
        batch: &mut WordBatch,
        hot: &mut HotCache,
    ) {
        if key == 0
            && let Some(ids) = self.long.find(word)
        {
            return batch.set_ids(number, ids, hot);
        }
        let found = merged(fast, word, &mut self.scratch);
        match key {
            0 if word.len() > LONGEST => batch.set_ids(number, found, hot),
            0 => {
                self.long.keep(word, found);
                batch.set_ids(number, found, hot);
            }
            key => batch.set(number, self.short.keep(key, found), hot),
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

/// Resolves the edges inside the last word by the lengths of its tokens.
fn resolve_inside(
    fast: &Fast,
    last: &Last,
    base: usize,
    ids: &[u32],
    before: usize,
    aligner: &mut SpanAligner,
) {
    while let Some(edge) = aligner.next().filter(|edge| *edge < base + last.end) {
        let (mut ended, mut begun) = (before, before);
        let mut at = base + last.start;
        for id in &ids[before..] {
            begun += usize::from(at < edge);
            at += fast.vocabulary.get(*id).map_or(0, <[u8]>::len);
            ended += usize::from(at <= edge);
        }
        aligner.resolve(ended, begun);
    }
}
