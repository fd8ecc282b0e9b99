#!/usr/bin/env python3
"""Compares `convofold report` with the model on random logs and random questions. Prints the first number that differs, with
the conversations behind it, and the files to look at it again.
"""

import argparse
import json
import math
import random
import shutil
import sys
import tempfile

import command
import generate
import model

HOUR_MS = 3_600_000
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CALENDAR = {
    "zone": "Europe/Berlin",
    "week": {**{day: [["08:00", "12:00"], ["13:00", "18:30"]] for day in WEEKDAYS[:5]}, "sat": [["00:00", "24:00"]]},
    "holidays": ["2025-03-10", "2025-03-31", "2025-10-31"],
}


def question(draw, first, last, events):
    """The options of a random report on a number of events between two times."""
    start = draw.randrange(first - 12 * HOUR_MS, last)
    end = draw.choice([draw.randrange(start + 1, last + 12 * HOUR_MS), last + 48 * HOUR_MS])
    if draw.random() < 0.5:
        start, end = start - start % HOUR_MS, end - end % HOUR_MS + HOUR_MS
    days = (end - start) // (24 * HOUR_MS)
    every = draw.choice([None, "1d", "1w", "1mo", "2d", "6h"] + (["1h"] if days < 4 else []))
    options = {"from": moment(start), "to": moment(end), "tz": draw.choice(["UTC", "Europe/Berlin", "America/New_York"])}
    if every:
        options["every"] = every
    by = draw.sample(["agent", "tenant", "channel", "source", "shortcode"], draw.choice([0, 0, 1, 1, 2]))
    if by:
        options["by"] = ",".join(by)
    options["attribute"] = draw.choice(["end", "end", "start"])
    if draw.random() < 0.3:
        options["calendar"] = CALENDAR
    if draw.random() < 0.3:
        options["exclude_agent"] = draw.sample(["bot", "a1", "user:1"], draw.choice([1, 2]))
    options["within"] = draw.sample(["0s", "30s", "5m", "2h", "1d"], draw.choice([0, 1, 2]))
    if draw.random() < 0.3:
        options["known_at"] = f"seq:{draw.randrange(1, events + 1)}"
    return options


def moment(ms):
    time = generate.datetime.fromtimestamp(ms / 1000, generate.timezone.utc)
    return generate.rfc3339(time)


def counting(events, conflicts, options):
    """The lines of the events that are known and count."""
    known = int(options.get("known_at", f"seq:{len(events)}").removeprefix("seq:"))
    lost = {conflict["lost_seq"] for conflict in conflicts if conflict["kept_seq"] <= known}
    return [line for seq, line in enumerate(events, 1) if seq <= known and seq not in lost]


def rows_of(answer):
    """The rows by what they are about. The name of an agent with an id is for display."""
    found = {}
    for row in answer["rows"]:
        by = dict(row.get("by") or {})
        if by.get("agent") and by["agent"].get("id") is not None:
            by["agent"] = {**by["agent"], "name": None}
        found[row["from"], row["to"], json.dumps(by, sort_keys=True)] = row
    return found


def is_equal(one, other):
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return one == other


def parts(row):
    """Every number of a row by its path."""
    for measure, value in row.items():
        if measure in ("from", "to", "by", "ids"):
            continue
        for part, number in value.items() if isinstance(value, dict) else [(None, value)]:
            yield (measure, part), number


def differences(expected, answer):
    """(row, measure, part, expected, found) of each number that differs; a missing row has nothing in it."""
    ours, theirs = rows_of(expected), rows_of(answer)
    for key in sorted(ours.keys() | theirs.keys()):
        one, other = dict(parts(ours.get(key, {}))), dict(parts(theirs.get(key, {})))
        for place in sorted(one.keys() | other.keys(), key=str):
            is_missing = key not in ours or key not in theirs
            numbers = one.get(place), other.get(place)
            if is_missing and not any(numbers) or is_equal(*numbers):
                continue
            yield key, place, *numbers, ours.get(key, {}).get("ids", {})


def broken_identities(answer, options):
    """What docs/measures.md says always holds."""
    rows = sorted(answer["rows"], key=lambda row: row["from"])
    if "calendar" not in options:
        for row in rows:
            length = row["to"] - row["from"]
            if not is_equal(row["customer_wait"], float(row["waiting"]["mean"] * length)):
                yield f"{row['from']}: customer_wait is not the integral of waiting"
            if not is_equal(row["customer_wait"] + row["agent_wait"], float(row["open"]["mean"] * length)):
                yield f"{row['from']}: the waits are not the integral of open"
    if "by" not in options:
        for before, row in zip(rows, rows[1:]):
            steps = row["started"] + row["reopened"] - row["closings"]
            if row["open"]["end"] != before["open"]["end"] + steps:
                yield f"{row['from']}: open does not follow from the steps"


def opened(measure, row):
    """How many (ended, not ended) things `--rows` must list behind a number of a row."""
    value = row[measure]
    if measure in model.LEVELS:
        return value["end"], 0
    if measure in model.DURATIONS:
        return value["n"], value["pending"] or 0
    return value, 0


def wrong_rows(expected, listed, measure):
    """The rows whose number is not that of the things listed for it, or for which the model counts other conversations."""
    found = {}
    for thing in listed["rows"]:
        key = next(iter(rows_of({"rows": [thing]})))
        found.setdefault(key, []).append(thing)
    for key, row in rows_of(expected).items():
        things = found.get(key, [])
        is_pending = [measure in model.DURATIONS and thing["value"] is None for thing in things]
        counts = len(things) - sum(is_pending), sum(is_pending)
        if counts != opened(measure, row):
            yield f"{key}: {measure} lists {counts} instead of {opened(measure, row)}"
        names = sorted(thing["conversation"] for thing, pending in zip(things, is_pending) if not pending)
        if measure in model.COUNTS + model.DURATIONS and names != row["ids"].get(measure, []):
            yield f"{key}: {measure} lists {names} instead of {row['ids'].get(measure, [])}"


def explain(difference):
    (start, end, by), (measure, part), expected, found, ids = difference
    print(f"[{moment(start)}, {moment(end)}) {by}: {measure} {part or ''}: the model has {expected}, convofold {found}")
    for name, conversations in ids.items():
        if name == measure or name.startswith(measure + "."):
            print(f"  {name}: {' '.join(conversations)}")


def compare(binary, seed, questions, conversations):
    """Whether all agree on one log."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        db = command.Database(binary, folder)
        db.replay(generate.log(seed, conversations))
        events, conflicts = db.events(), db.conflicts()
        times = [event.at_ms for event in map(model.reading.Event, events) if not event.has_no_time]
        for _ in range(questions):
            options = question(draw, min(times), max(times), len(events))
            lines = counting(events, conflicts, options)
            known = {name: value for name, value in options.items() if name != "known_at"}
            expected = model.compute(lines, model.parse(["-", "--ids", *command.arguments(known, folder, "model")]))
            for broken in broken_identities(expected, options):
                raise SystemExit(f"seed {seed}: {options}: {broken}")
            arguments = command.arguments(options, folder, "convofold")
            found = list(differences(expected, db.report(arguments + command.measures(options))))
            wrong = []
            if not found:
                measure = draw.choice(model.COUNTS + model.DISTINCT + model.DURATIONS + ["open", "unassigned", "waiting"])
                wrong = list(wrong_rows(expected, db.report(arguments + ["--rows", measure]), measure))
            if found or wrong:
                kept = f"{tempfile.gettempdir()}/report-model-{seed}"
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                print(f"{kept}: {json.dumps(options)}")
                if found:
                    explain(found[0])
                    print(f"{len(found)} differences: {sorted({place[0] for _, place, *_ in found})}")
                else:
                    print(wrong[0])
                return False
    return True


def main():
    parser = argparse.ArgumentParser(description="Compare convofold report with the model.")
    parser.add_argument("--convofold", default="convofold")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--questions", type=int, default=12, help="per seed")
    parser.add_argument("--conversations", type=int, default=40, help="per log")
    options = parser.parse_args()
    failed = 0
    for seed in range(options.first, options.first + options.seeds):
        failed += not compare(options.convofold, seed, options.questions, options.conversations)
    print(f"{options.seeds} logs, {failed} differ")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
