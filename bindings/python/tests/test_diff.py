"""What differs between databases and moments."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import WORKSPACE, message

import convofold
from convofold import Convofold

SAMPLES = WORKSPACE / "tests" / "samples"
T0 = 1_700_000_000_000


@pytest.fixture
def corrected(db: Convofold) -> Convofold:
    """The database of docs/diff.md after the correction."""
    for name in ["diff-first.ndjson", "diff-correction.ndjson"]:
        db.ingest((SAMPLES / name).read_bytes(), "convofold")
    return db


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Convofold]:
    with Convofold(tmp_path / "first") as db:
        db.ingest((SAMPLES / "diff-first.ndjson").read_bytes(), "convofold")
        yield db


@pytest.fixture(scope="module")
def expected() -> list[dict[str, object]]:
    """What the command prints; tests/tests/cli_diff.rs compares it."""
    return [json.loads(line) for line in (SAMPLES / "diff.jsonl").read_text().splitlines()]


def test_differences_are_those_of_the_command(
    first: Convofold, corrected: Convofold, expected: list[dict[str, object]]
) -> None:
    before = corrected.at(known_at="seq:4")
    for from_ in [first, first.at(), before]:
        for to in [corrected, corrected.at(), corrected.at(known_at="latest")]:
            assert list(from_.diff(to)) == expected
    assert list(corrected.diff(corrected)) == list(first.diff(before)) == []
    backwards = {one["id"]: one["change"] for one in corrected.diff(first)}
    assert backwards == {"case-7": "changed", "case-8": "removed"}


def test_one_conversation_is_compared(first: Convofold, corrected: Convofold, expected: list[dict[str, object]]) -> None:
    for one in expected:
        assert list(first.diff(corrected, str(one["id"]))) == [one]
    assert list(first.diff(corrected, id="case-6")) == []
    with pytest.raises(convofold.DiffError, match='neither side has a conversation "case-9"'):
        first.diff(corrected, "case-9")


def test_events_are_not_looked_up_if_they_are_not_wanted(
    first: Convofold, corrected: Convofold, expected: list[dict[str, object]]
) -> None:
    assert list(first.diff(corrected, because=False)) == [{**one, "because": None} for one in expected]


def test_a_diff_goes_on_while_events_arrive(db: Convofold) -> None:
    db.submit([message(f"c-{number}", T0) for number in range(40)])
    changes = db.at(known_at="seq:20").diff(db)
    assert next(changes)["change"] == "added"
    db.submit([message(f"d-{number}", T0) for number in range(40)])
    assert len(list(changes)) == 19
    assert list(changes) == []


def test_a_diff_keeps_its_databases_open_and_ends_with_them(tmp_path: Path, corrected: Convofold) -> None:
    db = Convofold(tmp_path / "other", memory_bytes=1)
    changes = db.diff(corrected)
    del db
    assert next(changes)["id"] == "case-6"
    corrected.close()
    with pytest.raises(convofold.ClosedError):
        list(corrected.diff(corrected))


@pytest.mark.parametrize("wrong", [None, "db", 7])
def test_what_is_no_side_is_a_type_error(db: Convofold, wrong: object) -> None:
    with pytest.raises(TypeError):
        db.diff(wrong)  # type: ignore[arg-type]
