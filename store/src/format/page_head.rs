//! The page head: the outlines of the conversations in a page, which stay in memory while the conversations are
//! evicted.
//!
//! It follows the last part of the page in the same value, so that opening a database reads every page without decoding
//! conversations. The fold derives it, and it can be derived from the page again at any time.
//!
//! ```text
//! magic    "cfPH", version 1
//! fields   0  page number     u32    from 0
//!          4  conversations   u32    number of conversations
//!          8  fold version    u32    of the fold that derived it
//!         12  hash            32     contribution to the state hash, big-endian
//! body     tagged fields: 1 (required) the outlines, and the texts that they share
//! ```

use std::sync::Arc;

use convofold_engine::{AgentRef, ConversationRow, Newest, Outline, StateHash};
use serde::{Deserialize, Serialize};

use super::fields::{Fields, FieldsBuilder, required};
use super::frame::{Checksum, Compressor, Frame, FrameKind, HEADER_BYTES, array_at, stated_bytes, u32_at};
use super::page;
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfPH", version: 1, field_bytes: 44 };

const OUTLINES: u16 = required(1);

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

pub(crate) fn seal(page_no: u32, head: &PageHead, compressor: &mut Compressor) -> Result<(Vec<u8>, Checksum), Damage> {
    let PageHead { fold_version, outlines, hash } = head;
    let mut texts = Texts::default();
    let conversations = outlines.iter().map(|outline| texts.outline(outline)).collect();
    let body = Body { texts: texts.0, conversations };
    let body = FieldsBuilder::default().put(OUTLINES, &body)?.into_body();
    let count = u32::try_from(outlines.len())
        .map_err(|_| Damage::NoSuch { field: "number of conversations", found: outlines.len() as u64 })?;
    let mut fields = Vec::with_capacity(MARK.field_bytes);
    fields.extend_from_slice(&page_no.to_le_bytes());
    fields.extend_from_slice(&count.to_le_bytes());
    fields.extend_from_slice(&fold_version.to_le_bytes());
    fields.extend_from_slice(&hash.to_bytes());
    compressor.seal(MARK, &fields, &body)
}

/// Splits a stored value into the part of the page and the head; no head behind any part except the last.
pub(crate) fn split(value: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let too_short = |expected| Damage::TooShort { expected, found: value.len() };
    let header = value.first_chunk::<HEADER_BYTES>().ok_or(too_short(HEADER_BYTES))?;
    let page_bytes = usize::try_from(stated_bytes(page::MARK, header)).unwrap_or(usize::MAX);
    value.split_at_checked(page_bytes).ok_or(too_short(page_bytes))
}

/// Checks the head of the page with this number as far as possible without decoding it, and returns its checksum.
pub(crate) fn check(page_no: u32, value: &[u8]) -> Result<Checksum, Damage> {
    frame(page_no, value).map(|frame| frame.checksum)
}

fn frame(page_no: u32, value: &[u8]) -> Result<Frame<'_>, Damage> {
    let frame = Frame::open(MARK, value)?;
    expect("page number", page_no.into(), u32_at(frame.fields, 0).into())?;
    Ok(frame)
}

fn expect(field: &'static str, expected: u64, found: u64) -> Result<(), Damage> {
    if expected == found { Ok(()) } else { Err(Damage::Field { field, expected, found }) }
}

/// Decodes the head of the page with this number, and returns its checksum too.
pub(crate) fn open(page_no: u32, value: &[u8]) -> Result<(PageHead, Checksum), Damage> {
    let frame = frame(page_no, value)?;
    let body = frame.body()?;
    let body: Body<'_> = Fields::open(&body, &[OUTLINES])?.get(OUTLINES)?;
    expect("number of conversations", u32_at(frame.fields, 4).into(), body.conversations.len() as u64)?;
    let fold_version = u32_at(frame.fields, 8);
    let texts: Vec<Arc<str>> = body.texts.iter().map(|text| Arc::from(*text)).collect();
    let outlines = body.conversations.iter().map(|outline| outline.to_outline(&texts)).collect::<Result<_, _>>()?;
    Ok((PageHead { fold_version, outlines, hash: StateHash::from_bytes(array_at(frame.fields, 12)) }, frame.checksum))
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
        StoredOutline {
            fingerprint: outline.fingerprint().to_le_bytes(),
            tenant: self.place(outline.tenant()),
            channel: self.place(outline.channel()),
            newest_at: outline.newest().at_ms(),
            newest_is_credible: outline.newest().is_credible(),
            row: outline.row().map(|row| self.row(row)),
        }
    }

    fn agents(&mut self, agents: &'a [AgentRef]) -> Vec<(Option<u32>, Option<u32>)> {
        agents.iter().map(|agent| (self.place(agent.id.as_ref()), self.place(agent.name.as_ref()))).collect()
    }

    fn row(&mut self, row: &'a ConversationRow) -> StoredRow<'a> {
        StoredRow {
            id: &row.id,
            agent_id: self.place(row.agent.as_ref().and_then(|agent| agent.id.as_ref())),
            agent_name: self.place(row.agent.as_ref().and_then(|agent| agent.name.as_ref())),
            earlier_agents: self.agents(&row.earlier_agents),
            member_name: row.member_name.as_deref(),
            member_number: row.member_number.as_deref(),
            member_business_id: row.member_business_id.as_deref(),
            member_channel_id: row.member_channel_id.as_deref(),
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
    fn to_outline(&self, texts: &[Arc<str>]) -> Result<Outline, Damage> {
        let (tenant, channel) = (shared(texts, self.tenant)?, shared(texts, self.channel)?);
        let fingerprint = u64::from_le_bytes(self.fingerprint);
        let newest = Newest::new(self.newest_at, self.newest_is_credible);
        let Some(row) = &self.row else { return Ok(Outline::unlisted(fingerprint, tenant, channel, newest)) };
        let own = |text: Option<&str>| text.map(Arc::from);
        let mut open = ConversationRow::new(row.id.into(), row.started_at, row.last_active_at);
        (open.tenant, open.channel) = (tenant, channel);
        open.agent = AgentRef::of(shared(texts, row.agent_id)?, shared(texts, row.agent_name)?);
        let earlier = row.earlier_agents.iter().map(|(id, name)| {
            let agent = AgentRef::of(shared(texts, *id)?, shared(texts, *name)?);
            agent.ok_or(Damage::Body { why: "an agent has neither id nor name".to_owned() })
        });
        open.earlier_agents = earlier.collect::<Result<_, _>>()?;
        open.member_name = own(row.member_name);
        open.member_number = own(row.member_number);
        open.member_business_id = own(row.member_business_id);
        open.member_channel_id = own(row.member_channel_id);
        open.shortcode = shared(texts, row.shortcode)?;
        open.closed_at = row.closed_at;
        open.unread = row.unread;
        open.waiting_since = row.waiting_since;
        open.suspect = row.suspect;
        let outline = Outline::listed(open, newest);
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
    fn outlines_come_back_as_they_were() {
        let mut board = board();
        let outlines: Vec<_> = (0..3).map(|slot| board.outline(slot).unwrap()).collect();
        assert_eq!(outlines[0].row().unwrap().earlier_agents.len(), 1);
        let hash = board.state_hash();
        let head = PageHead { fold_version: FOLD_VERSION, outlines, hash };
        let (value, checksum) = seal(7, &head, &mut Compressor::new().unwrap()).unwrap();
        assert_eq!(open(7, &value).unwrap(), (head, checksum));
        assert!(matches!(open(8, &value), Err(Damage::Field { field: "page number", expected: 8, found: 7 })));
    }

    #[test]
    fn a_value_is_cut_where_the_page_ends() {
        let mut compressor = Compressor::new().unwrap();
        let images: Vec<_> = (0..3).map(|slot| board().image(slot).unwrap()).collect();
        let parts = page::tests::parts_of(7, 1, &images, 1 << 20, &mut compressor);
        let [page] = parts.as_slice() else { panic!("one part") };
        let nothing: (&[u8], &[u8]) = (page, &[]);
        assert_eq!(split(page), Ok(nothing));
        let head = PageHead { fold_version: 1, outlines: vec![], hash: StateHash::default() };
        let (head, _) = seal(7, &head, &mut compressor).unwrap();
        let both = [page.clone(), head.clone()].concat();
        assert_eq!(split(&both), Ok((page.as_slice(), head.as_slice())));
        for length in 0..page.len() {
            assert!(matches!(split(&page[..length]), Err(Damage::TooShort { .. })), "{length}");
        }
    }
}
