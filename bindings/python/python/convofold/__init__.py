"""An embedded conversation-state engine: live-chat events in, the state of every conversation out.

    import convofold

    with convofold.Convofold("chats.db") as db:
        report = db.ingest(body)                 # the body of a webhook, or a log; durable when this returns
        for row in db.query(agent="Ida", sort="waiting"):
            print(row.id, row.unread, row.waiting_since_utc)
        state = db.state("t-1")

Times are milliseconds since the epoch; properties ending in `_utc` are the same times as `datetime`. Results are immutable,
compare by value and have `to_dict()`. `to_polars()`, `to_pandas()` and `to_arrow()` return tables of conversations, messages and
assignments. Errors are raised as ConvofoldError, invalid arguments as ValueError or TypeError, and errors of the file that is
exported to as OSError.
"""

from ._convofold import *


class ConvofoldError(Exception):
    """Base class of all exceptions of convofold."""


class ClosedError(ConvofoldError):
    """The database is closed."""


class PoisonedError(ConvofoldError):
    """An earlier write failed. The database can still be read; open it again to write."""


class OpenError(ConvofoldError):
    """The database cannot be opened."""


class AlreadyOpenError(OpenError):
    """The database is already open, in this process or another one."""


class NotFoundError(OpenError):
    """There is no database in the directory, and `create=False` was given."""


class DamagedError(OpenError):
    """The database is damaged. Repair it, or restore it from a backup."""


class CloseError(ConvofoldError):
    """Closing failed. The lock is released, and everything that was durable remains durable."""


class SubmitError(ConvofoldError):
    """A batch was refused. None of it is in the log."""


class QueueFullError(SubmitError):
    """The queue of the writer is full. None of the batch is in the log."""


class CommitError(ConvofoldError):
    """A submitted batch was not committed."""


class EventError(ConvofoldError):
    """An event is invalid."""


class QueryError(ConvofoldError):
    """A query is invalid."""


class MomentError(ConvofoldError):
    """There is no answer about the moment: it is in the future, or what was known then is not recorded."""


class ChangesError(ConvofoldError):
    """The change feed cannot continue."""


class StorageError(ConvofoldError):
    """The storage engine failed."""


class DiffError(ConvofoldError):
    """Two sides cannot be compared, or neither of them has the conversation."""


class ExportError(ConvofoldError):
    """An export failed."""


class ReplayError(ConvofoldError):
    """A replay failed. Everything committed so far remains, and the same call resumes the replay."""


class TrimError(ConvofoldError):
    """Trimming the log failed."""


class EraseError(ConvofoldError):
    """Nothing was erased: a legal hold, an open conversation, or the storage cannot be written again."""


class RetainError(ConvofoldError):
    """Not everything that is old was removed."""


class HoldError(ConvofoldError):
    """A legal hold was not placed or lifted."""


class CompactError(ConvofoldError):
    """A compaction failed. The storage has not changed."""


class BackupError(ConvofoldError):
    """A backup failed. No backup was written."""


class RestoreError(ConvofoldError):
    """A restore failed. No database was created."""


class RepairError(ConvofoldError):
    """A repair failed. The damaged database is unchanged."""


class VerifyError(ConvofoldError):
    """A verification could not be completed."""


class AuditError(ConvofoldError):
    """An audit could not be completed."""
