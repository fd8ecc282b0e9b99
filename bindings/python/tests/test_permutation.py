"""The state is a function of the set of events."""

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convofold import Convofold, Event

agents = st.sampled_from([None, False, "a", "b", {"name": "Ann"}, {"id": "a", "name": "Ann"}])
events = st.builds(
    Event,
    st.just("desk"),
    st.sampled_from(["c-1", "c-2"]),
    st.sampled_from(["open", "update", "update_open", "message", "close"]),
    occurred=st.integers(1_000, 1_020),
    started=st.none() | st.integers(990, 1_010),
    active=st.none() | st.integers(1_000, 1_020),
    unread=st.none() | st.integers(0, 5),
    agent=agents,
    direction=st.sampled_from([None, "in", "out"]),
    text=st.none() | st.text(max_size=5),
    identity=st.none() | st.sampled_from(["x", "y", "z"]),
)


def fold(batches: list[list[Event]]) -> tuple[str, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder, Convofold(Path(folder) / "db") as db:
        for batch in batches:
            db.submit(batch, durability="buffered")
        return db.state_hash(), sorted((state.to_dict() for state in db.states()), key=lambda state: state["id"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events, min_size=1, max_size=15), st.randoms(use_true_random=False))
def test_order_repetition_and_batches_do_not_matter(some: list[Event], lots: random.Random) -> None:
    mixed = some + lots.choices(some, k=3)
    lots.shuffle(mixed)
    cut = lots.randrange(len(mixed))
    assert fold([some]) == fold([mixed[:cut], mixed[cut:]])
