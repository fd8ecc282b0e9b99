//! The file FORMAT: written once, when a database is created.
//!
//! ```text
//! convofold 1
//! revision 2
//! database_id 6f1c52d09b7e4d1aa0c3f58e2b94d706
//! segment_bytes 2097152
//! ```

use super::REVISION;

const MARK: &str = "convofold 1";
const REVISION_KEY: &str = "revision ";
const ID_KEY: &str = "database_id ";
const SEGMENT_KEY: &str = "segment_bytes ";
/// Databases that name no revision are of this one.
const FIRST_REVISION: u32 = 1;

/// The identity of a database: 128 random bits, made when it is created. A restored or repaired database is another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseId(u128);

impl DatabaseId {
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The bytes of the id; written in hexadecimal they are its text.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// 32 hexadecimal digits.
impl std::fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// From its text.
impl std::str::FromStr for DatabaseId {
    type Err = UnknownDatabaseId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u128::from_str_radix(text, 16).ok().filter(|_| is_id);
        id.map(Self).ok_or_else(|| UnknownDatabaseId { found: text.to_owned() })
    }
}

/// The text is not the identity of a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("invalid database id {found:?} (expected 32 hexadecimal digits)")]
pub struct UnknownDatabaseId {
    /// The text.
    pub found: String,
}

#[cfg(feature = "serde")]
impl serde::Serialize for DatabaseId {
    /// As text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DatabaseId {
    /// From its text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::fmt::Debug for DatabaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseId({self})")
    }
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseFormat {
    pub(crate) id: DatabaseId,
    pub(crate) segment_bytes: usize,
}

/// Why the file does not describe a database that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatError {
    /// It is damaged, or of another format.
    Unknown,
    /// The database has another revision of the format.
    Revision(u32),
}

impl DatabaseFormat {
    /// What the file of a database that can be read looks like, for errors.
    pub(crate) fn expected() -> String {
        format!("{MARK}, {REVISION_KEY}{REVISION}, {ID_KEY}X, {SEGMENT_KEY}N")
    }

    pub(crate) fn text(&self) -> String {
        let Self { id, segment_bytes } = self;
        format!("{MARK}\n{REVISION_KEY}{REVISION}\n{ID_KEY}{id}\n{SEGMENT_KEY}{segment_bytes}\n")
    }

    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        let rest = text.strip_prefix(MARK).and_then(|rest| rest.strip_prefix('\n')).ok_or(FormatError::Unknown)?;
        let revision = match rest.lines().next().unwrap_or_default().strip_prefix(REVISION_KEY) {
            Some(number) => number.parse().map_err(|_| FormatError::Unknown)?,
            None if rest.starts_with(SEGMENT_KEY) => FIRST_REVISION,
            None => return Err(FormatError::Unknown),
        };
        if revision != REVISION {
            return Err(FormatError::Revision(revision));
        }
        let mut lines = rest.lines().skip(1);
        let mut value = |key| lines.next().and_then(|line| line.strip_prefix(key));
        let id = value(ID_KEY).and_then(|id| u128::from_str_radix(id, 16).ok());
        let segment_bytes = value(SEGMENT_KEY).and_then(|bytes| bytes.parse().ok());
        let format = id.zip(segment_bytes).map(|(id, segment_bytes)| Self { id: DatabaseId(id), segment_bytes });
        // Compared as it was written, so that nothing else is read as a format.
        format.filter(|format| format.text() == text).ok_or(FormatError::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_format_of_this_revision_is_read() {
        let format = DatabaseFormat { id: DatabaseId(7), segment_bytes: 2 << 20 };
        let text = format.text();
        assert_eq!(DatabaseFormat::parse(&text), Ok(format));
        for length in 0..text.len() {
            assert_ne!(DatabaseFormat::parse(&text[..length]), Ok(format), "{length}");
        }
        let later = text.replace(&format!("revision {REVISION}"), &format!("revision {}", REVISION + 1));
        assert_eq!(DatabaseFormat::parse(&later), Err(FormatError::Revision(REVISION + 1)));
        assert_eq!(DatabaseFormat::parse("convofold 1\nsegment_bytes 2097152\n"), Err(FormatError::Revision(1)));
        for unknown in ["", "convofold 2\n", "convofold 1", "convofold 1\nrevision x\n", "convofold 1\nrevision 2\n"] {
            assert!(DatabaseFormat::parse(unknown).is_err(), "{unknown:?}");
        }
        assert_eq!(DatabaseFormat::parse(&text.replace("id 0", "id +")), Err(FormatError::Unknown));
        assert_eq!(DatabaseFormat::parse(&(text + "more\n")), Err(FormatError::Unknown));
    }
}
