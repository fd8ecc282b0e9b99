//! Single operations: parse, fold, encode, hash, query, page load.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result};
use convofold::engine::Board;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::{Batch, Convofold, Durability, Event, Query, StateHash, Ticket};
use convofold_benches::events;
use convofold_benches::log::{Content, generated};
use convofold_benches::population::{Population, fill};
use criterion::{BatchSize, Criterion, Throughput};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: u64 = 10_000;
const OPEN: u64 = 20_000;

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    parse_and_fold(&mut criterion)?;
    hash(&mut criterion)?;
    stored(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn parse_and_fold(criterion: &mut Criterion) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for content in [Content::Airship, Content::Mixed] {
        let log = generated(EVENTS, content, folder.path())?;
        let (bytes, events) = (std::fs::read(&log)?, events::first(&log, usize::try_from(EVENTS)?)?);
        let mut group = criterion.benchmark_group(format!("{content:?}"));
        group.throughput(Throughput::Elements(EVENTS));
        let parser = Parser::new(Format::Auto, Limits::default());
        group.bench_function("parse", |bencher| {
            bencher.iter(|| {
                let mut count = Count(0);
                parser.parse_input(&bytes, &mut count);
                count.0
            });
        });
        group.bench_function("fold", |bencher| {
            bencher.iter_with_large_drop(|| {
                let mut board = Board::new();
                apply(&mut board, &events);
                board
            });
        });
        group.finish();
    }
    Ok(())
}

fn apply(board: &mut Board, events: &[Event]) {
    let mut batch = board.edit();
    for (seq, event) in (1..).zip(events) {
        batch.apply(seq, event);
    }
}

/// The state hash of a board on which every conversation has changed, and the hash of one export line.
fn hash(criterion: &mut Criterion) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = generated(EVENTS, Content::Airship, folder.path())?;
    let events = events::first(&log, usize::try_from(EVENTS)?)?;
    let mut board = Board::new();
    apply(&mut board, &events);
    let first = events.first().context("there are events")?;
    let line = board.state(first.conversation()).context("it has a conversation")?.export_line();
    criterion.bench_function("hash/line of an export", |bencher| bencher.iter(|| StateHash::of_line(black_box(&line))));
    criterion.bench_function("hash/board that has changed", |bencher| {
        let changed = || {
            let mut board = Board::new();
            apply(&mut board, &events);
            board
        };
        bencher.iter_batched(changed, |mut board| (board.state_hash(), board), BatchSize::LargeInput);
    });
    Ok(())
}

/// Operations of a store: encoding, as part of a commit without a barrier; a page of a query; a closed conversation,
/// which may have to be loaded.
fn stored(criterion: &mut Criterion) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let population = Population::of(OPEN);
    let db = Convofold::open(folder.path())?;
    fill(&db, (OPEN..3 * OPEN).map(|number| population.closed(number)))?;
    fill(&db, (0..OPEN).map(|number| population.open(number)))?;
    db.checkpoint()?;
    let closed = (OPEN..OPEN + 1_000)
        .map(|number| Ok(population.closed(number)?.first().context("it has events")?.conversation().to_owned()));
    let closed = closed.collect::<Result<Vec<_>>>()?;

    let mut number = 0;
    criterion.bench_function("query/page of 50", |bencher| {
        bencher.iter(|| {
            number += 1;
            db.query(&Query::new().agent(population.agent(number).as_str()).limit(50))
        });
    });
    let mut ids = closed.iter().cycle();
    criterion.bench_function("page load/state of a closed conversation", |bencher| {
        bencher.iter(|| ids.next().map(|id| db.state(id)));
    });

    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1_000)).measurement_time(Duration::from_secs(10)).sample_size(20);
    let mut place = 5;
    group.bench_function("commit of 1,000 events, no barrier", |bencher| {
        let batch = || {
            place += 1;
            let events = (0..1_000).filter_map(|number| population.later(number, place).ok());
            Batch::new(events.collect()).durability(Durability::Buffered)
        };
        bencher.iter_batched(batch, |batch| db.submit(batch).map(Ticket::wait), BatchSize::LargeInput);
    });
    group.finish();
    db.close()?;
    Ok(())
}

struct Count(u64);

impl Sink for Count {
    fn event(&mut self, _origin: Origin, event: Event) {
        black_box(event);
        self.0 += 1;
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, _rejection: Rejection) {}
}
