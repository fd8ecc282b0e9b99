//! The state hash.

use std::ffi::c_char;

use convofold::StateHash;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer::Out;

/// A state hash. Equal states have equal hashes on every machine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Hash {
    /// The hash as bytes.
    pub bytes: [u8; 32],
    /// The hash as 64 hexadecimal digits and a NUL.
    pub hex: [c_char; 65],
}

/// Sets `hash` to the hash of the state of all conversations.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_state_hash(db: Db, hash: *mut Hash) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_hash(hash, || Ok(db.get()?.state_hash())) }
}

/// # Safety
/// As for [`Out::new`].
pub(crate) unsafe fn to_hash(hash: *mut Hash, ask: impl FnOnce() -> Result<StateHash, Failure>) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirement of this function.
        let out = unsafe { Out::new(hash, "hash") }?;
        let hash = ask()?;
        let mut hex = [0; 65];
        for (place, digit) in hex.iter_mut().zip(hash.to_string().bytes()) {
            *place = c_char::from_ne_bytes([digit]);
        }
        out.set(Hash { bytes: hash.to_bytes(), hex });
        Ok(())
    })
}
