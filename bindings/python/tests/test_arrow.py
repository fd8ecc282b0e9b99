"""Tables for the libraries that people have."""

import sys
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pytest
from conftest import message, states

from convofold import Convofold

T0 = 1_700_000_000_000

TABLES = ["conversations", "messages", "assignments"]


def plain(value: object) -> object:
    """A value of Arrow as the export writes it."""
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def rows(db: Convofold, table: str) -> list[dict[str, object]]:
    return [{key: plain(value) for key, value in row.items()} for row in pyarrow.table(db.to_arrow(table)).to_pylist()]


def test_a_row_is_a_line_of_the_export(filled: Convofold, tmp_path: Path) -> None:
    found = sorted(rows(filled, "conversations"), key=lambda row: row["conversation_id"].encode())
    lines = states(filled, tmp_path / "export")
    assert len(found) == len(lines)
    for row, line in zip(found, lines):
        nested = {"member": line["member"], "agent": line["agent"], "last_message": line["last_message"]}
        nested["session"] = line.get("session")
        for prefix, value in nested.items():
            columns = {key: row[key] for key in row if key.startswith(f"{prefix}_")}
            assert columns == {key: (value or {}).get(key.removeprefix(f"{prefix}_")) for key in columns}, prefix
            assert value is None or len(columns) == len(value)
        assert row["suspicions"] == len(line["suspect"])
        for key in row.keys() & line.keys():
            assert row[key] == line[key], key
        assert row["conversation_id"] == line["id"] and row["started_at"] == line["started_at"]
    table = pyarrow.table(filled.to_arrow())
    assert table.schema.field("started_at").type == pyarrow.timestamp("ms", "UTC")
    assert table.column_names == filled.to_arrow().column_names


def test_a_message_is_shown_as_the_history_has_it(filled: Convofold) -> None:
    expected = [
        {
            "conversation_id": one.state.id,
            "tenant": one.state.tenant,
            "channel": entry.event.channel,
            "seq": entry.seq,
            "occurred_at": entry.at,
            "said_at": entry.said_at,
            "direction": entry.event.direction,
            "agent_id": entry.assigned and entry.assigned.id,
            "agent_name": entry.assigned and entry.assigned.name,
            "message_text": entry.event.text,
            "event_identity": entry.event.identity,
            "is_late": entry.late,
            "is_counted": entry.counts,
        }
        for one in filled.conversations()
        for entry in one.history
        if entry.event.kind == "message"
    ]
    assert rows(filled, "messages") == expected and len(expected) > 500


def test_an_assignment_is_shown_as_the_state_has_it(filled: Convofold) -> None:
    expected = [
        (state.id, number, change.at, change.agent and change.agent.id)
        for state in filled.states()
        for number, change in enumerate(state.assignments, 1)
    ]
    columns = ["conversation_id", "assignment_number", "assigned_at", "agent_id"]
    found = [tuple(row[key] for key in columns) for row in rows(filled, "assignments")]
    assert found == expected and len(expected) > 20


def test_columns_are_flat_and_no_reserved_words(filled: Convofold) -> None:
    # What the SQL standard or DuckDB reserves, as far as a table of conversations could use it.
    reserved = {"at", "member", "session", "text", "end", "from", "to", "time", "timestamp", "user", "value", "order", "group"}
    query = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    reserved |= {name for (name,) in duckdb.sql(query).fetchall()}
    for table in TABLES:
        schema = pyarrow.table(filled.to_arrow(table)).schema
        assert schema.names[0] == "conversation_id"
        assert not reserved & set(schema.names)
        assert not any(pyarrow.types.is_nested(column.type) for column in schema)


def test_what_was_late_and_what_lost_is_marked(db: Convofold) -> None:
    db.submit([message("c", T0 + 9, "b", identity="1"), message("c", T0, "a"), message("c", T0 + 9, "c", identity="1")])
    found = db.to_polars("messages").sort("seq").select("is_late", "is_counted").rows()
    assert [late for late, _ in found] == [False, True, False]
    assert sorted(counts for _, counts in found) == [False, True, True]


def test_pandas_polars_and_duckdb_agree(filled: Convofold) -> None:
    messages, conversations = filled.to_arrow("messages"), filled.to_arrow()
    by_pandas = filled.to_pandas("messages").groupby("direction").size().to_dict()
    by_polars = dict(filled.to_polars("messages").group_by("direction").len().rows())
    by_duckdb = dict(duckdb.sql("select direction, count(*) from messages group by 1").fetchall())
    assert by_pandas == by_polars == by_duckdb
    open_now = duckdb.sql("select count(*) from conversations where status = 'open'").fetchall()
    assert open_now == [(filled.stats().open,)]
    assert polars.DataFrame(conversations).height == filled.stats().conversations
    assert len(pandas.DataFrame.from_arrow(conversations)) == filled.stats().conversations
    joined = duckdb.sql("select count(*) from messages join conversations using (conversation_id)").fetchall()
    assert joined == [(len(filled.to_pandas("messages")),)]


def test_a_store_without_anything_is_a_table_without_rows(db: Convofold) -> None:
    for table in map(db.to_arrow, TABLES):
        assert table.to_polars().shape == table.to_pandas().shape == (0, len(table.column_names))
    with pytest.raises(ValueError, match="expected one of: conversations, messages, assignments"):
        db.to_arrow("states")  # type: ignore[arg-type]


def test_a_missing_package_is_named_with_its_extra(db: Convofold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match=r"pip install 'convofold\[polars\]'"):
        db.to_polars()


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
    reader = pyarrow.RecordBatchReader.from_stream(filled.to_arrow("messages"))
    table = filled.to_arrow()
    filled.close()
    with pytest.raises(Exception, match="closed"):
        pyarrow.table(table)
    assert reader.schema.names[0] == "conversation_id"
