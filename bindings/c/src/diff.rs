//! What differs between two views.

use std::ffi::{c_char, c_void};

use convofold::diff::{ConversationChange, Diff, DiffCounts};

use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::text::{OutText, json};
use crate::view::View;

/// Receives a conversation that differs as a JSON object (see convofold_view_diff()). `json` has `length` bytes followed by
/// a NUL, and is valid until the callback returns. Return 0 to continue, or any other value to stop the comparison.
pub type OnDifference = Option<unsafe extern "C" fn(user_data: *mut c_void, json: *const c_char, length: usize) -> i32>;

/// Compares two views, of one database or of two, and calls `on_difference` for each conversation that is not the same in
/// both, in the order of the ids. First the hashes are compared; only what differs is read in full. The memory in use does
/// not depend on the number of conversations.
///
/// A conversation is a JSON object with `change` (`added`: only `to` has it, `removed`: only `from` has it, or `changed`),
/// `id`, `fields` (an array of objects with `field`, a path in the export, and its values `from` and `to`; one of them is
/// missing if the field does not exist there) and `because` (the events that only one view has: an array of objects with
/// `only_in`, which is `from` or `to`, `seq`, `at` and `kind`). A conversation that only one view has differs in one field,
/// `state`, with the whole state.
///
/// `id` can be NULL (all conversations). `on_difference` can be NULL (count only). `json` can be NULL; otherwise it is set to
/// the numbers of conversations that differ: a JSON object with `added`, `removed`, `changed` and `fields`, the number of
/// changed conversations for each field.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: STOPPED (by the callback), NOT_FOUND (neither view has the conversation `id`), DAMAGED, IO (a conversation, or a
/// temporary file, cannot be read or written).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_view_diff(
    from: View,
    to: View,
    id: *const c_char,
    on_difference: OnDifference,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (id, out) = unsafe { (pointer::text_if_any(id, "id")?, OutText::new_if_any(json)?) };
        let counts = from.ask(|from| {
            to.ask(|to| {
                let diff = id.map_or_else(|| Diff::between(from, to), |id| Diff::of_one(id, from, to))?;
                let mut counts = DiffCounts::default();
                for change in diff.causes(on_difference.is_some()) {
                    let change = change?;
                    counts.add(&change);
                    tell(on_difference, user_data, &change)?;
                }
                Ok::<_, Failure>(counts)
            })
        })?;
        out.map_or(Ok(()), |out| out.set_json(&counts))
    })
}

fn tell(on_difference: OnDifference, user_data: *mut c_void, change: &ConversationChange) -> Result<(), Failure> {
    let Some(call) = on_difference else { return Ok(()) };
    let mut text = json(change)?;
    let length = text.len();
    text.push(0);
    // SAFETY: the text is valid until the callback returns; the header promises no more.
    if unsafe { call(user_data, text.as_ptr().cast(), length) } != 0 {
        return Err(Failure::new(Error::Stopped, "the callback stopped the comparison"));
    }
    Ok(())
}
