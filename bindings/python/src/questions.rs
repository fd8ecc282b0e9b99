//! The questions that the database and a view of it answer alike.

use convofold::{Cursor, PageError, Query, Sort, StatusFilter, StorageError, SuspectsQuery, TimeField};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrow::{ArrowTable, Content, Origin};
use crate::database::Convofold;
use crate::diff::Diff;
use crate::error::{Failure, value_error};
use crate::explain::{self, Explanation};
use crate::history::{Conflict, HistoryEntry};
use crate::names::{self, Choice};
use crate::number::Whole;
use crate::query::{AgentLoad, ConversationRows, Page, Totals};
use crate::report::{EventExportReport, ExportReport};
use crate::result::Show;
use crate::scan::{Conversations, States};
use crate::state::State;
use crate::stream::Target;
use crate::suspects::Suspects;
use crate::time::GivenTime;
use crate::view::View;

/// Answers whose methods differ between the database and a view.
trait Answers {
    fn query(&self, query: &Query, last_message: bool) -> Result<convofold::Page, PageError>;

    fn agents(&self) -> Result<Vec<convofold::AgentLoad>, StorageError>;

    fn totals(&self) -> Result<Vec<convofold::Totals>, StorageError>;

    fn state_hash(&self) -> Result<convofold::StateHash, StorageError>;

    fn all_conflicts(&self) -> Result<Vec<convofold::Conflict>, StorageError>;
}

impl Answers for convofold::Convofold {
    fn query(&self, query: &Query, last_message: bool) -> Result<convofold::Page, PageError> {
        if last_message { self.query_with_last_messages(query) } else { self.query(query) }
    }

    fn agents(&self) -> Result<Vec<convofold::AgentLoad>, StorageError> {
        Ok(self.agents())
    }

    fn totals(&self) -> Result<Vec<convofold::Totals>, StorageError> {
        Ok(self.totals())
    }

    fn state_hash(&self) -> Result<convofold::StateHash, StorageError> {
        Ok(self.state_hash())
    }

    fn all_conflicts(&self) -> Result<Vec<convofold::Conflict>, StorageError> {
        Ok(self.scan_conflicts().collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl Answers for convofold::View {
    fn query(&self, query: &Query, last_message: bool) -> Result<convofold::Page, PageError> {
        if last_message { self.query_with_last_messages(query) } else { self.query(query) }
    }

    fn agents(&self) -> Result<Vec<convofold::AgentLoad>, StorageError> {
        self.agents()
    }

    fn totals(&self) -> Result<Vec<convofold::Totals>, StorageError> {
        self.totals()
    }

    fn state_hash(&self) -> Result<convofold::StateHash, StorageError> {
        self.state_hash()
    }

    fn all_conflicts(&self) -> Result<Vec<convofold::Conflict>, StorageError> {
        Ok(self.scan_conflicts().collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// Declares the methods of a class that asks. They have one signature and one documentation.
macro_rules! questions {
    ($class:ident) => {
        #[pymethods]
        impl $class {
            /// Returns a page of conversations that meet every given condition.
            ///
            /// - `status`: `open` (default), `closed` or `any`. Only open conversations, and closed ones that are unanswered after
            ///   their close, are always in memory; other queries read from the disk.
            /// - `agent`: id or name of the assigned agent; `any_agent`: of an agent that is assigned or was assigned before;
            ///   `unassigned`: only conversations without an agent.
            /// - `member`: name, business id or channel id of the customer; `number`: number of the customer.
            /// - `tenant`, `shortcode`, `channel`: values of the conversation. Names and channels compare without case, numbers
            ///   and shortcodes without `+` and spaces.
            /// - `unread_min`: minimum number of unread messages.
            /// - `idle_since`: last active at this time or earlier; `waiting_since`: waiting since this time or earlier. A time is
            ///   milliseconds since the epoch, a `datetime` with a time zone, or an RFC 3339 string.
            /// - `since`, `until`: the time named by `by` is in this range, `until` not included. `by`: `active` (latest activity;
            ///   the default), `started` or `closed`.
            /// - `suspect`: only conversations whose data look wrong (missing messages, impossible clock).
            /// - `unanswered_after_close`: only closed conversations with a message that is not outbound after both their last
            ///   close and their last outbound message; the default of `status` is then `closed`.
            /// - `sort`: `activity` (most recently active first; the default), `waiting` (longest waiting first), `started`
            ///   (oldest first) or `closed` (most recently closed first); `reverse`: reverse the order.
            /// - `limit`: maximum number of rows of the page (0: no limit); `cursor`: `next` of the previous page.
            /// - `last_message`: also return the latest message of every conversation. This reads from the disk if a conversation
            ///   is not in memory.
            #[pyo3(signature = (
                *, status=None, agent=None, any_agent=None, unassigned=false, member=None, number=None, tenant=None,
                shortcode=None, channel=None, unread_min=None, idle_since=None, waiting_since=None, since=None, until=None,
                by=None, suspect=false, unanswered_after_close=false, sort=None, reverse=false, limit=None, cursor=None,
                last_message=false
            ))]
            #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
            fn query(
                &self,
                py: Python<'_>,
                status: Option<Choice<StatusFilter>>,
                agent: Option<&str>,
                any_agent: Option<&str>,
                unassigned: bool,
                member: Option<&str>,
                number: Option<&str>,
                tenant: Option<&str>,
                shortcode: Option<&str>,
                channel: Option<&str>,
                unread_min: Option<Whole<u64>>,
                idle_since: Option<GivenTime>,
                waiting_since: Option<GivenTime>,
                since: Option<GivenTime>,
                until: Option<GivenTime>,
                by: Option<Choice<TimeField>>,
                suspect: bool,
                unanswered_after_close: bool,
                sort: Option<Choice<Sort>>,
                reverse: bool,
                limit: Option<Whole<usize>>,
                cursor: Option<&str>,
                last_message: bool,
            ) -> Result<Page, Failure> {
                if agent.is_some() && unassigned {
                    return Err(value_error("agent and unassigned exclude each other".to_owned()));
                }
                let query = Query::new()
                    .status(status.map(|Choice(status)| status))
                    .agent(agent)
                    .any_agent(any_agent)
                    .unassigned(unassigned)
                    .member(member)
                    .number(number)
                    .tenant(tenant)
                    .shortcode(shortcode)
                    .channel(channel)
                    .unread_min(Whole::get(unread_min))
                    .idle_since_ms(GivenTime::ms(idle_since))
                    .waiting_since_ms(GivenTime::ms(waiting_since))
                    .since_ms(GivenTime::ms(since))
                    .until_ms(GivenTime::ms(until))
                    .by(Choice::or_default(by))
                    .suspect(suspect)
                    .unanswered_after_close(unanswered_after_close)
                    .sort(Choice::or_default(sort))
                    .reverse(reverse)
                    .limit(Whole::get(limit))
                    .cursor(cursor.map(str::parse::<Cursor>).transpose()?);
                let ask = |asked: &_| Answers::query(asked, &query, last_message);
                self.detached(py, ask).map(Show::show)
            }

            /// Returns an iterator over all rows of a query, with the arguments of `query`. It reads pages of `limit` rows
            /// (default: 1,000).
            #[pyo3(signature = (**filters: "object"))]
            fn query_all(slf: Bound<'_, Self>, filters: Option<Bound<'_, PyDict>>) -> Result<ConversationRows, Failure> {
                slf.get().expect_open()?;
                ConversationRows::new(slf.into_any(), filters)
            }

            /// Returns the workload of every agent of every tenant.
            fn agents(&self, py: Python<'_>) -> Result<Vec<AgentLoad>, Failure> {
                self.detached(py, Answers::agents).map(Show::show)
            }

            /// Returns counts per tenant and channel.
            fn totals(&self, py: Python<'_>) -> Result<Vec<Totals>, Failure> {
                self.detached(py, Answers::totals).map(Show::show)
            }

            /// Returns the state of a conversation; None if there is no such conversation.
            fn state(&self, py: Python<'_>, id: &str) -> Result<Option<State>, Failure> {
                self.detached(py, |asked| asked.state(id)).map(Show::show)
            }

            /// Returns every event of a conversation, in the order in which they happened; None if there is no such conversation.
            fn history(&self, py: Python<'_>, id: &str) -> Result<Option<Vec<HistoryEntry>>, Failure> {
                self.detached(py, |asked| asked.history(id)).map(Show::show)
            }

            /// Returns the conflicts of a conversation, or without `id` those of all conversations: events of one identity with
            /// different contents. None if there is no such conversation.
            #[pyo3(signature = (id=None))]
            fn conflicts(&self, py: Python<'_>, id: Option<&str>) -> Result<Option<Vec<Conflict>>, Failure> {
                let conflicts = self.detached(py, |asked| match id {
                    Some(id) => asked.conflicts(id),
                    None => asked.all_conflicts().map(Some),
                });
                conflicts.map(Show::show)
            }

            /// Returns why the fields of a conversation have their values: for each field, in the order of the export, its rule, the
            /// events that make the value, those over which they won, and what it would be without them. None if there is no such
            /// conversation.
            ///
            /// - `field`: the path of one field of the export, such as `status` or `member.name`, or the name of an object, such as
            ///   `member`, for its fields; all fields by default.
            /// - `limit`: maximum number of events in each list (0: no limit).
            #[pyo3(signature = (id, field=None, *, limit=Whole(convofold::Explanation::LIMIT)))]
            fn explain(
                &self,
                py: Python<'_>,
                id: &str,
                field: Option<&str>,
                limit: Whole<usize>,
            ) -> Result<Option<Vec<Explanation>>, Failure> {
                let field = explain::field(field)?;
                self.detached(py, |asked| asked.explain(id, field, limit.0)).map(Show::show)
            }

            /// Returns what is suspect in all conversations: kinds, sources, days, and when messages were lost by the numbers that the
            /// sources state.
            ///
            /// - `since`, `until`: only events at this time or later, and before this time.
            /// - `tenant`, `source`: only their conversations.
            /// - `zone`: the time zone in which days begin, such as `Europe/Berlin`; UTC by default.
            #[pyo3(signature = (*, since=None, until=None, tenant=None, source=None, zone=None))]
            fn suspects(
                &self,
                py: Python<'_>,
                since: Option<GivenTime>,
                until: Option<GivenTime>,
                tenant: Option<String>,
                source: Option<String>,
                zone: Option<&str>,
            ) -> Result<Suspects, Failure> {
                let query = SuspectsQuery::new()
                    .since_ms(GivenTime::ms(since))
                    .until_ms(GivenTime::ms(until))
                    .tenants(tenant.map(|tenant| vec![tenant]))
                    .source(source)
                    .zone(names::zone(zone)?);
                self.detached(py, |asked| asked.suspects(&query)).map(Show::show)
            }

            /// Returns the state hash: 64 hexadecimal digits, equal if and only if the states of all conversations are equal.
            fn state_hash(&self, py: Python<'_>) -> Result<String, Failure> {
                self.detached(py, Answers::state_hash).map(Show::show)
            }

            /// Writes every conversation as a line of JSON, sorted by id. The target is a path or a file opened in binary mode.
            fn export(&self, py: Python<'_>, target: Target) -> Result<ExportReport, Failure> {
                let asked = self.open()?;
                let target = target.outside(self.dir())?;
                target.write(py, move |mut out| Ok(asked.export(&mut out)?)).map(Show::show)
            }

            /// Writes every accepted event as a line of JSON in convofold's own format, in the order of the log. The target is a path
            /// or a file opened in binary mode. Replaying the file into an empty database yields the same states and state hash.
            fn export_events(&self, py: Python<'_>, target: Target) -> Result<EventExportReport, Failure> {
                let asked = self.open()?;
                let target = target.outside(self.dir())?;
                target.write(py, move |mut out| Ok(asked.export_events(&mut out)?)).map(Show::show)
            }

            /// Returns an iterator over every conversation with its state and history, in the order of first arrival and in bounded
            /// memory. After the database is closed, the iterator continues with what it has in memory and then raises ClosedError.
            fn conversations(&self, py: Python<'_>) -> Result<Conversations, Failure> {
                self.asked(py, |asked| asked.scan()).map(Conversations::new)
            }

            /// Returns an iterator over the state of every conversation; otherwise like `conversations`.
            fn states(&self, py: Python<'_>) -> Result<States, Failure> {
                self.asked(py, |asked| asked.scan_states()).map(States::new)
            }

            /// Compares with another database, or with a view of this one or of another one. Returns an iterator over the
            /// conversations that are not the same on both sides, in the order of their ids and in bounded memory. First the hashes
            /// are compared; only what differs is read in full.
            ///
            /// Each is a dict like a line of the command `diff --format jsonl`: `change` (`added`: only the other side has it,
            /// `removed`: only this one has it, or `changed`), `id`, `fields` (dicts with the path `field` in the export and its
            /// values `from` on this and `to` on the other side; a key is missing if the field does not exist there) and `because`
            /// (the events that only one side has: dicts with `only_in`, `seq`, `at` and `kind`).
            ///
            /// - `id`: compare only this conversation. Raises DiffError if neither side has it.
            /// - `because`: with False, the events are not looked up, and `because` is None.
            #[pyo3(signature = (other, id=None, *, because=true))]
            fn diff(
                slf: Bound<'_, Self>,
                other: Origin,
                id: Option<&str>,
                because: bool,
            ) -> Result<Diff, Failure> {
                let py = slf.py();
                Diff::new(py, [slf.into(), other], id, because)
            }

            /// Returns a table for polars, pandas, DuckDB and pyarrow:
            ///
            /// - `conversations` (the default): one row per conversation. The columns are the keys of the export, with those of
            ///   nested objects as `member_name`, `agent_id`, `last_message_text`, `session_status`; `suspicions` is their number.
            /// - `messages`: one row per message: `conversation_id`, `tenant`, `channel`, `seq`, `occurred_at`, `said_at` (the own
            ///   time of the message), `direction`, `agent_id` and `agent_name` (the agent assigned then), `message_text`,
            ///   `event_identity`, `is_late`, and `is_counted` (false for a message that lost to another event with the same
            ///   identity).
            /// - `assignments`: one row per change of the agent: `conversation_id`, `tenant`, `assignment_number` (from 1 for each
            ///   conversation), `assigned_at`, `agent_id` and `agent_name` (null if nobody is assigned).
            ///
            /// `conversation_id` joins the tables. Times are `timestamp[ms, UTC]`.
            #[pyo3(signature = (table=None))]
            fn to_arrow(slf: Bound<'_, Self>, table: Option<Choice<Content>>) -> Result<ArrowTable, Failure> {
                slf.get().expect_open()?;
                Ok(ArrowTable::new(Origin::from(slf), Choice::or_default(table)))
            }

            /// Reads a table of `to_arrow` as a `polars.DataFrame`. Needs polars: `pip install 'convofold[polars]'`.
            #[pyo3(signature = (table=None) -> "object")]
            fn to_polars(slf: Bound<'_, Self>, table: Option<Choice<Content>>) -> Result<Bound<'_, PyAny>, Failure> {
                let py = slf.py();
                Ok(ArrowTable::to_polars(&Bound::new(py, Self::to_arrow(slf, table)?)?)?)
            }

            /// Reads a table of `to_arrow` as a `pandas.DataFrame`. Needs pandas and pyarrow: `pip install 'convofold[pandas]'`.
            #[pyo3(signature = (table=None) -> "object")]
            fn to_pandas(slf: Bound<'_, Self>, table: Option<Choice<Content>>) -> Result<Bound<'_, PyAny>, Failure> {
                let py = slf.py();
                Ok(ArrowTable::to_pandas(&Bound::new(py, Self::to_arrow(slf, table)?)?)?)
            }
        }
    };
}

questions!(Convofold);
questions!(View);
