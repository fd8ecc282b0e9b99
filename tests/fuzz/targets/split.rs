//! Splits an input into payloads for the partitions of a log: each payload is one event in the partition of its conversation, and
//! together they are the events of the input.

#![no_main]

use std::num::NonZeroU32;

use convofold_cluster::{Partitions, Splitter};
use convofold_engine::ingest::{Format, Limits, Parser};
use convofold_fuzz::parsed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let partitions = Partitions::new(NonZeroU32::new(7).expect("not zero"));
    let split = Splitter::new(Parser::new(Format::Auto, Limits::default()), partitions).split(bytes);
    let mut events = Vec::new();
    for payload in &split.payloads {
        let one = parsed(Format::Auto, &payload.bytes);
        assert_eq!(one.len(), 1, "{}", payload.bytes.escape_ascii());
        assert_eq!(payload.partition, partitions.of(one[0].conversation()));
        events.extend(one);
    }
    assert_eq!(events, parsed(Format::Auto, bytes));
});
