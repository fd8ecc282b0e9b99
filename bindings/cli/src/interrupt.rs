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
    on_first(move || asked.store(true, Ordering::SeqCst))?;
    Ok(flag)
}

/// Makes the first interruption call `ask`, on a thread of its own, and the second one end the process at once.
///
/// # Errors
/// [`CliError`] where the system refuses.
pub fn on_first(ask: impl Fn() + Send + Sync + 'static) -> Result<(), CliError> {
    let ask = Arc::new(ask);
    let was_asked = AtomicBool::new(false);
    let interrupted = move || {
        if was_asked.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        let _ = writeln!(io::stderr(), "\nstopping at a consistent point; Ctrl-C once more ends at once");
        // It may take its time, and the second interruption must not wait for it.
        let ask = Arc::clone(&ask);
        std::thread::spawn(move || ask());
    };
    ctrlc::set_handler(interrupted)
        .map_err(|error| CliError::new(Exit::Failure, format!("cannot listen for Ctrl-C: {error}")))
}
