"""Threads: everything may be called from any of them, and what blocks lets the others run."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import message

import convofold
from convofold import Convofold

T0 = 1_700_000_000_000


def test_many_threads_write_and_ask_at_once(db: Convofold) -> None:
    def work(worker: int) -> None:
        for number in range(50):
            db.submit([message(f"c-{worker}", T0 + number, identity=str(number))], durability="buffered")
            state = db.state(f"c-{worker}")
            assert state is not None and state.messages_in == number + 1
            db.query(limit=3)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert (db.stats().last_seq, db.stats().conversations) == (400, 8)


def test_a_feed_that_waits_does_not_stop_the_others(db: Convofold) -> None:
    seen: list[int] = []

    def follow() -> None:
        for change in db.changes():
            seen.append(change.seq)

    follower = threading.Thread(target=follow)
    follower.start()
    for number in range(20):
        db.submit([message("c", T0 + number)])
    while len(seen) < 20:
        time.sleep(0.001)
    db.close()
    follower.join(timeout=60)
    assert not follower.is_alive() and seen == list(range(1, 21))


def test_a_feed_is_stopped_from_another_thread(db: Convofold) -> None:
    feed = db.changes()
    follower = threading.Thread(target=lambda: list(feed))
    follower.start()
    feed.stop()
    follower.join(timeout=60)
    assert not follower.is_alive() and feed.next_seq == 1


def test_python_runs_on_while_a_replay_does(db: Convofold, sample: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_bytes(sample.read_bytes() * 20)
    running = threading.Event()
    replayer = threading.Thread(target=lambda: (running.set(), db.replay(log)))
    replayer.start()
    running.wait()
    steps = 0
    while replayer.is_alive():
        steps += 1
        time.sleep(0)
    assert steps > 100
    replayer.join()
    assert db.stats().last_seq == 1000


def test_python_runs_on_while_the_past_is_asked_about(filled: Convofold) -> None:
    view = filled.at(known_at="seq:900")
    running = threading.Event()
    asker = threading.Thread(target=lambda: (running.set(), [view.state_hash() for _ in range(20)]))
    asker.start()
    running.wait()
    steps = 0
    while asker.is_alive():
        steps += 1
        time.sleep(0)
    assert steps > 100
    asker.join()


def test_threads_share_the_rows_of_one_answer(filled: Convofold) -> None:
    rows = filled.query_all(limit=2)
    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(lambda _: [row.id for row in rows], range(8)))
    ids = [id for share in shares for id in share]
    assert sorted(ids) == sorted(row.id for row in filled.query_all()) and len(ids) == 39


def test_closing_while_others_work_ends_them_in_order(tmp_path: Path) -> None:
    db = Convofold(tmp_path / "db")
    ended: list[type] = []
    begun = threading.Barrier(5)

    def work(worker: int) -> None:
        number = 0
        begun.wait()
        try:
            while True:
                number += 1
                db.submit([message(f"c-{worker}", T0 + number)])
                db.state(f"c-{worker}")
        except convofold.ConvofoldError as error:
            ended.append(type(error))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    time.sleep(0.05)
    db.close()
    for thread in threads:
        thread.join(timeout=60)
    assert ended == [convofold.ClosedError] * 4
    with Convofold(tmp_path / "db") as db:
        assert db.verify().ok


def test_a_store_that_nobody_closed_is_closed_when_it_goes_while_others_run(tmp_path: Path) -> None:
    db = Convofold(tmp_path / "db")
    db.submit([message(f"c-{number % 5000}", T0 + number, "x" * 50) for number in range(20_000)], durability="buffered")
    gone = threading.Event()
    steps = [0]

    def step() -> None:
        while not gone.is_set():
            steps[0] += 1
            time.sleep(0.001)

    stepper = threading.Thread(target=step)
    stepper.start()
    before = steps[0]
    del db
    while_it_closed = steps[0] - before
    gone.set()
    stepper.join()
    # It writes a checkpoint, which takes long enough.
    assert while_it_closed > 5
    with Convofold(tmp_path / "db") as db:
        assert (db.recovery.last_seq, db.recovery.events_replayed) == (20_000, 0)


def test_a_full_queue_is_said_or_waited_for(tmp_path: Path) -> None:
    with Convofold(tmp_path / "db", queue_submissions=1) as db:
        tickets = []
        with pytest.raises(convofold.QueueFullError):
            for number in range(10_000):
                tickets.append(db.submit_nowait([message("c", T0 + number)]))
        tickets.append(db.submit_nowait([message("d", T0)], block=True))
        assert all(ticket.wait().counts.applied == 1 for ticket in tickets)
