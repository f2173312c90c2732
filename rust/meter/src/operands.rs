//! Where an expression compares, looks up or binds a value whose size only a rendering knows.
//!
//! The engine counts nothing for the insides of what it compares, and offers no place to do so: the source is given
//! a filter there that does.

use std::collections::BTreeSet;

use crate::tokens::{Kind, Token, tokens};

/// The filter that pays for a value that is about to be compared or looked up.
pub(crate) const WEIGHED: &str = "__weighed";
/// The filter through which every value goes that a template keeps.
pub(crate) const HELD: &str = "__held";

/// What is put before the first of some tokens and after the last.
type Wrap = (usize, usize, [&'static str; 2]);

const WEIGH: [&str; 2] = ["(", ")|__weighed"];
const WEIGH_ALL: [&str; 2] = ["*([", "]|__weighed)"];
const HOLD: [&str; 2] = ["(", ")|__held"];

/// The construct with a filter round every operand whose size matters; `start` is where its expression begins, and
/// `tag` its first word.
pub(crate) fn weighed(construct: &str, start: usize, end: usize, tag: &str) -> String {
    let Some(tokens) = tokens(&construct[..end], start, tag == "for") else {
        return construct.to_owned();
    };
    let mut found = Finder {
        tokens: &tokens,
        tag,
        wraps: BTreeSet::new(),
    };
    found.look();
    // Of those that begin at one place, the longest opens first and closes last.
    let mut insertions = Vec::with_capacity(found.wraps.len() * 2);
    for (start, end, [open, close]) in found.wraps {
        let length = (end - start).cast_signed(); // of a slice, so it is no negative number
        insertions.extend([(start, -length, open), (end, length, close)]);
    }
    insertions.sort_unstable();
    let mut out = String::with_capacity(construct.len() + insertions.len() * 8);
    let mut copied = 0;
    for (at, _, text) in insertions {
        out.push_str(&construct[copied..at]);
        out.push_str(text);
        copied = at;
    }
    out.push_str(&construct[copied..]);
    out
}

struct Finder<'t> {
    tokens: &'t [Token<'t>],
    tag: &'t str,
    wraps: BTreeSet<Wrap>,
}

impl Finder<'_> {
    fn look(&mut self) {
        for at in 0..self.tokens.len() {
            match (self.tokens[at].kind, self.tokens[at].text) {
                (Kind::Comparison, operator) => self.compare(at, operator == "in"),
                (Kind::Open, "[") if self.follows_operand(at) => self.look_up(at),
                (Kind::Open, "{") => self.map(at),
                (Kind::Open, "(") if self.follows_operand(at) => self.call(at),
                (Kind::Sign, "~") => self.join(at),
                (Kind::Sign, "|") => self.filter(at),
                _ => {}
            }
        }
        match self.tag {
            "with" => self.bind(0, self.tokens.len()),
            "for" => self.iterate(),
            _ => {}
        }
    }

    /// One side is enough: a comparison ends when either does.
    fn compare(&mut self, at: usize, is_in: bool) {
        let left_end = if is_in && at > 0 && self.tokens[at - 1].text == "not" {
            at - 1
        } else {
            at
        };
        let left = (self.operand_before(left_end), left_end);
        let right = (at + 1, self.operand_after(at + 1));
        if self.is_small(left.0, left.1) || !is_in && self.is_small(right.0, right.1) {
            return;
        }
        let is_list = self.is_constant_list(right.0, right.1) && self.tokens[right.0].text != "{";
        if !is_list {
            self.wrap(left.0, left.1, WEIGH);
        }
        if is_in && !is_list && !self.is_small(right.0, right.1) {
            self.wrap(right.0, right.1, WEIGH);
        }
    }

    fn look_up(&mut self, open: usize) {
        let (from, to) = self.inside(open);
        let is_slice = self.outer(from, to).any(|token| token.text == ":");
        if !is_slice && !self.is_small(from, to) {
            self.wrap(from, to, WEIGH);
        }
    }

    fn map(&mut self, open: usize) {
        let (from, to) = self.inside(open);
        for (from, to) in self.split(from, to, |token| token.text == ",") {
            let Some((from, to)) = self
                .split(from, to, |token| token.text == ":")
                .first()
                .copied()
            else {
                continue;
            };
            if !self.is_small(from, to) {
                self.wrap(from, to, WEIGH);
            }
        }
    }

    /// What is joined to a text is written in one go, and paid for afterwards.
    fn join(&mut self, at: usize) {
        let is_join = |token: &Token<'_>| token.kind == Kind::Sign && token.text == "~";
        let from = self.operand_before(at);
        let before = self.split(from, at, is_join).last().copied();
        let after = self.split(at + 1, self.operand_after(at + 1), is_join);
        for (from, to) in before.into_iter().chain(after.first().copied()) {
            self.hold(from, to);
        }
    }

    /// A filter may write the list or mapping that it is given; one that has a name was held when it got it.
    fn filter(&mut self, at: usize) {
        let Some(last) = at.checked_sub(1).map(|last| &self.tokens[last]) else {
            return;
        };
        if last.kind == Kind::Close && !self.follows_operand(last.partner) {
            self.hold(last.partner, at);
        }
    }

    fn call(&mut self, open: usize) {
        let (from, to) = self.inside(open);
        // `loop.changed` keeps what it is given, and compares.
        if self.tokens[open - 1].text == "changed" {
            self.wrap(from, to, WEIGH_ALL);
        } else {
            self.bind(from, to);
        }
    }

    /// The values that get a name here: `a = [b, b], c = d`.
    fn bind(&mut self, from: usize, to: usize) {
        for (from, to) in self.split(from, to, |token| token.text == ",") {
            let parts = self.split(from, to, |token| {
                token.kind == Kind::Sign && token.text == "="
            });
            if let Some((from, to)) = parts.last().copied() {
                self.hold(from, to);
            }
        }
    }

    fn iterate(&mut self) {
        let is_in = |token: &Token<'_>| token.text == "in" && token.kind == Kind::Keyword;
        let Some(at) = self.tokens.iter().position(is_in) else {
            return;
        };
        let end = self.operand_end(at + 1, |token| {
            matches!(token.text, "if" | "recursive") && token.kind != Kind::Quoted
        });
        let is_range = self.tokens[at + 1..end]
            .first()
            .is_some_and(|token| token.text == "range")
            && self
                .tokens
                .get(at + 2)
                .is_some_and(|open| open.partner + 1 == end);
        if !is_range {
            self.hold(at + 1, end);
        }
    }

    fn hold(&mut self, from: usize, to: usize) {
        let builds = (from..to).any(|at| {
            let token = &self.tokens[at];
            match token.kind {
                Kind::Open => token.text != "[" && !self.is_call(at) || !self.follows_operand(at),
                Kind::Sign => matches!(token.text, "+" | "*" | "|"),
                _ => false,
            }
        });
        if builds && !self.is_small(from, to) && !self.is_constant_list(from, to) {
            self.wrap(from, to, HOLD);
        }
    }

    fn wrap(&mut self, from: usize, to: usize, texts: [&'static str; 2]) {
        // `*a` and `**a` give many arguments; what they hold was bound before.
        if from < to && !self.tokens[from].text.starts_with('*') {
            let (start, end) = (self.tokens[from].at, self.tokens[to - 1].end());
            self.wraps.insert((start, end, texts));
        }
    }
}

impl<'t> Finder<'t> {
    fn follows_operand(&self, at: usize) -> bool {
        at > 0 && self.tokens[at - 1].ends_operand()
    }

    /// Whether a bracket gives arguments to something that is no filter and no test.
    fn is_call(&self, at: usize) -> bool {
        let is_operator = at > 1
            && (self.tokens[at - 2].text == "|"
                || self.tokens[at - 2].kind == Kind::Keyword && self.is_of_test(at - 2));
        self.follows_operand(at) && !is_operator
    }

    fn inside(&self, open: usize) -> (usize, usize) {
        (open + 1, self.tokens[open].partner)
    }

    fn operand_before(&self, end: usize) -> usize {
        let mut from = end;
        while from > 0 {
            let last = &self.tokens[from - 1];
            match last.kind {
                Kind::Close => from = last.partner,
                Kind::Open | Kind::Comparison => break,
                Kind::Keyword if !self.is_of_test(from - 1) => break,
                Kind::Sign if matches!(last.text, "," | ":" | "=") => break,
                _ => from -= 1,
            }
        }
        from
    }

    /// Whether a keyword is the `is` or `is not` of a test, which binds tighter than comparisons do.
    fn is_of_test(&self, at: usize) -> bool {
        let text = self.tokens[at].text;
        text == "is" || text == "not" && at > 0 && self.tokens[at - 1].text == "is"
    }

    fn operand_after(&self, from: usize) -> usize {
        self.operand_end(from, |token| match token.kind {
            Kind::Comparison => true,
            Kind::Keyword => !matches!(token.text, "is" | "not"),
            Kind::Name => self.tag == "for" && token.text == "recursive",
            Kind::Sign => matches!(token.text, "," | ":" | "="),
            _ => false,
        })
    }

    fn operand_end(&self, from: usize, ends: impl Fn(&Token<'_>) -> bool) -> usize {
        let mut at = from;
        while let Some(token) = self.tokens.get(at) {
            if token.kind == Kind::Close || ends(token) {
                break;
            }
            at = if token.kind == Kind::Open {
                token.partner + 1
            } else {
                at + 1
            };
        }
        // `a in b not in c`
        let before = at.checked_sub(1).filter(|before| *before > from);
        match before {
            Some(before)
                if self.tokens[before].text == "not"
                    && self.tokens[before].kind == Kind::Keyword =>
            {
                before
            }
            _ => at,
        }
    }

    /// The tokens that lie in no bracket of their own.
    fn outer(&self, from: usize, to: usize) -> impl Iterator<Item = &'t Token<'t>> + use<'t> {
        let tokens = self.tokens;
        let mut at = from;
        std::iter::from_fn(move || {
            let token = tokens.get(at).filter(|_| at < to)?;
            at = if token.kind == Kind::Open {
                token.partner + 1
            } else {
                at + 1
            };
            Some(token)
        })
    }

    fn split(
        &self,
        from: usize,
        to: usize,
        is_end: impl Fn(&Token<'_>) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut begin, mut at) = (from, from);
        while at < to {
            let token = &self.tokens[at];
            if is_end(token) {
                parts.push((begin, at));
                begin = at + 1;
            }
            at = if token.kind == Kind::Open {
                token.partner + 1
            } else {
                at + 1
            };
        }
        parts.push((begin, to));
        parts
    }
}

/// Which operands are small whatever a rendering makes.
impl Finder<'_> {
    /// Whether this is a number, a truth value, or a text that stands in the template.
    fn is_small(&self, from: usize, to: usize) -> bool {
        let Some(last) = to.checked_sub(1).filter(|last| *last >= from) else {
            return true;
        };
        let tokens = &self.tokens[from..to];
        let constants = ["true", "false", "none", "True", "False", "None"];
        if tokens.iter().all(|token| token.kind == Kind::Quoted) {
            return true;
        }
        if let [only] | [Token { text: "-", .. }, only] = tokens {
            return only.kind == Kind::Number || constants.contains(&only.text);
        }
        // Nothing can be called `loop` but what the engine calls so.
        if let [Token { text: "loop", .. }, Token { text: ".", .. }, number] = tokens {
            return matches!(
                number.text,
                "index" | "index0" | "revindex" | "revindex0" | "length" | "first" | "last"
            );
        }
        if tokens[0].text == "(" && tokens[0].partner == last {
            return self.is_truth(from + 1, last);
        }
        self.is_number(from, to)
    }

    /// Whether the outermost operation gives a number or a truth value.
    fn is_number(&self, from: usize, to: usize) -> bool {
        let outer: Vec<_> = self.outer(from, to).collect();
        let has = |signs: &[&str]| {
            outer
                .iter()
                .any(|token| token.kind == Kind::Sign && signs.contains(&token.text))
        };
        let subtracts = outer.windows(2).any(|pair| {
            // The walk gives the opening bracket for the whole of it.
            (pair[0].ends_operand() || pair[0].kind == Kind::Open)
                && pair[1].text == "-"
                && pair[1].kind == Kind::Sign
        });
        let counts = matches!(outer[..], [.., pipe, name] if pipe.text == "|"
            && matches!(name.text, "length" | "count" | "int" | "float"));
        let tests = outer
            .iter()
            .rposition(|token| token.text == "is" && token.kind == Kind::Keyword);
        let tests = tests.is_some_and(|at| outer[at..].iter().all(|token| token.text != "|"));
        subtracts || !has(&["~", "+", "*"]) && (counts || tests || has(&["%", "/", "//", "**"]))
    }

    /// Whether what stands in brackets is a truth value or small.
    fn is_truth(&self, from: usize, to: usize) -> bool {
        let is_either = |token: &Token<'_>| {
            token.text == "," || token.kind == Kind::Keyword && token.text == "if"
        };
        if self.outer(from, to).any(is_either) {
            return false;
        }
        let joins =
            |token: &Token<'_>| token.kind == Kind::Keyword && matches!(token.text, "and" | "or");
        self.split(from, to, joins).into_iter().all(|(from, to)| {
            let negates = from < to
                && self.tokens[from].kind == Kind::Keyword
                && self.tokens[from].text == "not";
            negates
                || self
                    .outer(from, to)
                    .any(|token| token.kind == Kind::Comparison)
                || self.is_small(from, to)
        })
    }

    /// Whether this is a list of constants, or of none.
    fn is_constant_list(&self, from: usize, to: usize) -> bool {
        let is_whole = from < to
            && self.tokens[from].kind == Kind::Open
            && self.tokens[from].partner + 1 == to;
        is_whole
            && self
                .split(from + 1, to - 1, |token| matches!(token.text, "," | ":"))
                .into_iter()
                .all(|(from, to)| self.is_small(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(construct: &str, tag: &str) -> String {
        weighed(
            construct,
            2 + tag.len() + usize::from(!tag.is_empty()),
            construct.len() - 2,
            tag,
        )
    }

    #[test]
    fn operands_whose_size_matters_go_through_a_filter() {
        for (source, expected) in [
            ("{{ a == b }}", "{{ (a)|__weighed == b }}"),
            ("{{ a.b[0] == b }}", "{{ (a.b[0])|__weighed == b }}"),
            (
                "{{ x or not a ~ b<c and d }}",
                "{{ x or not (a ~ b)|__weighed<c and d }}",
            ),
            ("{{ a if b>c else d }}", "{{ a if (b)|__weighed>c else d }}"),
            ("{{ a < b < c }}", "{{ (a)|__weighed < (b)|__weighed < c }}"),
            ("{{ a in b }}", "{{ (a)|__weighed in (b)|__weighed }}"),
            (
                "{{ a not in b not in c }}",
                "{{ (a)|__weighed not in (b)|__weighed not in (c)|__weighed }}",
            ),
            ("{{ a is not none == b }}", "{{ a is not none == b }}"),
            ("{{ a is in(b) }}", "{{ a is in(b) }}"),
            ("{{ a[b] }}", "{{ a[(b)|__weighed] }}"),
            (
                "{{ {a: b == 1, 'c': d} }}",
                "{{ {(a)|__weighed: b == 1, 'c': d} }}",
            ),
            (
                "{{ loop.changed(a, b) }}",
                "{{ loop.changed(*([a, b]|__weighed)) }}",
            ),
            (
                "{{ f([a, a], n=[b]) }}",
                "{{ f(([a, a])|__held, n=([b])|__held) }}",
            ),
            ("{{ a|join([b]) }}", "{{ a|join(([b])|__held) }}"),
            ("{{ a ~ [b] ~ c }}", "{{ a ~ ([b])|__held ~ c }}"),
            ("{{ [b, b]|join }}", "{{ ([b, b])|__held|join }}"),
        ] {
            assert_eq!(rewritten(source, ""), expected);
        }
    }

    #[test]
    fn tags_that_give_names_hold_what_they_name() {
        for (source, tag, expected) in [
            (
                "{%for x in [a] if x == a%}",
                "for",
                "{%for x in ([a])|__held if (x)|__weighed == a%}",
            ),
            ("{%for x in range(9)%}", "for", "{%for x in range(9)%}"),
            (
                "{%for x in a.b recursive%}",
                "for",
                "{%for x in a.b recursive%}",
            ),
            (
                "{%with a = [b], c = 1%}",
                "with",
                "{%with a = ([b])|__held, c = 1%}",
            ),
            ("{%if a == b%}", "if", "{%if (a)|__weighed == b%}"),
        ] {
            assert_eq!(rewritten(source, tag), expected);
        }
    }

    /// What templates of chats compare: it costs them nothing.
    #[test]
    fn small_operands_stay_as_they_are() {
        for source in [
            "{{ message['role'] == 'user' }}",
            "{{ (m['role'] == 'user') != (loop.index0 % 2 == 0) }}",
            "{{ loop.index0 > ns.last_query_index }}",
            "{{ i == messages|length - 1 }}",
            "{{ '</think>' in content }}",
            "{{ role in ['user', 'tool'] }}",
            "{{ messages[loop.index0 - 1].role }}",
            "{{ messages[1:] }}",
            "{{ x == -1 and not y != none }}",
            "{{ namespace(a=1, b='x', c=[], d=e) }}",
        ] {
            assert_eq!(rewritten(source, ""), source);
        }
    }
}
