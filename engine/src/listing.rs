//! Pages of rows that are in no index, such as those of closed conversations.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::query::{ConversationRow, Cursor, Page, Query, QueryError};
use crate::state::State;

impl Query {
    /// The page of these rows that the query asks for, in its order and after its cursor. It holds one page in memory,
    /// however many rows there are.
    ///
    /// # Errors
    /// [`QueryError`] if the cursor was made with another sort order.
    pub fn page_of(&self, rows: impl Iterator<Item = ConversationRow>) -> Result<Page, QueryError> {
        let cursor = self.cursor.as_ref();
        if let Some(cursor) = cursor.filter(|cursor| cursor.sort != self.sort) {
            return Err(QueryError::CursorOfAnotherOrder { expected: self.sort, found: cursor.sort });
        }
        let limit = self.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut first = BTreeMap::new();
        for row in rows.filter(|row| self.wants(row)) {
            let key = (row.sort_key(self.sort), row.id.clone());
            if cursor.is_none_or(|cursor| key > (cursor.key, cursor.id.clone())) {
                first.insert(key, Arc::new(row));
                // One more than the page shows whether there is a next one.
                if first.len() > limit.saturating_add(1) {
                    first.pop_last();
                }
            }
        }
        let has_more = first.len() > limit;
        let rows: Vec<_> = first.into_values().take(limit).collect();
        let next = rows.last().filter(|_| has_more);
        let next = next.map(|row| Cursor { sort: self.sort, key: row.sort_key(self.sort), id: row.id.clone() });
        Ok(Page { rows, next, ..Page::default() })
    }
}

impl From<&State> for ConversationRow {
    /// The row of a conversation, also of a closed one: that was last active at its latest event.
    fn from(state: &State) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        Self {
            tenant: text(&state.tenant),
            channel: text(&state.channel),
            agent: state.agent.clone(),
            member_name: text(&state.member.name),
            member_number: text(&state.member.number),
            member_business_id: text(&state.member.business_id),
            member_channel_id: text(&state.member.channel_id),
            shortcode: text(&state.shortcode),
            unread: state.unread,
            waiting_since: state.waiting_since,
            suspect: !state.suspect.is_empty(),
            closed_at: state.closed_at,
            ..Self::new(state.id.clone(), state.started_at, state.last_active_at.unwrap_or(state.last_event_at))
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
        let rows = || ids.iter().map(|id| ConversationRow::from(&board.state(id).unwrap()));
        for sort in [Sort::Activity, Sort::Waiting, Sort::Started] {
            for limit in [1, 7, 50, 80] {
                let mut query = Query::new().sort(sort).limit(limit).unread_min(1);
                loop {
                    let (expected, found) = (index.query(&query).unwrap(), query.page_of(rows()).unwrap());
                    assert_eq!((&found.rows, &found.next), (&expected.rows, &expected.next), "{sort} {limit}");
                    let Some(next) = found.next else { break };
                    query = query.cursor(next);
                }
            }
        }
        let other = Query::new().sort(Sort::Started).limit(1).page_of(rows()).unwrap().next;
        assert!(Query::new().cursor(other).page_of(rows()).is_err());
    }
}
