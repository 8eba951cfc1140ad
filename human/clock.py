"""A person's clock: it can stand still, and everything about a person's time is measured on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Clock:
    """Seconds that were spent at the task. ``elapsed`` is what an earlier process has measured."""

    def __init__(self, elapsed: float = 0.0, source: Callable[[], float] = time.monotonic):
        self._source, self._elapsed = source, elapsed
        self._since: float | None = source()
        self._changed = asyncio.Event()

    @property
    def running(self) -> bool:
        return self._since is not None

    def now(self) -> float:
        return self._elapsed + (0.0 if self._since is None else self._source() - self._since)

    def pause(self) -> None:
        self._elapsed, self._since = self.now(), None
        self._wake()

    def resume(self) -> None:
        if self._since is None:
            self._since = self._source()
            self._wake()

    async def sleep(self, seconds: float) -> None:
        """Waits for so much of the clock's own time."""
        end = self.now() + seconds
        while (left := end - self.now()) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(left if self.running else None):
                    await changed.wait()
            except TimeoutError:
                pass

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
