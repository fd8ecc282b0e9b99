//! The binary: arguments in, an exit code out.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use convofold_cli::console::Console;
use convofold_cli::exit::Exit;

/// Parser threads allocate events and the writer thread frees them, which is slow with the system allocator: a replay took
/// 10.8 s of processor time with it, and 8.5 s with mimalloc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, which the kernel clears whole. A replay of a million events took 430 MB with them and
    // 290 MB without, in the same processor time. Without the right to switch them off, it only takes more memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // Panics of sled on a damaged file are caught and reported as errors; do not print them as well.
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
        let _ = writeln!(std::io::stderr(), "error: {said}\nhint: this is a bug in convofold; please report it");
        ExitCode::from(Exit::Failure)
    })
}
