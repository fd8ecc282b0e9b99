"""The change feed for asyncio."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import Change, Changes


async def follow(changes: "Changes") -> AsyncIterator["Change"]:
    """Waits for each event on a thread of the default executor of the loop. A cancellation stops the feed."""
    loop = asyncio.get_running_loop()
    try:
        while (change := await loop.run_in_executor(None, next, changes, None)) is not None:
            yield change
    except asyncio.CancelledError:
        changes.stop()
        raise
