"""Bulk replay."""

import gzip
import io
from pathlib import Path

import pytest
from tqdm import tqdm

import convofold
from convofold import Convofold, Progress, Rejection


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


def test_an_exception_ends_it_and_the_next_call_goes_on(db: Convofold, sample: Path) -> None:
    def burst(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.replay(sample, progress=burst)
    db.replay(sample)
    assert db.stats().last_seq == 1000


def test_an_exception_of_a_listener_to_rejects_comes_through(db: Convofold) -> None:
    def burst(_: Rejection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.replay(io.BytesIO(b"no\n" * 1000), rejects=burst)


def test_an_exception_of_a_file_is_the_cause(db: Convofold) -> None:
    class Broken:
        name = "broken"

        def read(self, size: int) -> bytes:
            raise OSError(5, "gone")

    with pytest.raises(convofold.ReplayError, match="broken.*gone"):
        db.replay(Broken())


def test_many_threads_parse_the_same(tmp_path: Path, sample: Path) -> None:
    hashes = set()
    for threads in [1, 4]:
        with Convofold(tmp_path / str(threads), parse_threads=threads) as db:
            db.replay(sample)
            hashes.add(db.state_hash())
    assert len(hashes) == 1
