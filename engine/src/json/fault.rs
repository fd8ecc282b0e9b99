//! What can be wrong with a JSON text.

/// The first thing that is wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The offset of the offending byte, or the length of the text where that ends too early.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) kind: FaultKind,
}

/// What is wrong with a JSON text. All but the last three are faults of its grammar; those three are well-formed, and in an
/// array concern one element alone (spec section 8).
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
    LoneSurrogate,
    DuplicateKey,
    TooDeep,
}

impl FaultKind {
    pub(crate) fn at(self, at: usize) -> Fault {
        Fault { at, kind: self }
    }

    /// What should have been there.
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
            Self::BadEscape => "one of the escapes of JSON",
            Self::ControlCharacter => "no control character in a string",
            Self::OpenString => "the closing quote of a string",
            Self::MoreAfterTheEnd => "nothing more",
            Self::LoneSurrogate => "surrogates in pairs",
            Self::DuplicateKey => "a key that the object does not have yet",
            Self::TooDeep => "at most 128 levels",
        }
    }
}
