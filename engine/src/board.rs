//! The board: all conversations, and the answers about them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::conversation::Conversation;
use crate::effect::{Admission, Effect, Seq};
use crate::event::Event;
use crate::fold::Fold;
use crate::hash::StateHash;
use crate::history::{self, Arrivals, HistoryEntry};
use crate::identity::{ContentHash, Identity};
use crate::image::{ConversationImage, ImageError};
use crate::index::{Index, Seen, Slot};
use crate::query::{AgentLoad, OpenConversation, Page, Query, QueryError, Totals};
use crate::state::State;
use crate::texts::Field;
use crate::time::Time;

/// Names the rules of the fold. A checkpoint made by other rules is not used: the log is folded again.
pub const FOLD_VERSION: u32 = 1;

/// All conversations, the state of each, and the indexes behind the questions.
///
/// ```
/// use convofold_engine::{Board, Direction, Draft, Kind, Query, Time};
///
/// let mut board = Board::new();
/// let event = Draft {
///     source: "helpdesk",
///     conversation: "case-7",
///     kind: Some(Kind::Message),
///     occurred: Time::from_ms(1_700_000_000_000),
///     direction: Some(Direction::In),
///     ..Draft::default()
/// };
/// board.batch().apply(1, &event.build()?);
/// assert_eq!(board.query(&Query::default())?.rows[0].unread, 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Board {
    residents: Vec<Resident>,
    slots: HashMap<Arc<str>, Slot>,
    index: Index,
    hash: StateHash,
    unhashed: Vec<Slot>,
    unsaved: BTreeSet<Slot>,
}

/// A conversation's place on the board.
#[derive(Debug)]
struct Resident {
    id: Arc<str>,
    home: Home,
    /// What the conversation added to the state hash when that was last asked for.
    in_hash: StateHash,
    /// Whether that is up to date.
    is_hashed: bool,
}

/// Where a conversation is.
#[derive(Debug)]
enum Home {
    /// Here.
    Board(Box<Conversation>),
    /// Elsewhere, until it is restored.
    Away(Waiting),
}

/// What waits for a conversation to come back.
#[derive(Debug, Default)]
struct Waiting {
    events: Vec<(Seq, Event)>,
    duplicates: u64,
}

impl Board {
    /// A board without conversations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many conversations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.residents.len()
    }

    /// Whether there is no conversation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.residents.is_empty()
    }

    /// How many conversations are open.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.index.open_len()
    }

    /// Tells which events belong into the log, before they are applied. Events that are offered together are also held
    /// against each other.
    #[must_use]
    pub fn admissions(&self) -> Admissions<'_> {
        Admissions { board: self, admitted: HashSet::new() }
    }

    /// Begins to apply events. When the batch is dropped, every answer reflects them.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch { board: self, touched: Vec::new(), is_touched: HashSet::new() }
    }

    fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.at(*self.slots.get(id)?)
    }

    fn at(&self, slot: Slot) -> Option<&Conversation> {
        match &self.residents.get(slot as usize)?.home {
            Home::Board(conversation) => Some(conversation),
            Home::Away(_) => None,
        }
    }

    /// The state of one conversation (spec Q1).
    #[must_use]
    pub fn state(&self, id: &str) -> Option<State> {
        self.conversation(id).map(State::of)
    }

    /// Every event of one conversation in the order of T2, conflicts included (spec Q1).
    #[must_use]
    pub fn history(&self, id: &str) -> Option<Vec<HistoryEntry>> {
        self.conversation(id).map(history::of)
    }

    /// How the events of one conversation arrived (spec F12).
    #[must_use]
    pub fn arrivals(&self, id: &str) -> Option<Arrivals> {
        self.conversation(id).map(history::arrivals)
    }

    /// A page of open conversations (spec Q2).
    ///
    /// # Errors
    /// [`QueryError`] where the cursor belongs to another order.
    pub fn query(&self, query: &Query) -> Result<Page, QueryError> {
        self.index.query(query)
    }

    /// What every agent has to do (spec Q3).
    #[must_use]
    pub fn agents(&self) -> Vec<AgentLoad> {
        self.index.agents()
    }

    /// Counts per tenant and channel (spec Q3).
    #[must_use]
    pub fn totals(&self) -> Vec<Totals> {
        self.index.totals()
    }

    /// The ids of all conversations in the order of the export: by their bytes.
    #[must_use]
    pub fn ids(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.slots.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// The state hash (spec H1). Only conversations changed since it was last asked for are hashed.
    pub fn state_hash(&mut self) -> StateHash {
        for slot in std::mem::take(&mut self.unhashed) {
            self.hash_one(slot);
        }
        self.hash
    }

    fn hash_one(&mut self, slot: Slot) {
        let Some(resident) = self.residents.get_mut(slot as usize).filter(|resident| !resident.is_hashed) else {
            return;
        };
        let Home::Board(conversation) = &resident.home else { return };
        let hash = StateHash::of_line(&State::of(conversation).export_line());
        self.hash = self.hash.minus(resident.in_hash).plus(hash);
        resident.in_hash = hash;
        resident.is_hashed = true;
    }

    /// How many places the board has. Conversations take places 0, 1, 2, ... as they arrive and keep them.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        u32::try_from(self.residents.len()).unwrap_or(u32::MAX)
    }

    /// The id of the conversation at a place.
    #[must_use]
    pub fn id(&self, slot: u32) -> Option<&Arc<str>> {
        self.residents.get(slot as usize).map(|resident| &resident.id)
    }

    /// The memory of the conversation at a place; `None` where there is none or it is away.
    #[must_use]
    pub fn image(&self, slot: u32) -> Option<ConversationImage> {
        self.at(slot).map(ConversationImage::of)
    }

    /// The places of the conversations that changed since this was last asked, in order.
    pub fn take_unsaved(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.unsaved)
    }

    /// The place of the event's conversation where that is away. It is to be restored first: until then an event of it
    /// cannot be told from one that is known ([`Admissions::admit`] says to log it), and has its effect only later.
    #[must_use]
    pub fn absent(&self, event: &Event) -> Option<u32> {
        let slot = *self.slots.get(event.conversation())?;
        self.at(slot).is_none().then_some(slot)
    }

    /// Lets a conversation go, with everything of it that was not saved yet; it still counts in indexes, totals and the
    /// state hash, and [`Board::restore`] brings it back. `None` where there is none or it is away already.
    pub fn evict(&mut self, slot: u32) -> Option<ConversationImage> {
        // Its line is needed for the hash, so it is hashed while it is here.
        self.hash_one(slot);
        let image = self.image(slot)?;
        self.residents.get_mut(slot as usize)?.home = Home::Away(Waiting::default());
        self.unsaved.remove(&slot);
        Some(image)
    }

    /// Puts a conversation at its place: the next new one (recovery), or its own (after [`Board::evict`]).
    ///
    /// # Errors
    /// [`ImageError`] where the image is no conversation's memory, or the place is not its own.
    pub fn restore(&mut self, slot: u32, image: ConversationImage) -> Result<(), ImageError> {
        let id = image.id.clone();
        let taken = || ImageError::SlotTaken { id: id.clone(), slot };
        let conversation = Box::new(image.into_conversation()?);
        if slot == self.slot_count() && !self.slots.contains_key(&id) {
            self.add(conversation);
            self.settle(slot);
            return Ok(());
        }
        let resident = self.residents.get_mut(slot as usize).filter(|resident| resident.id == id).ok_or_else(taken)?;
        let Home::Away(waiting) = &mut resident.home else { return Err(taken()) };
        let waiting = std::mem::take(waiting);
        resident.home = Home::Board(conversation);
        let mut batch = self.batch();
        batch.count_duplicates(slot, waiting.duplicates);
        for (seq, event) in waiting.events {
            batch.apply(seq, &event);
        }
        Ok(())
    }

    fn add(&mut self, conversation: Box<Conversation>) -> Slot {
        let slot = self.slot_count();
        let id = conversation.id.clone();
        self.slots.insert(id.clone(), slot);
        self.residents.push(Resident {
            id,
            home: Home::Board(conversation),
            in_hash: StateHash::default(),
            is_hashed: false,
        });
        self.unhashed.push(slot);
        slot
    }

    /// Brings everything that is derived from a conversation up to its facts.
    fn settle(&mut self, slot: Slot) {
        let Some(resident) = self.residents.get_mut(slot as usize) else { return };
        let Home::Board(conversation) = &mut resident.home else { return };
        if std::mem::take(&mut resident.is_hashed) {
            self.unhashed.push(slot);
        }
        conversation.settle();
        let seen = see(conversation, &mut self.index, slot);
        if seen.open.is_none() {
            conversation.rest();
        }
        self.index.update(slot, seen);
    }
}

/// Decides which events of one group belong into the log; see [`Board::admissions`].
#[derive(Debug)]
pub struct Admissions<'a> {
    board: &'a Board,
    /// What of this group is admitted.
    admitted: HashSet<(Arc<str>, Identity, ContentHash)>,
}

impl Admissions<'_> {
    /// Whether this event is to be logged, or is known: from the board, or from this group.
    pub fn admit(&mut self, event: &Event) -> Admission {
        let known = self.board.conversation(event.conversation());
        if known.is_some_and(|conversation| conversation.admit(event) == Admission::Duplicate) {
            return Admission::Duplicate;
        }
        let id = known.map_or_else(|| event.conversation().into(), |conversation| conversation.id.clone());
        match self.admitted.insert((id, event.identity().clone(), event.content())) {
            true => Admission::Log,
            false => Admission::Duplicate,
        }
    }
}

/// Events being applied; see [`Board::batch`].
#[derive(Debug)]
pub struct Batch<'a> {
    board: &'a mut Board,
    touched: Vec<Slot>,
    is_touched: HashSet<Slot>,
}

impl Batch<'_> {
    /// Takes an event: the one way in, for live events, replay and recovery alike. It cannot fail.
    ///
    /// `seq` is the event's place in the log. An event whose conversation is away (see [`Board::evict`]) waits for it,
    /// and counts as applied.
    pub fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        let slot = self.slot_of(event);
        let Some(resident) = self.board.residents.get_mut(slot as usize) else { return Effect::Applied };
        match &mut resident.home {
            Home::Away(waiting) => {
                waiting.events.push((seq, event.clone()));
                Effect::Applied
            }
            Home::Board(conversation) => {
                let effect = conversation.apply(seq, event);
                if self.is_touched.insert(slot) {
                    self.touched.push(slot);
                }
                effect
            }
        }
    }

    /// Counts a delivery of an event that [`Admissions::admit`] knew already.
    pub fn repeat(&mut self, event: &Event) {
        if let Some(slot) = self.board.slots.get(event.conversation()) {
            self.count_duplicates(*slot, 1);
        }
    }

    fn count_duplicates(&mut self, slot: Slot, count: u64) {
        match self.board.residents.get_mut(slot as usize).map(|resident| &mut resident.home) {
            Some(Home::Board(conversation)) if count > 0 => {
                conversation.arrivals.duplicates += count;
                self.board.unsaved.insert(slot);
            }
            Some(Home::Away(waiting)) => waiting.duplicates += count,
            _ => {}
        }
    }

    fn slot_of(&mut self, event: &Event) -> Slot {
        let id = event.conversation();
        match self.board.slots.get(id) {
            Some(slot) => *slot,
            None => self.board.add(Box::new(Conversation::new(id.into()))),
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for slot in std::mem::take(&mut self.touched) {
            self.board.unsaved.insert(slot);
            self.board.settle(slot);
        }
    }
}

/// What the indexes are to know of a conversation.
fn see(conversation: &Conversation, index: &mut Index, slot: Slot) -> Seen {
    let before = index.seen(slot).cloned();
    let row = before.as_ref().and_then(|seen| seen.open.as_deref());
    conversation.with_fold(|fold| {
        let lists = conversation.lists();
        let known_tenant = before.as_ref().and_then(|seen| seen.tenant.clone());
        let known_channel = before.as_ref().and_then(|seen| seen.channel.clone());
        let tenant = share(index, fold.attribute(Field::Tenant, lists), known_tenant);
        let channel = share(index, fold.channel(lists), known_channel);
        let open = fold
            .last_active_at()
            .map(|active| Arc::new(open_row(conversation, fold, index, row, active, &tenant, &channel)));
        Seen { tenant, channel, open }
    })
}

fn open_row(
    conversation: &Conversation,
    fold: &Fold,
    index: &mut Index,
    before: Option<&OpenConversation>,
    active: Time,
    tenant: &Option<Arc<str>>,
    channel: &Option<Arc<str>>,
) -> OpenConversation {
    let lists = conversation.lists();
    let known = |field: fn(&OpenConversation) -> &Option<Arc<str>>| before.and_then(|row| field(row).clone());
    let own = |field, before| keep(fold.attribute(field, lists), before);
    let agent = fold.agents.assigned().and_then(|number| fold.agents.get(number));
    OpenConversation {
        id: conversation.id.clone(),
        tenant: tenant.clone(),
        channel: channel.clone(),
        agent_id: share(index, agent.and_then(|agent| agent.id.as_deref()), known(|row| &row.agent_id)),
        agent_name: share(index, agent.and_then(|agent| agent.name.as_deref()), known(|row| &row.agent_name)),
        member_name: own(Field::MemberName, known(|row| &row.member_name)),
        member_number: own(Field::MemberNumber, known(|row| &row.member_number)),
        member_business_id: own(Field::MemberBusinessId, known(|row| &row.member_business_id)),
        member_channel_id: own(Field::MemberChannelId, known(|row| &row.member_channel_id)),
        shortcode: share(index, fold.attribute(Field::Shortcode, lists), known(|row| &row.shortcode)),
        unread: fold.unread.count(),
        started_at: fold.started_at().ms(),
        last_active_at: active.ms(),
        waiting_since: fold.waiting().map(|(since, _)| since.ms()),
        // A clock suspicion is of a close that comes after everything else, so this conversation has none.
        suspect: fold.unread.is_missing_any(),
    }
}

/// The text held once for all conversations; `known` is the copy that was used before, mostly still the right one.
fn share(index: &mut Index, text: Option<&str>, known: Option<Arc<str>>) -> Option<Arc<str>> {
    let text = text?;
    Some(known.filter(|known| **known == *text).unwrap_or_else(|| index.share(text)))
}

/// Like [`share`] for texts that are a conversation's own.
fn keep(text: Option<&str>, known: Option<Arc<str>>) -> Option<Arc<str>> {
    let text = text?;
    Some(known.filter(|known| **known == *text).unwrap_or_else(|| text.into()))
}

#[cfg(test)]
mod tests;
