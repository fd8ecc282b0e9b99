//! Events from the conversations in checkpoints, which can contain events that are lost from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use convofold_engine::{ConversationImage, Event, Seq};

use super::carving::Carved;
use super::report::Lost;
use crate::format::key::PageKey;
use crate::format::page::{PageReader, PartHeader};
use crate::storage::fragment::Tree;
use crate::storage::sled::part_key;

/// The events of the lost ranges that are in a readable page.
pub(super) fn from_pages(carved: &mut Carved, lost: &[Lost]) -> io::Result<BTreeMap<Seq, Event>> {
    let mut events = BTreeMap::new();
    let mut take = |image: &ConversationImage| {
        let told = image.events().ok().into_iter().flatten();
        events.extend(told.filter(|(seq, _)| lost.iter().any(|lost| lost.contains(*seq))));
    };
    for key in carved.pages() {
        // All versions, because the newest may be of an unfinished checkpoint.
        let version = |value: &[u8]| Some(PartHeader::of(value).ok()?.generation);
        let versions: BTreeSet<u64> = carved.find(Tree::Pages, &part_key(key.part(0)), version)?.into_iter().collect();
        for generation in versions {
            read_version(carved, key, generation, &mut take)?;
        }
    }
    Ok(events)
}

/// Passes the conversations of one version of a page to `take`, up to the first part that is missing.
fn read_version(
    carved: &mut Carved,
    key: PageKey,
    generation: u64,
    take: &mut impl FnMut(&ConversationImage),
) -> io::Result<()> {
    let mut reader = PageReader::new(key.page_no, |_| true);
    for part in 0.. {
        let mut is_read = false;
        let read = carved.find(Tree::Pages, &part_key(key.part(part)), |value| {
            let is_it = !is_read && PartHeader::of(value).is_ok_and(|header| header.generation == generation);
            let (_, images) = is_it.then(|| reader.part(value).ok()).flatten()?;
            is_read = true;
            images.iter().for_each(|(_, image)| take(image));
            Some(reader.is_ended())
        })?;
        if read.first() != Some(&false) {
            break;
        }
    }
    // What is known of a conversation whose next part is missing.
    reader.into_begun().iter().for_each(take);
    Ok(())
}
