//! From the body of a webhook, or a file, to payloads for the partitions of a log.

use std::borrow::Cow;

use convofold::Event;
use convofold::ingest::{Decoder, Ignored, Origin, Parser, Rejection, Sink};

use crate::partition::Partitions;

/// Splits inputs with several events, because the events of one input can belong to different partitions.
#[derive(Clone, Debug)]
pub struct Splitter {
    parser: Parser,
    partitions: Partitions,
}

/// What an input consists of.
#[derive(Clone, Debug, Default)]
pub struct Split<'a> {
    /// One payload for each event, in the order of the input.
    pub payloads: Vec<Payload<'a>>,
    /// The number of ignored inputs (rules W1, W2 and W5).
    pub ignored: u64,
    /// What cannot be an event (rule W5).
    pub rejections: Vec<Rejection>,
}

/// What is published for one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The partition of its conversation.
    pub partition: u32,
    /// The bytes of its object in the input. Parsed alone, they are the same event.
    pub bytes: Cow<'a, [u8]>,
}

impl Splitter {
    /// A splitter with the format, the limits and the ignored types of this parser. The zone is not written into the payloads:
    /// followers need the same one.
    #[must_use]
    pub fn new(parser: Parser, partitions: Partitions) -> Self {
        Self { parser, partitions }
    }

    /// Splits a complete input in memory.
    #[must_use]
    pub fn split<'a>(&self, input: &'a [u8]) -> Split<'a> {
        let text = decoded(input);
        let mut found = Found::default();
        self.parser.parse_input(&text, &mut found);
        let Found { events, ignored, rejections } = found;
        let is_alone = |place: usize| {
            let at = |place: usize| events.get(place).map(|(at, _)| *at);
            let same = |other: Option<usize>| other.is_some_and(|other| at(other).is_some() && at(other) == at(place));
            !same(place.checked_sub(1)) && !same(place.checked_add(1))
        };
        let payload = |(place, (at, event)): (usize, &(u64, Event))| {
            // Several events of one object: a reject record, whose raw input is parsed again.
            let bytes = match object_at(&text, *at) {
                Some(bytes) if is_alone(place) => bytes,
                _ => Cow::Owned(event.export_line().into_bytes()),
            };
            Payload { partition: self.partitions.of(event.conversation()), bytes }
        };
        let payloads = events.iter().enumerate().map(payload).collect();
        Split { payloads, ignored, rejections }
    }
}

/// The input in UTF-8.
fn decoded(input: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut decoder) = Decoder::for_mark(input) else { return Cow::Borrowed(input) };
    let mut text = Vec::with_capacity(input.len());
    decoder.decode(input, &mut text);
    decoder.finish(&mut text);
    Cow::Owned(text)
}

/// The object that begins at an offset. The parser has accepted it, so only its end is looked for.
fn object_at<'a>(text: &Cow<'a, [u8]>, at: u64) -> Option<Cow<'a, [u8]>> {
    let start = usize::try_from(at).ok()?;
    let end = start + object_bytes(text.get(start..)?)?;
    match text {
        Cow::Borrowed(text) => text.get(start..end).map(Cow::Borrowed),
        Cow::Owned(text) => text.get(start..end).map(|object| Cow::Owned(object.to_vec())),
    }
}

/// The length of the object at the beginning of a text: up to the bracket that closes it, outside of strings.
fn object_bytes(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (*byte == b'}').then_some(at + 1);
        }
    }
    None
}

#[derive(Default)]
struct Found {
    /// Each event with the offset of its object.
    events: Vec<(u64, Event)>,
    ignored: u64,
    rejections: Vec<Rejection>,
}

impl Sink for Found {
    fn event(&mut self, origin: Origin, event: Event) {
        self.events.push((origin.byte_offset, event));
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored<'_>) {
        self.ignored += 1;
    }

    fn rejected(&mut self, rejection: Rejection) {
        self.rejections.push(rejection);
    }
}
