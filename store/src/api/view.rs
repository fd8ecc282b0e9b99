//! Answers about a moment.

use std::io::{self, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use convofold_engine::{
    AgentLoad, Board, ConversationRow, HistoryEntry, Index, Moment, Outline, PackedConversation, Page, Past, Query,
    Seq, State, StateHash, Time, Totals,
};

use crate::api::handle::Convofold;
use crate::api::query::{ExportReport, PageError};
use crate::api::sorted_lines::SortedLines;
use crate::api::view_tenants::SeenTenants;
use crate::conversations::archive::{ArchiveReader, past_of};
use crate::conversations::page::{PAGE_SLOTS, page_of};
use crate::in_order::in_order;
use crate::spread::spread;
use crate::state::lent_storage::{LentStorage, until_current};
use crate::storage::StorageError;

/// The database at a moment ([`Convofold::at`]). The methods have the names of those of [`Convofold`].
///
/// Each answer is that of a database that was given exactly the events within the bounds of the moment (see [`Moment`]),
/// whatever arrived later, and while events arrive. It survives a trim, an eviction and a restoration, because
/// conversations keep all of their events.
///
/// Questions about open conversations read those that may have been open then; others read all that existed. Both are read on
/// all processors.
#[derive(Clone, Debug)]
pub struct View {
    db: Convofold,
    moment: Moment,
    /// The moment, bounded by the last event at the time when the view was made.
    pinned: Moment,
    pub(super) tenants: SeenTenants,
}

impl Convofold {
    /// The database at a moment. Events that arrive after this call are in no answer of the view.
    ///
    /// ```
    /// # use convofold_store::Convofold;
    /// # use convofold_engine::{Moment, Time};
    /// # let dir = tempfile::tempdir()?;
    /// # let db = Convofold::open(dir.path().join("conversations"))?;
    /// let noon = Time::parse_rfc3339("2026-03-02T12:00:00Z")?;
    /// let view = db.at(Moment::as_of(noon));
    /// assert_eq!(view.state("case-7")?, None);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn at(&self, moment: Moment) -> View {
        let last = self.last_seq();
        let known_at = Some(moment.known_at.map_or(last, |known_at| known_at.min(last)));
        let pinned = Moment { known_at, ..moment };
        View { db: self.clone(), moment, pinned, tenants: SeenTenants::default() }
    }

    /// The last event of which answers know.
    pub(crate) fn last_seq(&self) -> Seq {
        self.shared().applied_seq.load(Ordering::SeqCst)
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method does not fit each lifetime of its type"
)]
impl View {
    /// The moment.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The time to which ages count: the bound of event time, else the time at which the last known event was committed.
    /// `None` if the moment has neither, or the log cannot be read there.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        let committed = |seq| self.db.committed_at(seq).ok().flatten();
        self.moment.as_of.or_else(|| self.moment.known_at.and_then(committed))
    }

    /// The last event of which the answers can know: no later one has any effect on them.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.pinned.known_at.unwrap_or_default()
    }

    /// The state of one conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn state(&self, id: &str) -> Result<Option<State>, StorageError> {
        self.about(id, |past| past.state())
    }

    /// One conversation, open or closed, as lists show it; `None` if it did not exist. Without its last message.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn row(&self, id: &str) -> Result<Option<ConversationRow>, StorageError> {
        self.about(id, |past| past.row())
    }

    /// The events of one conversation, in the order in which they happened; `None` if it did not exist.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, StorageError> {
        self.about(id, |past| past.history())
    }

    /// A page of conversations (rule Q2).
    ///
    /// # Errors
    /// As for [`Convofold::query`].
    pub fn query(&self, query: &Query) -> Result<Page, PageError> {
        self.query_matching(query, |_| true)
    }

    /// Like [`View::query`], with a condition of the caller. `is_wanted` must not call the database.
    ///
    /// # Errors
    /// As for [`Convofold::query`].
    pub fn query_matching(
        &self,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
    ) -> Result<Page, PageError> {
        until_current(|| self.page_with(query, &is_wanted, |_| (), |_, ()| ()))
    }

    /// Like [`View::query_matching`]. Calls `look` with each conversation that matches the query, and `note` with what it found,
    /// in the order in which they are read, if the conversation is wanted.
    pub(super) fn page_with<T: Send>(
        &self,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
        look: impl Fn(&Past<'_>) -> T + Sync,
        mut note: impl FnMut(&ConversationRow, T),
    ) -> Result<Page, PageError> {
        let among = if query.is_in_index() { Among::Listed } else { Among::Existing };
        self.each(
            among,
            |past| past.row_for(query).map(|row| (row, look(past))),
            |found| {
                let mut failure = None;
                let found = found.map_while(|found| found.map_err(|error| failure = Some(error)).ok()).flatten();
                let wanted = found.filter(|(row, _)| is_wanted(row));
                let page = query.page_of(wanted.map(|(row, more)| {
                    note(&row, more);
                    row
                }));
                failure.map_or_else(|| Ok(page?), |error| Err(error.into()))
            },
        )
    }

    /// Like [`View::query`], with the last text of every conversation ([`ConversationRow::last_message`]).
    ///
    /// # Errors
    /// As for [`Convofold::query`].
    pub fn query_with_last_messages(&self, query: &Query) -> Result<Page, PageError> {
        let mut page = self.query(query)?;
        self.add_last_messages(&mut page)?;
        Ok(page)
    }

    /// Adds the last text of every conversation to a page of this view ([`ConversationRow::last_message`]).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn add_last_messages(&self, page: &mut Page) -> Result<(), StorageError> {
        for row in &mut page.rows {
            let last_message = self.state(row.id())?.and_then(|state| state.last_message);
            Arc::make_mut(row).last_message = last_message.map(Box::new);
        }
        Ok(())
    }

    /// The open conversations and the unread messages of every agent of every tenant (rule Q3).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn agents(&self) -> Result<Vec<AgentLoad>, StorageError> {
        Ok(self.index_of(Among::Listed)?.agents())
    }

    /// Counts per tenant and channel (rule Q3).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn totals(&self) -> Result<Vec<Totals>, StorageError> {
        Ok(self.index()?.totals())
    }

    /// The index of all conversations that existed: for several questions at once, [`View::agents`] and [`View::totals`] among
    /// them.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn index(&self) -> Result<Index, StorageError> {
        self.index_of(Among::Existing)
    }

    /// The index of the conversations that were open, or unanswered after their close: like [`View::index`], but the closed
    /// ones are not counted in its totals. It reads these conversations only.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn index_of_listed(&self) -> Result<Index, StorageError> {
        self.index_of(Among::Listed)
    }

    fn index_of(&self, among: Among) -> Result<Index, StorageError> {
        self.index_with_sum(among, |_, _| 0).map(|(index, _)| index)
    }

    /// The index of these conversations, and the sum of what `count` counts in them.
    pub(super) fn index_with_sum(
        &self,
        among: Among,
        count: impl Fn(&Past<'_>, &Outline) -> u64 + Sync,
    ) -> Result<(Index, u64), StorageError> {
        let look = |past: &Past<'_>| {
            let outline = Some(past.outline()).filter(|outline| outline.row().is_some() || among.has_closed())?;
            Some((count(past, &outline), outline))
        };
        let (outlines, sum) = until_current(|| {
            let mut sum = 0;
            let outlines = self.each(among, look, |found| {
                let found = found.filter_map(Result::transpose);
                let outlines = found.map(|found| {
                    let (counted, outline) = found?;
                    sum += counted;
                    Ok(outline)
                });
                outlines.collect::<Result<Vec<Outline>, StorageError>>()
            })?;
            Ok::<_, StorageError>((outlines, sum))
        })?;
        Ok((Board::of_outlines(outlines, StateHash::default()).1.sort(), sum))
    }

    /// The state hash (rule H1).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn state_hash(&self) -> Result<StateHash, StorageError> {
        until_current(|| {
            self.each(
                Among::Existing,
                |past| StateHash::of_state(&past.state()),
                |mut hashes| (&mut hashes).try_fold(StateHash::default(), |sum, hash| Ok(sum.plus(hash?))),
            )
        })
    }

    /// Writes every conversation that existed as one line of JSON, sorted by id (rule H2). If there are many, the lines are
    /// sorted in a temporary file.
    ///
    /// # Errors
    /// The error of `out` or of the temporary file, or of reading an evicted conversation.
    pub fn export(&self, out: &mut impl Write) -> io::Result<ExportReport> {
        let mut lines = SortedLines::new(self.db.shared().options.bounds.sorted_bytes);
        let mut report = ExportReport::default();
        self.each(
            Among::Existing,
            |past| (past.id().clone(), past.state().export_line()),
            |exported| {
                for line in exported {
                    let (id, text) = line.map_err(io::Error::other)?;
                    lines.push(id.as_bytes(), |line| line.write_all(text.as_bytes()))?;
                    report.conversations += 1;
                    report.bytes += text.len() as u64 + 1;
                }
                Ok::<_, io::Error>(())
            },
        )?;
        lines.write_to(out)?;
        out.flush()?;
        Ok(report)
    }

    pub(crate) fn db(&self) -> &Convofold {
        &self.db
    }

    pub(crate) fn pinned(&self) -> Moment {
        self.pinned
    }

    /// Whether the answers are about the conversations of all tenants.
    pub(crate) fn has_all_tenants(&self) -> bool {
        self.tenants.are_all()
    }

    /// Whether any event is within the bounds of the moment.
    pub(super) fn has_events(&self) -> Result<bool, StorageError> {
        until_current(|| self.has_events_in(&LentStorage::of(self.db.shared())))
    }

    fn has_events_in(&self, storage: &LentStorage) -> Result<bool, StorageError> {
        let slot_count = self.db.shared().live.board().slot_count();
        let mut found = Vec::new();
        // Nearly always, the first conversation has one.
        for first in (0..slot_count).step_by(PAGE_SLOTS as usize) {
            let slots = first..slot_count.min(first + PAGE_SLOTS);
            let slots = self.db.shared().live.board().slots_existing_at(self.pinned, slots);
            let wanted = slots.iter().fold(0, |wanted, slot| wanted | 1 << (slot % PAGE_SLOTS));
            self.look_at(storage, page_of(first), wanted, |_| (), &mut found)?;
            if !found.is_empty() {
                return Ok(true);
            }
        }
        storage.expect_current()?;
        Ok(false)
    }

    /// Calls `look` with one conversation.
    pub(crate) fn about<T>(&self, id: &str, look: impl Fn(&Past<'_>) -> T) -> Result<Option<T>, StorageError> {
        let shared = self.db.shared();
        let look = |past: &Past<'_>| self.tenants.look(past, &look);
        let here = |board: &Board| board.past(id, self.pinned, look);
        until_current(|| {
            let storage = LentStorage::of(shared);
            let mut reader = ArchiveReader::new(&shared.archive, storage.as_ref());
            Ok(reader.find(&shared.live, id, here, |image| past_of(image, self.pinned, look))?.flatten())
        })
    }

    /// What `look` finds in each of these conversations, in no particular order. They are read on all processors. The last item
    /// is [`StorageError::Replaced`] if conversations were erased meanwhile.
    pub(crate) fn each<T: Send, R>(
        &self,
        among: Among,
        look: impl Fn(&Past<'_>) -> T + Sync,
        take: impl FnOnce(&mut dyn Iterator<Item = Result<T, StorageError>>) -> R,
    ) -> R {
        // Before the question whether the answer is whole: a run of retention that ends in between is noticed.
        let storage = LentStorage::of(self.db.shared());
        if let Err(expired) = self.expect_all(among) {
            return take(&mut iter::once(Err(expired)));
        }
        let pages = self.pages(among);
        let look_at = |number: usize| {
            let (page_no, wanted) = pages.get(number).copied().unwrap_or_default();
            let mut found = Vec::new();
            let looked = self.look_at(&storage, page_no, wanted, &look, &mut found);
            found.into_iter().map(Ok).chain(looked.err().map(Err)).collect::<Vec<_>>()
        };
        let is_replaced = || storage.expect_current().err().map(Err);
        in_order(pages.len(), look_at, |pages| take(&mut pages.flatten().chain(iter::once_with(is_replaced).flatten())))
    }

    /// Calls `look` with each of these conversations, and then `take`, in no particular order and on all processors. Each
    /// thread has a state of its own, made by `new`. Returns the states. `look_packed` is called with most stored conversations
    /// first: if it returns whether the conversation exists at the moment, it has looked at it.
    pub(crate) fn fold<S: Send>(
        &self,
        among: Among,
        new: impl Fn() -> S + Sync,
        look: impl Fn(&mut S, &Past<'_>) + Sync,
        look_packed: impl Fn(&mut S, &PackedConversation<'_>) -> Option<bool> + Sync,
        take: impl Fn(&mut S) + Sync,
    ) -> Result<Vec<S>, StorageError> {
        let storage = LentStorage::of(self.db.shared());
        let pages = self.pages(among);
        let states = spread(pages.len(), new, |state, number| {
            let (page_no, wanted) = pages.get(number).copied().unwrap_or_default();
            self.visit(&storage, page_no, wanted, state, &look, &look_packed, &take)
        })?;
        storage.expect_current()?;
        Ok(states)
    }

    /// Fails if some of these conversations were removed.
    fn expect_all(&self, among: Among) -> Result<(), StorageError> {
        match among {
            Among::Existing | Among::Listed => self.expect_whole(self.tenants.named(), None),
            Among::Within(_) | Among::Differing(_) => Ok(()),
        }
    }

    /// The numbers of the pages of these conversations, and the places of the conversations in them as bits.
    pub(crate) fn pages(&self, among: Among) -> Vec<(u32, u16)> {
        let live = &self.db.shared().live;
        let mut pages: Vec<(u32, u16)> = Vec::new();
        let mut first = 0;
        loop {
            let board = live.board();
            let end = board.slot_count();
            if first >= end {
                return pages;
            }
            let next = first.saturating_add(SLOTS_AT_ONCE);
            let slots = match among {
                Among::Existing => board.slots_existing_at(self.pinned, first..next),
                Among::Listed => board.slots_listed_at(self.pinned, first..next),
                Among::Within(times) => board.slots_within(times, self.pinned.known_at, first..next),
                Among::Differing(moments) => board.slots_differing(moments, first..next),
            };
            drop(board);
            for slot in slots {
                let bit = 1 << (slot % PAGE_SLOTS);
                match pages.last_mut().filter(|(page_no, _)| *page_no == page_of(slot)) {
                    Some((_, wanted)) => *wanted |= bit,
                    None => pages.push((page_of(slot), bit)),
                }
            }
            first = next;
        }
    }

    /// What `look` finds in the wanted conversations of a page.
    pub(super) fn look_at<T>(
        &self,
        storage: &LentStorage,
        page_no: u32,
        wanted: u16,
        look: impl Fn(&Past<'_>) -> T,
        found: &mut Vec<T>,
    ) -> Result<(), StorageError> {
        self.visit(storage, page_no, wanted, found, |found, past| found.push(look(past)), |_, _| None, |_| ())
    }

    /// Calls `look` with each wanted conversation of a page, and then `take`, while the board is not locked. See [`View::fold`].
    #[expect(clippy::too_many_arguments, reason = "what to read, and what to do with it")]
    fn visit<S>(
        &self,
        storage: &LentStorage,
        page_no: u32,
        wanted: u16,
        state: &mut S,
        look: impl Fn(&mut S, &Past<'_>),
        look_packed: impl Fn(&mut S, &PackedConversation<'_>) -> Option<bool>,
        take: impl Fn(&mut S),
    ) -> Result<(), StorageError> {
        let shared = self.db.shared();
        let mut away = Vec::new();
        for place in (0..PAGE_SLOTS).filter(|place| wanted >> place & 1 == 1) {
            let slot = page_no * PAGE_SLOTS + place;
            let board = shared.live.board();
            let Some(id) = board.id(slot) else {
                away.push(slot);
                continue;
            };
            let look = |past: &Past<'_>| self.tenants.look(past, |past| look(state, past));
            let seen = board.past(id, self.pinned, look).flatten();
            drop(board);
            seen.into_iter().for_each(|()| take(state));
        }
        if away.is_empty() {
            return Ok(());
        }
        // If one is reloaded meanwhile, its page still has all events up to the bound of arrival.
        let packed = |state: &mut S, packed: &PackedConversation<'_>| {
            let exists = Some(packed).filter(|_| self.tenants.are_all()).and_then(|packed| look_packed(state, packed));
            exists.into_iter().filter(|exists| *exists).for_each(|_| take(state));
            exists.is_some()
        };
        shared.archive.each_with(storage, &away, state, packed, |state, image| {
            let look = |past: &Past<'_>| self.tenants.look(past, |past| look(state, past));
            let seen = past_of(image, self.pinned, look)?.flatten();
            seen.into_iter().for_each(|()| take(state));
            Ok(())
        })
    }
}

/// The conversations that can be in an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Among {
    /// All that may exist.
    Existing,
    /// Those that may be open, or unanswered after their close.
    Listed,
    /// Those that may have been open or have had events between these times.
    Within([Time; 2]),
    /// Those that may be different at two moments within the bounds of the view.
    Differing([Moment; 2]),
}

impl Among {
    fn has_closed(self) -> bool {
        !matches!(self, Self::Listed)
    }
}

/// The number of conversations whose bounds are compared while the board is locked.
pub(super) const SLOTS_AT_ONCE: u32 = 1 << 16;
