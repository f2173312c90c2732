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
    /// More tokens than a pack holds. Decided in SELECT, so that another capacity re-scans nothing.
    OverLong = 64,
    /// The same trace stands earlier in source order.
    Duplicate = 65,
    /// Images of more patches than a pack holds. Decided in SELECT, like the length.
    OverPatches = 66,
    /// Too few or too many of its question's responses are right.
    PassRate = 69,
    /// Its question has enough traces without it.
    TracesPerQuestion = 70,
    /// Its question is not among those drawn of its class.
    NotDrawn = 71,
    /// A list of exclusions names it.
    Excluded = 72,
    /// The mix has fewer epochs, or fewer examples, of its group.
    NotInMix = 73,
}

impl Verdict {
    /// Every verdict, in the order in which they are decided.
    pub const ALL: [Self; 16] = [
        Self::Kept,
        Self::EmptyResponse,
        Self::TemplateRefused,
        Self::NoSupervisedTokens,
        Self::TwoReasonings,
        Self::TemplateLimit,
        Self::TokenizerLimit,
        Self::TokenizerFailed,
        Self::Excluded,
        Self::OverLong,
        Self::OverPatches,
        Self::Duplicate,
        Self::PassRate,
        Self::TracesPerQuestion,
        Self::NotDrawn,
        Self::NotInMix,
    ];

    /// The name used in rejects and summaries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
            Self::PassRate => "pass_rate",
            Self::TracesPerQuestion => "traces_per_question",
            Self::NotDrawn => "not_drawn",
            Self::Excluded => "excluded",
            Self::NotInMix => "not_in_mix",
            Self::Duplicate => "duplicate",
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
