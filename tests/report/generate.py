#!/usr/bin/env python3
"""Writes a random log for reports, one event per line, in order of arrival: conversations of Airship, of SuperOffice and of a
source of our own over some weeks around a change of the clocks, with reopenings, transfers, waits, messages to closed
conversations, closes without a usable time, late events, repeated events and conflicts. The same seed gives the same log.
"""

import argparse
import json
import random
import sys
from datetime import datetime, timedelta, timezone

# Each begins some days before a change of the clocks: New York and Berlin, in spring and in autumn.
BEGINNINGS = ["2025-03-05T07:00:00", "2025-03-26T07:00:00", "2025-10-22T07:00:00", "2025-10-30T07:00:00"]
GAPS_SECONDS = [0, 0, 0.4, 1, 20, 45, 90, 300, 900, 3600, 5 * 3600, 30 * 3600]
GAP_WEIGHTS = [1, 1, 1, 3, 10, 10, 10, 8, 5, 3, 1.5, 0.7]
AGENTS = ["a1", "a2", "a3", "bot"]


def rfc3339(time, digits=3):
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f")[: 20 + digits] + "Z"


def epoch_ms(time):
    return str(int(time.timestamp() * 1000))


class Life:
    """One conversation: makes its events, at random, one after the other."""

    def __init__(self, draw, number, start):
        self.draw, self.number, self.now = draw, number, start
        self.start, self.count = start, 0
        self.tenant = draw.choice(["north", "south"])
        self.is_open = True
        self.agent = None

    def wait(self):
        seconds = self.draw.choices(GAPS_SECONDS, GAP_WEIGHTS)[0]
        self.now += timedelta(milliseconds=int(seconds * 1000 * self.draw.uniform(0.5, 1.5)))

    def next_id(self):
        self.count += 1
        return f"{self.draw.choice('mzA')}{self.number}-{self.count}"

    def chance(self, share):
        return self.draw.random() < share

    def act(self):
        """One event, as the kinds of action of all sources."""
        closed = not self.is_open
        acts = {
            "in": 8, "out": 7, "update": 1, "assign": 3, "nobody": 0.7, "count": 1, "other": 0.5,
            "close": 0.4 if closed else 1.5, "open": 3 if closed else 0.4,
        }
        if closed:
            acts |= {"in": 2, "out": 1}
        return self.draw.choices(list(acts), list(acts.values()))[0]

    def events(self):
        length = self.draw.choice([1, 2, 3, 4, 6, 8, 12, 20])
        act = self.draw.choices(["open", "in", "close", "out", "update"], [8, 4, 0.5, 1, 1])[0]
        for _ in range(length):
            if act == "close":
                self.is_open = False
            if act == "open":
                self.is_open = True
            if act == "assign":
                self.agent = self.draw.choice(AGENTS)
            if act == "nobody":
                self.agent = None
            yield self.event(act)
            self.wait()
            act = self.act()
        if self.chance(0.6):
            yield self.event("close")


class Airship(Life):
    def event(self, act):
        is_message = act in ("in", "out", "other")
        occurred = self.now
        if is_message:
            act = "in" if act == "other" else act
            channel = self.draw.choice(["sms", "app"])
            if self.chance(0.1):
                # Its own time is earlier than `occurred`, perhaps in another bucket.
                self.now += timedelta(seconds=self.draw.choice([0.3, 2, 90, 4000]))
                sent, occurred = occurred, self.now
            else:
                sent = occurred
            message = {"timestamp": epoch_ms(sent), "message": f"text {self.count}", "business_id": self.tenant}
            message["agent_id"] = self.draw.choice(AGENTS) if act == "out" and self.chance(0.3) else None
            return self.envelope("live_chat_message", f"{channel}_{act}", {"message": message}, occurred)
        return self.envelope("live_chat_convo", *self.convo(act), occurred)

    def convo(self, act):
        start = self.start - timedelta(minutes=30) if self.chance(0.05) else self.start
        convo = {"started_timestamp": epoch_ms(start), "last_active_timestamp": epoch_ms(self.now)}
        if act == "close":
            convo["last_active_timestamp"] = None
        if act in ("assign", "nobody", "close") or self.chance(0.3):
            convo["agent_id"] = self.agent
        if act == "count":
            convo["message_count_since_last_accessed"] = str(self.draw.choice([0, 0, 1, 3]))
        if self.chance(0.5):
            convo["business_id"] = self.tenant
        return "convo_close" if act == "close" else "convo_open", {"convo": convo}

    def envelope(self, name, interaction, properties, occurred):
        has_no_time = interaction == "convo_close" and self.chance(0.1)
        body = {
            "name": name, "source": "API", "interaction_type": interaction,
            "transaction": f"t-{self.number}", "properties": properties,
        }
        occurred = "2019-08-13 19:15:00.000000" if has_no_time else rfc3339(occurred, self.draw.choice([3, 6]))
        return {"id": self.next_id(), "type": "CUSTOM", "offset": "1", "occurred": occurred, "body": body}


class SuperOffice(Life):
    def event(self, act):
        values = {}
        if act in ("in", "out"):
            name, values["Status"] = "message", {"in": 5, "out": 6}[act]
        elif act == "other":
            name = "message"
        elif act == "open" and self.count == 0:
            name, values["Status"] = "created", self.draw.choice([1, 1, 4, 4, 10])
        elif act == "open":
            name, values["Status"] = "changed", self.draw.choice([4, 5, 6])
        elif act == "close":
            name, values["Status"] = "changed", self.draw.choice([7, 9, 11])
        else:
            name = "changed"
            if self.chance(0.3):
                values["Status"] = self.draw.choice([0, 4, 5, 6] if self.is_open else [0, 7])
        if act in ("assign", "nobody") or self.chance(0.1):
            values["UserId"] = AGENTS.index(self.agent) + 1 if self.agent else -1
        return {
            "EventId": self.next_id(), "Timestamp": rfc3339(self.now), "Event": f"chatsession.{name}",
            "PrimaryKey": self.number + 1, "ContextIdentifier": self.tenant, "FieldValues": values,
        }


class Desk(Life):
    """Convofold's own form, which can say what the others cannot."""

    def event(self, act):
        kinds = {"in": "message", "out": "message", "other": "message", "open": "open", "close": "close"}
        event = {
            "convofold": 1, "source": "desk", "conversation": f"d-{self.number}", "identity": self.next_id(),
            "kind": kinds.get(act, "update"), "occurred": rfc3339(self.now, self.draw.choice([3, 3, 6])),
        }
        if act in ("in", "out"):
            event["direction"] = act
        if event["kind"] == "message":
            event["channel"] = self.draw.choice(["sms", "mail"])
        if act == "assign" and self.agent:
            event["agent"] = self.draw.choice([{"id": self.agent, "name": self.agent.upper()}, {"name": self.agent.upper()}])
        if act == "nobody":
            event["agent"] = None
        if act == "count":
            event["unread"] = self.draw.choice([0, 2])
        if self.chance(0.2):
            event["tenant"] = self.draw.choice([self.tenant, "east"])
            event["shortcode"] = self.draw.choice(["100", "200"])
        return event


def at_odds(draw, event):
    """Another version of an event: the same identity, another content."""
    other = json.loads(json.dumps(event))
    if "body" in other:
        values = next(iter(other["body"]["properties"].values()))
        values["business_id"] = "east"
    elif "Event" in other:
        other["FieldValues"]["UserId"] = draw.choice([1, 2])
    else:
        other["agent"] = {"id": draw.choice(AGENTS)}
    return other


def log(seed, conversations):
    """The lines in order of arrival."""
    draw = random.Random(seed)
    begin = datetime.fromisoformat(draw.choice(BEGINNINGS)).replace(tzinfo=timezone.utc)
    arrivals = []
    for number in range(conversations):
        start = begin + timedelta(milliseconds=draw.randrange(10 * 24 * 3600 * 1000))
        life = draw.choice([Airship, Airship, SuperOffice, Desk])(draw, number, start)
        for event in life.events():
            # Most arrive at once, some hours or days later.
            late = draw.choices([0, 60, 8 * 3600, 4 * 24 * 3600], [80, 10, 7, 3])[0] * draw.random()
            arrivals.append((life.now + timedelta(seconds=late), event))
            if draw.random() < 0.03:
                arrivals.append((life.now + timedelta(seconds=3600), event))
            if draw.random() < 0.02:
                arrivals.append((life.now + timedelta(seconds=7200), at_odds(draw, event)))
    arrivals.sort(key=lambda arrival: arrival[0])
    return [json.dumps(event) + "\n" for _, event in arrivals]


def main():
    parser = argparse.ArgumentParser(description="Write a random log for reports.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--conversations", type=int, default=40)
    options = parser.parse_args()
    sys.stdout.writelines(log(options.seed, options.conversations))


if __name__ == "__main__":
    main()
