//! A rejection as JSON: a reject record, which the parser reads again (rule W5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::reject::VERSION;
use super::{Reason, Rejection};

#[derive(Serialize)]
struct RejectionJson<'a> {
    convofold_reject: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    line: u64,
    byte_offset: u64,
    path: &'a str,
    reason: Reason,
    expected: &'a str,
    found: &'a str,
    #[serde(flatten)]
    raw: Raw<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    raw_cut: bool,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Raw<'a> {
    Raw(&'a str),
    RawBase64(String),
}

impl Rejection {
    /// The reject record of the rejection, with the name of its input as `source`: the form of the lines of a rejects file.
    #[must_use]
    pub fn record<'a>(&'a self, source: &'a str) -> impl Serialize + use<'a> {
        self.as_json(Some(source))
    }

    fn as_json<'a>(&'a self, source: Option<&'a str>) -> RejectionJson<'a> {
        let Self { line, byte_offset, path, reason, expected, found, raw, raw_cut } = self;
        RejectionJson {
            convofold_reject: VERSION,
            source,
            line: *line,
            byte_offset: *byte_offset,
            path,
            reason: *reason,
            expected,
            found,
            raw: Raw::of(raw, *raw_cut),
            raw_cut: *raw_cut,
        }
    }
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_json(None).serialize(serializer)
    }
}

impl Serialize for Reason {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'a> Raw<'a> {
    fn of(raw: &'a [u8], is_cut: bool) -> Self {
        match std::str::from_utf8(raw) {
            Ok(text) => Self::Raw(text),
            // The cut is inside a character.
            Err(error) if is_cut && error.error_len().is_none() => {
                Self::of(raw.get(..error.valid_up_to()).unwrap_or_default(), false)
            }
            Err(_) => Self::RawBase64(STANDARD.encode(raw)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Origin;

    #[test]
    fn text_is_given_as_text_and_all_else_as_base64() {
        assert_eq!(Raw::of("\u{e4}".as_bytes(), false), Raw::Raw("\u{e4}"));
        assert_eq!(Raw::of(b"a\xC3", true), Raw::Raw("a"));
        assert_eq!(Raw::of(b"a\xC3", false), Raw::RawBase64("YcM=".to_owned()));
        assert!(matches!(Raw::of(b"a\xFFb", true), Raw::RawBase64(_)));
    }

    #[test]
    fn a_rejection_is_written_with_its_fields() {
        let origin = Origin { line: 3, byte_offset: 70 };
        let rejection = Rejection::new(origin, "$.body".to_owned(), Reason::WrongType, "an object".into(), "7".into());
        let written = |rejection: &Rejection| serde_json::to_string(rejection).unwrap();
        let beginning = r#"{"convofold_reject":1,"line":3,"byte_offset":70,"path":"$.body","reason":"wrong type","expected":"an object","found":"7","#;
        let text = rejection.clone().with_raw(b"{\"body\":7}");
        assert_eq!(written(&text), format!(r#"{beginning}"raw":"{{\"body\":7}}"}}"#));
        let record = serde_json::to_string(&text.record("a.ndjson")).unwrap();
        assert!(record.starts_with(r#"{"convofold_reject":1,"source":"a.ndjson","line":3,"#), "{record}");
        let bytes = Rejection { raw_cut: true, ..rejection.with_raw(b"\xff") };
        assert_eq!(written(&bytes), format!(r#"{beginning}"raw_base64":"/w==","raw_cut":true}}"#));
    }
}
