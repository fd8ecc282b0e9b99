//! The binary: arguments in, an exit code out.

use std::process::ExitCode;

use convofold_cli::console::Console;

/// Events are allocated by the threads that parse and freed by the one that writes, which the system's allocator is slow
/// at: a replay takes a third more processor time with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut console = Console::of_process();
    convofold_cli::run(std::env::args_os(), &mut console).into()
}
