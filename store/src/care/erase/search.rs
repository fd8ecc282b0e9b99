//! The search of an erasure in what belongs to the host: files beside the storage, and bookmarks.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use convofold_engine::Subjects;
use serde_json::{Deserializer, Value};

use super::EraseError;
use super::find::Replacements;
use super::needles::Needles;

/// A value is decoded up to this many times: a reject record has JSON in a text, and that can have JSON in a text.
const MAX_DEPTH: u32 = 4;

/// What an erasure searches for in the files beside the storage, and in every other text of a host: the values by which the
/// subjects are named, and the ids, numbers, names and texts of their conversations.
///
/// JSON is decoded, also JSON in texts and base64; so `700100`, `"700100"` and `"\u0037\u00300100"` are the member 700100. Ids of
/// conversations and subjects are found at every length as whole values, and from four bytes on also as words within a text;
/// other ids and names from eight bytes on, texts from sixteen bytes on. A text that another conversation has too is not
/// searched for.
#[derive(Debug)]
pub struct Search {
    pub(super) subjects: Subjects,
    pub(super) needles: Needles,
}

/// What was found in the JSON values of a text.
struct Decoded {
    is_found: bool,
    /// There is nothing else in the text.
    is_whole: bool,
}

impl Search {
    /// A search for the subjects and what is replaced. Until the conversations of others were read
    /// ([`Needles::note_others`]), texts that they have too are also found.
    pub(super) fn of(subjects: &Subjects, replaced: &Replacements) -> Result<Self, EraseError> {
        Ok(Self { subjects: subjects.clone(), needles: Needles::of(subjects, replaced)? })
    }

    /// A search for the values by which subjects are named, and the ids of their conversations. `None` if they are too many.
    pub(crate) fn of_ids(subjects: Subjects, conversations: BTreeSet<String>) -> Option<Self> {
        let needles = Needles::of_ids(&subjects, conversations).ok()?;
        Some(Self { subjects, needles })
    }

    /// Whether this text, such as a line of a file, contains any of it.
    #[must_use]
    pub fn finds(&self, text: &[u8]) -> bool {
        let whole = std::str::from_utf8(text.trim_ascii());
        whole.is_ok_and(|whole| self.is_value(whole)) || self.is_in(text, MAX_DEPTH)
    }

    fn is_value(&self, value: &str) -> bool {
        self.needles.conversations.contains(value) || self.subjects.have_value(value)
    }

    fn is_in(&self, text: &[u8], depth: u32) -> bool {
        if self.needles.are_in_text(text) {
            return true;
        }
        let Some(depth) = depth.checked_sub(1) else { return false };
        let in_json = self.in_json(text, depth);
        // Broken JSON has escapes too.
        let is_in_rest = || unescaped(text).is_some_and(|text| self.is_in(&text, depth));
        in_json.is_found
            || !in_json.is_whole && is_in_rest()
            || bytes_of_base64(text).is_some_and(|bytes| self.is_in(&bytes, depth))
    }

    fn in_json(&self, text: &[u8], depth: u32) -> Decoded {
        let begins = text.iter().position(|byte| matches!(byte, b'{' | b'['));
        let Some(json) = begins.and_then(|begins| text.get(begins..)) else {
            return Decoded { is_found: false, is_whole: false };
        };
        for value in Deserializer::from_slice(json).into_iter::<Value>() {
            match value {
                Ok(value) if self.is_in_value(&value, depth) => return Decoded { is_found: true, is_whole: true },
                Ok(_) => {}
                Err(_) => return Decoded { is_found: false, is_whole: false },
            }
        }
        Decoded { is_found: false, is_whole: true }
    }

    fn is_in_value(&self, value: &Value, depth: u32) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => self.is_value(&number.to_string()),
            Value::String(text) => self.is_value(text) || self.is_in(text.as_bytes(), depth),
            Value::Array(values) => values.iter().any(|value| self.is_in_value(value, depth)),
            Value::Object(fields) => {
                let field = |name: &str| fields.get(name).and_then(text_of);
                self.subjects.are_in_session(field)
                    || fields.iter().any(|(name, value)| {
                        self.is_value(name) || self.is_in(name.as_bytes(), depth) || self.is_in_value(value, depth)
                    })
            }
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The text without the escapes of JSON; `None` if it has none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', text)?;
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let Some((escape, after)) = rest.split_first() else { break };
        rest = after;
        match escape {
            b'n' | b'r' | b't' | b'b' | b'f' => plain.push(b' '),
            b'u' => {
                let (character, after) = unicode(rest);
                rest = after;
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            escape => plain.push(*escape),
        }
    }
    Some(plain)
}

/// The character after `\u`, which is two escapes if it needs two units of UTF-16, and the rest.
fn unicode(text: &[u8]) -> (char, &[u8]) {
    let unit = |text: &[u8]| {
        let digits = text.get(..4).and_then(|digits| std::str::from_utf8(digits).ok())?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    let after = text.get(4..).unwrap_or_default();
    let second = after.strip_prefix(b"\\u").and_then(|second| Some((unit(second)?, second.get(4..)?)));
    let pair = second.and_then(|(second, rest)| {
        let both = char::decode_utf16([first, second]).next()?.ok().filter(|both| both.len_utf16() == 2)?;
        Some((both, rest))
    });
    pair.unwrap_or_else(|| (char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), after))
}

fn bytes_of_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let is_long = text.len() >= 8 && text.len().is_multiple_of(4);
    is_long.then(|| STANDARD.decode(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use convofold_engine::Subject;

    use super::*;

    fn search(subjects: &[&str]) -> Search {
        let subjects = subjects.iter().map(|id| Subject::member(id).unwrap()).collect();
        Search::of(&subjects, &Replacements::default()).unwrap()
    }

    #[test]
    fn a_member_is_found_in_every_form_of_a_value() {
        let search = search(&["700100", "7"]);
        let in_text = r#"{"raw":"{\"a\":[{\"member\":\"\\u0037\\u00300100\"}]}"}"#;
        let in_base64 = format!(r#"{{"raw_base64":"{}"}}"#, STANDARD.encode(b"\xff {\"a\":\"x 700100 y\"}"));
        let found = [
            r#"{"member_business_id":"700100"}"#,
            r#"{"member_business_id":700100}"#,
            r#"{"a":{"b":[1,"\u0037\u00300100"]}}"#,
            r#"0123456789abcdef {"began":{"subject":"700100_1627535468595"}}"#,
            r#"{"raw":"{\"member\": \"\\u0037\\u00300100\", broken"}"#,
            r#"{"raw":"call 700100, please"}"#,
            r#"{"member":"7"}"#,
            r#"{"member":7}"#,
            r#"{"transaction":"7_1627535468595"}"#,
            "call 700100 back",
            "7",
            in_text,
            &in_base64,
        ];
        for text in found {
            assert!(search.finds(text.as_bytes()), "{text}");
        }
        let not_found = [
            r#"{"member_business_id":"7001001","count":17,"text":"7 of them"}"#,
            r#"{"a":"a700100","b":"1700100","c":"é700100","d":7.5}"#,
            "1627535468595 700101",
            r"{\u00",
            "",
        ];
        for text in not_found {
            assert!(!search.finds(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_customer_is_found_by_the_session_of_the_tenant() {
        let search = search(&["superoffice:Cust1:customer:77"]);
        for (text, is_found) in [
            (r#"{"ContextIdentifier":"Cust1","CustomerId":77,"UserId":5}"#, true),
            (r#"{"session":{"customer_id":"77"}}"#, true),
            (r#"{"ContextIdentifier":"Cust2","CustomerId":77}"#, false),
            (r#"{"ContextIdentifier":"Cust1","UserId":77}"#, false),
        ] {
            assert_eq!(search.finds(text.as_bytes()), is_found, "{text}");
        }
    }

    #[test]
    fn a_number_is_found_in_every_spelling() {
        let subjects = Subjects::from_iter([Subject::Number("+47 900 00 001".to_owned())]);
        let search = Search::of(&subjects, &Replacements::default()).unwrap();
        for text in [r#"{"number":"4790000001"}"#, r#"{"number":4790000001}"#, r#"{"number":"+47 9000 0001"}"#] {
            assert!(search.finds(text.as_bytes()), "{text}");
        }
        assert!(!search.finds(br#"{"number":"4790000002"}"#));
    }
}
