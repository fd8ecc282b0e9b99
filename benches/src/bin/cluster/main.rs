//! Measures a cluster on this machine: events from three brokers into databases, beside a plain read and beside a stream processor;
//! and what many partitions in one process cost.
//!
//! `CONVOFOLD_NATS_SERVER` is the path of nats-server; `just bench-cluster` sets it.

#![expect(clippy::print_stdout, reason = "it is a command")]

mod brokers;
mod databases;
mod node;
mod processor;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use convofold_benches::results::Results;
use convofold_benches::task::{Task, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures a cluster.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    measured: Measured,
    /// Document with a section of results to replace, which has the name of the subcommand.
    #[arg(long, global = true)]
    document: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Measured {
    /// From the brokers into durable databases, a plain read, and a stream processor, in turns.
    Throughput(throughput::Args),
    /// Several databases in one process, without brokers: memory, threads, files, time to open, idle processor time.
    Databases(databases::Args),
    /// A node that follows several partitions, which are at rest in the end.
    Node(node::Args),
}

fn main() -> Result<()> {
    if serve(&[Task::new(databases::make), Task::new(databases::reopen), Task::new(node::follow)])? {
        return Ok(());
    }
    let Args { measured, document } = Args::parse();
    let mut results = Results::new();
    let section = match measured {
        Measured::Throughput(args) => throughput::run(&args, &mut results).map(|()| "throughput"),
        Measured::Databases(args) => databases::run(&args, &mut results).map(|()| "databases"),
        Measured::Node(args) => node::run(&args, &mut results).map(|()| "node"),
    }?;
    println!("{}", results.markdown());
    if let Some(document) = document {
        results.write_into(&document, section)?;
    }
    Ok(())
}
