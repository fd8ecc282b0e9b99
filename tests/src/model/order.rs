//! The order of a conversation's events (T2, T3).

use super::event::Event;
use super::time::Nanos;

/// Sorts by T2, after giving the closes without a usable time the one T3 says.
pub(crate) fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    let timed = events.iter().filter(|event| !event.content.without_time);
    let latest_timed: Option<Nanos> = timed.map(|event| event.content.at).max();
    for event in &mut events {
        let content = &mut event.content;
        if let (true, Some(latest)) = (content.without_time, latest_timed) {
            // Not before its own start; without one, simply the latest.
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
