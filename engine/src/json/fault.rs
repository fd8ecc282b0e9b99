//! Faults of a JSON text.

/// The first fault of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The offset of the offending byte, or the length of the text if it ends too early.
    pub(crate) at: usize,
    /// The kind of fault.
    pub(crate) kind: FaultKind,
}

/// A kind of fault. All except the last two are faults of the grammar. Texts with one of those two are well-formed; in
/// an array they affect one element only (rules, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    NoValue,
    NoElement,
    NoKey,
    NoColon,
    NoCommaInObject,
    NoCommaInArray,
    BadLiteral,
    BadNumber,
    BadEscape,
    ControlCharacter,
    OpenString,
    MoreAfterTheEnd,
    DuplicateKey,
    TooDeep,
}

impl FaultKind {
    pub(crate) fn at(self, at: usize) -> Fault {
        Fault { at, kind: self }
    }

    /// What was expected.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::NoValue => "a JSON value",
            Self::NoElement => "a JSON value or `]`",
            Self::NoKey => "a key in quotes or `}`",
            Self::NoColon => "`:`",
            Self::NoCommaInObject => "`,` or `}`",
            Self::NoCommaInArray => "`,` or `]`",
            Self::BadLiteral => "`null`, `true` or `false`",
            Self::BadNumber => "a JSON number",
            Self::BadEscape => "a JSON escape sequence",
            Self::ControlCharacter => "no control character in a string",
            Self::OpenString => "the closing quote of a string",
            Self::MoreAfterTheEnd => "the end of the text",
            Self::DuplicateKey => "a key that the object does not contain yet",
            Self::TooDeep => "at most 128 levels",
        }
    }
}
