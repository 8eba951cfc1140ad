"""How authors are told apart: by a sign and by a colour, so that either alone is enough.

Colours follow Okabe and Ito's set, which all kinds of colour blindness can tell apart, in two lightnesses: each has a
contrast of 4.5 or more on the backgrounds of `human.theme`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from agents.plain import visible

SIGNS = "▍░■◆▲○△"
ASCII_SIGNS = "|~@^`\\_"
DARK = ("#7cc4f4", "#f2a93b", "#5fd3a5", "#f0e442", "#e3a6cb", "#ff9b7a")
LIGHT = ("#005b96", "#8f4400", "#00664a", "#655700", "#8a2f6c", "#a8200d")
"""As many signs as there are colours, and one: forty-two authors differ."""


@dataclass(frozen=True)
class Mark:
    """Of one author."""

    sign: str
    dark: str
    light: str

    def colour(self, dark: bool) -> str:
        """For a dark background, or a light one."""
        return self.dark if dark else self.light


def mark(index: int, *, ascii_only: bool = False) -> Mark:
    """The mark of the author with this number."""
    signs = ASCII_SIGNS if ascii_only else SIGNS
    return Mark(signs[index % len(signs)], DARK[index % len(DARK)], LIGHT[index % len(LIGHT)])


class Marks:
    """The marks of a session: an author keeps its own wherever it appears."""

    def __init__(self, names: Iterable[str] = (), *, ascii_only: bool = False):
        self.ascii_only = ascii_only
        self._numbers: dict[str, int] = {}
        for name in names:
            self.of(name)

    def of(self, name: str) -> Mark:
        """An author that was not seen before takes the next."""
        return mark(self._numbers.setdefault(name, len(self._numbers)), ascii_only=self.ascii_only)

    def shown(self, text: str) -> str:
        """Text as this terminal may show it: no control characters, and only what it can spell."""
        safe = visible(text)
        return safe.encode("ascii", "replace").decode() if self.ascii_only else safe

    def sign(self, usual: str, plain: str) -> str:
        """A sign of the app's own, or its stand-in."""
        return plain if self.ascii_only else usual


def ascii_only() -> bool:
    """Whether the terminal that an app draws on can only spell ASCII (an app draws on stderr)."""
    try:
        (SIGNS + "─✓").encode(getattr(sys.__stderr__, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
