//! A conversation in memory, with what the rest of the board knows of it.

use std::sync::Arc;

use crate::agents::Agent;
use crate::attribute::Attribute;
use crate::conversation::Conversation;
use crate::effect::Seq;
use crate::event::EventRef;
use crate::extent::{Extent, Rounded};
use crate::fold::{Fold, Lists};
use crate::folds::Folds;
use crate::hash::StateHash;
use crate::index::{Seen, Slot, Update};
use crate::interner::Interner;
use crate::own_texts::OwnTexts;
use crate::query::ConversationRow;
use crate::search::{SearchFields, SearchKeys};
use crate::state::AgentRef;
use crate::state::State;
use crate::time::Time;

/// The texts of a member in a row.
const MEMBER: [Attribute; 4] =
    [Attribute::MemberName, Attribute::MemberNumber, Attribute::MemberBusinessId, Attribute::MemberChannelId];

/// What the board needs to find a conversation in memory.
const ENTRY_BYTES: usize = 32;

#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) conversation: Conversation,
    /// Its entry in the indexes.
    pub(crate) seen: Option<Seen>,
    /// The largest time of its events when its entry was derived.
    last_at: Time,
    /// Its contribution to the state hash when that was last computed.
    pub(crate) in_hash: StateHash,
    /// Whether that contribution is current.
    pub(crate) is_hashed: bool,
    /// Its approximate size in bytes.
    pub(crate) bytes: u64,
    /// The number of the last edit with an event of it.
    pub(crate) touched: u64,
    /// Whether an edit left its state to be derived later.
    pub(crate) is_unsettled: bool,
}

/// A conversation that is ready to be reloaded: folded, with the hash that it had when it was evicted.
#[derive(Debug)]
pub struct ReloadedConversation {
    pub(crate) resident: Box<Resident>,
    /// Its entry in the indexes when it was evicted, without its row, if it has new events.
    pub(crate) before: Option<Seen>,
}

impl ReloadedConversation {
    /// A conversation to which these events are applied after its hash was computed.
    pub(crate) fn new<'e>(conversation: Conversation, events: impl IntoIterator<Item = (Seq, EventRef<'e>)>) -> Self {
        let mut resident = Box::new(Resident::new(conversation));
        let Resident { conversation, in_hash, is_hashed, .. } = &mut *resident;
        conversation.settle();
        *in_hash = StateHash::of_state(&State::of(conversation));
        let mut before = None;
        for (seq, event) in events {
            before.get_or_insert_with(|| unlisted(conversation));
            conversation.apply(seq, event, &mut None);
        }
        conversation.settle();
        *is_hashed = before.is_none();
        let derived = see(conversation, None, &mut |text| text.into());
        resident.keep(derived);
        Self { resident, before }
    }
}

impl Resident {
    /// A new conversation.
    pub(crate) fn new(conversation: Conversation) -> Self {
        let in_hash = StateHash::default();
        let last_at = Time::MIN;
        Self { conversation, seen: None, last_at, in_hash, is_hashed: false, bytes: 0, touched: 0, is_unsettled: false }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.seen.as_ref().is_some_and(Seen::is_open)
    }

    /// Its contribution to the state hash.
    pub(crate) fn hash(&self) -> StateHash {
        if self.is_hashed { self.in_hash } else { StateHash::of_state(&State::of(&self.conversation)) }
    }

    /// The bounds of its events.
    pub(crate) fn extent(&self) -> Extent {
        self.conversation.bounds.extent(self.last_at)
    }

    /// What the board keeps of the bounds of its events while it is evicted.
    pub(crate) fn rounded(&self) -> Rounded {
        Rounded::of(&self.extent(), self.seen.as_ref().is_some_and(|seen| seen.row.is_some()))
    }

    /// Records its contribution to the state hash. Returns the earlier one.
    pub(crate) fn note_hash(&mut self, now: StateHash) -> StateHash {
        self.is_hashed = true;
        self.rest();
        std::mem::replace(&mut self.in_hash, now)
    }

    /// Derives everything that depends on the facts. Returns the change of its entry in the indexes.
    pub(crate) fn settle(&mut self, interner: &mut Interner, slot: Slot) -> Update {
        self.conversation.settle();
        self.update(interner, slot)
    }

    /// Like [`Resident::settle`], from the folds that [`Conversation::settled`] derived. Leaves the earlier ones there.
    pub(crate) fn settle_to(&mut self, folds: &mut Box<Folds>, interner: &mut Interner, slot: Slot) -> Update {
        let earlier = self.conversation.set_settled(std::mem::take(folds));
        *folds = earlier.unwrap_or_default();
        self.update(interner, slot)
    }

    fn update(&mut self, interner: &mut Interner, slot: Slot) -> Update {
        let before = self.seen.take();
        let (seen, last_at) = see(&self.conversation, before.as_ref(), &mut |text| interner.share(text));
        self.keep((seen.clone(), last_at));
        Update::new(slot, before, seen)
    }

    fn keep(&mut self, (seen, last_at): (Seen, Time)) {
        self.seen = Some(seen);
        self.last_at = last_at;
        self.rest();
    }

    /// Frees what a closed conversation does not need. Its fold is kept until its hash is taken from it.
    fn rest(&mut self) {
        if self.is_hashed && !self.is_open() {
            self.conversation.rest();
        }
        self.bytes = (size_of::<Self>() + ENTRY_BYTES + self.conversation.heap_bytes()) as u64;
    }
}

/// The row of a conversation, open or closed.
pub(crate) fn row_of(conversation: &Conversation) -> ConversationRow {
    conversation.with_fold(|fold| row_after((&conversation.id, conversation.lists()), fold, None))
}

/// The keys of a conversation for an index on disk; `None` if it is open.
pub(crate) fn search_keys_of(conversation: &Conversation) -> Option<SearchKeys> {
    conversation.with_fold(|fold| {
        let lists = conversation.lists();
        let closed_at = fold.closed_at()?;
        let own = |attribute| fold.attribute(attribute, lists);
        let fields = SearchFields {
            times: [fold.started_at().ms(), closed_at.ms(), fold.active_at().ms()],
            tenant: own(Attribute::Tenant),
            channel: fold.channel(lists),
            shortcode: own(Attribute::Shortcode),
            member_ids: [own(Attribute::MemberBusinessId), own(Attribute::MemberChannelId)],
            member_name: own(Attribute::MemberName),
            member_number: own(Attribute::MemberNumber),
            is_suspect: fold.is_suspect(),
            is_unassigned: fold.agents.assigned().is_none(),
            is_unread: fold.unread.count() > 0,
        };
        // Every known agent was assigned at some time: each mention assigns (F5).
        let agents = fold.agents.all().iter().map(|agent| (agent.id.as_deref(), agent.name.as_deref()));
        Some(SearchKeys::of(&fields, agents))
    })
}

/// The entry of a conversation in the indexes, without its row.
fn unlisted(conversation: &Conversation) -> Seen {
    conversation.with_fold(|fold| {
        let lists = conversation.lists();
        let (tenant, channel) = (fold.attribute(Attribute::Tenant, lists), fold.channel(lists));
        Seen { tenant: tenant.map(Arc::from), channel: channel.map(Arc::from), newest: fold.newest(), row: None }
    })
}

/// The entry of a conversation in the indexes, and the largest time of its events. `share` returns a copy of a text
/// that many conversations have.
fn see(conversation: &Conversation, before: Option<&Seen>, share: &mut dyn FnMut(&str) -> Arc<str>) -> (Seen, Time) {
    let known_row = before.and_then(|seen| seen.row.as_deref());
    conversation.with_fold(|fold| {
        let lists = conversation.lists();
        let known_tenant = before.and_then(|seen| seen.tenant.clone());
        let known_channel = before.and_then(|seen| seen.channel.clone());
        let tenant = keep(fold.attribute(Attribute::Tenant, lists), known_tenant, share);
        let channel = keep(fold.channel(lists), known_channel, share);
        let is_listed = !fold.is_closed || fold.is_unanswered_after_close();
        let row =
            is_listed.then(|| Arc::new(row((&conversation.id, lists), fold, known_row, &tenant, &channel, share)));
        (Seen { tenant, channel, newest: fold.newest(), row }, fold.last_event_at())
    })
}

/// The row of the conversation with this id and these lists after some of its events. `before` is an earlier row of it,
/// whose texts are used again.
pub(crate) fn row_after(
    (id, lists): (&str, Lists<'_>),
    fold: &Fold,
    before: Option<&ConversationRow>,
) -> ConversationRow {
    let known = |field: fn(&ConversationRow) -> &Option<Arc<str>>| before.and_then(|row| field(row).clone());
    let mut own = |text: &str| text.into();
    let tenant = keep(fold.attribute(Attribute::Tenant, lists), known(|row| &row.tenant), &mut own);
    let channel = keep(fold.channel(lists), known(|row| &row.channel), &mut own);
    row((id, lists), fold, before, &tenant, &channel, &mut own)
}

/// The row of a conversation. `share` returns a copy of a text that many conversations have.
fn row(
    (id, lists): (&str, Lists<'_>),
    fold: &Fold,
    before: Option<&ConversationRow>,
    tenant: &Option<Arc<str>>,
    channel: &Option<Arc<str>>,
    share: &mut dyn FnMut(&str) -> Arc<str>,
) -> ConversationRow {
    let known = |field: fn(&ConversationRow) -> &Option<Arc<str>>| before.and_then(|row| field(row).clone());
    let member = MEMBER.map(|field| fold.attribute(field, lists));
    let known_texts = before.map(|row| &row.own).filter(|own| own.member() == member);
    let own = known_texts.cloned().unwrap_or_else(|| OwnTexts::new(id, member));
    let known_agent = before.and_then(|row| row.agent.as_ref());
    let agent = fold.agents.assigned().and_then(|number| fold.agents.get(number));
    ConversationRow {
        own,
        tenant: tenant.clone(),
        channel: channel.clone(),
        agent: agent.map(|agent| AgentRef {
            id: keep(agent.id.as_deref(), known_agent.and_then(|agent| agent.id.clone()), share),
            name: keep(agent.name.as_deref(), known_agent.and_then(|agent| agent.name.clone()), share),
        }),
        earlier_agents: earlier_agents(fold, before),
        shortcode: keep(fold.attribute(Attribute::Shortcode, lists), known(|row| &row.shortcode), share),
        unread: fold.unread.count(),
        started_at: fold.started_at().ms(),
        last_active_at: fold.active_at().ms(),
        closed_at: fold.closed_at().map(Time::ms),
        waiting_since: fold.waiting().map(|(since, _)| since.ms()),
        suspect: fold.is_suspect(),
        last_message: None,
    }
}

/// Every known agent was assigned at some time: each mention assigns (F5).
fn earlier_agents(fold: &Fold, before: Option<&ConversationRow>) -> Arc<[AgentRef]> {
    let (all, assigned) = (fold.agents.all(), fold.agents.assigned());
    if all.len() <= usize::from(assigned.is_some()) {
        return Arc::default();
    }
    let earlier = || (0..).zip(all).filter(|(number, _)| Some(*number) != assigned).map(|(_, agent)| agent);
    let is_same = |(known, agent): (&AgentRef, &Agent)| known.id == agent.id && known.name == agent.name;
    let known = before.map(|row| &row.earlier_agents);
    let known = known.filter(|known| known.len() == earlier().count() && known.iter().zip(earlier()).all(is_same));
    known.cloned().unwrap_or_else(|| earlier().map(Agent::to_ref).collect())
}

/// A copy of a text. `known` is the copy used before, which is usually still the right one.
fn keep(text: Option<&str>, known: Option<Arc<str>>, copy: &mut dyn FnMut(&str) -> Arc<str>) -> Option<Arc<str>> {
    let text = text?;
    Some(known.filter(|known| **known == *text).unwrap_or_else(|| copy(text)))
}
