"""Memory: what is done over and over takes no more of it."""

import gc
import itertools
import os
import subprocess
import sys
from pathlib import Path

from conftest import message

from convofold import Convofold, Event

KIB = 1024


def resident_kib() -> int:
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def grows_by_kib(work, rounds: int, warm_up: int) -> int:
    """The growth of memory over a number of rounds, after a warm-up."""
    for _ in range(warm_up):
        work()
    before = resident_kib()
    for _ in range(rounds):
        work()
    return resident_kib() - before


def test_questions_leave_nothing_behind(filled: Convofold) -> None:
    ids = [row.id for row in filled.query()]
    questions = itertools.cycle(
        [
            lambda id: filled.query(limit=20).rows[0].to_dict(),
            lambda id: filled.state(id),
            lambda id: filled.history(id),
            lambda id: filled.agents(),
            lambda id: filled.state_hash(),
            lambda id: next(filled.conversations()),
            lambda id: next(filled.changes(timeout=0)),
            lambda id: filled.at(known_at="seq:900").state(id),
            lambda id: next(filled.at(as_of="latest").conversations()),
        ]
    )
    turns = zip(questions, itertools.cycle(ids))

    def ask() -> None:
        question, id = next(turns)
        question(id)

    # A kilobyte a question would be ten megabytes.
    assert grows_by_kib(ask, 10_000, 2_000) < 5 * KIB


def test_exceptions_and_what_is_refused_leave_nothing_behind(db: Convofold) -> None:
    def refuse() -> None:
        db.ingest('{"body":{}}')
        try:
            db.submit([message("c", -1)])
        except ValueError:
            pass
        Event("x", "c", "message", occurred=1, text="x" * 1000).to_dict()

    assert grows_by_kib(refuse, 10_000, 2_000) < 5 * KIB


OPENS = """
import sys
from convofold import Convofold
from test_memory import grows_by_kib

def open_and_ask():
    with Convofold(sys.argv[1]) as db:
        db.query(limit=1)

# A leak grows every time. On a busy machine, memory of a thread that ends late is returned after the measurement.
print(min(grows_by_kib(open_and_ask, 40, warm_up) for warm_up in (20, 0, 0)))
"""


def test_opening_and_closing_leaves_nothing_behind(filled: Convofold) -> None:
    path = filled.path
    filled.close()
    # Each opening starts threads, and each thread may get an arena of its own from the allocator: some ten megabytes until
    # there are as many as there may be. With one arena, memory stands still from the first openings on.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", OPENS, path]
    grown = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    assert int(grown) < KIB / 2


def test_a_store_that_is_dropped_without_closing_lets_go(tmp_path: Path) -> None:
    db = Convofold(tmp_path / "db")
    db.submit([message("c", 1)])
    del db
    gc.collect()
    with Convofold(tmp_path / "db") as again:
        assert again.stats().last_seq == 1
