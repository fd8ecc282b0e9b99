# Generated from bindings/python/src by `just generate`. Do not edit.

"""
The part of the package `convofold` that is written in Rust.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, SupportsFloat, SupportsIndex, final

from _typeshed import SupportsGetItem
from typing_extensions import Buffer

from convofold.protocols import ProgressBar, Reader, Writer

__all__ = [
    "__version__",
    "AgentLoad",
    "AgentRef",
    "Arrivals",
    "ArrowTable",
    "Assigned",
    "AuditDifference",
    "AuditReport",
    "BackupReport",
    "ByAgent",
    "Change",
    "Changes",
    "Checkpoint",
    "Compacted",
    "Conflict",
    "ConflictingField",
    "Conversation",
    "ConversationRow",
    "ConversationRows",
    "Conversations",
    "Convofold",
    "Counters",
    "Diff",
    "Disclosed",
    "EffectCounts",
    "Erasable",
    "Erased",
    "Erasure",
    "Event",
    "EventExportReport",
    "Explanation",
    "ExportReport",
    "HistoryEntry",
    "Hold",
    "IngestReport",
    "InputProblem",
    "LastMessage",
    "Latency",
    "Loss",
    "Lost",
    "Member",
    "MomentReport",
    "Page",
    "Progress",
    "Reason",
    "Receipt",
    "Recovery",
    "Rejection",
    "RepairReport",
    "ReplayReport",
    "RestoreReport",
    "Retained",
    "RetentionHorizon",
    "RetentionRun",
    "Session",
    "SkippedCheckpoint",
    "State",
    "States",
    "Stats",
    "Suspects",
    "SuspectsOfDay",
    "SuspectsOfKind",
    "Suspicion",
    "Ticket",
    "Totals",
    "TrimReport",
    "UnknownValue",
    "VerifiedCheckpoint",
    "VerifyReport",
    "View",
    "repair",
    "restore",
]

__version__: Final[str]

@final
class AgentLoad:
    """
    The workload of an agent of a tenant.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def agent(self, /) -> AgentRef | None:
        """
        The agent; None stands for the conversations without an agent.
        """
    @property
    def oldest_waiting_since(self, /) -> int | None:
        """
        Time of the oldest unanswered message, in milliseconds since the epoch; None if none is unanswered.
        """
    @property
    def oldest_waiting_since_utc(self, /) -> datetime | None:
        """
        `oldest_waiting_since` as a `datetime` in UTC.
        """
    @property
    def open(self, /) -> int:
        """
        Number of open conversations.
        """
    @property
    def tenant(self, /) -> str | None:
        """
        The tenant.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def unread(self, /) -> int:
        """
        Number of unread messages in them.
        """
    @property
    def waiting(self, /) -> int:
        """
        Number of conversations that wait for an answer.
        """

@final
class AgentRef:
    """
    An agent, with the latest name known in the conversation. Hashable.
    """

    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def id(self, /) -> str | None:
        """
        Id; None if only the name is known.
        """
    @property
    def name(self, /) -> str | None:
        """
        Name.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Arrivals:
    """
    How the events of a conversation arrived.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def conflicts(self, /) -> int:
        """
        Number of events that lost to another event with the same identity.
        """
    @property
    def duplicates(self, /) -> int:
        """
        Number of repeated deliveries.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events that count.
        """
    @property
    def first_seq(self, /) -> int:
        """
        Sequence number of the first event.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event.
        """
    @property
    def late(self, /) -> int:
        """
        Number of events that arrived after a later event.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class ArrowTable:
    """
    A table. `to_polars()` and `to_pandas()` read all of it. Every library with the Arrow PyCapsule interface reads it:
    `polars.DataFrame(...)`, `pyarrow.table(...)`, or its name in a DuckDB query. A table from `to_arrow` is read from the
    database each time it is used; a report is computed once.
    """
    def __arrow_c_schema__(self, /) -> object:
        """
        Returns the schema, as defined by the Arrow PyCapsule interface.
        """
    def __arrow_c_stream__(self, /, requested_schema: Any | None = None) -> object:
        """
        Returns a stream of batches, as defined by the Arrow PyCapsule interface. Of a table from `to_arrow`, each call reads the
        database again.
        """
    def __repr__(self, /) -> str: ...
    @property
    def column_names(self, /) -> list[str]:
        """
        Names of the columns.
        """
    def to_pandas(self, /) -> object:
        """
        Reads the table as a `pandas.DataFrame`. Needs pandas and pyarrow: `pip install 'convofold[pandas]'`.
        """
    def to_polars(self, /) -> object:
        """
        Reads the table as a `polars.DataFrame`. Needs polars: `pip install 'convofold[polars]'`.
        """

@final
class Assigned:
    """
    A change of the assigned agent.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def agent(self, /) -> AgentRef | None:
        """
        The agent from then on; None if nobody is assigned.
        """
    @property
    def at(self, /) -> int:
        """
        Time of the change.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class AuditDifference:
    """
    A field of a conversation whose stored value differs from the value that follows from the events.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def expected(self, /) -> str:
        """
        Value that follows from the events, as JSON.
        """
    @property
    def field(self, /) -> str:
        """
        Path of the field in the export.
        """
    @property
    def found(self, /) -> str:
        """
        Stored value, as JSON.
        """
    @property
    def id(self, /) -> str:
        """
        Id of the conversation.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class AuditReport:
    """
    The outcome of an audit.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations that were compared.
        """
    @property
    def differences(self, /) -> list[AuditDifference]:
        """
        Every field that differs; empty if all is well.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events that were folded again.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event that was read.
        """
    @property
    def more_differences(self, /) -> int:
        """
        Number of further differences; only the first 10,000 are listed.
        """
    @property
    def ok(self, /) -> bool:
        """
        Whether no field differs.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """

@final
class BackupReport:
    """
    A written backup.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks(self, /) -> int:
        """
        Number of log blocks in the backup.
        """
    @property
    def bookmarks(self, /) -> int:
        """
        Number of bookmarks at its end.
        """
    @property
    def bytes(self, /) -> int:
        """
        Size of the file, in bytes.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations at its end.
        """
    @property
    def first_seq(self, /) -> int:
        """
        Sequence number of the first event in the backup.
        """
    @property
    def fold_version(self, /) -> int:
        """
        Version of the fold that computed the state hash.
        """
    @property
    def incremental(self, /) -> bool:
        """
        Whether the backup is incremental.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event in the backup; 0 if there is none.
        """
    @property
    def state_hash(self, /) -> str:
        """
        State hash at its end.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """

@final
class ByAgent:
    """
    Number of messages while an agent was assigned.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def agent(self, /) -> AgentRef:
        """
        The agent.
        """
    @property
    def messages_in(self, /) -> int:
        """
        Number of messages from the customer.
        """
    @property
    def messages_out(self, /) -> int:
        """
        Number of messages to the customer.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Change:
    """
    An event in the change feed.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def event(self, /) -> Event:
        """
        The event.
        """
    @property
    def seq(self, /) -> int:
        """
        Sequence number of the event.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Changes:
    """
    An iterator over the change feed.
    """
    def __aiter__(self, /) -> AsyncIterator[Change]:
        """
        Iterates with `async for`. It ends as the iterator does, and does not block the loop. If the task is cancelled while it
        waits, the feed is stopped: continue with a new one.
        """
    def __iter__(self, /) -> Changes: ...
    def __next__(self, /) -> Change: ...
    @property
    def next_seq(self, /) -> int:
        """
        Sequence number from which to resume: one after the last event that was returned.
        """
    def stop(self, /) -> None:
        """
        Stops waiting, from any thread. Events that have already arrived are still returned.
        """

@final
class Checkpoint:
    """
    A written checkpoint.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def bytes_written(self, /) -> int:
        """
        Size of these pages, in bytes.
        """
    @property
    def generation(self, /) -> int:
        """
        Generation of the checkpoint.
        """
    @property
    def pages_written(self, /) -> int:
        """
        Number of pages written.
        """
    @property
    def seq(self, /) -> int:
        """
        Sequence number of the last event in the checkpoint.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """

@final
class Compacted:
    """
    What a compaction did.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def after_bytes(self, /) -> int:
        """
        Size of the storage now, in bytes.
        """
    @property
    def before_bytes(self, /) -> int:
        """
        Size of the storage before, in bytes.
        """
    @property
    def damaged_values(self, /) -> int:
        """
        Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Conflict:
    """
    Two events of one identity with different contents.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        Time of the event that counts, in milliseconds since the epoch.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def conversation(self, /) -> str:
        """
        Id of the conversation.
        """
    @property
    def fields(self, /) -> list[ConflictingField]:
        """
        The fields in which they differ.
        """
    @property
    def identity(self, /) -> str:
        """
        Identity of both events.
        """
    @property
    def kept_seq(self, /) -> int:
        """
        Sequence number of the event that counts.
        """
    @property
    def kind(self, /) -> Literal["open", "open_closed", "update", "update_open", "message", "close"]:
        """
        The kind of the event that counts.
        """
    @property
    def lost_seq(self, /) -> int:
        """
        Sequence number of the event that has no effect.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class ConflictingField:
    """
    A field in which two events differ.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def field(self, /) -> str:
        """
        Name of the field in convofold's own form.
        """
    @property
    def kept(self, /) -> str:
        """
        The value that counts, as JSON.
        """
    @property
    def lost(self, /) -> str:
        """
        The other value, as JSON.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Conversation:
    """
    A conversation with its state and its history.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def history(self, /) -> list[HistoryEntry]:
        """
        The events, in the order in which they happened.
        """
    @property
    def state(self, /) -> State:
        """
        The state.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class ConversationRow:
    """
    A row of a query.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def agent(self, /) -> AgentRef | None:
        """
        The assigned agent; None if nobody is assigned.
        """
    @property
    def channel(self, /) -> str | None:
        """
        Channel of the latest message.
        """
    @property
    def closed_at(self, /) -> int | None:
        """
        Time of the close, in milliseconds since the epoch; None while open.
        """
    @property
    def closed_at_utc(self, /) -> datetime | None:
        """
        `closed_at` as a `datetime` in UTC.
        """
    @property
    def id(self, /) -> str:
        """
        Id of the conversation.
        """
    @property
    def last_active_at(self, /) -> int:
        """
        Time of the latest activity, in milliseconds since the epoch.
        """
    @property
    def last_active_at_utc(self, /) -> datetime:
        """
        `last_active_at` as a `datetime` in UTC.
        """
    @property
    def last_message(self, /) -> LastMessage | None:
        """
        The latest message with a text; None if there is none, or if the query does not ask for it.
        """
    @property
    def member_business_id(self, /) -> str | None:
        """
        Id of the customer at the business.
        """
    @property
    def member_channel_id(self, /) -> str | None:
        """
        Channel id of the customer.
        """
    @property
    def member_name(self, /) -> str | None:
        """
        Name of the customer.
        """
    @property
    def member_number(self, /) -> str | None:
        """
        Number of the customer.
        """
    @property
    def shortcode(self, /) -> str | None:
        """
        The sender that the customer wrote to.
        """
    @property
    def started_at(self, /) -> int:
        """
        Start of the conversation, in milliseconds since the epoch.
        """
    @property
    def started_at_utc(self, /) -> datetime:
        """
        `started_at` as a `datetime` in UTC.
        """
    @property
    def suspect(self, /) -> bool:
        """
        Whether the data of the source are contradictory; `State.suspect` has the details.
        """
    @property
    def tenant(self, /) -> str | None:
        """
        The business that the conversation belongs to.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def unread(self, /) -> int:
        """
        Number of unread messages.
        """
    @property
    def waiting_since(self, /) -> int | None:
        """
        Time of the first unanswered message, in milliseconds since the epoch; None if none is unanswered.
        """
    @property
    def waiting_since_utc(self, /) -> datetime | None:
        """
        `waiting_since` as a `datetime` in UTC.
        """

@final
class ConversationRows:
    """
    An iterator over all rows of a query.
    """
    def __iter__(self, /) -> ConversationRows: ...
    def __next__(self, /) -> ConversationRow: ...

@final
class Conversations:
    """
    An iterator over every conversation.
    """
    def __iter__(self, /) -> Conversations: ...
    def __length_hint__(self, /) -> int:
        """
        Returns the number of remaining rows; of a view, the maximum.
        """
    def __next__(self, /) -> Conversation: ...

@final
class Convofold:
    """
    An open database: a directory with the log of all events, and the state of every conversation.

    It is created if it does not exist, unless `create=False`. With `read_only=True`, nothing in its directory is created or
    changed: a read-only file system is enough, several processes can read at the same time, and methods that write raise
    an error. Use it as a context manager, or call `close()`. All methods can
    be called from any thread, and release the interpreter's lock while they block. A database does not survive a fork: open
    it in the process that uses it.

    The other options rarely need to change:

    - `memory_bytes`: approximate memory for conversations (default: 256 MiB).
    - `checkpoint_log_bytes`: log size after which a checkpoint is written (64 MiB).
    - `cache_bytes`: cache of the storage engine (64 MiB).
    - `queue_submissions`: capacity of the queue of the writer, in batches (256).
    - `sync_interval`: time until buffered events survive a power cut, in seconds (0.1).
    - `parse_threads`: number of threads that parse in a replay (0: one per processor).
    - `max_line_bytes`, `max_id_bytes`, `max_document_bytes`: limits of the input (1 MiB, 1 KiB, 64 MiB).
    """
    def __enter__(self, /) -> Convofold: ...
    def __exit__(self, /, *_exception: object) -> None: ...
    def __new__(
        cls,
        /,
        path: str | PathLike[str],
        *,
        create: bool | None = None,
        read_only: bool | None = None,
        memory_bytes: SupportsIndex | None = None,
        checkpoint_log_bytes: SupportsIndex | None = None,
        cache_bytes: SupportsIndex | None = None,
        queue_submissions: SupportsIndex | None = None,
        sync_interval: SupportsFloat | SupportsIndex | None = None,
        parse_threads: SupportsIndex | None = None,
        max_line_bytes: SupportsIndex | None = None,
        max_id_bytes: SupportsIndex | None = None,
        max_document_bytes: SupportsIndex | None = None,
    ) -> Convofold: ...
    def __repr__(self, /) -> str: ...
    def agents(self, /) -> list[AgentLoad]:
        """
        Returns the workload of every agent of every tenant.
        """
    def arrivals(self, /, id: str) -> Arrivals | None:
        """
        Returns how the events of a conversation arrived; None if there is no such conversation.
        """
    def at(self, /, *, as_of: int | str | datetime | None = None, known_at: int | str | datetime | None = None) -> View:
        """
        Returns the database at a moment, for questions about the past. Events that arrive after this call are in no answer of
        the view.

        - `as_of`: only events at this time or before it count: as it was, corrected by everything that was learned later.
        - `known_at`: only events that had arrived by then count: as it was known. For history that was replayed in bulk, that
          is the time of the replay.

        With both, what was known then of the time `as_of`. A bound is a `datetime` with a time zone, milliseconds since the
        epoch, or a text: an RFC 3339 time with a zone, `latest`, or a time before now such as `-2h`; for `known_at` also the
        sequence number of the last known event, such as `seq:812`.

        A bound in the future, or of which nothing is recorded, raises MomentError; the message says what to do.

            >>> message = {"source": "desk", "conversation": "case-7", "kind": "message", "direction": "in"}
            >>> db.submit([{**message, "occurred": "2026-03-02T09:15:00Z"}]).last_seq
            1
            >>> db.submit([{**message, "occurred": "2026-03-02T09:10:00Z"}]).counts.late
            1
            >>> db.at(as_of="2026-03-02T09:12:00Z").state("case-7").unread
            1
            >>> before = db.at(known_at="seq:1")
            >>> before.state("case-7").unread, before.late_events("case-7")
            (1, 1)
        """
    def audit(self, /, conversations: SupportsIndex | None = None, *, seed: SupportsIndex = 0) -> AuditReport:
        """
        Folds conversations again from their events in the log and reports every field whose stored value differs.

        - `conversations`: size of a random sample (default: all conversations).
        - `seed`: seed of the sample.
        """
    def backup(self, /, file: str | PathLike[str], *, since: str | PathLike[str] | None = None) -> BackupReport:
        """
        Writes a backup to a new file while the database is in use. The file is read back and checked before it gets its
        name.

        With `since`, an earlier backup, the new one is incremental: it holds only later events, and needs the earlier one
        for a restore.
        """
    def bookmark(self, /, name: str) -> bytes | None:
        """
        Returns the value of a bookmark; None if it is not set.
        """
    def bookmarks(self, /) -> dict[str, bytes]:
        """
        Returns all bookmarks by name.
        """
    def changes(self, /, from_seq: SupportsIndex = ..., *, timeout: SupportsFloat | SupportsIndex | None = None) -> Changes:
        """
        Returns the change feed: an iterator over all events from a sequence number on, first the existing ones, then new
        ones, without gaps or repeats.

        The iterator waits at most `timeout` seconds for the next event (None: without limit; 0: not at all) and then ends;
        iterating again resumes. `async for` iterates without blocking the loop of asyncio. It ends when the database is closed. An event is returned once it survives a power cut.
        """
    def checkpoint(self, /) -> Checkpoint:
        """
        Writes a checkpoint, so that the next opening has no events to fold. Checkpoints are also written automatically, at
        intervals and on closing.
        """
    def close(self, /) -> None:
        """
        Commits queued batches, writes a checkpoint and releases the directory. Closing again waits for the first call and has
        the same outcome; all other methods raise ClosedError afterwards.
        """
    @property
    def closed(self, /) -> bool:
        """
        Whether the database was closed.
        """
    def compact(self, /) -> Compacted:
        """
        Writes the storage again without the room that it no longer uses, while the database is in use. A replay leaves about
        half of the file unused, and a trim what it removed. Needs room for a second copy on the disk; nothing else changes.
        """
    def conflicts(self, /, id: str | None = None) -> list[Conflict] | None:
        """
        Returns the conflicts of a conversation, or without `id` those of all conversations: events of one identity with
        different contents. None if there is no such conversation.
        """
    def conversations(self, /) -> Conversations:
        """
        Returns an iterator over every conversation with its state and history, in the order of first arrival and in bounded
        memory. After the database is closed, the iterator continues with what it has in memory and then raises ClosedError.
        """
    def counters(self, /) -> Counters:
        """
        Returns counters and gauges for monitoring. Never reads from disk.
        """
    def diff(self, /, other: Convofold | View, id: str | None = None, *, because: bool = True) -> Diff:
        """
        Compares with another database, or with a view of this one or of another one. Returns an iterator over the
        conversations that are not the same on both sides, in the order of their ids and in bounded memory. First the hashes
        are compared; only what differs is read in full.

        Each is a dict like a line of the command `diff --format jsonl`: `change` (`added`: only the other side has it,
        `removed`: only this one has it, or `changed`), `id`, `fields` (dicts with the path `field` in the export and its
        values `from` on this and `to` on the other side; a key is missing if the field does not exist there) and `because`
        (the events that only one side has: dicts with `only_in`, `seq`, `at` and `kind`).

        - `id`: compare only this conversation. Raises DiffError if neither side has it.
        - `because`: with False, the events are not looked up, and `because` is None.
        """
    def disclose(
        self,
        /,
        target: str | PathLike[str] | Writer,
        *,
        members: SupportsGetItem[int, str] | None = None,
        numbers: SupportsGetItem[int, str] | None = None,
        conversations: SupportsGetItem[int, str] | None = None,
    ) -> Disclosed:
        """
        Writes everything that is stored about members: every event of their conversations, conflicts included, as a line of JSON
        in convofold's own format. The target is a path or a file opened in binary mode.

        - `members`: business ids and channel ids, `superoffice:TENANT:customer:ID` or `superoffice:TENANT:contact:ID`.
        - `numbers`: numbers of members, with or without `+` and spaces.
        - `conversations`: ids of conversations.
        """
    def erasable(
        self,
        /,
        *,
        members: SupportsGetItem[int, str] | None = None,
        numbers: SupportsGetItem[int, str] | None = None,
        conversations: SupportsGetItem[int, str] | None = None,
    ) -> list[Erasable]:
        """
        Returns the conversations that an erasure would change. The arguments are those of `disclose`.
        """
    def erase(
        self,
        /,
        *,
        members: SupportsGetItem[int, str] | None = None,
        numbers: SupportsGetItem[int, str] | None = None,
        conversations: SupportsGetItem[int, str] | None = None,
        open_too: bool = False,
        rule: str | None = None,
    ) -> Erased | None:
        """
        Erases members while the database is in use: their texts, names, numbers and ids disappear, and their conversations stay
        under a random id, with counts, times and agents. Returns None if nothing is about them. What was erased and arrives again
        is counted as `erased`.

        - `members`, `numbers`, `conversations`: as in `disclose`.
        - `open_too`: also erases open conversations; without it, they are an error.
        - `rule`: why, for the receipt. It must not name the member.

        The database is read as a whole and written again, which needs room for a second copy on the disk.
        """
    def erasures(self, /) -> list[Erasure]:
        """
        Returns the receipts of all erasures. They name nobody.
        """
    def explain(self, /, id: str, field: str | None = None, *, limit: SupportsIndex = ...) -> list[Explanation] | None:
        """
        Returns why the fields of a conversation have their values: for each field, in the order of the export, its rule, the
        events that make the value, those over which they won, and what it would be without them. None if there is no such
        conversation.

        - `field`: the path of one field of the export, such as `status` or `member.name`, or the name of an object, such as
          `member`, for its fields; all fields by default.
        - `limit`: maximum number of events in each list (0: no limit).
        """
    def export(self, /, target: str | PathLike[str] | Writer) -> ExportReport:
        """
        Writes every conversation as a line of JSON, sorted by id. The target is a path or a file opened in binary mode.
        """
    def export_events(self, /, target: str | PathLike[str] | Writer) -> EventExportReport:
        """
        Writes every accepted event as a line of JSON in convofold's own format, in the order of the log. The target is a path
        or a file opened in binary mode. Replaying the file into an empty database yields the same states and state hash.
        """
    def find_ids(self, /, beginning: str, limit: SupportsIndex = ...) -> list[str]:
        """
        Returns the ids that begin with these characters, in order, at most `limit`.
        """
    def history(self, /, id: str) -> list[HistoryEntry] | None:
        """
        Returns every event of a conversation, in the order in which they happened; None if there is no such conversation.
        """
    def hold(
        self, /, reason: str, *, member: str | None = None, number: str | None = None, conversation: str | None = None
    ) -> int:
        """
        Places a legal hold and returns its number: until it is lifted, conversations of this member, those that come later
        included, are neither erased nor removed by retention. Exactly one of `member`, `number` and `conversation` is given.
        """
    def holds(self, /) -> list[Hold]:
        """
        Returns all legal holds.
        """
    def ingest(
        self,
        /,
        data: str | Buffer,
        format: Literal["auto", "airship", "superoffice", "convofold"] | None = None,
        *,
        durability: Literal["synced", "buffered"] | None = None,
        bookmark: tuple[str, str | Buffer] | None = None,
        max_rejections: SupportsIndex = 1000,
        zone: str | None = None,
        ignore: SupportsGetItem[int, str] | None = None,
    ) -> IngestReport:
        """
        Parses the body of a webhook, or any other input in memory, and commits its events.

        - `data`: `bytes`, which are not copied, `str`, or any other buffer, which is copied.
        - `format`: the source; by default, or with `auto`, it is detected.
        - `durability`: with `synced` (the default), the events survive a power cut when the call returns; with `buffered`,
          within a tenth of a second.
        - `bookmark`: a name and a value that are committed together with the last events.
        - `max_rejections`: the maximum number of rejections to list in the report; all of them are counted.
        - `zone`: the time zone of times that are written without one, such as `Europe/Berlin`; UTC by default. Use the same
          one for all inputs of a source: it is part of the identity of events that have no id.
        - `ignore`: unknown interaction types to ignore instead of rejecting them.

        Input that is not a valid event is counted and listed in the report and does not affect other events. Ingesting the
        same input again is safe: known events count as duplicates.
        """
    def lift_hold(self, /, number: SupportsIndex) -> None:
        """
        Lifts a legal hold.
        """
    @property
    def path(self, /) -> Path:
        """
        The directory of the database.
        """
    def query(
        self,
        /,
        *,
        status: Literal["open", "closed", "any"] | None = None,
        agent: str | None = None,
        any_agent: str | None = None,
        unassigned: bool = False,
        member: str | None = None,
        number: str | None = None,
        tenant: str | None = None,
        shortcode: str | None = None,
        channel: str | None = None,
        unread_min: SupportsIndex | None = None,
        idle_since: int | str | datetime | None = None,
        waiting_since: int | str | datetime | None = None,
        since: int | str | datetime | None = None,
        until: int | str | datetime | None = None,
        by: Literal["started", "closed", "active"] | None = None,
        suspect: bool = False,
        unanswered_after_close: bool = False,
        sort: Literal["activity", "waiting", "started", "closed"] | None = None,
        reverse: bool = False,
        limit: SupportsIndex | None = None,
        cursor: str | None = None,
        last_message: bool = False,
    ) -> Page:
        """
        Returns a page of conversations that meet every given condition.

        - `status`: `open` (default), `closed` or `any`. Only open conversations, and closed ones that are unanswered after
          their close, are always in memory; other queries read from the disk.
        - `agent`: id or name of the assigned agent; `any_agent`: of an agent that is assigned or was assigned before;
          `unassigned`: only conversations without an agent.
        - `member`: name, business id or channel id of the customer; `number`: number of the customer.
        - `tenant`, `shortcode`, `channel`: values of the conversation. Names and channels compare without case, numbers
          and shortcodes without `+` and spaces.
        - `unread_min`: minimum number of unread messages.
        - `idle_since`: last active at this time or earlier; `waiting_since`: waiting since this time or earlier. A time is
          milliseconds since the epoch, a `datetime` with a time zone, or an RFC 3339 string.
        - `since`, `until`: the time named by `by` is in this range, `until` not included. `by`: `active` (latest activity;
          the default), `started` or `closed`.
        - `suspect`: only conversations whose data look wrong (missing messages, impossible clock).
        - `unanswered_after_close`: only closed conversations with a message that is not outbound after both their last
          close and their last outbound message; the default of `status` is then `closed`.
        - `sort`: `activity` (most recently active first; the default), `waiting` (longest waiting first), `started`
          (oldest first) or `closed` (most recently closed first); `reverse`: reverse the order.
        - `limit`: maximum number of rows of the page (0: no limit); `cursor`: `next` of the previous page.
        - `last_message`: also return the latest message of every conversation. This reads from the disk if a conversation
          is not in memory.
        """
    def query_all(self, /, **filters: object) -> ConversationRows:
        """
        Returns an iterator over all rows of a query, with the arguments of `query`. It reads pages of `limit` rows
        (default: 1,000).
        """
    @property
    def recovery(self, /) -> Recovery:
        """
        What opening the database found and did.
        """
    def replay(
        self,
        /,
        inputs: str | PathLike[str] | Reader | Iterable[str | PathLike[str] | Reader],
        format: Literal["auto", "airship", "superoffice", "convofold"] | None = None,
        *,
        progress: Callable[[Progress], object] | ProgressBar | None = None,
        rejects: Callable[[Rejection], object] | None = None,
        checkpoint: bool = False,
        zone: str | None = None,
        ignore: SupportsGetItem[int, str] | None = None,
    ) -> ReplayReport:
        """
        Replays whole logs, parsed on all processors.

        - `inputs`: paths or files opened in binary mode, one or several; plain, gzip or zstd. A folder stands for all files
          in it and its subfolders, sorted by name, and a pattern such as `logs/*.gz` for the files that match it.
        - `format`: the source; by default, or with `auto`, it is detected.
        - `progress`: a function that is called with a Progress at most ten times a second, or a progress bar of tqdm
          (`tqdm(unit="B", unit_scale=True)`).
        - `rejects`: a function that is called with each Rejection, for example `rejected.append`.
        - `checkpoint`: whether to write a checkpoint at the end.
        - `zone`: the time zone of times that are written without one, as in `ingest`. A replay that resumes refuses another
          one.
        - `ignore`: unknown interaction types to ignore, as in `ingest`.

        An input that is damaged or cannot be read does not stop the others: `problems` lists it.

        When the call returns, everything in the report survives a power cut. An exception in `progress` or `rejects`, and
        Ctrl-C, stop the replay. The same call with the same paths then resumes it, also after the process was killed; the
        last rejections before the stop can be reported twice.

        A replay of open files does not resume, because they are read ahead. Open them again and replay them from the
        beginning: known events count as duplicates.
        """
    def report(
        self,
        /,
        from_: int | str | datetime,
        to: int | str | datetime | None = None,
        *,
        every: str | None = None,
        by: SupportsGetItem[int, Literal["agent", "tenant", "channel", "source", "shortcode"]] | None = None,
        measures: SupportsGetItem[int, str] | None = None,
        tz: str | None = None,
        attribute: Literal["end", "start"] | None = None,
        calendar: str | Mapping[str, Any] | None = None,
        exclude_agents: SupportsGetItem[int, str] | None = None,
        tenants: SupportsGetItem[int, str] | None = None,
        known_at: int | str | datetime | None = None,
    ) -> ArrowTable:
        """
        Returns what happened, by time and group, as a table with one row per bucket and group: counts, durations, levels.
        `docs/measures.md` defines each measure.

        - `from_`, `to`: the beginning and the end; events at exactly `to` do not count. A time is milliseconds since the
          epoch, a `datetime` with a time zone, or a text: RFC 3339, a date or a local time of the zone `tz`
          (`2026-03-02`, `2026-03-02 09:00`), or a time before now (`-7d`). A report ends now at the latest, and of a view at
          its `time`.
        - `every`: the length of a bucket: `1h`, `6h` (hours that divide a day), `1d`, `1w`, `1mo`, `3mo`; one bucket by
          default.
        - `by`: by what each bucket is divided; each value is that of the moment of what is counted.
        - `measures`: names such as `open`, `response` or `within:5m`; all but `within` by default.
        - `tz`: the time zone in which buckets begin, such as `Europe/Berlin`; UTC by default.
        - `attribute`: the bucket to which a duration belongs: that in which it ends (`end`, the default) or starts.
        - `calendar`: business hours, inside which durations count: a dict, or its JSON.
        - `exclude_agents`: agents whose answers do not count, such as bots: ids, or names of agents without an id.
        - `tenants`: only what happened while a conversation belonged to one of them.
        - `known_at`: the report as it was known then: a time as for `at`, or a sequence number such as `seq:812`. The
          report ends then at the latest.

        The columns are `from` and `to` (`timestamp[ms, tz]`), those of the groups (`agent_tenant`, `agent_id`, `agent_name`,
        `tenant`, `channel`, `source`, `shortcode`), and one per measure: a number for a count or a duration in milliseconds,
        and a struct for a level (`end`, `max`, `mean`), for durations (`n`, `pending`, `mean`, `p50`, `p90`, `p95`, `max`; of
        responses also `unknown`) and for `within` (`met`, `missed`, `pending`, `unknown`, `share`).
        """
    def report_rows(
        self,
        /,
        measure: str,
        from_: int | str | datetime,
        to: int | str | datetime | None = None,
        *,
        every: str | None = None,
        by: SupportsGetItem[int, Literal["agent", "tenant", "channel", "source", "shortcode"]] | None = None,
        tz: str | None = None,
        attribute: Literal["end", "start"] | None = None,
        calendar: str | Mapping[str, Any] | None = None,
        exclude_agents: SupportsGetItem[int, str] | None = None,
        tenants: SupportsGetItem[int, str] | None = None,
        known_at: int | str | datetime | None = None,
    ) -> ArrowTable:
        """
        Returns what a measure of a report counted: one row for each conversation, message or turn, with the arguments of
        `report`. There are as many as the number says, then come those that are pending.

        The columns are `from` and `to` of the bucket, those of the groups, `conversation_id`, `since` (when it began),
        `at` (when it happened or ended), `value` (its duration in milliseconds, or its unread messages) and `outcome` (`met`,
        `missed` or `pending`; null if it is the same for all).
        """
    def retain(
        self,
        /,
        *,
        log: timedelta | None = None,
        texts: timedelta | None = None,
        closed: timedelta | None = None,
        tenant: str | None = None,
        now: int | str | datetime | None = None,
        dry_run: bool = False,
    ) -> Retained:
        """
        Removes what is older than these ages (`datetime.timedelta`), while the database is in use. Nothing that was removed comes
        back if it arrives again. Conversations under a legal hold stay as they are.

        - `log`: drops older events from the log; states stay.
        - `texts`: removes older texts; events, counts and times stay.
        - `closed`: removes conversations that are closed and in which nothing happened since. It needs `log`, the same or shorter.
        - `tenant`: `texts` and `closed` are for this tenant only.
        - `now`: the time to which ages count (default: now).
        - `dry_run`: says what would be removed, and changes nothing.

        If texts or conversations are removed, the database is read as a whole and written again, which needs room for a second copy on the
        disk.
        """
    def retention_runs(self, /) -> list[RetentionRun]:
        """
        Returns all runs of retention.
        """
    def state(self, /, id: str) -> State | None:
        """
        Returns the state of a conversation; None if there is no such conversation.
        """
    def state_hash(self, /) -> str:
        """
        Returns the state hash: 64 hexadecimal digits, equal if and only if the states of all conversations are equal.
        """
    def states(self, /) -> States:
        """
        Returns an iterator over the state of every conversation; otherwise like `conversations`.
        """
    def stats(self, /) -> Stats:
        """
        Returns figures about the database.
        """
    def submit(
        self,
        /,
        events: Event | dict[str, Any] | Iterable[Event | dict[str, Any]],
        *,
        durability: Literal["synced", "buffered"] | None = None,
        bookmark: tuple[str, str | Buffer | None] | None = None,
    ) -> Receipt:
        """
        Commits events of a custom source and waits for the commit. After a crash, either all of them are in the database or
        none.

        - `events`: Event objects, or dicts with the arguments of Event as keys. In a dict, `"agent": None` states that nobody
          is assigned, like `null` in the JSON form. At most 65,536 events.
        - `durability`: as in `ingest`.
        - `bookmark`: a name and a value (bytes or str; None deletes the bookmark) that are committed together with the
          events, for example the position in an upstream from which to resume.
        """
    def submit_nowait(
        self,
        /,
        events: Event | dict[str, Any] | Iterable[Event | dict[str, Any]],
        *,
        durability: Literal["synced", "buffered"] | None = None,
        bookmark: tuple[str, str | Buffer | None] | None = None,
        block: bool = False,
    ) -> Ticket:
        """
        Like `submit`, but returns a ticket immediately. If the queue of the writer is full, it raises QueueFullError, or
        waits for a place in the queue with `block=True`.
        """
    def suspects(
        self,
        /,
        *,
        since: int | str | datetime | None = None,
        until: int | str | datetime | None = None,
        tenant: str | None = None,
        source: str | None = None,
        zone: str | None = None,
    ) -> Suspects:
        """
        Returns what is suspect in all conversations: kinds, sources, days, and when messages were lost by the numbers that the
        sources state.

        - `since`, `until`: only events at this time or later, and before this time.
        - `tenant`, `source`: only their conversations.
        - `zone`: the time zone in which days begin, such as `Europe/Berlin`; UTC by default.
        """
    def sync(self, /) -> None:
        """
        Waits until everything that was submitted before survives a power cut.
        """
    def to_arrow(self, /, table: Literal["conversations", "messages", "assignments"] | None = None) -> ArrowTable:
        """
        Returns a table for polars, pandas, DuckDB and pyarrow:

        - `conversations` (the default): one row per conversation. The columns are the keys of the export, with those of
          nested objects as `member_name`, `agent_id`, `last_message_text`, `session_status`; `suspicions` is their number.
        - `messages`: one row per message: `conversation_id`, `tenant`, `channel`, `seq`, `occurred_at`, `said_at` (the own
          time of the message), `direction`, `agent_id` and `agent_name` (the agent assigned then), `message_text`,
          `event_identity`, `is_late`, and `is_counted` (false for a message that lost to another event with the same
          identity).
        - `assignments`: one row per change of the agent: `conversation_id`, `tenant`, `assignment_number` (from 1 for each
          conversation), `assigned_at`, `agent_id` and `agent_name` (null if nobody is assigned).

        `conversation_id` joins the tables. Times are `timestamp[ms, UTC]`.
        """
    def to_pandas(self, /, table: Literal["conversations", "messages", "assignments"] | None = None) -> object:
        """
        Reads a table of `to_arrow` as a `pandas.DataFrame`. Needs pandas and pyarrow: `pip install 'convofold[pandas]'`.
        """
    def to_polars(self, /, table: Literal["conversations", "messages", "assignments"] | None = None) -> object:
        """
        Reads a table of `to_arrow` as a `polars.DataFrame`. Needs polars: `pip install 'convofold[polars]'`.
        """
    def totals(self, /) -> list[Totals]:
        """
        Returns counts per tenant and channel.
        """
    def trim(self, /, before: int | str | datetime) -> TrimReport:
        """
        Removes the beginning of the log: blocks in which all events happened before a time. States, histories and the state
        hash stay the same. Make a backup first.
        """
    def verify(self, /) -> VerifyReport:
        """
        Checks all data on disk and in memory against the log, while the database is in use. Problems are listed in the
        report.
        """

@final
class Counters:
    """
    Counters and gauges of an open database, for monitoring. Counters start at 0 when the database is opened and never
    decrease.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def barrier_latency(self, /) -> Latency:
        """
        Latency of making written data durable.
        """
    @property
    def batches(self, /) -> int:
        """
        Committed batches.
        """
    @property
    def checkpoint_age_ms(self, /) -> int | None:
        """
        Age of the newest checkpoint, in milliseconds; None before the first.
        """
    @property
    def checkpoint_bytes(self, /) -> int:
        """
        Gauge: size of the pages of the newest checkpoint, in bytes.
        """
    @property
    def checkpoint_seq(self, /) -> int:
        """
        Sequence number of the last event in the newest checkpoint; 0 if there is no checkpoint.
        """
    @property
    def checkpoints(self, /) -> int:
        """
        Checkpoints written.
        """
    @property
    def commit_latency(self, /) -> Latency:
        """
        Latency of batches, from submission to acknowledgement.
        """
    @property
    def conversations(self, /) -> int:
        """
        Gauge: number of conversations.
        """
    @property
    def durable_seq(self, /) -> int:
        """
        Sequence number of the last event that survives a power cut.
        """
    @property
    def events(self, /) -> EffectCounts:
        """
        Committed events by effect.
        """
    @property
    def groups(self, /) -> int:
        """
        Groups of batches that were written to the log together.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event in the log; 0 if the log is empty.
        """
    @property
    def log_bytes(self, /) -> int:
        """
        Gauge: compressed size of the log, in bytes.
        """
    @property
    def open(self, /) -> int:
        """
        Gauge: number of open conversations.
        """
    @property
    def pages_read(self, /) -> int:
        """
        Pages of conversations that were read from disk.
        """
    @property
    def poisoned(self, /) -> bool:
        """
        Whether a write failed. Further writes are refused until the database is opened again.
        """
    @property
    def queue_capacity(self, /) -> int:
        """
        Maximum number of submissions in the queue.
        """
    @property
    def queue_depth(self, /) -> int:
        """
        Gauge: submissions in the queue of the writer.
        """
    @property
    def queue_full(self, /) -> int:
        """
        Batches that were refused because the queue was full.
        """
    @property
    def rejected(self, /) -> int:
        """
        Rejected input.
        """
    @property
    def reloaded(self, /) -> int:
        """
        Conversations that were reloaded into memory because of a new event.
        """
    @property
    def resident(self, /) -> int:
        """
        Gauge: number of conversations in memory, open or closed.
        """
    @property
    def resident_bytes(self, /) -> int:
        """
        Gauge: approximate size of the conversations in memory, in bytes.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Diff:
    """
    An iterator over the conversations that differ between two sides, from `diff`.
    """
    def __iter__(self, /) -> Diff: ...
    def __next__(self, /) -> dict[str, Any]: ...

@final
class Disclosed:
    """
    What was disclosed.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events.
        """
    @property
    def lines(self, /) -> int:
        """
        Number of lines of other files in the directory of the database, such as rejects of a server.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class EffectCounts:
    """
    Number of events by effect.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def applied(self, /) -> int:
        """
        New events, each later than all known events of its conversation.
        """
    @property
    def conflicts(self, /) -> int:
        """
        Events that contradict a known event with the same identity.
        """
    @property
    def duplicates(self, /) -> int:
        """
        Events that were already known.
        """
    @property
    def erased(self, /) -> int:
        """
        Events that were erased before, and do not come back.
        """
    @property
    def late(self, /) -> int:
        """
        New events that were inserted before known events of their conversation.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Erasable:
    """
    A conversation that an erasure would change.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def by(self, /) -> str:
        """
        How its events name the member.
        """
    @property
    def conversation(self, /) -> str:
        """
        Id of the conversation.
        """
    @property
    def events(self, /) -> int:
        """
        Number of its events.
        """
    @property
    def first_seq(self, /) -> int:
        """
        Sequence number of its first event.
        """
    @property
    def held(self, /) -> bool:
        """
        Whether a legal hold keeps it.
        """
    @property
    def status(self, /) -> Literal["open", "closed"]:
        """
        Status: `open` or `closed`.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Erased:
    """
    What an erasure did.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def after_bytes(self, /) -> int:
        """
        Size of the storage now, in bytes.
        """
    @property
    def also_elsewhere(self, /) -> int:
        """
        Number of erased names, ids and texts that also occur in other conversations, where they stay.
        """
    @property
    def before_bytes(self, /) -> int:
        """
        Size of the storage before, in bytes.
        """
    @property
    def damaged_values(self, /) -> int:
        """
        Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
        """
    @property
    def receipt(self, /) -> Erasure:
        """
        The receipt, which is kept in the database.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Erasure:
    """
    The receipt of an erasure, for an auditor. It names nobody.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        When it was made, in milliseconds since the epoch.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of erased conversations.
        """
    @property
    def events(self, /) -> int:
        """
        Number of erased events.
        """
    @property
    def hash_after(self, /) -> str:
        """
        State hash after it.
        """
    @property
    def keyed_hash_before(self, /) -> str:
        """
        HMAC of the state hash before it, in hexadecimal digits, with a key of the database.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event then.
        """
    @property
    def number(self, /) -> int:
        """
        Number of the erasure, from 1.
        """
    @property
    def rule(self, /) -> str:
        """
        The reason that was given to the erasure.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Event:
    """
    A fact about a conversation.

    The arguments are the keys of convofold's own JSON format. An argument that is omitted or None states nothing.

    - `source`: name of the custom source.
    - `kind`: what the event does to the conversation.
    - `identity`, `part`: identity of the event, by which repeated deliveries are detected (default: a hash of its content).
    - `occurred`, `sent`, `started`, `active`: times, as milliseconds since the epoch, a `datetime` with a time zone, or an
      RFC 3339 string.
    - `unread`: number of unread messages.
    - `agent`: an id, an AgentRef, a dict with `id`, `name` or both, or False for nobody.
    - `direction`, `channel`, `text`: of a message.
    - `session`: values of a SuperOffice session, as a dict with the fields of Session as keys.
    - `convofold`: version of the format; always 1.
    """

    __hash__: Final = None
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(
        cls,
        /,
        source: str,
        conversation: str,
        kind: Literal["open", "open_closed", "update", "update_open", "message", "close"],
        *,
        identity: str | None = None,
        part: SupportsIndex = 0,
        occurred: int | str | datetime | None = None,
        sent: int | str | datetime | None = None,
        started: int | str | datetime | None = None,
        active: int | str | datetime | None = None,
        unread: SupportsIndex | None = None,
        agent: str | AgentRef | Mapping[str, str | None] | Literal[False] | None = None,
        direction: Literal["in", "out"] | None = None,
        channel: str | None = None,
        text: str | None = None,
        member_name: str | None = None,
        member_number: str | None = None,
        member_business_id: str | None = None,
        member_channel_id: str | None = None,
        shortcode: str | None = None,
        app_key: str | None = None,
        tenant: str | None = None,
        session: dict[str, Any] | None = None,
        convofold: SupportsIndex = 1,
    ) -> Event: ...
    def __repr__(self, /) -> str: ...
    @property
    def active(self, /) -> int | None:
        """
        The latest activity that the event states, in milliseconds since the epoch.
        """
    @property
    def agent(self, /) -> AgentRef | None:
        """
        The assigned agent that the event states; None if it states none, or that nobody is assigned.
        """
    @property
    def app_key(self, /) -> str | None:
        """
        App key of Airship.
        """
    @property
    def at(self, /) -> int:
        """
        Time of the event, in milliseconds since the epoch, as far as the event alone determines it.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def channel(self, /) -> str | None:
        """
        Channel of a message.
        """
    @property
    def conversation(self, /) -> str:
        """
        Id of the conversation.
        """
    @property
    def direction(self, /) -> Literal["in", "out"] | None:
        """
        Direction of a message: `in` (from the customer), `out` (to the customer) or None.
        """
    @property
    def identity(self, /) -> str:
        """
        Identity of the event: the id that the source gave, or a hash of its content.
        """
    @property
    def kind(self, /) -> Literal["open", "open_closed", "update", "update_open", "message", "close"]:
        """
        What the event does to the conversation.
        """
    @property
    def member_business_id(self, /) -> str | None:
        """
        Id of the customer at the business.
        """
    @property
    def member_channel_id(self, /) -> str | None:
        """
        Channel id of the customer.
        """
    @property
    def member_name(self, /) -> str | None:
        """
        Name of the customer.
        """
    @property
    def member_number(self, /) -> str | None:
        """
        Number of the customer.
        """
    @property
    def nobody(self, /) -> bool:
        """
        Whether the event states that nobody is assigned.
        """
    @property
    def occurred(self, /) -> int | None:
        """
        When it happened, by the clock of the source, in milliseconds since the epoch.
        """
    @property
    def sent(self, /) -> int | None:
        """
        The own time of a message, in milliseconds since the epoch.
        """
    @property
    def shortcode(self, /) -> str | None:
        """
        The sender that the customer wrote to.
        """
    @property
    def source(self, /) -> str:
        """
        The source: `airship`, `superoffice` or the name of a custom source.
        """
    @property
    def started(self, /) -> int | None:
        """
        The start of the conversation that the event states, in milliseconds since the epoch.
        """
    @property
    def tenant(self, /) -> str | None:
        """
        The business that the conversation belongs to.
        """
    @property
    def text(self, /) -> str | None:
        """
        Text of a message.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the event in convofold's own format, as a dict.
        """
    def to_json(self, /) -> str:
        """
        Returns the event as a line of JSON in convofold's own format, which can be ingested again.
        """
    @property
    def unread(self, /) -> int | None:
        """
        Number of unread messages that the event states.
        """

@final
class EventExportReport:
    """
    The size of an export of events.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def bytes(self, /) -> int:
        """
        Size in bytes, line feeds included.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events, one per line.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last exported event; 0 if there is none.
        """
    @property
    def longest_line_bytes(self, /) -> int:
        """
        Size of the longest line in bytes, without its line feed.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Explanation:
    """
    Why a field of a state has its value.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def because(self, /) -> list[Reason]:
        """
        The events that make it so, in the order in which they happened. Of the other events, any can be missing, and the
        value is the same. If there are more than the limit, the first and the last ones.
        """
    @property
    def because_count(self, /) -> int | None:
        """
        Their number, if there are more; otherwise None.
        """
    @property
    def field(self, /) -> str:
        """
        Path of the field in the export, such as `member.name`.
        """
    @property
    def not_(self, /) -> list[Reason]:
        """
        Later events that do not change it. If there are more than the limit, the last ones. In a dict, the key is `not`.
        """
    @property
    def not_count(self, /) -> int | None:
        """
        Their number, if there are more; otherwise None.
        """
    @property
    def over(self, /) -> list[Reason]:
        """
        The events that would decide if there were none of those, the next one first. If there are more than the limit, the
        nearest ones.
        """
    @property
    def over_count(self, /) -> int | None:
        """
        Their number, if there are more; otherwise None.
        """
    @property
    def rule(self, /) -> str:
        """
        Number of the rule that defines it.
        """
    @property
    def sentence(self, /) -> str:
        """
        The rule in one sentence.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def value(self, /) -> Any:
        """
        Its value, as in the dict of a state.
        """
    @property
    def without(self, /) -> Any | None:
        """
        The value without the events of `because`, all of them; None also if the conversation would not exist.
        """

@final
class ExportReport:
    """
    The size of an export of conversations.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def bytes(self, /) -> int:
        """
        Size in bytes, line feeds included.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations, one per line.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class HistoryEntry:
    """
    An event in the history of its conversation.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def assigned(self, /) -> AgentRef | None:
        """
        The assigned agent after the event, with the latest name known in the conversation; None if nobody is assigned.
        """
    @property
    def at(self, /) -> int:
        """
        Time of the event, in milliseconds since the epoch.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def counts(self, /) -> bool:
        """
        False for an event that lost to another event with the same identity: it is listed and has no effect.
        """
    @property
    def event(self, /) -> Event:
        """
        The event.
        """
    @property
    def late(self, /) -> bool:
        """
        Whether a later event was known when this one arrived.
        """
    @property
    def said_at(self, /) -> int | None:
        """
        The own time of a message, or the time of the text in a lifecycle event.
        """
    @property
    def seq(self, /) -> int:
        """
        Sequence number: the order in which events arrived.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Hold:
    """
    A legal hold.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        When it was placed, in milliseconds since the epoch.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def number(self, /) -> int:
        """
        Number of the hold.
        """
    @property
    def reason(self, /) -> str:
        """
        Why.
        """
    @property
    def subject(self, /) -> str:
        """
        Whom it is about, such as `member 700100`.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class IngestReport:
    """
    The outcome of an ingest.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def counts(self, /) -> EffectCounts:
        """
        Number of events by effect.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events found in the input.
        """
    @property
    def ignored(self, /) -> dict[str, dict[str, int]]:
        """
        Number of ignored lines and elements by source and reason.
        """
    @property
    def rejected(self, /) -> dict[str, int]:
        """
        Number of rejections by reason.
        """
    @property
    def rejections(self, /) -> list[Rejection]:
        """
        The first inputs that are not valid events, in the order of the input.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class InputProblem:
    """
    A problem with an input.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def byte_offset(self, /) -> int:
        """
        Offset of that line, decompressed.
        """
    @property
    def input(self, /) -> str:
        """
        Name of the input.
        """
    @property
    def is_harmless(self, /) -> bool:
        """
        Whether the input was read to its end, and only something after it was ignored.
        """
    @property
    def line(self, /) -> int:
        """
        Number of the line after the last one that was read, from 1.
        """
    @property
    def problem(self, /) -> str:
        """
        What was found.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class LastMessage:
    """
    The latest message with a text.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        Time of the message.
        """
    @property
    def direction(self, /) -> Literal["in", "out"] | None:
        """
        Direction: `in` (from the customer), `out` (to the customer) or None.
        """
    @property
    def text(self, /) -> str:
        """
        The text.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Latency:
    """
    A latency distribution, in microseconds. Quantiles are rounded up to a power of two.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def count(self, /) -> int:
        """
        Number of measurements.
        """
    @property
    def p50_us(self, /) -> int | None:
        """
        Median; None without measurements.
        """
    @property
    def p999_us(self, /) -> int | None:
        """
        99.9th percentile; None without measurements.
        """
    @property
    def p99_us(self, /) -> int | None:
        """
        99th percentile; None without measurements.
        """
    @property
    def sum_us(self, /) -> int:
        """
        Sum of all measurements.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Loss:
    """
    An interval in which messages of a source were lost. One loss explains the gaps of all conversations that have a time in
    common. Times are milliseconds since the epoch.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def earliest(self, /) -> int:
        """
        Beginning of the earliest gap: no message before it is missing.
        """
    @property
    def from_(self, /) -> int:
        """
        Beginning of the time that all gaps have in common. In a dict, the key is `from`.
        """
    @property
    def gaps(self, /) -> int:
        """
        Number of gaps: stated counts that are greater than what is known.
        """
    @property
    def latest(self, /) -> int:
        """
        End of the latest gap: no message after it is missing.
        """
    @property
    def missing(self, /) -> int:
        """
        Number of missing messages, at least.
        """
    @property
    def source(self, /) -> str:
        """
        The source.
        """
    @property
    def to(self, /) -> int:
        """
        End of the time that all gaps have in common.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Lost:
    """
    A range of lost events.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def after_ms(self, /) -> int | None:
        """
        Time of the preceding event, in milliseconds since the epoch; None if there is none.
        """
    @property
    def before_ms(self, /) -> int | None:
        """
        Time of the following event, in milliseconds since the epoch; None if there is none.
        """
    @property
    def first_seq(self, /) -> int:
        """
        Sequence number of the first lost event, in the old log.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last lost event, in the old log.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Member:
    """
    The customer of a conversation.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def business_id(self, /) -> str | None:
        """
        Id at the business.
        """
    @property
    def channel_id(self, /) -> str | None:
        """
        Channel id.
        """
    @property
    def name(self, /) -> str | None:
        """
        Name; `Unknown` only if no other name was ever given.
        """
    @property
    def number(self, /) -> str | None:
        """
        Phone number, or device and channel.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class MomentReport:
    """
    What an answer about the past is about.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def as_of(self, /) -> int | None:
        """
        The bound of event time, in milliseconds since the epoch; None if there is none.
        """
    @property
    def as_of_utc(self, /) -> datetime | None:
        """
        `as_of` as a `datetime` in UTC.
        """
    @property
    def known_at(self, /) -> int | None:
        """
        Sequence number of the last known event; None if there is no bound of arrival.
        """
    @property
    def late_events(self, /) -> int | None:
        """
        Number of late events of the conversation that the answer is about; see `View.late_events`.
        """
    @property
    def replayed(self, /) -> bool | None:
        """
        Whether the event `known_at` came with history that was replayed: each event of its commit had happened more than
        an hour before. `time` is then the time of the replay. None without `known_at`, and where the log was trimmed.
        """
    @property
    def time(self, /) -> int | None:
        """
        The time to which ages count, in milliseconds since the epoch.
        """
    @property
    def time_utc(self, /) -> datetime | None:
        """
        `time` as a `datetime` in UTC.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def words(self, /) -> str:
        """
        All of this in words, with times in UTC.
        """

@final
class Page:
    """
    A page of a query result. It has a length and can be iterated over.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __iter__(self, /) -> Iterator[ConversationRow]: ...
    def __len__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def next(self, /) -> str | None:
        """
        The `cursor` of the next page; None on the last page.
        """
    @property
    def rows(self, /) -> list[ConversationRow]:
        """
        The conversations, in order.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def unknown(self, /) -> list[UnknownValue]:
        """
        Why the first page is empty: the conditions whose value no open conversation has, with similar values.
        """

@final
class Progress:
    """
    The progress of a replay.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def bytes_read(self, /) -> int:
        """
        Number of bytes read; for compressed files, of compressed bytes.
        """
    @property
    def bytes_total(self, /) -> int | None:
        """
        Size of all inputs in bytes; None if an input is not a file.
        """
    @property
    def elapsed_ms(self, /) -> int:
        """
        Duration of this run in milliseconds.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events submitted, those of earlier runs included.
        """
    @property
    def events_per_second(self, /) -> float:
        """
        Events per second in this run.
        """
    @property
    def input(self, /) -> str:
        """
        Name of the current input.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Reason:
    """
    An event in an explanation.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        Time of the event, in milliseconds since the epoch.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def event(self, /) -> Literal["open", "open_closed", "update", "update_open", "message", "close"]:
        """
        The kind of the event.
        """
    @property
    def learned_after_ms(self, /) -> int | None:
        """
        Duration from the time of the event to its commit, in milliseconds; None if the log cannot be read there.
        """
    @property
    def seq(self, /) -> int:
        """
        Sequence number of the event.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def why(self, /) -> str | None:
        """
        Its part in the value, or why it has none; None if the rule says it.
        """

@final
class Receipt:
    """
    The outcome of a committed batch.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def counts(self, /) -> EffectCounts:
        """
        Number of events by effect.
        """
    @property
    def durable(self, /) -> bool:
        """
        Whether the batch already survives a power cut. Always true with `durability="synced"`.
        """
    @property
    def effects(self, /) -> list[Literal["applied", "late", "duplicate", "conflict", "erased"]]:
        """
        The effect of each event, in the order of the batch.
        """
    @property
    def first_seq(self, /) -> int | None:
        """
        Sequence number of the first event that was written to the log; None if none was.
        """
    @property
    def last_seq(self, /) -> int | None:
        """
        Sequence number of the last event that was written to the log; None if none was.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Recovery:
    """
    What opening the database found and did.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks_replayed(self, /) -> int:
        """
        Number of log blocks with these events.
        """
    @property
    def checkpoint_seq(self, /) -> int | None:
        """
        Sequence number of the last event in the checkpoint that was loaded; None if the whole log was folded.
        """
    @property
    def damaged_erasures(self, /) -> list[int]:
        """
        Numbers of erasures whose records are damaged. Only a database that is opened for reading has any; otherwise opening
        fails.
        """
    @property
    def damaged_holds(self, /) -> list[int]:
        """
        The same for legal holds.
        """
    @property
    def events_replayed(self, /) -> int:
        """
        Number of events folded after the checkpoint.
        """
    @property
    def is_new(self, /) -> bool:
        """
        Whether the database was created.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event in the log; 0 if the log is empty.
        """
    @property
    def removed_files(self, /) -> list[str]:
        """
        Incomplete files of a killed process, which were removed.
        """
    @property
    def scan_finding(self, /) -> str | None:
        """
        Unexpected data after the end of sled's log, as a killed process can leave it; None if there was none.
        """
    @property
    def skipped(self, /) -> list[SkippedCheckpoint]:
        """
        Checkpoints that could not be loaded, newest first. No data is lost: opening only takes longer.
        """
    @property
    def stray_values(self, /) -> int:
        """
        Number of values outside the part of the file that is made durable. Always 0.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """
    @property
    def unreadable_end_mark(self, /) -> bool:
        """
        Whether the file that records the end of the log was damaged or missing.
        """

@final
class Rejection:
    """
    Input that is not a valid event: its position, what was expected there and what was found.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    def __str__(self, /) -> str: ...
    @property
    def byte_offset(self, /) -> int:
        """
        Byte offset of the invalid value in the input, from 0.
        """
    @property
    def expected(self, /) -> str:
        """
        What was expected.
        """
    @property
    def found(self, /) -> str:
        """
        The beginning of what was found, with control characters escaped.
        """
    @property
    def input(self, /) -> str:
        """
        Name of the input file; empty if there is only one input.
        """
    @property
    def line(self, /) -> int:
        """
        Line in the input, from 1.
        """
    @property
    def path(self, /) -> str:
        """
        JSON path of the invalid value.
        """
    @property
    def raw(self, /) -> bytes:
        """
        The whole line, document or array element, or its first 64 KiB.
        """
    @property
    def raw_cut(self, /) -> bool:
        """
        Whether `raw` is cut.
        """
    @property
    def reason(self, /) -> str:
        """
        The kind of error.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    def to_json(self, /) -> str:
        """
        Returns the rejection as a reject record: a line of JSON that `ingest` and `replay` read again after its `raw` was
        repaired.
        """

@final
class RepairReport:
    """
    What a repair recovered, and what is lost.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks(self, /) -> int:
        """
        Number of readable log blocks.
        """
    @property
    def bookmarks_dropped(self, /) -> list[str]:
        """
        Bookmarks that were set after a lost event, and are therefore not in the new database.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations in the new database.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events in the new database.
        """
    @property
    def from_checkpoints(self, /) -> int:
        """
        Number of these that were recovered from a checkpoint, not from the log.
        """
    @property
    def lost(self, /) -> list[Lost]:
        """
        Ranges of lost events, in the order of the log; empty if everything was recovered.
        """
    @property
    def lost_erasures(self, /) -> list[int]:
        """
        Numbers of erasures whose records are lost: what they erased comes back if it arrives again.
        """
    @property
    def lost_holds(self, /) -> list[int]:
        """
        Numbers of legal holds whose records are lost: they keep nothing any more, so place them again.
        """
    @property
    def lost_retention_runs(self, /) -> list[int]:
        """
        Numbers of runs of retention whose records are lost: what they removed comes back if it arrives again.
        """
    @property
    def state_hash(self, /) -> str:
        """
        State hash of the new database.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """

@final
class ReplayReport:
    """
    The outcome of a replay. After a resumed replay, the counts are those of all runs together.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def bytes(self, /) -> int:
        """
        Number of bytes read, decompressed.
        """
    @property
    def counts(self, /) -> EffectCounts:
        """
        Number of events by effect.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events found.
        """
    @property
    def ignored(self, /) -> dict[str, dict[str, int]]:
        """
        Number of ignored lines and elements by source and reason.
        """
    @property
    def incomplete_inputs(self, /) -> int:
        """
        Number of inputs that could not be read to their end; their complete lines before that were read.
        """
    @property
    def lines(self, /) -> int:
        """
        Number of lines read.
        """
    @property
    def problems(self, /) -> list[InputProblem]:
        """
        The first problems with inputs, at most 100.
        """
    @property
    def rejected(self, /) -> dict[str, int]:
        """
        Number of rejections by reason.
        """
    @property
    def resumed(self, /) -> bool:
        """
        Whether the replay resumed an earlier run.
        """
    @property
    def stopped(self, /) -> bool:
        """
        Whether the replay was stopped before the end of the inputs.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration of this run in milliseconds.
        """
    @property
    def uncounted(self, /) -> int:
        """
        Number of events with an unknown effect, because an earlier run was killed.
        """

@final
class RestoreReport:
    """
    A restored database.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks(self, /) -> int:
        """
        Number of blocks in the log.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event; 0 if there is none.
        """
    @property
    def state_hash(self, /) -> str:
        """
        State hash.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """

@final
class Retained:
    """
    What a run of retention did, or would do.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def after_bytes(self, /) -> int:
        """
        Size of the storage now, in bytes.
        """
    @property
    def before_bytes(self, /) -> int:
        """
        Size of the storage before, in bytes.
        """
    @property
    def damaged_values(self, /) -> int:
        """
        Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
        """
    @property
    def run(self, /) -> RetentionRun:
        """
        The run, as it is recorded.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class RetentionHorizon:
    """
    What a run of retention removed of one tenant.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def closed_before(self, /) -> int | None:
        """
        The time before which conversations that ended are gone, in milliseconds since the epoch; None without such a rule.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of removed conversations.
        """
    @property
    def events(self, /) -> int:
        """
        Number of their events.
        """
    @property
    def tenant(self, /) -> str | None:
        """
        The tenant; None for all without a rule of their own.
        """
    @property
    def texts(self, /) -> int:
        """
        Number of removed texts.
        """
    @property
    def texts_before(self, /) -> int | None:
        """
        The time before which texts are gone, in milliseconds since the epoch; None without a rule for texts.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class RetentionRun:
    """
    A run of retention.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        When it was made, in milliseconds since the epoch.
        """
    @property
    def at_utc(self, /) -> datetime:
        """
        `at` as a `datetime` in UTC.
        """
    @property
    def hash_after(self, /) -> str:
        """
        State hash after it.
        """
    @property
    def held(self, /) -> int:
        """
        Number of conversations that a legal hold kept as they are.
        """
    @property
    def horizons(self, /) -> list[RetentionHorizon]:
        """
        What was removed, by tenant.
        """
    @property
    def keyed_hash_before(self, /) -> str:
        """
        HMAC of the state hash before it, in hexadecimal digits, with a key of the database.
        """
    @property
    def number(self, /) -> int:
        """
        Number of the run, from 1.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def trimmed_events(self, /) -> int:
        """
        Number of events that were trimmed from the log.
        """

@final
class Session:
    """
    Values of a SuperOffice session.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def alert_level(self, /) -> int | None:
        """
        `AlertLevel`; SuperOffice documents no scale.
        """
    @property
    def chatbot_is_active(self, /) -> bool | None:
        """
        `ChatbotIsactive`.
        """
    @property
    def consented(self, /) -> bool | None:
        """
        `Consented`.
        """
    @property
    def contact_id(self, /) -> int | None:
        """
        `ContactId`.
        """
    @property
    def customer_alias(self, /) -> str | None:
        """
        `CustomerAlias`, the name that the customer chose.
        """
    @property
    def customer_id(self, /) -> int | None:
        """
        `CustomerId`.
        """
    @property
    def project_id(self, /) -> int | None:
        """
        `ProjectId`.
        """
    @property
    def rating(self, /) -> int | None:
        """
        `Rating`.
        """
    @property
    def sale_id(self, /) -> int | None:
        """
        `SaleId`.
        """
    @property
    def stale(self, /) -> bool:
        """
        Whether a `changed` event without a usable status followed the latest event with one.
        """
    @property
    def status(self, /) -> int | None:
        """
        `Status` as a number, including unknown ones.
        """
    @property
    def ticket_id(self, /) -> int | None:
        """
        `TicketId`.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def topic_id(self, /) -> int | None:
        """
        `TopicId`.
        """
    @property
    def user_id(self, /) -> int | None:
        """
        `UserId`.
        """

@final
class SkippedCheckpoint:
    """
    A checkpoint that could not be loaded.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def generation(self, /) -> int:
        """
        Generation of the checkpoint.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def why(self, /) -> str:
        """
        The reason.
        """

@final
class State:
    """
    The state of a conversation, derived from the set of its events.

    Times are milliseconds since the epoch, durations milliseconds, and None means unknown. The fields are the keys of
    the export, in its order.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def agent(self, /) -> AgentRef | None:
        """
        The assigned agent; None if nobody is assigned.
        """
    @property
    def app_key(self, /) -> str | None:
        """
        App key of Airship.
        """
    @property
    def assignments(self, /) -> list[Assigned]:
        """
        Every change of the agent, in order.
        """
    @property
    def by_agent(self, /) -> list[ByAgent]:
        """
        Number of messages by assigned agent.
        """
    @property
    def channel(self, /) -> str | None:
        """
        Channel of the latest message.
        """
    @property
    def closed_at(self, /) -> int | None:
        """
        Time of closing; None while open.
        """
    @property
    def closed_at_utc(self, /) -> datetime | None:
        """
        `closed_at` as a `datetime` in UTC.
        """
    @property
    def first_inbound_at(self, /) -> int | None:
        """
        Time of the first message from the customer.
        """
    @property
    def first_response_ms(self, /) -> int | None:
        """
        Duration from the first message of the customer to the first answer.
        """
    @property
    def id(self, /) -> str:
        """
        Id of the conversation.
        """
    @property
    def last_active_at(self, /) -> int | None:
        """
        Time of the latest activity; None if closed.
        """
    @property
    def last_active_at_utc(self, /) -> datetime | None:
        """
        `last_active_at` as a `datetime` in UTC.
        """
    @property
    def last_event_at(self, /) -> int:
        """
        Time of the latest event.
        """
    @property
    def last_event_at_utc(self, /) -> datetime:
        """
        `last_event_at` as a `datetime` in UTC.
        """
    @property
    def last_message(self, /) -> LastMessage | None:
        """
        The latest message with a text.
        """
    @property
    def latest_unanswered_at(self, /) -> int | None:
        """
        Time of the latest unanswered message; None if none is unanswered.
        """
    @property
    def member(self, /) -> Member:
        """
        The customer.
        """
    @property
    def messages_after_close(self, /) -> int:
        """
        Number of messages while the conversation was closed.
        """
    @property
    def messages_in(self, /) -> int:
        """
        Number of messages from the customer.
        """
    @property
    def messages_other(self, /) -> int:
        """
        Number of messages with an unknown direction.
        """
    @property
    def messages_out(self, /) -> int:
        """
        Number of messages to the customer.
        """
    @property
    def open_ms(self, /) -> int:
        """
        Total duration for which the conversation was open.
        """
    @property
    def opened_by(self, /) -> Literal["message", "lifecycle"]:
        """
        The kind of event that made the conversation known.
        """
    @property
    def reopens(self, /) -> int:
        """
        Number of times the conversation was reopened.
        """
    @property
    def session(self, /) -> Session | None:
        """
        Values of the SuperOffice session; None for other sources.
        """
    @property
    def shortcode(self, /) -> str | None:
        """
        The sender that the customer wrote to.
        """
    @property
    def source(self, /) -> str:
        """
        Source of its events: `airship`, `superoffice` or the name of a custom source.
        """
    @property
    def started_at(self, /) -> int:
        """
        Start of the conversation.
        """
    @property
    def started_at_utc(self, /) -> datetime:
        """
        `started_at` as a `datetime` in UTC.
        """
    @property
    def status(self, /) -> Literal["open", "closed"]:
        """
        Whether the conversation is open.
        """
    @property
    def suspect(self, /) -> list[Suspicion]:
        """
        Contradictions in the data of the source, such as missing messages.
        """
    @property
    def tenant(self, /) -> str | None:
        """
        The business that the conversation belongs to.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def unread(self, /) -> int:
        """
        Number of unread messages.
        """
    @property
    def waiting_since(self, /) -> int | None:
        """
        Time of the first unanswered message; None if none is unanswered.
        """
    @property
    def waiting_since_utc(self, /) -> datetime | None:
        """
        `waiting_since` as a `datetime` in UTC.
        """

@final
class States:
    """
    An iterator over the state of every conversation.
    """
    def __iter__(self, /) -> States: ...
    def __length_hint__(self, /) -> int:
        """
        Returns the number of remaining rows; of a view, the maximum.
        """
    def __next__(self, /) -> State: ...

@final
class Stats:
    """
    Figures about a database.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks(self, /) -> int:
        """
        Number of blocks in the log.
        """
    @property
    def checkpoint_seq(self, /) -> int:
        """
        Sequence number of the last event in the newest checkpoint; 0 if there is no checkpoint.
        """
    @property
    def closed_before(self, /) -> int | None:
        """
        The same for closed conversations.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations.
        """
    @property
    def disk_bytes(self, /) -> int:
        """
        Size of the database on disk, in bytes.
        """
    @property
    def durable_seq(self, /) -> int:
        """
        Sequence number of the last event that survives a power cut.
        """
    @property
    def first_seq(self, /) -> int:
        """
        Sequence number of the first event in the log: 1, unless the log was trimmed.
        """
    @property
    def last_retention_at(self, /) -> int | None:
        """
        When the last run of retention was, in milliseconds since the epoch; None if there was none.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event in the log; 0 if the log is empty.
        """
    @property
    def log_bytes(self, /) -> int:
        """
        Compressed size of the log, in bytes.
        """
    @property
    def open(self, /) -> int:
        """
        Number of open conversations.
        """
    @property
    def resident(self, /) -> int:
        """
        Number of conversations in memory, open or closed.
        """
    @property
    def resident_bytes(self, /) -> int:
        """
        Approximate size of the conversations in memory, in bytes.
        """
    @property
    def texts_before(self, /) -> int | None:
        """
        The time before which texts were removed, of one tenant or of all, in milliseconds since the epoch; None if none were.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def unused_bytes(self, /) -> int:
        """
        About how many of these bytes are neither the log nor the newest checkpoint; `compact` gives most of them back.
        """

@final
class Suspects:
    """
    What is suspect in many conversations.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations with a suspect event.
        """
    @property
    def days(self, /) -> list[SuspectsOfDay]:
        """
        Suspect events by day, kind and source.
        """
    @property
    def events(self, /) -> int:
        """
        Number of suspect events.
        """
    @property
    def kinds(self, /) -> list[SuspectsOfKind]:
        """
        Suspect events by kind and source.
        """
    @property
    def losses(self, /) -> list[Loss]:
        """
        When messages were lost.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def zone(self, /) -> str:
        """
        The time zone of the days.
        """

@final
class SuspectsOfDay:
    """
    The suspect events of a day, a kind and a source.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations.
        """
    @property
    def day(self, /) -> str:
        """
        The day, as `2026-03-02`.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events.
        """
    @property
    def kind(self, /) -> Literal["unread", "clock_ahead", "untimed_close"]:
        """
        The kind.
        """
    @property
    def missing(self, /) -> int:
        """
        Number of missing messages, at least.
        """
    @property
    def source(self, /) -> str:
        """
        The source of the conversations.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class SuspectsOfKind:
    """
    The suspect events of a kind and a source.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events.
        """
    @property
    def first_at(self, /) -> int:
        """
        Time of the first event, in milliseconds since the epoch.
        """
    @property
    def first_at_utc(self, /) -> datetime:
        """
        `first_at` as a `datetime` in UTC.
        """
    @property
    def kind(self, /) -> Literal["unread", "clock_ahead", "untimed_close"]:
        """
        The kind.
        """
    @property
    def last_at(self, /) -> int:
        """
        Time of the last event, in milliseconds since the epoch.
        """
    @property
    def last_at_utc(self, /) -> datetime:
        """
        `last_at` as a `datetime` in UTC.
        """
    @property
    def missing(self, /) -> int:
        """
        Number of missing messages, at least.
        """
    @property
    def source(self, /) -> str:
        """
        The source of the conversations.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Suspicion:
    """
    A contradiction in the data of the source. It is reported, and never corrected silently.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def at(self, /) -> int:
        """
        Time of the event that shows the contradiction.
        """
    @property
    def expected(self, /) -> int | None:
        """
        The value that the source states.
        """
    @property
    def field(self, /) -> Literal["clock", "unread"]:
        """
        What it concerns.
        """
    @property
    def found(self, /) -> int | None:
        """
        The value that follows from the events.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class Ticket:
    """
    A submitted batch. It is committed whether or not anybody waits for it.
    """
    def done(self, /) -> bool:
        """
        Returns whether the outcome is known.
        """
    def wait(self, /, timeout: SupportsFloat | SupportsIndex | None = None) -> Receipt:
        """
        Waits until the batch is committed, for at most `timeout` seconds (None: without limit). Raises TimeoutError after
        the timeout; the batch can still be committed then.
        """

@final
class Totals:
    """
    Counts for a tenant and channel.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def channel(self, /) -> str | None:
        """
        Channel of the latest message.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations, open or closed.
        """
    @property
    def open(self, /) -> int:
        """
        Number of open conversations.
        """
    @property
    def tenant(self, /) -> str | None:
        """
        The tenant.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def unanswered_after_close(self, /) -> int:
        """
        Number of closed conversations that are unanswered after their close.
        """
    @property
    def unread(self, /) -> int:
        """
        Number of unread messages in the open conversations.
        """
    @property
    def waiting(self, /) -> int:
        """
        Number of conversations that wait for an answer.
        """

@final
class TrimReport:
    """
    What a trim removed from the log.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks(self, /) -> int:
        """
        Number of removed blocks.
        """
    @property
    def bytes(self, /) -> int:
        """
        Size of these blocks, in bytes.
        """
    @property
    def events(self, /) -> int:
        """
        Number of removed events.
        """
    @property
    def first_seq(self, /) -> int:
        """
        Sequence number of the first remaining event, or of the next one if none remains.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class UnknownValue:
    """
    A condition that no open conversation meets, whatever the other conditions are.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def condition(self, /) -> str:
        """
        Name of the condition, such as `agent`.
        """
    @property
    def similar(self, /) -> list[str]:
        """
        Similar values that open conversations have, the most similar one first.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def value(self, /) -> str:
        """
        Its value.
        """

@final
class VerifiedCheckpoint:
    """
    A stored checkpoint that was verified.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def compared(self, /) -> bool:
        """
        Whether it was compared with the log.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of its conversations that were compared with the log.
        """
    @property
    def generation(self, /) -> int:
        """
        Generation of the checkpoint.
        """
    @property
    def seq(self, /) -> int:
        """
        Sequence number of its last event; 0 if it cannot be read.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """

@final
class VerifyReport:
    """
    The outcome of a verification.
    """

    __hash__: Final = None
    __match_args__: Final[tuple[str, ...]]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...
    @property
    def blocks(self, /) -> int:
        """
        Number of valid log blocks.
        """
    @property
    def checkpoints(self, /) -> list[VerifiedCheckpoint]:
        """
        The stored checkpoints.
        """
    @property
    def conversations(self, /) -> int:
        """
        Number of conversations in memory that were compared; 0 if the log is not whole.
        """
    @property
    def events(self, /) -> int:
        """
        Number of events in them.
        """
    @property
    def last_seq(self, /) -> int:
        """
        Sequence number of the last event that was checked; 0 if there is none.
        """
    @property
    def log_bytes(self, /) -> int:
        """
        Size of these blocks, in bytes.
        """
    @property
    def log_is_whole(self, /) -> bool:
        """
        Whether all log blocks are valid, so that the other data could be compared with the log.
        """
    @property
    def more_problems(self, /) -> int:
        """
        Number of further problems; only the first 10,000 are listed.
        """
    @property
    def ok(self, /) -> bool:
        """
        Whether no problem was found.
        """
    @property
    def problems(self, /) -> list[str]:
        """
        Description of every problem; empty if all is well.
        """
    @property
    def recorded_hashes(self, /) -> int:
        """
        Number of state hashes that checkpoints recorded.
        """
    @property
    def recorded_hashes_compared(self, /) -> int:
        """
        Number of these that were compared: the newest one.
        """
    @property
    def state_hash(self, /) -> str | None:
        """
        State hash of the folded log; None if the log is not whole.
        """
    def to_dict(self, /) -> dict[str, Any]:
        """
        Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
        """
    @property
    def took_ms(self, /) -> int:
        """
        Duration in milliseconds.
        """

@final
class View:
    """
    The database at a moment, from `Convofold.at`. It answers the questions of the database as a database that was given
    exactly the events within the bounds of the moment, whatever arrived later, and while events arrive.

    Questions about many conversations read all of them. Like the methods of the database, those of a view can be called from
    any thread, release the interpreter's lock while they block, and raise ClosedError after the database is closed.
    """
    def __repr__(self, /) -> str: ...
    def agents(self, /) -> list[AgentLoad]:
        """
        Returns the workload of every agent of every tenant.
        """
    @property
    def as_of(self, /) -> int | None:
        """
        The bound of event time, in milliseconds since the epoch; None if there is none.
        """
    def conflicts(self, /, id: str | None = None) -> list[Conflict] | None:
        """
        Returns the conflicts of a conversation, or without `id` those of all conversations: events of one identity with
        different contents. None if there is no such conversation.
        """
    def conversations(self, /) -> Conversations:
        """
        Returns an iterator over every conversation with its state and history, in the order of first arrival and in bounded
        memory. After the database is closed, the iterator continues with what it has in memory and then raises ClosedError.
        """
    def diff(self, /, other: Convofold | View, id: str | None = None, *, because: bool = True) -> Diff:
        """
        Compares with another database, or with a view of this one or of another one. Returns an iterator over the
        conversations that are not the same on both sides, in the order of their ids and in bounded memory. First the hashes
        are compared; only what differs is read in full.

        Each is a dict like a line of the command `diff --format jsonl`: `change` (`added`: only the other side has it,
        `removed`: only this one has it, or `changed`), `id`, `fields` (dicts with the path `field` in the export and its
        values `from` on this and `to` on the other side; a key is missing if the field does not exist there) and `because`
        (the events that only one side has: dicts with `only_in`, `seq`, `at` and `kind`).

        - `id`: compare only this conversation. Raises DiffError if neither side has it.
        - `because`: with False, the events are not looked up, and `because` is None.
        """
    def explain(self, /, id: str, field: str | None = None, *, limit: SupportsIndex = ...) -> list[Explanation] | None:
        """
        Returns why the fields of a conversation have their values: for each field, in the order of the export, its rule, the
        events that make the value, those over which they won, and what it would be without them. None if there is no such
        conversation.

        - `field`: the path of one field of the export, such as `status` or `member.name`, or the name of an object, such as
          `member`, for its fields; all fields by default.
        - `limit`: maximum number of events in each list (0: no limit).
        """
    def export(self, /, target: str | PathLike[str] | Writer) -> ExportReport:
        """
        Writes every conversation as a line of JSON, sorted by id. The target is a path or a file opened in binary mode.
        """
    def export_events(self, /, target: str | PathLike[str] | Writer) -> EventExportReport:
        """
        Writes every accepted event as a line of JSON in convofold's own format, in the order of the log. The target is a path
        or a file opened in binary mode. Replaying the file into an empty database yields the same states and state hash.
        """
    def history(self, /, id: str) -> list[HistoryEntry] | None:
        """
        Returns every event of a conversation, in the order in which they happened; None if there is no such conversation.
        """
    @property
    def known_at(self, /) -> int | None:
        """
        The bound of arrival, as the sequence number of the last known event; None if there is none.
        """
    def late_events(self, /, id: str) -> int | None:
        """
        Returns the number of events of a conversation that had happened by `time` and were learned later: with `as_of` alone
        they are in the answers and have changed them since, with `known_at` they are missing from them. None if it is not
        recorded what was known then, or the moment has no bound.
        """
    def moment(self, /, id: str | None = None) -> MomentReport:
        """
        Returns what the answers are about; with `id`, also the number of late events of that conversation.
        """
    def query(
        self,
        /,
        *,
        status: Literal["open", "closed", "any"] | None = None,
        agent: str | None = None,
        any_agent: str | None = None,
        unassigned: bool = False,
        member: str | None = None,
        number: str | None = None,
        tenant: str | None = None,
        shortcode: str | None = None,
        channel: str | None = None,
        unread_min: SupportsIndex | None = None,
        idle_since: int | str | datetime | None = None,
        waiting_since: int | str | datetime | None = None,
        since: int | str | datetime | None = None,
        until: int | str | datetime | None = None,
        by: Literal["started", "closed", "active"] | None = None,
        suspect: bool = False,
        unanswered_after_close: bool = False,
        sort: Literal["activity", "waiting", "started", "closed"] | None = None,
        reverse: bool = False,
        limit: SupportsIndex | None = None,
        cursor: str | None = None,
        last_message: bool = False,
    ) -> Page:
        """
        Returns a page of conversations that meet every given condition.

        - `status`: `open` (default), `closed` or `any`. Only open conversations, and closed ones that are unanswered after
          their close, are always in memory; other queries read from the disk.
        - `agent`: id or name of the assigned agent; `any_agent`: of an agent that is assigned or was assigned before;
          `unassigned`: only conversations without an agent.
        - `member`: name, business id or channel id of the customer; `number`: number of the customer.
        - `tenant`, `shortcode`, `channel`: values of the conversation. Names and channels compare without case, numbers
          and shortcodes without `+` and spaces.
        - `unread_min`: minimum number of unread messages.
        - `idle_since`: last active at this time or earlier; `waiting_since`: waiting since this time or earlier. A time is
          milliseconds since the epoch, a `datetime` with a time zone, or an RFC 3339 string.
        - `since`, `until`: the time named by `by` is in this range, `until` not included. `by`: `active` (latest activity;
          the default), `started` or `closed`.
        - `suspect`: only conversations whose data look wrong (missing messages, impossible clock).
        - `unanswered_after_close`: only closed conversations with a message that is not outbound after both their last
          close and their last outbound message; the default of `status` is then `closed`.
        - `sort`: `activity` (most recently active first; the default), `waiting` (longest waiting first), `started`
          (oldest first) or `closed` (most recently closed first); `reverse`: reverse the order.
        - `limit`: maximum number of rows of the page (0: no limit); `cursor`: `next` of the previous page.
        - `last_message`: also return the latest message of every conversation. This reads from the disk if a conversation
          is not in memory.
        """
    def query_all(self, /, **filters: object) -> ConversationRows:
        """
        Returns an iterator over all rows of a query, with the arguments of `query`. It reads pages of `limit` rows
        (default: 1,000).
        """
    def report(
        self,
        /,
        from_: int | str | datetime,
        to: int | str | datetime | None = None,
        *,
        every: str | None = None,
        by: SupportsGetItem[int, Literal["agent", "tenant", "channel", "source", "shortcode"]] | None = None,
        measures: SupportsGetItem[int, str] | None = None,
        tz: str | None = None,
        attribute: Literal["end", "start"] | None = None,
        calendar: str | Mapping[str, Any] | None = None,
        exclude_agents: SupportsGetItem[int, str] | None = None,
        tenants: SupportsGetItem[int, str] | None = None,
    ) -> ArrowTable:
        """
        Returns what happened, by time and group, as a table with one row per bucket and group: counts, durations, levels.
        `docs/measures.md` defines each measure.

        - `from_`, `to`: the beginning and the end; events at exactly `to` do not count. A time is milliseconds since the
          epoch, a `datetime` with a time zone, or a text: RFC 3339, a date or a local time of the zone `tz`
          (`2026-03-02`, `2026-03-02 09:00`), or a time before now (`-7d`). A report ends now at the latest, and of a view at
          its `time`.
        - `every`: the length of a bucket: `1h`, `6h` (hours that divide a day), `1d`, `1w`, `1mo`, `3mo`; one bucket by
          default.
        - `by`: by what each bucket is divided; each value is that of the moment of what is counted.
        - `measures`: names such as `open`, `response` or `within:5m`; all but `within` by default.
        - `tz`: the time zone in which buckets begin, such as `Europe/Berlin`; UTC by default.
        - `attribute`: the bucket to which a duration belongs: that in which it ends (`end`, the default) or starts.
        - `calendar`: business hours, inside which durations count: a dict, or its JSON.
        - `exclude_agents`: agents whose answers do not count, such as bots: ids, or names of agents without an id.
        - `tenants`: only what happened while a conversation belonged to one of them.

        The columns are `from` and `to` (`timestamp[ms, tz]`), those of the groups (`agent_tenant`, `agent_id`, `agent_name`,
        `tenant`, `channel`, `source`, `shortcode`), and one per measure: a number for a count or a duration in milliseconds,
        and a struct for a level (`end`, `max`, `mean`), for durations (`n`, `pending`, `mean`, `p50`, `p90`, `p95`, `max`; of
        responses also `unknown`) and for `within` (`met`, `missed`, `pending`, `unknown`, `share`).
        """
    def report_rows(
        self,
        /,
        measure: str,
        from_: int | str | datetime,
        to: int | str | datetime | None = None,
        *,
        every: str | None = None,
        by: SupportsGetItem[int, Literal["agent", "tenant", "channel", "source", "shortcode"]] | None = None,
        tz: str | None = None,
        attribute: Literal["end", "start"] | None = None,
        calendar: str | Mapping[str, Any] | None = None,
        exclude_agents: SupportsGetItem[int, str] | None = None,
        tenants: SupportsGetItem[int, str] | None = None,
    ) -> ArrowTable:
        """
        Returns what a measure of a report counted: one row for each conversation, message or turn, with the arguments of
        `report`. There are as many as the number says, then come those that are pending.

        The columns are `from` and `to` of the bucket, those of the groups, `conversation_id`, `since` (when it began),
        `at` (when it happened or ended), `value` (its duration in milliseconds, or its unread messages) and `outcome` (`met`,
        `missed` or `pending`; null if it is the same for all).
        """
    @property
    def seq(self, /) -> int:
        """
        Sequence number of the last event of which the answers can know.
        """
    def state(self, /, id: str) -> State | None:
        """
        Returns the state of a conversation; None if there is no such conversation.
        """
    def state_hash(self, /) -> str:
        """
        Returns the state hash: 64 hexadecimal digits, equal if and only if the states of all conversations are equal.
        """
    def states(self, /) -> States:
        """
        Returns an iterator over the state of every conversation; otherwise like `conversations`.
        """
    def suspects(
        self,
        /,
        *,
        since: int | str | datetime | None = None,
        until: int | str | datetime | None = None,
        tenant: str | None = None,
        source: str | None = None,
        zone: str | None = None,
    ) -> Suspects:
        """
        Returns what is suspect in all conversations: kinds, sources, days, and when messages were lost by the numbers that the
        sources state.

        - `since`, `until`: only events at this time or later, and before this time.
        - `tenant`, `source`: only their conversations.
        - `zone`: the time zone in which days begin, such as `Europe/Berlin`; UTC by default.
        """
    @property
    def time(self, /) -> int | None:
        """
        The time to which ages count, in milliseconds since the epoch: `as_of`, else the time at which the last known event
        was committed. None if the moment has no bound.
        """
    @property
    def time_utc(self, /) -> datetime | None:
        """
        `time` as a `datetime` in UTC.
        """
    def to_arrow(self, /, table: Literal["conversations", "messages", "assignments"] | None = None) -> ArrowTable:
        """
        Returns a table for polars, pandas, DuckDB and pyarrow:

        - `conversations` (the default): one row per conversation. The columns are the keys of the export, with those of
          nested objects as `member_name`, `agent_id`, `last_message_text`, `session_status`; `suspicions` is their number.
        - `messages`: one row per message: `conversation_id`, `tenant`, `channel`, `seq`, `occurred_at`, `said_at` (the own
          time of the message), `direction`, `agent_id` and `agent_name` (the agent assigned then), `message_text`,
          `event_identity`, `is_late`, and `is_counted` (false for a message that lost to another event with the same
          identity).
        - `assignments`: one row per change of the agent: `conversation_id`, `tenant`, `assignment_number` (from 1 for each
          conversation), `assigned_at`, `agent_id` and `agent_name` (null if nobody is assigned).

        `conversation_id` joins the tables. Times are `timestamp[ms, UTC]`.
        """
    def to_pandas(self, /, table: Literal["conversations", "messages", "assignments"] | None = None) -> object:
        """
        Reads a table of `to_arrow` as a `pandas.DataFrame`. Needs pandas and pyarrow: `pip install 'convofold[pandas]'`.
        """
    def to_polars(self, /, table: Literal["conversations", "messages", "assignments"] | None = None) -> object:
        """
        Reads a table of `to_arrow` as a `polars.DataFrame`. Needs polars: `pip install 'convofold[polars]'`.
        """
    def totals(self, /) -> list[Totals]:
        """
        Returns counts per tenant and channel.
        """

def repair(damaged: str | PathLike[str], into: str | PathLike[str]) -> RepairReport:
    """
    Recovers the readable data of the damaged database in `damaged` into a new database in `into`, and reports what is lost.
    The damaged database is only read.
    """

def restore(files: Sequence[str | PathLike[str]], path: str | PathLike[str]) -> RestoreReport:
    """
    Creates a database from a complete backup followed by its incremental backups, in order. All files are checked before
    anything is written.
    """
