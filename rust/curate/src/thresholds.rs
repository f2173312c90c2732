//! Thresholds of what the scan measured: a block that was scanned with looser ones is decided again, so that stricter ones
//! scan nothing.

use std::collections::BTreeMap;

use octomed_index::{
    BlockIndex, IDENTIFYING_FIELDS, IDENTIFYING_KINDS, Index, MEASURES, TraceMeasures, Verdict,
};
use octomed_responses::{FaultKind, GoldFault, Limits, Measures, decide};

use crate::{CurateError, Rejects, Rule};

/// Leaves out what the thresholds of its source do not let pass.
#[derive(Clone, Debug, Default)]
pub struct Thresholds {
    /// The thresholds of each source that has any.
    pub limits: BTreeMap<String, Limits>,
}

impl Rule for Thresholds {
    fn verdict(&self) -> Verdict {
        Verdict::ReasoningLength
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        for block in &mut index.blocks {
            if let Some(limits) = self.limits.get(&block.header.source) {
                decide_again(block, limits)?;
            }
        }
        // The words for each come from what was measured of it, as of those that the scan left out.
        Ok(Rejects::new(Verdict::ReasoningLength, |_, _| String::new()))
    }
}

/// Decides a block that was scanned with other thresholds as a scan with these would have. What stands before them in the
/// order of the verdicts stays.
fn decide_again(block: &mut BlockIndex, limits: &Limits) -> Result<(), CurateError> {
    let scanned: Option<Limits> = serde_json::from_str(&block.header.limits).ok();
    if scanned.unwrap_or_default() == *limits || !block.header.measures {
        return Ok(());
    }
    let values = block.read_side(MEASURES)?;
    let mut is_left_out = vec![false; block.len()];
    for (row, code) in block.traces.verdict.iter_mut().enumerate() {
        let is_kept = *code == Verdict::Kept as u8;
        // The scan decides by thresholds before it renders, and what it rendered it would not have.
        let is_rendered = is_kept || is_of_rendering(*code);
        if !is_rendered && !is_of_curation(*code) {
            continue;
        }
        let measures = TraceMeasures::of(&values, row);
        if let Some(verdict) = failed(&measures, limits)
            && (is_rendered || (verdict as u8) < *code)
        {
            *code = verdict as u8;
            is_left_out[row] = true;
            if is_rendered {
                let header = &mut block.header;
                header.text_bytes = header.text_bytes.saturating_sub(measures.text_bytes.into());
                header.straddling = header.straddling.saturating_sub(measures.straddling.into());
            }
        }
    }
    block.forget_images(|row| is_left_out[row]);
    count_images(block);
    Ok(())
}

/// Counts the images that are shown by what is left, which is all that the scan would have stored.
fn count_images(block: &mut BlockIndex) {
    let mut is_shown = vec![false; block.images.len()];
    for row in block.kept_rows() {
        for &image in block.image_refs(row) {
            is_shown[image as usize] = true;
        }
    }
    let shown = (0..block.images.len()).filter(|&image| is_shown[image]);
    let (images, bytes) = shown.fold((0, 0), |(images, bytes), image| {
        (images + 1, bytes + u64::from(block.images.bytes[image]))
    });
    block.header.images = images;
    block.header.image_bytes = bytes;
}

/// Whether a verdict is one of rendering and tokenizing, which come after the thresholds.
fn is_of_rendering(code: u8) -> bool {
    (Verdict::TemplateRefused as u8..=Verdict::TokenizerFailed as u8).contains(&code)
}

/// Whether a verdict is one of the scan's curation, whose traces are measured.
fn is_of_curation(code: u8) -> bool {
    (Verdict::NotKept as u8..=Verdict::Identifying as u8).contains(&code)
}

/// The first of the thresholds that a response does not pass, in the order of the verdicts.
#[must_use]
pub fn failed(measures: &TraceMeasures, limits: &Limits) -> Option<Verdict> {
    Some(verdict_of(decide(&measured(measures), limits)?.kind))
}

/// What to say of a response that curation left out: figures and kinds, never a text. `conditions` says in words, in
/// their order, what each of `keep` and `where` is not where it does not hold.
#[must_use]
pub fn detail(
    verdict: Verdict,
    measures: &TraceMeasures,
    limits: &Limits,
    conditions: &[String],
) -> String {
    match verdict {
        Verdict::Identifying => return identifying_detail(measures),
        Verdict::GoldFault => {
            let fault = GoldFault::from_code(measures.option);
            let fault = fault.filter(|fault| *fault != GoldFault::Missing);
            return fault.map_or_else(String::new, |fault| fault.to_string());
        }
        Verdict::NotKept => {
            let place = (measures.straddling as usize).checked_sub(1);
            let unmet = place.and_then(|place| conditions.get(place));
            return unmet.cloned().unwrap_or_default();
        }
        _ => {}
    }
    let fault = decide(&measured(measures), limits);
    let fault = fault.filter(|fault| verdict_of(fault.kind) == verdict);
    fault.map_or_else(String::new, |fault| fault.to_string())
}

/// Each field with the kinds that it holds, and where the first begins.
fn identifying_detail(measures: &TraceMeasures) -> String {
    let kinds = IDENTIFYING_KINDS.len();
    let mut found = Vec::new();
    for (field, name) in IDENTIFYING_FIELDS.iter().enumerate() {
        for (kind, word) in IDENTIFYING_KINDS.iter().enumerate() {
            if measures.identifying >> (kinds * field + kind) & 1 == 1 {
                let place = if found.is_empty() {
                    format!(" at byte {}", measures.identifying_at)
                } else {
                    String::new()
                };
                found.push(format!("{word} in the {name}{place}"));
            }
        }
    }
    found.join(", ")
}

/// The record as it was measured.
fn measured(measures: &TraceMeasures) -> Measures {
    let fields = IDENTIFYING_FIELDS.len();
    let kinds = IDENTIFYING_KINDS.len();
    let of_field = |field| measures.identifying >> (kinds * field) & ((1 << kinds) - 1);
    Measures {
        flags: measures.flags,
        identifying: (0..fields).map(of_field).fold(0, |all, bits| all | bits),
        reasoning_words: measures.reasoning_words,
        response_words: measures.response_words,
        ngram_share: measures.ngram_share,
        line_share: measures.line_share,
        script_share: measures.script_share,
        loop_words: measures.loop_words,
    }
}

fn verdict_of(kind: FaultKind) -> Verdict {
    Verdict::from_code(kind as u8).unwrap_or(Verdict::NotKept)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_index::{Header, flags};

    use super::*;

    fn limits(json: &str) -> Limits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn codes_of_faults_are_codes_of_verdicts() {
        let every = [
            (FaultKind::CutResponse, Verdict::CutResponse),
            (FaultKind::AnswerFormat, Verdict::AnswerFormat),
            (FaultKind::ReasoningLength, Verdict::ReasoningLength),
            (FaultKind::Repetition, Verdict::Repetition),
            (FaultKind::Refusal, Verdict::Refusal),
            (FaultKind::Language, Verdict::Language),
            (FaultKind::EmptyReasoning, Verdict::EmptyReasoning),
            (FaultKind::DamagedMarkup, Verdict::DamagedMarkup),
            (FaultKind::Identifying, Verdict::Identifying),
        ];
        for (kind, verdict) in every {
            assert_eq!(verdict_of(kind), verdict);
        }
    }

    #[test]
    fn flags_of_both_crates_are_the_same() {
        use octomed_responses::flags as measured;
        assert_eq!(flags::REASONING, measured::HAS_REASONING);
        assert_eq!(flags::FINISHED, measured::FINISHED);
        assert_eq!(flags::REFUSAL, measured::REFUSAL);
        assert_eq!(flags::DAMAGED_MARKUP, measured::DAMAGED_MARKUP);
        assert_eq!(flags::EMPTY_REASONING, measured::EMPTY_REASONING);
        assert_eq!(flags::FORMAT, measured::ACCEPTED_FORMAT);
        let kinds = octomed_responses::Kind::ALL.map(octomed_responses::Kind::as_str);
        assert_eq!(kinds, IDENTIFYING_KINDS);
    }

    #[test]
    fn details_have_figures_and_kinds() {
        let measures = TraceMeasures {
            reasoning_words: 5,
            identifying: 1 | 1 << 6 | 1 << 14,
            identifying_at: 7,
            ..TraceMeasures::default()
        };
        let length = limits(r#"{"length": {"reasoning_words": [16, 99]}}"#);
        assert_eq!(failed(&measures, &length), Some(Verdict::ReasoningLength));
        assert_eq!(
            detail(Verdict::ReasoningLength, &measures, &length, &[]),
            "reasoning_words 5 < 16"
        );
        assert_eq!(detail(Verdict::WrongAnswer, &measures, &length, &[]), "");
        let all = limits(r#"{"identifying": {"action": "reject"}}"#);
        assert_eq!(failed(&measures, &all), Some(Verdict::Identifying));
        assert_eq!(
            detail(Verdict::Identifying, &measures, &all, &[]),
            "email in the question at byte 7, phone in the reasoning, date_of_birth in the answer"
        );
        let other = limits(r#"{"identifying": {"kinds": ["national_id"], "action": "reject"}}"#);
        assert_eq!(failed(&measures, &other), None);
    }

    #[test]
    fn details_say_which_condition_does_not_hold_and_what_is_wrong_with_a_right_answer() {
        let none = Limits::default();
        let said = ["`a` is not true", "`b` is not 3 to 6"].map(str::to_owned);
        let not_kept = |condition| {
            let measures = TraceMeasures {
                straddling: condition,
                ..TraceMeasures::default()
            };
            detail(Verdict::NotKept, &measures, &none, &said)
        };
        // A block of an earlier version does not say which.
        assert_eq!([0, 1, 2, 3].map(not_kept), ["", &said[0], &said[1], ""]);
        for (code, fault) in (0..).zip(GoldFault::ALL) {
            assert_eq!(GoldFault::from_code(code), Some(fault));
            assert_eq!(fault as u64, code);
        }
        let fault = |option| {
            let measures = TraceMeasures {
                option,
                ..TraceMeasures::default()
            };
            detail(Verdict::GoldFault, &measures, &none, &[])
        };
        assert_eq!(fault(1), "the gold answer is not among the options");
        assert_eq!([fault(0), fault(u64::MAX)], ["", ""]);
    }

    /// A block on the disk whose traces have so many words of reasoning, of these verdicts.
    fn block(folder: &std::path::Path, limits: &str, traces: &[(u32, Verdict)]) -> BlockIndex {
        use octomed_index::{BlockRef, Needs, NewBlock, SCAN_VERSION, TraceColumns, TraceEntry};
        let header = Header {
            version: SCAN_VERSION,
            source: "one".to_owned(),
            traces: traces.len() as u64,
            measures: true,
            limits: limits.to_owned(),
            ..Header::default()
        };
        let mut columns = TraceColumns::default();
        let mut measures = Vec::new();
        for (key, &(reasoning_words, verdict)) in (0..).zip(traces) {
            columns.push(&TraceEntry {
                shuffle_key: key,
                verdict: verdict as u8,
                ..TraceEntry::default()
            });
            let record = TraceMeasures {
                reasoning_words,
                ..TraceMeasures::default()
            };
            measures.extend(record.encode());
        }
        let stem = folder.join("0");
        let new = NewBlock {
            traces: columns,
            side: &[(MEASURES, measures)],
            ..NewBlock::new(&header)
        };
        new.write(&stem, octomed_files::Access::Owner).unwrap();
        let path = stem;
        BlockIndex::load(&BlockRef { path, first_row: 0 }, &Needs::default()).unwrap()
    }

    #[test]
    fn a_block_of_looser_thresholds_is_decided_again() {
        let folder = tempfile::tempdir().unwrap();
        let traces = [
            (5, Verdict::Kept),
            (20, Verdict::Kept),
            (5, Verdict::Repetition),
            (20, Verdict::Repetition),
            (5, Verdict::WrongAnswer),
            (5, Verdict::EmptyResponse),
            (1, Verdict::ReasoningLength),
        ];
        let loose = r#"{"length":{"reasoning_words":[2,99]}}"#;
        let strict = limits(r#"{"length": {"reasoning_words": [16, 99]}}"#);
        let mut index = Index {
            blocks: vec![block(folder.path(), loose, &traces)],
        };
        let rule = Thresholds {
            limits: [("one".to_owned(), strict.clone())].into(),
        };
        rule.apply(&mut index).unwrap();
        let expected = [
            Verdict::ReasoningLength,
            Verdict::Kept,
            Verdict::ReasoningLength,
            Verdict::Repetition,
            Verdict::WrongAnswer,
            Verdict::EmptyResponse,
            Verdict::ReasoningLength,
        ];
        assert_eq!(
            index.blocks[0].traces.verdict,
            expected.map(|verdict| verdict as u8)
        );
        // Of a block that was scanned with them, or of a source that has none, nothing is read.
        let same = serde_json::to_string(&strict).unwrap();
        for (held, source) in [(same.as_str(), "one"), (loose, "other")] {
            let mut index = Index {
                blocks: vec![block(folder.path(), held, &traces)],
            };
            std::fs::remove_file(folder.path().join("0.measures")).unwrap();
            let rule = Thresholds {
                limits: [(source.to_owned(), strict.clone())].into(),
            };
            rule.apply(&mut index).unwrap();
            assert_eq!(
                index.blocks[0].traces.verdict,
                traces.map(|(_, verdict)| verdict as u8)
            );
        }
    }
}
