"""Where the words of a solution stand in a picture: rows of at most so many columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.plain import visible
from agents.units import RULES

COLUMNS = 88


@dataclass(frozen=True)
class Word:
    """A piece of text as it is shown, without the white space before it."""

    start: int
    """Where it begins in the text, white space included."""
    text: str
    row: int
    column: float
    width: float
    """In columns: a wide character has two."""


def laid_out(text: str, places: Iterable[int], columns: int = COLUMNS) -> list[Word]:
    """The words of a text in rows. ``places`` are offsets at which a word begins in any case.

    A line break in the text begins a row, and so does a word that has no room; longer than a row it is cut.
    """
    cuts = sorted({*RULES["word"].openings(text), *places, len(text)})
    cuts += [part for first, last in pairwise(cuts) for part in range(first + columns, last, columns)]
    words: list[Word] = []
    row, column = 0, 0.0
    for first, last in pairwise(sorted(cuts)):
        piece = text[first:last]
        lead = piece[: len(piece) - len(piece.lstrip())]
        shown = visible(" ".join(piece.split()))
        if "\n" in lead and column:
            row, column = row + 1, 0.0
        elif lead and column:
            column += 1
        width = float(sum(map(_width, shown)))
        if column and column + width > columns:
            row, column = row + 1, 0.0
        words.append(Word(first, shown, row, column, width))
        column += width
    return words


def position_of(words: Sequence[Word], offset: int) -> tuple[int, float]:
    """(row, column) of a place: before the word that begins there, or at the end of the text."""
    for word in words:
        if word.start >= offset:
            return word.row, word.column
    return (words[-1].row, words[-1].column + words[-1].width) if words else (0, 0.0)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
