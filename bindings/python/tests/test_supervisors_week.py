"""The example of a supervisor's week shows what the command says."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import WORKSPACE

EXAMPLE = WORKSPACE / "bindings" / "python" / "examples" / "supervisors_week.py"
WEEK = ["--from", "2026-03-02", "--to", "2026-03-09", "--tz", "Europe/Berlin"]
UNTIL_FRIDAY = ["--from", "2026-03-02", "--to", "2026-03-06 18:00", "--tz", "Europe/Berlin"]
WITHIN = "within(300000)"

Shown = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("week")


@pytest.fixture(scope="module")
def shown(folder: Path, convofold: Path) -> Shown:
    """What the names of the notebook stand for, after its last cell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVOFOLD", str(convofold))
        patch.setattr(sys, "argv", [str(EXAMPLE), str(folder / "week.png"), str(folder / "db")])
        return runpy.run_path(str(EXAMPLE))


def rows_of(convofold: Path, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [convofold, "report", "--db", folder / "db", "--format", "json", *arguments]
    rows: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["rows"]
    return rows


def numbers(rows: list[dict[str, Any]], *measures: str) -> list[tuple[object, ...]]:
    """The numbers of each row, in any order of the rows."""
    return sorted(tuple(row[measure] for measure in measures) for row in rows)


def test_the_days_are_those_of_the_command(shown: Shown, convofold: Path, folder: Path) -> None:
    measures = ["started", "reopened", "closings", "messages_in", "messages_out", "one_turn"]
    rows = rows_of(convofold, folder, *WEEK, "--every", "1d", "--measure", ",".join(measures))
    assert len(rows) == 7
    assert numbers(shown["by_day"].to_dicts(), *measures) == numbers(rows, *measures)


def test_the_backlog_of_each_hour_is_that_of_the_command(shown: Shown, convofold: Path, folder: Path) -> None:
    rows = rows_of(convofold, folder, *WEEK, "--every", "1h", "--measure", "open,waiting")
    assert len(rows) == 7 * 24
    for measure in ("open", "waiting"):
        for part in ("end", "max"):
            ours = [row[measure][part] for row in rows]
            assert shown["by_hour"][measure].struct.field(part).to_list() == ours


def test_the_answers_of_each_agent_are_those_of_the_command(shown: Shown, convofold: Path, folder: Path) -> None:
    rows = rows_of(convofold, folder, *WEEK, "--by", "agent", "--measure", "first_response,response")
    theirs = {row["by"]["agent"]["id"]: row for row in rows if row["by"]["agent"]["id"]}
    ours = {row["agent_id"]: row for row in shown["by_agent"].iter_rows(named=True) if row["agent_id"]}
    assert len(ours) == 12 and ours.keys() == theirs.keys()
    for agent, row in ours.items():
        for measure in ("first_response", "response"):
            assert {part: theirs[agent][measure][part] for part in row[measure]} == row[measure]


def test_the_shares_of_each_tenant_are_those_of_the_command(shown: Shown, convofold: Path, folder: Path) -> None:
    rows = rows_of(convofold, folder, *WEEK, "--by", "tenant", "--measure", "within:5m,last_close,one_turn")
    theirs = {row["by"]["tenant"]: (row[WITHIN]["share"], row["last_close"]["n"], row["one_turn"]) for row in rows}
    tenants = shown["by_tenant"].iter_rows(named=True)
    assert {row["tenant"]: (row[WITHIN]["share"], row["last_close"]["n"], row["one_turn"]) for row in tenants} == theirs
    assert theirs.keys() == {"bank", "hotel", "shop"}


def test_what_is_behind_a_number_is_what_the_command_lists(shown: Shown, convofold: Path, folder: Path) -> None:
    worst = shown["worst"]["from"]
    day = ["--from", worst.isoformat(), "--to", shown["worst"]["to"].isoformat()]
    rows = rows_of(convofold, folder, *day, "--rows", "unanswered")
    assert sorted(shown["behind"]["conversation_id"]) == sorted(row["conversation"] for row in rows)


def test_only_what_was_delayed_changed_after_friday(shown: Shown, convofold: Path, folder: Path) -> None:
    measures = ["started", "messages_in", "messages_out"]
    question = [*UNTIL_FRIDAY, "--every", "1d", "--by", "tenant", "--measure", ",".join(measures)]
    then = rows_of(convofold, folder, *question, "--known-at", shown["on_friday"])
    now = rows_of(convofold, folder, *question)
    assert numbers(shown["then"].to_dicts(), *measures) == numbers(then, *measures)
    assert numbers(shown["now"].to_dicts(), *measures) == numbers(now, *measures)
    changed = shown["changed"]
    assert changed["tenant"].unique().to_list() == ["shop"]
    assert changed["from"].dt.strftime("%a").unique().to_list() == ["Thu"]


def test_there_is_a_picture(shown: Shown, folder: Path) -> None:
    assert shown["PNG"].read_bytes().startswith(b"\x89PNG")
