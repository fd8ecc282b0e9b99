//! Ctrl-C: the first one asks, the second one ends.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CliError;
use crate::exit::Exit;

/// Makes the first interruption (Ctrl-C, or being asked to terminate) set the flag that is returned, and the second one
/// end the process at once.
///
/// # Errors
/// [`CliError`] where the system refuses.
pub fn flag() -> Result<Arc<AtomicBool>, CliError> {
    let flag = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&flag);
    let interrupted = move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        let _ = writeln!(io::stderr(), "\nstopping at a consistent point; Ctrl-C once more ends at once");
    };
    ctrlc::set_handler(interrupted)
        .map_err(|error| CliError::new(Exit::Failure, format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(flag)
}
