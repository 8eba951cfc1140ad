"""What a detector says of stored episodes: who opened what, where, and whether a handoff fell inside.

What stands in a prefix is not counted (nobody acted there), as in `arena.measures`. All sums are of integers, so the
order of the episodes changes no figure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from analysis.detectors.base import Detector, DetectorError, DetectorTimeoutError, Range, checked
from arena.episode import Episode

MOST_TIMEOUTS = 5
"""So many episodes may be left out because a pattern took too long; at the next the pattern is given up."""


@dataclass(frozen=True)
class Occurrence:
    """One range that a detector found in an episode."""

    start: int
    end: int
    author: str
    """Who wrote its first character: who opened it."""
    handoffs: int
    """Changes of author strictly inside it."""


@dataclass(frozen=True)
class Finding:
    """All that one detector found in one episode."""

    detector: str
    episode: str
    problem: str
    condition: str
    characters: int
    """Written in this episode, its prefix left out."""
    occurrences: tuple[Occurrence, ...]

    @property
    def present(self) -> bool:
        return bool(self.occurrences)

    @property
    def inside(self) -> int:
        """Characters that are in some occurrence."""
        return sum(one.end - one.start for one in self.occurrences)

    @property
    def share(self) -> float:
        """Share of the written characters that is in some occurrence; nan where nothing was written."""
        return self.inside / self.characters if self.characters else math.nan


def measure(episode: Episode, detector: Detector) -> Finding:
    """What a detector finds in an episode. Raises DetectorError (DetectorTimeoutError) that names both."""
    own = episode.spans[episode.prefix_spans or 0 :]
    start = own[0].start if own else len(episode.text)
    try:
        ranges = checked(detector.find(episode.text, start), episode.text, start) if own else []
    except DetectorTimeoutError as error:
        raise DetectorTimeoutError(f"{error}, on episode {episode.id}") from None
    except DetectorError as error:
        raise DetectorError(f"{error}, on episode {episode.id}") from None
    except Exception as error:  # a detector of one's own can fail in any way
        raise DetectorError(f"{detector.name}: episode {episode.id}: {type(error).__name__}: {error}") from error
    changes = [after.start for before, after in pairwise(own) if before.author != after.author]
    occurrences = []
    for begin, end in ranges:
        author = next(span.author for span in own if span.start <= begin < span.end)
        occurrences.append(Occurrence(begin, end, author, sum(begin < change < end for change in changes)))
    written = len(episode.text) - start
    return Finding(detector.name, episode.id, episode.problem_id, episode.condition, written, tuple(occurrences))


@dataclass
class _Counts:
    episodes: int = 0
    present: int = 0
    occurrences: int = 0
    inside: int = 0
    characters: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        n = self.episodes
        return {
            "episodes": n,
            "present": self.present,
            "rate": round(self.present / n, 4) if n else math.nan,
            "occurrences": self.occurrences,
            "occurrences_per_episode": round(self.occurrences / n, 4) if n else math.nan,
            "character_share": round(self.inside / self.characters, 4) if self.characters else math.nan,
            "opened_by": dict(sorted(self.opened.items())),
            "handoff_inside": dict(sorted(self.broken.items())),
        }


class DetectorTally:
    """One detector over many episodes, added one at a time, by condition.

    Episodes on which it ran out of time are in no figure; they are named in the summary. After `MOST_TIMEOUTS` of them
    `add` raises DetectorError: a report of thousands of episodes would wait as many times.
    """

    def __init__(self, detector: Detector):
        self.detector = detector
        self.timed_out: list[str] = []
        self._conditions: dict[str, _Counts] = {}

    def add(self, episode: Episode) -> Finding | None:
        """Counts an episode and gives what was found in it; None if the time ran out."""
        counts = self._conditions.setdefault(episode.condition, _Counts())
        try:
            found = measure(episode, self.detector)
        except DetectorTimeoutError as error:
            self.timed_out.append(episode.id)
            if len(self.timed_out) > MOST_TIMEOUTS:
                raise DetectorError(f"{error}, and on {MOST_TIMEOUTS} before it: it is given up") from None
            return None
        counts.episodes += 1
        counts.present += found.present
        counts.occurrences += len(found.occurrences)
        counts.inside += found.inside
        counts.characters += found.characters
        for one in found.occurrences:
            counts.opened[one.author] += 1
            counts.broken[one.author] += one.handoffs > 0
        return found

    def summary(self) -> dict[str, Any]:
        """The figures by condition, under the names of docs/DETECTORS.md."""
        return {
            "detector": self.detector.name,
            "timed_out": sorted(self.timed_out),
            "conditions": {name: one.summary() for name, one in sorted(self._conditions.items())},
        }


@dataclass(frozen=True)
class Agreement:
    """One detector held against another that is taken for the truth, over the same texts."""

    solutions: tuple[int, int, int, int]
    """Texts in which: both find something, only the detector, only the truth, neither."""
    found: tuple[int, int]
    """Of the detector's ranges, those that overlap one of the truth's; and all."""
    true: tuple[int, int]
    """Of the truth's ranges, those that overlap one of the detector's; and all."""

    def summary(self) -> dict[str, Any]:
        both, only, missed, neither = self.solutions
        return {
            "solutions": both + only + missed + neither,
            "solution_precision": _ratio(both, both + only),
            "solution_recall": _ratio(both, both + missed),
            "range_precision": _ratio(*self.found),
            "range_recall": _ratio(*self.true),
        }


def agreement(detector: Detector, truth: Detector, texts: Iterable[str]) -> Agreement:
    """Precision and recall of a detector against another, by solution and by range (overlap counts as agreement)."""
    table: Counter[tuple[bool, bool]] = Counter()
    found, true = [0, 0], [0, 0]
    for text in texts:
        mine, theirs = checked(detector.find(text), text), checked(truth.find(text), text)
        table[bool(mine), bool(theirs)] += 1
        for counts, one, other in ((found, mine, theirs), (true, theirs, mine)):
            counts[0] += _overlapping(one, other)
            counts[1] += len(one)
    solutions = (table[True, True], table[True, False], table[False, True], table[False, False])
    return Agreement(solutions, (found[0], found[1]), (true[0], true[1]))


def _overlapping(ranges: list[Range], others: list[Range]) -> int:
    return sum(any(begin < end_ and begin_ < end for begin_, end_ in others) for begin, end in ranges)


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else math.nan
