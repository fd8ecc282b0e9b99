"""The question of the benchmark: March 2026 by agent and day in Berlin, a month with a day of 23 hours."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
ZONE = "Europe/Berlin"
YEAR, MONTH = 2026, 3

Cells = dict[str, float]
# By begin of the day in milliseconds, tenant and id of the agent. The id is empty for nobody.
Answer = dict[tuple[int, str, str], Cells]


def midnight(day: datetime) -> int:
    return int(day.replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def days() -> list[tuple[int, int]]:
    """Begin and end of each day in milliseconds."""
    first = datetime(YEAR, MONTH, 1)
    begins = [midnight(first + timedelta(days=number)) for number in range(32)]
    return list(zip(begins, begins[1:]))


FROM_MS, TO_MS = days()[0][0], days()[-1][1]


class Collected:
    """An answer, cell by cell. What is 0 or null is no cell, because an answer may leave out rows of nothing."""

    def __init__(self) -> None:
        self.answer: Answer = {}

    def add(self, row: tuple[int, str, str], **cells: float | None) -> None:
        found = {name: value for name, value in cells.items() if value}
        if found:
            self.answer.setdefault(row, {}).update(found)

    def dump(self) -> list[Any]:
        return [[*row, cells] for row, cells in sorted(self.answer.items())]


def loaded(rows: list[Any]) -> Answer:
    return {(begin, tenant, agent): cells for begin, tenant, agent, cells in rows}


def of_report(report: dict[str, Any]) -> list[Any]:
    """The answer in the JSON of `convofold report`."""
    collected = Collected()
    for row in report["rows"]:
        agent = row["by"]["agent"]
        cells = {name: row[name] for name in ("started", "closings", "messages_in", "messages_out")}
        for name in ("first_response", "response"):
            cells |= {f"{name}_{part}": row[name][part] for part in ("n", "p50", "p90")}
        cells |= {f"open_{part}": row["open"][part] for part in ("end", "max", "mean")}
        collected.add((row["from"], agent["tenant"], agent["id"] or ""), **cells, waiting_end=row["waiting"]["end"])
    return collected.dump()


def differences(one: Answer, other: Answer, names: set[str] | None = None) -> list[str]:
    """The cells that differ; only those with one of the names, if there are any."""
    found = []
    for row in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(row, {}), other.get(row, {})
        for name in sorted(ours.keys() | theirs.keys()):
            pair = ours.get(name, 0), theirs.get(name, 0)
            if names is None or name in names:
                found += [f"{row} {name}: {pair[0]}, {pair[1]}"] if not is_equal(*pair) else []
    return found


def is_equal(one: float, other: float) -> bool:
    """Only means are not whole."""
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def late_event(folder: Path) -> dict[str, Any]:
    """The event that arrives late, in convofold's own form."""
    event: dict[str, Any] = json.loads((folder / "late.json").read_text())
    return event
