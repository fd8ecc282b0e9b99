//! `convofold hash`.

use std::io::Write;

use clap::Args;
use convofold::{FOLD_VERSION, HashProof, MomentReport, RecordedHash, RecordedHashes};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print::Record;
use crate::output::{Column, FormatArgs, Kind, Precision, Rows, Value, text};
use crate::past::{MomentArgs, Reader};

/// Print the state hash of the whole database.
///
/// Prints 64 hexadecimal digits and a line feed on standard output. Two databases with the same hash contain the same
/// conversations in the same state. The hash is the sum modulo 2^256 of the SHA-256 of every line that `export` prints,
/// with the same --as-of and --known-at.
///
/// Each checkpoint records the state hash after its last event; old ones are thinned. With --known-at the hash is computed again
/// from the events known then and compared with the recorded one. The exit code is 6 if they differ: then the past was rewritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  test \"$(convofold hash --db ./a)\" = \"$(convofold hash --db ./b)\" && echo the same state
  convofold hash --db ./db --recorded               the hashes that checkpoints recorded
  convofold hash --db ./db --known-at seq:20000     one of them, computed again
")]
pub struct HashArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    /// List the recorded hashes instead: the last event of each state, the time of its last commit, and the hash.
    #[arg(long, conflicts_with_all = ["as_of", "known_at"])]
    recorded: bool,
    #[command(flatten)]
    output: FormatArgs<HashRows>,
}

struct HashRows;

impl Rows for HashRows {
    const COLUMNS: &'static [Column] = &[
        Column::new("seq", "SEQ", Kind::Number),
        Column::new("committed_at", "COMMITTED", Kind::Time(Precision::Millisecond)),
        Column::new("fold_version", "FOLD VERSION", Kind::Number).optional(1),
        Column::new("hash", "HASH", Kind::Text),
    ];
}

#[derive(Serialize)]
struct HashJson {
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<RecordedHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged_values: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct HashesJson {
    hashes: Vec<Record<RecordedHash>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damages: Vec<String>,
}

impl HashArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        if self.recorded {
            return self.list(console);
        }
        if !self.output.is_plain() {
            let what = "the hash is printed as text, or with --json: other forms are for --recorded";
            return Err(CliError::new(Exit::Usage, what));
        }
        let db = self.moment.open(&self.db, None, console)?;
        match db.hash_proof()? {
            Some(proof) => self.compare(&proof, &db, console),
            None => self.print(db.state_hash()?.to_string(), None, &db, console),
        }
    }

    fn compare(&self, proof: &HashProof, db: &Reader, console: &mut Console) -> Result<Exit, CliError> {
        self.print(proof.hash.to_string(), Some(proof), db, console)?;
        let is_for_people = !self.output.format().is_json();
        let Some(recorded) = proof.recorded else {
            if is_for_people && db.report().is_some_and(|report| report.as_of.is_none()) {
                console.note("no hash is recorded after exactly these events: --recorded lists those that are");
                tell_damage(proof.damaged_values, console);
            }
            return Ok(Exit::Success);
        };
        let RecordedHash { seq, hash, fold_version, .. } = recorded;
        if proof.equal == Some(false) {
            let what = format!(
                "the past was rewritten: after event {seq} a checkpoint recorded the state hash {hash}, and the events known \
                 then now give {}",
                proof.hash
            );
            return Err(CliError::new(Exit::Damaged, what)
                .hint("`convofold verify --past` checks every recorded hash; compare with a backup from before"));
        }
        if is_for_people {
            console.note(match proof.equal {
                Some(_) => format!("recorded by the checkpoint at seq {seq}: equal"),
                None => format!(
                    "recorded by the checkpoint at seq {seq} with fold version {fold_version}, which cannot be compared with \
                     fold version {FOLD_VERSION}"
                ),
            });
        }
        Ok(Exit::Success)
    }

    fn print(
        &self,
        hash: String,
        proof: Option<&HashProof>,
        db: &Reader,
        console: &mut Console,
    ) -> Result<Exit, CliError> {
        if self.output.format().is_json() {
            let (recorded, equal) = (proof.and_then(|proof| proof.recorded), proof.and_then(|proof| proof.equal));
            let damaged_values = proof.map(|proof| proof.damaged_values).filter(|damaged| *damaged > 0);
            let (moment, cluster) = (db.report(), db.cluster());
            console.json(&HashJson { hash, recorded, equal, damaged_values, moment, cluster })?;
        } else {
            writeln!(console.out(), "{hash}")?;
        }
        Ok(Exit::Success)
    }

    fn list(&self, console: &mut Console) -> Result<Exit, CliError> {
        let open = |console: &mut Console| self.moment.open(&self.db, None, console);
        self.output.each_time(open, console, |db, console| {
            let RecordedHashes { mut hashes, damages, .. } = db.database().recorded_hashes()?;
            if hashes.is_empty() && damages.is_empty() {
                console.note("no checkpoint was written yet");
            }
            tell_damage(damages.len() as u64, console);
            self.output.arrange(&mut hashes, cells);
            self.output.print(hashes, cells, &[], |hashes| HashesJson { hashes, damages }, console)
        })
    }
}

/// Says that some of the recorded hashes are lost.
fn tell_damage(damaged_values: u64, console: &mut Console) {
    if damaged_values > 0 {
        let values = text::counted(damaged_values, "value");
        console.note(format_args!("{values} with recorded hashes cannot be read: `convofold verify` names the damage"));
    }
}

fn cells(row: &RecordedHash) -> Vec<Value> {
    vec![
        Value::Number(row.seq),
        Value::Time(row.committed_at),
        Value::Number(row.fold_version.into()),
        Value::Text(row.hash.to_string()),
    ]
}
