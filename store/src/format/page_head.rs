//! The page head: where a page is, its checksum, and the outlines of its conversations, which stay in memory while the
//! conversations are evicted.
//!
//! Heads are stored apart from the pages, in lists of 16 consecutive pages, so that opening a database reads the heads and
//! no page. The fold derives the outlines, and they can be derived from the page again at any time.
//!
//! ```text
//! magic    "cfPH", version 1
//! fields   0  list            u32    number of the first page / 16
//!          4  pages           u32    number of pages
//! body     tagged fields: 1 (required) the heads
//! ```

use std::sync::Arc;

use convofold_engine::{AgentRef, ConversationRow, Extent, Newest, Outline, StateHash};
use serde::{Deserialize, Serialize};

use super::fields::{Fields, FieldsBuilder, required};
use super::frame::{Checksum, Compressor, Frame, FrameKind, u32_at};
use super::key::PageHalf;
use super::{decode, encode};
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfPH", version: 1, field_bytes: 8 };

const HEADS: u16 = required(1);

/// The half of a page that is in use, and its length and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageEntry {
    pub(crate) half: PageHalf,
    pub(crate) checksum: Checksum,
    /// Length of all parts. 0 if there is no page.
    pub(crate) bytes: u64,
}

/// A head as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHead {
    half: u8,
    checksum: [u8; 16],
    bytes: u64,
    /// The fold version that derived the outlines.
    pub(crate) fold_version: u32,
    hash: [u8; 32],
    /// Encoded, so that a list can be written again without decoding the outlines in it.
    outlines: Vec<u8>,
}

impl StoredHead {
    pub(crate) fn new(entry: PageEntry, head: &PageHead) -> Result<Self, Damage> {
        let PageHead { fold_version, outlines, hash } = head;
        let mut texts = Texts::default();
        let conversations = outlines.iter().map(|outline| texts.outline(outline)).collect();
        Ok(Self {
            half: entry.half as u8,
            checksum: entry.checksum.to_le_bytes(),
            bytes: entry.bytes,
            fold_version: *fold_version,
            hash: hash.to_bytes(),
            outlines: encode(&Body { texts: texts.0, conversations })?,
        })
    }

    pub(crate) fn entry(&self) -> Result<PageEntry, Damage> {
        let half = PageHalf::from_u8(self.half);
        let half = half.ok_or(Damage::NoSuch { field: "half", found: self.half.into() })?;
        Ok(PageEntry { half, checksum: u128::from_le_bytes(self.checksum), bytes: self.bytes })
    }

    pub(crate) fn head(&self) -> Result<PageHead, Damage> {
        let body: Body<'_> = decode(&self.outlines)?;
        let texts: Vec<Arc<str>> = body.texts.iter().map(|text| Arc::from(*text)).collect();
        let outlines = body.conversations.iter().map(|outline| outline.to_outline(&texts)).collect::<Result<_, _>>()?;
        Ok(PageHead { fold_version: self.fold_version, outlines, hash: StateHash::from_bytes(self.hash) })
    }
}

/// Shared texts are stored once, and referred to by their index in the list.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    texts: Vec<&'a str>,
    #[serde(borrow)]
    conversations: Vec<StoredOutline<'a>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredOutline<'a> {
    fingerprint: [u8; 8],
    tenant: Option<u32>,
    channel: Option<u32>,
    newest_at: i64,
    newest_is_credible: bool,
    first_at: i64,
    /// From `first_at` to the last event, in milliseconds.
    lasted_ms: i64,
    first_seq: u64,
    /// From `first_seq` to the last one.
    lasted_seqs: u64,
    #[serde(borrow)]
    row: Option<StoredRow<'a>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredRow<'a> {
    id: &'a str,
    agent_id: Option<u32>,
    agent_name: Option<u32>,
    /// Id and name of each agent that was assigned before.
    earlier_agents: Vec<(Option<u32>, Option<u32>)>,
    member_name: Option<&'a str>,
    member_number: Option<&'a str>,
    member_business_id: Option<&'a str>,
    member_channel_id: Option<&'a str>,
    shortcode: Option<u32>,
    unread: u64,
    started_at: i64,
    last_active_at: i64,
    closed_at: Option<i64>,
    waiting_since: Option<i64>,
    suspect: bool,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageHead {
    /// The fold version that derived it.
    pub(crate) fold_version: u32,
    pub(crate) outlines: Vec<Outline>,
    /// The contribution of the conversations to the state hash.
    pub(crate) hash: StateHash,
}

/// Encodes a list of heads.
pub(crate) fn seal(
    list_no: u32,
    heads: &[StoredHead],
    compressor: &mut Compressor,
) -> Result<(Vec<u8>, Checksum), Damage> {
    let body = FieldsBuilder::default().put(HEADS, &heads)?.into_body();
    let count = u32::try_from(heads.len())
        .map_err(|_| Damage::NoSuch { field: "number of pages", found: heads.len() as u64 })?;
    let fields = [list_no.to_le_bytes(), count.to_le_bytes()].concat();
    compressor.seal(MARK, &fields, &body)
}

/// Decodes the list of heads with this number, and returns its checksum too.
pub(crate) fn open(list_no: u32, value: &[u8]) -> Result<(Vec<StoredHead>, Checksum), Damage> {
    let frame = Frame::open(MARK, value)?;
    expect("list number", list_no.into(), u32_at(frame.fields, 0).into())?;
    let body = frame.body()?;
    let heads: Vec<StoredHead> = Fields::open(&body, &[HEADS])?.get(HEADS)?;
    expect("number of pages", u32_at(frame.fields, 4).into(), heads.len() as u64)?;
    Ok((heads, frame.checksum))
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), Damage> {
    if expected == found { Ok(()) } else { Err(Damage::Field { field, expected, found }) }
}

/// The list of shared texts being built. Pages are small, so a linear search is enough.
#[derive(Default)]
struct Texts<'a>(Vec<&'a str>);

impl<'a> Texts<'a> {
    fn place(&mut self, text: Option<&'a Arc<str>>) -> Option<u32> {
        let text = &**text?;
        let place = self.0.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        });
        u32::try_from(place).ok()
    }

    fn outline(&mut self, outline: &'a Outline) -> StoredOutline<'a> {
        let Extent { first_at, last_at, first_seq, last_seq } = outline.extent();
        StoredOutline {
            fingerprint: outline.fingerprint().to_le_bytes(),
            tenant: self.place(outline.tenant()),
            channel: self.place(outline.channel()),
            newest_at: outline.newest().at_ms(),
            newest_is_credible: outline.newest().is_credible(),
            first_at,
            lasted_ms: last_at.saturating_sub(first_at),
            first_seq,
            lasted_seqs: last_seq.saturating_sub(first_seq),
            row: outline.row().map(|row| self.row(row)),
        }
    }

    fn agents(&mut self, agents: &'a [AgentRef]) -> Vec<(Option<u32>, Option<u32>)> {
        agents.iter().map(|agent| (self.place(agent.id.as_ref()), self.place(agent.name.as_ref()))).collect()
    }

    fn row(&mut self, row: &'a ConversationRow) -> StoredRow<'a> {
        StoredRow {
            id: row.id(),
            agent_id: self.place(row.agent.as_ref().and_then(|agent| agent.id.as_ref())),
            agent_name: self.place(row.agent.as_ref().and_then(|agent| agent.name.as_ref())),
            earlier_agents: self.agents(&row.earlier_agents),
            member_name: row.member_name(),
            member_number: row.member_number(),
            member_business_id: row.member_business_id(),
            member_channel_id: row.member_channel_id(),
            shortcode: self.place(row.shortcode.as_ref()),
            unread: row.unread,
            started_at: row.started_at,
            last_active_at: row.last_active_at,
            closed_at: row.closed_at,
            waiting_since: row.waiting_since,
            suspect: row.suspect,
        }
    }
}

fn shared(texts: &[Arc<str>], place: Option<u32>) -> Result<Option<Arc<str>>, Damage> {
    let Some(place) = place else { return Ok(None) };
    let text = texts.get(place as usize).cloned();
    text.map(Some).ok_or(Damage::NoSuch { field: "shared text", found: place.into() })
}

impl StoredOutline<'_> {
    fn extent(&self) -> Extent {
        let Self { first_at, lasted_ms, first_seq, lasted_seqs, .. } = *self;
        let (last_at, last_seq) = (first_at.saturating_add(lasted_ms), first_seq.saturating_add(lasted_seqs));
        Extent { first_at, last_at, first_seq, last_seq }
    }

    fn to_outline(&self, texts: &[Arc<str>]) -> Result<Outline, Damage> {
        let (tenant, channel) = (shared(texts, self.tenant)?, shared(texts, self.channel)?);
        let fingerprint = u64::from_le_bytes(self.fingerprint);
        let newest = Newest::new(self.newest_at, self.newest_is_credible);
        let extent = self.extent();
        let Some(row) = &self.row else { return Ok(Outline::unlisted(fingerprint, tenant, channel, newest, extent)) };
        let member = [row.member_name, row.member_number, row.member_business_id, row.member_channel_id];
        let mut open = ConversationRow::new(row.id, row.started_at, row.last_active_at).with_member(member);
        (open.tenant, open.channel) = (tenant, channel);
        open.agent = AgentRef::of(shared(texts, row.agent_id)?, shared(texts, row.agent_name)?);
        let earlier = row.earlier_agents.iter().map(|(id, name)| {
            let agent = AgentRef::of(shared(texts, *id)?, shared(texts, *name)?);
            agent.ok_or(Damage::Body { why: "an agent has neither id nor name".to_owned() })
        });
        if !row.earlier_agents.is_empty() {
            open.earlier_agents = earlier.collect::<Result<_, _>>()?;
        }
        open.shortcode = shared(texts, row.shortcode)?;
        open.closed_at = row.closed_at;
        open.unread = row.unread;
        open.waiting_since = row.waiting_since;
        open.suspect = row.suspect;
        let outline = Outline::listed(open, newest, extent);
        let (expected, found) = (outline.fingerprint(), fingerprint);
        let field = "id fingerprint";
        if expected == found { Ok(outline) } else { Err(Damage::Field { field, expected, found }) }
    }
}

#[cfg(test)]
mod tests {
    use convofold_engine::{AgentMention, Board, Direction, Draft, FOLD_VERSION, Kind, Time};

    use super::*;

    fn board() -> Board {
        let mut board = Board::new();
        for (seq, id) in (1..).zip(["one", "two", "three"]) {
            let draft = Draft::new(
                "test",
                id,
                if id == "two" { Kind::Close } else { Kind::Message },
                Time::from_ms(1_700_000_000_000),
            )
            .direction(Direction::In)
            .agent(AgentMention::agent("a-1", "Ann"))
            .member_name("Mo")
            .member_number("555")
            .member_business_id("b-1")
            .member_channel_id("m-1")
            .shortcode("s-1")
            .channel("sms")
            .tenant("t");
            board.edit().apply(seq, &draft.build().unwrap());
        }
        let later = Draft::new("test", "one", Kind::Message, Time::from_ms(1_700_000_001_000));
        let later = later.agent(AgentMention::agent("a-2", "Bob"));
        board.edit().apply(4, &later.build().unwrap());
        board
    }

    #[test]
    fn heads_come_back_as_they_were() {
        let mut board = board();
        let outlines: Vec<_> = (0..3).map(|slot| board.outline(slot).unwrap()).collect();
        assert_eq!(outlines[0].row().unwrap().earlier_agents.len(), 1);
        let hash = board.state_hash();
        let head = PageHead { fold_version: FOLD_VERSION, outlines, hash };
        let entry = PageEntry { half: PageHalf::B, checksum: 1 << 100, bytes: 12 };
        let heads = [StoredHead::new(entry, &head).unwrap(), StoredHead::new(PageEntry::default(), &head).unwrap()];
        assert_eq!((heads[0].entry().unwrap(), heads[0].head().unwrap()), (entry, head));
        let (value, checksum) = seal(7, &heads, &mut Compressor::new().unwrap()).unwrap();
        assert_eq!(open(7, &value).unwrap(), (heads.to_vec(), checksum));
        assert!(matches!(open(8, &value), Err(Damage::Field { field: "list number", expected: 8, found: 7 })));
    }
}
