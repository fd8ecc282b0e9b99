"""Time, processor time and memory of this process."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Figure = dict[str, float]


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(work: Callable[[], T]) -> tuple[Figure, T]:
    """Time and processor time of some work in seconds, and its result."""
    began, used = time.perf_counter(), processor()
    result = work()
    return {"took": time.perf_counter() - began, "processor": processor() - used}, result


def peak_bytes() -> int:
    """The largest resident memory of this process since its program began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def disk_bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
