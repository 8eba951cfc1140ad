"""Shares of languages: words by author, solutions as wholes, mixed ones counted as such.

The text is cut into sentences (or lines), and what each author wrote of one is identified on its own, so that nobody's
words lend their language to another's. Several turns of an author in one sentence go together: single words cannot be
identified. A word that is cut by a handoff belongs to whoever began it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.detectors.language import UNSURE, LanguageDetector
from analysis.detectors.words import Word, words_of
from arena.episode import Episode

MIXED = "mixed"
MIXED_FROM = 0.1
"""A solution is mixed if words outside of its most frequent language are at least this share of the decided ones."""
LEAST_DECIDED = 0.5
"""A solution has no language if fewer than this share of its words has one."""


def solution_language(words: Mapping[str, int]) -> str:
    """The language of a solution from its words by language: one of them, `MIXED`, or `UNSURE`."""
    decided = {language: count for language, count in words.items() if language != UNSURE and count}
    total = sum(decided.values())
    if not total or total < LEAST_DECIDED * sum(words.values()):
        return UNSURE
    first = max(decided, key=lambda language: decided[language])
    return MIXED if total - decided[first] >= MIXED_FROM * total else first


@dataclass(frozen=True)
class SolutionLanguages:
    """What one solution is written in."""

    episode: str
    problem: str
    condition: str
    language: str
    """See `solution_language`."""
    words: dict[str, Counter[str]]
    """By author: words by language."""


def languages_of(
    episode: Episode, detector: LanguageDetector, ignored: Collection[str] = (), segments: str = "sentence"
) -> SolutionLanguages:
    """Labels the words of an episode, its prefix left out. See `words_of` for ``ignored`` and ``segments``."""
    own = episode.spans[episode.prefix_spans or 0 :]
    starts = [span.start for span in own]
    fragments: dict[tuple[int, str, bool], list[Word]] = defaultdict(list)
    for word in words_of(episode.text, ignored, segments=segments):
        if own and word.start >= starts[0]:
            author = own[bisect_right(starts, word.start) - 1].author
            fragments[word.segment, author, word.ideograph].append(word)
    words: dict[str, Counter[str]] = {}
    for (_, author, _), fragment in fragments.items():
        words.setdefault(author, Counter()).update(detector.label(fragment))
    total = sum(words.values(), Counter[str]())
    return SolutionLanguages(
        episode.id, episode.problem_id, episode.condition, solution_language(total), dict(sorted(words.items()))
    )


@dataclass
class _Counts:
    solutions: Counter[str] = field(default_factory=Counter)
    words: dict[str, Counter[str]] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        n = self.solutions.total()
        words = sum(self.words.values(), Counter[str]())
        return {
            "episodes": n,
            "solutions": dict(sorted(self.solutions.items())),
            "solution_share": _shares(self.solutions),
            "words": {author: dict(sorted(counts.items())) for author, counts in sorted(self.words.items())},
            "word_share": {author: _shares(counts) for author, counts in sorted(self.words.items())},
            "words_unsure": round(words[UNSURE] / words.total(), 4) if words.total() else math.nan,
        }


class LanguageTally:
    """Languages over many episodes, added one at a time, by condition. Their order changes nothing."""

    def __init__(self, detector: LanguageDetector, ignored: Collection[str] = (), segments: str = "sentence"):
        self.detector, self.ignored, self.segments = detector, frozenset(ignored), segments
        self._conditions: dict[str, _Counts] = {}

    def add(self, episode: Episode) -> SolutionLanguages:
        found = languages_of(episode, self.detector, self.ignored, self.segments)
        counts = self._conditions.setdefault(episode.condition, _Counts())
        counts.solutions[found.language] += 1
        for author, words in found.words.items():
            counts.words.setdefault(author, Counter()).update(words)
        return found

    def summary(self) -> dict[str, Any]:
        """The figures by condition, under the names of docs/DETECTORS.md. Shares are of all words, unsure ones too."""
        return {
            "detector": self.detector.name,
            "languages": list(self.detector.languages),
            "conditions": {name: one.summary() for name, one in sorted(self._conditions.items())},
        }


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    return {name: round(count / total, 4) for name, count in sorted(counts.items())}
