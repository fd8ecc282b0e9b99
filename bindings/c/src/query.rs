//! Queries about many conversations.

use std::ffi::c_char;

use convofold::Cursor;

use crate::database::{Db, Flag, expect_known, has};
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::page::{Page, Text};
use crate::pointer::{self, Out};
use crate::sized::{self, Grows};
use crate::text::OutText;

/// Sort order of conversations.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Sort {
    /// Most recently active first.
    Activity = 0,
    /// Longest waiting first; conversations that do not wait come last.
    Waiting = 1,
    /// Earliest start first.
    Started = 2,
    /// Most recently closed first; open conversations come last.
    Closed = 3,
}

/// Which conversations a query finds. 0 means open ones; closed ones with CONVOFOLD_FLAG_UNANSWERED_AFTER_CLOSE.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Status {
    /// Open conversations.
    Open = 1,
    /// Closed conversations.
    Closed = 2,
    /// Open and closed conversations.
    Any = 3,
}

/// The time of a conversation that `since_ms` and `until_ms` limit.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum TimeField {
    /// Time of the latest activity.
    Active = 0,
    /// Start of the conversation.
    Started = 1,
    /// Time of the close. Open conversations have none, and do not match.
    Closed = 2,
}

fn sort(number: u32) -> Result<convofold::Sort, Failure> {
    use convofold::Sort as Rust;
    let known: [_; Rust::ALL.len()] = [
        (Sort::Activity as u32, Rust::Activity),
        (Sort::Waiting as u32, Rust::Waiting),
        (Sort::Started as u32, Rust::Started),
        (Sort::Closed as u32, Rust::Closed),
    ];
    choose("sort", "convofold_sort", number, known)
}

fn status(number: u32) -> Result<Option<convofold::StatusFilter>, Failure> {
    use convofold::StatusFilter as Rust;
    let known: [_; Rust::ALL.len()] =
        [(Status::Open as u32, Rust::Open), (Status::Closed as u32, Rust::Closed), (Status::Any as u32, Rust::Any)];
    if number == 0 { Ok(None) } else { choose("status", "convofold_status", number, known).map(Some) }
}

fn time_field(number: u32) -> Result<convofold::TimeField, Failure> {
    use convofold::TimeField as Rust;
    let known: [_; Rust::ALL.len()] = [
        (TimeField::Active as u32, Rust::Active),
        (TimeField::Started as u32, Rust::Started),
        (TimeField::Closed as u32, Rust::Closed),
    ];
    choose("by", "convofold_time_field", number, known)
}

fn choose<T>(field: &str, name: &str, number: u32, known: impl IntoIterator<Item = (u32, T)>) -> Result<T, Failure> {
    let found = known.into_iter().find(|(known, _)| *known == number);
    found.map(|(_, value)| value).ok_or_else(|| Failure::argument(format!("{field}: {number} is not a {name}")))
}

/// Conditions for conversations. A conversation matches if it meets all conditions that are set. All zeros matches every
/// open conversation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// sizeof(convofold_query).
    pub size: usize,
    /// CONVOFOLD_FLAG_UNASSIGNED, CONVOFOLD_FLAG_SUSPECT, CONVOFOLD_FLAG_LAST_MESSAGE,
    /// CONVOFOLD_FLAG_UNANSWERED_AFTER_CLOSE and CONVOFOLD_FLAG_REVERSE, or 0.
    pub flags: u32,
    /// A convofold_sort.
    pub sort: u32,
    /// A convofold_status, or 0.
    pub status: u32,
    /// A convofold_time_field.
    pub by: u32,
    /// Id of the assigned agent, or its name in upper or lower case.
    pub agent: *const c_char,
    /// Id or name of an agent that is assigned or was assigned before.
    pub any_agent: *const c_char,
    /// Business id or channel id of the member, or its name in upper or lower case.
    pub member: *const c_char,
    /// Phone number of the member, with or without + and spaces.
    pub number: *const c_char,
    /// The tenant.
    pub tenant: *const c_char,
    /// The shortcode, with or without + and spaces.
    pub shortcode: *const c_char,
    /// The channel of the latest message, in upper or lower case.
    pub channel: *const c_char,
    /// Minimum number of unread messages.
    pub unread_min: u64,
    /// Last active at or before this time.
    pub idle_since_ms: i64,
    /// Waiting for an answer since this time or earlier.
    pub waiting_since_ms: i64,
    /// The time named by `by` is this one or later.
    pub since_ms: i64,
    /// The time named by `by` is before this one.
    pub until_ms: i64,
    /// Maximum number of rows in a page (0: no limit).
    pub limit: u64,
    /// The `next` of the previous page, or all zeros for the first page. A cursor stays valid while new events
    /// arrive.
    pub cursor: Text,
}

// SAFETY: only numbers and pointers; the four smaller numbers are adjacent.
unsafe impl Grows for Query {
    const NAME: &'static str = "convofold_query";
}

/// Sets `page` to a page of the conversations that match `query`. Answered from memory, unless the query concerns closed
/// conversations.
///
/// `query` can be NULL (all open conversations).
///
/// Ownership: the caller owns `page`; close it with convofold_page_close(), before or after closing the database. A
/// page is a copy and does not change when new events arrive. On failure it is cleared and need not be closed.
///
/// Errors: BAD_CURSOR (the cursor is invalid or was made with another sort order), IO and DAMAGED (a conversation cannot
/// be read).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_query_page(db: Db, query: *const Query, page: *mut Page) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_page(query, page, |query, with_text| ask(db, query, with_text)) }
}

/// Sets `json` to the same page as a JSON object with `rows`, an array of objects, `next`, a text or null, and `unknown`.
/// If the first page is empty, `unknown` names the conditions whose value no open conversation has: an array of objects
/// with `condition`, `value` and `similar`, an array of similar values.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_query_page().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_query_json(db: Db, query: *const Query, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_page_json(query, json, |query, with_text| ask(db, query, with_text)) }
}

fn ask(db: Db, query: &convofold::Query, with_text: bool) -> Result<convofold::Page, Failure> {
    let db = db.get()?;
    Ok(if with_text { db.query_with_last_messages(query) } else { db.query(query) }?)
}

/// Sets `page` to the answer to `query`. `ask` also gets whether the last messages are wanted.
///
/// # Safety
/// The pointers are valid as the header requires.
pub(crate) unsafe fn to_page(
    query: *const Query,
    page: *mut Page,
    ask: impl FnOnce(&convofold::Query, bool) -> Result<convofold::Page, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirements of this function.
        let (out, query) = unsafe { (Out::cleared(page, "page", Page::NONE)?, sized::read(query)?) };
        // SAFETY: the caller meets the requirements of this function.
        let asked = unsafe { query.to_rust() }?;
        out.set(Page::open(&ask(&asked, has(query.flags, Flag::LastMessage))?));
        Ok(())
    })
}

/// Like [`to_page`], as JSON.
///
/// # Safety
/// As for [`to_page`].
pub(crate) unsafe fn to_page_json(
    query: *const Query,
    json: *mut *mut c_char,
    ask: impl FnOnce(&convofold::Query, bool) -> Result<convofold::Page, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirements of this function.
        let (query, out) = unsafe { (sized::read(query)?, OutText::new(json, "json")?) };
        // SAFETY: the caller meets the requirements of this function.
        let asked = unsafe { query.to_rust() }?;
        out.set_json(&ask(&asked, has(query.flags, Flag::LastMessage))?)
    })
}

impl Query {
    /// # Safety
    /// The pointers are valid as the header requires.
    unsafe fn to_rust(self) -> Result<convofold::Query, Failure> {
        // SAFETY: the caller meets the requirement of this function.
        let text = |text, what| unsafe { pointer::text_if_any(text, what) };
        // SAFETY: the caller meets the requirement of this function.
        let cursor = unsafe { self.cursor.read("cursor") }?;
        let known = [Flag::Unassigned, Flag::Suspect, Flag::LastMessage, Flag::UnansweredAfterClose, Flag::Reverse];
        expect_known(self.flags, &known)?;
        let (agent, unassigned) = (text(self.agent, "agent")?, has(self.flags, Flag::Unassigned));
        if agent.is_some() && unassigned {
            return Err(Failure::argument("agent cannot be combined with CONVOFOLD_FLAG_UNASSIGNED"));
        }
        Ok(convofold::Query::new()
            .status(status(self.status)?)
            .agent(agent)
            .any_agent(text(self.any_agent, "any_agent")?)
            .unassigned(unassigned)
            .member(text(self.member, "member")?)
            .number(text(self.number, "number")?)
            .tenant(text(self.tenant, "tenant")?)
            .shortcode(text(self.shortcode, "shortcode")?)
            .channel(text(self.channel, "channel")?)
            .unread_min((self.unread_min != 0).then_some(self.unread_min))
            .idle_since_ms((self.idle_since_ms != 0).then_some(self.idle_since_ms))
            .waiting_since_ms((self.waiting_since_ms != 0).then_some(self.waiting_since_ms))
            .since_ms((self.since_ms != 0).then_some(self.since_ms))
            .until_ms((self.until_ms != 0).then_some(self.until_ms))
            .by(time_field(self.by)?)
            .suspect(has(self.flags, Flag::Suspect))
            .unanswered_after_close(has(self.flags, Flag::UnansweredAfterClose))
            .sort(sort(self.sort)?)
            .reverse(has(self.flags, Flag::Reverse))
            .limit((self.limit != 0).then(|| usize::try_from(self.limit).unwrap_or(usize::MAX)))
            .cursor(cursor.map(str::parse::<Cursor>).transpose()?))
    }
}
