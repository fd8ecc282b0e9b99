//! One list of the lists of several partitions.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use convofold::{ConversationRow, Cursor, MomentReport, Query, State, UnknownValue};
use convofold_server::{ListedPage, Listing, Question, Questions};

use super::answer::Gathered;
use super::error::GatherError;
use super::numbers;
use super::view::GatherView;

/// The conversations of a partition that are read and not yet taken.
struct Ahead {
    partition: u32,
    ready: VecDeque<(ConversationRow, Option<State>)>,
    /// Where the partition's list goes on.
    next: Option<Cursor>,
    moment: MomentReport,
    unknown: Vec<UnknownValue>,
}

impl Ahead {
    /// The next page of a partition. A conversation that was erased between row and state has no state.
    fn of((partition, page): (u32, ListedPage)) -> Self {
        let ListedPage { conversations, rows, next, unknown, moment, .. } = page;
        let mut states: HashMap<Arc<str>, State> =
            conversations.into_iter().map(|state| (state.id.clone(), state)).collect();
        let with_state = |row: ConversationRow| {
            let state = states.remove(row.id());
            (row, state)
        };
        Self { partition, ready: rows.into_iter().map(with_state).collect(), next, moment, unknown }
    }

    fn needs_more(&self) -> bool {
        self.ready.is_empty() && self.next.is_some()
    }
}

/// A list that is asked for.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) query: &'a Query,
    /// Conditions that a query does not have, as parameters of the server.
    pub(super) conditions: &'a [(String, String)],
    /// Whether whole conversations are wanted beside the rows.
    pub(super) has_whole: bool,
}

impl List<'_> {
    fn question(&self, questions: Questions, page: &Query) -> Arc<Question<ListedPage>> {
        let listing = if self.has_whole { Listing::Both } else { Listing::Rows };
        Arc::new(questions.list_where(page, listing, self.conditions))
    }
}

impl GatherView<'_> {
    /// One page of the conversations that match.
    ///
    /// It has in memory at most the page, and a page of each partition.
    pub(super) async fn page(&self, list: List<'_>) -> Result<Gathered<ListedPage>, GatherError> {
        let query = list.query;
        // The same error as without a cluster.
        query.page_of(std::iter::empty())?;
        let limit = query.page_rows();
        let page_rows = limit.min(Questions::MAX_PAGE_ROWS);
        let first = list.question(self.questions(), &query.clone().limit(page_rows));
        let mut gathered = self.all(first).await?.map(|parts| parts.into_iter().map(Ahead::of).collect::<Vec<_>>());
        let mut page = ListedPage::default();
        while page.rows.len() < limit {
            self.read_ahead(&mut gathered, list).await?;
            let lists = gathered.answer.iter_mut().filter(|list| !list.ready.is_empty());
            let first = lists.min_by(|a, b| match (a.ready.front(), b.ready.front()) {
                (Some((a, _)), Some((b, _))) => query.compare(a, b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            });
            let Some((row, state)) = first.and_then(|list| list.ready.pop_front()) else { break };
            page.rows.push(row);
            page.conversations.extend(state);
        }
        let has_more = gathered.answer.iter().any(|list| !list.ready.is_empty() || list.next.is_some());
        page.next = page.rows.last().filter(|_| has_more).map(|row| query.cursor_at(row));
        page.moment = numbers::moment(gathered.answer.iter().map(|list| list.moment));
        if has_more {
            // Those of conversations that are not on the page are counted too.
            page.moment.late_events = None;
        }
        if page.rows.is_empty() {
            page.unknown = self.unknown(&mut gathered).await?;
        }
        Ok(gathered.map(|_| page))
    }

    /// Reads on where all conversations of a partition were taken.
    async fn read_ahead(&self, gathered: &mut Gathered<Vec<Ahead>>, list: List<'_>) -> Result<(), GatherError> {
        let needy = gathered.answer.iter().filter(|list| list.needs_more());
        let questions: Vec<_> = needy
            .map(|ahead| {
                let page = list.query.clone().limit(Questions::MAX_PAGE_ROWS).cursor(ahead.next.clone());
                (ahead.partition, list.question(self.questions(), &page))
            })
            .collect();
        if questions.is_empty() {
            return Ok(());
        }
        let more = self.each(questions).await?;
        for list in gathered.answer.iter_mut().filter(|list| list.needs_more()) {
            list.next = None;
        }
        gathered.note(&more);
        for more in more.answer.into_iter().map(Ahead::of) {
            if let Some(known) = gathered.answer.iter_mut().find(|list| list.partition == more.partition) {
                (known.ready, known.next) = (more.ready, more.next);
            }
        }
        Ok(())
    }

    /// Why a page is empty. A partition without open conversations names no reason.
    async fn unknown(&self, gathered: &mut Gathered<Vec<Ahead>>) -> Result<Vec<UnknownValue>, GatherError> {
        let mut reasons = Vec::new();
        let mut questions = Vec::new();
        let any = Arc::new(self.questions().list(&Query::new().limit(1), Listing::Rows));
        for list in &mut gathered.answer {
            match std::mem::take(&mut list.unknown) {
                unknown if unknown.is_empty() => questions.push((list.partition, any.clone())),
                unknown => reasons.push(unknown),
            }
        }
        if reasons.is_empty() {
            return Ok(Vec::new());
        }
        let others = self.each(questions).await?;
        let know_all = others.answer.iter().any(|(_, page)| !page.rows.is_empty());
        gathered.note(&others);
        Ok(if know_all { Vec::new() } else { UnknownValue::of_all(reasons) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conversation_that_was_erased_meanwhile_does_not_shift_the_states_of_others() {
        let home = tempfile::tempdir().unwrap();
        let db = crate::tests::options().open(home.path().join("db")).unwrap();
        (0..3)
            .for_each(|number| drop(db.ingest(&crate::tests::event(number), convofold::ingest::Format::Auto).unwrap()));
        let rows = db.query(&Query::new()).unwrap().rows;
        let states: Vec<_> = rows.iter().map(|row| db.state(row.id()).unwrap().unwrap()).collect();
        let page = json!({ "rows": rows, "conversations": [states[0], states[2]], "next_cursor": null, "unknown": [] });
        let ahead = Ahead::of((0, serde_json::from_value(page).unwrap()));
        let found: Vec<_> =
            ahead.ready.iter().map(|(row, state)| (row.id(), state.as_ref().map(|it| &*it.id))).collect();
        let ids = rows.iter().map(|row| row.id()).collect::<Vec<_>>();
        assert_eq!(found, [(ids[0], Some(ids[0])), (ids[1], None), (ids[2], Some(ids[2]))]);
        db.close().unwrap();
    }
}
