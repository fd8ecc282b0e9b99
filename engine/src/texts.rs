//! The texts of an event, packed into one allocation.

use crate::attribute::Attribute;

/// A text of an event.
///
/// The conversation id and the message text come first. All others, which most events of a conversation repeat, are
/// adjacent and are compared at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Conversation,
    Text,
    Source,
    AgentId,
    AgentName,
    Channel,
    Attribute(Attribute),
}

impl Field {
    /// Its index among the packed texts.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Conversation => 0,
            Self::Text => 1,
            Self::Source => 2,
            Self::AgentId => 3,
            Self::AgentName => 4,
            Self::Channel => 5,
            Self::Attribute(attribute) => FIRST_ATTRIBUTE + attribute as usize,
        }
    }
}

const FIRST_ATTRIBUTE: usize = 6;
pub(crate) const FIELDS: usize = FIRST_ATTRIBUTE + Attribute::COUNT;

/// The bits of the repeating fields: all except the conversation and the text.
const REPEATING: u16 = ((1 << FIELDS) - 1) & !(1 << Field::Conversation.place()) & !(1 << Field::Text.place());

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    packed: Box<str>,
    /// The end of each text. A text begins at the end of the one before it.
    ends: [u32; FIELDS],
    /// A bit for each text that is present.
    given: u16,
}

impl Texts {
    /// Returns `None` if the texts are longer than 4 GiB together.
    pub(crate) fn pack(fields: [Option<&str>; FIELDS]) -> Option<Self> {
        let mut packed = String::with_capacity(fields.iter().flatten().map(|text| text.len()).sum());
        let mut ends = [0; FIELDS];
        let mut given = 0;
        for (place, field) in fields.iter().enumerate() {
            if let Some(text) = field {
                packed.push_str(text);
                given |= 1 << place;
            }
            ends[place] = u32::try_from(packed.len()).ok()?;
        }
        Some(Self { packed: packed.into_boxed_str(), ends, given })
    }

    pub(crate) fn get(&self, field: Field) -> Option<&str> {
        self.at(field.place())
    }

    /// Like [`Texts::get`], by index in [`Field`].
    pub(crate) fn at(&self, place: usize) -> Option<&str> {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        (self.given & (1 << place) != 0).then(|| &self.packed[start as usize..self.ends[place] as usize])
    }

    /// The total length of all texts in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.packed.len()
    }

    /// The length in bytes of every text except the conversation id, in packing order.
    pub(crate) fn content_lengths(&self) -> [Option<u32>; FIELDS - 1] {
        std::array::from_fn(|before| {
            let place = before + 1;
            (self.given & (1 << place) != 0).then(|| self.ends[place] - self.ends[before])
        })
    }

    /// These two texts, and the repeating texts of `repeating`. `None` if they are longer than 4 GiB together.
    pub(crate) fn with_repeating(conversation: &str, text: Option<&str>, repeating: &Self) -> Option<Self> {
        let start = repeating.repeating_start();
        let repeated = &repeating.packed[start as usize..];
        let own = text.unwrap_or_default();
        let mut packed = String::with_capacity(conversation.len() + own.len() + repeated.len());
        packed.push_str(conversation);
        packed.push_str(own);
        let moved = u32::try_from(packed.len()).ok()?;
        packed.push_str(repeated);
        u32::try_from(packed.len()).ok()?;
        let mut ends = repeating.ends;
        for end in &mut ends {
            *end = (*end).max(start) - start + moved;
        }
        ends[Field::Conversation.place()] = u32::try_from(conversation.len()).ok()?;
        ends[Field::Text.place()] = moved;
        let own = 1 << Field::Conversation.place() | u16::from(text.is_some()) << Field::Text.place();
        Some(Self { packed: packed.into_boxed_str(), ends, given: repeating.given & REPEATING | own })
    }

    /// All texts except the conversation id, one after the other.
    pub(crate) fn content(&self) -> &str {
        &self.packed[self.ends[Field::Conversation.place()] as usize..]
    }

    /// Only the repeating texts.
    pub(crate) fn repeating(&self) -> Self {
        let start = self.repeating_start();
        let mut ends = self.ends;
        for end in &mut ends {
            *end = end.saturating_sub(start);
        }
        Self { packed: self.packed[start as usize..].into(), ends, given: self.given & REPEATING }
    }

    /// Whether the repeating texts of both are equal.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        let (start, other_start) = (self.repeating_start(), other.repeating_start());
        (self.given ^ other.given) & REPEATING == 0
            && self.packed.as_bytes()[start as usize..] == other.packed.as_bytes()[other_start as usize..]
            && (Field::Source.place()..FIELDS).all(|at| self.ends[at] - start == other.ends[at] - other_start)
    }

    fn repeating_start(&self) -> u32 {
        self.ends[Field::Text.place()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Field = Field::Attribute(Attribute::Tenant);

    fn texts(conversation: &str, text: Option<&str>, agent: Option<&str>, tenant: Option<&str>) -> Texts {
        let mut fields = [None; FIELDS];
        fields[Field::Conversation.place()] = Some(conversation);
        fields[Field::Text.place()] = text;
        fields[Field::AgentId.place()] = agent;
        fields[TENANT.place()] = tenant;
        Texts::pack(fields).unwrap()
    }

    #[test]
    fn every_text_is_found_again() {
        let all = texts("c", Some("héllo"), Some(""), Some("t"));
        assert_eq!(all.get(Field::Conversation), Some("c"));
        assert_eq!(all.get(Field::Text), Some("héllo"));
        assert_eq!(all.get(Field::AgentId), Some(""));
        assert_eq!(all.get(Field::AgentName), None);
        assert_eq!(all.get(TENANT), Some("t"));
        assert_eq!(all.content(), "héllot");
    }

    #[test]
    fn texts_are_combined_with_repeating_ones() {
        let repeating = texts("other", Some("longer than it"), Some("a"), Some("t"));
        for repeating in [repeating.repeating(), repeating] {
            for text in [None, Some(""), Some("héllo")] {
                let all = Texts::with_repeating("c", text, &repeating);
                assert_eq!(all, Some(texts("c", text, Some("a"), Some("t"))));
            }
        }
    }

    #[test]
    fn repeating_texts_exclude_the_conversation_and_the_text() {
        let all = texts("c", Some("hello"), Some("a"), Some("t"));
        let repeating = all.repeating();
        assert_eq!(repeating.get(Field::Text), None);
        assert_eq!(repeating.get(Field::AgentId), Some("a"));
        assert_eq!(repeating.get(TENANT), Some("t"));
        assert!(repeating.repeats(&texts("other", None, Some("a"), Some("t"))));
        assert!(!repeating.repeats(&texts("c", Some("hello"), Some("at"), Some(""))));
        assert!(!repeating.repeats(&texts("c", Some("hello"), Some("a"), None)));
        assert!(!texts("c", None, None, Some("t")).repeats(&texts("c", None, Some(""), Some("t"))));
    }
}
