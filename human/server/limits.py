"""What one participant, and all together, may ask of a server: by participant, not by address (a class is one)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """Bounds of a server."""

    connections: int = 600
    join_seconds: float = 10.0
    """Within which a connection must say who it is."""
    idle_minutes: float = 60.0
    """Without any message, after which a connection is closed; the place is kept."""
    messages_per_second: float = 20.0
    burst: int = 60
    tries_per_second: float = 4.0
    """Of one person; of what is asked in between, the newest. A long text costs the server milliseconds."""
    waiting: int = 2_000
    """Messages that may wait for a slow screen."""


@dataclass
class Bucket:
    """A token bucket: so many at once, then so many a second."""

    rate: float
    burst: int
    source: Callable[[], float] = time.monotonic
    _left: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._at = float(self.burst), self.source()

    def take(self) -> bool:
        """May there be one more now?"""
        now = self.source()
        self._left = min(float(self.burst), self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give(self) -> None:
        """The last one does not count."""
        self._left = min(float(self.burst), self._left + 1)


@dataclass
class Newest(Generic[T]):
    """Does something with the newest of what is put there, so often a second at most, and for a share of the time.

    What was put before is passed over.
    """

    act: Callable[[T], Awaitable[None]]
    rate: float
    share: float = 0.05
    _waiting: list[T] = field(default_factory=list)
    _doing: asyncio.Task[None] | None = None

    def put(self, one: T) -> None:
        """Takes it in place of what still waits. Raises what doing an earlier one raised."""
        self._waiting[:] = [one]
        if self._doing and self._doing.done():
            self._doing.result()
        if self._doing is None or self._doing.done():
            self._doing = asyncio.ensure_future(self._do())

    def close(self) -> None:
        """What waits is passed over."""
        if self._doing:
            self._doing.cancel()

    async def _do(self) -> None:
        while self._waiting:
            began = time.monotonic()
            await self.act(self._waiting.pop())
            await asyncio.sleep(max(1 / self.rate, (time.monotonic() - began) / self.share))
