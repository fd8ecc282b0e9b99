//! Error codes, grouped by what a program can do about them.

/// Success. The same value as CONVOFOLD_ERROR_NONE.
pub const CONVOFOLD_OK: i32 = 0;

/// The reason why a call failed, grouped by what the program can do about it. Later versions can add values: treat an
/// unknown value as CONVOFOLD_ERROR_OTHER.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Success. The same value as CONVOFOLD_OK.
    None = 0,
    /// An argument is invalid, such as a null pointer, an unknown number or a wrong `size`. This is a bug in the
    /// calling program.
    InvalidArgument = 1,
    /// A text is not valid UTF-8.
    NotUtf8 = 2,
    /// The value is not a handle: it is 0, or no handle with this number was ever opened. This is a bug in the
    /// calling program.
    BadHandle = 3,
    /// The handle is closed, or its database is closed, or it is a handle of another type.
    Closed = 4,
    /// The database is already open, in this process or in another one.
    AlreadyOpen = 5,
    /// The folder contains no database, or the file does not exist, or neither side of a comparison has the conversation.
    NotFound = 6,
    /// The file already exists, or the folder contains something else. It was not changed.
    Exists = 7,
    /// The database or backup has a format that this version does not support.
    UnknownFormat = 8,
    /// The database or backup is damaged. Use convofold_repair() to recover what can be read, or restore a backup.
    Damaged = 9,
    /// The operating system or the storage reported an error. The message contains it.
    Io = 10,
    /// A write failed, and the database accepts no more writes. Open it again, and send all events again that were
    /// not acknowledged. Events that are already stored count as duplicates.
    Poisoned = 11,
    /// A value is larger than allowed.
    TooLarge = 12,
    /// The database is in use by another operation. Try again when that operation has ended.
    Busy = 13,
    /// The event is no longer in the log, because the log was trimmed.
    Dropped = 14,
    /// The cursor is invalid, or was made with another sort order.
    BadCursor = 15,
    /// A callback stopped the operation.
    Stopped = 16,
    /// The call would wait for itself: a callback cannot call convofold_unsubscribe() for its own subscription.
    WouldDeadlock = 17,
    /// Another error. The message describes it.
    Other = 18,
    /// A bug in convofold. Please report it, with the message.
    Internal = 19,
    /// The database was opened with CONVOFOLD_FLAG_READ_ONLY.
    ReadOnly = 20,
    /// There is no answer about the moment: it is in the future, or what was known then is not recorded, or a text is not
    /// a moment. The message says what to do.
    BadMoment = 21,
    /// A legal hold keeps a conversation, or it is open: it is not erased.
    Held = 22,
}
