"""convofold: live-chat events in, the state of every conversation out.

    import convofold

    with convofold.Convofold("chats.db") as db:
        report = db.ingest(body)                 # bytes of a webhook or of a log, on the disk when this returns
        for row in db.query(agent="Ida", sort="waiting"):
            print(row.id, row.unread, row.waiting_since_utc)
        state = db.state("t-1")

Times are whole milliseconds since the epoch; those ending in `_utc` are the same as datetimes. Results are frozen, compare by
value and have `to_dict()`. Every exception is a ConvofoldError, but for ValueError and TypeError where an argument is wrong
and OSError where a file is. `to_arrow()` and `messages_to_arrow()` hand all conversations, or all messages, to pandas, polars,
DuckDB or pyarrow.
"""

from ._convofold import *  # noqa: F403
from ._convofold import __all__, __version__

__all__ = [*__all__, "__version__"]
