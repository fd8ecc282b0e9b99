#!/usr/bin/env python3
"""A month by agent and day, from convofold, from SQLite and from polars.

    benches/reports/bench.py [CONVERSATIONS] [--rounds 5] [--ways convofold,events,derived,polars] [--folder target/reports]

Each way answers the same question about the same events: the first time, again, and after an event that arrives late. All
answers are compared, cell by cell, before anything is printed. README.md beside this file describes the ways.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import meter
import question

WORKSPACE = question.HERE.parents[1]
VENV = WORKSPACE / "target" / "reports-venv"
# Of the generator: events of a conversation, and how long one is active, in seconds.
EVENTS_EACH = 18
ACTIVE_S = 465
AGENTS = 40
# Raised when the data or the tables change.
RECIPE = 1
PHASES = ["opened", "first", "again", "late"]
CONVOFOLD, EVENTS, DERIVED, POLARS = "convofold", "events", "derived", "polars"
NAMES = {CONVOFOLD: "convofold", EVENTS: "SQLite, from the events", DERIVED: "SQLite, derived tables", POLARS: "polars"}
SQL = {
    EVENTS: ["schema.sql", "derived.sql", "derive.sql", "counts.sql", "durations.sql", "levels.sql"],
    DERIVED: ["schema.sql", "derived.sql", "indexes.sql", "derive.sql", "counts.sql", "durations.sql", "levels.sql"],
}

Result = dict[str, Any]
Command = list[str | Path]


def own_interpreter() -> Path:
    """The interpreter of the venv with polars, made if necessary."""
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    install: Command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]
    subprocess.run([*install, question.HERE / "requirements.txt"], check=True)
    return python


def built(program: str, package: str) -> Path:
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--package", package, "--bin", program]
    subprocess.run(build, check=True, cwd=WORKSPACE)
    return Path(os.environ.get("CARGO_TARGET_DIR", WORKSPACE / "target")) / "release" / program


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.conversations: int = arguments.conversations
        self.folder: Path = arguments.folder / str(self.conversations)
        self.convofold: Path = arguments.convofold or built("convofold", "convofold-cli")
        self.report_times: Path = arguments.report_times or built("report_times", "convofold-benches")
        self.python = own_interpreter()

    def ask(self, script: str, *arguments: str | Path, stdin: Any = None) -> Any:
        """Runs a script beside this one with polars, and reads the JSON that it prints."""
        command: Command = [self.python, question.HERE / script, *arguments]
        return json.loads(subprocess.run(command, check=True, stdin=stdin, stdout=subprocess.PIPE).stdout)

    def prepare(self) -> Result:
        """Loads everything, or finds it loaded. Returns the figures of loading."""
        done = self.folder / "loaded.json"
        if done.exists() and (loaded := json.loads(done.read_text()))["recipe"] == RECIPE:
            return dict(loaded)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        loaded = {"recipe": RECIPE, CONVOFOLD: self.replay(), POLARS: self.make_tables()}
        loaded["sqlite"] = self.ask("in_sqlite.py", "load", self.folder)
        done.write_text(json.dumps(loaded))
        return loaded

    def replay(self) -> Result:
        """Replays a generated log. It is not kept: it takes more room than all databases together."""
        month_s = (question.TO_MS - question.FROM_MS) / 1000
        active = max(1, -int(-self.conversations * ACTIVE_S // month_s))
        start: Command = ["--start", f"{question.FROM_MS / 1000:.0f}", "--in-flight", f"{active}", "--agents", f"{AGENTS}"]
        events = ["--events", f"{self.conversations * EVENTS_EACH}", "--envelope", "airship-rtds"]
        began = time.perf_counter()
        generate: Command = [self.convofold, "generate", *start, *events]
        log = subprocess.Popen(generate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        replay: Command = [self.convofold, "replay", "-", "--db", self.folder / "convofold", "--json"]
        process = subprocess.Popen(replay, stdin=log.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0 or log.wait() != 0:
            sys.exit("the replay failed")
        figure = {"took": time.perf_counter() - began, "processor": used.ru_utime + used.ru_stime}
        counts = {"events": report["events"], "conversations": report["conversations"]}
        return {**figure, **counts, "disk": meter.disk_bytes(self.folder / "convofold")}

    def make_tables(self) -> Result:
        export: Command = [self.convofold, "export", "--events", "--db", self.folder / "convofold"]
        with subprocess.Popen(export, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as events:
            figure: Result = self.ask("tables.py", self.folder, stdin=events.stdout)
        disk = sum(meter.disk_bytes(file) for file in self.folder.glob("*.parquet"))
        return {**figure, "disk": disk}

    def turn(self, way: str) -> Result:
        """One process that is asked three times."""
        if way == CONVOFOLD:
            return self.turn_of_convofold()
        if way == POLARS:
            result: Result = self.ask("in_polars.py", self.folder)
        else:
            result = self.ask("in_sqlite.py", "turn", self.folder, way)
        result["answers"] = [question.loaded(answer) for answer in result["answers"]]
        return result

    def turn_of_convofold(self) -> Result:
        # A copy, because the late event stays in a database.
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "convofold", copy, ignore=shutil.ignore_patterns("*.sock"))
        month = [str(question.FROM_MS), str(question.TO_MS), question.ZONE]
        command: Command = [self.report_times, copy, *month, self.folder / "late.json"]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        shutil.rmtree(copy)
        found: Result = {stage["name"]: figure_of(stage) for stage in result["stages"]}
        found["peak"] = max(stage["peak_memory_bytes"] for stage in result["stages"])
        found["answers"] = [question.loaded(question.of_report(report)) for report in result["answers"]]
        return found


def figure_of(stage: Result) -> meter.Figure:
    """The times of a stage in seconds."""
    times = {"took": stage["took"], "processor": stage["usage"]["processor"]}
    return {name: time["secs"] + time["nanos"] / 1e9 for name, time in times.items()}


def measure(bench: Bench, ways: list[str], rounds: int) -> dict[str, list[Result]]:
    results: dict[str, list[Result]] = {way: [] for way in ways}
    for number in range(rounds):
        # In both orders, so that load on the machine affects all of them alike.
        turns = {way: bench.turn(way) for way in ways[:: -1 if number % 2 else 1]}
        expected = turns[CONVOFOLD]["answers"]
        for way, result in turns.items():
            for phase, ours, theirs in zip(("first", "late"), expected, result["answers"]):
                if found := question.differences(ours, theirs):
                    sys.exit(f"{NAMES[way]} and convofold differ in {len(found)} cells ({phase}): {'; '.join(found[:3])}")
            results[way].append(result)
    if expected[0] == expected[1]:
        sys.exit("the late event changes nothing")
    return results


def seconds(value: float) -> str:
    return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.2f} s"


def median(results: list[Result], phase: str, figure: str) -> float:
    return float(statistics.median(result[phase][figure] for result in results))


def table_of_times(results: dict[str, list[Result]]) -> None:
    print("| time, median (min - max) | open | first report | again | after a late event |")
    print("|---|---|---|---|---|")
    for way, rounds in results.items():
        cells = []
        for phase in PHASES:
            took = [result[phase]["took"] for result in rounds]
            cells.append(f"{seconds(statistics.median(took))} ({seconds(min(took))} - {seconds(max(took))})")
        print(f"| {NAMES[way]} | {' | '.join(cells)} |")


def table_of_ratios(results: dict[str, list[Result]]) -> None:
    print("| time / convofold, median of the rounds (min - max) | first report | again | after a late event |")
    print("|---|---|---|---|")
    for way in [way for way in results if way != CONVOFOLD]:
        cells = []
        for phase in PHASES[1:]:
            pairs = zip(results[way], results[CONVOFOLD])
            ratios = [theirs[phase]["took"] / ours[phase]["took"] for theirs, ours in pairs]
            cells.append(f"{statistics.median(ratios):,.1f} ({min(ratios):,.1f} - {max(ratios):,.1f})")
        print(f"| {NAMES[way]} | {' | '.join(cells)} |")


def table_of_costs(results: dict[str, list[Result]], loaded: Result) -> None:
    of_sqlite = loaded["sqlite"]
    derived = {name: of_sqlite["events"][name] + of_sqlite["derived"][name] for name in ("took", "processor")}
    loads = {
        CONVOFOLD: loaded[CONVOFOLD],
        EVENTS: of_sqlite["events"],
        DERIVED: {**derived, "disk": of_sqlite["derived"]["disk"]},
        POLARS: loaded[POLARS],
    }
    print("| | load | processor, load | processor, first | again | late | peak memory | disk | lines of SQL or Python |")
    print("|---|---|---|---|---|---|---|---|---|")
    for way, rounds in results.items():
        load, times = loads[way], [seconds(median(rounds, phase, "processor")) for phase in PHASES[1:]]
        peak = statistics.median(result["peak"] for result in rounds)
        sizes = f"{peak / 1e6:,.0f} MB | {load['disk'] / 1e6:,.1f} MB"
        loading = f"{seconds(load['took'])} | {seconds(load['processor'])}"
        print(f"| {NAMES[way]} | {loading} | {' | '.join(times)} | {sizes} | {lines_of(way)} |")


def lines_of(way: str) -> str:
    """The lines that a team writes and maintains, without comments and blank lines."""
    files: list[str] = {CONVOFOLD: [], POLARS: ["in_polars.py"], **SQL}[way]
    lines = [line for name in files for line in (question.HERE / name).read_text().splitlines()]
    count = sum(bool(line.strip()) and not line.strip().startswith(("--", "#")) for line in lines)
    return str(count) if files else ""


def tell_natural(bench: Bench, expected: question.Answer) -> None:
    """How many cells are others if the report is written as it is often written first."""
    answer = question.loaded(bench.ask("in_sqlite.py", "natural", bench.folder))
    names = {name for cells in answer.values() for name in cells}
    counts: dict[str, tuple[int, int]] = {}
    for name in sorted(names):
        differing = len(question.differences(expected, answer, {name}))
        counts[name] = (differing, sum(name in cells for cells in expected.values()))
    print("\nnatural.sql: numbers that are others, of all:")
    for name, (differing, number) in counts.items():
        print(f"  {name:<20} {differing:>7,} of {number:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("conversations", type=int, nargs="?", default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", default=",".join(NAMES), help="convofold and others, separated by commas")
    parser.add_argument("--folder", type=Path, default=WORKSPACE / "target" / "reports", help="where the databases are kept")
    parser.add_argument("--convofold", type=Path, help="the command to use instead of the release build")
    parser.add_argument("--report-times", type=Path, help="the program report_times to use instead of the release build")
    arguments = parser.parse_args()
    ways = arguments.ways.split(",")
    if ways[0] != CONVOFOLD or set(ways) - set(NAMES):
        parser.error(f"--ways: expected convofold, then some of {', '.join(list(NAMES)[1:])}, found {arguments.ways}")
    bench = Bench(arguments)
    loaded = bench.prepare()
    results = measure(bench, ways, arguments.rounds)
    ours = loaded[CONVOFOLD]
    answer = results[CONVOFOLD][0]["answers"][0]
    cells = sum(map(len, answer.values()))
    print(f"{ours['conversations']:,} conversations, {ours['events']:,} events; {len(answer):,} rows, {cells:,} cells, equal\n")
    table_of_times(results)
    print()
    table_of_ratios(results)
    print()
    table_of_costs(results, loaded)
    tell_natural(bench, answer)


if __name__ == "__main__":
    main()
