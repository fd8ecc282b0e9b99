"""Iterators: every conversation, every event."""

import asyncio
import time
from pathlib import Path

import pytest
from conftest import message

import convofold
from convofold import Convofold

T0 = 1_700_000_000_000


def test_every_conversation_comes_once(filled: Convofold) -> None:
    conversations = filled.conversations()
    assert conversations.__length_hint__() == filled.stats().conversations
    seen = list(conversations)
    assert len(seen) == len({one.state.id for one in seen}) == filled.stats().conversations
    for one in seen:
        assert one.state == filled.state(one.state.id) and one.history == filled.history(one.state.id)
    assert [one.state for one in seen] == list(filled.states())


def test_conversations_that_left_memory_are_there_too(tmp_path: Path, sample: Path) -> None:
    with Convofold(tmp_path / "db", memory_bytes=20_000) as db:
        db.replay(sample)
        db.sync()
        assert db.stats().resident < db.stats().conversations == len(list(db.states()))
        assert sum(len(one.history) for one in db.conversations()) == 1000


def test_what_is_in_memory_is_shown_also_after_closing(filled: Convofold) -> None:
    states = list(filled.states())
    scan = filled.conversations()
    filled.close()
    assert [one.state for one in scan] == states


def test_a_feed_catches_up_and_goes_on(db: Convofold) -> None:
    db.submit([message("c", T0), message("d", T0)])
    feed = db.changes(timeout=0)
    assert [(change.seq, change.event.conversation) for change in feed] == [(1, "c"), (2, "d")]
    assert list(feed) == [] and feed.next_seq == 3
    db.submit([message("e", T0)])
    assert [change.seq for change in feed] == [3]
    assert [change.seq for change in db.changes(2, timeout=0)] == [2, 3]


def test_a_feed_waits_as_long_as_it_is_told(db: Convofold) -> None:
    before = time.monotonic()
    assert list(db.changes(timeout=0.3)) == []
    assert time.monotonic() - before >= 0.3
    for wrong in [-1, float("nan")]:
        with pytest.raises(ValueError):
            db.changes(timeout=wrong)


def test_a_feed_does_not_begin_before_the_log(tmp_path: Path) -> None:
    with Convofold(tmp_path / "db") as db:
        for number in range(3):
            db.submit([message("c", T0 + number)])
            db.checkpoint()
        trimmed = db.trim(T0 + 2)
        assert trimmed.events > 0 and trimmed.first_seq == trimmed.events + 1
        with pytest.raises(convofold.ChangesError, match="dropped"):
            next(db.changes(1, timeout=0))
        assert next(db.changes(trimmed.first_seq, timeout=0)).seq == trimmed.first_seq
        history = db.history("c")
        assert history is not None and len(history) == 3


def test_a_feed_is_followed_without_blocking_the_loop(db: Convofold) -> None:
    async def follow() -> list[int]:
        seqs, ticks = [], 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.ensure_future(tick())
        asyncio.get_running_loop().call_later(0.1, db.submit, [message("c", T0 + 1)])
        async for change in db.changes():
            seqs.append(change.seq)
            if len(seqs) == 2:
                break
        ticking.cancel()
        assert ticks > 10
        return seqs

    db.submit([message("c", T0)])
    assert asyncio.run(follow()) == [1, 2]


def test_an_async_feed_ends_after_its_timeout_and_when_cancelled(db: Convofold) -> None:
    async def follow(timeout: float | None) -> list[int]:
        return [change.seq async for change in db.changes(timeout=timeout)]

    async def cancelled() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(follow(None), 0.1)

    db.submit([message("c", T0)])
    assert asyncio.run(follow(0)) == [1]
    before = time.monotonic()
    asyncio.run(cancelled())  # waits for the threads of the loop
    assert time.monotonic() - before < 30
