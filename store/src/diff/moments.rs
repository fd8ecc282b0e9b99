//! Two moments of one database.

use std::io::Write;

use convofold_engine::{Moment, Past, StateHash};

use super::side::{DiffError, SideConversation};
use super::{Pair, Pairs};
use crate::api::sorted_lines::SortedLines;
use crate::api::view::{Among, View};

/// Length of a hash.
const HASH_BYTES: usize = 32;

/// The conversations that differ. Each that may differ is read once, for both moments; the others are not read.
pub(super) fn pairs(from: &View, to: &View) -> Result<Pairs<'static>, DiffError> {
    let moments = [from.pinned(), to.pinned()];
    let mut differing = SortedLines::new(from.db().shared().options.bounds.sorted_bytes);
    let hashes = |past: &Past<'_>| {
        let [from, to] = moments.map(|moment| past.at(moment).map(|past| StateHash::of_state(&past.state())));
        (from != to).then(|| (past.id().clone(), [from, to]))
    };
    let known_at = moments.iter().filter_map(|moment| moment.known_at).max();
    from.db().at(Moment { as_of: None, known_at }).each(Among::Differing(moments), hashes, |found| {
        for found in found {
            let Some((id, hashes)) = found? else { continue };
            // No conversation has the hash of nothing.
            let both = hashes.map(|hash| hash.unwrap_or_default().to_bytes()).concat();
            differing.push(id.as_bytes(), |line| line.write_all(&both)).map_err(DiffError::Temporary)?;
        }
        Ok::<_, DiffError>(())
    })?;
    // Afterwards, so that a run of retention that ended meanwhile is noticed.
    [from, to].into_iter().try_for_each(|view| view.expect_whole(None, None))?;
    let sorted = differing.into_entries().map_err(DiffError::Temporary)?;
    Ok(Box::new(sorted.map(|entry| {
        let (id, both) = entry.map_err(DiffError::Temporary)?;
        Ok(pair(&String::from_utf8_lossy(&id), &both))
    })))
}

fn pair(id: &str, both: &[u8]) -> Pair {
    let hash = |bytes: &[u8]| {
        let hash = StateHash::from_bytes(*bytes.first_chunk()?);
        (hash != StateHash::default()).then(|| SideConversation::new(id, hash))
    };
    both.split_at_checked(HASH_BYTES).map(|(from, to)| (hash(from), hash(to))).unwrap_or_default()
}
