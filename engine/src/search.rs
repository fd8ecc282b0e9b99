//! What an index on disk keeps of a closed conversation, and what a query asks of it.
//!
//! The keys of a conversation decide which queries *may* find it. A store reads the conversation to decide whether a query
//! does.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::cursor::Sort;
use crate::index::{Lists, Row, Slot};
use crate::query::{ConversationRow, Query, StatusFilter, TimeField};
use crate::spelling::{lower_case, plain_number};

/// The keys of a closed conversation. Checkpoints contain them, so the hashes are the same on every machine and in every
/// version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchKeys {
    /// When it began, was closed, and was last active: in the order of [`TimeField::ALL`], in milliseconds since the epoch.
    pub times: [i64; TimeField::ALL.len()],
    /// From the lowest bit: 16 bits of the hash of its tenant, 6 of its channel, 6 of its shortcode; 33 bits of which the ids
    /// and names of its agents set two each; and one bit each if it is suspect, unassigned, and unread.
    pub tags: u64,
    /// Hashes of its member's ids, name and number, and of the ids and names of its agents.
    pub terms: Vec<u32>,
}

const TENANT: Bits = Bits { lowest: 0, count: 16 };
const CHANNEL: Bits = Bits { lowest: 16, count: 6 };
const SHORTCODE: Bits = Bits { lowest: 22, count: 6 };
const AGENTS: Bits = Bits { lowest: 28, count: 33 };
const SUSPECT: u64 = 1 << 61;
const UNASSIGNED: u64 = 1 << 62;
const UNREAD: u64 = 1 << 63;

/// Some bits of [`SearchKeys::tags`].
#[derive(Clone, Copy)]
struct Bits {
    lowest: u32,
    count: u32,
}

impl Bits {
    /// These bits filled with those of a hash.
    fn of(self, hash: u64) -> Tag {
        let mask = ((1 << self.count) - 1) << self.lowest;
        Tag { mask, bits: (hash << self.lowest) & mask }
    }

    /// Two of these bits, which a hash sets.
    fn two(self, hash: u64) -> Tag {
        let bit = |hash: u64| 1 << (u64::from(self.lowest) + hash % u64::from(self.count));
        Tag::set(bit(hash) | bit(hash >> 32))
    }
}

/// The value that some bits must have.
#[derive(Clone, Copy, Debug, Default)]
struct Tag {
    mask: u64,
    bits: u64,
}

impl Tag {
    /// All these bits are set.
    fn set(bits: u64) -> Self {
        Self { mask: bits, bits }
    }

    /// Both.
    fn and(self, other: Self) -> Self {
        Self { mask: self.mask | other.mask, bits: self.bits | other.bits }
    }
}

/// What a text is, as the seed of its hash.
#[derive(Clone, Copy)]
enum Field {
    Tenant,
    Channel,
    Shortcode,
    AgentId,
    AgentName,
    MemberId,
    MemberName,
    MemberNumber,
}

fn hash(field: Field, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), field as u64)
}

/// The hash of a text that is compared in upper or lower case.
fn caseless(field: Field, text: &str) -> u64 {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return hash(field, text);
    }
    hash(field, &lower_case(text).collect::<String>())
}

/// The hash of a number that is compared without `+` and spaces.
fn number(field: Field, text: &str) -> u64 {
    plain_number(text).map_or_else(|| hash(field, text), |plain| hash(field, &plain))
}

#[expect(clippy::cast_possible_truncation, reason = "32 bits of a hash")]
fn term(hash: u64) -> u32 {
    hash as u32
}

/// What the keys of a conversation follow from.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchFields<'a> {
    pub(crate) times: [i64; TimeField::ALL.len()],
    pub(crate) tenant: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) shortcode: Option<&'a str>,
    pub(crate) member_ids: [Option<&'a str>; 2],
    pub(crate) member_name: Option<&'a str>,
    pub(crate) member_number: Option<&'a str>,
    pub(crate) is_suspect: bool,
    pub(crate) is_unassigned: bool,
    pub(crate) is_unread: bool,
}

impl SearchKeys {
    /// The keys of a conversation, and of these agents with their ids and names.
    pub(crate) fn of<'a>(
        fields: &SearchFields<'a>,
        agents: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
    ) -> Self {
        let of_member = [
            fields.member_ids[0].map(|id| hash(Field::MemberId, id)),
            fields.member_ids[1].map(|id| hash(Field::MemberId, id)),
            fields.member_name.map(|name| caseless(Field::MemberName, name)),
            fields.member_number.map(|text| number(Field::MemberNumber, text)),
        ];
        let mut terms: Vec<_> = of_member.into_iter().flatten().map(term).collect();
        let own = [
            fields.tenant.map(|tenant| TENANT.of(hash(Field::Tenant, tenant))),
            fields.channel.map(|channel| CHANNEL.of(caseless(Field::Channel, channel))),
            fields.shortcode.map(|shortcode| SHORTCODE.of(number(Field::Shortcode, shortcode))),
            fields.is_suspect.then_some(Tag::set(SUSPECT)),
            fields.is_unassigned.then_some(Tag::set(UNASSIGNED)),
            fields.is_unread.then_some(Tag::set(UNREAD)),
        ];
        let mut tags = own.into_iter().flatten().fold(0, |tags, tag| tags | tag.bits);
        for (id, name) in agents {
            let hashes = [id.map(|id| hash(Field::AgentId, id)), name.map(|name| caseless(Field::AgentName, name))];
            for hash in hashes.into_iter().flatten() {
                tags |= AGENTS.two(hash).bits;
                terms.push(term(hash));
            }
        }
        Self { times: fields.times, tags, terms }
    }
}

/// What a query asks of an index on disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Search {
    /// A match has one term of each of these lists. The tags do not tell.
    pub terms: Vec<Vec<u32>>,
    /// A match has one term of each of these lists. The tags tell nearly as much.
    pub agents: Vec<[u32; 2]>,
    /// The time by which the query sorts: its place in [`SearchKeys::times`], and whether the latest is first. `None` if the
    /// order does not follow from a time.
    pub order: Option<(usize, bool)>,
    /// The times of a match, from and to, both included, in the order of [`SearchKeys::times`].
    pub ranges: [(i64, i64); TimeField::ALL.len()],
    /// A match has one of these tags.
    tags: Vec<Tag>,
}

impl Search {
    /// Whether a conversation with these keys may match.
    #[must_use]
    pub fn may_match(&self, times: &[i64; TimeField::ALL.len()], tags: u64) -> bool {
        self.tags.iter().any(|wanted| tags & wanted.mask == wanted.bits)
            && times.iter().zip(&self.ranges).all(|(time, (from, to))| from <= time && time <= to)
    }
}

impl Query {
    /// What the query asks of an index of closed conversations; `None` if no closed conversation matches.
    #[must_use]
    pub fn search(&self) -> Option<Search> {
        if self.effective_status() == StatusFilter::Open || self.waiting_since_ms.is_some() {
            return None;
        }
        let mut tags = vec![Tag::default()];
        let mut require = |any_of: &[Tag]| {
            tags = tags.iter().flat_map(|tag| any_of.iter().map(|other| tag.and(*other))).collect();
        };
        let is_unread = self.unread_min.is_some_and(|least| least > 0);
        for (is_wanted, bit) in [(self.suspect, SUSPECT), (self.unassigned, UNASSIGNED), (is_unread, UNREAD)] {
            if is_wanted {
                require(&[Tag::set(bit)]);
            }
        }
        let own = [
            self.tenant.as_deref().map(|tenant| TENANT.of(hash(Field::Tenant, tenant))),
            self.channel.as_deref().map(|channel| CHANNEL.of(caseless(Field::Channel, channel))),
            self.shortcode.as_deref().map(|shortcode| SHORTCODE.of(number(Field::Shortcode, shortcode))),
        ];
        own.into_iter().flatten().for_each(|tag| require(&[tag]));
        let mut agents = Vec::new();
        for agent in [&self.agent, &self.any_agent].into_iter().flatten() {
            let hashes = [hash(Field::AgentId, agent), caseless(Field::AgentName, agent)];
            require(&hashes.map(|hash| AGENTS.two(hash)));
            agents.push(hashes.map(term));
        }
        let member = self
            .member
            .as_deref()
            .map(|member| vec![term(hash(Field::MemberId, member)), term(caseless(Field::MemberName, member))]);
        let of_number = self.number.as_deref().map(|text| vec![term(number(Field::MemberNumber, text))]);
        let order = match self.order.sort {
            Sort::Activity => Some((TimeField::Active, true)),
            Sort::Started => Some((TimeField::Started, false)),
            Sort::Closed => Some((TimeField::Closed, true)),
            Sort::Waiting => None,
        };
        let order = order.map(|(field, is_latest_first)| (field as usize, is_latest_first != self.order.reverse));
        Some(Search {
            terms: [member, of_number].into_iter().flatten().collect(),
            agents,
            order,
            ranges: self.ranges(order),
            tags,
        })
    }

    fn ranges(&self, order: Option<(usize, bool)>) -> [(i64, i64); TimeField::ALL.len()] {
        let mut ranges = [(i64::MIN, i64::MAX); TimeField::ALL.len()];
        let mut limit = |field: usize, from: Option<i64>, to: Option<i64>| {
            if let Some(range) = ranges.get_mut(field) {
                range.0 = range.0.max(from.unwrap_or(i64::MIN));
                range.1 = range.1.min(to.unwrap_or(i64::MAX));
            }
        };
        limit(self.by as usize, self.since_ms, self.until_ms.map(|until| until.saturating_sub(1)));
        limit(TimeField::Active as usize, None, self.idle_since_ms);
        if let (Some((field, is_latest_first)), Some(cursor)) = (order, &self.cursor) {
            let is_negated = matches!(self.order.sort, Sort::Activity | Sort::Closed);
            let at = if is_negated { cursor.key.checked_neg() } else { Some(cursor.key) };
            if is_latest_first { limit(field, None, at) } else { limit(field, at, None) }
        }
        if self.until_ms == Some(i64::MIN) {
            limit(self.by as usize, Some(i64::MAX), None);
        }
        ranges
    }

    /// Whether open conversations can match.
    #[must_use]
    pub fn wants_open(&self) -> bool {
        self.effective_status().includes(false) && !self.unanswered_after_close
    }

    /// The place of a row in the order of the query, by time alone; see [`Search::order`].
    #[must_use]
    pub fn time_of(&self, row: &ConversationRow) -> Option<i64> {
        match self.order.sort {
            Sort::Activity => row.time(TimeField::Active),
            Sort::Started => row.time(TimeField::Started),
            Sort::Closed => row.time(TimeField::Closed),
            Sort::Waiting => None,
        }
    }

    /// The maximum number of rows in a page; `usize::MAX` if there is no limit.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        self.page_rows()
    }
}

/// Rows of closed conversations that change, for queries.
#[derive(Debug, Default)]
pub struct ClosedRows(Lists);

impl ClosedRows {
    /// Replaces the row of a conversation. An open one is removed.
    pub fn replace(&mut self, slot: Slot, row: Option<ConversationRow>) {
        let row = row.filter(|row| row.closed_at.is_some()).map(Row::new);
        self.0.replace(slot, row.as_ref());
    }

    /// The first rows that match a query and a condition of the caller, after the query's cursor and in its order.
    pub fn matching(&self, query: &Query, is_wanted: impl Fn(&ConversationRow) -> bool, max_rows: usize) -> Vec<Row> {
        self.0.rows_for(query).filter(|row| is_wanted(row)).take(max_rows).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints contain these values.
    #[test]
    fn keys_never_change() {
        let fields = SearchFields {
            times: [1, 3, 2],
            tenant: Some("North"),
            member_name: Some("ÅSE"),
            member_number: Some("+45 12"),
            is_unassigned: true,
            ..SearchFields::default()
        };
        let keys = SearchKeys::of(&fields, std::iter::empty());
        let folded = Query::new().status(StatusFilter::Closed).member("åse").number("4512").tenant("North");
        let search = folded.search().unwrap();
        assert_eq!(search.terms[0][1], keys.terms[0]);
        assert_eq!(search.terms[1], [keys.terms[1]]);
        assert!(search.may_match(&keys.times, keys.tags));
        assert_eq!((keys.tags, keys.terms), (0x4000_0000_0000_11e6, vec![0xc5f5_9859, 0xb76c_558f]));
    }

    #[test]
    fn a_range_of_times_ends_before_its_end() {
        let query = Query::new().status(StatusFilter::Any).since_ms(5).until_ms(7).by(TimeField::Closed);
        assert_eq!(query.search().unwrap().ranges[1], (5, 6));
        let nothing = query.until_ms(i64::MIN).search().unwrap().ranges[1];
        assert!(nothing.0 > nothing.1);
        assert!(Query::new().search().is_none());
    }
}
