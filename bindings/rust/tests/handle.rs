//! Types that can be sent and shared between threads. Checked at compile time.

use std::error::Error;
use std::future::Future;

use convofold::audit::{AuditError, BackgroundAudit};
use convofold::backup::{BackupError, RestoreError};
use convofold::repair::RepairError;
use convofold::replay::{Input, ReplayError};
use convofold::verify::VerifyError;
use convofold::{
    Batch, Changes, ChangesError, CloseError, CommitError, Convofold, Counters, DraftError, Event, ExportEventsError,
    IngestError, OpenError, Options, Page, PageError, QueryError, Receipt, State, StorageError, SubmitError, Ticket,
    TrimError,
};

const fn is_handle<T: Send + Sync + Clone + 'static>() {}
const fn is_sent<T: Send + 'static>() {}
const fn is_awaited<T: Future<Output = Result<Receipt, CommitError>> + Send + Sync + Unpin + 'static>() {}
const fn is_error<T: Error + Send + Sync + 'static>() {}

const _: () = {
    is_handle::<Convofold>();
    is_handle::<Options>();
    is_handle::<Batch>();
    is_handle::<Event>();
    is_handle::<State>();
    is_handle::<Page>();
    is_handle::<Receipt>();
    is_handle::<Counters>();
    is_awaited::<Ticket>();
    is_sent::<Changes>();
    is_sent::<Input>();
    is_sent::<BackgroundAudit>();
    is_error::<OpenError>();
    is_error::<SubmitError>();
    is_error::<CommitError>();
    is_error::<CloseError>();
    is_error::<IngestError>();
    is_error::<TrimError>();
    is_error::<ChangesError>();
    is_error::<StorageError>();
    is_error::<QueryError>();
    is_error::<PageError>();
    is_error::<DraftError>();
    is_error::<ExportEventsError>();
    is_error::<AuditError>();
    is_error::<VerifyError>();
    is_error::<BackupError>();
    is_error::<RestoreError>();
    is_error::<RepairError>();
    is_error::<ReplayError>();
};

#[test]
fn clones_are_handles_to_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path()).unwrap();
    let other = db.clone();
    let submitted =
        std::thread::spawn(move || other.submit(Batch::default().bookmark("upstream", "1")).unwrap().wait());
    assert!(submitted.join().unwrap().unwrap().durable);
    assert_eq!(db.bookmark("upstream").as_deref(), Some(b"1".as_slice()));
}
