"""Types of the objects that some methods accept, for annotations. Any object with these members can be passed."""

from typing import Any, Protocol


class Reader(Protocol):
    """An input of `Convofold.replay`: a file opened in binary mode. If it also has `read1`, that is called instead."""

    def read(self, size: int, /) -> bytes: ...


class Writer(Protocol):
    """A target of an export: a file opened in binary mode."""

    def write(self, data: bytes, /) -> object: ...


class ProgressBar(Protocol):
    """A progress bar of `Convofold.replay`, such as `tqdm`."""

    total: Any

    def update(self, n: int, /) -> object: ...
