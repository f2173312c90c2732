//! Texts as they are compared: lower case, words with one space between, markup and accents gone.

/// The characters of a text as they are compared, one by one, without a copy of it.
///
/// Kept besides letters and digits: `%`, `<`, `>`, `=`, `≤`, `≥`, `↑`, `↓`, a `+` behind a letter, the point of a decimal and the minus
/// of a number. Greek letters become their names, a genitive `'s` goes, `1,000` is `1000`.
#[derive(Clone)]
pub(super) struct Folder<'a> {
    text: &'a str,
    at: usize,
    spelled: &'static str,
    previous: char,
    is_space_due: bool,
    /// How many characters that are no text are passed over at once.
    patience: usize,
}

const SPACE: char = ' ';

impl<'a> Folder<'a> {
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self {
            text,
            at,
            spelled: "",
            previous: SPACE,
            is_space_due: false,
            patience: usize::MAX,
        }
    }

    /// The same, which ends where more than `patience` characters in a row are no text.
    fn patient(text: &'a str, at: usize, patience: usize) -> Self {
        Self {
            patience,
            ..Self::new(text, at)
        }
    }

    /// Bytes of the text that have been read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take_spelled(&mut self) -> Option<char> {
        let mut rest = self.spelled.chars();
        let first = rest.next()?;
        self.spelled = rest.as_str();
        Some(first)
    }

    /// What a character of the text is when compared; `None` for what only parts words or is not there at all.
    fn folded(&mut self, character: char) -> Option<char> {
        match character {
            'a'..='z' | '0'..='9' => Some(character),
            'A'..='Z' => Some(character.to_ascii_lowercase()),
            '\'' | '’' | '‘' => self.genitive(),
            '\\' => self.command(),
            '.' => self.point(),
            ',' => self.thousands(),
            '-' | '−' | '–' => self.minus(),
            '%' => self.percent(),
            '+' => self.previous.is_alphanumeric().then_some('+'),
            '<' | '>' | '=' | '≤' | '≥' | '↑' | '↓' => Some(character),
            _ if character.is_ascii() => self.part(),
            _ => self.beyond_ascii(character),
        }
    }

    fn part(&mut self) -> Option<char> {
        self.is_space_due = true;
        None
    }

    fn genitive(&mut self) -> Option<char> {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = rest.get(1).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if self.previous.is_alphanumeric() && matches!(rest.first(), Some(b's' | b'S')) && ends {
            self.at += 1;
            return None;
        }
        if self.previous.is_alphanumeric() {
            None
        } else {
            self.part()
        }
    }

    /// `\text{` goes whole, `\beta` is `beta`, `\%` is `%`.
    fn command(&mut self) -> Option<char> {
        let rest = &self.text.as_bytes()[self.at..];
        let letters = rest
            .iter()
            .take(16)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if letters > 0 && rest.get(letters) == Some(&b'{') {
            self.at += letters;
        }
        if letters > 0 { self.part() } else { None }
    }

    fn point(&mut self) -> Option<char> {
        let is_before_digit = self.peek().is_some_and(|next| next.is_ascii_digit());
        if !is_before_digit {
            return self.part();
        }
        if self.previous.is_ascii_digit() && !self.is_space_due {
            return Some('.');
        }
        if self.previous.is_alphanumeric() && !self.is_space_due {
            return self.part();
        }
        self.spelled = ".";
        Some('0')
    }

    fn thousands(&mut self) -> Option<char> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest
            .iter()
            .take(4)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if self.previous.is_ascii_digit() && !self.is_space_due && digits == 3 {
            return None;
        }
        self.part()
    }

    fn minus(&mut self) -> Option<char> {
        let is_before_digit = self.peek().is_some_and(|next| next.is_ascii_digit());
        let is_between = self.previous.is_alphanumeric() && !self.is_space_due;
        if is_before_digit && !is_between {
            Some('-')
        } else {
            self.part()
        }
    }

    /// `95 %` and `95%` are the same.
    fn percent(&mut self) -> Option<char> {
        self.is_space_due = false;
        Some('%')
    }

    fn beyond_ascii(&mut self, character: char) -> Option<char> {
        if let Some(name) = spelled(character) {
            self.spelled = &name[name.chars().next().map_or(0, char::len_utf8)..];
            return name.chars().next();
        }
        match character {
            '\u{ff01}'..='\u{ff5e}' => {
                let ascii = char::from_u32(character as u32 - 0xfee0)?;
                self.folded(ascii)
            }
            _ if character.is_alphanumeric() => character.to_lowercase().next(),
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => None,
            _ => self.part(),
        }
    }
}

impl Iterator for Folder<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if let Some(character) = self.take_spelled() {
            self.previous = character;
            return Some(character);
        }
        for _ in 0..self.patience {
            let start = self.at;
            let character = self.peek()?;
            self.at += character.len_utf8();
            let Some(folded) = self.folded(character) else {
                continue;
            };
            if self.is_space_due && self.previous != SPACE {
                (self.at, self.spelled) = (start, "");
                (self.previous, self.is_space_due) = (SPACE, false);
                return Some(SPACE);
            }
            (self.previous, self.is_space_due) = (folded, false);
            return Some(folded);
        }
        None
    }
}

/// A text as it is compared, without an article before it; the `A` of `A: text` is none.
pub(super) fn folded(text: &str) -> String {
    let text = text.trim_start();
    let is_article = |article: &&str| {
        text.as_bytes()
            .get(..article.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(article.as_bytes()))
    };
    let article = ["the ", "an ", "a "]
        .iter()
        .find(|article| is_article(article))
        .map_or(0, |article| article.len());
    let folded: String = Folder::new(text, article).collect();
    folded.trim_start().to_owned()
}

/// Longer gaps are not within an option's text.
const PATIENCE: usize = 64;

/// Where `folded` ends in `text` when it begins at `at` and ends with a word.
pub(super) fn prefix(text: &str, at: usize, folded: &str) -> Option<usize> {
    let mut folder = Folder::patient(text, at, PATIENCE);
    let mut last = SPACE;
    for expected in folded.chars() {
        if folder.next()? != expected {
            return None;
        }
        last = expected;
    }
    let end = folder.at();
    let is_word_end = match folder.next() {
        None | Some(SPACE) => true,
        Some(next) => is_unspaced(next) || is_unspaced(last),
    };
    (is_word_end && !folded.is_empty()).then_some(end)
}

/// Whether a character belongs to a script that writes no spaces between words.
pub(super) fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

fn spelled(character: char) -> Option<&'static str> {
    Some(match character {
        'α' | 'Α' => "alpha",
        'β' | 'Β' | 'ϐ' => "beta",
        'γ' | 'Γ' => "gamma",
        'δ' | 'Δ' => "delta",
        'ε' => "epsilon",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ω' | 'Ω' => "omega",
        'á' | 'à' | 'â' | 'ã' | 'å' | 'Á' | 'À' | 'Â' | 'Å' => "a",
        'ä' | 'Ä' => "a",
        'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' => "e",
        'í' | 'ì' | 'î' | 'ï' => "i",
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'ø' | 'Ó' | 'Ö' | 'Ø' => "o",
        'ú' | 'ù' | 'û' | 'ü' | 'Ü' => "u",
        'ç' | 'Ç' => "c",
        'ñ' => "n",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        '₀' | '⁰' => "0",
        '₁' | '¹' => "1",
        '₂' | '²' => "2",
        '₃' | '³' => "3",
        '₄' | '⁴' => "4",
        '₅' | '⁵' => "5",
        '₆' | '⁶' => "6",
        '₇' | '⁷' => "7",
        '₈' | '⁸' => "8",
        '₉' | '⁹' => "9",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{folded, prefix};

    #[test]
    fn equal_texts_fold_alike() {
        for (one, other) in [
            ("Addison's disease", "addison disease"),
            ("β-blocker", "Beta blocker"),
            ("\\text{Addison\\ disease}", "Addison disease"),
            ("95 \\%", "95%"),
            ("1,000 mL", "1000 ml"),
            (".5 mg", "0.5 mg"),
            ("Ｂ細胞", "b細胞"),
            ("  The  CT-scan. ", "ct scan"),
            ("Ménière’s", "meniere"),
            ("CO₂", "co2"),
        ] {
            assert_eq!(folded(one), folded(other), "{one}");
        }
        for (one, other) in [
            ("1.5", "15"),
            ("-1", "1"),
            ("Na+", "Na"),
            ("> 5", "< 5"),
            ("20%", "20"),
        ] {
            assert_ne!(folded(one), folded(other), "{one}");
        }
    }

    #[test]
    fn a_prefix_ends_with_a_word() {
        assert_eq!(prefix("Drusen, not DME", 0, "drusen"), Some(6));
        assert_eq!(prefix("Drusenoid", 0, "drusen"), None);
        assert_eq!(prefix("是呋喃妥因。", 3, "呋喃妥因"), Some(15));
        assert_eq!(prefix("20.5", 0, "20"), None);
        assert_eq!(prefix("x", 0, ""), None);
    }
}
