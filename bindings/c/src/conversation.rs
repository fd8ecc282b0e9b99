//! Queries about one conversation.

use std::ffi::c_char;

use convofold::{Explanation, FieldName, UnknownName};
use serde::Serialize;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::text::OutText;

/// Sets `json` to the state of one conversation: a JSON object, the same as in convofold_export(). NULL if there is
/// no conversation with this id.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: IO, DAMAGED (the conversation is not in memory and cannot be read from the disk).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_state_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| Ok(db.get()?.state(id)?)) }
}

/// Sets `json` to the events of one conversation in the order in which they happened: a JSON array of objects with
/// `seq`, `at`, `event` (in convofold's own format), `said_at`, `assigned`, `counts` and `late`. NULL if there is no
/// conversation with this id.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_history_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| Ok(db.get()?.history(id)?)) }
}

/// Sets `json` to the conflicts of one conversation, which are events of one identity with different contents: a JSON
/// array of objects with `conversation`, `identity`, `kind`, `at`, `kept_seq`, `lost_seq` and `fields`, an array of
/// objects with `field`, `kept` and `lost`. NULL if there is no conversation with this id.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_conflicts_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| Ok(db.get()?.conflicts(id)?)) }
}

/// Sets `json` to how the events of one conversation arrived: a JSON object with `events`, `conflicts`, `duplicates`,
/// `late`, `first_seq` and `last_seq`. NULL if there is no conversation with this id.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_arrivals_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { about(id, json, |id| Ok(db.get()?.arrivals(id)?)) }
}

/// Sets `json` to why the fields of one conversation have their values: a JSON array of objects, in the order of the export,
/// with `field`, `value`, `rule`, `sentence`, `because` (the events that make the value), `over` (those over which they won),
/// `not` (later ones that do not change it) and `without` (the value without the events in `because`; missing if the
/// conversation would not exist). An event is an object with `seq`, `at`, `event` and, where known, `why` and
/// `learned_after_ms`. NULL if there is no conversation with this id.
///
/// `field` is the path of a field of the export, such as `status` or `member.name`, or the name of an object, such as `member`,
/// for its fields. It can be NULL (all fields). No list contains more than `limit` events (0: no limit); `because_count`,
/// `over_count` and `not_count` are the lengths of longer ones.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (there is no field with this name); otherwise the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_explain_json(
    db: Db,
    id: *const c_char,
    field: *const c_char,
    limit: u64,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { explain(id, field, limit, json, |id, field, limit| Ok(db.get()?.explain(id, field, limit)?)) }
}

/// Sets `json` to the ids of the conversations that begin with `beginning`, in order and at most `limit`: a JSON array of
/// texts.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: the same as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_find_ids_json(
    db: Db,
    beginning: *const c_char,
    limit: u64,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (out, beginning) = unsafe { (OutText::new(json, "json")?, pointer::text(beginning, "beginning")?) };
        out.set_json(&db.get()?.find_ids(beginning, usize::try_from(limit).unwrap_or(usize::MAX))?)
    })
}

/// # Safety
/// The header states the requirements for callers of convofold_explain_json().
pub(crate) unsafe fn explain(
    id: *const c_char,
    field: *const c_char,
    limit: u64,
    json: *mut *mut c_char,
    ask: impl FnOnce(&str, Option<FieldName>, usize) -> Result<Option<Vec<Explanation>>, Failure>,
) -> Error {
    // SAFETY: the caller meets the requirements of this function.
    unsafe {
        about(id, json, |id| {
            let field = pointer::text_if_any(field, "field")?.map(str::parse).transpose();
            let field = field.map_err(|error: UnknownName| Failure::argument(error.to_string()))?;
            ask(id, field, usize::try_from(limit).unwrap_or(usize::MAX))
        })
    }
}

/// # Safety
/// The header states the requirements for callers of the functions above.
pub(crate) unsafe fn about<T: Serialize>(
    id: *const c_char,
    json: *mut *mut c_char,
    ask: impl FnOnce(&str) -> Result<Option<T>, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirement of this function.
        let (out, id) = unsafe { (OutText::new(json, "json")?, pointer::text(id, "id")?) };
        ask(id)?.map_or(Ok(()), |answer| out.set_json(&answer))
    })
}
