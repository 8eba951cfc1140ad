"""What one participant, and all together, may ask of a server: by participant, not by address (a class is one)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


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
