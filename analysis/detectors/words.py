"""The words of a solution that have a language: what is left when maths, numbers and names are taken out.

Taken out are LaTeX formulas and commands, words with a digit in them, single letters of scripts with spaces (variables;
``a``, ``y`` and ``à`` go with them) and words that the caller names (people, say). What counts as one word is the unit
rule `word`: in Chinese and other scripts without spaces each ideograph is one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from typing import NamedTuple

import regex

from agents.units import IDEOGRAPH, LETTER, RULES, character_class

_FORMULAS = regex.compile(
    r"\$\$.*?\$\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\$(?=\S)[^$\n]*?(?<=\S)\$(?!\d)"  # as pandoc reads it: in `$5 and $6` there is no formula
    r"|\\(?:begin|end)\{[^{}]*\}|\\[A-Za-z]+",
    flags=regex.DOTALL,
)


class Word(NamedTuple):
    """A word without the punctuation around it."""

    text: str
    start: int
    """Offset of its first letter in the text."""
    segment: int
    """Number of the sentence or line that it is in."""
    ideograph: bool
    """It is one character of a script without spaces."""


def words_of(text: str, ignored: Collection[str] = (), *, segments: str = "sentence") -> list[Word]:
    """The words of a text, in order. ``ignored`` words are compared without case.

    Segments are ``sentence`` (which a newline ends, too), ``line`` or ``solution``.
    """
    bare = _FORMULAS.sub(lambda match: " " * len(match[0]), text)
    out, left_out = [], {word.casefold() for word in ignored}
    cuts = _cuts(bare, segments)
    at = 0
    for unit in RULES["word"].split(bare):
        kinds = [character_class(character) for character in unit]
        letters = [n for n, kind in enumerate(kinds) if kind in (LETTER, IDEOGRAPH)]
        if letters:
            first, last = letters[0], letters[-1] + 1
            word, ideograph = unit[first:last], kinds[first] == IDEOGRAPH
            if _counts(word, ideograph) and word.casefold() not in left_out:
                out.append(Word(word, at + first, bisect_right(cuts, at + first), ideograph))
        at += len(unit)
    return out


def _counts(word: str, ideograph: bool) -> bool:
    if ideograph:
        return word.isalpha()  # some are numerals, and words all the same
    letters = sum(character.isalpha() for character in word)
    return letters >= 2 and not any(character.isnumeric() for character in word)


def _cuts(text: str, segments: str) -> list[int]:
    if segments == "solution":
        return []
    lines = RULES["line"].openings(text)
    if segments == "line":
        return lines
    if segments != "sentence":
        raise ValueError(f"segments must be sentence, line or solution, not {segments!r}")
    return sorted({*lines, *RULES["sentence"].openings(text)})
