//! The shape of a row: one byte for all properties of an event that take only a few values.
//!
//! ```text
//! bit  0     whether there is a count of unread messages
//! bit  1     whether there is a text
//! bits 2..8  (kind * 3 + direction) * 3 + form of the identity
//! ```

use convofold_engine::{Direction, Kind};

use crate::damage::Damage;

/// See the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) direction: Option<Direction>,
    pub(super) identity: IdentityForm,
    pub(super) has_text: bool,
    pub(super) has_unread: bool,
}

/// How the identity of an event is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentityForm {
    /// Not stored: it is the content hash.
    Content,
    /// A UUID in canonical form, as 16 bytes.
    Uuid,
    Text,
}

const DIRECTIONS: u8 = 3;
const FORMS: u8 = 3;

impl Shape {
    pub(super) fn code(self) -> u8 {
        let direction = match self.direction {
            None => 0,
            Some(Direction::In) => 1,
            Some(Direction::Out) => 2,
        };
        let identity = match self.identity {
            IdentityForm::Content => 0,
            IdentityForm::Uuid => 1,
            IdentityForm::Text => 2,
        };
        let values = (self.kind.code() * DIRECTIONS + direction) * FORMS + identity;
        values << 2 | u8::from(self.has_text) << 1 | u8::from(self.has_unread)
    }

    pub(super) fn of(code: u8) -> Result<Self, Damage> {
        let values = code >> 2;
        let kind = values / FORMS / DIRECTIONS;
        Ok(Self {
            kind: Kind::from_code(kind).ok_or(Damage::NoSuch { field: "event kind", found: kind.into() })?,
            direction: match values / FORMS % DIRECTIONS {
                0 => None,
                1 => Some(Direction::In),
                _ => Some(Direction::Out),
            },
            identity: match values % FORMS {
                0 => IdentityForm::Content,
                1 => IdentityForm::Uuid,
                _ => IdentityForm::Text,
            },
            has_text: code & 2 > 0,
            has_unread: code & 1 > 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_that_of_its_shape_or_refused() {
        for code in 0..=u8::MAX {
            match Shape::of(code) {
                Ok(shape) => assert_eq!(shape.code(), code),
                Err(damage) => {
                    let kind = u64::from(code >> 2) / 9;
                    assert!(kind >= 6);
                    assert_eq!(damage, Damage::NoSuch { field: "event kind", found: kind });
                }
            }
        }
    }
}
