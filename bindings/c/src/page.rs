//! Pages of open conversations, as plain structs.

use std::ffi::c_char;
use std::ptr;

use convofold::ConversationRow;

use crate::error::Error;
use crate::failure::Failure;
use crate::handles::Handles;
use crate::last_error::guard;
use crate::pointer::{self, missing};

/// The value of a time field that has no time.
pub const CONVOFOLD_NO_TIME: i64 = -1;

/// A text inside a struct of the library. A NUL follows it, so it can be printed directly. A text can also contain a
/// NUL itself; then only `length` is reliable.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The text in UTF-8; NULL if there is no text.
    pub data: *const c_char,
    /// Length in bytes, without the NUL.
    pub length: usize,
}

impl Text {
    const NONE: Self = Self { data: ptr::null(), length: 0 };

    /// # Safety
    /// The text is as the header requires, and does not change during `'a`.
    pub(crate) unsafe fn read<'a>(self, what: &str) -> Result<Option<&'a str>, Failure> {
        if self.data.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller meets the requirement of this function.
        let bytes = unsafe { pointer::bytes(self.data.cast(), self.length, what) }?;
        let not_utf8 = |error| Failure::new(Error::NotUtf8, format!("{what} is not UTF-8: {error}"));
        std::str::from_utf8(bytes).map(Some).map_err(not_utf8)
    }
}

/// A conversation with the fields that lists need. convofold_state_json() returns the complete state.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The id.
    pub id: Text,
    /// The tenant.
    pub tenant: Text,
    /// The channel of the latest message.
    pub channel: Text,
    /// The id of the assigned agent.
    pub agent_id: Text,
    /// The name of the assigned agent.
    pub agent_name: Text,
    /// The name of the member.
    pub member_name: Text,
    /// The phone number of the member.
    pub member_number: Text,
    /// The id of the member at the business.
    pub member_business_id: Text,
    /// The channel id of the member.
    pub member_channel_id: Text,
    /// The shortcode.
    pub shortcode: Text,
    /// Number of unread messages.
    pub unread: u64,
    /// The time of the start.
    pub started_at: i64,
    /// The time of the last activity.
    pub last_active_at: i64,
    /// The time of the first message that waits for an answer; CONVOFOLD_NO_TIME if there is no such message.
    pub waiting_since: i64,
    /// The time of the close; CONVOFOLD_NO_TIME while open.
    pub closed_at: i64,
    /// 1 if the data look wrong (such as missing messages or an impossible clock); otherwise 0.
    pub suspect: u32,
    /// The last text; NULL if there is none, or without CONVOFOLD_FLAG_LAST_MESSAGE.
    pub last_message: Text,
    /// The time of the last text; CONVOFOLD_NO_TIME if there is none.
    pub last_message_at: i64,
}

/// A page of open conversations.
///
/// Ownership: the library owns the rows and texts. They are valid until the page is closed with
/// convofold_page_close().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The number that identifies the page.
    pub id: u64,
    /// The conversations, in the requested order.
    pub rows: *const Row,
    /// Number of conversations.
    pub count: usize,
    /// The cursor of the next page; its `data` is NULL if this is the last page.
    pub next: Text,
}

/// Closes a page, releases its rows and texts, and clears the struct.
///
/// Errors: CLOSED (a copy of the page was closed before), BAD_HANDLE (the page is cleared).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_page_close(page: *mut Page) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let page = unsafe { page.as_mut() }.ok_or_else(|| missing("page"))?;
        let id = page.id;
        *page = Page::NONE;
        PAGES.close(id)?;
        Ok(())
    })
}

static PAGES: Handles<Contents> = Handles::new("page");

/// The memory that a page points to.
struct Contents {
    _texts: Texts,
    rows: Vec<Row>,
    next: Text,
}

// SAFETY: its pointers point into its own texts, which are never modified.
unsafe impl Send for Contents {}
// SAFETY: the same as for `Send`.
unsafe impl Sync for Contents {}

impl Page {
    /// A cleared page.
    pub(crate) const NONE: Self = Self { id: 0, rows: ptr::null(), count: 0, next: Text::NONE };

    pub(crate) fn open(page: &convofold::Page) -> Self {
        let next = page.next.as_ref().map(ToString::to_string);
        let row_texts = page.rows.iter().flat_map(|row| texts(row).into_iter().flatten());
        let length = row_texts.chain(next.as_deref()).map(|text| text.len() + 1).sum();
        let mut texts = Texts::with_room(length);
        let rows = page.rows.iter().map(|row| Row::of(row, &mut texts)).collect();
        let next = texts.add(next.as_deref());
        let contents = Contents { _texts: texts, rows, next };
        // Moving a vector does not move its elements.
        let view = Self { id: 0, rows: contents.rows.as_ptr(), count: contents.rows.len(), next: contents.next };
        Self { id: PAGES.open(contents), ..view }
    }
}

fn texts(row: &ConversationRow) -> [Option<&str>; 11] {
    let agent = row.agent.as_ref();
    [
        Some(row.id()),
        row.tenant.as_deref(),
        row.channel.as_deref(),
        agent.and_then(|agent| agent.id.as_deref()),
        agent.and_then(|agent| agent.name.as_deref()),
        row.member_name(),
        row.member_number(),
        row.member_business_id(),
        row.member_channel_id(),
        row.shortcode.as_deref(),
        row.last_message.as_ref().map(|last| last.text.as_str()),
    ]
}

impl Row {
    fn of(row: &ConversationRow, room: &mut Texts) -> Self {
        let [
            id,
            tenant,
            channel,
            agent_id,
            agent_name,
            member_name,
            member_number,
            business_id,
            channel_id,
            shortcode,
            last_message,
        ] = texts(row).map(|text| room.add(text));
        Self {
            id,
            tenant,
            channel,
            agent_id,
            agent_name,
            member_name,
            member_number,
            member_business_id: business_id,
            member_channel_id: channel_id,
            shortcode,
            unread: row.unread,
            started_at: row.started_at,
            last_active_at: row.last_active_at,
            waiting_since: row.waiting_since.unwrap_or(CONVOFOLD_NO_TIME),
            closed_at: row.closed_at.unwrap_or(CONVOFOLD_NO_TIME),
            suspect: row.suspect.into(),
            last_message,
            last_message_at: row.last_message.as_ref().map_or(CONVOFOLD_NO_TIME, |last| last.at),
        }
    }
}

/// Adjacent texts, each followed by a NUL. They never move.
struct Texts(Vec<u8>);

impl Texts {
    fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    fn add(&mut self, text: Option<&str>) -> Text {
        let Some(text) = text else { return Text::NONE };
        let begin = self.0.len();
        assert!(self.0.capacity() - begin > text.len(), "a text does not fit");
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        Text { data: self.0.as_ptr().wrapping_add(begin).cast(), length: text.len() }
    }
}
