"""Reports as tables."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import duckdb
import pyarrow
import pytest
from conftest import message

from convofold import ClosedError, Convofold, MomentError, QueryError, View

T0 = 1_772_442_000_000  # 2026-03-02T09:00:00Z, a Monday
MINUTE = 60_000
HOUR = 60 * MINUTE


@pytest.fixture
def desk(db: Convofold) -> Iterator[Convofold]:
    """Ann answers `a` after five minutes and closes it; `b` of another tenant waits from 10:30 on."""
    ann = {"id": "7", "name": "Ann"}
    db.submit(
        [
            message("a", T0, tenant="north"),
            message("a", T0 + 5 * MINUTE, tenant="north", direction="out", agent=ann),
            {"source": "desk", "conversation": "a", "kind": "close", "occurred": T0 + 10 * MINUTE},
        ]
    )
    db.submit([message("b", T0 + 90 * MINUTE, tenant="south", channel="sms")])
    yield db


def rows(table: object) -> list[dict[str, object]]:
    return pyarrow.table(table).to_pylist()


def ms(value: datetime) -> int:
    return round(value.timestamp() * 1000)


def test_a_report_has_a_row_for_each_bucket_and_group(desk: Convofold) -> None:
    table = desk.report(T0, T0 + 2 * HOUR, every="1h", by=["agent"], measures=["messages_in", "response", "open", "within:5m"])
    first, second, third = rows(table)
    assert table.column_names[:5] == ["from", "to", "agent_tenant", "agent_id", "agent_name"]
    assert (ms(first["from"]), ms(third["to"]), first["messages_in"]) == (T0, T0 + 2 * HOUR, 1)
    assert [(row["agent_tenant"], row["agent_id"], row["agent_name"]) for row in (first, second, third)] == [
        ("north", None, None),
        ("north", "7", "Ann"),
        ("south", None, None),
    ]
    five = 5 * MINUTE
    assert second["response"] == dict(n=1, pending=0, mean=five, p50=five, p90=five, p95=five, max=five, unknown=0)
    assert third["response"] == dict(n=0, pending=1, mean=None, p50=None, p90=None, p95=None, max=None, unknown=0)
    assert third["open"] == dict(end=1, max=1, mean=0.5)
    assert second["within(300000)"] == dict(met=1, missed=0, pending=0, unknown=0, share=1.0)


def test_times_are_those_of_the_zone(desk: Convofold) -> None:
    table = desk.report("2026-03-02 18:00", "2026-03-02 20:00", tz="Asia/Tokyo", measures=["messages_in"])
    assert pyarrow.table(table).schema.field("from").type == pyarrow.timestamp("ms", "Asia/Tokyo")
    (row,) = rows(table)
    assert (ms(row["from"]), row["from"].utcoffset(), row["messages_in"]) == (T0, timedelta(hours=9), 2)
    assert desk.to_polars().height == 2 and table.to_polars()["from"].dt.hour().to_list() == [18]
    assert table.to_pandas()["to"].dt.hour.tolist() == [20]
    (same,) = rows(desk.report(datetime(2026, 3, 2, 9, tzinfo=timezone.utc), T0 + 2 * HOUR, measures=["messages_in"]))
    assert ms(same["from"]) == T0 and same["messages_in"] == 2


def test_every_number_can_be_opened(desk: Convofold) -> None:
    (row,) = rows(desk.report(T0, T0 + 2 * HOUR, measures=["response"]))
    behind = rows(desk.report_rows("response", T0, T0 + 2 * HOUR, by=["channel"]))
    assert [(one["conversation_id"], one["value"], one["outcome"], one["channel"]) for one in behind] == [
        ("a", 5 * MINUTE, None, None),
        ("b", None, "pending", "sms"),
    ]
    assert (row["response"]["n"], row["response"]["pending"]) == (1, 1)
    assert ms(behind[0]["since"]) == T0 and ms(behind[0]["at"]) == T0 + 5 * MINUTE


def test_all_measures_can_be_queried_with_sql(desk: Convofold) -> None:
    report = desk.report(T0, T0 + 2 * HOUR, by=["tenant"])
    found = duckdb.sql("select tenant, messages_in, response.p90, open['end'], oldest_waiting from report order by 1").fetchall()
    assert found == [("north", 1, 5 * MINUTE, 0, None), ("south", 1, None, 1, 30 * MINUTE)]
    assert len(report.column_names) == 3 + 27


def test_only_what_counts_is_counted(desk: Convofold) -> None:
    def of(**more: object) -> dict[str, object]:
        (row,) = rows(desk.report(T0, T0 + 2 * HOUR, measures=["messages_in", "response", "customer_wait"], **more))
        return row

    hours = {"zone": "UTC", "week": {"mon": [["09:02", "24:00"]]}}
    assert of(calendar=hours)["response"]["max"] == of(calendar=json.dumps(hours))["response"]["max"] == 3 * MINUTE
    assert of(exclude_agents=["7"])["response"]["n"] == 0
    assert of(tenants=["south"])["messages_in"] == of(tenants=["south", "east"])["messages_in"] == 1
    assert of(tenants=["east"])["messages_in"] == 0
    assert of(tenants=[])["messages_in"] == 0
    (start,) = rows(desk.report(T0, T0 + 2 * MINUTE, measures=["response"], attribute="start"))
    assert start["response"]["pending"] == 1


def test_a_report_of_what_was_known_is_that_of_the_view(desk: Convofold) -> None:
    view = desk.at(known_at="seq:2")
    assert isinstance(view, View)
    of_view, of_db = view.report(T0, every="1h"), desk.report(T0, every="1h", known_at="seq:2")
    assert rows(of_view) == rows(of_db) and rows(of_db)[0]["closings"] == 0
    # It ends with the commit.
    assert ms(rows(of_db)[-1]["to"]) == view.time
    assert rows(view.report_rows("open", T0, T0 + HOUR))[0]["conversation_id"] == "a"
    assert rows(desk.report_rows("open", T0, T0 + HOUR)) == []
    (then,) = rows(desk.at(as_of=T0 + 7 * MINUTE).report(T0, measures=["open"]))
    assert (ms(then["to"]), then["open"]["end"]) == (T0 + 7 * MINUTE, 1)


def test_a_report_without_rows_has_its_columns(db: Convofold) -> None:
    table = db.report(T0, T0 + HOUR, by=["agent", "tenant", "channel", "source", "shortcode"])
    assert table.to_polars().shape == (0, 2 + 3 + 4 + 27) and table.to_pandas().shape == (0, 2 + 3 + 4 + 27)
    assert db.report_rows("closings", T0, T0 + HOUR).to_polars().height == 0
    assert repr(table) == "<ArrowTable with 0 rows of a report>"
    assert len(rows(db.report(T0, T0 + HOUR, every="1h"))) == 1


def test_what_cannot_be_asked_is_refused_by_name(db: Convofold) -> None:
    for error, named, more in [
        (ValueError, "from: expected a time", {"from_": "soon"}),
        (ValueError, "to: expected a time", {"to": "soon"}),
        (ValueError, "invalid time", {"to": datetime(2026, 3, 2)}),
        (ValueError, "every: expected hours", {"every": "5m"}),
        (ValueError, "expected one of: agent, tenant, channel", {"by": ["mood"]}),
        (ValueError, "measure: invalid measure", {"measures": ["average"]}),
        (ValueError, "tz: unknown time zone", {"tz": "Mars"}),
        (ValueError, "expected one of: end, start", {"attribute": "middle"}),
        (ValueError, "calendar: expected {", {"calendar": {}}),
        (TypeError, "by", {"by": "agent"}),
        (QueryError, "a report of no time", {"to": T0}),
        (QueryError, "more than 100000 buckets", {"from_": 0, "every": "1h"}),
        (MomentError, "the database has no events", {"known_at": "latest"}),
    ]:
        with pytest.raises(error, match=named):
            db.report(**{"from_": T0, "to": T0 + HOUR, **more})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="measure: invalid measure"):
        db.report_rows("average", T0, T0 + HOUR)
    db.close()
    with pytest.raises(ClosedError):
        db.report(T0, T0 + HOUR)
