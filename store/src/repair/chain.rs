//! Which of the blocks that were found make up the log.

use std::collections::BTreeMap;
use std::io;

use convofold_engine::Seq;

use super::carving::Carved;
use crate::codec::block::Block;
use crate::codec::frame::Checksum;
use crate::event_reader::DecodedBlock;
use crate::head::Head;
use crate::part::Tree;
use crate::sled_storage::block_key;
use crate::storage::BlockKey;

/// A block that can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) key: BlockKey,
    pub(super) count: u32,
    pub(super) checksum: Checksum,
    previous: Checksum,
}

impl Link {
    /// The seq after its last event.
    pub(super) fn end_seq(&self) -> Seq {
        self.key.first_seq.saturating_add(self.count.into())
    }
}

/// The log, from its first block that can be read to its last; blocks that cannot be read are missing.
pub(super) fn log(carved: &mut Carved, head: Option<Head>) -> io::Result<Vec<Link>> {
    let mut found: BTreeMap<u64, Vec<Link>> = BTreeMap::new();
    for key in carved.blocks() {
        for value in carved.values(Tree::Log, &block_key(key))? {
            // A block is only believed as a whole, its events included.
            let Ok(block) = Block::open(&value) else { continue };
            if block.is_at(key).is_ok() && DecodedBlock::of(&block).is_ok() {
                let link = Link { key, count: block.count, checksum: block.checksum, previous: block.previous };
                found.entry(key.block_no).or_default().push(link);
            }
        }
    }
    Ok(choose(&found, head))
}

/// Reads a block of the log again, with its events.
pub(super) fn read(carved: &mut Carved, link: &Link) -> io::Result<Option<DecodedBlock>> {
    let values = carved.values(Tree::Log, &block_key(link.key))?;
    let blocks = values.iter().filter_map(|value| Block::open(value).ok());
    let block = blocks.into_iter().find(|block| block.checksum == link.checksum);
    Ok(block.and_then(|block| DecodedBlock::of(&block).ok()))
}

/// Blocks that lost their place to others after a power cut may still lie around under the same numbers. The log is
/// followed from its end: each block names the one before it.
fn choose(found: &BTreeMap<u64, Vec<Link>>, head: Option<Head>) -> Vec<Link> {
    let mut chosen: Vec<Link> = Vec::new();
    for (block_no, links) in found.iter().rev() {
        let above = chosen.last().copied();
        let fits = |link: &&Link| match above {
            Some(above) if above.key.block_no == block_no + 1 => {
                above.previous == link.checksum && above.key.first_seq == link.end_seq()
            }
            // A block in between is missing; what was before it must have ended before.
            Some(above) => link.end_seq() <= above.key.first_seq,
            None => true,
        };
        let is_head = |link: &&Link| head.is_some_and(|head| head.chain == link.checksum);
        let has_one_before = |link: &&Link| {
            let before = block_no.checked_sub(1).and_then(|before| found.get(&before));
            before.is_some_and(|before| before.iter().any(|before| before.checksum == link.previous))
        };
        let fitting = || links.iter().filter(fits);
        let link = fitting().find(is_head).or_else(|| fitting().find(has_one_before)).or_else(|| fitting().next());
        chosen.extend(link);
    }
    chosen.reverse();
    chosen
}
