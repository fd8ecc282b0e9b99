//! Detects duplicate keys of an object.

use std::borrow::Cow;
use std::collections::HashSet;

/// The maximum number of keys that are kept in a list. Objects with more keys use a set, so that a hostile object with
/// a hundred thousand keys does not take quadratic time.
const LISTED_KEYS: usize = 32;

/// The keys seen so far of every open object.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    objects: Vec<Object<'a>>,
    listed: Vec<Cow<'a, [u8]>>,
}

/// The keys of one object: in the common list from `first` on, or in a set if there are many.
#[derive(Debug)]
struct Object<'a> {
    /// A bit for each key seen. A key whose bit is not set is new.
    filter: u64,
    first: usize,
    many: Option<HashSet<Cow<'a, [u8]>>>,
}

impl<'a> Keys<'a> {
    /// Starts an object.
    #[inline]
    pub(super) fn open(&mut self) {
        self.objects.push(Object { filter: 0, first: self.listed.len(), many: None });
    }

    /// Ends the innermost object.
    #[inline]
    pub(super) fn close(&mut self) {
        if let Some(object) = self.objects.pop() {
            self.listed.truncate(object.first);
        }
    }

    /// Removes all objects, including those that never ended.
    pub(super) fn clear(&mut self) {
        self.objects.clear();
        self.listed.clear();
    }

    /// Adds a key to the innermost object. Returns whether it is new there.
    #[inline]
    pub(super) fn insert(&mut self, key: Cow<'a, [u8]>) -> bool {
        let Some(object) = self.objects.last_mut() else { return true };
        if let Some(many) = &mut object.many {
            return many.insert(key);
        }
        let bit = bit_of(&key);
        let is_new = object.filter & bit == 0 || !self.listed.iter().skip(object.first).any(|seen| *seen == key);
        object.filter |= bit;
        self.listed.push(key);
        if is_new && self.listed.len() - object.first > LISTED_KEYS {
            object.many = Some(self.listed.drain(object.first..).collect());
        }
        is_new
    }
}

/// One of 64 bits for a key, from its length and its ends. That distinguishes most keys. A better hash would cost more
/// than an occasional search of the list.
#[inline]
fn bit_of(key: &[u8]) -> u64 {
    let at = |place: usize| u64::from(key.get(place).copied().unwrap_or(0));
    let length = key.len();
    let mixed = at(0) | at(length / 2) << 8 | at(length.wrapping_sub(1)) << 16 | (length as u64) << 24;
    1 << (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}
