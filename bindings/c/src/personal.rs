//! Members: what is stored about them, erasures, legal holds and retention.

use std::ffi::{c_char, c_void};

use convofold::erase::{Erasable, Erase, Erased};
use convofold::retention::Retention;
use convofold::{Subject, SubjectParams, Time};
use serde::{Deserialize, Serialize};

use crate::database::Db;
use crate::error::Error;
use crate::export::{OnBytes, to_callback};
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::text::{OutText, to_json};

/// Writes everything that is stored about members: every event of their conversations, conflicts included, as one line of
/// JSON in convofold's own format. The events of a conversation are together, in the order of their arrival.
///
/// `subjects` is a JSON object with arrays of texts: `members` (business ids and channel ids, or
/// "superoffice:TENANT:customer:ID" and "superoffice:TENANT:contact:ID"), `numbers` and `conversations` (ids).
///
/// `json` can be NULL. Otherwise it is set to a JSON object with the numbers of `conversations`, `events`, and `lines` of other
/// files in the folder of the database.
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

/// An erasure as JSON.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EraseRequest {
    members: Vec<String>,
    numbers: Vec<String>,
    conversations: Vec<String>,
    rule: Option<String>,
    open_too: bool,
    dry_run: bool,
}

/// What was erased, or would be.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum EraseAnswer {
    Erased(Option<Erased>),
    WouldErase(Vec<Erasable>),
}

/// Erases members while the database stays in use: their texts, names, numbers and ids disappear, and their conversations stay
/// under a random id, with counts, times and agents. The database is read as a whole and written again, which needs room for a
/// second copy on the disk.
///
/// `request` is a JSON object with `members`, `numbers` and `conversations` as for convofold_disclose(), and optionally `rule`
/// (why, for the receipt; it must not name the member), `open_too` (true: open conversations are erased, too) and `dry_run`
/// (true: nothing is changed).
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `erased`: the receipt with `also_elsewhere`,
/// `before_bytes` and `after_bytes`, and `damaged_values` if stored values with recorded hashes were damaged and are
/// gone; or null if nothing is about the members. With `dry_run`, it has `would_erase`: an array of the conversations
/// that would be erased.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (`request` has another form, or names nobody); HELD (a legal hold, or an open conversation without
/// `open_too`; the message says which); BUSY (another operation reads or writes the whole database); DAMAGED, POISONED, IO.
/// Nothing was erased then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_erase(db: Db, request: *const c_char, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (request, out) = unsafe { (pointer::text(request, "request")?, OutText::new_if_any(json)?) };
        let request: EraseRequest = serde_json::from_str(request).map_err(|error| invalid("request", &error))?;
        let EraseRequest { members, numbers, conversations, rule, open_too, dry_run } = request;
        let params = SubjectParams { members, numbers, conversations };
        let mut erase = Erase::new(params.subjects().map_err(|error| invalid("request", &error))?).open_too(open_too);
        if let Some(rule) = rule {
            erase = erase.rule(rule);
        }
        let db = db.get()?;
        let answer =
            if dry_run { EraseAnswer::WouldErase(erase.dry_run(&db)?) } else { EraseAnswer::Erased(db.erase(&erase)?) };
        out.map_or(Ok(()), |out| out.set_json(&answer))
    })
}

/// Sets `json` to the receipts of all erasures: a JSON array, in the order in which they were made. They name nobody.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_erasures_json(db: Db, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_json(json, || Ok(db.get()?.erasures())) }
}

/// Places a legal hold: until it is lifted, conversations of this member are neither erased nor removed by retention. This
/// includes conversations that begin later. The hold survives a power cut when the call returns.
///
/// `subject` is a JSON object with one text: `member`, `number` or `conversation`. `reason` is not empty. `number` can be
/// NULL; otherwise it is set to the number of the hold.
///
/// Errors: INVALID_ARGUMENT (`subject` has another form, or `reason` is empty or too long), POISONED, IO.
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

/// Removes events from the log, texts, and closed conversations that are older than the rules allow, while the database
/// stays in use.
///
/// `rules` is a JSON object with at least one of these members: `log_ms`, `texts_ms` and `closed_ms` (ages in milliseconds),
/// and `tenants`, an object with `texts_ms` and `closed_ms` for each tenant that has ages of its own. `now_ms` is the time at
/// which something has such an age. With `dry_run` other than 0, nothing is changed.
///
/// `json` can be NULL. Otherwise it is set to a JSON object that describes what was removed, or would be.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (`rules` has another form or no rule, or `now_ms` is out of range); BUSY (another operation
/// reads or writes the whole database); DAMAGED, POISONED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_retain(
    db: Db,
    rules: *const c_char,
    now_ms: i64,
    dry_run: i32,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (rules, out) = unsafe { (pointer::text(rules, "rules")?, OutText::new_if_any(json)?) };
        let rules: Retention = serde_json::from_str(rules).map_err(|error| invalid("rules", &error))?;
        if rules == Retention::new() {
            return Err(Failure::argument("rules: expected log_ms, texts_ms, closed_ms or tenants, found no rule"));
        }
        let out_of_range = || Failure::argument(format!("now_ms: {now_ms} is out of range"));
        let now = Time::from_ms(now_ms).ok_or_else(out_of_range)?;
        let retained = db.get()?.retain(&rules, now, dry_run != 0)?;
        out.map_or(Ok(()), |out| out.set_json(&retained))
    })
}

/// Sets `json` to all runs of retention: a JSON array, in the order in which they were made.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_retention_runs_json(db: Db, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states these requirements for callers.
    unsafe { to_json(json, || Ok(db.get()?.retention_runs())) }
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
