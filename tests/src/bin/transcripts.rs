//! `transcripts`: unpacks all transcripts into plain files, for tests in other languages.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use convofold_tests::transcript::all_transcripts;
use convofold_tests::unpacking::unpack;

/// Writes DIR/NAME/{input-1, input-2, ..., export.ndjson, hash, counts} for every transcript NAME.
#[derive(Debug, Parser)]
struct Transcripts {
    /// The directory to write to; created if missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let Transcripts { out } = Transcripts::parse();
    all_transcripts()?.iter().try_for_each(|transcript| unpack(transcript, &out))
}
