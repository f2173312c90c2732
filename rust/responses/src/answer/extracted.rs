//! What an extraction gives.

/// One option of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Its letter or number; empty where it has none.
    pub label: &'a str,
    /// Its text, without the label.
    pub text: &'a str,
}

/// A number that a response answers with.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// As written; a percentage stays what it is.
    pub value: f64,
    /// In lower case, without spaces; empty where there is none.
    pub unit: String,
}

/// The final answer of a response.
#[derive(Clone, Debug, PartialEq)]
pub enum Extracted {
    /// Places of the options that are answered, from 0, in their order.
    Options(Vec<usize>),
    /// A text, where the question has no options.
    Text(String),
    /// A number, where the question has no options.
    Number(Number),
    /// There is an answer, and it cannot be told which.
    Ambiguous,
    /// No answer, or none that is an option.
    Absent,
    /// The response ends before its answer is whole.
    Cut,
}

/// How a response compares with gold. The numbers are stored in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AnswerState {
    /// Nobody asked.
    Unasked = 0,
    /// It answers what gold says.
    Right = 1,
    /// It answers something else.
    Wrong = 2,
    /// It cannot be told which of several answers it gives.
    Ambiguous = 3,
    /// It gives no answer, or none that is an option.
    Absent = 4,
    /// It ends in its reasoning, or before its answer is whole.
    Cut = 5,
    /// The row has no gold answer.
    NoGold = 6,
    /// The row's gold answer cannot be what it says.
    GoldFault = 7,
    /// It gives an answer, which nobody compared.
    Present = 8,
}

/// A response beside its gold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How they compare.
    pub state: AnswerState,
    /// A hash of what is answered, as the folded text of the option; 0 where nothing is.
    pub option: u64,
}

/// How a response marks its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convention {
    /// `<answer>E</answer>`.
    Tag,
    /// `\boxed{E}`.
    Boxed,
    /// "The answer is (E)", "Answer: E", a heading, JSON, 答案是E.
    Statement,
    /// "Option E is correct", "the most likely diagnosis is …".
    Verdict,
    /// A line that is an option and nothing else.
    Line,
    /// One option alone is named, in the conclusion.
    Mention,
}

/// A final answer and where it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The answer.
    pub extracted: Extracted,
    /// How it is marked; `None` without an answer.
    pub convention: Option<Convention>,
    /// Whether it stands in the reasoning alone.
    pub is_in_reasoning: bool,
}
