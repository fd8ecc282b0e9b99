//! Runs: the parts of the search index. A run has four sorted lists, cut into blocks, and a head that is written last.
//!
//! ```text
//! run head   magic "cfSR", version 1          block   magic "cfSB", version 1
//! fields     0  run   u64   from 1            fields  0  run    u64
//! body       bincode: [`RunHead`]                     8  list   u32   0-2 by time, 3 terms
//!                                                    12  block  u32   from 0
//!                                             body    bincode: [`HitColumns`] or [`TermColumns`]
//! ```

use serde::{Deserialize, Serialize};

use super::frame::{Checksum, Compressor, Frame, FrameKind, u32_at, u64_at};
use super::{decode, encode};
use crate::damage::Damage;

pub(crate) const HEAD: FrameKind = FrameKind { magic: *b"cfSR", version: 1, field_bytes: 8 };
pub(crate) const BLOCK: FrameKind = FrameKind { magic: *b"cfSB", version: 1, field_bytes: 16 };

/// Number of lists: by each of three times, and terms.
pub(crate) const LISTS: usize = 4;
/// The list of terms.
pub(crate) const TERMS: usize = 3;

/// A run as checkpoint records name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub(crate) run: u64,
    /// The checksum of its head.
    pub(crate) checksum: [u8; 16],
}

/// What is kept in memory of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunHead {
    /// The fold version that derived the keys.
    pub(crate) fold_version: u32,
    /// Number of conversations, each counted as often as it was added.
    pub(crate) conversations: u64,
    /// Length of all blocks, in bytes.
    pub(crate) bytes: u64,
    /// The first time or term of every block of every list.
    pub(crate) firsts: [Vec<i64>; LISTS],
}

/// A conversation in a list by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hit {
    /// When it began, was closed, and was last active.
    pub(crate) times: [i64; TERMS],
    pub(crate) slot: u32,
    pub(crate) tags: u64,
}

/// The hash of a text, and a conversation that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Term {
    pub(crate) hash: u32,
    pub(crate) slot: u32,
}

/// Hits in columns: each time of the list as the difference from the one before, slots likewise, and the other times as the
/// differences from the time of the list.
#[derive(Debug, Default, Serialize, Deserialize)]
struct HitColumns {
    times: Vec<u64>,
    slots: Vec<i64>,
    others: [Vec<i64>; 2],
    tags: Vec<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TermColumns {
    hashes: Vec<u32>,
    slots: Vec<i64>,
}

pub(crate) fn seal_head(run: u64, head: &RunHead, compressor: &mut Compressor) -> Result<(Vec<u8>, Checksum), Damage> {
    compressor.seal(HEAD, &run.to_le_bytes(), &encode(head)?)
}

pub(crate) fn open_head(run: u64, value: &[u8]) -> Result<(RunHead, Checksum), Damage> {
    let frame = Frame::open(HEAD, value)?;
    expect("run", run, u64_at(frame.fields, 0))?;
    Ok((decode(&frame.body()?)?, frame.checksum))
}

/// The places of the other two times beside that of a list.
fn others(list: usize) -> [usize; 2] {
    match list {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

fn time(times: &[i64; TERMS], place: usize) -> i64 {
    times.get(place).copied().unwrap_or_default()
}

/// Encodes a block of a list by time. The hits are in the order of that time.
pub(crate) fn seal_hits(
    (run, list, block): (u64, usize, u32),
    hits: &[Hit],
    compressor: &mut Compressor,
) -> Result<Vec<u8>, Damage> {
    let mut columns = HitColumns::default();
    let (mut time_before, mut slot_before) = (0, 0);
    for hit in hits {
        let at = time(&hit.times, list);
        columns.times.push(at.wrapping_sub(time_before).cast_unsigned());
        columns.slots.push(i64::from(hit.slot) - slot_before);
        for (column, other) in columns.others.iter_mut().zip(others(list)) {
            column.push(time(&hit.times, other).wrapping_sub(at));
        }
        columns.tags.push(hit.tags);
        (time_before, slot_before) = (at, i64::from(hit.slot));
    }
    seal(run, list, block, &encode(&columns)?, compressor)
}

pub(crate) fn open_hits((run, list, block): (u64, usize, u32), value: &[u8]) -> Result<Vec<Hit>, Damage> {
    let HitColumns { times, slots, others: [first, second], tags } = decode(&open(run, list, block, value)?)?;
    let lengths = [slots.len(), first.len(), second.len(), tags.len()];
    if lengths.iter().any(|length| *length != times.len()) {
        return Err(Damage::Body { why: "columns differ in length".to_owned() });
    }
    let (mut at, mut slot) = (0_i64, 0_i64);
    let rows = times.into_iter().zip(slots).zip(first.into_iter().zip(second)).zip(tags);
    let hits = rows.map(|(((time, slot_since), (first, second)), tags)| {
        at = at.wrapping_add(time.cast_signed());
        slot = slot.wrapping_add(slot_since);
        let mut times = [at; TERMS];
        for (place, other) in others(list).into_iter().zip([first, second]) {
            if let Some(time) = times.get_mut(place) {
                *time = at.wrapping_add(other);
            }
        }
        Ok(Hit { times, slot: slot_of(slot)?, tags })
    });
    hits.collect()
}

pub(crate) fn seal_terms(
    (run, block): (u64, u32),
    terms: &[Term],
    compressor: &mut Compressor,
) -> Result<Vec<u8>, Damage> {
    let mut columns = TermColumns::default();
    let (mut hash_before, mut slot_before) = (0, 0);
    for term in terms {
        columns.hashes.push(term.hash.wrapping_sub(hash_before));
        columns.slots.push(i64::from(term.slot) - slot_before);
        (hash_before, slot_before) = (term.hash, i64::from(term.slot));
    }
    seal(run, TERMS, block, &encode(&columns)?, compressor)
}

pub(crate) fn open_terms((run, block): (u64, u32), value: &[u8]) -> Result<Vec<Term>, Damage> {
    let TermColumns { hashes, slots } = decode(&open(run, TERMS, block, value)?)?;
    if hashes.len() != slots.len() {
        return Err(Damage::Body { why: "columns differ in length".to_owned() });
    }
    let (mut hash, mut slot) = (0_u32, 0_i64);
    let terms = hashes.into_iter().zip(slots).map(|(hash_since, slot_since)| {
        hash = hash.wrapping_add(hash_since);
        slot = slot.wrapping_add(slot_since);
        Ok(Term { hash, slot: slot_of(slot)? })
    });
    terms.collect()
}

fn slot_of(slot: i64) -> Result<u32, Damage> {
    u32::try_from(slot).map_err(|_| Damage::NoSuch { field: "slot", found: slot.cast_unsigned() })
}

fn seal(run: u64, list: usize, block: u32, body: &[u8], compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    let list = u32::try_from(list).unwrap_or(u32::MAX);
    let fields = [run.to_le_bytes().as_slice(), &list.to_le_bytes(), &block.to_le_bytes()].concat();
    Ok(compressor.seal(BLOCK, &fields, body)?.0)
}

fn open(run: u64, list: usize, block: u32, value: &[u8]) -> Result<Vec<u8>, Damage> {
    let frame = Frame::open(BLOCK, value)?;
    expect("run", run, u64_at(frame.fields, 0))?;
    expect("list", list as u64, u32_at(frame.fields, 8).into())?;
    expect("block", block.into(), u32_at(frame.fields, 12).into())?;
    frame.body()
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), Damage> {
    if expected == found { Ok(()) } else { Err(Damage::Field { field, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_as_they_were() {
        let mut compressor = Compressor::new().unwrap();
        let times = [[i64::MIN, 5, i64::MAX], [3, -4, 5], [i64::MAX, i64::MIN, 0]];
        for list in 0..TERMS {
            let mut hits: Vec<_> =
                (0..).zip(times).map(|(slot, times)| Hit { times, slot: u32::MAX - slot, tags: u64::MAX }).collect();
            hits.sort_by_key(|hit| hit.times[list]);
            let value = seal_hits((7, list, 3), &hits, &mut compressor).unwrap();
            assert_eq!(open_hits((7, list, 3), &value), Ok(hits));
            assert!(matches!(open_hits((7, list, 4), &value), Err(Damage::Field { field: "block", .. })));
            assert!(matches!(open_hits((8, list, 3), &value), Err(Damage::Field { field: "run", .. })));
        }
        let terms = [(0, 9), (0, 10), (7, u32::MAX), (u32::MAX, 0)].map(|(hash, slot)| Term { hash, slot });
        let value = seal_terms((1, 0), &terms, &mut compressor).unwrap();
        assert_eq!(open_terms((1, 0), &value).as_deref(), Ok(terms.as_slice()));
        let head =
            RunHead { fold_version: 1, conversations: 2, bytes: 3, firsts: [vec![1], vec![], vec![-1], vec![4]] };
        let (value, checksum) = seal_head(9, &head, &mut compressor).unwrap();
        assert_eq!(open_head(9, &value), Ok((head, checksum)));
    }
}
