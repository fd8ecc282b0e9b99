//! The JSON that the generator needs, written by hand because it determines the generator's speed.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A UUID as text.
pub(crate) type Uuid = [u8; 36];

/// `n` in decimal.
pub(crate) fn decimal(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = n;
    loop {
        start -= 1;
        digits[start] = digit(rest);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// The last `N` decimal digits of `n`, with leading zeros.
pub(crate) fn padded<const N: usize>(n: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    let mut rest = n;
    for slot in digits.iter_mut().rev() {
        *slot = digit(rest);
        rest /= 10;
    }
    digits
}

fn digit(n: u64) -> u8 {
    b'0' + (n % 10) as u8
}

/// A random (version 4) UUID of 128 bits.
pub(crate) fn uuid(high: u64, low: u64) -> Uuid {
    let high = high & !0xF000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut text = [b'-'; 36];
    let mut bytes = high.to_be_bytes().into_iter().chain(low.to_be_bytes());
    for group in [0..8, 9..13, 14..18, 19..23, 24..36] {
        for (pair, byte) in text[group].chunks_exact_mut(2).zip(&mut bytes) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
    }
    text
}

/// How characters outside ASCII are written; real senders differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Unescaped.
    Utf8,
    /// As `\uXXXX`, as surrogate pairs outside the basic plane.
    Ascii,
}

/// Appends `text` as the content of a JSON string, without quotes.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str, script: Script) {
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            _ if c < ' ' || (!c.is_ascii() && script == Script::Ascii) => escape_units(out, c),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn escape_units(out: &mut Vec<u8>, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            out.push(HEX[usize::from(*unit >> shift & 15)]);
        }
    }
}

/// Range of the value of the first `"key":` in `line`, which must have no whitespace between tokens.
pub(crate) fn value_of(line: &[u8], key: &[u8]) -> Option<std::ops::Range<usize>> {
    let key_at = line.windows(key.len()).position(|window| window == key)?;
    let start = key_at + key.len();
    Some(start..start + value_len(&line[start..]))
}

/// Length of the JSON value at the start of `text`.
fn value_len(text: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            if !quoted && depth == 0 {
                return at + 1;
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let mut out = Vec::new();
        for n in [0, 7, 10, 1_627_535_468_595, u64::MAX] {
            decimal(&mut out, n);
            out.push(b' ');
        }
        assert_eq!(out, b"0 7 10 1627535468595 18446744073709551615 ");
        assert_eq!(&padded::<3>(7), b"007");
        assert_eq!(&padded::<2>(123), b"23");
    }

    #[test]
    fn uuids_have_version_and_variant() {
        assert_eq!(&uuid(0, 0), b"00000000-0000-4000-8000-000000000000");
        assert_eq!(&uuid(u64::MAX, u64::MAX), b"ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(&uuid(0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef), b"01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn escapes_read_back() {
        for text in ["plain", "\"q\" \\ back\nline\ttab\u{1}", "Zoë 😀 山田 \u{7f}"] {
            for script in [Script::Utf8, Script::Ascii] {
                let mut out = vec![b'"'];
                escape(&mut out, text, script);
                out.push(b'"');
                assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
                assert!(script == Script::Utf8 || out.is_ascii());
            }
        }
    }

    #[test]
    fn values_are_found() {
        let line = br#"{"a":"x\"}","b":{"c":[1,"]"]},"d":12,"e":null}"#;
        let value = |key: &str| &line[value_of(line, key.as_bytes()).unwrap()];
        assert_eq!(value("\"a\":"), br#""x\"}""#);
        assert_eq!(value("\"b\":"), br#"{"c":[1,"]"]}"#);
        assert_eq!(value("\"c\":"), br#"[1,"]"]"#);
        assert_eq!(value("\"d\":"), b"12");
        assert_eq!(value("\"e\":"), b"null");
        assert_eq!(value_of(line, b"\"z\":"), None);
    }
}
