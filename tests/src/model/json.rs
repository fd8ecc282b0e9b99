//! JSON as the wire rules need it (W3, W5, section 8): digits kept as written, trailing commas allowed, and input that
//! is well-formed but not an event (duplicate keys, too deep) kept apart from bad grammar.

/// A value; the members of an object keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The digits as written.
    Number(String),
    Text(String),
    /// A text with a lone surrogate, which is U+FFFD here.
    Torn(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
    /// Well-formed, but not usable as an event or a part of one.
    Flawed,
}

impl Json {
    /// The member of an object; nothing for anything else.
    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        let Json::Object(members) = self else {
            return None;
        };
        let found = members.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }
}

/// Lone surrogates are kept as characters from here on (for private use, and in no test), so that keys differ as written.
const TORN: u32 = 0x10_0000;

fn is_surrogate(character: char) -> bool {
    (TORN..TORN + 0x800).contains(&u32::from(character))
}

fn is_torn(text: &str) -> bool {
    text.chars().any(is_surrogate)
}

fn mended(text: &str) -> String {
    text.replace(is_surrogate, "\u{FFFD}")
}

/// The maximum number of levels (W5).
const MOST_LEVELS: usize = 128;

/// Reads one document. An array stands for its elements, so levels are counted from each element.
pub(crate) fn parse(text: &str) -> Result<Json, &'static str> {
    let mut parser = Parser { bytes: text.as_bytes(), at: 0, flaws: 0 };
    parser.space();
    let is_array = parser.peek() == Some(b'[');
    let root = parser.value(usize::from(!is_array))?;
    parser.space();
    if parser.peek().is_some() {
        return Err("something follows the document");
    }
    if !is_array && parser.flaws > 0 {
        return Ok(Json::Flawed);
    }
    Ok(root)
}

/// Reads the elements of an array on one line, up to where it breaks. Returns whether it does.
pub(crate) fn elements(text: &str) -> (Vec<Json>, bool) {
    let mut parser = Parser { bytes: text.as_bytes(), at: 0, flaws: 0 };
    parser.space();
    parser.at += 1;
    parser.space();
    let mut elements = Vec::new();
    while !parser.take(b']') {
        let flaws_before = parser.flaws;
        let Ok(element) = parser.value(1) else { return (elements, true) };
        elements.push(if parser.flaws == flaws_before { element } else { Json::Flawed });
        if parser.separator(b']').is_err() {
            return (elements, true);
        }
    }
    parser.space();
    let _comma = parser.take(b',');
    parser.space();
    (elements, parser.peek().is_some())
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    flaws: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, level: usize) -> Parsed<Json> {
        match self.peek() {
            Some(b'{' | b'[') if level > MOST_LEVELS => self.skip_deep(),
            Some(b'{') => self.object(level),
            Some(b'[') => self.array(level),
            Some(b'"') => {
                self.text().map(|text| if is_torn(&text) { Json::Torn(mended(&text)) } else { Json::Text(text) })
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Parsed<Json> {
        let rest = &self.bytes[self.at..];
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err("no JSON value")
    }

    /// Matches brackets with a counter: thousands of levels must not exhaust the stack.
    fn skip_deep(&mut self) -> Parsed<Json> {
        self.flaws += 1;
        let mut open = Vec::new();
        loop {
            match self.peek().ok_or("the document ends early")? {
                b'"' => {
                    self.text()?;
                    continue;
                }
                b'{' => open.push(b'}'),
                b'[' => open.push(b']'),
                byte @ (b'}' | b']') if open.pop() != Some(byte) => {
                    return Err("brackets do not match");
                }
                _ => {}
            }
            self.at += 1;
            if open.is_empty() {
                return Ok(Json::Flawed);
            }
        }
    }

    fn array(&mut self, level: usize) -> Parsed<Json> {
        self.at += 1;
        let mut elements = Vec::new();
        self.space();
        while !self.take(b']') {
            let flaws_before = self.flaws;
            let element = self.value(level + 1)?;
            let is_sound = self.flaws == flaws_before;
            elements.push(if is_sound { element } else { Json::Flawed });
            self.separator(b']')?;
        }
        Ok(Json::Array(elements))
    }

    /// A comma or the end; a comma just before the end is allowed (W3).
    fn separator(&mut self, end: u8) -> Parsed<()> {
        self.space();
        let comma = self.take(b',');
        self.space();
        if comma || self.peek() == Some(end) { Ok(()) } else { Err("expected a comma or the end") }
    }

    fn object(&mut self, level: usize) -> Parsed<Json> {
        self.at += 1;
        let mut members: Vec<(String, Json)> = Vec::new();
        self.space();
        while !self.take(b'}') {
            if self.peek() != Some(b'"') {
                return Err("expected a key");
            }
            let key = self.text()?;
            self.space();
            if !self.take(b':') {
                return Err("expected a colon");
            }
            self.space();
            let value = self.value(level + 1)?;
            if members.iter().any(|(name, _)| *name == key) {
                self.flaws += 1;
            }
            members.push((key, value));
            self.separator(b'}')?;
        }
        Ok(Json::Object(members))
    }

    fn number(&mut self) -> Parsed<Json> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err("no number");
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err("no number");
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err("no number");
            }
        }
        let written = self.bytes[start..self.at].iter().copied();
        Ok(Json::Number(written.map(char::from).collect()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn text(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let byte = self.peek().ok_or("the text does not end")?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let character = self.escape()?;
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1F => return Err("a control character in a text"),
                _ => bytes.push(byte),
            }
        }
        // The document is UTF-8 and is cut only at ASCII bytes.
        String::from_utf8(bytes).map_err(|_| "bad UTF-8")
    }

    fn escape(&mut self) -> Parsed<char> {
        let byte = self.peek().ok_or("the text does not end")?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err("an unknown escape"),
        })
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let first = self.hex4()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let before_second = self.at;
        if first < 0xDC00 && self.take(b'\\') && self.take(b'u') {
            let second = self.hex4()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return char::from_u32(code).ok_or("a lone surrogate");
            }
        }
        // What follows is read again by itself.
        self.at = before_second;
        char::from_u32(TORN + first - 0xD800).ok_or("a lone surrogate")
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or("a short escape")?;
        self.at += 4;
        let mut code = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16).ok_or("a bad escape")?;
            code = code * 16 + value;
        }
        Ok(code)
    }
}
