//! Kinds of data that identify a person.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of data that identifies a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An address of electronic mail.
    Email,
    /// A telephone number.
    Phone,
    /// The number of an identity card, a passport, a national insurance.
    NationalId,
    /// The number of a patient's record.
    RecordNumber,
    /// A date of birth: day, month and year.
    DateOfBirth,
}

impl Kind {
    /// All kinds, in a fixed order.
    pub const ALL: [Self; 5] = [
        Self::Email,
        Self::Phone,
        Self::NationalId,
        Self::RecordNumber,
        Self::DateOfBirth,
    ];

    /// The name in recipes and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::NationalId => "national_id",
            Self::RecordNumber => "record_number",
            Self::DateOfBirth => "date_of_birth",
        }
    }

    /// What stands in a masked text.
    #[must_use]
    pub fn mask(self) -> &'static str {
        match self {
            Self::Email => "[EMAIL]",
            Self::Phone => "[PHONE]",
            Self::NationalId => "[NATIONAL_ID]",
            Self::RecordNumber => "[RECORD_NUMBER]",
            Self::DateOfBirth => "[DATE_OF_BIRTH]",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of kinds; in a recipe a list of names.
///
/// ```
/// use octomed_responses::{Kind, Kinds};
///
/// let kinds: Kinds = serde_json::from_str(r#"["email", "phone"]"#)?;
/// assert!(kinds.has(Kind::Email) && !kinds.has(Kind::DateOfBirth));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind.
    #[must_use]
    pub fn none() -> Self {
        Self(0)
    }

    /// Every kind.
    #[must_use]
    pub fn all() -> Self {
        Kind::ALL.into_iter().fold(Self(0), Self::with)
    }

    /// These and `kind`.
    #[must_use]
    pub fn with(self, kind: Kind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// Whether `kind` is one.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As the index stores them: a bit a kind, in the order of [`Kind::ALL`].
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Reads [`bits`](Self::bits); bits of no kind are dropped.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits).and(Self::all())
    }

    /// The kinds in order.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self(0), Self::with)
    }
}

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Kind>::deserialize(deserializer).map(Self::from_iter)
    }
}
