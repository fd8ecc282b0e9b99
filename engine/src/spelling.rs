//! How queries compare names and numbers, which people spell in different ways.

use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::xxh3_64;

/// A name that is equal to the same name in upper or lower case.
#[derive(Clone, Debug)]
pub(crate) struct Caseless<T>(pub(crate) T);

impl<T: AsRef<str>> PartialEq for Caseless<T> {
    fn eq(&self, other: &Self) -> bool {
        same_name(self.0.as_ref(), other.0.as_ref())
    }
}

impl<T: AsRef<str>> Eq for Caseless<T> {}

impl<T: AsRef<str>> Hash for Caseless<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        lower_case(self.0.as_ref()).for_each(|c| hasher.write_u32(c.into()));
    }
}

/// Whether two names differ at most in the case of their letters.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a == b || lower_case(a).eq(lower_case(b))
}

/// Whether two numbers differ at most in `+` and white space.
pub(crate) fn same_number(a: &str, b: &str) -> bool {
    a == b || plain(a).eq(plain(b))
}

/// A number without `+` and white space; `None` if it contains neither.
pub(crate) fn plain_number(number: &str) -> Option<String> {
    let plain: String = plain(number).collect();
    (plain.len() < number.len()).then_some(plain)
}

/// A hash of a number without its `+` and white space.
#[expect(clippy::cast_possible_truncation, reason = "the lower half of the hash is wanted")]
pub(crate) fn number_hash(number: &str) -> u32 {
    let has_mark = number.chars().any(is_mark);
    let plain = has_mark.then(|| plain(number).collect::<String>());
    xxh3_64(plain.as_deref().unwrap_or(number).as_bytes()) as u32
}

pub(crate) fn lower_case(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

fn plain(number: &str) -> impl Iterator<Item = char> {
    number.chars().filter(|c| !is_mark(*c))
}

/// Whether a character is no part of a number.
fn is_mark(c: char) -> bool {
    c == '+' || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case() {
        assert!(same_name("Åse MØLLER", "åse Møller") && !same_name("Åse", "Ase"));
        let names: std::collections::HashSet<_> = ["Ida", "IDA", "ida", "Idaa"].map(Caseless).into();
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn numbers_compare_without_plus_and_spaces() {
        assert!(same_number("+45 12 34 56 78", "4512345678") && !same_number("+45", "45-"));
        assert_eq!(plain_number("+45 12"), Some("4512".to_owned()));
        assert_eq!(plain_number("4512"), None);
        assert_eq!(number_hash("+45 12"), number_hash("4512"));
        assert_ne!(number_hash("4512"), number_hash("4521"));
    }
}
