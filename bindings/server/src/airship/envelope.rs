//! What a line says about itself. Its event is read by the engine.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bookmark::MAX_OFFSET_BYTES;

/// The position of a line in the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Opaque: it can be compared with nothing.
    pub(super) offset: Option<String>,
    /// When Airship had processed it, in milliseconds since the epoch.
    pub(super) processed: Option<i64>,
    /// Whether it has an offset only.
    pub(super) is_offset_update: bool,
}

#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    offset: Option<&'a RawValue>,
    #[serde(borrow)]
    processed: Option<&'a RawValue>,
}

impl Envelope {
    /// Empty if the line is not JSON.
    pub(super) fn of(line: &[u8]) -> Self {
        // An array would be taken for the fields in their order.
        let is_object = line.trim_ascii_start().starts_with(b"{");
        let fields: Fields<'_> =
            if is_object { serde_json::from_slice(line).unwrap_or_default() } else { Fields::default() };
        let processed = text(fields.processed).and_then(|text| text.parse::<jiff::Timestamp>().ok());
        Self {
            offset: fields.offset.and_then(offset),
            processed: processed.map(jiff::Timestamp::as_millisecond),
            is_offset_update: text(fields.r#type).as_deref() == Some("OFFSET_UPDATE"),
        }
    }
}

fn text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    serde_json::from_str(value?.get()).ok()
}

/// A string, or the digits of a number, which old streams have.
fn offset(value: &RawValue) -> Option<String> {
    let json = value.get();
    let offset = match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok()?,
        b'0'..=b'9' | b'-' => json.to_owned(),
        _ => return None,
    };
    (1..=MAX_OFFSET_BYTES).contains(&offset.len()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(line: &str) -> Option<String> {
        Envelope::of(line.as_bytes()).offset
    }

    #[test]
    fn an_offset_is_an_opaque_text_and_may_be_a_number() {
        assert_eq!(offset(r#"{"offset":"b-0x7"}"#).as_deref(), Some("b-0x7"));
        assert_eq!(offset(r#"{"offset":"a\u002f1"}"#).as_deref(), Some("a/1"));
        assert_eq!(
            offset(r#"{"id":"x","offset": 98765432109876543210987 }"#).as_deref(),
            Some("98765432109876543210987")
        );
        for none in [
            r#"["CUSTOM","1","2"]"#,
            r#"{"offset":null}"#,
            r#"{"offset":""}"#,
            r#"{"offset":[1]}"#,
            "{}",
            "7",
            "",
            "{\"offset\":\"1\"",
        ] {
            assert_eq!(offset(none), None, "{none}");
        }
        assert_eq!(offset(&format!(r#"{{"offset":"{}"}}"#, "x".repeat(MAX_OFFSET_BYTES + 1))), None);
    }

    #[test]
    fn an_offset_update_is_known_by_its_type() {
        let line = br#"{"type":"OFFSET_UPDATE","id":"u","offset":"9","occurred":"2026-03-02T09:15:00Z","processed":"2026-03-02T09:15:00.5Z"}"#;
        let expected =
            Envelope { offset: Some("9".to_owned()), processed: Some(1_772_442_900_500), is_offset_update: true };
        assert_eq!(Envelope::of(line), expected);
        assert!(!Envelope::of(br#"{"type":"CUSTOM","offset":"9"}"#).is_offset_update);
    }
}
