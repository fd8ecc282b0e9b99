//! Values that events share: texts, contexts and sessions, each stored at its first use.
//!
//! A reference to a text is a number: 0 none, 1 the next text in the table, 2 the text of the same field in the
//! conversation's previous context or session, from 3 on an earlier text in the table. A number in a session is stored
//! as 0 none, 1 unchanged, 2 followed by the number itself, from 3 on the number plus 3.

use convofold_engine::{Context, NotATruth, Session};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::column::{Bytes, Column, Reader, TextReader, unzigzag, zigzag};
use crate::damage::Damage;

const NONE: u64 = 0;
const NEXT: u64 = 1;
const AS_BEFORE: u64 = 1;
const TEXT_AS_BEFORE: u64 = 2;
const AS_IT_IS: u64 = 2;
const FIRST: u64 = 3;

/// Distinct texts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredTexts<'a> {
    #[serde(borrow)]
    lengths: Bytes<'a>,
    texts: &'a str,
}

#[derive(Debug, Default)]
pub(crate) struct TextsBuilder {
    lengths: Column,
    texts: String,
    /// The start and end of each text.
    spans: Vec<(usize, usize)>,
    places: HashTable<u32>,
}

impl TextsBuilder {
    /// The number of a text, and whether the text is new.
    pub(crate) fn number(&mut self, text: &str) -> (u32, bool) {
        let Self { texts, spans, places, .. } = self;
        let at = |place: &u32| {
            let (start, end) = spans.get(*place as usize).copied().unwrap_or_default();
            texts.get(start..end).unwrap_or_default()
        };
        let hash = xxh3_64(text.as_bytes());
        if let Some(place) = places.find(hash, |place| at(place) == text) {
            return (*place, false);
        }
        let place = u32::try_from(spans.len()).unwrap_or(u32::MAX);
        places.insert_unique(hash, place, |place| xxh3_64(at(place).as_bytes()));
        self.lengths.put(text.len() as u64);
        self.spans.push((self.texts.len(), self.texts.len() + text.len()));
        self.texts.push_str(text);
        (place, true)
    }

    /// Adds a text that is not in the table and is never searched for.
    pub(crate) fn append(&mut self, text: &str) {
        self.lengths.put(text.len() as u64);
        self.texts.push_str(text);
    }

    /// The reference to a text. `before` is the previous text of the same field.
    pub(crate) fn refer(&mut self, text: Option<&str>, before: Option<&str>) -> u64 {
        match text {
            None => NONE,
            text if text == before => TEXT_AS_BEFORE,
            Some(text) => match self.number(text) {
                (_, true) => NEXT,
                (number, false) => u64::from(number) + FIRST,
            },
        }
    }

    pub(crate) fn clear(&mut self) {
        let Self { lengths, texts, spans, places } = self;
        lengths.clear();
        texts.clear();
        spans.clear();
        places.clear();
    }

    pub(crate) fn stored(&self) -> StoredTexts<'_> {
        StoredTexts { lengths: self.lengths.stored(), texts: &self.texts }
    }
}

/// Reads texts in the order of their first use.
#[derive(Debug)]
pub(crate) struct TextsReader<'a> {
    lengths: Reader<'a>,
    texts: TextReader<'a>,
    known: Vec<&'a str>,
}

impl<'a> TextsReader<'a> {
    pub(crate) fn new(texts: StoredTexts<'a>) -> Self {
        Self { lengths: Reader::new(texts.lengths), texts: TextReader::new(texts.texts), known: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> &'a str {
        let text = self.texts.text(self.lengths.number());
        self.known.push(text);
        text
    }

    /// The text that a reference stands for; see [`TextsBuilder::refer`].
    pub(crate) fn follow(&mut self, number: u64, before: Option<&'a str>) -> Result<Option<&'a str>, Damage> {
        match number {
            NONE => Ok(None),
            NEXT => Ok(Some(self.next())),
            TEXT_AS_BEFORE => Ok(before),
            number => {
                let text = usize::try_from(number - FIRST).ok().and_then(|place| self.known.get(place));
                text.copied().map(Some).ok_or_else(|| Damage::NoSuch { field: "text", found: number - FIRST })
            }
        }
    }

    pub(crate) fn end(&self) -> Result<(), Damage> {
        self.lengths.end("shared text lengths")?;
        self.texts.end("shared texts")
    }
}

/// Contexts by their texts, in the order of [`Context::texts`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredContexts<'a> {
    /// One byte each: whether the context explicitly assigns nobody.
    #[serde(borrow)]
    nobody: Bytes<'a>,
    texts: [Bytes<'a>; Context::TEXTS],
}

#[derive(Debug, Default)]
pub(crate) struct ContextsBuilder {
    nobody: Column,
    texts: [Column; Context::TEXTS],
}

impl ContextsBuilder {
    /// Adds a context; `before` is the previous context of its conversation.
    pub(crate) fn push(&mut self, context: &Context, before: Option<&Context>, texts: &mut TextsBuilder) {
        let before = before.map_or([None; Context::TEXTS], Context::texts);
        self.push_texts(context.texts(), context.nobody(), before, texts);
    }

    /// Like [`ContextsBuilder::push`], by the texts of both contexts.
    pub(crate) fn push_texts(
        &mut self,
        own: TextsBefore<'_>,
        nobody: bool,
        before: TextsBefore<'_>,
        texts: &mut TextsBuilder,
    ) {
        self.nobody.put_byte(u8::from(nobody));
        for ((column, text), before) in self.texts.iter_mut().zip(own).zip(before) {
            column.put(texts.refer(text, before));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.nobody.clear();
        self.texts.iter_mut().for_each(Column::clear);
    }

    pub(crate) fn stored(&self) -> StoredContexts<'_> {
        StoredContexts { nobody: self.nobody.stored(), texts: self.texts.each_ref().map(Column::stored) }
    }
}

/// The texts of a conversation's previous context.
pub(crate) type TextsBefore<'a> = [Option<&'a str>; Context::TEXTS];

#[derive(Debug)]
pub(crate) struct ContextsReader<'a> {
    nobody: Reader<'a>,
    texts: [Reader<'a>; Context::TEXTS],
}

impl<'a> ContextsReader<'a> {
    pub(crate) fn new(contexts: StoredContexts<'a>) -> Self {
        Self { nobody: Reader::new(contexts.nobody), texts: contexts.texts.map(Reader::new) }
    }

    /// Number of contexts left.
    pub(crate) fn left(&self) -> usize {
        self.nobody.left()
    }

    /// The next context: whether it explicitly assigns nobody, and its texts, which replace `before`.
    pub(crate) fn next(&mut self, before: &mut TextsBefore<'a>, texts: &mut TextsReader<'a>) -> Result<bool, Damage> {
        for (column, text) in self.texts.iter_mut().zip(before.iter_mut()) {
            *text = texts.follow(column.number(), *text)?;
        }
        truth(i64::from(self.nobody.byte()))
    }

    pub(crate) fn end(&self) -> Result<(), Damage> {
        self.nobody.end("unassigned flags")?;
        self.texts.iter().try_for_each(|column| column.end("context texts"))
    }
}

/// Sessions by their values: [`Session::numbers`], then [`Session::texts`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredSessions<'a> {
    #[serde(borrow)]
    numbers: [Bytes<'a>; NUMBERS],
    texts: [Bytes<'a>; TEXTS],
}

const NUMBERS: usize = Session::NUMBERS;
const TEXTS: usize = Session::TEXTS;

fn truth(number: i64) -> Result<bool, Damage> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Damage::NoSuch { field: "boolean", found: number.cast_unsigned() }),
    }
}

#[derive(Debug, Default)]
pub(crate) struct SessionsBuilder {
    numbers: [Column; NUMBERS],
    texts: [Column; TEXTS],
}

impl SessionsBuilder {
    /// Adds a session; `before` is the previous session of its conversation.
    pub(crate) fn push(&mut self, session: &Session, before: Option<&Session>, texts: &mut TextsBuilder) {
        let numbers_before = before.map_or([None; NUMBERS], Session::numbers);
        for ((column, number), before) in self.numbers.iter_mut().zip(session.numbers()).zip(numbers_before) {
            match number {
                None => column.put(NONE),
                number if number == before => column.put(AS_BEFORE),
                Some(number) => match zigzag(number).checked_add(FIRST) {
                    Some(code) => column.put(code),
                    None => {
                        column.put(AS_IT_IS);
                        column.put(zigzag(number));
                    }
                },
            }
        }
        let texts_before = before.map_or([None; TEXTS], Session::texts);
        for ((column, text), before) in self.texts.iter_mut().zip(session.texts()).zip(texts_before) {
            column.put(texts.refer(text, before));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.numbers.iter_mut().for_each(Column::clear);
        self.texts.iter_mut().for_each(Column::clear);
    }

    pub(crate) fn stored(&self) -> StoredSessions<'_> {
        StoredSessions {
            numbers: self.numbers.each_ref().map(Column::stored),
            texts: self.texts.each_ref().map(Column::stored),
        }
    }
}

/// The values of a conversation's previous session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ValuesBefore<'a> {
    numbers: [Option<i64>; NUMBERS],
    texts: [Option<&'a str>; TEXTS],
}

#[derive(Debug)]
pub(crate) struct SessionsReader<'a> {
    numbers: [Reader<'a>; NUMBERS],
    texts: [Reader<'a>; TEXTS],
}

impl<'a> SessionsReader<'a> {
    pub(crate) fn new(sessions: StoredSessions<'a>) -> Self {
        Self { numbers: sessions.numbers.map(Reader::new), texts: sessions.texts.map(Reader::new) }
    }

    /// An upper bound for the number of sessions left.
    pub(crate) fn left(&self) -> usize {
        self.texts.first().map_or(0, Reader::left)
    }

    /// The next session. Its values replace `before`.
    pub(crate) fn next(
        &mut self,
        before: &mut ValuesBefore<'a>,
        texts: &mut TextsReader<'a>,
    ) -> Result<Session, Damage> {
        for (column, number) in self.numbers.iter_mut().zip(before.numbers.iter_mut()) {
            *number = match column.number() {
                NONE => None,
                AS_BEFORE => *number,
                AS_IT_IS => Some(column.signed()),
                code => Some(unzigzag(code - FIRST)),
            };
        }
        for (column, text) in self.texts.iter_mut().zip(before.texts.iter_mut()) {
            *text = texts.follow(column.number(), *text)?;
        }
        Session::from_columns(before.numbers, before.texts)
            .map_err(|NotATruth(found)| Damage::NoSuch { field: "boolean", found: found.cast_unsigned() })
    }

    pub(crate) fn end(&self) -> Result<(), Damage> {
        self.numbers.iter().try_for_each(|column| column.end("session numbers"))?;
        self.texts.iter().try_for_each(|column| column.end("session texts"))
    }
}
