//! Tagged fields: a body that a later revision can extend with values without a new version.
//!
//! ```text
//! 0  tag     u16   from 1; bit 15 set: a reader that does not know the tag must refuse the value
//! 2  length  u32
//! 6  value   bincode
//! ```
//!
//! The fields of a body are in ascending order of their tags (without bit 15), each at most once. A reader skips
//! unknown fields, unless they are required.

use serde::{Deserialize, Serialize};

use super::frame::{MAX_BODY_BYTES, array_at, u32_at};
use super::{decode, encode_into};
use crate::damage::Damage;

const HEADER_BYTES: usize = 6;
const REQUIRED: u16 = 1 << 15;

/// The tag of a required field.
pub(crate) const fn required(number: u16) -> u16 {
    number | REQUIRED
}

/// A body being encoded.
#[derive(Default)]
pub(crate) struct FieldsBuilder {
    body: Vec<u8>,
}

impl FieldsBuilder {
    /// Adds a field. Tags must ascend.
    pub(crate) fn put(mut self, tag: u16, value: &impl Serialize) -> Result<Self, Damage> {
        self.body.extend_from_slice(&tag.to_le_bytes());
        let length_at = self.body.len();
        self.body.extend_from_slice(&[0; 4]);
        let value_at = self.body.len();
        encode_into(value, &mut self.body)?;
        let length = self.body.len() - value_at;
        let too_long = Damage::Length { expected: MAX_BODY_BYTES as u64, found: length as u64 };
        let length = u32::try_from(length).map_err(|_| too_long)?;
        if let Some(bytes) = self.body.get_mut(length_at..value_at) {
            bytes.copy_from_slice(&length.to_le_bytes());
        }
        Ok(self)
    }

    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// The known fields of a body.
#[derive(Debug)]
pub(crate) struct Fields<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Fields<'a> {
    /// Finds the fields with these tags.
    pub(crate) fn open(mut body: &'a [u8], known: &[u16]) -> Result<Self, Damage> {
        let mut fields = Vec::new();
        let mut last = 0;
        while !body.is_empty() {
            let (header, rest) = body.split_at_checked(HEADER_BYTES).ok_or_else(|| too_short(HEADER_BYTES, body))?;
            let tag = u16::from_le_bytes(array_at(header, 0));
            let length = u32_at(header, 2) as usize;
            let (value, rest) = rest.split_at_checked(length).ok_or_else(|| too_short(length, rest))?;
            if tag & !REQUIRED <= last {
                return Err(Damage::NoSuch { field: "field tag", found: tag.into() });
            }
            if known.contains(&tag) {
                fields.push((tag, value));
            } else if tag & REQUIRED > 0 {
                return Err(Damage::UnknownField { tag: tag & !REQUIRED });
            }
            (last, body) = (tag & !REQUIRED, rest);
        }
        Ok(Self(fields))
    }

    /// The value of a required field.
    pub(crate) fn get<T: Deserialize<'a>>(&self, tag: u16) -> Result<T, Damage> {
        let field = self.0.iter().find(|(found, _)| *found == tag);
        decode(field.ok_or(Damage::MissingField { tag: tag & !REQUIRED })?.1)
    }
}

fn too_short(expected: usize, found: &[u8]) -> Damage {
    Damage::TooShort { expected, found: found.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = required(1);
    const NAME: u16 = 2;

    fn body(tags: &[(u16, &str)]) -> Vec<u8> {
        let fields = FieldsBuilder::default();
        tags.iter().try_fold(fields, |fields, (tag, value)| fields.put(*tag, value)).unwrap().into_body()
    }

    #[test]
    fn fields_are_read_as_they_were_written() {
        let body = body(&[(ID, "7"), (NAME, "Ida")]);
        let fields = Fields::open(&body, &[NAME, ID]).unwrap();
        assert_eq!((fields.get(ID), fields.get(NAME)), (Ok("7"), Ok("Ida")));
    }

    #[test]
    fn a_field_that_is_not_known_is_skipped_unless_it_is_required() {
        let later = body(&[(ID, "7"), (NAME, "Ida"), (3, "later")]);
        let fields = Fields::open(&later, &[ID]).unwrap();
        assert_eq!((fields.get(ID), fields.get::<&str>(NAME)), (Ok("7"), Err(Damage::MissingField { tag: 2 })));
        let required = body(&[(ID, "7"), (required(3), "later")]);
        assert_eq!(Fields::open(&required, &[ID]).unwrap_err(), Damage::UnknownField { tag: 3 });
    }

    #[test]
    fn tags_ascend() {
        for tags in [&[(NAME, "Ida"), (ID, "7")][..], &[(ID, "7"), (ID, "8")], &[(ID, "7"), (1, "8")], &[(0, "")]] {
            let damage = Fields::open(&body(tags), &[ID, NAME]).unwrap_err();
            assert!(matches!(damage, Damage::NoSuch { field: "field tag", .. }), "{tags:?}: {damage}");
        }
    }

    #[test]
    fn a_length_that_is_a_lie_is_an_error() {
        let mut lying = body(&[(ID, "7")]);
        lying[2..6].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Fields::open(&lying, &[ID]), Err(Damage::TooShort { .. })));
    }
}
