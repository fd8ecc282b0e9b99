//! `convofold cluster backup` and `convofold cluster restore`.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use convofold::backup::{self, BackupContents, BackupFile, BackupOptions, BackupRecords, restore};
use convofold::{FOLD_VERSION, Options, StateHash};
use convofold_cluster::ClusterMap;
use convofold_cluster::node::PartitionStatus;
use convofold_server::{Client, ClientError};

use super::status::ask;
use super::{LogArgs, SILENCE, TokenArgs, failed};
use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::table::Listing;
use crate::output::text;

/// The ending of the name of a backup.
const EXTENSION: &str = "cfbk";
/// The most characters of the incarnation of a stream in a name; the time at which NATS made it has fewer.
const MADE_CHARS: usize = 40;

/// Write a complete backup of each partition into a folder that all machines can read.
///
/// The owner of a partition that follows its log and has read the most writes the backup, while it follows. The name of a file has
/// the partition, the time at which its stream was made, and the last message that it has at least:
/// p7-20261130T091500Z-00000000000000123456.cfbk. `convofold cluster restore` takes the newest one. A backup has the bookmark of the
/// partition, so a node that restores it continues from there.
///
/// A partition in which nothing has changed since its last backup is done. After an erasure, a run of retention, or a change of
/// legal holds, the file of the same message is replaced; delete the older ones, which have what was erased.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// The folder.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Only these partitions, separated by commas [default: all].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    partition: Vec<u32>,
}

/// Restore partitions from a folder of backups into the folder of a node.
///
/// Run it on the machine of the node, before the node is given the partition, or while it is stopped. The folder of the
/// partition must not exist. When the node follows, it verifies that the log is still the one of the backup.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The folder of the backups.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The folder of the node.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The partitions, separated by commas.
    #[arg(long, value_name = "N,...", value_delimiter = ',', required = true)]
    partition: Vec<u32>,
}

impl BackupArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (_nats, registry) = self.log.open()?;
        let cluster = registry.read().map_err(|error| failed(&error))?;
        let token = self.token.token()?;
        fs::create_dir_all(&self.to).map_err(|error| CliError::io("create", &self.to, &error))?;
        let all: Vec<u32> = (0..registry.partitions().count()).collect();
        let partitions = if self.partition.is_empty() { &all } else { &self.partition };
        let headings = &["PARTITION", "NODE", "BACKUP", "EVENTS", "SIZE", "FILE"];
        let mut listing = Listing::new(headings).right(0).right(3).right(4);
        let mut exit = Exit::Success;
        for partition in partitions {
            match self.back_up(&cluster, *partition, token.as_deref()) {
                Ok(row) => listing.row(row),
                Err(why) => {
                    exit = Exit::Failure;
                    console.note(format_args!("partition {partition}: no backup written: {why}"));
                }
            }
        }
        listing.print(console)?;
        Ok(exit)
    }

    /// Asks the owners of a partition, one after the other: first the one that follows the log and has read the most.
    fn back_up(&self, cluster: &ClusterMap, partition: u32, token: Option<&str>) -> Result<Vec<String>, String> {
        let (mut whys, mut owners) = (Vec::new(), Vec::new());
        for (node, url) in cluster.replicas(partition) {
            match status_of(cluster, partition, (node, url), token) {
                Ok(status) => owners.push((node, url, status)),
                Err(why) => whys.push(format!("{node}: {why}")),
            }
        }
        owners.sort_by_key(|(_, _, status)| Reverse((status.is_following(), status.log_seq)));
        for (node, url, status) in owners {
            match self.back_up_from(url, &status, token) {
                Ok(Done { path, contents, is_new }) => {
                    let (events, size) = (text::count(contents.last_seq), text::bytes(contents.bytes));
                    let what = if is_new { "written" } else { "unchanged" };
                    let (partition, path) = (partition.to_string(), path.display().to_string());
                    return Ok(vec![partition, node.to_owned(), what.to_owned(), events, size, path]);
                }
                Err(why) => whys.push(format!("{node}: {why}")),
            }
        }
        Err(if whys.is_empty() { "no owner has told its address".to_owned() } else { whys.join("; ") })
    }

    fn back_up_from(&self, url: &str, status: &PartitionStatus, token: Option<&str>) -> Result<Done, String> {
        let PartitionStatus { partition, log_seq, hash, .. } = status;
        let incarnation = status.incarnation.as_deref().ok_or("it has not reached the log yet")?;
        let path = self.to.join(file_name(*partition, incarnation, *log_seq));
        let client = Client::of_url(&format!("{url}/partitions/{partition}/all"), token);
        let client = client.map_err(|error| chain(&error))?.patience(SILENCE);
        if let Some((contents, records)) = of_state(&path, *hash)
            && records == records_of(&client).map_err(|error| error.words())?
        {
            return Ok(Done { path, contents, is_new: false });
        }
        // A file of the same message has what was erased since. It is replaced when the new one is there.
        let new = path.with_extension("new");
        let failed = |error: std::io::Error| format!("{}: {error}", new.display());
        match fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let report = backup::write(&client, &new, &BackupOptions::new(), |_| {}).map_err(|error| chain(&error))?;
        fs::rename(&new, &path).map_err(failed)?;
        Ok(Done { path, contents: report.contents, is_new: true })
    }
}

/// A backup that is there now.
struct Done {
    path: PathBuf,
    contents: BackupContents,
    is_new: bool,
}

/// What a node says about a partition.
fn status_of(
    cluster: &ClusterMap,
    partition: u32,
    (node, url): (&str, &str),
    token: Option<&str>,
) -> Result<PartitionStatus, String> {
    let status = ask(url, &cluster.name, node, token)?;
    let found = status.partitions.into_iter().find(|it| it.partition == partition);
    found.ok_or_else(|| "it has not opened the partition".to_owned())
}

/// The contents and records of a backup that is there already, if it has this state. The records are not in the hash, nor texts
/// that retention removed from the middle of a conversation.
fn of_state(path: &Path, hash: StateHash) -> Option<(BackupContents, BackupRecords)> {
    let file = BackupFile::open(path).ok()?;
    let contents = file.contents();
    (contents.fold_version == FOLD_VERSION && contents.state_hash == hash).then(|| (contents, file.records()))
}

/// The erasures, legal holds and runs of retention of a partition.
fn records_of(client: &Client) -> Result<BackupRecords, ClientError> {
    Ok(BackupRecords::of(&client.erasures(None)?, &client.holds()?, &client.retention_runs()?))
}

impl RestoreArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let mut listing = Listing::new(&["PARTITION", "EVENTS", "FROM"]).right(0).right(1);
        for partition in &self.partition {
            let file = newest(&self.from, *partition).map_err(|error| CliError::io("read", &self.from, &error))?;
            let file = file.ok_or_else(|| {
                let what = format!("there is no backup of partition {partition} in {}", self.from.display());
                CliError::new(Exit::Failure, what).hint("`convofold cluster backup --to FOLDER` writes backups")
            })?;
            let dir = self.dir.join(format!("p{partition}"));
            fs::create_dir_all(&self.dir).map_err(|error| CliError::io("create", &self.dir, &error))?;
            let report = restore(&[&file], &dir, &Options::new(), |_| {}).map_err(|error| {
                CliError::new(Exit::Failure, format!("partition {partition} was not restored: {}", chain(&error)))
            })?;
            listing.row(vec![partition.to_string(), text::count(report.last_seq), file.display().to_string()]);
        }
        listing.print(console)?;
        Ok(Exit::Success)
    }
}

/// The names of the backups of a partition have their order: by the time at which the stream was made, then by the last message.
fn file_name(partition: u32, incarnation: &str, log_seq: u64) -> String {
    let made: String =
        incarnation.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').take(MADE_CHARS).collect();
    format!("p{partition}-{made}-{log_seq:020}.{EXTENSION}")
}

/// The newest backup of a partition: of the stream that was made last, the one that has the most of it.
fn newest(folder: &Path, partition: u32) -> std::io::Result<Option<PathBuf>> {
    let beginning = format!("p{partition}-");
    let mut found = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_backup = name.starts_with(&beginning) && path.extension().is_some_and(|it| it == EXTENSION);
        if is_backup && found.as_ref().is_none_or(|found| *found < path) {
            found = Some(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use convofold::retention::Retention;
    use convofold::{Subject, Time};

    use super::*;

    const MADE: [&str; 2] = ["2026-11-30T09:15:00.5Z", "2026-12-01T00:00:00Z"];

    #[test]
    fn the_newest_backup_of_a_partition_is_of_the_stream_that_was_made_last_and_has_the_most_of_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path(), 7).unwrap(), None);
        let write =
            |partition, made, log_seq| fs::write(folder.path().join(file_name(partition, made, log_seq)), "").unwrap();
        for (partition, log_seq) in [(7, 9), (7, 1_000), (70, 5_000), (7, 200)] {
            write(partition, MADE[0], log_seq);
        }
        fs::write(folder.path().join("p7-99999999999999999999.tmp"), "").unwrap();
        let newest_is = |made, log_seq| {
            assert_eq!(newest(folder.path(), 7).unwrap(), Some(folder.path().join(file_name(7, made, log_seq))));
        };
        newest_is(MADE[0], 1_000);
        // The stream was made again.
        write(7, MADE[1], 20);
        newest_is(MADE[1], 20);
        assert_eq!(file_name(7, MADE[0], 5), "p7-20261130T091500.5Z-00000000000000000005.cfbk");
        assert!(newest(&folder.path().join("none"), 7).is_err());
    }

    #[test]
    fn a_backup_is_unchanged_if_it_has_the_same_state_and_the_same_records() {
        let folder = tempfile::tempdir().unwrap();
        let db = convofold::Convofold::open(folder.path().join("db")).unwrap();
        let path = folder.path().join(file_name(7, MADE[0], 5));
        let is_unchanged = |hash| {
            let records = BackupRecords::of(&db.erasures(), &db.holds(), &db.retention_runs());
            of_state(&path, hash).is_some_and(|(_, found)| found == records)
        };
        let back_up = || {
            let _ = fs::remove_file(&path);
            db.backup(&path, &BackupOptions::new(), |_| {}).unwrap();
        };
        assert!(!is_unchanged(db.state_hash()));
        back_up();
        assert!(is_unchanged(db.state_hash()));
        assert!(!is_unchanged(StateHash::from_bytes([7; 32])));
        // Neither changes the state.
        let hold = db.hold(Subject::Conversation("c-1".to_owned()), "a trial").unwrap();
        assert!(!is_unchanged(db.state_hash()));
        back_up();
        assert!(is_unchanged(db.state_hash()));
        db.lift_hold(hold).unwrap();
        assert!(!is_unchanged(db.state_hash()));
        back_up();
        let rules = Retention::new().log_older_than(Duration::from_secs(86_400));
        db.retain(&rules, Time::now(), false).unwrap();
        assert!(!is_unchanged(db.state_hash()));
        fs::write(&path, "damaged").unwrap();
        assert!(!is_unchanged(db.state_hash()));
    }
}
