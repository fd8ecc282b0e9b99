#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use convofold_store::fuzzing;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static DIR: LazyLock<(TempDir, PathBuf)> = LazyLock::new(convofold_fuzz::directory);

fuzz_target!(|bytes: &[u8]| fuzzing::fragments(&DIR.1, bytes).expect("a file that can be written"));
