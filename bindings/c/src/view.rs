//! Views: the database at a moment.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use convofold::{Convofold, Time, When};

use crate::conversation::{about, explain};
use crate::database::Db;
use crate::error::Error;
use crate::export::{OnBytes, to_callback, to_file};
use crate::failure::Failure;
use crate::handles::Handles;
use crate::hash::{Hash, to_hash};
use crate::last_error::guard;
use crate::page::Page;
use crate::pointer::{self, Out};
use crate::query::{Query, to_page, to_page_json};
use crate::report::{ReportQuery, report, report_rows};
use crate::sized::{self, Grows};
use crate::suspects::{SuspectsQuery, suspects};
use crate::text::to_json;

/// The bounds of a question about the past. Only events within both bounds count, as if no other event existed. A bound that
/// is not set includes all events; a bound is given in one field.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// sizeof(convofold_moment).
    pub size: usize,
    /// As it was at this time, with everything learned later: a time in RFC 3339 with a zone, `latest` (the newest event), or
    /// a time before now such as `-2h`. Events at exactly this time count.
    pub as_of: *const c_char,
    /// As it was known at this time: a text as for `as_of`, or the sequence number of an event, such as `seq:812`. For
    /// history that was replayed in bulk, this is the time of the replay.
    pub known_at: *const c_char,
    /// Like `as_of`, as a number.
    pub as_of_ms: i64,
    /// Like `known_at`, as a number.
    pub known_at_ms: i64,
    /// Like `known_at`: the seq of the last known event.
    pub known_at_seq: u64,
}

// SAFETY: only numbers and pointers, all of the same size.
unsafe impl Grows for Moment {
    const NAME: &'static str = "convofold_moment";
}

impl Moment {
    /// The bounds of event time and of arrival.
    ///
    /// # Safety
    /// The pointers are valid as the header requires.
    unsafe fn bounds(self) -> Result<(Option<When>, Option<When>), Failure> {
        // SAFETY: the caller meets the requirement of this function.
        let text = |text, what| unsafe { pointer::text_if_any(text, what) };
        let (as_of, known_at) = (text(self.as_of, "as_of")?, text(self.known_at, "known_at")?);
        let known_at_seq = (self.known_at_seq != 0).then_some(When::Seq(self.known_at_seq));
        Ok((
            only("as_of", [parsed(as_of)?, at("as_of_ms", self.as_of_ms)?])?,
            only("known_at", [parsed(known_at)?, at("known_at_ms", self.known_at_ms)?, known_at_seq])?,
        ))
    }
}

fn parsed(text: Option<&str>) -> Result<Option<When>, Failure> {
    Ok(text.map(str::parse::<When>).transpose()?)
}

fn at(what: &str, ms: i64) -> Result<Option<When>, Failure> {
    if ms == 0 {
        return Ok(None);
    }
    let out_of_range = || Failure::argument(format!("{what}: {ms} is not in the years 1970 to 9999"));
    Time::from_ms(ms).map(When::At).map(Some).ok_or_else(out_of_range)
}

/// The bound that is given.
fn only(what: &str, given: impl IntoIterator<Item = Option<When>>) -> Result<Option<When>, Failure> {
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (_, Some(_)) => Err(Failure::argument(format!("{what} is given in two fields: use one of them"))),
        (bound, None) => Ok(bound),
    }
}

/// A handle of a view: the database at a moment.
///
/// The functions with this handle answer as those of the same name answer for a database that was given exactly the events
/// within the bounds of the moment, whatever arrived later, and while events arrive. Those about many conversations read all
/// of them. After the database is closed, they return CLOSED.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The number that identifies the handle.
    pub id: u64,
}

/// What a handle stands for.
struct Opened {
    db: Db,
    view: convofold::View,
}

static VIEWS: Handles<Opened> = Handles::new("view");

impl View {
    fn opened(self) -> Result<(Arc<Convofold>, Arc<Opened>), Failure> {
        let opened = VIEWS.get(self.id)?;
        Ok((opened.db.get()?, opened))
    }

    /// Calls with the view, if its database is open.
    pub(crate) fn ask<T, E: Into<Failure>>(
        self,
        ask: impl FnOnce(&convofold::View) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let (_db, opened) = self.opened()?;
        ask(&opened.view).map_err(Into::into)
    }

    /// The view, if its database is open.
    fn opened_view(self) -> Result<convofold::View, Failure> {
        self.ask(|view| Ok::<_, Failure>(view.clone()))
    }

    fn query(self, query: &convofold::Query, with_text: bool) -> Result<convofold::Page, Failure> {
        self.ask(|view| if with_text { view.query_with_last_messages(query) } else { view.query(query) })
    }
}

/// Opens a view of the database at a moment. Events that arrive after this call are in no answer of the view.
///
/// `moment` can be NULL (the present, which then stays as it is).
///
/// Ownership: the caller owns the handle `view`; close it with convofold_view_close(), before or after closing the database.
/// Until then, the memory of a closed database is not freed.
///
/// Errors: BAD_MOMENT (a bound is in the future, or what was known then is not recorded, or a text is not a moment; the
/// message says what to do), INVALID_ARGUMENT (a bound is given in two fields), DAMAGED, IO (the log cannot be read).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_open(db: Db, moment: *const Moment, view: *mut View) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (out, moment) = unsafe { (Out::new(view, "view")?, sized::read(moment)?) };
        // SAFETY: the header states this requirement for callers.
        let (as_of, known_at) = unsafe { moment.bounds() }?;
        let opened = db.get()?;
        let view = opened.at(opened.moment(as_of, known_at, Time::now())?);
        out.set(View { id: VIEWS.open(Opened { db, view }) });
        Ok(())
    })
}

/// Closes a view. Calls of other threads that are in progress succeed.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_view_close(view: View) -> Error {
    guard(|| VIEWS.close(view.id).map(drop))
}

/// Sets `json` to what the answers of a view are about: a JSON object with `as_of` and `time` (the time to which ages count),
/// in milliseconds, and `known_at`, a seq; null for a bound that is not set. `replayed` says whether the event `known_at` came
/// with history that was replayed, so that `time` is the time of the replay. `words` is all of this in words.
///
/// `id` can be NULL. Otherwise the object also has the number `late_events`: the events of this conversation that had
/// happened by `time` and were learned later. With a bound of event time alone they are in the answers and have changed them
/// since, with one of arrival they are missing from them. It is null if it is not recorded what was known then.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_moment_json(view: View, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe {
        to_json(json, || {
            let id = pointer::text_if_any(id, "id")?;
            view.ask(|view| view.report(id))
        })
    }
}

/// Like convofold_state_json(), at the moment of the view. NULL if the conversation did not exist.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_state_json(view: View, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| view.ask(|view| view.state(id))) }
}

/// Like convofold_history_json(), at the moment of the view. NULL if the conversation did not exist.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_history_json(view: View, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| view.ask(|view| view.history(id))) }
}

/// Like convofold_conflicts_json(), at the moment of the view. NULL if the conversation did not exist.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_conflicts_json(view: View, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| view.ask(|view| view.conflicts(id))) }
}

/// Like convofold_explain_json(), at the moment of the view. NULL if the conversation did not exist.
///
/// `field` can be NULL (all fields).
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_explain_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_explain_json(
    view: View,
    id: *const c_char,
    field: *const c_char,
    limit: u64,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { explain(id, field, limit, json, |id, field, limit| view.ask(|view| view.explain(id, field, limit))) }
}

/// Like convofold_query_page(), at the moment of the view.
///
/// `query` can be NULL (all conversations that were open).
///
/// Ownership: the caller owns `page`; close it with convofold_page_close(), before or after closing the view.
///
/// Errors: the same as for convofold_query_page().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_query_page(view: View, query: *const Query, page: *mut Page) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_page(query, page, |query, with_text| view.query(query, with_text)) }
}

/// Like convofold_query_json(), at the moment of the view.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_query_page().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_query_json(view: View, query: *const Query, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_page_json(query, json, |query, with_text| view.query(query, with_text)) }
}

/// Like convofold_agents_json(), at the moment of the view.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_agents_json(view: View, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_json(json, || view.ask(convofold::View::agents)) }
}

/// Like convofold_totals_json(), at the moment of the view.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_totals_json(view: View, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_json(json, || view.ask(convofold::View::totals)) }
}

/// Like convofold_report_json(), at the moment of the view, and with its time as now.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_report_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_report_json(
    view: View,
    query: *const ReportQuery,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { report(query, json, || view.opened_view()) }
}

/// Like convofold_report_rows_json(), at the moment of the view, and with its time as now.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_report_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_report_rows_json(
    view: View,
    query: *const ReportQuery,
    measure: *const c_char,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { report_rows(query, measure, json, || view.opened_view()) }
}

/// Like convofold_suspects_json(), at the moment of the view.
///
/// `query` can be NULL (everything).
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_suspects_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_suspects_json(
    view: View,
    query: *const SuspectsQuery,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { suspects(query, json, |query| view.ask(|view| view.suspects(query))) }
}

/// Like convofold_state_hash(), at the moment of the view.
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_state_hash(view: View, hash: *mut Hash) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_hash(hash, || view.ask(convofold::View::state_hash)) }
}

/// Like convofold_export(), at the moment of the view.
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `conversations` and `bytes`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_export().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_export(
    view: View,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_callback(on_bytes, user_data, json, |out| view.ask(|view| view.export(out))) }
}

/// Like convofold_export_file(), at the moment of the view.
///
/// `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_view_export().
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_export_file().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_export_file(view: View, file: *const c_char, json: *mut *mut c_char) -> Error {
    let db = || view.opened().map(|(db, _)| db);
    // SAFETY: the header states this requirement for callers.
    unsafe { to_file(db, file, json, |out| view.ask(|view| view.export(out))) }
}

/// Like convofold_export_events(), with the events within the bounds of the view.
///
/// `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export_events().
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_export().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_export_events(
    view: View,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_callback(on_bytes, user_data, json, |out| view.ask(|view| view.export_events(out))) }
}

/// Like convofold_export_events_file(), with the events within the bounds of the view.
///
/// `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export_events().
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_export_file().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_export_events_file(
    view: View,
    file: *const c_char,
    json: *mut *mut c_char,
) -> Error {
    let db = || view.opened().map(|(db, _)| db);
    // SAFETY: the header states this requirement for callers.
    unsafe { to_file(db, file, json, |out| view.ask(|view| view.export_events(out))) }
}
