//! The script of one letter.

/// What script a letter is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Hebrew,
    Arabic,
    Devanagari,
    Bengali,
    Tamil,
    Telugu,
    Thai,
    Georgian,
    Ethiopic,
    Han,
    Kana,
    Hangul,
    /// Of a script that no recipe can ask for.
    Other,
    /// Of several scripts, as the letters of formulas: not counted.
    Common,
}
