//! What is stored about a member.

use std::ffi::{c_char, c_void};

use convofold::{Subject, SubjectParams};

use crate::database::Db;
use crate::error::Error;
use crate::export::{OnBytes, to_callback};
use crate::failure::Failure;
use crate::pointer;

/// Writes everything that is stored about members: every event of their conversations, conflicts included, as one line of
/// JSON in convofold's own format. The events of a conversation are together, in the order of their arrival.
///
/// `subjects` is a JSON object with arrays of texts: `members` (business ids and channel ids, or
/// "superoffice:TENANT:customer:ID" and "superoffice:TENANT:contact:ID"), `numbers` and `conversations` (ids).
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `conversations` and `events`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (`subjects` has another form, or names nobody); STOPPED (by the callback); DAMAGED, IO (a
/// conversation cannot be read).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_disclose(
    db: Db,
    subjects: *const c_char,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe {
        to_callback(on_bytes, user_data, json, |out| {
            let subjects = read_subjects(subjects)?;
            Ok(db.get()?.disclose(&subjects, out)?)
        })
    }
}

/// # Safety
/// `subjects` is null or a text, as the header requires.
unsafe fn read_subjects(subjects: *const c_char) -> Result<Vec<Subject>, Failure> {
    let invalid = |error: &dyn std::error::Error| Failure::argument(format!("subjects: {error}"));
    // SAFETY: the caller meets the requirement of this function.
    let text = unsafe { pointer::text(subjects, "subjects") }?;
    let params: SubjectParams = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    params.subjects().map_err(|error| invalid(&error))
}
