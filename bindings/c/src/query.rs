//! Questions about many conversations.

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

/// The order of an answer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Sort {
    /// The one active last comes first.
    Activity = 0,
    /// The one that waits longest comes first; those that do not wait come last.
    Waiting = 1,
    /// The one that began first comes first.
    Started = 2,
}

fn sort(number: u32) -> Result<convofold::Sort, Failure> {
    use convofold::Sort as Rust;
    let known: [_; Rust::ALL.len()] =
        [(Sort::Activity, Rust::Activity), (Sort::Waiting, Rust::Waiting), (Sort::Started, Rust::Started)];
    let found = known.into_iter().find(|(sort, _)| *sort as u32 == number);
    found.map(|(_, sort)| sort).ok_or_else(|| Failure::argument(format!("sort: {number} is none")))
}

/// Which open conversations are wanted: those for which every condition holds that is given. All zeros wants all of them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// sizeof(convofold_query).
    pub size: usize,
    /// CONVOFOLD_FLAG_UNASSIGNED and CONVOFOLD_FLAG_SUSPECT, or 0.
    pub flags: u32,
    /// A convofold_sort.
    pub sort: u32,
    /// The agent's id or name.
    pub agent: *const c_char,
    /// The member's name, business id or channel id.
    pub member: *const c_char,
    /// The member's number.
    pub number: *const c_char,
    /// The tenant.
    pub tenant: *const c_char,
    /// The shortcode.
    pub shortcode: *const c_char,
    /// The channel of the latest message.
    pub channel: *const c_char,
    /// At least so many unread messages.
    pub unread_min: u64,
    /// Last active at this time or before.
    pub idle_since_ms: i64,
    /// Waiting for an answer since this time or before.
    pub waiting_since_ms: i64,
    /// At most so many at once. 0: all.
    pub limit: u64,
    /// Where the page before this one ended: its `next`. It stays good while events arrive.
    pub cursor: Text,
}

// SAFETY: numbers and pointers alone, the two smaller numbers side by side.
unsafe impl Grows for Query {
    const NAME: &'static str = "convofold_query";
}

/// Asks for open conversations, a page at a time. Answered from memory.
///
/// `query` may be NULL: all of them.
///
/// Ownership: `page` is closed by convofold_page_close(), after the database too if that suits. It is a copy: what happens
/// meanwhile does not change it. Where this fails, it is cleared, and there is nothing to be closed.
///
/// Errors: BAD_CURSOR where the cursor comes from an answer in another order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_query_page(db: Db, query: *const Query, page: *mut Page) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (out, query) = unsafe { (Out::cleared(page, "page", Page::NONE)?, sized::read(query)?.to_rust()?) };
        out.set(Page::open(&db.get()?.query(&query)?));
        Ok(())
    })
}

/// The same as a JSON object: `rows`, an array of objects, and `next`, a text or null.
///
/// Errors: as for convofold_query_page().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_query_json(db: Db, query: *const Query, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (query, out) = unsafe { (sized::read(query)?.to_rust()?, OutText::new(json, "json")?) };
        out.set_json(&db.get()?.query(&query)?)
    })
}

impl Query {
    /// # Safety
    /// Its pointers are as the header says.
    unsafe fn to_rust(self) -> Result<convofold::Query, Failure> {
        // SAFETY: as this function asks of its caller.
        let text = |text, what| unsafe { pointer::text_if_any(text, what) };
        // SAFETY: as this function asks of its caller.
        let cursor = unsafe { self.cursor.read("cursor") }?;
        expect_known(self.flags, &[Flag::Unassigned, Flag::Suspect])?;
        let (agent, unassigned) = (text(self.agent, "agent")?, has(self.flags, Flag::Unassigned));
        if agent.is_some() && unassigned {
            return Err(Failure::argument("agent: nobody's conversations are not an agent's"));
        }
        Ok(convofold::Query::new()
            .agent(agent)
            .unassigned(unassigned)
            .member(text(self.member, "member")?)
            .number(text(self.number, "number")?)
            .tenant(text(self.tenant, "tenant")?)
            .shortcode(text(self.shortcode, "shortcode")?)
            .channel(text(self.channel, "channel")?)
            .unread_min((self.unread_min != 0).then_some(self.unread_min))
            .idle_since_ms((self.idle_since_ms != 0).then_some(self.idle_since_ms))
            .waiting_since_ms((self.waiting_since_ms != 0).then_some(self.waiting_since_ms))
            .suspect(has(self.flags, Flag::Suspect))
            .sort(sort(self.sort)?)
            .limit((self.limit != 0).then(|| usize::try_from(self.limit).unwrap_or(usize::MAX)))
            .cursor(cursor.map(str::parse::<Cursor>).transpose()?))
    }
}
