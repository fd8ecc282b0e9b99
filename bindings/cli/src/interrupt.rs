//! Ctrl-C: the first one stops cleanly, the second one immediately.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::error::CliError;
use crate::exit::Exit;

/// Makes the first interruption (Ctrl-C or SIGTERM) set the returned flag, and the second one end the process.
///
/// # Errors
/// [`CliError`] if the handler cannot be installed.
pub fn flag() -> Result<Arc<AtomicBool>, CliError> {
    let flag = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&flag);
    on_first(move || asked.store(true, Ordering::SeqCst))?;
    Ok(flag)
}

/// Makes the first interruption call `ask` on its own thread, and the second one end the process.
///
/// # Errors
/// [`CliError`] if the handler cannot be installed.
pub fn on_first(ask: impl Fn() + Send + Sync + 'static) -> Result<(), CliError> {
    let ask = Arc::new(ask);
    let was_asked = AtomicBool::new(false);
    let interrupted = move || {
        if was_asked.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        let _ = writeln!(io::stderr(), "\nstopping at a consistent point; press Ctrl-C again to exit immediately");
        // It may block, and the second interruption must not wait for it.
        let ask = Arc::clone(&ask);
        std::thread::spawn(move || ask());
    };
    handle(interrupted)
}

/// The first interruption of a command that only reads; the second one ends the process.
#[derive(Debug)]
pub struct Interruption(Receiver<()>);

impl Interruption {
    /// Waits for interruptions from now on. Nothing is printed about them.
    ///
    /// # Errors
    /// [`CliError`] if the handler cannot be installed.
    pub fn install() -> Result<Self, CliError> {
        let (sender, receiver) = bounded(1);
        let interrupted = move || {
            if sender.try_send(()).is_err() {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        };
        handle(interrupted)?;
        Ok(Self(receiver))
    }

    /// Waits this long. Returns true as soon as the command is interrupted.
    #[must_use]
    pub fn wait(&self, duration: Duration) -> bool {
        self.0.recv_timeout(duration) != Err(RecvTimeoutError::Timeout)
    }
}

fn handle(interrupted: impl FnMut() + Send + 'static) -> Result<(), CliError> {
    ctrlc::set_handler(interrupted)
        .map_err(|error| CliError::new(Exit::Failure, format!("cannot handle Ctrl-C: {error}")))
}
