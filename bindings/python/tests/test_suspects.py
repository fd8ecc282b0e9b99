"""Suspects as a report."""

from conftest import message

from convofold import Convofold

T0 = 1_700_000_000_000
MINUTE = 60_000


def test_missing_messages_are_reported_with_their_interval(db: Convofold) -> None:
    # One message is known, and the source states three.
    stated = {"source": "desk", "conversation": "c", "kind": "update", "occurred": T0 + MINUTE, "unread": 3}
    db.submit([{**message("c", T0), "kind": "open", "unread": 0}, message("c", T0 + 1), message("d", T0)])
    before = db.at(known_at="latest")
    db.submit([stated])
    found = db.suspects()
    assert (found.conversations, found.events, found.zone) == (1, 1, "UTC")
    (kind,) = found.kinds
    assert (kind.kind, kind.source, kind.missing, kind.first_at) == ("unread", "desk", 2, T0 + MINUTE)
    (day,) = found.days
    assert (day.day, day.kind, day.events) == ("2023-11-14", "unread", 1)
    (loss,) = found.losses
    assert (loss.missing, loss.gaps, loss.earliest <= loss.from_ <= loss.to <= loss.latest) == (2, 1, True)
    assert found.to_dict()["losses"][0]["from"] == loss.from_
    assert before.suspects().events == 0
    assert db.at(known_at="latest").suspects() == found == db.suspects(source="desk", since=T0, until=T0 + 2 * MINUTE)
    assert db.suspects(tenant="acme").events == db.suspects(until=T0).events == 0
