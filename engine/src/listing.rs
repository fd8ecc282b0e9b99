//! Pages of rows that are in no index, such as those of closed conversations.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cursor::Cursor;
use crate::own_texts::OwnTexts;
use crate::query::{ConversationRow, Page, Query, QueryError};
use crate::state::{AgentRef, State};

impl Query {
    /// Checks that the cursor belongs to the order of the query.
    pub(crate) fn check_cursor(&self) -> Result<(), QueryError> {
        match &self.cursor {
            Some(cursor) if cursor.order != self.order => {
                Err(QueryError::CursorOfAnotherOrder { expected: self.order, found: cursor.order })
            }
            _ => Ok(()),
        }
    }

    /// The maximum number of rows in a page; [`usize::MAX`] without a limit.
    #[must_use]
    pub fn page_rows(&self) -> usize {
        self.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX)
    }

    /// Which of two rows comes first in the order of the query.
    #[must_use]
    pub fn compare(&self, one: &ConversationRow, other: &ConversationRow) -> Ordering {
        let ascending = self.order.key(one).cmp(&self.order.key(other));
        if self.order.reverse { ascending.reverse() } else { ascending }
    }

    /// The position of a row in the order of the query.
    #[must_use]
    pub fn cursor_at(&self, row: &ConversationRow) -> Cursor {
        Cursor::at(self.order, row)
    }

    /// Whether a row matches and comes after the cursor. See [`Query::page_of`] for what a row does not tell.
    #[must_use]
    pub fn is_match(&self, row: &ConversationRow) -> bool {
        self.wants(row) && self.order.is_after(self.cursor.as_ref(), row)
    }

    /// The page of these rows that the query asks for, in its order and after its cursor. It holds one page in memory,
    /// however many rows there are. The rows must meet [`unanswered_after_close`](Self::unanswered_after_close) if the
    /// query has it, because a row does not tell; all other conditions are checked.
    ///
    /// # Errors
    /// [`QueryError`] if the cursor was made with another sort order.
    pub fn page_of(&self, rows: impl IntoIterator<Item = ConversationRow>) -> Result<Page, QueryError> {
        self.check_cursor()?;
        let (order, limit) = (self.order, self.page_rows());
        let mut first = BTreeMap::new();
        for row in rows.into_iter().filter(|row| self.is_match(row)) {
            let (key, id) = order.key(&row);
            first.insert((key, Arc::<str>::from(id)), Arc::new(row));
            // One more than the page shows whether there is a next one.
            if first.len() > limit.saturating_add(1) {
                if order.reverse {
                    first.pop_first()
                } else {
                    first.pop_last()
                };
            }
        }
        let has_more = first.len() > limit;
        let mut rest = first.into_values();
        let rows: Vec<_> = std::iter::from_fn(|| order.next(&mut rest)).take(limit).collect();
        let next = rows.last().filter(|_| has_more).map(|row| Cursor::at(order, row));
        Ok(Page { rows, next, ..Page::default() })
    }
}

impl From<&State> for ConversationRow {
    /// The row of a conversation. A state does not tell when a closed conversation was last active; its latest event stands
    /// for that. [`Board::row`](crate::Board::row) is exact.
    fn from(state: &State) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let member = &state.member;
        let member =
            [&member.name, &member.number, &member.business_id, &member.channel_id].map(|text| text.as_deref());
        let own = OwnTexts::new(&state.id, member);
        let mut earlier_agents: Vec<AgentRef> = Vec::new();
        for agent in state.assignments.iter().filter_map(|assigned| assigned.agent.as_ref()) {
            if state.agent.as_ref() != Some(agent) && !earlier_agents.contains(agent) {
                earlier_agents.push(agent.clone());
            }
        }
        Self {
            tenant: text(&state.tenant),
            channel: text(&state.channel),
            agent: state.agent.clone(),
            earlier_agents: earlier_agents.into(),
            shortcode: text(&state.shortcode),
            unread: state.unread,
            waiting_since: state.waiting_since,
            suspect: !state.suspect.is_empty(),
            closed_at: state.closed_at,
            ..Self::of_texts(own, state.started_at, state.last_active_at.unwrap_or(state.last_event_at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Board, Direction, Draft, Index, Kind, Sort, Time};

    /// The same pages as from the index, whatever the order of the rows.
    #[test]
    fn pages_of_rows_are_those_of_the_index() {
        let (mut board, mut index) = (Board::new(), Index::default());
        let mut edit = board.edit();
        for number in 0..50_u32 {
            let at = Time::from_ms(1_700_000_000_000 + i64::from(number * 37 % 20) * 1_000);
            let direction = if number % 3 == 0 { Direction::Out } else { Direction::In };
            let id = format!("case-{number}");
            let event = Draft::new("helpdesk", &id, Kind::Message, at).direction(direction);
            edit.apply(u64::from(number) + 1, &event.text("hello").build().unwrap());
        }
        edit.finish().into_iter().for_each(|update| index.apply(update));
        let ids: Vec<_> = (0..50).map(|number| format!("case-{number}")).collect();
        let rows = || ids.iter().map(|id| board.row(id).unwrap());
        for (sort, reverse) in Sort::ALL.into_iter().flat_map(|sort| [(sort, false), (sort, true)]) {
            for limit in [1, 7, 50, 80] {
                let mut query = Query::new().sort(sort).reverse(reverse).limit(limit).unread_min(1);
                loop {
                    let (expected, found) = (index.query(&query).unwrap(), query.page_of(rows()).unwrap());
                    assert_eq!(
                        (&found.rows, &found.next),
                        (&expected.rows, &expected.next),
                        "{sort} {reverse} {limit}"
                    );
                    let Some(next) = found.next else { break };
                    query = query.cursor(next);
                }
            }
        }
        let other = Query::new().sort(Sort::Started).limit(1).page_of(rows()).unwrap().next;
        assert!(Query::new().cursor(other).page_of(rows()).is_err());
    }
}
