"""Makes the Arrow tables of events and conversations from `convofold export --events`, which it reads from standard input.

    tables.py FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

import meter
import question

PIECE_BYTES = 64 << 20
# What the report needs of an event; polars skips the others.
SCHEMA = pl.Schema(
    {
        "conversation": pl.String,
        "identity": pl.String,
        "kind": pl.String,
        "occurred": pl.String,
        "tenant": pl.String,
        "direction": pl.String,
    }
)
RANKS = {"open": 0, "in": 1, "out": 1, "close": 2}
EVENTS, CONVERSATIONS = "events.parquet", "conversations.parquet"


def pieces(source: BinaryIO) -> Iterator[bytes]:
    """Pieces of whole lines."""
    rest = b""
    while piece := source.read(PIECE_BYTES):
        end = piece.rfind(b"\n") + 1
        yield rest + piece[:end]
        rest = piece[end:]
    if rest:
        yield rest


def events_of(lines: bytes) -> pl.DataFrame:
    """The events in these lines. `agent` is null where an event says nothing, and empty where it says that nobody is
    assigned. In the log of the benchmark each event has an identity, and a message no other time than its event."""
    # An agent that is left out and one of null are the same for a reader of JSON, but not for rule F5. An event that opens
    # or closes always has the key here, a message has it only with an agent.
    agent = pl.Struct({"id": pl.String})
    read = pl.read_ndjson(lines, schema={**SCHEMA, "agent": agent})
    is_message = pl.col("kind") == "message"
    kind = pl.when(is_message).then(pl.col("direction")).otherwise(pl.col("kind"))
    said = pl.col("agent").struct.field("id")
    return read.select(
        "conversation",
        "tenant",
        pl.col("occurred").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms").dt.epoch("ms").alias("at"),
        "identity",
        kind.alias("kind"),
        pl.when(is_message).then(said).otherwise(said.fill_null("")).alias("agent"),
    ).with_columns(pl.col("kind").replace_strict(RANKS, return_dtype=pl.UInt8).alias("rank"))


def make(folder: Path) -> int:
    events = pl.concat([events_of(piece) for piece in pieces(sys.stdin.buffer)])
    conversations = events.group_by("conversation", maintain_order=True).agg(pl.col("tenant").first())
    conversations = conversations.rename({"conversation": "id"}).with_row_index("n")
    numbers = conversations.select(pl.col("id").alias("conversation"), "n")
    events = events.join(numbers, on="conversation", maintain_order="left")
    events = events.select(pl.col("n").alias("conversation"), "at", "rank", "identity", "kind", "agent")
    events.write_parquet(folder / EVENTS)
    conversations.write_parquet(folder / CONVERSATIONS)
    (folder / "late.json").write_text(json.dumps(late_event(events, conversations)))
    return events.height


def late_event(events: pl.DataFrame, conversations: pl.DataFrame) -> dict[str, Any]:
    """An answer, half a second after the first question of a conversation that began in the middle of the month."""
    middle = (question.FROM_MS + question.TO_MS) // 2
    is_first = pl.col("at") == pl.col("at").min().over("conversation")
    asked = events.filter(is_first, pl.col("kind") == "in", pl.col("at") >= middle).sort("at", "identity").row(0, named=True)
    conversation = conversations.row(asked["conversation"], named=True)
    at = pl.Series([asked["at"] + 500]).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")[0]
    event = {"convofold": 1, "source": "airship", "conversation": conversation["id"], "identity": "late", "kind": "message"}
    return {**event, "occurred": at, "direction": "out", "channel": "sms", "text": "Yes.", "tenant": conversation["tenant"]}


if __name__ == "__main__":
    figure, height = meter.measured(lambda: make(Path(sys.argv[1])))
    print(json.dumps({**figure, "peak": meter.peak_bytes(), "events": height}))
