//! What a worker keeps from row to row: memory, and the words that its tokenizer has seen.

use octomed_index::Verdict;
use octomed_minhash::{Near, Sketcher};
use octomed_text::{Encoder, Rendered};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::curation::CurationScratch;

/// Memory of a worker.
pub struct Scratch {
    /// Encodes, and remembers words.
    pub encoder: Encoder,
    /// The trace as its template writes it.
    pub rendered: Rendered,
    /// The last turn of a question.
    pub prompt: String,
    /// A response with its reasoning.
    pub response: String,
    /// The trace's ids.
    pub ids: Vec<u32>,
    /// Its supervised spans.
    pub spans: Vec<[u32; 2]>,
    /// What a trace's hash takes besides its text.
    edges: Vec<u8>,
    /// A hash of the images of the row.
    pub images: Option<u64>,
    /// Memory of the last block that was written.
    pub arena: Vec<u8>,
    /// Memory for measuring responses, and what was measured of the last.
    pub curation: CurationScratch,
    /// What makes band keys, and by which settings.
    sketcher: Option<(Near, Sketcher)>,
    /// Band keys of the trace; empty where nobody asks for them.
    pub bands: Vec<u64>,
    /// What the model learns of the trace.
    learned: String,
}

/// What came of one trace; its text and ids are in the scratch.
#[derive(Clone, Copy)]
pub struct ScanResult {
    /// What the scan decided.
    pub verdict: Verdict,
    /// Tokens that carry loss.
    pub supervised: u32,
    /// Tokens across the edge of a supervised span.
    pub straddling: u32,
    /// Hash of the whole trace.
    pub hash: u128,
}

/// Memory that a worker keeps of each kind from block to block: one huge row must not hold it for the whole run.
const KEPT_BYTES: usize = 8 << 20;

fn forget_if_large<T>(values: &mut Vec<T>, kept: usize) {
    if values.capacity() * size_of::<T>() > kept {
        *values = Vec::new();
    }
}

impl Scratch {
    /// Memory for a worker that has none.
    pub fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            rendered: Rendered::default(),
            prompt: String::new(),
            response: String::new(),
            ids: Vec::new(),
            spans: Vec::new(),
            edges: Vec::new(),
            images: None,
            arena: Vec::new(),
            curation: CurationScratch::default(),
            sketcher: None,
            bands: Vec::new(),
            learned: String::new(),
        }
    }

    /// Gives back memory that only a huge row needs.
    pub fn forget_large(&mut self) {
        for text in [
            &mut self.prompt,
            &mut self.response,
            &mut self.rendered.text,
            &mut self.learned,
        ] {
            if text.capacity() > KEPT_BYTES {
                *text = String::new();
            }
        }
        self.curation.forget_large(KEPT_BYTES);
        forget_if_large(&mut self.ids, KEPT_BYTES);
        forget_if_large(&mut self.spans, KEPT_BYTES);
        forget_if_large(&mut self.edges, KEPT_BYTES);
        forget_if_large(&mut self.rendered.controls, KEPT_BYTES);
        forget_if_large(&mut self.rendered.supervised, KEPT_BYTES);
        forget_if_large(&mut self.arena, 8 * KEPT_BYTES);
    }

    /// A trace that is rejected before it has tokens.
    pub fn without_tokens(&mut self, verdict: Verdict) -> ScanResult {
        self.rendered.clear();
        self.ids.clear();
        self.spans.clear();
        ScanResult {
            verdict,
            supervised: 0,
            straddling: 0,
            hash: 0,
        }
    }

    /// Makes the band keys of the trace out of what the model learns of it: the supervised bytes without controls, what
    /// lies apart joined by line breaks. Those of a trace that is left out are zeros.
    pub fn make_bands(&mut self, near: &Near, is_kept: bool) {
        self.bands.clear();
        self.bands.resize(near.bands as usize, 0);
        if !is_kept {
            return;
        }
        self.learned.clear();
        write_learned(&self.rendered, &mut self.learned);
        let sketcher = match &mut self.sketcher {
            Some((known, sketcher)) if known == near => sketcher,
            unfit => &mut unfit.insert((*near, Sketcher::new(near))).1,
        };
        sketcher.bands(&self.learned, &mut self.bands);
    }

    /// Hash of the whole trace: its text, which of it is control, which of it is supervised, and the images of its
    /// row. A user who types a control token makes another trace than the template that writes one, and what is said
    /// of one image is no duplicate of what is said of another.
    pub fn hash(&mut self) -> u128 {
        self.edges.clear();
        if let Some(images) = self.images {
            self.edges.extend_from_slice(&images.to_le_bytes());
        }
        for control in &self.rendered.controls {
            self.edges
                .extend_from_slice(&(control.bytes.start as u64).to_le_bytes());
        }
        for span in &self.rendered.supervised {
            self.edges
                .extend_from_slice(&(span.start as u64).to_le_bytes());
            self.edges
                .extend_from_slice(&(span.end as u64).to_le_bytes());
        }
        xxh3_128_with_seed(self.rendered.text.as_bytes(), xxh3_64(&self.edges))
    }
}

/// Writes what the model learns of a trace into an empty text: its supervised bytes without controls, spans joined by
/// line breaks.
fn write_learned(rendered: &Rendered, learned: &mut String) {
    let mut controls = rendered.controls.iter().peekable();
    for span in &rendered.supervised {
        if !learned.is_empty() {
            learned.push('\n');
        }
        let mut start = span.start;
        while let Some(control) = controls.next_if(|control| control.bytes.start < span.end) {
            if control.bytes.end > start {
                learned.push_str(&rendered.text[start..control.bytes.start.max(start)]);
                start = control.bytes.end;
            }
        }
        learned.push_str(&rendered.text[start.min(span.end)..span.end]);
    }
}

#[cfg(test)]
mod tests {
    use octomed_text::Control;

    use super::*;

    #[test]
    fn what_is_learned_has_no_controls() {
        let control = |bytes| Control {
            bytes,
            id: 1,
            repeat: 1,
        };
        let rendered = Rendered {
            text: "<a>ask<b>one<c>two<b>more<d>three<b>".to_owned(),
            controls: vec![
                control(0..3),
                control(6..9),
                control(12..15),
                control(18..21),
                control(25..28),
                control(33..36),
            ],
            supervised: vec![9..21, 28..36],
            leads: Vec::new(),
        };
        let mut learned = String::new();
        write_learned(&rendered, &mut learned);
        assert_eq!(learned, "onetwo\nthree");
    }
}
