#!/usr/bin/env python3
"""Ingest from C and from Python beside ingest from Rust: the same bytes in the same pieces, in turns.

    benches/bindings.py [--events 200000] [--rounds 11] [--log LOG]

Prints the medians, and the median of the ratios of rounds. Fails where the states differ, or where C reaches less than
0.95 or Python less than 0.9 of the rate of Rust. Needs Rust, gcc, and pip for this interpreter.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
SITE = WORKSPACE / "target" / "python-release"
IN_C = WORKSPACE / "target" / "ingest_rate_c"
PIECE_BYTES = 1 << 20
# Expected share of the rate of Rust.
EXPECTED = {"C": 0.95, "Python": 0.9}
LIBRARIES = ["-lpthread", "-ldl", "-lm", "-lrt", "-lutil", "-lgcc_s"]


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, cwd=WORKSPACE, stdout=subprocess.PIPE, text=True).stdout


def pieces(log: bytes) -> list[bytes]:
    """Cuts the log into pieces that end with the first line end after 1 MiB, as the Rust program does."""
    cut, begin = [], 0
    while begin < len(log):
        end = log.find(b"\n", begin + PIECE_BYTES) + 1 or len(log)
        cut.append(log[begin:end])
        begin = end
    return cut


def in_python(log: Path, folder: Path) -> None:
    """Runs one turn of Python: ingests the log and prints the time."""
    sys.path.insert(0, str(SITE))
    from convofold import Convofold

    cut = pieces(log.read_bytes())
    with Convofold(folder) as db:
        started = time.perf_counter()
        for piece in cut:
            db.ingest(piece)
        print(time.perf_counter() - started, db.state_hash())


def prepare(events: int) -> Path:
    """Builds the programs and generates the log."""
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--package"]
    run(*build, "convofold", "--example", "ingest_rate")
    run(*build, "convofold-capi")
    source, library = WORKSPACE / "bindings/c/examples/ingest_rate.c", WORKSPACE / "target/release/libconvofold_capi.a"
    run("gcc", "-O2", "-std=c11", "-I", WORKSPACE / "bindings/c/include", source, "-o", IN_C, library, *LIBRARIES)
    run(sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", SITE, WORKSPACE / "bindings/python")
    log = WORKSPACE / "target" / f"bindings-{events}.ndjson"
    if not log.exists():
        generate = ["cargo", "run", "--release", "--locked", "--quiet", "--package", "convofold-cli", "--", "generate"]
        run(*generate, "--events", str(events), "--seed", "1", "--out", log)
    return log


def measure(log: Path, rounds: int) -> bool:
    ways = {
        "Rust": [WORKSPACE / "target/release/examples/ingest_rate", log],
        "C": [IN_C, log],
        "Python": [sys.executable, __file__, "--turn", log],
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    hashes = set()
    # The first round runs with cold caches and does not count.
    for number in range(rounds + 1):
        # In both orders, so that load on the machine affects all of them alike.
        for way, command in sorted(ways.items(), reverse=number % 2 == 1):
            with tempfile.TemporaryDirectory(dir=WORKSPACE / "target") as folder:
                took, state_hash = run(*command, Path(folder) / "db").split()
            hashes.add(state_hash)
            if number > 0:
                seconds[way].append(float(took))
    if len(hashes) != 1:
        sys.exit(f"the state hashes differ: {hashes}")
    return report(seconds, events=log.read_bytes().count(b"\n"))


def report(seconds: dict[str, list[float]], events: int) -> bool:
    is_reached = True
    for way, took in seconds.items():
        ratio = statistics.median(rust / own for rust, own in zip(seconds["Rust"], took))
        rates = f"{events / statistics.median(took):>9,.0f} ({events / max(took):,.0f} - {events / min(took):,.0f}) events/s"
        expected = EXPECTED.get(way, 0)
        print(f"{way:<7}{rates}   {ratio:.3f} of Rust" + (f", expected {expected}" if expected else ""))
        is_reached = is_reached and ratio >= expected
    return is_reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=200_000, help="number of events to generate")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--log", type=Path, help="an NDJSON log to use instead of a generated one")
    parser.add_argument("--turn", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        in_python(*arguments.turn)
        return
    generated = prepare(arguments.events)
    sys.exit(not measure(arguments.log or generated, arguments.rounds))


if __name__ == "__main__":
    main()
