//! From a directory to an open storage and what was recovered from it; or, where that fails, to nothing changed.

use std::io;
use std::sync::Arc;

use crate::damage::Damage;
use crate::format::block::Tail;
use crate::log::error::LogError;
use crate::log::reader::LogReader;
use crate::open::directory::{Directory, doing};
use crate::open::error::OpenError;
use crate::open::recovery::{Recovered, recover};
use crate::open::report::Recovery;
use crate::open::safety_copy::Evidence;
use crate::options::Options;
use crate::storage::end_mark::{Head, HeadMark};
use crate::storage::files::sync_dir;
use crate::storage::sled::file::doubt;
use crate::storage::sled::{SledOptions, SledStorage};
use crate::storage::{ReadStorage, Storage, release};

pub(crate) type Opened = (Arc<dyn Storage>, Recovered);

/// Opens sled's files in the directory and recovers what they hold.
pub(crate) fn open(directory: &Directory, options: &Options, recovery: &mut Recovery) -> Result<Opened, OpenError> {
    let path = directory.path();
    let failed = |doing_what| move |error: io::Error| doing(doing_what, path)(error);
    Evidence::put_back_left_over(path).map_err(failed("putting back a copy in"))?;
    let head = read_head(directory, recovery)?;
    let sled = directory.sled();
    match head {
        // sled would make a new file and know of nothing.
        Some(head) if head.last_block_no > 0 && !sled.join("db").exists() => {
            return Err(OpenError::Shortened { expected: head.last_seq, found: 0 });
        }
        _ => {}
    }
    if sled.exists() {
        recovery.removed_files = SledStorage::remove_unfinished(&sled)?;
        let durable_block_no = head.map_or(0, |head| head.last_block_no);
        recovery.doubt = doubt(&sled, directory.segment_bytes, durable_block_no).map_err(failed("reading"))?;
    }
    let evidence = match recovery.doubt {
        Some(_) => Some(Evidence::put_aside(path).map_err(failed("putting a copy aside in"))?),
        None => Evidence::put_aside_if_cheap(path),
    };
    match open_and_recover(directory, options, head, recovery) {
        Ok(opened) => {
            // What stays of one that is not durable is removed by the next opening.
            match evidence.map_or(Ok(()), Evidence::discard).map_err(failed("removing a copy in")) {
                Err(error) if recovery.doubt.is_some() => {
                    let _ = release(opened.0);
                    Err(error)
                }
                _ => Ok(opened),
            }
        }
        Err(error) => {
            // That error is worth more than whatever goes wrong now; what is not put back is by the next opening.
            let _ = evidence.map(Evidence::put_back);
            Err(error)
        }
    }
}

fn open_and_recover(
    directory: &Directory,
    options: &Options,
    head: Option<Head>,
    recovery: &mut Recovery,
) -> Result<Opened, OpenError> {
    let sled = SledOptions { segment_bytes: directory.segment_bytes, cache_bytes: options.cache_bytes };
    let storage: Arc<dyn Storage> = Arc::new(SledStorage::open(&directory.sled(), sled)?);
    let recovered = sync_dir(directory.path())
        .map_err(doing("fsync of", directory.path()))
        .and_then(|()| recover(storage.clone(), head, recovery))
        .and_then(|recovered| match recovery.doubt {
            Some(_) => expect_whole_log(storage.clone(), &recovered).map(|()| recovered),
            None => Ok(recovered),
        });
    match recovered {
        Ok(recovered) => Ok((storage, recovered)),
        Err(error) => {
            let _ = release(storage);
            Err(error)
        }
    }
}

/// Reads all of the log, also what a checkpoint covers: sled may have dropped some of it.
fn expect_whole_log(storage: Arc<dyn ReadStorage>, recovered: &Recovered) -> Result<(), OpenError> {
    let mut reader = LogReader::new(storage, recovered.start.tail);
    while reader.tail != recovered.tail {
        let Tail { block_no, seq, .. } = reader.tail;
        reader.next()?.ok_or(LogError::Damaged { block_no, seq, why: Damage::Missing })?;
    }
    Ok(())
}

/// Where the log is known to end. A mark that is gone from a store that has been used is as bad as one that is damaged.
pub(crate) fn read_head(directory: &Directory, recovery: &mut Recovery) -> Result<Option<Head>, OpenError> {
    let mark = Head::read(directory.path()).map_err(doing("reading the mark in", directory.path()))?;
    recovery.unreadable_head = mark == HeadMark::Unreadable || (mark == HeadMark::None && !directory.is_new);
    Ok(mark.head())
}
