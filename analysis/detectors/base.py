"""What a detector is: something with a name that finds ranges of characters in a solution.

Ranges are half open, ``(start, end)`` in characters of the text. They are not empty, in order, and do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

Range = tuple[int, int]


class DetectorError(ValueError):
    """A detector cannot be had, or cannot do its work; the message is one line that says which and why."""


class DetectorTimeoutError(DetectorError):
    """A detector was stopped because it took too long on one text."""


@runtime_checkable
class Detector(Protocol):
    """Finds a jargon in text. Equal texts give equal ranges; nothing is remembered between them."""

    name: str
    """What it is called in reports: the text that `load_detector` made it of."""

    def find(self, text: str, start: int = 0) -> Sequence[Range]:
        """The ranges that begin at ``start`` or behind. What stands before may be looked at, and is not searched."""
        ...


def checked(ranges: Iterable[Sequence[int]], text: str, start: int = 0) -> list[Range]:
    """The ranges as pairs. Raises ValueError if one is empty, outside ``text[start:]``, or overlaps another."""
    out: list[Range] = []
    last = start
    for begin, end in ranges:
        if not last <= begin < end <= len(text):
            raise ValueError(f"the range ({begin}, {end}) is empty, out of order or outside {start} to {len(text)}")
        out.append((begin, end))
        last = end
    return out


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Some ranges in order, those that touch or overlap made one."""
    out: list[Range] = []
    for begin, end in sorted(ranges):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out
