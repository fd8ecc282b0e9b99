#![no_main]

use convofold_engine::ingest::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| convofold_fuzz::ingest(Format::SuperOffice, bytes));
