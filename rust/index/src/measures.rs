//! What the scan measured of a response: the record that rules of the selection read, so that a stricter threshold
//! scans nothing.

use crate::SideColumn;

/// What became of the comparison of a response's answer with the right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AnswerState {
    /// Nobody asked.
    #[default]
    Unasked = 0,
    /// The answer is the right one.
    Right = 1,
    /// The answer is another one.
    Wrong = 2,
    /// The response gives several answers, or one that suits several options.
    Ambiguous = 3,
    /// The response gives no answer.
    Absent = 4,
    /// The response ends before its answer.
    Cut = 5,
    /// The row has no right answer.
    NoGold = 6,
    /// The row's right answer cannot be used: it is not among the options, or suits several.
    GoldFault = 7,
    /// The response gives an answer, which is compared with nothing.
    Present = 8,
}

impl AnswerState {
    /// Every state, by its code.
    pub const ALL: [Self; 9] = [
        Self::Unasked,
        Self::Right,
        Self::Wrong,
        Self::Ambiguous,
        Self::Absent,
        Self::Cut,
        Self::NoGold,
        Self::GoldFault,
        Self::Present,
    ];

    /// The name used in tables and summaries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Ambiguous => "ambiguous",
            Self::Absent => "absent",
            Self::Cut => "cut",
            Self::NoGold => "no_gold",
            Self::GoldFault => "gold_fault",
            Self::Present => "present",
        }
    }

    /// The state stored as `code`, if that is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Bits of [`TraceMeasures::flags`].
pub mod flags {
    /// The response has reasoning.
    pub const REASONING: u8 = 1;
    /// The response ends as one that is finished.
    pub const FINISHED: u8 = 2;
    /// The response refuses to answer.
    pub const REFUSAL: u8 = 4;
    /// The marks around reasoning and answer do not belong together.
    pub const DAMAGED_MARKUP: u8 = 8;
    /// There are marks of reasoning, and nothing between them.
    pub const EMPTY_REASONING: u8 = 16;
    /// The response has the form that the recipe asks for.
    pub const FORMAT: u8 = 32;
}

/// Fields of a row in which identifying data may stand; each has five bits of [`TraceMeasures::identifying`].
pub const IDENTIFYING_FIELDS: [&str; 3] = ["question", "reasoning", "answer"];

/// Kinds of identifying data, by their bit inside of a field's five.
pub const IDENTIFYING_KINDS: [&str; 5] = [
    "email",
    "phone",
    "national_id",
    "record_number",
    "date_of_birth",
];

/// Declares the record: its fields, their bytes, and their names in tables.
macro_rules! measures {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty;)+) => {
        /// What the scan measured of one response; all zeros where it measured nothing.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct TraceMeasures {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        impl TraceMeasures {
            /// Bytes of a record.
            pub const BYTES: usize = 0 $(+ size_of::<$kind>())+;

            /// Names of the fields, in the order of a record.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// The record as it is stored: the fields on end, the lowest byte of each first.
            #[must_use]
            pub fn encode(&self) -> [u8; Self::BYTES] {
                let mut bytes = [0; Self::BYTES];
                let mut rest = &mut bytes[..];
                $(
                    let (field, behind) = rest.split_at_mut(size_of::<$kind>());
                    field.copy_from_slice(&self.$name.to_le_bytes());
                    rest = behind;
                )+
                let _ = rest;
                bytes
            }

            /// The record that is stored in these bytes; none where they are too few.
            #[must_use]
            pub fn decode(mut bytes: &[u8]) -> Option<Self> {
                let mut measures = Self::default();
                $(
                    let (field, rest) = bytes.split_first_chunk()?;
                    measures.$name = <$kind>::from_le_bytes(*field);
                    bytes = rest;
                )+
                let _ = bytes;
                Some(measures)
            }

            /// Every field as a number, in the order of [`Self::NAMES`].
            #[must_use]
            pub fn values(&self) -> Vec<u64> {
                vec![$(u64::from(self.$name)),+]
            }
        }
    };
}

measures! {
    /// [`AnswerState`] of the response.
    answer: u8;
    /// What the response is, bit by bit: [`flags`].
    flags: u8;
    /// Kinds of identifying data: bit `5 * field + kind`, by [`IDENTIFYING_FIELDS`] and [`IDENTIFYING_KINDS`].
    identifying: u16;
    /// Where the first of these begins, in bytes of its field.
    identifying_at: u32;
    /// Hash of the answer as normalised text of an option; 0 of none. Of a row whose right answer cannot be used, why not.
    option: u64;
    /// Words of the reasoning.
    reasoning_words: u32;
    /// Words of reasoning and answer together.
    response_words: u32;
    /// Share of the n-grams that repeat an earlier one, in 1/10,000.
    ngram_share: u16;
    /// Share of the lines that repeat an earlier one, in 1/10,000.
    line_share: u16;
    /// Share of the letters that are of the recipe's script, in 1/10,000.
    script_share: u16;
    /// Words of the loop with which the response ends; 0 of none.
    loop_words: u32;
    /// Bytes that the trace was rendered to; 0 where it was not.
    text_bytes: u32;
    /// Tokens across the edge of a supervised span; of a trace that `keep` or `where` leaves out, which is not rendered,
    /// the number of the condition that does not hold, from 1.
    straddling: u32;
}

/// The side column of the records.
pub const MEASURES: SideColumn = SideColumn {
    extension: "measures",
    width: TraceMeasures::BYTES,
};

/// The side column of so many MinHash band keys a trace, each of 64 bits.
#[must_use]
pub const fn bands(count: u32) -> SideColumn {
    SideColumn {
        extension: "bands",
        width: 8 * count as usize,
    }
}

impl TraceMeasures {
    /// The record of the trace in row `row` of the side column; zeros beyond its end.
    #[must_use]
    pub fn of(values: &[u8], row: usize) -> Self {
        let bytes = values.get(Self::BYTES * row..).unwrap_or_default();
        Self::decode(bytes).unwrap_or_default()
    }

    /// What became of the comparison of answers.
    #[must_use]
    pub fn state(&self) -> AnswerState {
        AnswerState::from_code(self.answer).unwrap_or_default()
    }

    /// What was measured of the response, by the names of `where`: counts, and shares between 0 and 1.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let share = |value: u16| f64::from(value) / 10_000.0;
        vec![
            ("reasoning_words", self.reasoning_words.into()),
            ("response_words", self.response_words.into()),
            ("ngram_share", share(self.ngram_share)),
            ("line_share", share(self.line_share)),
            ("script_share", share(self.script_share)),
            ("loop_words", self.loop_words.into()),
        ]
    }

    /// Whether a bit of [`flags`] is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back() {
        let measures = TraceMeasures {
            answer: AnswerState::Cut as u8,
            flags: flags::REASONING | flags::FORMAT,
            identifying: 0x7fff,
            identifying_at: 9,
            option: u64::MAX - 3,
            reasoning_words: u32::MAX,
            response_words: 5,
            ngram_share: 10_000,
            line_share: 77,
            script_share: 1,
            loop_words: 1 << 31,
            text_bytes: 8,
            straddling: 9,
        };
        let bytes = measures.encode();
        assert_eq!(TraceMeasures::decode(&bytes), Some(measures));
        assert_eq!((bytes.len(), MEASURES.width), (42, 42));
        assert_eq!((bytes[0], bytes[1]), (5, 33));
        for cut in 0..bytes.len() {
            assert_eq!(TraceMeasures::decode(&bytes[..cut]), None);
        }
        let two = [TraceMeasures::default().encode(), bytes].concat();
        assert_eq!(TraceMeasures::of(&two, 1), measures);
        assert_eq!(TraceMeasures::of(&two, 2), TraceMeasures::default());
        assert_eq!(measures.values().len(), TraceMeasures::NAMES.len());
    }

    #[test]
    fn states_read_back() {
        for state in AnswerState::ALL {
            assert_eq!(AnswerState::from_code(state as u8), Some(state));
        }
        assert_eq!(AnswerState::from_code(9), None);
    }
}
