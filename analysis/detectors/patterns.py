"""Jargons that can be written down: calculator notes, and regular expressions of one's own."""

from __future__ import annotations

import regex

from analysis.detectors.base import DetectorError, DetectorTimeoutError, Range
from arena.measures import JARGON

SECONDS = 1.0
"""How long a pattern may search one solution. An honest one takes well under a millisecond."""


class Calculator:
    """Calculator notes, ``<<3*4=12>>``: one for each match of `arena.measures.JARGON`, so the figures are the run's.

    A note lasts to its ``>>``. One that was never closed lasts to the end of its line, or to the next that is opened:
    where it should have ended nobody can say, and what another author wrote in it belongs to the picture.
    """

    name = "calculator"

    def find(self, text: str, start: int = 0) -> list[Range]:
        opened = list(JARGON.finditer(text, start))
        nexts = [*(match.start() for match in opened[1:]), len(text)]
        return [
            (match.start(), self._end(text, match.end(), after)) for match, after in zip(opened, nexts, strict=False)
        ]

    @staticmethod
    def _end(text: str, inside: int, after: int) -> int:
        newline = text.find("\n", inside, after)
        limit = after if newline < 0 else newline
        closed = text.find(">>", inside, limit)
        return limit if closed < 0 else closed + len(">>")


class Pattern:
    """Whatever a regular expression of the `regex` module matches, matches of no characters left out.

    ``seconds`` bounds the search of one text, so that an expression that backtracks for ever cannot hang a report.
    Raises DetectorError for an expression that cannot be compiled; `find` raises DetectorTimeoutError.
    """

    def __init__(self, expression: str, seconds: float = SECONDS):
        self.name, self.seconds = f"pattern:{expression}", seconds
        try:
            self._compiled = regex.compile(expression)
        except (regex.error, ValueError, OverflowError, RecursionError) as error:
            why = " ".join(str(error).split())
            raise DetectorError(f"{self.name}: cannot read the expression: {why}") from None

    def find(self, text: str, start: int = 0) -> list[Range]:
        try:
            found = [match.span() for match in self._compiled.finditer(text, start, timeout=self.seconds)]
        except TimeoutError:
            raise DetectorTimeoutError(f"{self.name}: was stopped after {self.seconds:g} s") from None
        return [(begin, end) for begin, end in found if begin < end]
