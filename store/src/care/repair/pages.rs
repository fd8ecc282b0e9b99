//! Events from the conversations in checkpoints, which can contain events that are lost from the log.

use std::collections::BTreeMap;
use std::io;

use convofold_engine::{Event, Seq};

use super::carving::Carved;
use super::report::Lost;
use crate::format::{page, page_head};
use crate::storage::chunk::Tree;
use crate::storage::sled::page_key;

/// The events of the lost ranges that are in a readable page.
pub(super) fn from_pages(carved: &mut Carved, lost: &[Lost]) -> io::Result<BTreeMap<Seq, Event>> {
    let mut events = BTreeMap::new();
    for key in carved.pages() {
        // All versions, because the newest may be of an unfinished checkpoint.
        carved.find(Tree::Pages, &page_key(key), |value| {
            let page = page::open(key.page_no, page_head::split(value).ok()?.0).ok()?;
            let told = page.images.iter().filter_map(|image| image.events().ok()).flatten();
            events.extend(told.filter(|(seq, _)| lost.iter().any(|lost| lost.contains(*seq))));
            Some(())
        })?;
    }
    Ok(events)
}
