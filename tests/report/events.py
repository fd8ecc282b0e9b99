"""Reads exported events (docs/own-form.md) and puts those of a conversation in order: rules T1 to T4 of docs/rules.md.

Times are whole nanoseconds since the epoch. Only what a measure can depend on is read.
"""

import calendar
import json
import re

NANOS_PER_MS = 1_000_000

STEPS = {
    "open": [True],
    "open_closed": [True, False],
    "update": [],
    "update_open": [True],
    "message": [],
    "close": [False],
}
RANKS = {"open": 0, "open_closed": 0, "update": 1, "update_open": 1, "message": 2, "close": 3}

RFC_3339 = re.compile(r"(\d+)-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$")


def read_time(text):
    """An RFC 3339 time as nanoseconds."""
    parts = RFC_3339.match(text)
    if not parts:
        raise ValueError(f"not a time: {text}")
    year, month, day, hour, minute, second = (int(part) for part in parts.groups()[:6])
    fraction, zone = parts.groups()[6:]
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if zone and zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def shown(nanos):
    """Times are shown in milliseconds, cut."""
    return None if nanos is None else nanos // NANOS_PER_MS


def latest_of(*times):
    return max((time for time in times if time is not None), default=None)


class Event:
    """One event. `at` is that of T1 until `in_order` gives an event without a usable time that of T3."""

    def __init__(self, line):
        fields = json.loads(line)
        time = lambda key: read_time(fields[key]) if key in fields else None
        self.conversation = fields["conversation"]
        self.source = fields["source"]
        self.kind = fields["kind"]
        self.started = time("started")
        self.active = time("active")
        self.unread = fields.get("unread")
        self.direction = fields.get("direction") if self.is_message else None
        self.channel = fields.get("channel")
        self.tenant = fields.get("tenant")
        self.shortcode = fields.get("shortcode")
        # F5: False if the event says nothing about the agent, None if it says that nobody is assigned.
        self.agent = fields.get("agent", False)
        occurred, sent = time("occurred"), time("sent")
        self.at = latest_of(occurred, sent if self.is_message else first_of(self.active, self.started))
        self.own = sent if self.is_message else None
        self.has_no_time = self.kind == "close" and (
            occurred is None or (self.started is not None and occurred < self.started)
        )
        status = fields.get("session", {}).get("status")
        self.status = status if status in range(1, 12) else None
        # F2 and F11: what the event states about the status, in order; True opens.
        self.steps = STEPS[self.kind] + ([] if self.status is None else [self.status <= 6])
        # The identity of an event without an id is a hash, which the model does not compute.
        self.has_id = "identity" in fields
        self.identity = (fields.get("identity", "").encode(), self.source.encode(), fields.get("part", 0))

    @property
    def is_message(self):
        return self.kind == "message"

    @property
    def is_in(self):
        return self.direction == "in"

    @property
    def is_out(self):
        return self.direction == "out"

    @property
    def closes(self):
        return False in self.steps

    @property
    def at_ms(self):
        return shown(self.at)

    @property
    def own_time(self):
        """T4: a message's own time."""
        return self.at if self.own is None else self.own

    @property
    def own_ms(self):
        return shown(self.own_time)


def first_of(first, second):
    """The first that is present (T1: `active`, otherwise `started`)."""
    return second if first is None else first


def in_order(events):
    """T2, after closes without a usable time have the time of T3."""
    timed = [event.at for event in events if not event.has_no_time]
    if timed:
        for event in events:
            if event.has_no_time:
                event.at = latest_of(max(timed), event.started)
    place = lambda event: (event.has_no_time, event.at, RANKS[event.kind])
    events = sorted(events, key=lambda event: (*place(event), event.identity))
    for one, other in zip(events, events[1:]):
        if place(one) == place(other) and not (one.has_id and other.has_id):
            raise ValueError(f"{one.conversation}: the order of two events follows from a content hash; give them ids")
    return events


def read(lines):
    """The events of each conversation, in order. Each identity must occur once: of a conflict, the version that counts."""
    conversations = {}
    for line in lines:
        if line.strip():
            event = Event(line)
            conversations.setdefault(event.conversation, []).append(event)
    for name, events in conversations.items():
        given = [event.identity for event in events if event.has_id]
        if len(given) != len(set(given)):
            raise ValueError(f"{name}: two versions of an event; leave out those that do not count (`convofold conflicts`)")
    return {name: in_order(events) for name, events in sorted(conversations.items())}
