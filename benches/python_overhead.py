#!/usr/bin/env python3
"""Ingest from Python beside ingest from Rust: the same bytes in the same pieces, in turns; medians and their ratio.

    benches/python_overhead.py [--events 200000] [--rounds 7] [--at-least 0.9]

Needs Rust, and pip for this interpreter. With --at-least it fails where Python reaches less of the rate of Rust.
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
PIECE_BYTES = 1 << 20


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, cwd=WORKSPACE, stdout=subprocess.PIPE, text=True).stdout


def pieces(log: bytes) -> list[bytes]:
    """Whole lines, each piece up to the first end of a line behind 1 MiB, as the program in Rust cuts them."""
    cut, begin = [], 0
    while begin < len(log):
        end = log.find(b"\n", begin + PIECE_BYTES) + 1 or len(log)
        cut.append(log[begin:end])
        begin = end
    return cut


def in_python(log: Path, folder: Path) -> None:
    """What a turn of Python does: ingests and says how long it took."""
    sys.path.insert(0, str(SITE))
    from convofold import Convofold

    cut = pieces(log.read_bytes())
    with Convofold(folder) as db:
        started = time.perf_counter()
        for piece in cut:
            db.ingest(piece)
        print(time.perf_counter() - started, db.state_hash())


def prepare(events: int) -> Path:
    """Builds what is measured, and the log."""
    run("cargo", "build", "--release", "--locked", "--quiet", "--package", "convofold", "--example", "ingest_pieces")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", SITE, WORKSPACE / "bindings/python")
    log = WORKSPACE / "target" / f"overhead-{events}.ndjson"
    if not log.exists():
        generate = ["cargo", "run", "--release", "--locked", "--quiet", "--package", "convofold-cli", "--", "generate"]
        run(*generate, "--events", str(events), "--seed", "1", "--out", log)
    return log


def measure(events: int, rounds: int) -> float:
    log = prepare(events)
    ways = {
        "Rust": [WORKSPACE / "target/release/examples/ingest_pieces", log],
        "Python": [sys.executable, __file__, "--turn", log],
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    hashes = set()
    # The first round finds files and memory cold, and does not count.
    for number in range(rounds + 1):
        for way, command in ways.items():
            with tempfile.TemporaryDirectory(dir=WORKSPACE / "target") as folder:
                took, state_hash = run(*command, Path(folder) / "db").split()
            hashes.add(state_hash)
            if number > 0:
                seconds[way].append(float(took))
    if len(hashes) != 1:
        sys.exit(f"the states are not the same: {hashes}")
    for way, all_seconds in seconds.items():
        median = statistics.median(all_seconds)
        spread = f"{events / max(all_seconds):,.0f} to {events / min(all_seconds):,.0f}"
        print(f"{way:<8}{events / median:>10,.0f} events/s   ({spread})")
    ratio = statistics.median(seconds["Rust"]) / statistics.median(seconds["Python"])
    print(f"Python reaches {ratio:.3f} of the rate of Rust, medians of {rounds} rounds in turns")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--at-least", type=float, default=0.0)
    parser.add_argument("--turn", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        in_python(*arguments.turn)
    elif measure(arguments.events, arguments.rounds) < arguments.at_least:
        sys.exit(f"expected at least {arguments.at_least}")


if __name__ == "__main__":
    main()
