"""Open, put in, ask, close."""

import base64
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import message, states

import convofold
from convofold import AgentRef, Convofold, Event

T0 = 1_700_000_000_000


def test_a_webhook_is_ingested_and_asked_about(db: Convofold) -> None:
    body = (
        b'{"occurred":"2026-03-02T09:15:00Z","body":{"name":"live_chat_message","interaction_type":"sms_in",'
        b'"transaction":"t-1","properties":{"message":{"number":"4512345678","agent_id":"a-7","agent_name":"Ida",'
        b'"message":"Is the shop open today?"}}}}'
    )
    report = db.ingest(body)
    assert (report.events, report.counts.applied, report.rejections) == (1, 1, [])
    state = db.state("t-1")
    assert state is not None
    assert (state.status, state.unread, state.agent) == ("open", 1, AgentRefs["Ida"])
    assert state.last_message is not None and state.last_message.text == "Is the shop open today?"
    assert state.waiting_since_utc == datetime(2026, 3, 2, 9, 15, tzinfo=timezone.utc)
    assert [row.id for row in db.query(agent="Ida")] == ["t-1"]
    assert len(db.query(unassigned=True)) == 0
    assert db.state("t-2") is None and db.history("t-2") is None and db.arrivals("t-2") is None


class AgentRefs:
    """What cannot be made in Python is taken from a store."""

    def __class_getitem__(cls, name: str) -> AgentRef:
        agent = Event("x", "c", "open", occurred=1, agent={"id": "a-7", "name": name}).agent
        assert agent is not None
        return agent


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, bytes.decode, lambda line: io.BytesIO(line).getbuffer()])
def test_every_buffer_is_taken(db: Convofold, form) -> None:
    line = json.dumps({"convofold": 1, **message("c", 1), "occurred": "2026-03-02T09:15:00Z", "text": "Grüß Gott"})
    assert db.ingest(form(line.encode())).counts.applied == 1
    state = db.state("c")
    assert state is not None and state.last_message is not None and state.last_message.text == "Grüß Gott"


@pytest.mark.parametrize("no_buffer", [5, None, [1, 2], object()])
def test_what_is_no_buffer_is_a_type_error(db: Convofold, no_buffer) -> None:
    with pytest.raises(TypeError):
        db.ingest(no_buffer)


def test_what_cannot_be_an_event_is_in_the_report(db: Convofold) -> None:
    report = db.ingest('{"body":{}}\n\n{"Event":"test"}\nnot JSON\xff\n')
    assert [rejection.line for rejection in report.rejections] == [1, 4]
    assert report.ignored == {"input": {"blank": 1}, "superoffice": {"other_event": 1}}
    rejection = report.rejections[1]
    assert rejection.reason == "not JSON" and rejection.raw == "not JSON\xff".encode()
    assert str(rejection).startswith("line 4, byte ")


def test_a_report_is_json_also_with_what_was_rejected(db: Convofold) -> None:
    report = db.ingest(b'no \xc3\xa4\nno \xff\n')
    text, other = json.loads(json.dumps(report.to_dict()))["rejections"]
    assert (text["raw"], text["raw_cut"], text["line"]) == ("no \xe4", False, 1)
    assert base64.b64decode(other["raw_base64"]) == b"no \xff" and "raw" not in other
    # Cut within a character, as what is longer than 64 KiB may be.
    cut = db.ingest(b"n" + "\xe4".encode() * 40_000).rejections[0]
    assert cut.raw_cut and cut.raw.endswith(b"\xc3")
    assert cut.to_dict()["raw"] == "n" + "\xe4" * ((len(cut.raw) - 2) // 2)


def test_rejections_beyond_the_maximum_are_counted(db: Convofold) -> None:
    report = db.ingest("1\n" * 2_000)
    assert (report.rejected, len(report.rejections)) == ({"not an event": 2_000}, 1_000)
    assert len(db.ingest("1\n" * 2_000, max_rejections=3).rejections) == 3


def test_conflicts_name_the_fields_that_differ(db: Convofold) -> None:
    events = [message("c", T0, text, identity="1") for text in ["Hi", "Hello"]]
    assert db.submit(events).counts.conflicts == 1
    found = db.conflicts("c")
    assert found is not None and found == db.conflicts()
    (conflict,) = found
    (field,) = conflict.fields
    assert (conflict.identity, field.field, {field.kept, field.lost}) == ("1", "text", {'"Hi"', '"Hello"'})
    assert db.conflicts("unknown") is None


def test_an_export_never_goes_into_the_database(db: Convofold, tmp_path: Path) -> None:
    for inside in [db.path / "HEAD", db.path / "new"]:
        with pytest.raises(ValueError, match="inside the database"):
            db.export(inside)


def test_own_events_are_objects_or_dicts(db: Convofold) -> None:
    events = [message("c", T0), Event("desk", "c", "message", occurred=T0 + 1, direction="out", agent="a")]
    receipt = db.submit(events)
    assert (receipt.effects, receipt.first_seq, receipt.last_seq, receipt.durable) == (["applied"] * 2, 1, 2, True)
    assert db.submit(events[0]).effects == ["duplicate"]
    assert db.submit([]).effects == []
    assert db.submit(iter([message("c", T0 - 1)])).effects == ["late"]
    history = db.history("c")
    assert history is not None
    assert [(entry.at, entry.late) for entry in history] == [(T0 - 1, True), (T0, False), (T0 + 1, False)]
    assert [entry.event.agent and entry.event.agent.id for entry in history] == [None, None, "a"]
    assert [entry.assigned and entry.assigned.id for entry in history] == [None, None, "a"]


def test_times_come_in_three_forms() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
    ms = int(noon.timestamp() * 1000)
    in_tokyo = noon.astimezone(timezone(timedelta(hours=9)))
    for given in [ms, noon, in_tokyo, "2026-03-02T12:00:00Z", "2026-03-02 13:00:00+01:00"]:
        event = Event("desk", "c", "message", occurred=given)
        assert (event.at, event.at_utc) == (ms, noon)
    exact = Event("desk", "c", "message", occurred=noon.replace(microsecond=123_456))
    assert exact.to_dict()["occurred"] == "2026-03-02T12:00:00.123456000Z"
    for wrong in [datetime(2026, 3, 2), "yesterday", -1, 12.5, True and "", 10**18]:
        with pytest.raises(ValueError):
            Event("desk", "c", "message", occurred=wrong)


def test_an_event_comes_back_from_its_dict_and_its_json(db: Convofold) -> None:
    event = Event(
        "desk", "c", "open", occurred=T0, started=T0 - 5, active=T0, unread=3, agent=False, channel="web", text="",
        member_name="Mia", member_number="+45", member_business_id="b", member_channel_id="ch", shortcode="s",
        app_key="k", tenant="acme", session={"status": 5, "consented": True, "customer_alias": "M"}, identity="i", part=2,
    )
    assert db.submit(event.to_dict()).effects == ["applied"]
    assert [change.event for change in db.changes(timeout=0)] == [event]
    assert db.ingest(event.to_json(), "convofold").counts.duplicates == 1
    assert event != Event("desk", "c", "open", occurred=T0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "shout"},
        {"direction": "up"},
        {"agent": True},
        {"agent": {}},
        {"agent": {"id": None}},
        {"session": {"mood": 3}},
        {"convofold": 2},
    ],
)
def test_an_event_with_a_wrong_value_is_a_value_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Event(**{**message("c", T0), **wrong})


def test_an_event_without_what_it_needs_is_an_event_error(db: Convofold) -> None:
    with pytest.raises(convofold.EventError, match="time"):
        Event("desk", "c", "message")
    with pytest.raises(convofold.EventError, match="conversation"):
        db.submit([message("", T0)])
    with pytest.raises(TypeError):
        db.submit([{**message("c", T0), "mood": "good"}])
    with pytest.raises(ValueError, match="int"):
        db.submit([7])
    assert db.stats().last_seq == 0


def test_bookmarks_go_with_their_events(tmp_path: Path) -> None:
    with Convofold(tmp_path / "db") as db:
        db.submit([message("c", T0)], bookmark=("stream", b"\x00\xff"))
        db.ingest("", bookmark=("offset", "17"))
        assert db.bookmark("stream") == b"\x00\xff"
    with Convofold(tmp_path / "db") as db:
        assert db.bookmarks() == {"stream": b"\x00\xff", "offset": b"17"}
        db.submit([], bookmark=("stream", None))
        assert (db.bookmark("stream"), db.bookmarks()) == (None, {"offset": b"17"})


def test_a_ticket_is_waited_for(db: Convofold) -> None:
    ticket = db.submit_nowait([message("c", T0)], durability="buffered")
    assert ticket.wait(timeout=60).counts.applied == 1
    assert ticket.done() and ticket.wait() == ticket.wait(0)
    db.sync()
    assert db.stats().durable_seq == 1


def test_counters_tell_what_was_done(db: Convofold) -> None:
    db.submit([message("c", T0), message("c", T0)])
    db.ingest("no")
    counters = db.counters()
    assert (counters.events.applied, counters.events.duplicates, counters.rejected) == (1, 1, 1)
    assert (counters.batches, counters.commit_latency.count, counters.poisoned) == (1, 1, False)
    assert counters.checkpoints == 0 and counters.checkpoint_age_ms is None
    p50, p99 = counters.commit_latency.p50_us, counters.commit_latency.p99_us
    assert p50 is not None and p99 is not None and 0 < p50 <= p99
    db.checkpoint()
    assert db.counters().checkpoints == 1 and db.counters().checkpoint_age_ms is not None


def test_a_store_opens_again_as_it_was(tmp_path: Path, sample: Path) -> None:
    with Convofold(tmp_path / "db") as db:
        assert db.recovery.is_new and db.path == tmp_path / "db"
        db.replay(sample, checkpoint=True)
        hash_before, stats = db.state_hash(), db.stats()
    with Convofold(tmp_path / "db", create=False) as db:
        assert not db.recovery.is_new and db.recovery.checkpoint_seq == 1000
        assert (db.state_hash(), db.stats().conversations) == (hash_before, stats.conversations)


def test_a_store_is_read_without_writing_and_by_several_readers(tmp_path: Path, sample: Path) -> None:
    with Convofold(tmp_path / "db") as db:
        db.replay(sample)
        hash_before = db.state_hash()
    before = {path: path.read_bytes() for path in (tmp_path / "db").rglob("*") if path.is_file()}
    with Convofold(tmp_path / "db", read_only=True) as one, Convofold(tmp_path / "db", read_only=True) as two:
        assert one.state_hash() == two.state_hash() == hash_before
        with pytest.raises(convofold.SubmitError, match="read-only"):
            one.submit([message("a", T0)])
        with pytest.raises(convofold.AlreadyOpenError):
            Convofold(tmp_path / "db")
    assert {path: path.read_bytes() for path in (tmp_path / "db").rglob("*") if path.is_file()} == before
    with pytest.raises(convofold.NotFoundError):
        Convofold(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


def test_results_are_frozen_compare_by_value_and_come_apart(filled: Convofold, tmp_path: Path) -> None:
    expected = states(filled, tmp_path / "export")
    for line in expected:
        state = filled.state(line["id"])
        assert state is not None and state == filled.state(line["id"])
        found = state.to_dict()
        if found["session"] is None:
            del found["session"]
        assert found == line and list(found) == list(line)
        with pytest.raises(AttributeError):
            state.unread = 0
    assert repr(filled.agents()[0]).startswith("AgentLoad(tenant=")
    match filled.totals()[0]:
        case convofold.Totals(tenant=tenant, conversations=count):
            assert count > 0 and tenant is not None
        case other:
            raise AssertionError(other)
    with pytest.raises(TypeError):
        hash(filled.stats())
    assert len({AgentRefs["Ida"], AgentRefs["Ida"], AgentRefs["Ann"]}) == 2


def test_pages_and_all_rows_are_the_same(filled: Convofold) -> None:
    everything = filled.query()
    assert everything.next is None and len(everything) == filled.stats().open
    for sort in ["activity", "waiting", "started"]:
        rows = filled.query(sort=sort).rows
        assert list(filled.query_all(sort=sort, limit=7)) == rows
        first = filled.query(sort=sort, limit=5)
        second = filled.query(sort=sort, limit=5, cursor=first.next)
        assert [*first, *second] == rows[:10]
    unassigned = filled.query(unassigned=True).rows
    assert unassigned == [row for row in everything if row.agent is None]
    busiest = max(filled.agents(), key=lambda load: (load.agent is not None, load.open))
    assert busiest.agent is not None and len(filled.query(agent=busiest.agent.id)) == busiest.open
    newest = everything.rows[0].last_active_at_utc
    assert filled.query(idle_since=newest).rows == everything.rows
    assert filled.query(idle_since=newest - timedelta(days=999)).rows == []
    assert all(row.unread >= 2 for row in filled.query(unread_min=2))


def test_an_export_is_what_the_hash_is_of(filled: Convofold, tmp_path: Path) -> None:
    import hashlib

    out = io.BytesIO()
    report = filled.export(out)
    lines = out.getvalue().splitlines()
    assert (report.conversations, report.bytes) == (len(lines), len(out.getvalue()))
    assert lines == sorted(lines, key=lambda line: json.loads(line)["id"].encode())
    total = sum(int.from_bytes(hashlib.sha256(line).digest(), "big") for line in lines)
    assert filled.state_hash() == f"{total % 2**256:064x}"
    filled.export(tmp_path / "export")
    assert (tmp_path / "export").read_bytes() == out.getvalue()


def test_exported_events_are_the_way_back(filled: Convofold, tmp_path: Path) -> None:
    report = filled.export_events(tmp_path / "events.ndjson")
    assert report.events == 1000
    with Convofold(tmp_path / "other") as other:
        assert other.replay(tmp_path / "events.ndjson", "convofold").counts.applied == 1000
        assert other.state_hash() == filled.state_hash()


def test_a_query_names_unknown_values_and_can_return_the_last_message(db: Convofold) -> None:
    db.submit([message("c", T0, "Hello?", agent={"id": "7", "name": "Ida Holm"}, member_number="+45 12")])
    page = db.query(agent="ida hlm")
    assert [(one.condition, one.value, one.similar) for one in page.unknown] == [("agent", "ida hlm", ["Ida Holm"])]
    (row,) = db.query(agent="IDA HOLM", number="4512", last_message=True)
    assert row.last_message == db.state("c").last_message and row.agent == db.state("c").agent
    assert db.query(limit=0).rows[0].last_message is None
    assert db.find_ids("c") == ["c"] and db.find_ids("d") == []


def test_every_argument_of_an_event_can_be_read() -> None:
    texts = ["member_name", "member_number", "member_business_id", "member_channel_id", "shortcode", "app_key", "tenant"]
    given = {name: name for name in texts} | {name: T0 for name in ["occurred", "sent", "started", "active"]}
    event = convofold.Event("desk", "c", "open", unread=3, agent=False, **given)
    assert {name: getattr(event, name) for name in given} == given
    assert event.unread == 3 and event.nobody and event.agent is None


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_a_number_outside_its_range_is_a_value_error(db: Convofold, tmp_path: Path, wrong: int) -> None:
    for call in [
        lambda: db.query(limit=wrong),
        lambda: db.query(unread_min=wrong),
        lambda: db.find_ids("c", wrong),
        lambda: db.changes(wrong),
        lambda: Convofold(tmp_path / "other", memory_bytes=wrong),
    ]:
        with pytest.raises(ValueError, match="invalid number"):
            call()
