//! Suspects as a report.

use std::ffi::c_char;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::ingest::zone;
use crate::pointer;
use crate::sized::{self, Grows};
use crate::text::to_json;

/// What a report of suspects counts. All zeros counts everything, by days of UTC.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SuspectsQuery {
    /// sizeof(convofold_suspects_query).
    pub size: usize,
    /// Only suspect events at this time or later.
    pub since_ms: i64,
    /// Only suspect events before this time.
    pub until_ms: i64,
    /// Only conversations of this tenant.
    pub tenant: *const c_char,
    /// Only conversations of this source.
    pub source: *const c_char,
    /// Time zone in which days begin, by its name in the IANA database ("Europe/Berlin"), or NULL for UTC.
    pub zone: *const c_char,
}

// SAFETY: only numbers and pointers, all of the same size.
unsafe impl Grows for SuspectsQuery {
    const NAME: &'static str = "convofold_suspects_query";
}

/// Sets `json` to what looks wrong in the data of the sources, and when messages were lost: a JSON object with
/// `conversations`, `events`, `zone`, `kinds`, `days` and `losses`. An element of `kinds` has `kind` (`unread`, `clock_ahead`
/// or `untimed_close`), `source`, `conversations`, `events`, `missing` (number of missing messages, at least), `first_at` and
/// `last_at`; one of `days` has `day` instead of the times; one of `losses` has `source`, `from`, `to`, `earliest`, `latest`,
/// `gaps` and `missing`.
///
/// `query` can be NULL (everything).
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (there is no such zone); otherwise the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_suspects_json(db: Db, query: *const SuspectsQuery, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { suspects(query, json, |query| Ok(db.get()?.suspects(query)?)) }
}

/// # Safety
/// The header states the requirements for callers of convofold_suspects_json().
pub(crate) unsafe fn suspects(
    query: *const SuspectsQuery,
    json: *mut *mut c_char,
    ask: impl FnOnce(&convofold::SuspectsQuery) -> Result<convofold::Suspects, Failure>,
) -> Error {
    // SAFETY: the caller meets the requirements of this function.
    unsafe { to_json(json, || ask(&sized::read(query)?.to_rust()?)) }
}

impl SuspectsQuery {
    /// # Safety
    /// The pointers are valid as the header requires.
    unsafe fn to_rust(self) -> Result<convofold::SuspectsQuery, Failure> {
        // SAFETY: the caller meets the requirement of this function.
        let text = |text, what| unsafe { pointer::text_if_any(text, what) };
        let tenant = text(self.tenant, "tenant")?.map(|tenant| vec![tenant.to_owned()]);
        let source = text(self.source, "source")?.map(str::to_owned);
        // SAFETY: the caller meets the requirement of this function.
        let zone = unsafe { zone(self.zone) }?;
        Ok(convofold::SuspectsQuery::new()
            .since_ms((self.since_ms != 0).then_some(self.since_ms))
            .until_ms((self.until_ms != 0).then_some(self.until_ms))
            .tenants(tenant)
            .source(source)
            .zone(zone))
    }
}
