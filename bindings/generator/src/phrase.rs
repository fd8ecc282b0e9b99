//! Message templates, compiled once and filled in often.

use crate::json::{self, Script};
use crate::phrasebook::{DOMAINS, DomainText, SMALL_TALK};
use crate::rng::Rng;

/// A placeholder in a template, written `{first}` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// `{first}`: the member's first name.
    First,
    /// `{agent}`: the agent's first name.
    Agent,
    /// `{ref}`: number of the order, case or booking; the same throughout a conversation.
    Reference,
    /// `{item}`: subject; the same throughout a conversation.
    Item,
    /// `{amount}`: amount of money; the same throughout a conversation.
    Amount,
    /// `{digits}`: four digits of an account; the same throughout a conversation.
    Digits,
    /// `{date}`: day and month.
    Date,
    /// `{time}`: time of day.
    Time,
    /// `{n}`: number from 2 to 9.
    Count,
}

const SLOTS: [(&str, Slot); 9] = [
    ("first", Slot::First),
    ("agent", Slot::Agent),
    ("ref", Slot::Reference),
    ("item", Slot::Item),
    ("amount", Slot::Amount),
    ("digits", Slot::Digits),
    ("date", Slot::Date),
    ("time", Slot::Time),
    ("n", Slot::Count),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[derive(Debug)]
enum Piece {
    Text(Box<[u8]>),
    Gap(Slot),
}

/// A compiled template.
type Phrase = Box<[Piece]>;

/// Values that the messages of one conversation share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    domain: usize,
    item: usize,
    reference: u32,
    cents: u32,
    digits: u32,
}

/// Which party writes, at which stage of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The member's first message.
    Opening,
    /// A later message of the member.
    Member,
    /// The agent's first message.
    Greeting,
    /// A later message of the agent.
    Agent,
    /// The member's last message.
    Thanks,
    /// The agent's last message.
    Farewell,
}

/// The names that fill the placeholders, escaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) member: &'a [u8],
    pub(crate) agent: &'a [u8],
}

/// All templates, escaped for one script.
#[derive(Debug)]
pub(crate) struct Phrases {
    domains: Vec<Domain>,
    small_talk: [Vec<Phrase>; 6],
}

#[derive(Debug)]
struct Domain {
    prefix: &'static str,
    items: Vec<Box<[u8]>>,
    turns: [Vec<Phrase>; 6],
    small_talk: bool,
}

impl Phrases {
    /// Compiles the phrase book.
    pub(crate) fn new(script: Script) -> Self {
        let compile = |lines: &[&str]| lines.iter().map(|line| phrase(line, script)).collect();
        let domain = |text: &DomainText| Domain {
            prefix: text.prefix,
            items: text.items.iter().map(|item| escaped(item, script)).collect(),
            turns: text.turns.map(compile),
            small_talk: text.small_talk,
        };
        Self { domains: DOMAINS.iter().map(domain).collect(), small_talk: SMALL_TALK.map(compile) }
    }

    /// Chooses the subject of a conversation.
    pub(crate) fn facts(rng: &mut Rng) -> Facts {
        let weight: u32 = DOMAINS.iter().map(|domain| domain.weight).sum();
        let mut left = rng.below(weight);
        let falls = |domain: &DomainText| {
            let here = left < domain.weight;
            left = left.saturating_sub(domain.weight);
            here
        };
        let domain = DOMAINS.iter().position(falls).unwrap_or(0);
        Facts {
            domain,
            item: rng.index(DOMAINS[domain].items.len()),
            reference: rng.between(10_000, 999_999),
            cents: rng.between(399, 89_999),
            digits: rng.below(10_000),
        }
    }

    /// Appends a random message for this turn as the content of a JSON string.
    pub(crate) fn write(&self, out: &mut Vec<u8>, turn: Turn, facts: &Facts, names: Names<'_>, rng: &mut Rng) {
        let domain = &self.domains[facts.domain];
        let own = &domain.turns[turn as usize];
        let common = &self.small_talk[turn as usize];
        let common_wanted = domain.small_talk && !common.is_empty() && rng.below(100) < 35;
        let from = if common_wanted || own.is_empty() { common } else { own };
        for piece in &from[rng.index(from.len())] {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Gap(slot) => fill(out, *slot, domain, facts, names, rng),
            }
        }
    }
}

fn fill(out: &mut Vec<u8>, slot: Slot, domain: &Domain, facts: &Facts, names: Names<'_>, rng: &mut Rng) {
    match slot {
        Slot::First => out.extend_from_slice(names.member),
        Slot::Agent => out.extend_from_slice(names.agent),
        Slot::Reference => {
            out.extend_from_slice(domain.prefix.as_bytes());
            json::decimal(out, u64::from(facts.reference));
        }
        Slot::Item => out.extend_from_slice(&domain.items[facts.item]),
        Slot::Amount => {
            json::decimal(out, u64::from(facts.cents / 100));
            out.push(b'.');
            out.extend_from_slice(&json::padded::<2>(u64::from(facts.cents)));
        }
        Slot::Digits => out.extend_from_slice(&json::padded::<4>(u64::from(facts.digits))),
        Slot::Date => {
            json::decimal(out, u64::from(rng.between(1, 28)));
            out.push(b' ');
            out.extend_from_slice(rng.pick(&MONTHS).as_bytes());
        }
        Slot::Time => {
            json::decimal(out, u64::from(rng.between(7, 21)));
            out.push(b':');
            out.extend_from_slice(&json::padded::<2>(u64::from(rng.below(4) * 15)));
        }
        Slot::Count => json::decimal(out, u64::from(rng.between(2, 9))),
    }
}

/// Splits a template at its placeholders. Braces around any other word are text.
fn phrase(line: &str, script: Script) -> Phrase {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((slot, after)) = gap(rest) {
            if !text.is_empty() {
                pieces.push(Piece::Text(escaped(&text, script)));
                text.clear();
            }
            pieces.push(Piece::Gap(slot));
            rest = after;
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(escaped(&text, script)));
    }
    pieces.into()
}

/// The placeholder at the start of `text`, and the rest.
fn gap(text: &str) -> Option<(Slot, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let (_, slot) = SLOTS.iter().find(|(known, _)| *known == name)?;
    Some((*slot, after))
}

fn escaped(text: &str, script: Script) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len());
    json::escape(&mut out, text, script);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    const TURNS: [Turn; 6] = [Turn::Opening, Turn::Member, Turn::Greeting, Turn::Agent, Turn::Thanks, Turn::Farewell];

    fn said(script: Script, times: u64) -> Vec<Vec<u8>> {
        let phrases = Phrases::new(script);
        let mut rng = Rng::new(1, Purpose::Probe, 0);
        let names = Names { member: b"Ines", agent: b"Hugo" };
        let mut all = Vec::new();
        for _ in 0..times {
            let facts = Phrases::facts(&mut rng);
            for turn in TURNS {
                let mut out = Vec::new();
                phrases.write(&mut out, turn, &facts, names, &mut rng);
                all.push(out);
            }
        }
        all
    }

    #[test]
    fn messages_are_json_strings_without_placeholders() {
        for text in said(Script::Ascii, 2000) {
            assert!(text.is_ascii());
            let quoted = [b"\"".as_slice(), &text, b"\""].concat();
            let plain: String = serde_json::from_slice(&quoted).unwrap();
            assert!(!plain.is_empty() && plain.len() < 255, "{plain}");
            assert!(!SLOTS.iter().any(|(name, _)| plain.contains(&format!("{{{name}}}"))), "{plain}");
        }
    }

    #[test]
    fn every_domain_has_a_message_for_every_turn() {
        for domain in &DOMAINS {
            assert!(domain.weight > 0 && !domain.items.is_empty());
            for turn in TURNS {
                let own = !domain.turns[turn as usize].is_empty();
                assert!(own || !SMALL_TALK[turn as usize].is_empty(), "{} {turn:?}", domain.prefix);
            }
        }
    }

    #[test]
    fn both_scripts_encode_the_same_text() {
        let read =
            |text: &Vec<u8>| serde_json::from_slice::<String>(&[b"\"", text.as_slice(), b"\""].concat()).unwrap();
        let utf8: Vec<String> = said(Script::Utf8, 300).iter().map(read).collect();
        let ascii: Vec<String> = said(Script::Ascii, 300).iter().map(read).collect();
        assert_eq!(utf8, ascii);
    }

    #[test]
    fn unknown_placeholders_are_text() {
        let pieces = phrase("a {b} {n}", Script::Utf8);
        assert!(matches!(&pieces[..], [Piece::Text(text), Piece::Gap(Slot::Count)] if **text == *b"a {b} "));
    }
}
