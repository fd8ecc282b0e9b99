"""Exceptions: which, and what they say."""

import io
from pathlib import Path

import pytest
from conftest import message

import convofold
from convofold import Convofold

EXCEPTIONS = [value for value in vars(convofold).values() if isinstance(value, type) and issubclass(value, Exception)]


def test_every_exception_is_a_convofold_error_and_says_what_it_is() -> None:
    assert len(EXCEPTIONS) > 20
    for exception in EXCEPTIONS:
        assert issubclass(exception, convofold.ConvofoldError) and exception.__doc__
        assert exception.__module__ == "convofold"


def test_everything_but_close_raises_after_close(tmp_path: Path, sample: Path) -> None:
    # Most conversations are not in memory, so that the scan has to read.
    db = Convofold(tmp_path / "db", memory_bytes=20_000)
    db.replay(sample, checkpoint=True)
    feed, scan, table = db.changes(timeout=0), db.conversations(), db.to_arrow()
    rows = db.query_all(limit=1)
    next(rows)
    view = db.at(known_at="seq:500")
    then, past_rows, past_table = view.conversations(), view.query_all(limit=1), view.to_arrow()
    next(past_rows)
    db.close()
    db.close()
    assert db.closed and "closed" in repr(db)
    calls = [
        lambda: db.ingest(b""),
        lambda: db.submit([]),
        lambda: db.submit_nowait([]),
        lambda: db.sync(),
        lambda: db.checkpoint(),
        lambda: db.state("c"),
        lambda: db.history("c"),
        lambda: db.arrivals("c"),
        lambda: db.query(),
        lambda: db.query_all(),
        lambda: db.agents(),
        lambda: db.totals(),
        lambda: db.stats(),
        lambda: db.counters(),
        lambda: db.state_hash(),
        lambda: db.bookmark("b"),
        lambda: db.bookmarks(),
        lambda: db.export(io.BytesIO()),
        lambda: db.export_events(io.BytesIO()),
        lambda: db.conversations(),
        lambda: db.states(),
        lambda: db.changes(),
        lambda: db.replay(sample),
        lambda: db.to_arrow(),
        lambda: db.to_arrow("messages"),
        lambda: table.__arrow_c_stream__(),
        lambda: db.backup(tmp_path / "b"),
        lambda: db.verify(),
        lambda: db.audit(),
        lambda: db.trim(0),
        lambda: db.recovery,
        lambda: db.__enter__(),
        lambda: next(rows),
        # An error is not the end: it comes again.
        lambda: next(rows),
        lambda: next(scan),
        lambda: db.at(),
        lambda: view.state("c"),
        lambda: view.history("c"),
        lambda: view.conflicts("c"),
        lambda: view.conflicts(),
        lambda: view.explain("c"),
        lambda: view.suspects(),
        lambda: db.suspects(),
        lambda: view.export_events(io.BytesIO()),
        lambda: view.query(),
        lambda: view.query_all(),
        lambda: view.agents(),
        lambda: view.totals(),
        lambda: view.state_hash(),
        lambda: view.export(io.BytesIO()),
        lambda: view.conversations(),
        lambda: view.states(),
        lambda: view.to_arrow(),
        lambda: past_table.__arrow_c_stream__(),
        lambda: view.time,
        lambda: view.late_events("c"),
        lambda: view.moment(),
        lambda: next(past_rows),
        lambda: next(then),
    ]
    for call in calls:
        with pytest.raises(convofold.ClosedError):
            call()
    assert list(feed) == []


def test_leaving_the_context_closes_also_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        with Convofold(tmp_path / "db") as db:
            raise KeyError
    assert db.closed
    with Convofold(tmp_path / "db"):
        pass


def test_a_store_is_open_once(tmp_path: Path) -> None:
    with Convofold(tmp_path / "db"):
        with pytest.raises(convofold.AlreadyOpenError, match="already open in this process"):
            Convofold(tmp_path / "db")


def test_what_is_no_store_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(convofold.NotFoundError):
        Convofold(tmp_path / "db", create=False)
    assert not (tmp_path / "db").exists()
    (tmp_path / "x").write_text("x")
    with pytest.raises(convofold.OpenError, match="not a database"):
        Convofold(tmp_path)


def test_a_damaged_store_says_so_and_what_can_be_read_is_saved(tmp_path: Path, sample: Path) -> None:
    with Convofold(tmp_path / "db") as db:
        db.replay(sample)
    file = tmp_path / "db" / "sled" / "db"
    damaged = bytearray(file.read_bytes())
    for place in range(512, len(damaged), 4096):
        damaged[place] ^= 0xFF
    file.write_bytes(damaged)
    with pytest.raises(convofold.DamagedError, match="known to have reached event 1000"):
        Convofold(tmp_path / "db")
    report = convofold.repair(tmp_path / "db", tmp_path / "saved")
    lost = sum(gap.last_seq - gap.first_seq + 1 for gap in report.lost)
    assert lost > 0 and report.events + lost == 1000
    file.write_bytes(bytes(len(damaged)))
    with pytest.raises(convofold.RepairError, match="no readable data"):
        convofold.repair(tmp_path / "db", tmp_path / "nothing")


def test_questions_that_make_no_sense(db: Convofold) -> None:
    with pytest.raises(convofold.QueryError, match="cursor"):
        db.query(cursor="nonsense")
    with pytest.raises(convofold.QueryError, match="order"):
        db.query(cursor="a1:c", sort="waiting")
    for wrong in [{"sort": "size"}, {"agent": "a", "unassigned": True}, {"idle_since": "soon"}]:
        with pytest.raises(ValueError):
            db.query(**wrong)
    with pytest.raises(TypeError):
        db.query(color="red")
    with pytest.raises(ValueError, match="format"):
        db.ingest(b"", "xml")
    with pytest.raises(ValueError, match="durability"):
        db.submit([], durability="maybe")


def test_a_batch_that_is_too_large_is_a_submit_error(db: Convofold) -> None:
    with pytest.raises(convofold.SubmitError, match="maximum is 65536"):
        db.submit([message("c", 1)] * 65_537)
    with pytest.raises(convofold.SubmitError, match="bookmark"):
        db.submit([], bookmark=("b", b"x" * 5_000))


def test_files_that_cannot_be_used_are_os_errors_or_replay_errors(db: Convofold, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        db.export(tmp_path / "no" / "folder")
    with pytest.raises(convofold.ReplayError, match="no such file or folder: .*none.ndjson"):
        db.replay(tmp_path / "none.ndjson")


def test_an_exception_of_a_writer_comes_through(filled: Convofold) -> None:
    class Full:
        calls = 0

        def write(self, data: bytes) -> int:
            self.calls += 1
            raise BufferError("full")

    for export in [filled.export, filled.export_events]:
        full = Full()
        with pytest.raises(BufferError, match="full"):
            export(full)
        assert full.calls == 1
    with pytest.raises(AttributeError, match="write"):
        filled.export(object())


def test_a_writer_that_takes_a_part_gets_the_rest_again(filled: Convofold) -> None:
    class Slow:
        taken = b""

        def write(self, data: bytes) -> int:
            self.taken += data[:1000]
            return len(data[:1000])

    slow, whole = Slow(), io.BytesIO()
    filled.export(slow)
    filled.export(whole)
    assert slow.taken == whole.getvalue()


def test_a_writer_that_boasts_is_believed_no_more_than_it_was_given(filled: Convofold) -> None:
    class Boastful(io.BytesIO):
        def write(self, data: bytes) -> int:
            return super().write(data) + 1

    boastful, whole = Boastful(), io.BytesIO()
    filled.export(boastful)
    filled.export(whole)
    assert boastful.getvalue() == whole.getvalue()
