"""Bulk replay."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tqdm import tqdm

import convofold
from convofold import Convofold, Event, Progress, Rejection

PIECE_BYTES = 512 << 10
"""So much of a log is read, told and committed at once."""


def line(conversation: str, ms: int, text: str = "Hello?") -> bytes:
    return Event("desk", conversation, "message", occurred=ms, direction="in", text=text).to_json().encode() + b"\n"


@pytest.fixture
def many_pieces(tmp_path: Path) -> Path:
    """A log of twelve pieces and more, 1,000 events and a line of garbage each time."""
    log = tmp_path / "many.ndjson"
    with log.open("wb") as file:
        for number in range(30_000):
            if number % 1000 == 0:
                file.write(b"garbage\n")
            file.write(line(f"c-{number % 50}", number, "x" * 100))
    assert log.stat().st_size > 12 * PIECE_BYTES
    return log


def test_paths_files_and_lists_of_them(db: Convofold, sample: Path, tmp_path: Path) -> None:
    packed = tmp_path / "sample.gz"
    packed.write_bytes(gzip.compress(sample.read_bytes()))
    assert db.replay(sample).counts.applied == 1000
    assert db.replay([str(sample), packed]).counts.duplicates == 2000
    with sample.open("rb") as file:
        assert db.replay(file).counts.duplicates == 1000
    assert db.replay(io.BytesIO(packed.read_bytes())).counts.duplicates == 1000
    assert db.replay([]).events == 0
    for wrong in [None, 5, [5]]:
        with pytest.raises(TypeError):
            db.replay(wrong)


def test_progress_is_told(db: Convofold, sample: Path) -> None:
    told: list[Progress] = []
    db.replay([sample, sample], progress=told.append)
    last = told[-1]
    assert (last.events, last.bytes_read, last.bytes_total) == (2000, 2 * sample.stat().st_size, 2 * sample.stat().st_size)
    assert last.input == str(sample)


def test_a_bar_of_tqdm_is_moved(db: Convofold, sample: Path) -> None:
    with tqdm(unit="B", unit_scale=True, file=io.StringIO()) as bar:
        db.replay(sample, progress=bar)
        assert bar.n == bar.total == sample.stat().st_size


def test_rejects_are_told_with_their_input(db: Convofold, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"body":{}}\nno\n')
    rejected: list[Rejection] = []
    report = db.replay(log, rejects=rejected.append)
    assert sum(report.rejected.values()) == 2
    assert [(one.input, one.line) for one in rejected] == [(str(log), 1), (str(log), 2)]


def test_a_rejection_is_written_as_a_reject_record(db: Convofold, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'{"body":{}}\n\xff\n')
    rejected: list[Rejection] = []
    db.replay(log, rejects=rejected.append)
    text, other = [json.loads(one.to_json()) for one in rejected]
    assert (text["convofold_reject"], text["source"], text["line"]) == (1, str(log), 1)
    assert text["raw"] == '{"body":{}}' and "raw_base64" in other


def test_a_damaged_file_does_not_stop_the_others(db: Convofold, tmp_path: Path) -> None:
    damaged, whole = tmp_path / "damaged.gz", tmp_path / "whole"
    damaged.write_bytes(gzip.compress(line("a", 1) + line("a", 2))[:-4])
    whole.write_bytes(line("b", 1))
    report = db.replay([damaged, whole])
    assert (report.events, report.incomplete_inputs) == (3, 1)
    (problem,) = report.problems
    assert (problem.input, problem.line, problem.is_harmless) == (str(damaged), 3, False)


def test_an_exception_ends_it_and_the_next_call_goes_on(db: Convofold, many_pieces: Path) -> None:
    def burst(_: Progress) -> None:
        if db.stats().last_seq > 0:
            raise ZeroDivisionError

    # Progress is reported ten times a second, so the replay must take longer than that.
    with pytest.raises(ZeroDivisionError):
        db.replay(many_pieces, progress=burst, rejects=lambda _: time.sleep(0.1))
    before = db.stats().last_seq
    assert 0 < before < 30_000
    report = db.replay(many_pieces)
    assert report.resumed and not report.stopped
    assert (report.events, report.counts.applied, report.counts.duplicates) == (30_000, 30_000, 0)
    assert sum(report.rejected.values()) == 30
    assert db.stats().last_seq == 30_000


def test_an_exception_of_a_listener_to_rejects_comes_through(db: Convofold, many_pieces: Path) -> None:
    told: list[int] = []

    def burst(rejection: Rejection) -> None:
        told.append(rejection.line)
        if len(told) == 20:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.replay(many_pieces, rejects=burst)
    assert len(told) == 20 and 0 < db.stats().last_seq < 20_000

    again: list[int] = []
    report = db.replay(many_pieces, rejects=lambda rejection: again.append(rejection.line))
    assert report.resumed and report.counts.duplicates == 0
    # What it refused is reported again, and what came behind it, at most with what else was in that piece.
    assert told[-1] in again and again == sorted(again) and len(again) < 30
    assert sorted({*told, *again}) == [1001 * number + 1 for number in range(30)]


def test_of_one_piece_that_a_listener_refused_all_is_told_again(db: Convofold, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(line("c", 1) + b"one\ntwo\nthree\n")
    told: list[Rejection] = []

    def refuse(rejection: Rejection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.replay(log, rejects=refuse)
    assert db.stats().last_seq == 0
    report = db.replay(log, rejects=told.append)
    assert [one.line for one in told] == [2, 3, 4] and report.counts.applied == 1


def test_an_open_file_is_replayed_from_its_beginning(db: Convofold, many_pieces: Path) -> None:
    told: list[int] = []

    def burst(rejection: Rejection) -> None:
        told.append(rejection.line)
        if len(told) == 20:
            raise ZeroDivisionError

    with many_pieces.open("rb") as file, pytest.raises(ZeroDivisionError):
        db.replay(file, rejects=burst)
    before = db.stats().last_seq
    with many_pieces.open("rb") as file:
        report = db.replay(file)
    assert 0 < before == report.counts.duplicates and not report.resumed
    assert report.counts.applied == 30_000 - before


def test_ctrl_c_ends_a_replay_of_a_pipe_that_stays_open(tmp_path: Path) -> None:
    code = """if True:
        import sys, convofold
        db = convofold.Convofold(sys.argv[1])
        try:
            db.replay(sys.stdin.buffer.raw, progress=lambda progress: print(progress.events, flush=True))
        except KeyboardInterrupt:
            print("interrupted", db.stats().last_seq, flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", code, tmp_path / "db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(line("c", 1))
    child.stdin.flush()
    # What is there counts while the pipe stays open.
    told = (int(child.stdout.readline()) for _ in range(600))
    assert next(events for events in told if events > 0) == 1
    child.send_signal(signal.SIGINT)
    assert child.stdout.read().splitlines()[-1] == b"interrupted 1"
    # It also ends, with the thread that reads still waiting.
    assert child.wait(timeout=60) == 0
    child.stdin.close()


class OnlyRead:
    """A file as the least that can be read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces: Iterator[bytes] = iter(pieces)
        self.asked: list[str] = []

    def read(self, size: int) -> bytes:
        self.asked.append("read")
        return next(self.pieces, b"")


class WithRead1(OnlyRead):
    def read(self, size: int) -> bytes:
        raise AssertionError("read waits for all that is asked for")

    def read1(self, size: int) -> bytes:
        self.asked.append("read1")
        return next(self.pieces, b"")


class Unsupported(OnlyRead):
    def read1(self, size: int) -> bytes:
        self.asked.append("read1")
        raise io.UnsupportedOperation("read1")


LINE = line("c", 1)


@pytest.mark.parametrize(
    ("kind", "asked"), [(OnlyRead, ["read"]), (WithRead1, ["read1"]), (Unsupported, ["read1", "read"])]
)
def test_files_are_read_by_read1_where_they_have_it(db: Convofold, kind: type[OnlyRead], asked: list[str]) -> None:
    # The first bytes are asked for by themselves: they say how it is compressed.
    file = kind([LINE[:4], LINE[4:]])
    assert db.replay(file).counts.applied == 1
    assert list(dict.fromkeys(file.asked)) == asked


def test_a_slow_pipe_is_taken_as_it_comes(db: Convofold) -> None:
    reading, writing = os.pipe()
    os.write(writing, LINE)

    def end_once_it_counts(progress: Progress) -> None:
        if progress.events == 1 and not ended:
            ended.append(True)
            os.close(writing)

    ended: list[bool] = []
    with open(reading, "rb") as file:
        assert db.replay(file, progress=end_once_it_counts).counts.applied == 1
    assert ended


def test_an_exception_of_a_file_is_the_cause(db: Convofold, tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        def read(self, size: int) -> bytes:
            raise ZeroDivisionError("gone")

    with pytest.raises(convofold.ReplayError, match="broken.*gone") as raised:
        db.replay(Broken())
    cause = raised.value.__cause__
    assert type(cause) is ZeroDivisionError and cause.__traceback__ is not None
    assert cause.__traceback__.tb_frame.f_code.co_name == "read"

    with pytest.raises(convofold.ReplayError) as raised:
        db.replay(tmp_path / "none")
    assert isinstance(raised.value.__cause__, FileNotFoundError)


def test_many_threads_parse_the_same(tmp_path: Path, sample: Path) -> None:
    hashes = set()
    for threads in [1, 4]:
        with Convofold(tmp_path / str(threads), parse_threads=threads) as db:
            db.replay(sample)
            hashes.add(db.state_hash())
    assert len(hashes) == 1


def test_a_folder_and_a_pattern_stand_for_their_files(tmp_path: Path, sample: Path) -> None:
    lines = sample.read_bytes().splitlines(keepends=True)
    logs = tmp_path / "logs"
    (logs / "more").mkdir(parents=True)
    (logs / "more" / "b.ndjson").write_bytes(b"".join(lines[:300]))
    (logs / "a.ndjson").write_bytes(b"".join(lines[300:]))
    with Convofold(logs / "db") as db:
        assert db.replay(logs).lines == 1000
        assert db.replay(str(logs / "*.ndjson")).lines == 700
        with pytest.raises(convofold.ReplayError, match="no file matches"):
            db.replay(logs / "*.gz")
        with pytest.raises(convofold.ReplayError, match="no such file or folder"):
            db.replay(logs / "none")
