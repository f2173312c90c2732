//! What became of a trace.

/// Why a trace is in or out; the numbers are stored in the index, so they never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// The trace is in.
    Kept = 0,
    /// A supervised response has no text.
    EmptyResponse = 1,
    /// The chat template raised an error for this conversation.
    TemplateRefused = 2,
    /// No token lies wholly inside a supervised span.
    NoSupervisedTokens = 3,
    /// A response carries its own chain of thought and stands next to another.
    TwoReasonings = 4,
    /// The chat template or the prompt needs more for the row than a row may take.
    TemplateLimit = 5,
    /// The tokenizer needs more for the text than a text may take.
    TokenizerLimit = 6,
    /// The tokenizer failed on the text.
    TokenizerFailed = 7,
    /// The recipe's `keep` or `where` does not let it pass.
    NotKept = 8,
    /// The row has no right answer to compare with.
    NoGold = 9,
    /// The row's right answer cannot be used: not among the options, or one of several.
    GoldFault = 10,
    /// The response ends before it is finished.
    CutResponse = 11,
    /// The response gives no answer.
    NoAnswer = 12,
    /// The response gives several answers.
    AmbiguousAnswer = 13,
    /// The answer is not the right one.
    WrongAnswer = 14,
    /// The response has not the form that the recipe asks for.
    AnswerFormat = 15,
    /// Reasoning or response has fewer or more words than the recipe lets pass.
    ReasoningLength = 16,
    /// The response repeats itself.
    Repetition = 17,
    /// The response refuses to answer.
    Refusal = 18,
    /// Too few letters are of the recipe's script.
    Language = 19,
    /// There are marks of reasoning, and nothing between them.
    EmptyReasoning = 20,
    /// The marks around reasoning and answer do not belong together.
    DamagedMarkup = 21,
    /// The trace has data that tell who somebody is.
    Identifying = 22,
    /// A filter of the user's own left it out.
    Filtered = 23,
    /// More tokens than a pack holds. Decided in SELECT, so that another capacity re-scans nothing.
    OverLong = 64,
    /// The same trace stands earlier in source order.
    Duplicate = 65,
    /// Images of more patches than a pack holds. Decided in SELECT, like the length.
    OverPatches = 66,
    /// The question shares words with one of an evaluation set.
    Contaminated = 67,
    /// A trace that stays is nearly equal.
    NearDuplicate = 68,
    /// Too few or too many responses to the question are right.
    PassRate = 69,
    /// The question has as many traces as the recipe lets it have.
    TracesPerQuestion = 70,
    /// The question was not drawn: its class, or its source, has as many as the recipe asks for.
    NotDrawn = 71,
    /// The recipe names it among those that are excluded.
    Excluded = 72,
    /// The group's share of the mix is reached without it.
    NotInMix = 73,
    /// The question shows an image of an evaluation set.
    ContaminatedImage = 74,
    /// What is learned is the question's right answer, and another of its traces stands for that.
    OneAnswer = 75,
}

impl Verdict {
    /// Every verdict, in the order in which they are decided.
    pub const ALL: [Self; 36] = [
        Self::Kept,
        Self::EmptyResponse,
        Self::NotKept,
        Self::NoGold,
        Self::GoldFault,
        Self::CutResponse,
        Self::NoAnswer,
        Self::AmbiguousAnswer,
        Self::WrongAnswer,
        Self::AnswerFormat,
        Self::ReasoningLength,
        Self::Repetition,
        Self::Refusal,
        Self::Language,
        Self::EmptyReasoning,
        Self::DamagedMarkup,
        Self::Identifying,
        Self::Filtered,
        Self::TwoReasonings,
        Self::TemplateRefused,
        Self::TemplateLimit,
        Self::TokenizerLimit,
        Self::TokenizerFailed,
        Self::NoSupervisedTokens,
        Self::Excluded,
        Self::Contaminated,
        Self::ContaminatedImage,
        Self::OverLong,
        Self::OverPatches,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::PassRate,
        Self::TracesPerQuestion,
        Self::NotDrawn,
        Self::NotInMix,
        Self::OneAnswer,
    ];

    /// The names of all, in the same order.
    pub const NAMES: [&str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut place = 0;
        while place < names.len() {
            names[place] = Self::ALL[place].as_str();
            place += 1;
        }
        names
    };

    /// The name used in rejects and summaries.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::EmptyResponse => "empty_response",
            Self::TemplateRefused => "template_refused",
            Self::NoSupervisedTokens => "no_supervised_tokens",
            Self::TwoReasonings => "two_reasonings",
            Self::TemplateLimit => "template_limit",
            Self::TokenizerLimit => "tokenizer_limit",
            Self::TokenizerFailed => "tokenizer_failed",
            Self::OverLong => "over_long",
            Self::OverPatches => "over_patches",
            Self::Duplicate => "duplicate",
            Self::NotKept => "not_kept",
            Self::NoGold => "no_gold",
            Self::GoldFault => "gold_fault",
            Self::CutResponse => "cut_response",
            Self::NoAnswer => "no_answer",
            Self::AmbiguousAnswer => "ambiguous_answer",
            Self::WrongAnswer => "wrong_answer",
            Self::AnswerFormat => "answer_format",
            Self::ReasoningLength => "reasoning_length",
            Self::Repetition => "repetition",
            Self::Refusal => "refusal",
            Self::Language => "language",
            Self::EmptyReasoning => "empty_reasoning",
            Self::DamagedMarkup => "damaged_markup",
            Self::Identifying => "identifying",
            Self::Filtered => "filtered",
            Self::Contaminated => "contaminated",
            Self::NearDuplicate => "near_duplicate",
            Self::PassRate => "pass_rate",
            Self::TracesPerQuestion => "traces_per_question",
            Self::NotDrawn => "not_drawn",
            Self::Excluded => "excluded",
            Self::NotInMix => "not_in_mix",
            Self::ContaminatedImage => "contaminated_image",
            Self::OneAnswer => "one_answer",
        }
    }

    /// The verdict stored as `code`, if that is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| *verdict as u8 == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_code(verdict as u8), Some(verdict));
        }
        assert_eq!(Verdict::from_code(200), None);
    }
}
