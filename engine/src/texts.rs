//! Texts of events as ranges of an arena: one string with the texts of one event, or of many.

use crate::attribute::Attribute;

/// A text of a context. Most events of a conversation repeat all of these texts, so they are adjacent in the arena and
/// are compared at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Source,
    AgentId,
    AgentName,
    Channel,
    Attribute(Attribute),
}

impl Field {
    /// Its index among the texts of a context.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Source => 0,
            Self::AgentId => 1,
            Self::AgentName => 2,
            Self::Channel => 3,
            Self::Attribute(attribute) => FIRST_ATTRIBUTE + attribute as usize,
        }
    }
}

const FIRST_ATTRIBUTE: usize = 4;

/// The number of texts in a context.
pub(crate) const CONTEXT_TEXTS: usize = FIRST_ATTRIBUTE + Attribute::COUNT;

/// The texts of a context, in the order of [`Field::place`].
pub(crate) type ContextTexts<'a> = [Option<&'a str>; CONTEXT_TEXTS];

/// A range of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    /// Appends a text to an arena. Returns `None` if the arena is longer than 4 GiB then.
    pub(crate) fn append(arena: &mut String, text: &str) -> Option<Self> {
        let start = u32::try_from(arena.len()).ok()?;
        arena.push_str(text);
        Some(Self { start, end: u32::try_from(arena.len()).ok()? })
    }

    pub(crate) fn of(self, arena: &str) -> &str {
        &arena[self.start as usize..self.end as usize]
    }

    pub(crate) fn len(self) -> u32 {
        self.end - self.start
    }
}

/// A context in an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextSpans {
    start: u32,
    /// The end of each text, counted from `start`. A text begins at the end of the one before it.
    ends: [u32; CONTEXT_TEXTS],
    /// A bit for each text that is present.
    given: u16,
    /// Whether it states that no agent is assigned.
    nobody: bool,
}

impl ContextSpans {
    /// Appends the texts of a context to an arena. `nobody` is ignored if there is an agent. Returns `None` if the arena is
    /// longer than 4 GiB then.
    pub(crate) fn append(arena: &mut String, texts: ContextTexts<'_>, nobody: bool) -> Option<Self> {
        let before = arena.len();
        let start = u32::try_from(before).ok()?;
        let mut ends = [0; CONTEXT_TEXTS];
        let mut given = 0;
        for (place, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                arena.push_str(text);
                given |= 1 << place;
            }
            ends[place] = u32::try_from(arena.len() - before).ok()?;
        }
        u32::try_from(arena.len()).ok()?;
        let has_agent = texts[Field::AgentId.place()].is_some() || texts[Field::AgentName.place()].is_some();
        Some(Self { start, ends, given, nobody: nobody && !has_agent })
    }

    /// Appends the context, which is in another arena. Returns `None` if the arena is longer than 4 GiB then.
    pub(crate) fn append_to(self, arena: &mut String, from: &str) -> Option<Self> {
        let span = Span::append(arena, self.packed(from))?;
        Some(Self { start: span.start, ..self })
    }

    /// Appends the context once more to its arena. Returns `None` if the arena is longer than 4 GiB then.
    pub(crate) fn append_within(self, arena: &mut String) -> Option<Self> {
        let start = u32::try_from(arena.len()).ok()?;
        arena.extend_from_within(self.start()..self.start() + self.bytes());
        u32::try_from(arena.len()).ok()?;
        Some(Self { start, ..self })
    }

    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    /// The same context in an arena of its own.
    pub(crate) fn at_the_beginning(self) -> Self {
        Self { start: 0, ..self }
    }

    pub(crate) fn get(self, field: Field, arena: &str) -> Option<&str> {
        self.at(field.place(), arena)
    }

    /// Like [`ContextSpans::get`], by index.
    pub(crate) fn at(self, place: usize, arena: &str) -> Option<&str> {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        let [start, end] = [start, self.ends[place]].map(|end| (self.start + end) as usize);
        (self.given & (1 << place) != 0).then(|| &arena[start..end])
    }

    pub(crate) fn texts(self, arena: &str) -> ContextTexts<'_> {
        std::array::from_fn(|place| self.at(place, arena))
    }

    /// All texts, one after the other.
    pub(crate) fn packed(self, arena: &str) -> &str {
        &arena[self.start as usize..][..self.bytes()]
    }

    /// The total length of the texts in bytes.
    pub(crate) fn bytes(self) -> usize {
        self.ends[CONTEXT_TEXTS - 1] as usize
    }

    /// The length of each text in bytes.
    pub(crate) fn lengths(self) -> [Option<u32>; CONTEXT_TEXTS] {
        std::array::from_fn(|place| {
            let start = if place == 0 { 0 } else { self.ends[place - 1] };
            (self.given & (1 << place) != 0).then(|| self.ends[place] - start)
        })
    }

    pub(crate) fn nobody(self) -> bool {
        self.nobody
    }

    /// Whether it is the same context as another one, which may be in another arena.
    pub(crate) fn is_same(self, arena: &str, other: Self, other_arena: &str) -> bool {
        Self { start: other.start, ..self } == other && self.packed(arena) == other.packed(other_arena)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Field = Field::Attribute(Attribute::Tenant);

    fn append(arena: &mut String, agent: Option<&str>, tenant: Option<&str>) -> ContextSpans {
        let mut texts = [None; CONTEXT_TEXTS];
        texts[Field::AgentId.place()] = agent;
        texts[TENANT.place()] = tenant;
        ContextSpans::append(arena, texts, true).unwrap()
    }

    #[test]
    fn every_text_is_found_again() {
        let mut arena = String::new();
        let text = Span::append(&mut arena, "héllo").unwrap();
        let context = append(&mut arena, Some(""), Some("t"));
        assert_eq!((text.of(&arena), text.len()), ("héllo", 6));
        assert_eq!(context.get(Field::AgentId, &arena), Some(""));
        assert_eq!(context.get(Field::AgentName, &arena), None);
        assert_eq!(context.get(TENANT, &arena), Some("t"));
        assert_eq!((context.packed(&arena), context.bytes()), ("t", 1));
        assert_eq!(context.lengths()[Field::AgentId.place()], Some(0));
        assert_eq!(context.lengths()[TENANT.place()], Some(1));
        assert_eq!(context.lengths()[Field::Source.place()], None);
    }

    #[test]
    fn contexts_are_compared_across_arenas() {
        let (mut one, mut other) = (String::new(), "longer than it".to_owned());
        let context = append(&mut one, Some("a"), Some("t"));
        let is_same = |arena: &str, found: ContextSpans| context.is_same(&one, found, arena);
        let copy = context.append_to(&mut other, &one).unwrap();
        assert!(is_same(&other, copy));
        let written = append(&mut other, Some("a"), Some("t"));
        assert!(is_same(&other, written));
        let again = copy.append_within(&mut other).unwrap();
        assert!(again.start() > written.start() && is_same(&other, again));
        for (agent, tenant) in [(Some("at"), Some("")), (Some("a"), None), (None, Some("at"))] {
            let found = append(&mut other, agent, tenant);
            assert!(!is_same(&other, found));
        }
    }

    #[test]
    fn unassigned_applies_only_without_an_agent() {
        let mut arena = String::new();
        assert!(append(&mut arena, None, Some("t")).nobody());
        assert!(!append(&mut arena, Some("a"), None).nobody());
    }
}
