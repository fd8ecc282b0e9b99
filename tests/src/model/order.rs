//! The order of a conversation's events (T2, T3).

use super::event::Event;
use super::time::Nanos;

/// Sorts by T2, after closes without a usable time have the time of T3.
pub(crate) fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    let timed = events.iter().filter(|event| !event.content.without_time);
    let latest_timed: Option<Nanos> = timed.map(|event| event.content.at).max();
    for event in &mut events {
        let content = &mut event.content;
        if let (true, Some(latest)) = (content.without_time, latest_timed) {
            // Not before the start of the conversation; without a start, the latest time.
            content.at = content.started.map_or(latest, |started| latest.max(started));
        }
    }
    events.sort_by(|a, b| place(a).cmp(&place(b)));
    events
}

fn place(event: &Event) -> impl Ord + '_ {
    let content = &event.content;
    (content.without_time, content.at, content.rank(), &event.identity)
}
