#!/usr/bin/env python3
"""A naive model of `convofold report`, to compare with: the measures of docs/measures.md, computed in the plainest way from
the export of events, without any code of convofold.

    convofold export --events --db ./db > events.ndjson
    tests/report/model.py events.ndjson --from 2026-03-02T00:00:00Z --to 2026-03-09T00:00:00Z --every 1d --by agent

It prints the JSON of `convofold report --format json`. With --ids, every number has the conversations that it counts. Of two
versions of an event, the export must have only the one that counts (rule I2).
"""

import argparse
import json
import re
import sys
from zoneinfo import ZoneInfo

import events as reading
import fold
import zones

LEVELS = ["open", "unassigned", "waiting", "unread"]
COUNTS = [
    "started", "reopened", "closings", "messages_in", "messages_out", "messages_other", "assignments", "transfers",
    "one_turn", "one_agent",
]
DISTINCT = ["closed_conversations", "active_conversations"]
DURATIONS = [
    "first_response", "response", "unanswered", "time_to_assignment", "first_close", "last_close", "open_time",
]
TOTALS = ["customer_wait", "agent_wait", "handling"]
KNOWN_DIRECTION = ["first_response", "response"]


class Turn:
    """From the first inbound message that nobody has answered to the answer, or a close."""

    def __init__(self, place, asked, runs_from):
        self.place, self.asked, self.runs_from = place, asked, runs_from
        self.end_place, self.end, self.is_answered = None, None, False

    def finish(self, place, end, is_answered):
        self.end_place, self.end, self.is_answered = place, end, is_answered

    def runs_at(self, time):
        """Whether it runs after all that happened before a time."""
        return self.runs_from is not None and self.runs_from < time and (self.end is None or self.end >= time)


def turns(events, states, is_answer):
    found, turn = [], None
    for place, (event, state) in enumerate(zip(events, states)):
        if turn and turn.runs_from is None and state.is_open:
            turn.runs_from = event.at_ms
        if event.is_in and turn is None:
            turn = Turn(place, event.own_ms, event.own_ms if state.is_open else None)
            found.append(turn)
        if event.is_out and turn and is_answer(place):
            turn.finish(place, event.own_ms, state.is_open)
            turn = None
        if event.closes and turn:
            turn.finish(place, event.at_ms, False)
            turn = None
    return found


class Conversation:
    """One conversation: its events, the state after each, and what follows from them."""

    def __init__(self, name, events, excluded):
        self.name, self.events, self.states = name, events, fold.states(events)
        is_excluded = lambda agent: agent is not None and agent[1] in excluded
        agents = [None if is_excluded(state.agent) else state.agent for state in self.states]
        self.is_answer = lambda place: events[place].is_out and not is_excluded(self.states[place].agent)
        self.first_response = fold.first_response(events, self.is_answer)
        self.turns = turns(events, self.states, self.is_answer)
        self.changes = fold.changes(events)
        self.closings = [place for place, opens in self.changes if not opens]
        # (place, before, after): the changes of the agent, of whom excluded ones are nobody.
        pairs = enumerate(zip([None] + agents, agents))
        self.assigned = [(place, before, after) for place, (before, after) in pairs if before != after]
        self.first_agent = next((place for place, _, after in self.assigned if after is not None), None)
        self.agents = agents

    def state_before(self, time):
        """The state after all events before a time, or None."""
        before = [state for state in self.states if state.at_ms < time]
        return before[-1] if before else None

    def spans(self):
        """(from, to, state) of every state that lasts a millisecond or longer; the last one lasts forever."""
        ends = [state.at_ms for state in self.states[1:]] + [float("inf")]
        spans = zip(ends, self.states)
        return [(state.at_ms, end, state) for end, state in spans if state.at_ms < end]


    def closed_before(self, time):
        """The place of the last closing, if the conversation is not reopened after it and before a time."""
        before = [change for change in self.changes if self.states[change[0]].at_ms < time]
        return before[-1][0] if before and not before[-1][1] else None


class Report:
    """Collects (conversation, value) for every row and measure."""

    def __init__(self, options, calendar):
        self.start, self.end, self.by = options.start, options.end, options.by
        self.by_start = options.attribute == "start"
        self.withins = options.within
        self.calendar = calendar
        self.buckets = zones.buckets(options.start, options.end, options.every, options.zone)
        self.found = {}

    def group(self, state):
        def value(field):
            if field == "agent":
                # Agents of two tenants are two agents.
                return (state.tenant, state.agent)
            return getattr(state, field)

        return tuple(value(field) for field in self.by)

    def add(self, measure, time, state, conversation, value=1):
        for bucket, (start, end) in enumerate(self.buckets):
            if start <= time < end:
                self.put(measure, bucket, state, conversation, value)

    def put(self, measure, bucket, state, conversation, value):
        row = self.found.setdefault((bucket, self.group(state)), {})
        row.setdefault(measure, []).append((conversation.name, value))

    def duration(self, measure, conversation, state, start, end, value=None):
        """One that has ended; it belongs to the group of the state at its end."""
        value = self.calendar.between(start, end) if value is None else value
        if not self.by_start:
            self.add(measure, end, state, conversation, value)
        elif end < self.end:
            self.add(measure, start, state, conversation, value)

    def pending(self, measure, conversation, find):
        """One that has not ended. `find(time)` gives the state to group by and the start, or None if none runs then."""
        ends = [(None, self.end)] if self.by_start else [(bucket, end) for bucket, (_, end) in enumerate(self.buckets)]
        for bucket, end in ends:
            found = find(end)
            if found and self.by_start:
                self.add(f"{measure}.pending", found[1], found[0], conversation)
            elif found:
                self.put(f"{measure}.pending", bucket, found[0], conversation, 1)


def count_events(report, conversation):
    states, events = conversation.states, conversation.events
    add = lambda measure, place: report.add(measure, states[place].at_ms, states[place], conversation)
    if not fold.starts_closed(events):
        add("started", 0)
    for place, opens in conversation.changes:
        add("reopened" if opens else "closings", place)
        if not opens:
            add("closed_conversations", place)
    for place, before, after in conversation.assigned:
        if after is not None:
            add("assignments", place)
            if before is not None:
                add("transfers", place)
    for event, state in zip(events, states):
        if event.is_message:
            measure = f"messages_{event.direction or 'other'}"
            report.add(measure, event.own_ms, state, conversation)
            report.add("active_conversations", event.own_ms, state, conversation)


def measure_answers(report, conversation):
    states, events = conversation.states, conversation.events
    answered_at = float("inf")
    if conversation.first_response:
        question, answer = conversation.first_response
        answered_at = events[answer].own_ms
        report.duration("first_response", conversation, states[answer], events[question].own_ms, answered_at)
    for turn in conversation.turns:
        if turn.is_answered:
            report.duration("response", conversation, states[turn.end_place], turn.asked, turn.end)

    def running(time):
        for turn in conversation.turns:
            if turn.runs_at(time):
                return state_of(conversation, turn, time), turn.asked
        return None

    report.pending("response", conversation, running)
    report.pending("first_response", conversation, lambda time: running(time) if answered_at >= time else None)
    for limit in report.withins:
        for turn in conversation.turns:
            measure_within(report, conversation, turn, limit)


def state_of(conversation, turn, time):
    """The state after all events before a time, or after the question if that is later."""
    before = conversation.state_before(time)
    return conversation.states[max(before.place if before else 0, turn.place)]


def measure_within(report, conversation, turn, limit):
    name = f"within({limit})"
    if turn.runs_from is None:
        return
    exceeded = report.calendar.exceeded_at(turn.asked, limit)
    missed = float("inf") if exceeded is None else max(exceeded, turn.runs_from)
    if turn.is_answered:
        if report.calendar.between(turn.asked, turn.end) <= limit:
            missed = float("inf")
            report.duration(f"{name}.met", conversation, conversation.states[turn.end_place], turn.asked, turn.end)
        missed = min(missed, turn.end) if missed != float("inf") else missed
    # At the millisecond of a close, a turn does not run any more.
    if missed != float("inf") and (turn.is_answered or turn.end is None or missed < turn.end):
        state = state_of(conversation, turn, missed + 1)
        report.duration(f"{name}.missed", conversation, state, turn.asked, missed)

    def running(time):
        if turn.runs_at(time) and missed >= time:
            return state_of(conversation, turn, time), turn.asked
        return None

    report.pending(name, conversation, running)


def measure_closes(report, conversation):
    states, closings = conversation.states, conversation.closings
    for place in dict.fromkeys(closings):
        since = states[place - 1].waiting_since if place else None
        if since is not None:
            report.duration("unanswered", conversation, states[place], since, states[place].at_ms)
    if closings:
        state = states[closings[0]]
        report.duration("first_close", conversation, state, state.started_at, state.at_ms)

    def never_closed(time):
        state = conversation.state_before(time)
        is_first = not [place for place in closings if states[place].at_ms < time]
        return (state, state.started_at) if state and state.is_open and is_first else None

    report.pending("first_close", conversation, never_closed)
    for start, end in [(report.start, report.end)] if report.by_start else report.buckets:
        place = conversation.closed_before(end)
        if place is not None and (report.by_start or states[place].at_ms >= start):
            measure_last_close(report, conversation, place)

    def open_at(time):
        state = conversation.state_before(time)
        return (state, state.started_at) if state and state.is_open else None

    report.pending("last_close", conversation, open_at)
    report.pending("open_time", conversation, open_at)


def measure_last_close(report, conversation, place):
    state, events = conversation.states[place], conversation.events[: place + 1]
    add = lambda measure, value=None: report.duration(
        measure, conversation, state, state.started_at, state.at_ms, value
    )
    add("last_close")
    add("open_time", sum(report.calendar.between(*interval) for interval in fold.open_intervals(events)))
    if [opened for opened, opens in conversation.changes if opens and opened <= place]:
        return
    if sum(turn.is_answered and turn.end_place <= place for turn in conversation.turns) == 1:
        add("one_turn", 1)
    replied = {conversation.states[answer].agent for answer in range(place + 1) if conversation.is_answer(answer)}
    if len(replied - {None}) == 1:
        add("one_agent", 1)


def measure_assignment(report, conversation):
    begin = lambda state: state.started_at if state.first_inbound_at is None else state.first_inbound_at
    first = conversation.first_agent
    if first is not None:
        state = conversation.states[first]
        report.duration("time_to_assignment", conversation, state, begin(state), state.at_ms)

    def never_assigned(time):
        state = conversation.state_before(time)
        had_none = first is None or conversation.states[first].at_ms >= time
        return (state, begin(state)) if state and state.is_open and had_none else None

    report.pending("time_to_assignment", conversation, never_assigned)


def measure_time(report, conversation):
    """Levels and totals: how much of each lasts from when to when, cut to the buckets."""
    for bucket, (start, end) in enumerate(report.buckets):
        for begin, finish, state in conversation.spans():
            begin, finish = max(begin, start), min(finish, end)
            if begin >= finish or not state.is_open:
                continue
            is_waiting = state.waiting_since is not None
            levels = {
                "open": 1,
                "unassigned": int(state.agent is None),
                "waiting": int(is_waiting),
                "unread": state.unread,
            }
            for level, value in levels.items():
                if value:
                    report.put(level, bucket, state, conversation, (begin, finish, value))
            length = report.calendar.between(begin, finish)
            report.put("customer_wait" if is_waiting else "agent_wait", bucket, state, conversation, length)
            if conversation.agents[state.place] is not None:
                report.put("handling", bucket, state, conversation, length)
            if is_waiting and finish == end:
                waited = report.calendar.between(state.waiting_since, end)
                report.put("oldest_waiting", bucket, state, conversation, (state.waiting_since, waited))


def level(report, parts, start, end):
    """The level at the end, the largest one, and the mean over time, of (from, to, value)."""
    times = sorted({start} | {time for begin, finish, _ in parts for time in (begin, finish)} - {end})
    at = lambda time: sum(value for begin, finish, value in parts if begin <= time < finish)
    lengths = [report.calendar.between(one, other) for one, other in zip(times, times[1:] + [end])]
    whole = report.calendar.between(start, end)
    mean = sum(at(time) * length for time, length in zip(times, lengths)) / whole if whole else None
    return {"end": at(end - 1), "max": max(at(time) for time in times), "mean": mean}


def distribution(values):
    """Nearest rank: the smallest value that at least p of 100 values do not exceed."""
    values = sorted(values)
    rank = lambda percent: values[-(-percent * len(values) // 100) - 1] if values else None
    ranks = {f"p{percent}": rank(percent) for percent in (50, 90, 95)}
    mean = sum(values) // len(values) if values else None
    return {"n": len(values), "mean": mean, **ranks, "max": values[-1] if values else None}


def numbers(report, found, bucket):
    """The measures of one row."""
    start, end = report.buckets[bucket]
    values = lambda measure: [value for _, value in found.get(measure, [])]
    names = lambda measure: {name for name, _ in found.get(measure, [])}
    row = {name: level(report, values(name), start, end) for name in LEVELS}
    waits = values("oldest_waiting")
    row["oldest_waiting"] = min(waits)[1] if waits else None
    row |= {name: len(values(name)) for name in COUNTS}
    row |= {name: len(names(name)) for name in DISTINCT}
    row |= {name: sum(values(name)) for name in TOTALS}
    for name in DURATIONS:
        row[name] = {**distribution(values(name)), "pending": len(values(f"{name}.pending"))}
    row["unanswered"]["pending"] = None
    for limit in report.withins:
        name = f"within({limit})"
        met, missed, pending = (len(values(f"{name}.{part}")) for part in ("met", "missed", "pending"))
        share = met / (met + missed) if met + missed else None
        row[name] = {"met": met, "missed": missed, "pending": pending, "share": share}
    for name in KNOWN_DIRECTION + [f"within({limit})" for limit in report.withins]:
        row[name]["unknown"] = row["messages_other"]
    return row


def has_anything(value):
    if isinstance(value, dict):
        return any(has_anything(part) for part in value.values())
    return bool(value)


def group_json(report, group):
    def shown(field, value):
        if field != "agent":
            return value
        tenant, agent = value
        kind, word = agent or (None, None)
        return {"tenant": tenant, "id": word if kind == "id" else None, "name": word if kind == "name" else None}

    return {field: shown(field, value) for field, value in zip(report.by, group)}


def answer(report, with_ids=False):
    """The JSON of the report."""
    if not report.by:
        for bucket in range(len(report.buckets)):
            report.found.setdefault((bucket, ()), {})
    rows = []
    for (bucket, group), found in sorted(report.found.items(), key=lambda row: (row[0][0], repr(row[0][1]))):
        measures = numbers(report, found, bucket)
        if report.by and not has_anything(measures):
            continue
        start, end = report.buckets[bucket]
        row = {"from": start, "to": end, "by": group_json(report, group), **measures}
        if with_ids:
            row["ids"] = {measure: sorted(name for name, _ in values) for measure, values in found.items()}
        rows.append(row)
    return {"from": report.start, "to": report.end, "rows": rows}


def compute(lines, options):
    calendar = zones.Calendar(options.calendar) if options.calendar else zones.AlwaysOpen()
    report = Report(options, calendar)
    for name, events in reading.read(lines).items():
        conversation = Conversation(name, events, options.excluded)
        for part in (count_events, measure_answers, measure_closes, measure_assignment, measure_time):
            part(report, conversation)
    return answer(report, options.ids)


def read_moment(text):
    return int(text) if text.isdigit() else reading.shown(reading.read_time(text))


def read_length(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text).groups()
    return int(number) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[unit]


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="A naive model of `convofold report`.")
    parser.add_argument("events", help="export of events, - for standard input")
    parser.add_argument("--from", dest="start", type=read_moment, required=True)
    parser.add_argument("--to", dest="end", type=read_moment, required=True)
    parser.add_argument("--every")
    parser.add_argument("--by", type=lambda text: text.split(","), default=[])
    parser.add_argument("--tz", dest="zone", type=ZoneInfo, default=ZoneInfo("UTC"))
    parser.add_argument("--attribute", choices=["end", "start"], default="end")
    parser.add_argument("--calendar")
    parser.add_argument("--exclude-agent", dest="excluded", action="append", default=[])
    parser.add_argument("--within", type=read_length, action="append", default=[])
    parser.add_argument("--ids", action="store_true", help="list the conversations behind each number")
    return parser.parse_args(arguments)


def main():
    options = parse()
    with sys.stdin if options.events == "-" else open(options.events, encoding="utf-8") as lines:
        json.dump(compute(lines, options), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
