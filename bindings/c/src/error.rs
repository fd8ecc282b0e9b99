//! The kinds of errors, by what a program can do about them.

/// What a function returns where all went well: CONVOFOLD_ERROR_NONE.
pub const CONVOFOLD_OK: i32 = 0;

/// Why something was not done, by what can be done about it. New ones may come: take an unknown one as
/// CONVOFOLD_ERROR_OTHER.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// All went well. The same as CONVOFOLD_OK.
    None = 0,
    /// Something that was handed in cannot be: a null pointer, an unknown number, a `size` that is none. A fault of the
    /// program.
    InvalidArgument = 1,
    /// A text is not UTF-8.
    NotUtf8 = 2,
    /// It is no handle, or one of another kind. A fault of the program.
    BadHandle = 3,
    /// It was closed, or the database that it belongs to was.
    Closed = 4,
    /// The database is open already, here or in another process.
    AlreadyOpen = 5,
    /// There is no database in this folder, or no such file.
    NotFound = 6,
    /// The folder, or the file, holds something else, which was not touched; or it is there already.
    Exists = 7,
    /// The database or the backup has a form that this version of convofold does not know.
    UnknownFormat = 8,
    /// The database or the backup is damaged. convofold_repair() saves what can be read; or restore it from a backup.
    Damaged = 9,
    /// The system or the storage underneath failed. The message says how.
    Io = 10,
    /// An earlier write failed, and the database takes no more. Open it again, and send again what was not acknowledged: what
    /// is there already counts as duplicate.
    Poisoned = 11,
    /// Something is larger than allowed.
    TooLarge = 12,
    /// It is in use; try again when that has ended.
    Busy = 13,
    /// The event is no longer in the log, because its beginning was trimmed.
    Dropped = 14,
    /// The text is no cursor, or one of an answer in another order.
    BadCursor = 15,
    /// A callback said to stop.
    Stopped = 16,
    /// It would wait for itself: the callback of a subscription cannot end that subscription so.
    WouldDeadlock = 17,
    /// Something else. The message says what.
    Other = 18,
    /// A fault of convofold: please report it, with the message.
    Internal = 19,
}
