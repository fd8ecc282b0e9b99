//! To which partition of which log a database belongs.

use convofold::{Batch, Convofold, Time};

use super::error::NodeError;
use crate::follow::bookmark::Bookmark;
use crate::records::{LogName, LogRecord};

/// Checks that a database is of this partition of this log, or has no events; notes it in an empty one.
///
/// The events of another log, or of the same one with another number of partitions, would be counted together with those of this
/// one, and all owners with the same old folders would agree on it.
///
/// # Errors
/// [`NodeError::OtherLog`]
pub(super) fn check(db: &Convofold, log: &LogName, partition: u32, record: &LogRecord) -> Result<(), NodeError> {
    let bookmark = Bookmark::name(log.as_str(), partition);
    let name = format!("{bookmark}/log");
    let expected = serde_json::to_string(record).unwrap_or_default();
    let other = |found: String| NodeError::OtherLog {
        partition,
        dir: db.dir().to_owned(),
        expected: format!("{log} {expected}"),
        found,
    };
    match db.bookmark(&name) {
        Some(found) if found == expected.as_bytes() => return Ok(()),
        Some(found) => return Err(other(format!("{log} {}", String::from_utf8_lossy(&found)))),
        None => {}
    }
    // A backup, or a database of a host that follows by itself, has the bookmark only.
    if db.bookmark(&bookmark).is_none() && db.counters().last_seq > 0 {
        return Err(other("events without a bookmark of it".to_owned()));
    }
    let noted = Batch::new(Vec::new()).bookmark(name, expected).committed_at(Time::MIN);
    let failed = |why: String| NodeError::NotNoted { partition, why };
    let ticket = db.submit(noted).map_err(|error| failed(error.to_string()))?;
    ticket.wait().map(drop).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use convofold::ingest::Format;

    use super::*;
    use crate::Partitions;
    use crate::tests::{event, options};

    fn record(partitions: u32) -> LogRecord {
        LogRecord::new(Partitions::new(NonZeroU32::new(partitions).unwrap()))
    }

    fn names() -> [LogName; 2] {
        ["chat", "chat2"].map(|name| name.parse().unwrap())
    }

    #[test]
    fn a_database_of_another_log_partition_or_number_of_partitions_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let [chat, chat2] = names();
        let db = options().open(home.path()).unwrap();
        check(&db, &chat, 7, &record(64)).unwrap();
        db.ingest(&event(1), Format::Auto).unwrap();
        for _ in 0..2 {
            check(&db, &chat, 7, &record(64)).unwrap();
            for (log, partition, partitions) in [(&chat2, 7, 64), (&chat, 8, 64), (&chat, 7, 128)] {
                let refused = check(&db, log, partition, &record(partitions)).unwrap_err();
                assert!(matches!(refused, NodeError::OtherLog { .. }), "{refused}");
            }
        }
        db.close().unwrap();
    }

    #[test]
    fn a_database_with_events_and_without_a_bookmark_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let [chat, _] = names();
        let db = options().open(home.path()).unwrap();
        db.ingest(&event(1), Format::Auto).unwrap();
        let refused = check(&db, &chat, 7, &record(64)).unwrap_err();
        assert!(refused.to_string().contains("events without a bookmark"), "{refused}");
        // That of a backup by another program.
        db.submit(Batch::new(Vec::new()).bookmark("cf/chat/7", "read to 5")).unwrap().wait().unwrap();
        check(&db, &chat, 7, &record(64)).unwrap();
        assert!(check(&db, &chat, 7, &record(128)).is_err());
        db.close().unwrap();
    }
}
