//! Events out of the memories that checkpoints hold: what the log no longer has may still be known there.

use std::collections::BTreeMap;
use std::io;

use convofold_engine::{Event, Seq};

use super::carving::Carved;
use super::report::Lost;
use crate::format::{page, page_head};
use crate::storage::chunk::Tree;
use crate::storage::sled::page_key;

/// The events of the lost ranges that some readable page remembers.
pub(super) fn from_pages(carved: &mut Carved, lost: &[Lost]) -> io::Result<BTreeMap<Seq, Event>> {
    let mut events = BTreeMap::new();
    for key in carved.pages() {
        // All versions, since the latest may be of a checkpoint that was not finished.
        carved.find(Tree::Pages, &page_key(key), |value| {
            let page = page::open(key.page_no, page_head::split(value).ok()?.0).ok()?;
            let told = page.images.iter().filter_map(|image| image.events().ok()).flatten();
            events.extend(told.filter(|(seq, _)| lost.iter().any(|lost| lost.contains(*seq))));
            Some(())
        })?;
    }
    Ok(events)
}
