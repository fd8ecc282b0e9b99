"""Every transcript ends in Python as it does in Rust."""

import json
from pathlib import Path

from conftest import exported

from convofold import Convofold, IngestReport


def inputs(folder: Path) -> list[bytes]:
    count = len(list(folder.glob("input-*")))
    return [(folder / f"input-{number}").read_bytes() for number in range(1, count + 1)]


def counts(reports: list[IngestReport]) -> dict[str, int]:
    return {
        "accepted": sum(report.counts.applied + report.counts.late for report in reports),
        "duplicates": sum(report.counts.duplicates for report in reports),
        "conflicts": sum(report.counts.conflicts for report in reports),
        "ignored": sum(sum(reasons.values()) for report in reports for reasons in report.ignored.values()),
        "rejected": sum(len(report.rejections) for report in reports),
    }


def test_every_transcript_ends_as_in_rust(transcripts: list[Path], tmp_path: Path) -> None:
    for folder in transcripts:
        with Convofold(tmp_path / folder.name) as db:
            reports = [db.ingest(data) for data in inputs(folder)]
            assert exported(db, tmp_path / "export") == (folder / "export.ndjson").read_bytes(), folder.name
            assert db.state_hash() == (folder / "hash").read_text().strip(), folder.name
            if (folder / "counts").exists():
                assert counts(reports) == json.loads((folder / "counts").read_text()), folder.name
