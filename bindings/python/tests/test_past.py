"""Questions about the past."""

import doctest
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow
import pytest
from conftest import exported, message

import convofold
from convofold import Convofold, View

T0 = 1_700_000_000_000
TABLES = ["conversations", "messages", "assignments"]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Convofold]:
    with Convofold(tmp_path / "other") as db:
        yield db


def log(db: Convofold, path: Path) -> list[bytes]:
    """The events in the order in which they arrived."""
    db.export_events(path)
    return path.read_bytes().splitlines(keepends=True)


def table(asked: Convofold | View, name: str) -> list[dict[str, object]]:
    """Its rows, without what depends on the arrival of other events."""
    rows = pyarrow.table(asked.to_arrow(name)).drop_columns(["seq", "is_late"] if name == "messages" else []).to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, default=str))


def expect_equal(view: View, db: Convofold, tmp_path: Path) -> None:
    view.export(tmp_path / "then")
    assert (tmp_path / "then").read_bytes() == exported(db, tmp_path / "given")
    assert view.state_hash() == db.state_hash()
    assert view.agents() == db.agents() and view.totals() == db.totals()
    for status in ["open", "closed", "any"]:
        expected = db.query(status=status, sort="started", last_message=True)
        assert view.query(status=status, sort="started", last_message=True) == expected
        assert list(view.query_all(status=status, sort="started", last_message=True, limit=7)) == expected.rows
    states = {state.id: state for state in view.states()}
    assert states == {state.id: state for state in db.states()}
    assert {one.state.id: one.state for one in view.conversations()} == states
    for name in TABLES:
        assert table(view, name) == table(db, name), name
    for one in view.conversations():
        assert view.state(one.state.id) == one.state and view.history(one.state.id) == one.history
        history = db.history(one.state.id)
        assert history is not None
        assert view.conflicts(one.state.id) == db.conflicts(one.state.id)
        assert [(entry.at, entry.event) for entry in one.history] == [(entry.at, entry.event) for entry in history]


@pytest.mark.parametrize("memory_bytes", [20_000, 1 << 28])
@pytest.mark.parametrize("seq", [1, 400, 1000])
def test_what_was_known_is_a_database_with_the_first_events(
    other: Convofold, tmp_path: Path, sample: Path, memory_bytes: int, seq: int
) -> None:
    with Convofold(tmp_path / "db", memory_bytes=memory_bytes) as db:
        db.replay(sample, checkpoint=True)
        other.ingest(b"".join(log(db, tmp_path / "log")[:seq]), "convofold")
        view = db.at(known_at=f"seq:{seq}")
        assert (view.known_at, view.seq, view.as_of) == (seq, seq, None)
        expect_equal(view, other, tmp_path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_as_it_was_is_a_database_with_the_events_up_to_then(
    filled: Convofold, other: Convofold, tmp_path: Path, part: float
) -> None:
    entries = [entry for one in filled.conversations() for entry in one.history]
    times = sorted({entry.at for entry in entries})
    # No event is at this time.
    at = next(time - 1 for time in times[int(len(times) * part) :] if time - 1 not in times)
    other.submit([entry.event for entry in entries if entry.at <= at])
    view = filled.at(as_of=at)
    assert (view.as_of, view.known_at, view.time, view.seq) == (at, None, at, 1000)
    expect_equal(view, other, tmp_path)


def test_exported_events_of_the_past_are_the_way_back_to_it(filled: Convofold, other: Convofold, tmp_path: Path) -> None:
    view = filled.at(as_of=filled.query().rows[-1].last_active_at, known_at="seq:900")
    report = view.export_events(tmp_path / "events.ndjson")
    assert 0 < report.events < 900
    assert other.replay(tmp_path / "events.ndjson", "convofold").events == report.events
    assert other.state_hash() == view.state_hash()
    with pytest.raises(ValueError, match="inside the database"):
        view.export_events(filled.path / "HEAD")


def test_a_conflict_exists_from_its_arrival_on(db: Convofold) -> None:
    for text in ["Hi", "Hello"]:
        db.submit([message("c", T0, text, identity="1")])
    assert db.at(known_at="seq:1").conflicts("c") == db.at(known_at="seq:1").conflicts() == []
    assert db.at(known_at="seq:2").conflicts() == db.conflicts("c") != []
    assert db.at(known_at="seq:1").conflicts("unknown") is None


def test_both_bounds_are_what_was_known_then_of_that_time(db: Convofold) -> None:
    for number in [5, 1, 3]:
        db.submit([message("c", T0 + number, f"Number {number}")])
    view = db.at(as_of=T0 + 3, known_at="seq:2")
    history = view.history("c")
    assert history is not None and [entry.event.text for entry in history] == ["Number 1"]
    assert view.late_events("c") == 1


def test_an_event_at_exactly_the_bound_counts(db: Convofold) -> None:
    exact = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=timezone.utc)
    db.submit([message("earlier", T0), {**message("c", 0), "occurred": exact}])
    assert db.at(as_of=exact).state("c") is not None
    assert db.at(as_of=exact - timedelta(microseconds=1)).state("c") is None
    # The same milliseconds, before the event.
    assert db.at(as_of=exact.replace(microsecond=123_000)).state("c") is None
    # The time of the newest event includes that event.
    assert db.at(as_of="latest").state("c") is not None


def test_a_bound_comes_in_several_forms(db: Convofold) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
    ms = int(noon.timestamp() * 1000)
    db.submit([message("c", ms)])
    in_tokyo = noon.astimezone(timezone(timedelta(hours=9)))
    for given in [ms, noon, in_tokyo, "2026-03-02T12:00:00Z", "2026-03-02 13:00:00+01:00"]:
        view = db.at(as_of=given)
        assert (view.as_of, view.time_utc, view.moment().as_of_utc) == (ms, noon, noon)
    for given in ["latest", "seq:1", "-0s", datetime.now(timezone.utc)]:
        assert db.at(known_at=given).known_at == 1
    hour_ago = db.at(as_of="-1h").time_utc
    assert hour_ago is not None and timedelta(0) <= datetime.now(timezone.utc) - timedelta(hours=1) - hour_ago
    assert repr(db.at(as_of=noon, known_at="seq:1")).endswith('db" as_of=2026-03-02T12:00:00.000Z known_at=seq:1>')


@pytest.mark.parametrize("bound", ["as_of", "known_at"])
@pytest.mark.parametrize(
    "wrong", [datetime(2026, 3, 2), "2026-03-02T12:00:00", "yesterday", "2h", "seq:x", -1, 12.5, 10**18, object()]
)
def test_what_is_no_moment_is_a_value_error(db: Convofold, bound: str, wrong: object) -> None:
    with pytest.raises(ValueError):
        db.at(**{bound: wrong})


def test_a_time_without_a_zone_is_refused_with_words(db: Convofold) -> None:
    with pytest.raises(ValueError, match=r"has no time zone \(pass one, such as timezone.utc\)"):
        db.at(as_of=datetime(2026, 3, 2))
    with pytest.raises(ValueError, match="has no time zone: append Z for UTC"):
        db.at(as_of="2026-03-02T12:00:00")


def test_a_moment_without_an_answer_says_what_to_do(db: Convofold) -> None:
    with pytest.raises(convofold.MomentError, match="the database has no events"):
        db.at(known_at="latest")
    db.submit([message("c", T0)])
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    with pytest.raises(convofold.MomentError, match="as_of is .* which is after now"):
        db.at(as_of=tomorrow)
    with pytest.raises(convofold.MomentError, match="known_at is .* which is after now"):
        db.at(known_at=tomorrow)
    with pytest.raises(convofold.MomentError, match="give a time to as_of, or seq:1 to known_at"):
        db.at(as_of="seq:1")
    with pytest.raises(convofold.MomentError, match="the first one is seq:1, the last one seq:1"):
        db.at(known_at="seq:2")
    # A number is a time, as everywhere.
    with pytest.raises(convofold.MomentError, match="seq:1 is what was known after its first event"):
        db.at(known_at=1)


def test_events_that_arrive_later_are_in_no_answer(db: Convofold) -> None:
    db.submit([message("c", T0)])
    now, then = db.at(), db.at(as_of=T0 + 9)
    db.submit([message("c", T0 + 1), message("d", T0)])
    for view in [now, then]:
        state = view.state("c")
        assert state is not None and state.messages_in == 1
        assert view.state("d") is None and [row.id for row in view.query()] == ["c"]
        assert [one.id for one in view.states()] == ["c"] and view.seq == 1
    assert (now.time, now.late_events("c"), now.moment()) == (None, None, db.at().moment())
    assert db.at().state_hash() == db.state_hash() != now.state_hash()


def test_late_events_are_counted(db: Convofold) -> None:
    db.submit([message("c", T0 + 9)])
    known = db.at(known_at="latest")
    db.submit([message("c", T0), message("c", T0 + 1)])
    assert (known.late_events("c"), known.late_events("unknown")) == (2, 0)
    report = known.moment("c")
    assert (report.known_at, report.as_of, report.late_events, known.moment().late_events) == (1, None, 2, None)
    assert report.time == known.time and report.time_utc == known.time_utc is not None
    words = f"as it was known after event 1, committed at {report.time_utc:%Y-%m-%dT%H:%M}"
    assert report.words.startswith(words) and report.words.endswith("without 2 events of that time learned later")
    # The message is years old.
    assert report.replayed and json.loads(json.dumps(report.to_dict()))["replayed"]
    assert db.at(as_of=T0 + 9).moment("c").replayed is None


def test_a_view_survives_trim_backup_and_restore(tmp_path: Path, sample: Path) -> None:
    with Convofold(tmp_path / "db") as db:
        db.replay(sample, checkpoint=True)
        view = db.at(known_at="seq:500")
        hash_then = view.state_hash()
        assert db.trim(datetime(2100, 1, 1, tzinfo=timezone.utc)).events > 0
        assert view.state_hash() == db.at(known_at="seq:500").state_hash() == hash_then
        db.backup(tmp_path / "backup")
    convofold.restore([tmp_path / "backup"], tmp_path / "restored")
    with Convofold(tmp_path / "restored", read_only=True) as db:
        assert db.at(known_at="seq:500").state_hash() == hash_then


def test_a_view_keeps_its_database_open_and_ends_with_it(tmp_path: Path) -> None:
    db = Convofold(tmp_path / "db")
    db.submit([message("c", T0)])
    view = db.at(as_of=T0)
    del db
    assert view.state("c") is not None
    with pytest.raises(convofold.AlreadyOpenError):
        Convofold(tmp_path / "db")
    del view
    with Convofold(tmp_path / "db") as db:
        view = db.at(as_of=T0)
    with pytest.raises(convofold.ClosedError):
        view.state("c")


def test_an_export_of_the_past_never_goes_into_the_database(filled: Convofold) -> None:
    with pytest.raises(ValueError, match="inside the database"):
        filled.at().export(filled.path / "HEAD")


def test_the_example_in_the_documentation_runs(db: Convofold) -> None:
    text = Convofold.at.__doc__
    assert text is not None and ">>>" in text
    example = doctest.DocTestParser().get_doctest(text, {"db": db}, "Convofold.at", None, None)
    ran = doctest.DocTestRunner().run(example)
    assert (ran.failed, ran.attempted) == (0, 6)
