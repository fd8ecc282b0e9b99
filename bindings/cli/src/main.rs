//! The binary: arguments in, an exit code out.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use convofold_cli::console::Console;
use convofold_cli::exit::Exit;

/// Events are allocated by the threads that parse and freed by the one that writes, which the system's allocator is slow
/// at: with it a replay took 10.8 s of processor time, with this one 8.5 s.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // What sled says of a damaged file in a panic is caught and told as an error; nobody needs to see it twice.
    let said = Arc::new(Mutex::new(String::new()));
    let heard = said.clone();
    std::panic::set_hook(Box::new(move |panic| {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    let outcome = std::panic::catch_unwind(|| {
        let mut console = Console::of_process();
        convofold_cli::run(std::env::args_os(), &mut console).into()
    });
    outcome.unwrap_or_else(|_| {
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(std::io::stderr(), "error: {said}\nhint: this is a fault of convofold: please report it");
        ExitCode::from(Exit::Failure)
    })
}
