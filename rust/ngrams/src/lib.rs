//! Which questions share word n-grams with those of evaluation sets.
//!
//! The procedure is s1's (simplescaling/s1, `decontaminate_util.py`): lower-case, split at white space, and one n-gram of words
//! that both have makes a question contaminated. What is added to it can be left out, and both results are always found:
//! n-grams that many different evaluation questions hold are *templates*, which prove nothing; questions with pictures are the same
//! only where their pictures are; and a question that is an evaluation question, word for word, is one whatever its n-grams are.
//!
//! N-grams are found by hashes, and every hit is compared word by word, so that no collision of hashes is a hit.

mod firsts;
mod hashing;
mod index;
mod likeness;
mod matcher;
mod phrases;
mod question;
mod spans;
mod stems;
mod table;
mod templates;
mod words;

pub use index::{NgramIndex, Rule};
pub use matcher::{Asked, Contact, Found, MOST_PLACES, Matcher, Shared};
pub use phrases::Phrase;
pub use question::Question;
pub use words::{Words, normalised};
