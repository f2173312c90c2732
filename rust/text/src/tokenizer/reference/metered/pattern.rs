//! Patterns of a file, searched for with a limit.

use onig::{MatchParam, Regex, Region, SearchOptions};
use serde::Deserialize;
use tokenizers::Offsets;
use tokenizers::pattern::Pattern;

use super::budget::{Budget, Exceeded};

/// Retries that a search may take at first, and by how much more than the last it may take when that was too few.
const FIRST_LIMIT: u64 = 64;
const STEP: u64 = 4;
/// Retries for one unit of work.
const RETRIES: u64 = 8;
/// Places to return to that a match may keep, of some 48 bytes each.
const LONGEST_STACK: u32 = 4 << 20;

/// A pattern as files write it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Written {
    /// This text.
    String(String),
    /// A regular expression.
    Regex(String),
}

/// A pattern that can be searched for.
#[derive(Debug)]
pub(crate) enum Searched {
    Text(String),
    Expression(Regex),
}

impl Searched {
    pub fn new(written: &Written) -> Result<Self, String> {
        match written {
            Written::String(text) if !text.is_empty() => Ok(Self::Text(text.clone())),
            Written::String(_) => Self::expression(""),
            Written::Regex(source) => Self::expression(source),
        }
    }

    fn expression(source: &str) -> Result<Self, String> {
        let regex = Regex::new(source).map_err(|error| error.to_string())?;
        Ok(Self::Expression(regex))
    }

    /// Every match, in order and without overlap, as `onig::Regex::find_iter` has them.
    fn matches(&self, text: &str, budget: &Budget) -> tokenizers::Result<Vec<Offsets>> {
        match self {
            Self::Text(searched) => {
                budget.work(text.len() as u64 / 8)?;
                let found = text.match_indices(searched.as_str());
                Ok(found.map(|(at, part)| (at, at + part.len())).collect())
            }
            Self::Expression(regex) => expression_matches(regex, text, budget),
        }
    }
}

fn expression_matches(
    regex: &Regex,
    text: &str,
    budget: &Budget,
) -> tokenizers::Result<Vec<Offsets>> {
    let mut found = Vec::new();
    let mut region = Region::new();
    let mut at = 0;
    let mut last = None;
    while at <= text.len() && search(regex, text, at, &mut region, budget)? {
        let Some((start, end)) = region.pos(0) else {
            break;
        };
        if start == end && last == Some(end) {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        (at, last) = (end, Some(end));
        found.push((start, end));
    }
    Ok(found)
}

/// Whether the pattern is found from `at` on, and where.
///
/// How many retries a search took is not said, so it is made again with a larger limit where the first was too small.
fn search(
    regex: &Regex,
    text: &str,
    at: usize,
    region: &mut Region,
    budget: &Budget,
) -> tokenizers::Result<bool> {
    let mut limit = FIRST_LIMIT;
    loop {
        budget.work(limit / RETRIES)?;
        region.clear();
        let none = SearchOptions::SEARCH_OPTION_NONE;
        let result =
            regex.search_with_param(text, at, text.len(), none, Some(region), limited(limit));
        match result {
            Ok(found) => return Ok(found.is_some()),
            Err(error) if is_over(error.code()) => limit *= STEP,
            Err(error) if error.code() == onig_sys::ONIGERR_MATCH_STACK_LIMIT_OVER => {
                return Err(Exceeded("keeps more places to return to").into());
            }
            Err(error) => return Err(error.into()),
        }
        if limit / RETRIES > budget.left() {
            return Err(Exceeded("tries a pattern more often").into());
        }
    }
}

fn is_over(code: i32) -> bool {
    code == onig_sys::ONIGERR_RETRY_LIMIT_IN_MATCH_OVER
        || code == onig_sys::ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER
}

fn limited(retries: u64) -> MatchParam {
    let mut param = MatchParam::default();
    param.set_match_stack_limit(LONGEST_STACK);
    // Beyond that the limit of the search alone counts; a match has at most the retries of its search.
    #[expect(clippy::cast_possible_truncation, reason = "cut to 32 bits before")]
    param.set_retry_limit_in_match(retries.min(u64::from(u32::MAX)) as u32);
    // SAFETY: the parameters live, and nobody else has them.
    unsafe {
        onig_sys::onig_set_retry_limit_in_search_of_match_param(param.as_raw(), retries as _);
    }
    param
}

/// One search through a text, for the crate's own splitting and replacing.
pub(crate) struct Search<'s> {
    pub searched: &'s Searched,
    pub budget: &'s Budget,
    /// Bytes that every match becomes, where it is replaced.
    pub becomes: Option<usize>,
    /// Whether what lies between the matches is meant.
    pub inverted: bool,
}

impl Pattern for &Search<'_> {
    fn find_matches(&self, inside: &str) -> tokenizers::Result<Vec<(Offsets, bool)>> {
        if inside.is_empty() {
            return Ok(vec![((0, 0), self.inverted)]);
        }
        let matches = self.searched.matches(inside, self.budget)?;
        if let Some(becomes) = self.becomes {
            let gone: usize = matches.iter().map(|(start, end)| end - start).sum();
            let after = (inside.len() - gone).saturating_add(matches.len().saturating_mul(becomes));
            self.budget.grown(inside.len(), after)?;
        }
        let mut parts = Vec::with_capacity(2 * matches.len() + 1);
        let mut before = 0;
        for (start, end) in matches {
            if before != start {
                parts.push(((before, start), self.inverted));
            }
            parts.push(((start, end), !self.inverted));
            before = end;
        }
        if before != inside.len() {
            parts.push(((before, inside.len()), self.inverted));
        }
        Ok(parts)
    }
}
