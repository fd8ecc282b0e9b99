//! Selects the blocks that form the log.

use std::collections::BTreeMap;
use std::io;

use convofold_engine::Seq;

use super::carving::Carved;
use crate::format::block::Block;
use crate::format::frame::Checksum;
use crate::format::key::BlockKey;
use crate::log::events::DecodedBlock;
use crate::storage::end_mark::EndMark;
use crate::storage::fragment::Tree;
use crate::storage::sled::block_key;

/// A readable block.
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

/// The log from its first readable block to its last; unreadable blocks are left out.
pub(super) fn log(carved: &mut Carved, end_mark: Option<EndMark>) -> io::Result<Vec<Link>> {
    let mut found: BTreeMap<u64, Vec<Link>> = BTreeMap::new();
    for key in carved.blocks() {
        let links = carved.find(Tree::Log, &block_key(key), |value| {
            // A block is accepted only if all its events can be decoded.
            let block = Block::open(value).ok().filter(|block| block.is_at(key).is_ok())?;
            DecodedBlock::of(&block).ok()?;
            Some(Link { key, count: block.count, checksum: block.checksum, previous: block.previous })
        })?;
        found.entry(key.block_no).or_default().extend(links);
    }
    Ok(choose(&found, end_mark))
}

/// Reads a block again, with its events.
pub(super) fn read(carved: &mut Carved, link: &Link) -> io::Result<Option<DecodedBlock>> {
    let blocks = carved.find(Tree::Log, &block_key(link.key), |value| {
        Block::open(value).ok().filter(|block| block.checksum == link.checksum)
    })?;
    Ok(blocks.first().and_then(|block| DecodedBlock::of(block).ok()))
}

/// After a power cut, blocks that were later replaced can still be in the file, even with numbers above all later
/// blocks. So the search starts from the block of the end mark: a block after it must refer to it, directly or through
/// other blocks, and it must refer to a block before it in the same way.
fn choose(found: &BTreeMap<u64, Vec<Link>>, end_mark: Option<EndMark>) -> Vec<Link> {
    let Some(end_mark) = end_mark.filter(|end_mark| end_mark.last_block_no > 0) else {
        return before(found, u64::MAX, None);
    };
    let is_head = |link: &&Link| link.checksum == end_mark.chain;
    let own = found.get(&end_mark.last_block_no).into_iter().flatten().find(is_head).copied();
    let mut chosen = before(found, end_mark.last_block_no, own);
    // The end mark contains the checksum of its block, even if the block is unreadable.
    let (mut block_no, mut checksum) = (end_mark.last_block_no, end_mark.chain);
    while let Some(next) = block_no.checked_add(1)
        && let Some(link) = found.get(&next).into_iter().flatten().find(|link| link.previous == checksum)
    {
        chosen.push(*link);
        (block_no, checksum) = (next, link.checksum);
    }
    chosen
}

/// The blocks up to this number, followed backwards from `last`, if it is known.
fn before(found: &BTreeMap<u64, Vec<Link>>, last_block_no: u64, last: Option<Link>) -> Vec<Link> {
    let mut chosen = Vec::from_iter(last);
    // Other blocks with the number of the end mark belong to another history.
    let others = if last_block_no == u64::MAX { last_block_no } else { last_block_no - 1 };
    for (block_no, links) in found.range(..=others).rev() {
        let above = chosen.last().copied();
        let fits = |link: &&Link| match above {
            Some(above) if above.key.block_no == block_no + 1 => {
                above.previous == link.checksum && above.key.first_seq == link.end_seq()
            }
            // A block in between is missing; this one must end before it.
            Some(above) => link.end_seq() <= above.key.first_seq,
            None => true,
        };
        let has_one_before = |link: &&Link| {
            let before = block_no.checked_sub(1).and_then(|before| found.get(&before));
            before.is_some_and(|before| before.iter().any(|before| before.checksum == link.previous))
        };
        let fitting = || links.iter().filter(fits);
        chosen.extend(fitting().find(has_one_before).or_else(|| fitting().next()));
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of one event each: number, checksum, and checksum of the previous block.
    fn found(blocks: &[(u64, Checksum, Checksum)]) -> BTreeMap<u64, Vec<Link>> {
        let mut found: BTreeMap<u64, Vec<Link>> = BTreeMap::new();
        for (block_no, checksum, previous) in blocks.iter().copied() {
            let key = BlockKey { first_seq: block_no, block_no };
            found.entry(block_no).or_default().push(Link { key, count: 1, checksum, previous });
        }
        found
    }

    fn chosen(blocks: &[(u64, Checksum, Checksum)], end_mark: Option<(u64, Checksum)>) -> Vec<Checksum> {
        let end_mark = end_mark.map(|(last_block_no, chain)| EndMark { last_block_no, last_seq: last_block_no, chain });
        choose(&found(blocks), end_mark).iter().map(|link| link.checksum).collect()
    }

    /// Regression: blocks left by a power cut under higher numbers were followed, and acknowledged blocks were dropped.
    #[test]
    fn the_block_of_the_head_mark_decides_between_two_histories() {
        // Block 10 was torn, 11 and 12 survived; then 10 and another 11 were written again.
        let blocks = [(8, 80, 70), (9, 90, 80), (10, 101, 90), (11, 110, 100), (12, 120, 110)];
        assert_eq!(chosen(&blocks, Some((10, 101))), [80, 90, 101]);
        let more = [blocks.as_slice(), &[(11, 111, 101)]].concat();
        assert_eq!(chosen(&more, Some((10, 101))), [80, 90, 101, 111]);
        // The same if the block of the end mark is unreadable.
        let unread: Vec<_> = more.iter().copied().filter(|(_, checksum, _)| *checksum != 101).collect();
        assert_eq!(chosen(&unread, Some((10, 101))), [80, 90, 111]);
    }

    #[test]
    fn without_a_head_mark_the_longest_history_is_followed() {
        let blocks = [(8, 80, 70), (8, 81, 70), (9, 90, 80), (11, 110, 100)];
        assert_eq!(chosen(&blocks, None), [80, 90, 110]);
    }
}
