"""Why a conversation is what it is."""

import json
from pathlib import Path

import pytest
from conftest import message, states

import convofold
from convofold import Convofold

T0 = 1_700_000_000_000


def test_a_value_has_its_rule_and_its_events(db: Convofold) -> None:
    db.submit([{**message("c", T0), "kind": "open"}, message("c", T0 + 1), {**message("c", T0 + 2), "kind": "close"}])
    explained = db.explain("c", "status")
    assert explained is not None
    (status,) = explained
    assert (status.field, status.value, status.rule, status.without) == ("status", "closed", "F2", "open")
    (close,) = status.because
    assert (close.seq, close.at, close.event, close.at_utc.year) == (3, T0 + 2, "close", 2023)
    assert close.learned_after_ms is not None and close.learned_after_ms > 0
    assert [(one.seq, one.event, one.why) for one in status.over] == [(1, "open", "earlier")]
    assert status.not_ == [] and status.because_count is None
    assert db.explain("unknown") is None


def test_every_field_of_the_export_is_explained_with_its_value(filled: Convofold, tmp_path: Path) -> None:
    for line in states(filled, tmp_path / "export"):
        explained = filled.explain(line["id"], limit=1)
        assert explained is not None
        for one in explained:
            group, _, part = one.field.partition(".")
            expected = line[group]
            assert one.value == (expected[part] if part and expected is not None else expected), one.field
            assert len(one.because) <= 1 and one.sentence
        assert {one.field.partition(".")[0] for one in explained} == set(line)


def test_a_list_is_as_long_as_the_limit(db: Convofold) -> None:
    db.submit([message("c", T0 + number) for number in range(30)])
    for limit, length, count in [(20, 20, 30), (3, 3, 30), (0, 30, None), (30, 30, None)]:
        (inbound,) = db.explain("c", "messages_in", limit=limit)
        assert (inbound.value, len(inbound.because), inbound.because_count) == (30, length, count)
    (inbound,) = db.explain("c", "messages_in")
    assert len(inbound.because) == 20
    with pytest.raises(ValueError, match="invalid number"):
        db.explain("c", limit=-1)


def test_an_object_stands_for_its_fields(db: Convofold) -> None:
    db.submit([message("c", T0, member_name="Mia", agent={"id": "7", "name": "Ida"})])
    assert [(one.field, one.value) for one in db.explain("c", "agent")] == [("agent.id", "7"), ("agent.name", "Ida")]
    with pytest.raises(ValueError, match="agent"):
        db.explain("c", "agents")


def test_an_explanation_is_json(db: Convofold) -> None:
    db.submit([message("c", T0)])
    (started,) = db.explain("c", "started_at")
    found = json.loads(json.dumps(started.to_dict()))
    assert (found["field"], found["value"], found["not"], found["without"]) == ("started_at", T0, [], None)
    assert found["because"][0]["seq"] == 1 and found["because"][0]["at"] == T0
    (assignments,) = db.explain("c", "assignments")
    assert assignments.value == []
    assert started == db.explain("c", "started_at")[0] and repr(started).startswith("Explanation(field='started_at'")


def test_the_past_is_explained_by_what_was_known(db: Convofold) -> None:
    db.submit([message("c", T0 + 5)])
    db.submit([message("c", T0)])
    (now,) = db.explain("c", "waiting_since")
    (then,) = db.at(known_at="seq:1").explain("c", "waiting_since")
    assert (now.value, then.value) == (T0, T0 + 5)
    assert [one.seq for one in then.because] == [1]
    assert db.at(as_of=T0 + 1).explain("c", "messages_in")[0].value == 1
    db.close()
    with pytest.raises(convofold.ClosedError):
        db.explain("c")
