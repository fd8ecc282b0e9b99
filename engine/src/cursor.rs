//! Sort orders of lists, and positions in them.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::query::{ConversationRow, QueryError};
use crate::sorted::{Gap, Sorted};

/// The sort order. Conversations with equal keys are ordered by the bytes of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sort {
    /// The most recently active one first.
    #[default]
    Activity,
    /// The longest waiting one first; those that do not wait are last.
    Waiting,
    /// The oldest one first.
    Started,
    /// The most recently closed one first; open ones are last.
    Closed,
}

crate::named! {
    Sort is a "sort": Activity "activity", Waiting "waiting", Started "started", Closed "closed"
}

/// A sort order and its direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Order {
    /// The sort order.
    pub sort: Sort,
    /// Whether it is reversed.
    pub reverse: bool,
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.sort, if self.reverse { " reversed" } else { "" })
    }
}

/// The value by which a row is sorted, then its id.
pub(crate) type RowKey<'a> = (i64, &'a str);

impl Order {
    /// The first letter of the sort order's name, which stands for the order in a cursor; upper case if it is reversed.
    fn letter(self) -> char {
        let letter = self.sort.name().chars().next().unwrap_or_default();
        if self.reverse { letter.to_ascii_uppercase() } else { letter }
    }

    fn of_letter(letter: char) -> Option<Self> {
        let all = Sort::ALL.into_iter().flat_map(|sort| [false, true].map(|reverse| Self { sort, reverse }));
        all.into_iter().find(|order| order.letter() == letter)
    }

    pub(crate) fn key(self, row: &ConversationRow) -> RowKey<'_> {
        (row.sort_key(self.sort), row.id())
    }

    /// Whether a row comes after a cursor.
    pub(crate) fn is_after(self, cursor: Option<&Cursor>, row: &ConversationRow) -> bool {
        cursor.is_none_or(|cursor| {
            let order = self.key(row).cmp(&cursor.row_key());
            if self.reverse { order.is_lt() } else { order.is_gt() }
        })
    }

    /// Where a cursor is in ascending entries: those after it are on the side [`Order::reverse`]. `compare` compares an
    /// entry with a key.
    pub(crate) fn gap<E>(
        self,
        cursor: Option<&Cursor>,
        entries: &Sorted<E>,
        compare: impl Fn(&E, RowKey<'_>) -> Ordering,
    ) -> Gap {
        entries.gap(|entry| match cursor.map(|cursor| compare(entry, cursor.row_key())) {
            None => self.reverse,
            Some(order) => order.is_lt() || (order.is_eq() && !self.reverse),
        })
    }

    /// The next element of an iterator in ascending order, in the direction of this order.
    pub(crate) fn next<I: DoubleEndedIterator>(self, ascending: &mut I) -> Option<I::Item> {
        if self.reverse { ascending.next_back() } else { ascending.next() }
    }
}

/// A position in a list. It names the last conversation of a page, so it stays valid while events arrive. A
/// conversation that moves up in the meantime can be missed or appear again; one that does not move appears exactly
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) order: Order,
    pub(crate) key: i64,
    pub(crate) id: Arc<str>,
}

impl Cursor {
    /// The position of this row.
    pub(crate) fn at(order: Order, row: &ConversationRow) -> Self {
        let (key, id) = order.key(row);
        Self { order, key, id: id.into() }
    }

    fn row_key(&self) -> RowKey<'_> {
        (self.key, &self.id)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}:{}", self.order.letter(), self.key, self.id)
    }
}

impl Serialize for Cursor {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    /// From its text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let letter = text.chars().next()?;
            let order = Order::of_letter(letter)?;
            let (key, id) = text.get(letter.len_utf8()..)?.split_once(':')?;
            Some(Self { order, key: key.parse().ok()?, id: id.into() })
        };
        parse().ok_or_else(|| QueryError::NotACursor { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was() {
        for (number, sort) in (-1..).zip(Sort::ALL) {
            for reverse in [false, true] {
                let cursor = Cursor { order: Order { sort, reverse }, key: number, id: "a:b".into() };
                assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
        assert_eq!("C-5:x".parse::<Cursor>().unwrap().order.to_string(), "closed reversed");
        for text in ["", "a", "b1:x", "a1", "a:x", "\u{e5}1:x"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
