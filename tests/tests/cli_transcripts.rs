//! The command and the Rust store give the same bytes for every transcript.

#![expect(clippy::expect_used, reason = "tests may panic")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use convofold_tests::command::Desk;
use convofold_tests::transcript::{Counts, Transcript, all_transcripts, inputs};
use convofold_tests::unpacking::{Answer, ask_store};
use serde_json::Value;

/// The result of the command for these inputs.
#[track_caller]
fn ask_command(name: &str, inputs: &[Vec<u8>]) -> Answer {
    let desk = Desk::default();
    let names: Vec<_> = (1..=inputs.len()).map(|number| format!("input-{number}")).collect();
    for (name, input) in names.iter().zip(inputs) {
        desk.write(name, input);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let replayed = desk.run("replay", &[&["--json"], names.as_slice()].concat());
    let counts = counts(&replayed.json());
    let expected_code = if counts.rejected == 0 { 0 } else { 3 };
    assert_eq!(replayed.code, Some(expected_code), "{name}: {replayed:?}");
    let (export, hash) = (desk.run("export", &[]), desk.run("hash", &[]));
    assert_eq!((export.code, hash.code), (Some(0), Some(0)), "{name}: {export:?} {hash:?}");
    Answer { export: export.stdout.into_bytes(), hash: hash.stdout.trim_end().to_owned(), counts }
}

fn counts(report: &Value) -> Counts {
    let number = |name: &str| report[name].as_u64().expect("a count");
    Counts {
        accepted: number("applied") + number("late"),
        duplicates: number("duplicates"),
        conflicts: number("conflicts"),
        ignored: number("ignored"),
        rejected: number("rejected"),
    }
}

fn check(transcript: &Transcript) {
    let inputs = inputs(&transcript.events);
    let found = ask_command(&transcript.name, &inputs);
    assert_eq!(found, ask_store(&inputs).expect("a store"), "{}", transcript.name);
    if let Some(counts) = transcript.counts {
        assert_eq!(found.counts, counts, "{}", transcript.name);
    }
}

/// Number of transcripts that run at the same time: they wait for the disk most of the time.
const AT_ONCE: usize = 8;

#[test]
fn every_transcript_ends_the_same_through_the_command() {
    let transcripts = all_transcripts().expect("the transcripts are readable");
    assert!(transcripts.len() > 100, "only {} transcripts were found", transcripts.len());
    let queue = Mutex::new(transcripts.iter());
    let next = || queue.lock().expect("no thread has panicked").next();
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(transcript) = next() {
                    if std::panic::catch_unwind(|| check(transcript)).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "{failed} of {} transcripts failed, see above", transcripts.len());
}
