//! The texts of a row that no other conversation has.

use std::fmt;
use std::sync::Arc;

/// The texts of a member in a row: name, number, business id and channel id.
pub(crate) type MemberTexts<'a> = [Option<&'a str>; MEMBER_TEXTS];

const MEMBER_TEXTS: usize = 4;

/// The bit of a start that says that the text is present.
const GIVEN: u32 = 1 << 31;

/// An id and the texts of a member in one allocation, which the rows of a conversation share while they do not change.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OwnTexts {
    arena: Arc<str>,
    /// Where each text of the member begins, and [`GIVEN`]. The id is before the first.
    starts: [u32; MEMBER_TEXTS],
}

impl OwnTexts {
    /// Texts beyond 2 GiB are left out.
    pub(crate) fn new(id: &str, member: MemberTexts<'_>) -> Self {
        let mut arena = String::with_capacity(id.len() + member.iter().flatten().map(|text| text.len()).sum::<usize>());
        arena.push_str(id);
        let starts = member.map(|text| {
            let start = u32::try_from(arena.len()).unwrap_or(u32::MAX) & !GIVEN;
            let text = text.filter(|text| arena.len() + text.len() < GIVEN as usize);
            arena.push_str(text.unwrap_or_default());
            start | if text.is_some() { GIVEN } else { 0 }
        });
        Self { arena: arena.into(), starts }
    }

    pub(crate) fn id(&self) -> &str {
        self.arena.get(..self.start(0)).unwrap_or_default()
    }

    pub(crate) fn member(&self) -> MemberTexts<'_> {
        std::array::from_fn(|place| self.of_member(place))
    }

    /// The text of the member with this index.
    pub(crate) fn of_member(&self, place: usize) -> Option<&str> {
        let is_given = self.starts.get(place)? & GIVEN > 0;
        self.arena.get(self.start(place)..self.start(place + 1)).filter(|_| is_given)
    }

    fn start(&self, place: usize) -> usize {
        self.starts.get(place).map_or(self.arena.len(), |start| (start & !GIVEN) as usize)
    }
}

impl fmt::Debug for OwnTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnTexts").field(&self.id()).field(&self.member()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_again() {
        for id in ["", "case-7"] {
            for member in
                [[None; 4], [Some(""); 4], [Some("Mo"), None, Some(""), Some("ü")], [None, Some("1"), None, None]]
            {
                let texts = OwnTexts::new(id, member);
                assert_eq!((texts.id(), texts.member(), texts.of_member(4)), (id, member, None));
            }
        }
    }
}
