"""What the tests share."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from convofold import Convofold

WORKSPACE = Path(__file__).parents[3]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Convofold]:
    with Convofold(tmp_path / "db") as db:
        yield db


@pytest.fixture(scope="session")
def sample() -> Path:
    """A log of 1,000 events, Airship and SuperOffice mixed."""
    return WORKSPACE / "docs" / "sample.ndjson"


@pytest.fixture
def filled(db: Convofold, sample: Path) -> Convofold:
    """A store with the sample in it."""
    db.replay(sample)
    return db


@pytest.fixture(scope="session")
def transcripts() -> list[Path]:
    """The folders into which the transcripts are unpacked, with what Rust makes of them."""
    unpacked = os.environ.get("CONVOFOLD_UNPACKED")
    out = Path(unpacked) if unpacked else WORKSPACE / "target" / "transcripts"
    if not unpacked:
        command = ["cargo", "run", "--locked", "--quiet", "--bin", "transcripts"]
        subprocess.run([*command, "--", "--out", out], check=True, cwd=WORKSPACE)
    folders = sorted(folder for folder in out.iterdir() if folder.is_dir())
    assert len(folders) > 150
    return folders


@pytest.fixture(scope="session")
def convofold() -> Path:
    """The command."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--package", "convofold-cli"], check=True, cwd=WORKSPACE)
    return Path(os.environ.get("CARGO_TARGET_DIR", WORKSPACE / "target")) / "debug" / "convofold"


def message(conversation: str, ms: int, text: str = "Is anybody there?", **more: object) -> dict[str, object]:
    """A message from a member, in convofold's own form."""
    at = {"source": "desk", "conversation": conversation, "kind": "message", "occurred": ms}
    return {**at, "direction": "in", "text": text, **more}


def exported(db: Convofold, path: Path) -> bytes:
    db.export(path)
    return path.read_bytes()


def states(db: Convofold, path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in exported(db, path).splitlines()]
