//! The tokens of an expression, cut as the template engine cuts them.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text in quotes.
    Quoted,
    Number,
    /// A variable, an attribute, or what a filter, a test or a constant is called.
    Name,
    /// `and`, `or`, `not`, `if`, `else`, `elif`, `is`, and the `in` of a loop.
    Keyword,
    /// `==`, `!=`, `<`, `<=`, `>`, `>=` and `in`.
    Comparison,
    Open,
    Close,
    /// All other characters.
    Sign,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) at: usize,
    pub(crate) text: &'t str,
    pub(crate) kind: Kind,
    /// For a bracket, the place of the one that belongs to it.
    pub(crate) partner: usize,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// Whether an operand may end here, so that `[` takes an item and `(` is a call.
    pub(crate) fn ends_operand(&self) -> bool {
        matches!(
            self.kind,
            Kind::Name | Kind::Number | Kind::Quoted | Kind::Close
        )
    }
}

/// The engine refuses expressions that lie deeper in brackets.
const DEEPEST: usize = 150;
const KEYWORDS: [&str; 7] = ["and", "or", "not", "if", "else", "elif", "is"];

/// The tokens of `text` from `start` on, or nothing if its brackets do not match: the engine refuses it then.
///
/// `is_loop` says that the first `in` is the one of a `{% for %}`.
pub(crate) fn tokens(text: &str, start: usize, is_loop: bool) -> Option<Vec<Token<'_>>> {
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut open = Vec::new();
    let mut looks_for_in = is_loop;
    let mut at = start;
    while let Some(character) = text[at..].chars().next() {
        if character.is_whitespace() {
            at += character.len_utf8();
            continue;
        }
        let (length, mut kind) = token(&text[at..]);
        let word = &text[at..at + length];
        if kind == Kind::Name {
            kind = name_kind(word, &found);
        }
        if kind == Kind::Comparison && word == "in" && looks_for_in {
            looks_for_in = false;
            kind = Kind::Keyword;
        }
        let mut partner = found.len();
        match kind {
            Kind::Open if open.len() == DEEPEST => return None,
            Kind::Open => open.push(found.len()),
            Kind::Close => {
                partner = open.pop()?;
                found[partner].partner = found.len();
            }
            _ => {}
        }
        found.push(Token {
            at,
            text: word,
            kind,
            partner,
        });
        at += length;
    }
    open.is_empty().then_some(found)
}

/// The length and the kind of the token that `text` begins with.
fn token(text: &str) -> (usize, Kind) {
    let bytes = text.as_bytes();
    let run = |goes_on: fn(&u8) -> bool| {
        bytes
            .iter()
            .position(|b| !goes_on(b))
            .unwrap_or(bytes.len())
    };
    match bytes[0] {
        b'\'' | b'"' => (quoted_length(bytes), Kind::Quoted),
        b'0'..=b'9' => (run(u8::is_ascii_digit), Kind::Number),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            let length = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            (length, Kind::Name)
        }
        b'(' | b'[' | b'{' => (1, Kind::Open),
        b')' | b']' | b'}' => (1, Kind::Close),
        first => match (first, bytes.get(1)) {
            (b'=' | b'!' | b'<' | b'>', Some(b'=')) => (2, Kind::Comparison),
            (b'<' | b'>', _) => (1, Kind::Comparison),
            (b'*', Some(b'*')) | (b'/', Some(b'/')) => (2, Kind::Sign),
            _ => (text.chars().next().map_or(1, char::len_utf8), Kind::Sign),
        },
    }
}

fn quoted_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if *byte == bytes[0] => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// What a word is behind `before`: attributes, filters and tests may be called like operators.
fn name_kind(word: &str, before: &[Token<'_>]) -> Kind {
    let last = before.last();
    let is_called = last.is_some_and(|last| matches!(last.text, "." | "|"));
    let is_test = last.is_some_and(|last| last.kind == Kind::Keyword && last.text == "is")
        || before.len() > 1
            && last.is_some_and(|last| last.text == "not")
            && before[before.len() - 2].text == "is"
            && before[before.len() - 2].kind == Kind::Keyword;
    let is_negation = last.is_some_and(|last| last.text == "is") && word == "not";
    match word {
        _ if is_called || is_test && !is_negation => Kind::Name,
        "in" => Kind::Comparison,
        _ if KEYWORDS.contains(&word) => Kind::Keyword,
        _ => Kind::Name,
    }
}
