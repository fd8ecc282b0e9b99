"""The report from SQLite: a table of events in the order of conversations, and window functions.

    in_sqlite.py load FOLDER              makes the database from the tables; prints the figures as JSON
    in_sqlite.py turn FOLDER events       derives everything from the events for each report
    in_sqlite.py turn FOLDER derived      keeps what is derived, and derives only what a late event changes
    in_sqlite.py natural FOLDER           the report as it is often written first
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import meter
import question
from question import Collected

FILE = "peer.sqlite"
CACHE_KIB = 262_144
MONTH = {"from": question.FROM_MS, "to": question.TO_MS}
Agents = dict[int, tuple[str, str]]


def text(name: str) -> str:
    return (question.HERE / name).read_text()


def connect(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / FILE, isolation_level=None)
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def load(folder: Path) -> dict[str, Any]:
    """Loads the tables, then derives. Each is measured."""
    (folder / FILE).unlink(missing_ok=True)
    db = connect(folder)
    db.execute("PRAGMA synchronous = OFF")
    db.executescript(text("schema.sql") + text("derived.sql"))
    db.executemany("INSERT INTO bucket VALUES (?, ?)", question.days())
    loaded, _ = meter.measured(lambda: insert(db, folder))
    loaded["disk"] = meter.disk_bytes(folder / FILE)
    derived, _ = meter.measured(lambda: derive_all(db, with_indexes=True))
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    return {"events": loaded, "derived": {**derived, "disk": meter.disk_bytes(folder / FILE)}, "peak": meter.peak_bytes()}


def insert(db: sqlite3.Connection, folder: Path) -> None:
    import polars as pl

    import tables

    events, conversations = pl.read_parquet(folder / tables.EVENTS), pl.read_parquet(folder / tables.CONVERSATIONS)
    said = events.select("conversation", "agent").drop_nulls().join(
        conversations.select(pl.col("n").alias("conversation"), "tenant"), on="conversation"
    )
    nobodies = conversations.select("tenant", pl.lit("").alias("agent"))
    agents = pl.concat([said.select("tenant", "agent"), nobodies]).unique().sort("tenant", "agent").with_row_index("number")
    nobody = agents.filter(pl.col("agent") == "").select("tenant", pl.col("number").alias("nobody"))
    conversations = conversations.join(nobody, on="tenant", maintain_order="left")
    tenants = conversations.select(pl.col("n").alias("conversation"), "tenant")
    events = events.join(tenants, on="conversation", maintain_order="left")
    events = events.join(agents, on=["tenant", "agent"], how="left", maintain_order="left")
    db.execute("BEGIN")
    db.executemany("INSERT INTO agent VALUES (?, ?, nullif(?, ''))", agents.select("number", "tenant", "agent").iter_rows())
    db.executemany("INSERT INTO conversation VALUES (?, ?, ?)", conversations.select("n", "id", "nobody").iter_rows())
    rows = events.select("conversation", "at", "rank", "identity", "kind", "number")
    db.executemany("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?)", rows.iter_rows())
    db.execute("COMMIT")
    db.execute("ANALYZE")


def derive_all(db: sqlite3.Connection, with_indexes: bool) -> None:
    db.executescript("CREATE TEMP TABLE chosen AS SELECT n FROM conversation;" + text("derive.sql"))
    db.executescript("DROP TABLE chosen;" + (text("indexes.sql") + "ANALYZE;" if with_indexes else ""))


def from_events(db: sqlite3.Connection) -> list[Any]:
    """Derives into temporary tables of the same names."""
    db.executescript(text("derived.sql").replace("CREATE TABLE", "CREATE TEMP TABLE"))
    derive_all(db, with_indexes=False)
    answer = report(db)
    db.executescript("DROP TABLE temp.fact; DROP TABLE temp.stretch;")
    return answer


def report(db: sqlite3.Connection) -> list[Any]:
    agents: Agents = {n: (tenant, agent or "") for n, tenant, agent in db.execute("SELECT n, tenant, id FROM agent")}
    collected = Collected()
    for day, agent, started, closings, messages_in, messages_out in db.execute(text("counts.sql"), MONTH):
        cells = {"started": started, "closings": closings, "messages_in": messages_in, "messages_out": messages_out}
        collected.add((day, *agents[agent]), **cells)
    for day, agent, what, n, p50, p90 in db.execute(text("durations.sql"), MONTH):
        collected.add((day, *agents[agent]), **{f"{what}_n": n, f"{what}_p50": p50, f"{what}_p90": p90})
    for day, agent, largest, end, waiting, mean in db.execute(text("levels.sql"), MONTH):
        collected.add((day, *agents[agent]), open_end=end, open_max=largest, open_mean=mean, waiting_end=waiting)
    return collected.dump()


def natural(db: sqlite3.Connection) -> list[Any]:
    agents: Agents = {n: (tenant, agent or "") for n, tenant, agent in db.execute("SELECT n, tenant, id FROM agent")}
    collected = Collected()
    for day, agent, cell, value in db.execute(text("natural.sql")):
        if day is not None and day < question.TO_MS:
            collected.add((day, *agents[agent]), **{cell: value})
    return collected.dump()


def arrive(db: sqlite3.Connection, event: dict[str, Any]) -> int:
    """Inserts the late event; returns its conversation."""
    conversation: int
    (conversation,) = db.execute("SELECT n FROM conversation WHERE id = ?", [event["conversation"]]).fetchone()
    at = "CAST(round(unixepoch(?1, 'subsec') * 1000) AS INTEGER)"
    if sqlite3.sqlite_version_info < (3, 42):
        at = "CAST(round((julianday(?1) - 2440587.5) * 86400000) AS INTEGER)"
    db.execute(
        f"INSERT OR IGNORE INTO event VALUES (?2, {at}, 1, ?3, ?4, NULL)",
        [event["occurred"], conversation, event["identity"], event["direction"]],
    )
    return conversation


def turn(folder: Path, way: str) -> dict[str, Any]:
    event = question.late_event(folder)

    def derived_after_late() -> list[Any]:
        db.execute("CREATE TEMP TABLE chosen AS SELECT ? AS n", [arrive(db, event)])
        # `executescript` would commit.
        for statement in statements(text("derive.sql")):
            db.execute(statement)
        return report(db)

    def events_after_late() -> list[Any]:
        arrive(db, event)
        return from_events(db)

    opened, db = meter.measured(lambda: connect(folder))
    ask = from_events if way == "events" else report
    late: Callable[[], list[Any]] = events_after_late if way == "events" else derived_after_late
    first, answer = meter.measured(lambda: ask(db))
    again, same = meter.measured(lambda: ask(db))
    if same != answer:
        sys.exit("the second report differs from the first")
    # The late event is not kept, so that each round begins with the same database.
    if way == "derived":
        db.execute("BEGIN")
    after, late_answer = meter.measured(late)
    if way == "derived":
        db.execute("ROLLBACK")
    else:
        db.execute("DELETE FROM event WHERE identity = ?", [event["identity"]])
    figures = {"first": first, "again": again, "late": after}
    return {"opened": opened, **figures, "peak": meter.peak_bytes(), "answers": [answer, late_answer]}


def statements(script: str) -> list[str]:
    found, rest = [], ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    return found


def main() -> None:
    task, folder = sys.argv[1], Path(sys.argv[2])
    if task == "load":
        print(json.dumps(load(folder)))
    elif task == "turn":
        print(json.dumps(turn(folder, sys.argv[3])))
    else:
        print(json.dumps(natural(connect(folder))))


if __name__ == "__main__":
    main()
