"""Tables for the libraries that people have."""

from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pytest
from conftest import message, states

from convofold import Convofold

T0 = 1_700_000_000_000


def plain(value):
    """A value of Arrow as the export writes it."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def test_a_row_is_a_line_of_the_export(filled: Convofold, tmp_path: Path) -> None:
    table = pyarrow.table(filled.to_arrow())
    rows = sorted((plain(row) for row in table.to_pylist()), key=lambda row: row["id"].encode())
    for row in rows:
        if row["session"] is None:
            del row["session"]
    assert rows == states(filled, tmp_path / "export")
    assert table.schema.field("started_at").type == pyarrow.timestamp("ms", "UTC")
    assert table.column_names == filled.to_arrow().column_names


def test_a_message_is_shown_as_the_history_has_it(filled: Convofold) -> None:
    rows = [plain(row) for row in pyarrow.table(filled.messages_to_arrow()).to_pylist()]
    expected = [
        {
            "conversation": one.state.id,
            "tenant": one.state.tenant,
            "channel": entry.channel,
            "seq": entry.seq,
            "at": entry.at,
            "said_at": entry.said_at,
            "direction": entry.direction,
            "agent_id": entry.assigned and entry.assigned.id,
            "agent_name": entry.assigned and entry.assigned.name,
            "text": entry.text,
            "identity": entry.identity,
            "late": entry.late,
            "counts": entry.counts,
        }
        for one in filled.conversations()
        for entry in one.history
        if entry.kind == "message"
    ]
    assert rows == expected and len(rows) > 500


def test_what_was_late_and_what_lost_is_marked(db: Convofold) -> None:
    db.submit([message("c", T0 + 9, "b", identity="1"), message("c", T0, "a"), message("c", T0 + 9, "c", identity="1")])
    rows = polars.DataFrame(db.messages_to_arrow()).sort("seq").select("late", "counts").rows()
    assert [late for late, _ in rows] == [False, True, False]
    assert sorted(counts for _, counts in rows) == [False, True, True]


def test_pandas_polars_and_duckdb_agree(filled: Convofold) -> None:
    messages, conversations = filled.messages_to_arrow(), filled.to_arrow()
    by_pandas = pandas.DataFrame.from_arrow(messages).groupby("direction").size().to_dict()
    by_polars = dict(polars.DataFrame(messages).group_by("direction").len().rows())
    by_duckdb = dict(duckdb.sql("select direction, count(*) from messages group by 1").fetchall())
    assert by_pandas == by_polars == by_duckdb
    open_now = duckdb.sql("select count(*) from conversations where status = 'open'").fetchall()
    assert open_now == [(filled.stats().open,)]
    assert polars.DataFrame(conversations).height == filled.stats().conversations


def test_a_store_without_anything_is_a_table_without_rows(db: Convofold) -> None:
    for table in [db.to_arrow(), db.messages_to_arrow()]:
        assert polars.DataFrame(table).shape == (0, len(table.column_names))


def test_batches_are_made_while_they_are_read(tmp_path: Path) -> None:
    with Convofold(tmp_path / "db", memory_bytes=500_000) as db:
        for first in range(0, 30_000, 10_000):
            db.submit([message(f"c-{number}", T0 + number) for number in range(first, first + 10_000)])
        db.sync()
        assert db.stats().resident < 10_000
        reader = pyarrow.RecordBatchReader.from_stream(db.to_arrow())
        sizes = [batch.num_rows for batch in reader]
        assert sum(sizes) == 30_000 and max(sizes) <= 4_096


def test_the_largest_count_that_a_source_can_state_is_shown(db: Convofold) -> None:
    db.submit([{"source": "x", "conversation": "c", "kind": "open", "occurred": T0, "unread": 2**64 - 1}])
    assert polars.DataFrame(db.to_arrow())["unread"].to_list() == [2**64 - 1]


def test_a_table_that_outlives_its_store_is_refused(filled: Convofold) -> None:
    reader = pyarrow.RecordBatchReader.from_stream(filled.messages_to_arrow())
    table = filled.to_arrow()
    filled.close()
    with pytest.raises(Exception, match="closed"):
        pyarrow.table(table)
    assert reader.schema.names[0] == "conversation"
