"""The state of a conversation after each of its events: rules F1 to F11 of docs/rules.md, each as its own function.

Every function gets a list of events in the order of T2, usually the first n events of a conversation, and computes its
value from the beginning. That is slow and hard to get wrong.
"""

from events import shown

SECOND = 1_000_000_000


def is_open(events):
    """F1, F2: the latest statement decides; without any, a conversation is open."""
    statements = [step for event in events for step in event.steps]
    return statements[-1] if statements else True


def started_at(events):
    """F4."""
    given = [event.started for event in events if event.started is not None]
    return shown(min(given) if given else min(event.at for event in events))


def latest(events, value):
    """F8: the latest value that is not null."""
    values = [value(event) for event in events if value(event) is not None]
    return values[-1] if values else None


def channel(events):
    """F6: the channel of the latest message."""
    messages = [event for event in events if event.is_message]
    return messages[-1].channel if messages else None


def known_name(events, agent_id):
    """F5: the latest name of an agent."""
    said = [event.agent for event in events if event.agent and event.agent.get("id") == agent_id]
    names = [agent["name"] for agent in said if agent.get("name") is not None]
    return names[-1] if names else None


def agents(events):
    """F5: the agent after each event, as ("id", ID), ("name", NAME) or None."""
    current, after = None, []
    for place, event in enumerate(events):
        if event.agent is None:
            current = None
        elif event.agent is not False:
            agent_id, name = event.agent.get("id"), event.agent.get("name")
            if agent_id is not None:
                current = ("id", agent_id)
            elif not (current and current[0] == "id" and known_name(events[:place], current[1]) == name):
                current = ("name", name)
        after.append(current)
    return after


def unread(events):
    """F7."""
    states = lambda event: not event.is_message and event.unread is not None
    bases = [place for place, event in enumerate(events) if event.is_out or states(event)]
    inbound = [(place, event) for place, event in enumerate(events) if event.is_in]
    if not bases:
        return len(inbound)
    base = bases[-1]
    if events[base].is_out:
        return sum(place > base for place, _ in inbound)
    as_of = events[base].at if events[base].active is None else events[base].active
    later = lambda place, event: event.own_time - as_of > 0 and (place > base or event.own_time - as_of >= SECOND)
    return events[base].unread + sum(later(place, event) for place, event in inbound)


def waiting_since(events):
    """F9 and F11: the beginning of the wait, in milliseconds; None if nobody waits or the conversation is closed."""
    since = None
    for event in events:
        begins = event.status in (4, 5)
        if event.closes or event.is_out or event.status == 6:
            since = event.at if begins else None
        elif since is None and event.is_in:
            since = event.own_time
        elif since is None and begins:
            since = event.at
    return shown(since) if is_open(events) else None


def first_inbound_at(events):
    """F9."""
    inbound = [event.own_ms for event in events if event.is_in]
    return inbound[0] if inbound else None


def first_response(events, is_answer):
    """F9: the places of the question and its answer, or None. `is_answer` excludes outbound messages."""
    begin = 0
    cuts = [place + 1 for place, event in enumerate(events) if event.closes] + [len(events)]
    for end in cuts:
        questions = [place for place in range(begin, end) if events[place].is_in]
        for place in range(questions[0] if questions else end, end):
            if events[place].is_out and is_answer(place) and is_open(events[: place + 1]):
                return questions[0], place
        begin = end
    return None


def changes(events):
    """F3: (place, opens) of every step between open and closed. A conversation whose first statement, in its first
    event, closes it was never open before."""
    open_now, found = True, []
    for place, event in enumerate(events):
        for number, opens in enumerate(event.steps):
            starts_closed = place == number == 0 and not opens
            if opens != open_now and not starts_closed:
                found.append((place, opens))
            open_now = opens
    return found


def starts_closed(events):
    return events[0].steps[:1] == [False]


def open_intervals(events):
    """F9: the open intervals in milliseconds, of which the first begins at `started_at`; a running one ends as None."""
    intervals = [[started_at(events), None]]
    for event in events:
        for opens in event.steps:
            if opens and intervals[-1][1] is not None:
                intervals.append([event.at_ms, None])
            if not opens and intervals[-1][1] is None:
                intervals[-1][1] = event.at_ms
    return intervals


class State:
    """What a conversation is after its first n events."""

    def __init__(self, events, agent):
        self.place = len(events) - 1
        self.at_ms = events[-1].at_ms
        self.is_open = is_open(events)
        self.agent = agent
        self.tenant = latest(events, lambda event: event.tenant)
        self.source = events[-1].source
        self.channel = channel(events)
        self.shortcode = latest(events, lambda event: event.shortcode)
        self.started_at = started_at(events)
        self.first_inbound_at = first_inbound_at(events)
        self.waiting_since = waiting_since(events)
        self.unread = unread(events)


def states(events):
    """The state after each event."""
    after = agents(events)
    return [State(events[: place + 1], after[place]) for place in range(len(events))]
