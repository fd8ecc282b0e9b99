#!/usr/bin/env python3
"""DuckDB beside convofold: the peer an analyst would take. It reads the NDJSON with `read_json` and answers which
conversations are open, and whose, in SQL. The answers are compared.

    benches/duckdb_peer.py [--events 200000] [--rounds 5] [--log LOG] [--convofold PROGRAM]

DuckDB is installed with pip into target/duckdb-venv; without it the script says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
VENV = WORKSPACE / "target" / "duckdb-venv"
VERSION = "duckdb>=1.1,<2"

# Only the fields that the answers need: DuckDB skips the others.
COLUMNS = """{id: 'VARCHAR', occurred: 'VARCHAR', body: 'STRUCT(name VARCHAR, interaction_type VARCHAR, transaction VARCHAR,
    properties STRUCT(convo STRUCT(agent_id VARCHAR), message STRUCT(agent_id VARCHAR)))'}"""

# An event once, whatever the number of its deliveries. Events without an id are the same if they say the same.
EVENTS = f"""
    CREATE TABLE event AS
    SELECT any_value(conversation) AS conversation, any_value(name) AS name, any_value(type) AS type,
        any_value(agent) AS agent, min(arrival) AS arrival
    FROM (
        SELECT body.transaction AS conversation, body.name AS name, body.interaction_type AS type,
            coalesce(body.properties.convo.agent_id, body.properties.message.agent_id) AS agent,
            coalesce(id, hash(occurred, body)::VARCHAR) AS identity, row_number() OVER () AS arrival
        FROM read_json(?, format = 'newline_delimited', columns = {COLUMNS}))
    GROUP BY identity
"""

MESSAGES = """count(*) FILTER (type IN ('app_in', 'sms_in')) {over} AS messages_in,
    count(*) FILTER (type IN ('app_out', 'sms_out')) {over} AS messages_out"""

# An agent of null is said by a convo event, and not by a message. '' is nobody, null says nothing.
SAID = "CASE WHEN name = 'live_chat_convo' THEN coalesce(agent, '') ELSE agent END"
STATUS = "CASE type WHEN 'convo_open' THEN true WHEN 'convo_close' THEN false END"

WAYS = {
    "window functions": f"""
        CREATE TABLE conversation AS
        SELECT conversation AS id, coalesce(last_value({STATUS} IGNORE NULLS) OVER whole, true) AS is_open,
            nullif(last_value({SAID} IGNORE NULLS) OVER whole, '') AS agent,
            {MESSAGES.format(over='OVER whole')}
        FROM event
        WINDOW whole AS (PARTITION BY conversation ORDER BY arrival
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        QUALIFY row_number() OVER (PARTITION BY conversation ORDER BY arrival) = 1
    """,
    "arg_max": f"""
        CREATE TABLE conversation AS
        SELECT conversation AS id, coalesce(arg_max({STATUS}, arrival), true) AS is_open,
            nullif(arg_max({SAID}, arrival), '') AS agent,
            {MESSAGES.format(over='')}
        FROM event GROUP BY conversation
    """,
}
OPEN_BY_AGENT = "SELECT agent, count(*) FROM conversation WHERE is_open GROUP BY agent"


def own_interpreter() -> Path | None:
    """The interpreter of the venv with DuckDB, made if necessary; none if pip cannot install it."""
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    has = subprocess.run([python, "-c", "import duckdb"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not has:
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", VERSION]
        if subprocess.run(install, check=False).returncode != 0:
            return None
    return python


def turn(way: str, is_kept: bool, log: Path, folder: Path) -> None:
    """Runs DuckDB once in this process, and prints what it answers and took."""
    import duckdb

    began = time.perf_counter()
    database = duckdb.connect(str(folder / "peer.duckdb") if is_kept else ":memory:")
    database.execute(EVENTS, [str(log)])
    database.execute(WAYS[way])
    by_agent = database.execute(OPEN_BY_AGENT).fetchall()
    if is_kept:
        database.execute("CHECKPOINT")
    took = time.perf_counter() - began
    events = database.execute("SELECT count(*) FROM event").fetchone()[0]
    rows = database.execute("SELECT id, is_open, agent, messages_in, messages_out FROM conversation").fetchall()
    database.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    answers = {"events": events, "rows": sorted(rows), "by_agent": sorted(by_agent, key=str)}
    print(json.dumps({**measured(took, used, folder), "answers": answers}))


def measured(took: float, used: resource.struct_rusage, folder: Path) -> dict[str, float]:
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"took": took, "processor": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024, "disk": disk}


def in_duckdb(python: Path, way: str, is_kept: bool, log: Path) -> dict:
    with tempfile.TemporaryDirectory(dir=WORKSPACE / "target") as folder:
        command = [python, __file__, "--turn", way, str(int(is_kept)), log, folder]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def in_convofold(program: Path, log: Path) -> dict:
    """Replays with the command, start and end of the process included."""
    with tempfile.TemporaryDirectory(dir=WORKSPACE / "target") as folder:
        database = Path(folder) / "db"
        began = time.perf_counter()
        replay = [str(program), "replay", str(log), "--db", str(database), "--json"]
        with open(os.devnull, "w") as nothing:
            process = subprocess.Popen(replay, stdout=nothing, stderr=nothing)
            _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        if status != 0:
            sys.exit(f"{' '.join(replay)} failed")
        result = measured(took, used, Path(folder))
        export = subprocess.run([program, "export", "--db", database], check=True, stdout=subprocess.PIPE, text=True)
        stats = subprocess.run([program, "stats", "--db", database, "--json"], check=True, stdout=subprocess.PIPE, text=True)
        return {**result, "answers": answers_of(export.stdout, json.loads(stats.stdout))}


def answers_of(export: str, stats: dict) -> dict:
    rows, by_agent = [], Counter()
    for line in export.splitlines():
        state = json.loads(line)
        agent = (state.get("agent") or {}).get("id")
        is_open = state["status"] == "open"
        rows.append([state["id"], is_open, agent, state["messages_in"], state["messages_out"]])
        by_agent[agent] += is_open
    counted = [[agent, count] for agent, count in by_agent.items() if count]
    return {"events": stats["events"], "rows": sorted(rows), "by_agent": sorted(counted, key=lambda row: str(tuple(row)))}


def report(name: str, rounds: list[dict], ours: list[dict], events: int) -> str:
    median = lambda field: statistics.median(result[field] for result in rounds)  # noqa: E731
    ratios = [theirs["took"] / own["took"] for theirs, own in zip(rounds, ours)]
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"
    processor = median("processor") / events * 1e6
    disk = median("disk")
    return (
        f"| {name} | {events / median('took') / 1e3:,.0f} k/s | {ratio} | {processor:.2f} us "
        f"| {median('peak') / 1e6:,.0f} MB | {f'{disk / 1e6:,.1f} MB' if disk else ''} |"
    )


def prepare(events: int, program: Path | None, log: Path | None) -> tuple[Path, Path]:
    if program is None:
        build = ["cargo", "build", "--release", "--locked", "--quiet", "--package", "convofold-cli"]
        subprocess.run(build, check=True, cwd=WORKSPACE)
        program = Path(os.environ.get("CARGO_TARGET_DIR", WORKSPACE / "target")) / "release" / "convofold"
    if log is None:
        log = WORKSPACE / "target" / f"duckdb-{events}.ndjson"
        if not log.exists():
            generate = [program, "generate", "--events", str(events), "--mix", "1:1:0", "--out", log]
            subprocess.run(generate, check=True, stderr=subprocess.DEVNULL)
    return program, log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=200_000, help="number of events to generate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--log", type=Path, help="an NDJSON log of Airship events to use instead of a generated one")
    parser.add_argument("--convofold", type=Path, help="the command to use instead of the release build")
    parser.add_argument("--turn", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        way, is_kept, log, folder = arguments.turn
        turn(way, is_kept == "1", Path(log), Path(folder))
        return
    python = own_interpreter()
    if python is None:
        shutil.rmtree(VENV, ignore_errors=True)
        print("DuckDB was not measured: pip could not install it")
        return
    program, log = prepare(arguments.events, arguments.convofold, arguments.log)
    peers = {(way, is_kept): [] for way in WAYS for is_kept in (False, True)}
    ours = []
    for _ in range(arguments.rounds):
        ours.append(in_convofold(program, log))
        expected = ours[-1].pop("answers")
        for (way, is_kept), rounds in peers.items():
            rounds.append(in_duckdb(python, way, is_kept, log))
            answers = rounds[-1].pop("answers")
            if answers != expected:
                differing = [pair for pair in zip(answers["rows"], expected["rows"]) if pair[0] != pair[1]]
                sys.exit(f"DuckDB and convofold differ: {answers['events']}, {expected['events']}, {differing[:3]}")
    events = expected["events"]
    print("| replay, then open by agent | events | time / convofold (min - max) | processor an event | peak memory | disk |")
    print("|---|---|---|---|---|---|")
    print(report("convofold, the command", ours, ours, events))
    for (way, is_kept), rounds in peers.items():
        name = f"DuckDB, {way}, {'in a file' if is_kept else 'in memory'}"
        print(report(name, rounds, ours, events))


if __name__ == "__main__":
    main()
