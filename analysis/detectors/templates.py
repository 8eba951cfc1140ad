"""The languages of `arithmetic`'s own templates: a word list that knows every word they have."""

from __future__ import annotations

from functools import lru_cache

from analysis.detectors.language import Lexicon
from analysis.detectors.shares import solution_language
from analysis.detectors.words import words_of
from arena.tasks.arithmetic.story import HE, SHE
from arena.tasks.arithmetic.wording import wordings

NAMES = frozenset((*SHE, *HE))
"""Of the people in the stories: they stay as they are in every language."""


@lru_cache(maxsize=1)
def templates() -> Lexicon:
    """The words of worked solutions by language. A word that two languages have (``dollars``) is in none."""
    return Lexicon({one.language: one.vocabulary() for one in wordings()}, name="templates")


def language_of(text: str) -> str:
    """The language of a solution from templates; see `analysis.detectors.shares.solution_language`."""
    words = words_of(text, NAMES)
    labels = templates().label(words)
    return solution_language({one: labels.count(one) for one in dict.fromkeys(labels)})
