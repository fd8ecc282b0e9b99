//! The benchmarks measure what they claim to measure.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use convofold_benches::figure::{Figure, Unit, show};
use convofold_benches::hostile::{Log, run};
use convofold_benches::limits::group_commit::group_commit;
use convofold_benches::limits::parse::{Library, parse};
use convofold_benches::log::{Content, days, generated, shuffled};
use convofold_benches::peers::{Peer, replay};
use convofold_benches::population::{Population, content_bytes};
use convofold_benches::usage::{Sampler, Stages, Usage};
use convofold_benches::{events, ours};

#[test]
fn peers_without_a_server_agree_with_convofold() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = generated(12_000, Content::Mixed, folder.path())?;
    // An agent leaves an answered chat: the member waits again. Generated logs of this size have no such chat that stays open.
    let mut file = std::fs::OpenOptions::new().append(true).open(&log)?;
    for (second, (event, status)) in
        [("created", 4), ("message", 5), ("message", 6), ("changed", 4)].into_iter().enumerate()
    {
        writeln!(
            file,
            r#"{{"EventId":"left-{second}","Timestamp":"2026-03-02T09:00:0{second}Z","Event":"chatsession.{event}","PrimaryKey":1,"ContextIdentifier":"Left","FieldValues":{{"status":"{status}"}}}}"#
        )?;
    }
    let mut expected = None;
    for peer in std::iter::once(Peer::Convofold).chain(Peer::OTHERS) {
        if matches!(peer, Peer::Redis | Peer::Postgres) {
            continue;
        }
        let database = tempfile::tempdir()?;
        let answers = replay(peer, &log, database.path())?.answers;
        assert_eq!(answers.events, 12_004, "{peer:?}");
        assert_eq!(&answers, expected.get_or_insert_with(|| answers.clone()), "{peer:?}");
    }
    Ok(())
}

#[test]
fn neither_disorder_nor_reversed_days_change_an_answer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = generated(3_000, Content::Airship, folder.path())?;
    let shuffled = shuffled(3_000, Content::Airship, folder.path())?;
    let mut reversed = days(&log, 7, folder.path())?;
    assert_eq!(reversed.len(), 7);
    reversed.reverse();
    let answers = |files: &[_]| Ok::<_, anyhow::Error>(ours::replay_files(files, tempfile::tempdir()?.path())?.answers);
    let in_order = answers(&[log])?;
    assert_eq!(in_order.events, 3_000);
    assert_eq!(answers(&[shuffled])?, in_order);
    assert_eq!(answers(&reversed)?, in_order);
    Ok(())
}

#[test]
fn every_line_is_parsed_once_whatever_the_windows_and_threads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // The log is several windows long.
    let log = generated(15_000, Content::Mixed, folder.path())?;
    let bytes = std::fs::metadata(&log)?.len();
    ensure!(bytes > 9 << 20, "the log has only {bytes} bytes");
    let mut touched = None;
    for (library, threads) in Library::ALL.into_iter().flat_map(|library| [(library, 1), (library, 3)]) {
        let parsed = parse(&log, library, threads)?;
        assert_eq!((parsed.lines, parsed.bytes), (15_000, bytes), "{library:?}");
        assert_eq!(parsed.touched, *touched.get_or_insert(parsed.touched), "{library:?}");
    }
    Ok(())
}

#[test]
fn batches_hold_every_event_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = generated(2_500, Content::Mixed, folder.path())?;
    let mut sizes = Vec::new();
    events::in_batches(&log, 1_000, |batch| {
        sizes.push(batch.len());
        Ok(())
    })?;
    assert_eq!(sizes, [1_000, 1_000, 500]);
    assert_eq!(events::first(&log, 1_700)?.len(), 1_700);
    assert_eq!(events::first(&log, 9_000)?.len(), 2_500);
    Ok(())
}

#[test]
fn a_bare_group_commit_writes_what_every_thread_handed_over() -> Result<()> {
    let folder = tempfile::tempdir()?;
    group_commit(8, 1_000, folder.path())?;
    assert_eq!(std::fs::metadata(folder.path().join("group-commit"))?.len(), 60 * 1_000);
    Ok(())
}

#[test]
fn stages_and_threads_account_for_what_a_process_used() -> Result<()> {
    let before = Usage::now()?;
    let sampler = Sampler::begin()?;
    let mut stages = Stages::begin()?;
    let busy = std::thread::Builder::new().name("busy".to_owned()).spawn(|| {
        let pages = vec![1_u8; 64 << 20];
        std::thread::sleep(std::time::Duration::from_millis(20));
        pages.iter().map(|byte| u64::from(*byte)).sum::<u64>()
    })?;
    assert_eq!(busy.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?, 64 << 20);
    stages.end("first")?;
    stages.end("second")?;
    let threads = sampler.end()?;
    let busy = threads.iter().find(|thread| thread.name == "busy").context("the sampler saw the thread")?;
    ensure!(busy.usage.processor > std::time::Duration::ZERO && busy.usage.minor_faults > 0, "{busy:?}");
    let all: Vec<_> = stages.all();
    let [first, second] = all.as_slice() else { anyhow::bail!("two stages ended") };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("first", "second"));
    ensure!(first.peak_memory_bytes >= 64 << 20 && first.usage.minor_faults >= busy.usage.minor_faults, "{first:?}");
    ensure!(Usage::now()?.since(before).processor >= first.usage.processor);
    Ok(())
}

#[test]
fn every_hostile_log_is_taken() -> Result<()> {
    for log in [Log::Late, Log::OtherText, Log::Untimed, Log::Agents, Log::Trickle] {
        ensure!(!run(log, 2_000)?.waits.is_empty(), "nobody asked meanwhile: {log:?}");
    }
    Ok(())
}

#[test]
fn own_content_is_counted_once_and_without_what_is_shared() -> Result<()> {
    let population = Population::of(1_000);
    let events = population.open(7)?;
    let id = events.first().context("it has events")?.conversation();
    let once = content_bytes(&events);
    ensure!(once > id.len() as u64 + 24 * events.len() as u64);
    let twice: Vec<_> = events.iter().chain(&events).cloned().collect();
    assert_eq!(content_bytes(&twice), once + 24 * events.len() as u64);
    Ok(())
}

#[test]
fn figures_have_medians_ratios_and_words() {
    let rates = Figure::new(Unit::EventsPerSecond, [300.0, 100.0, 200.0]);
    assert_eq!((rates.median(), rates.at(0.0), rates.at(1.0)), (200.0, 100.0, 300.0));
    let ratio = rates.by(&Figure::new(Unit::EventsPerSecond, [100.0, 100.0, 50.0]));
    assert_eq!(ratio.values, [3.0, 1.0, 4.0]);
    assert_eq!(rates.by(&Figure::once(Unit::EventsPerSecond, 50.0)).values, [6.0, 2.0, 4.0]);
    assert!(Figure::new(Unit::Bytes, []).median().is_nan());
    assert_eq!(show(Unit::Nanoseconds, 1_234.0), "1.23 us");
    assert_eq!(show(Unit::EventsPerSecond, 408_000.0), "408 k/s");
    assert_eq!(show(Unit::Bytes, 600_000.0), "600 kB");
    assert_eq!((show(Unit::Count, 699.0), show(Unit::Count, 12_345.0)), ("699".to_owned(), "12.3 k".to_owned()));
    assert_eq!(show(Unit::Times, 15.0), "15.0");
}
