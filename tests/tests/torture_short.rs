//! A few trials of every kind of torture that needs no root. The binary `torture` runs more of them, and the other
//! kinds.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::print_stdout, reason = "tests may panic and print what was skipped")]

use anyhow::Result;
use convofold_tests::torture::campaign::Campaign;
use convofold_tests::torture::kills::{self, KillOptions};
use convofold_tests::torture::report::Report;
use convofold_tests::torture::{care, damages, faults, read_only, strace, stream, trace, webhooks};

/// Runs the trials with a fresh seed, which a failure prints.
#[track_caller]
fn expect_no_failure(kind: &'static str, count: u64, run: impl FnOnce(&Campaign) -> Result<Report>) {
    let campaign = Campaign::short(kind, count);
    let report = run(&campaign).expect("trials");
    println!("{}", report.table(kind));
    assert!(report.failures.is_empty(), "torture {kind} --seed {}: {:#?}", campaign.seed, report.failures);
    assert!(report.trials > 0, "no trial was made");
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let options = KillOptions { kills_an_opening: 4, kills_an_examination: 4 };
    expect_no_failure("kills", 12, |campaign| kills::run(campaign, options));
}

#[test]
fn webhooks_that_were_answered_200_survive_kills() {
    expect_no_failure("webhooks", 5, webhooks::run);
}

#[test]
fn a_stream_continues_after_kills_where_it_was() {
    expect_no_failure("stream", 5, stream::run);
}

#[test]
fn a_killed_trim_backup_restore_or_repair_leaves_a_whole_database() {
    expect_no_failure("care", 4, care::run);
}

#[test]
fn who_only_reads_needs_no_right_to_write() {
    expect_no_failure("read-only", 2, read_only::run);
}

#[test]
fn damage_is_told_and_never_taken_for_a_shorter_history() {
    expect_no_failure("damages", 40, damages::run);
}

#[test]
fn no_line_is_answered_without_a_barrier() {
    if !strace::is_here() {
        println!("skipped: strace is not installed or not permitted");
        return;
    }
    expect_no_failure("trace", 3, trace::run);
}

#[test]
fn a_refused_call_ends_a_command_and_breaks_no_promise() {
    if !strace::is_here() {
        println!("skipped: strace is not installed or not permitted");
        return;
    }
    expect_no_failure("faults", 10, faults::run);
}
