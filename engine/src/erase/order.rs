//! Which of several events with one identity counts (rule I2), after their contents were replaced.
//!
//! The one with the smallest content hash counts, at each moment the smallest of those known by then. A replaced event has
//! another hash, so the order is made again: events that do not count in the end get a text, with which their hash is in its
//! place. Nothing else about them changes.

use crate::effect::Seq;
use crate::event::Event;
use crate::image::ImageError;

/// Gives those of the replaced events that lost a text, so that at each moment the same ones count as before.
///
/// `events` are the events before, in log order, and `ranks` their identities as numbers. `replace` builds a replaced event
/// with a text. Where no event of an identity was replaced, nothing changes.
pub(crate) fn keep(
    events: &[(Seq, Event)],
    ranks: &[u32],
    replaced: &mut [Event],
    replace: impl Fn(usize, Option<&str>) -> Result<Event, ImageError>,
) -> Result<(), ImageError> {
    let mut by_identity: Vec<_> = ranks.iter().copied().zip(0..).collect();
    by_identity.sort_unstable();
    let mut texts = 1_u64..;
    for equal in by_identity.chunk_by(|(one, _), (next, _)| one == next).filter(|equal| equal.len() > 1) {
        let places: Vec<usize> = equal.iter().map(|(_, place)| *place).collect();
        if places.iter().all(|place| replaced[*place] == events[*place].1) {
            continue;
        }
        let (winners, losers) = contest(events, &places);
        // From the one that counts in the end to the first one. Each gets a part of the range above the one before it, so
        // that there is room for all.
        let mut floor = winners.last().map_or(0, |last| hash(&replaced[*last]));
        let mut left = winners.len() as u128;
        for place in winners.iter().rev().skip(1) {
            left -= 1;
            let ceiling = floor + (u128::MAX - floor) / left;
            replaced[*place] = search(&mut texts, floor, ceiling, |text| replace(*place, Some(text)))?;
            floor = hash(&replaced[*place]);
        }
        for (place, winner) in losers {
            let floor = hash(&replaced[winner]);
            replaced[place] = search(&mut texts, floor, u128::MAX, |text| replace(place, Some(text)))?;
        }
    }
    Ok(())
}

/// The events of one identity that counted when they arrived, in order, and the others, each with the one that counted then.
fn contest(events: &[(Seq, Event)], places: &[usize]) -> (Vec<usize>, Vec<(usize, usize)>) {
    let (mut winners, mut losers) = (Vec::<usize>::new(), Vec::new());
    for place in places {
        match winners.last() {
            Some(winner) if events[*winner].1.content() < events[*place].1.content() => losers.push((*place, *winner)),
            _ => winners.push(*place),
        }
    }
    (winners, losers)
}

/// The event with a text for which its hash is above `floor` and not above `ceiling`. About as many texts are tried as the
/// range is smaller than all hashes.
fn search(
    texts: &mut impl Iterator<Item = u64>,
    floor: u128,
    ceiling: u128,
    build: impl Fn(&str) -> Result<Event, ImageError>,
) -> Result<Event, ImageError> {
    let mut found = build(&text_of(0))?;
    for number in texts {
        found = build(&text_of(number))?;
        if (floor + 1..=ceiling).contains(&hash(&found)) {
            break;
        }
    }
    Ok(found)
}

/// A text without meaning.
fn text_of(number: u64) -> String {
    format!("(erased {number})")
}

/// Whether a text is one of those that this module gives to events.
pub(crate) fn is_without_meaning(text: &str) -> bool {
    let number = text.strip_prefix("(erased ").and_then(|rest| rest.strip_suffix(')'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn hash(event: &Event) -> u128 {
    event.content().bits()
}
