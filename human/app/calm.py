"""Whoever types goes on for a moment when something else takes the keyboard: those keys were not meant for it."""

from __future__ import annotations

from collections.abc import Callable

STILL = 0.7
"""Seconds without a key after which the next one is meant for what is on the screen."""


class Calm:
    """Which keys are ignored after something appeared by itself."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._since: float | None = None
        """When it appeared, or a key came after that; None where nothing is ignored."""

    def appeared(self) -> None:
        """Something appeared that nobody at the keyboard asked for."""
        self._since = self._now()

    def ignores(self) -> bool:
        """A key comes: is it one to ignore?"""
        now = self._now()
        if self._since is None or now - self._since >= STILL:
            self._since = None
            return False
        self._since = now
        return True
