//! `convofold cluster backup` and `convofold cluster restore`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use convofold::Options;
use convofold::backup::{self, BackupOptions, restore};
use convofold_cluster::ClusterMap;
use convofold_server::Client;

use super::status::ask;
use super::{LogArgs, SILENCE, TokenArgs, failed};
use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::table::Listing;
use crate::output::text;

/// The ending of the name of a backup.
const EXTENSION: &str = "cfbk";

/// Write a complete backup of each partition into a folder that all machines can read.
///
/// The first owner that answers writes the backup of a partition, while it follows. The name of a file has the partition and
/// the last message of the log that it has at least: p7-00000000000000123456.cfbk. `convofold cluster restore` takes the newest one.
/// A backup has the bookmark of the partition, so a node that restores it continues from there.
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
        let mut listing = Listing::new(&["PARTITION", "NODE", "EVENTS", "SIZE", "FILE"]).right(0).right(2).right(3);
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

    /// Asks the owners of a partition, one after the other.
    fn back_up(&self, cluster: &ClusterMap, partition: u32, token: Option<&str>) -> Result<Vec<String>, String> {
        let mut whys = Vec::new();
        for (node, url) in cluster.replicas(partition) {
            match self.back_up_from(cluster, partition, (node, url), token) {
                Ok((path, contents)) => {
                    let events = text::count(contents.last_seq);
                    let (size, path) = (text::bytes(contents.bytes), path.display().to_string());
                    return Ok(vec![partition.to_string(), node.to_owned(), events, size, path]);
                }
                Err(why) => whys.push(format!("{node}: {why}")),
            }
        }
        Err(if whys.is_empty() { "no owner has told its address".to_owned() } else { whys.join("; ") })
    }

    fn back_up_from(
        &self,
        cluster: &ClusterMap,
        partition: u32,
        (node, url): (&str, &str),
        token: Option<&str>,
    ) -> Result<(PathBuf, backup::BackupContents), String> {
        let status = ask(url, &cluster.name, node, token)?;
        let found = status.partitions.iter().find(|it| it.partition == partition);
        let log_seq = found.ok_or("it has not opened the partition")?.log_seq;
        let path = self.to.join(file_name(partition, log_seq));
        let client = Client::of_url(&format!("{url}/partitions/{partition}/all"), token);
        let client = client.map_err(|error| chain(&error))?.patience(SILENCE);
        let report = backup::write(&client, &path, &BackupOptions::new(), |_| {}).map_err(|error| chain(&error))?;
        Ok((path, report.contents))
    }
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

fn file_name(partition: u32, log_seq: u64) -> String {
    format!("p{partition}-{log_seq:020}.{EXTENSION}")
}

/// The backup of a partition that has the most of the log.
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
    use super::*;

    #[test]
    fn the_newest_backup_of_a_partition_is_the_one_with_the_most_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path(), 7).unwrap(), None);
        for (partition, log_seq) in [(7, 9), (7, 1_000), (70, 5_000), (7, 200)] {
            fs::write(folder.path().join(file_name(partition, log_seq)), "").unwrap();
        }
        fs::write(folder.path().join("p7-99999999999999999999.tmp"), "").unwrap();
        assert_eq!(newest(folder.path(), 7).unwrap(), Some(folder.path().join(file_name(7, 1_000))));
        assert!(newest(&folder.path().join("none"), 7).is_err());
    }
}
