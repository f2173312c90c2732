//! Curation of the scan: what is measured of each response, and whether it is left out before it is rendered.

use octomed_index::{AnswerState, IDENTIFYING_KINDS, Question, TraceMeasures, Verdict};
use octomed_responses::{
    GoldRule, Kinds, Limits, MeasureSettings, Measures, Parts, identifying, measure, parts,
};
use octomed_trace::{Asked, Body, Row};

use crate::curation_answers::{Answered, RowAnswers, gold_rule};
use crate::curation_columns::Conditions;
use crate::curation_settings::{CurationSettings, Target};
use crate::curation_target::right_answer;
use crate::curation_text::MaskedTexts;
use crate::error::EngineError;
use crate::row_images::RowFault;

/// What a source's responses are measured and decided by.
pub struct Curation {
    settings: CurationSettings,
    conditions: Conditions,
    /// Nothing where no rule reads what is measured.
    measures: Option<MeasureSettings>,
    /// Identifying data that are looked for, field by field.
    kinds: Kinds,
    limits: String,
}

/// What a block of the source has besides its traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Whether measures are stored.
    pub measures: bool,
    /// Band keys of each trace.
    pub bands: u32,
    /// Whether questions are stored.
    pub questions: bool,
    /// The thresholds, as JSON.
    pub limits: String,
}

/// A worker's memory for measuring.
#[derive(Default)]
pub struct CurationScratch {
    words: octomed_responses::Scratch,
    /// What was measured of the last response.
    pub measures: TraceMeasures,
    /// The number of the condition that it does not meet, from 1; 0 of none.
    pub condition: u32,
    /// Bytes of the largest response so far, which the memory above has grown with.
    largest: usize,
}

impl CurationScratch {
    /// Gives back memory that only a huge response needs.
    pub fn forget_large(&mut self, kept: usize) {
        if self.largest > kept {
            *self = Self::default();
        }
    }
}

/// A row whose responses are looked at one by one.
pub struct RowCuration<'r> {
    curation: &'r Curation,
    /// As it came, nothing masked.
    row: &'r Row<'r>,
    answers: RowAnswers<'r>,
    /// Why the row has no right answer to be learned, if that is what is learned.
    fault: Option<Verdict>,
    /// Bits of the question's identifying data, and where the first begins.
    found: Found,
}

/// Identifying data: bits by field and kind, and where the first of the first field begins.
#[derive(Clone, Copy, Default)]
struct Found {
    bits: u16,
    at: u32,
}

impl Found {
    /// Adds what `text`, the field of this number, holds.
    fn add(&mut self, text: &str, field: usize, kinds: Kinds) {
        if kinds.is_empty() {
            return;
        }
        identifying(text, kinds, |found| {
            if self.bits == 0 {
                self.at = found.start as u32; // a row has 64 MiB at most
            }
            self.bits |= 1 << (IDENTIFYING_KINDS.len() * field + found.kind as usize);
        });
    }
}

const QUESTION: usize = 0;
const REASONING: usize = 1;
const ANSWER: usize = 2;

impl Curation {
    /// Curation by what the recipe says; nothing where it says nothing.
    ///
    /// # Errors
    /// When the settings contradict themselves: the recipe's own check has let them pass.
    pub fn new(settings: CurationSettings) -> Result<Self, EngineError> {
        let kinds = settings
            .limits
            .identifying
            .map_or(Kinds::none(), |one| one.kinds);
        let limits = if settings.limits == Limits::default() {
            String::new()
        } else {
            serde_json::to_string(&settings.limits)
                .map_err(|error| EngineError::Internal(error.to_string()))?
        };
        Ok(Self {
            conditions: Conditions::new(&settings)?,
            // What identifies is looked for field by field, once.
            measures: settings.is_measured().then(|| MeasureSettings {
                identifying: Kinds::none(),
                ..settings.measures()
            }),
            kinds,
            limits,
            settings,
        })
    }

    /// What a block has besides its traces.
    #[must_use]
    pub fn extras(&self) -> Extras {
        Extras {
            measures: self.is_measured(),
            bands: self.settings.near.map_or(0, |near| near.bands),
            questions: self.settings.questions,
            limits: self.limits.clone(),
        }
    }

    /// Whether responses are measured, because a rule reads it.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.measures.is_some()
    }

    /// How band keys are made, if they are.
    #[must_use]
    pub fn near(&self) -> Option<&octomed_minhash::Near> {
        self.settings.near.as_ref()
    }

    /// The texts of a row with identifying data masked; nothing where none is to be.
    #[must_use]
    pub fn masked(&self, row: &Row<'_>) -> Option<MaskedTexts> {
        MaskedTexts::of(row, self.settings.mask()?)
    }

    /// The right answer of a row, or why it has none, where that is what is learned.
    #[must_use]
    pub fn target(&self, row: &Row<'_>) -> Option<Result<String, Verdict>> {
        if self.settings.target != Target::Answer {
            return None;
        }
        let accept = self.settings.accept.as_ref();
        let rule = accept.map_or(GoldRule::Options, |accept| gold_rule(accept.rule));
        Some(right_answer(row, rule))
    }

    /// Begins with a row as it came: prepares its right answer, and looks at what its responses have in common.
    ///
    /// # Errors
    /// When a column has another number of values than there are responses.
    pub fn of_row<'r>(&'r self, row: &'r Row<'r>) -> Result<RowCuration<'r>, RowFault> {
        let responses = match &row.body {
            Body::Question { responses, .. } => responses.len(),
            Body::Conversation(_) => 1,
        };
        self.conditions.check(&row.asked, responses)?;
        let mut found = Found::default();
        each_text_of_question(row, |text| found.add(text, QUESTION, self.kinds));
        let target = self.target(row);
        if let Some(Ok(answer)) = &target {
            found.add(answer, ANSWER, self.kinds);
        }
        Ok(RowCuration {
            curation: self,
            row,
            answers: RowAnswers::of(row, self.settings.accept.as_ref()),
            fault: target.and_then(Result::err),
            found,
        })
    }
}

/// Every text of a row but the responses that are looked at one by one.
fn each_text_of_question(row: &Row<'_>, mut each: impl FnMut(&str)) {
    each(row.system.as_deref().unwrap_or_default());
    match &row.body {
        Body::Question {
            question,
            options,
            history,
            ..
        } => {
            each(question);
            options.iter().for_each(|option| each(option.text));
            history.iter().flatten().for_each(|text| each(text));
        }
        Body::Conversation(turns) => {
            let last = turns.iter().rposition(|turn| turn.role == "assistant");
            for (number, turn) in turns.iter().enumerate() {
                if Some(number) != last {
                    each(turn.reasoning.as_deref().unwrap_or_default());
                    each(&turn.text());
                }
            }
        }
    }
}

impl<'r> RowCuration<'r> {
    /// Leaves out every trace of the row, whose right answer cannot be learned as it is rendered.
    pub fn refuse(&mut self, verdict: Verdict) {
        self.fault.get_or_insert(verdict);
    }

    /// Why no response of the row can be accepted, where answers are compared and its right one cannot be used.
    pub fn fault_of_gold(&self) -> Option<Verdict> {
        let answered = self.answers.judge(&parts("", None), Some(true));
        let of_gold = |verdict: &Verdict| matches!(verdict, Verdict::NoGold | Verdict::GoldFault);
        answered.verdict.filter(of_gold)
    }

    /// The row as it came.
    pub fn row(&self) -> &'r Row<'r> {
        self.row
    }

    /// Measures the response of this number and decides; what was measured stays in `scratch`. Of a conversation the last
    /// response is the one that counts.
    pub fn decide(&self, sample: usize, scratch: &mut CurationScratch) -> Option<Verdict> {
        match &self.row.body {
            Body::Question { responses, .. } => {
                let response = responses.get(sample)?;
                if response.is_null {
                    // No sample: nothing is measured of it, and nobody asks for its answer.
                    scratch.measures = self.of_question();
                    scratch.condition = 0;
                    return Some(Verdict::EmptyResponse);
                }
                self.response(
                    sample,
                    &response.response,
                    response.reasoning.as_deref(),
                    scratch,
                )
            }
            Body::Conversation(turns) => {
                let last = turns.iter().rfind(|turn| turn.role == "assistant")?;
                self.response(0, &last.text(), last.reasoning.as_deref(), scratch)
            }
        }
    }

    fn response(
        &self,
        sample: usize,
        response: &str,
        reasoning: Option<&str>,
        scratch: &mut CurationScratch,
    ) -> Option<Verdict> {
        scratch.condition = 0;
        if response.trim().is_empty() {
            // As the scan calls it where nobody curates; asked for its answer, it gives none, whatever its reasoning says.
            let state = match self.answers.judge(&parts("", None), Some(true)).state {
                state @ (AnswerState::Unasked | AnswerState::NoGold | AnswerState::GoldFault) => {
                    state
                }
                _ => AnswerState::Absent,
            };
            scratch.measures = TraceMeasures {
                answer: state as u8,
                ..self.of_question()
            };
            return Some(Verdict::EmptyResponse);
        }
        // Nothing is asked of it.
        let settings = self.curation.measures.as_ref()?;
        scratch.largest = scratch
            .largest
            .max(response.len() + reasoning.map_or(0, str::len));
        let split = parts(response, reasoning);
        let finished = self.finished(sample);
        let of_response = octomed_responses::Response {
            text: response,
            parts: split,
            finished,
        };
        let measured = measure(&of_response, settings, &mut scratch.words);
        let answered = self.answers.judge(&split, finished);
        scratch.measures = self.record(&measured, &split, &answered);
        let conditions = &self.curation.conditions;
        if let Some(number) = conditions.first_unmet(&self.row.asked, sample, &scratch.measures) {
            scratch.condition = number;
            return Some(Verdict::NotKept);
        }
        self.verdict(answered.verdict, &scratch.measures)
    }

    /// What is known of a response without text: the question's identifying data.
    fn of_question(&self) -> TraceMeasures {
        TraceMeasures {
            identifying: self.found.bits,
            identifying_at: self.found.at,
            ..TraceMeasures::default()
        }
    }

    fn record(&self, measured: &Measures, split: &Parts<'_>, answered: &Answered) -> TraceMeasures {
        let mut found = self.found;
        found.add(
            split.reasoning.unwrap_or_default(),
            REASONING,
            self.curation.kinds,
        );
        found.add(split.answer, ANSWER, self.curation.kinds);
        TraceMeasures {
            answer: answered.state as u8,
            flags: measured.flags,
            identifying: found.bits,
            identifying_at: found.at,
            option: answered.option,
            reasoning_words: measured.reasoning_words,
            response_words: measured.response_words,
            ngram_share: measured.ngram_share,
            line_share: measured.line_share,
            script_share: measured.script_share,
            loop_words: measured.loop_words,
            ..TraceMeasures::default()
        }
    }

    /// The first reason, in the order of the verdicts, why a response is left out whose conditions hold.
    fn verdict(&self, of_answer: Option<Verdict>, measures: &TraceMeasures) -> Option<Verdict> {
        let of_answer = self.fault.or(of_answer);
        let of_limits = octomed_curate::failed(measures, &self.curation.settings.limits);
        match (of_answer, of_limits) {
            (Some(one), Some(other)) => Some(if (one as u8) <= (other as u8) {
                one
            } else {
                other
            }),
            (one, other) => one.or(other),
        }
    }

    /// Whether a response ended by itself, as far as the row says.
    fn finished(&self, sample: usize) -> Option<bool> {
        let reason = self.row.finish_reasons.get(sample)?.as_deref()?;
        let is_one = |words: &[&str]| words.iter().any(|word| reason.eq_ignore_ascii_case(word));
        match () {
            () if is_one(&ENDED) => Some(true),
            () if is_one(&CUT) => Some(false),
            () => None,
        }
    }

    /// The row's line of the table of questions, if a rule reads it; its text as it is rendered.
    pub fn question<'q>(
        &'q self,
        stem: &'q str,
        question_id: u64,
        images: Option<u64>,
        pictures: impl Iterator<Item = [u64; 2]>,
    ) -> Option<Question<'q>> {
        if !self.curation.settings.questions {
            return None;
        }
        let asked = self.row.asked.iter().map(|value| match value {
            Asked::One(value) => Some(&**value),
            Asked::None | Asked::Many(_) => None,
        });
        Some(Question {
            ordinal: self.row.ordinal as u32, // the trace before it was refused were it larger
            question_id,
            stem,
            images: images.unwrap_or_default(),
            gold: self.answers.gold(),
            asked: asked.collect(),
            pictures: if self.curation.settings.pictures {
                pictures.collect()
            } else {
                Vec::new()
            },
        })
    }
}

/// Why a response ended, in the words of those who serve models: by itself …
const ENDED: [&str; 8] = [
    "stop",
    "eos",
    "eos_token",
    "end_turn",
    "stop_sequence",
    "complete",
    "completed",
    "finished",
];

/// … or because it was cut.
const CUT: [&str; 12] = [
    "length",
    "max_tokens",
    "max_length",
    "max_output_tokens",
    "model_length",
    "token_limit",
    "abort",
    "aborted",
    "content_filter",
    "safety",
    "error",
    "incomplete",
];
