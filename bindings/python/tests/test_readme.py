"""What the README shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import WORKSPACE

README = WORKSPACE / "bindings" / "python" / "README.md"


def blocks_of(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


BLOCKS = blocks_of(README)


def run(arguments: list[str | Path], folder: Path) -> str:
    ran = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("block", BLOCKS + blocks_of(WORKSPACE / "README.md"))
def test_a_block_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(WORKSPACE / "docs")
    assert run(["-c", block], tmp_path)


def test_there_are_blocks_and_the_first_shows_a_webhook(tmp_path: Path) -> None:
    assert (len(BLOCKS), len(blocks_of(WORKSPACE / "README.md"))) == (3, 1)
    assert run(["-c", BLOCKS[0]], tmp_path).splitlines() == [
        "t-1 1 2026-03-02 09:15:00+00:00",
        "Is the shop open today?",
        "1 t-1 Is the shop open today?",
        "2 case-7 Hello?",
    ]


def test_the_block_about_the_past_shows_both_bounds(tmp_path: Path) -> None:
    assert run(["-c", BLOCKS[1]], tmp_path).splitlines() == ["2 1", "1 1", "case-7 2", "case-7 [2]"]


def test_the_example_makes_a_picture(tmp_path: Path) -> None:
    example = README.parent / "examples" / "plot_open_and_waiting.py"
    said = run([example, WORKSPACE / "docs" / "sample.ndjson", "plot.png"], tmp_path)
    assert said.startswith("1000 events, 39 conversations open at the end")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
