#!/usr/bin/env python3
"""Checks the transcripts, small logs whose numbers were worked out by hand: by the model, and with --convofold by that command.

A transcript has a title, `why` (how each number follows), the options of the report, events in convofold's own form (without
what `full` adds), and the rows that must come, each with the numbers that matter there. Other numbers are not checked.
"""

import argparse
import json
import math
import pathlib
import sys
import tempfile

import command
import model

FOLDER = pathlib.Path(__file__).parent / "transcripts"


def full(number, event):
    return {"convofold": 1, "source": "desk", "conversation": "c", "identity": f"e{number:03}", **event}


def lines(transcript):
    return [json.dumps(full(number, event)) + "\n" for number, event in enumerate(transcript["events"])]


def by_model(transcript, folder):
    return model.compute(lines(transcript), model.parse(["-", *command.arguments(transcript["options"], folder, "model")]))


def by_convofold(binary, transcript, folder):
    db = command.Database(binary, folder)
    db.replay(lines(transcript))
    options = transcript["options"]
    return db.report(command.arguments(options, folder, "convofold") + command.measures(options))


def agrees(expected, found):
    """Whether what is expected is there; other members of an object do not matter."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(agrees(value, found.get(key)) for key, value in expected.items())
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return math.isclose(expected, found, rel_tol=1e-9, abs_tol=1e-12)
    return expected == found and isinstance(expected, bool) == isinstance(found, bool)


def differences(transcript, answer):
    for expected in transcript["rows"]:
        expected = {key: model.read_moment(value) if key in ("from", "to") else value for key, value in expected.items()}
        place = {key: expected[key] for key in ("from", "by") if key in expected}
        rows = [row for row in answer["rows"] if agrees(place, row)]
        if len(rows) != 1:
            yield f"{len(rows)} rows for {place}"
            continue
        for measure, value in expected.items():
            if not agrees(value, rows[0].get(measure)):
                yield f"{place} {measure}: {json.dumps(rows[0].get(measure))} instead of {json.dumps(value)}"


def main():
    parser = argparse.ArgumentParser(description="Check the transcripts of reports.")
    parser.add_argument("--convofold", help="check this command instead of the model")
    parser.add_argument("names", nargs="*", help="transcripts; default: all")
    options = parser.parse_args()
    paths = sorted(path for path in FOLDER.glob("*.json") if not options.names or path.stem in options.names)
    failed = 0
    for path in paths:
        transcript = json.loads(path.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            if options.convofold:
                answer = by_convofold(options.convofold, transcript, folder)
            else:
                answer = by_model(transcript, folder)
        found = list(differences(transcript, answer))
        failed += bool(found)
        for difference in found:
            print(f"{path.stem}: {difference}")
    print(f"{len(paths)} transcripts, {failed} failed")
    sys.exit(1 if failed or not paths else 0)


if __name__ == "__main__":
    main()
