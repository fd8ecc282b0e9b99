//! Questions about one conversation.

use std::ffi::c_char;

use convofold::{Convofold, StorageError};
use serde::Serialize;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::pointer;
use crate::text::OutText;

/// The state of one conversation, as the JSON object that it is in convofold_export(). NULL where there is none with this
/// id.
///
/// Errors: IO, DAMAGED or CLOSED where it is not in memory and cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_state_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { about(db, id, json, Convofold::state) }
}

/// Every event of one conversation in the order in which they happened, as a JSON array of objects with `seq`, `at`, `kind`,
/// `direction`, `channel`, `said_at`, `text`, `agent`, `unread`, `identity` and `counts`. NULL where there is none with this
/// id.
///
/// Errors: as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_history_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { about(db, id, json, Convofold::history) }
}

/// How the events of one conversation arrived, as a JSON object with `events`, `conflicts`, `duplicates`, `late`, `first_seq`
/// and `last_seq`. NULL where there is none with this id.
///
/// Errors: as for convofold_state_json().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_arrivals_json(db: Db, id: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { about(db, id, json, Convofold::arrivals) }
}

/// # Safety
/// As the header asks of the callers of those above.
unsafe fn about<T: Serialize>(
    db: Db,
    id: *const c_char,
    json: *mut *mut c_char,
    ask: impl FnOnce(&Convofold, &str) -> Result<Option<T>, StorageError>,
) -> Error {
    guard(|| {
        // SAFETY: as this function asks of its caller.
        let (out, id) = unsafe { (OutText::new(json, "json")?, pointer::text(id, "id")?) };
        let answer = ask(&*db.get()?, id)?;
        answer.map_or(Ok(()), |answer| out.set_json(&answer))
    })
}
