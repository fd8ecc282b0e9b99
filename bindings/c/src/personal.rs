//! Members: what is stored about them, and legal holds.

use std::ffi::{c_char, c_void};

use convofold::{Subject, SubjectParams};

use crate::database::Db;
use crate::error::Error;
use crate::export::{OnBytes, to_callback};
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::text::to_json;

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

/// Places a legal hold: conversations of this member, those that come later included, are neither erased nor removed by
/// retention until it is lifted. It survives a power cut when the call returns.
///
/// `subject` is a JSON object with one text: `member`, `number` or `conversation`. `number` can be NULL; otherwise it is set to the
/// number of the hold.
///
/// Errors: INVALID_ARGUMENT (`subject` has another form), POISONED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_hold(
    db: Db,
    subject: *const c_char,
    reason: *const c_char,
    number: *mut u64,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (subject, reason, number) =
            unsafe { (pointer::text(subject, "subject")?, pointer::text(reason, "reason")?, number.as_mut()) };
        let subject: Subject = serde_json::from_str(subject).map_err(|error| invalid("subject", &error))?;
        let placed = db.get()?.hold(subject, reason)?;
        if let Some(number) = number {
            *number = placed;
        }
        Ok(())
    })
}

/// Lifts a legal hold.
///
/// Errors: NOT_FOUND (there is no hold with this number), POISONED, IO.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_lift_hold(db: Db, number: u64) -> Error {
    guard(|| Ok(db.get()?.lift_hold(number)?))
}

/// Sets `json` to all legal holds: a JSON array of objects with `number`, `at`, `subject` and `reason`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_holds_json(db: Db, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_json(json, || Ok(db.get()?.holds())) }
}

/// # Safety
/// `subjects` is null or a text, as the header requires.
unsafe fn read_subjects(subjects: *const c_char) -> Result<Vec<Subject>, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    let text = unsafe { pointer::text(subjects, "subjects") }?;
    let params: SubjectParams = serde_json::from_str(text).map_err(|error| invalid("subjects", &error))?;
    params.subjects().map_err(|error| invalid("subjects", &error))
}

fn invalid(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::argument(format!("{what}: {error}"))
}
