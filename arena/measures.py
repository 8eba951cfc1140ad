"""The basic measures that every run prints, each over all episodes of a condition.

Accuracy counts every episode: unreadable answers, cut-offs and failures are not right. Its interval is Wilson's for
one sample a problem; for several, a t interval over the problems' means, because samples of one problem go together
(where all problems have the same mean, Wilson's with the problems as the cases).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from agents.units import words
from arena.episode import Episode

JARGON = re.compile(r"<<")
"""Paper 1's jargon, a calculator note as in ``<<3*4=12>>``. One that was opened counts, also if another author broke
it: else a team would seem to lose the jargon by not being able to finish it."""


CUT_OFF = ("limit", "context")
"""Endings of episodes that their authors did not end."""


@dataclass(frozen=True)
class Facts:
    """What is counted of one episode. Nobody acts in a prefix: what stands there counts for the verdict alone."""

    verdict: str
    """correct, wrong or unreadable (which an episode without a grade is, too)."""
    jargon: bool
    handoffs: int
    """Changes of author, also to one who only ends the solution."""
    words: Counter[str]
    """By author."""
    tokens: int
    """Written tokens; of authors without tokens, words."""
    inexact_reads: int

    @property
    def right(self) -> bool:
        return self.verdict == "correct"


def facts(episode: Episode) -> Facts:
    """Counts one episode."""
    own = episode.spans[episode.prefix_spans or 0 :]
    by_author: Counter[str] = Counter()
    tokens = 0
    for span in own:
        written = words(episode.text[span.start : span.end])
        by_author[span.author] += written
        tokens += len(span.token_ids) if span.token_ids is not None else written
    return Facts(
        verdict=(episode.grade or {}).get("verdict", "unreadable"),
        jargon=bool(own) and JARGON.search(episode.text, own[0].start) is not None,
        handoffs=sum(a.author != b.author for a, b in pairwise(own)),
        words=by_author,
        tokens=tokens,
        inexact_reads=sum(view.get("inexact_reads", 0) for view in episode.views.values()),
    )


@dataclass
class Tally:
    """Counts over the episodes of one condition, added one at a time: memory does not grow with the text."""

    verdicts: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    jargon: int = 0
    handoffs: int = 0
    tokens: int = 0
    words_by_author: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    right_by_problem: dict[str, list[int]] = field(default_factory=dict)
    by_difficulty: dict[int, list[int]] = field(default_factory=dict)
    inexact_reads: int = 0
    first_error: str | None = None

    def add(self, episode: Episode) -> None:
        found = facts(episode)
        self.verdicts[found.verdict] += 1
        self.endings[episode.ended] += 1
        self.jargon += found.jargon
        self.handoffs += found.handoffs
        if episode.ended == "error":
            self.first_error = self.first_error or f"{episode.id}: {episode.error}"
        self.words_by_author.update(found.words)
        self.tokens += found.tokens
        self.seconds += episode.timings.get("seconds", 0.0)
        _count(self.right_by_problem, episode.problem_id, found.right)
        if episode.difficulty is not None:
            _count(self.by_difficulty, episode.difficulty, found.right)
        self.inexact_reads += found.inexact_reads

    @property
    def episodes(self) -> int:
        return self.verdicts.total()

    @property
    def accuracy(self) -> float:
        return self.verdicts["correct"] / self.episodes if self.episodes else math.nan

    def interval(self) -> tuple[tuple[float, float], str]:
        """The 95% interval of the accuracy, and the name of its method."""
        if len(self.right_by_problem) == self.episodes:
            return wilson(self.verdicts["correct"], self.episodes), "Wilson"
        means = [(right / count, count) for right, count in self.right_by_problem.values()]
        return _over_problems(means)

    def summary(self) -> dict[str, Any]:
        """The measures under the names that `summary.json` and ``--json`` publish."""
        n = self.episodes
        interval, method = self.interval()
        written = self.words_by_author.total()
        return {
            "episodes": n,
            "problems": len(self.right_by_problem),
            "accuracy": _rounded(self.accuracy),
            "accuracy_ci95": [_rounded(edge) for edge in interval],
            "accuracy_ci95_method": method,
            "correct": self.verdicts["correct"],
            "wrong": self.verdicts["wrong"],
            "unreadable": self.verdicts["unreadable"],
            "failed": self.endings["error"],
            "first_error": self.first_error,
            "ended": dict(sorted(self.endings.items())),
            "accuracy_by_difficulty": {
                str(steps): {"accuracy": _rounded(right / count), "episodes": count}
                for steps, (right, count) in sorted(self.by_difficulty.items())
            },
            "jargon_rate": _rounded(self.jargon / n) if n else math.nan,
            "handoffs_per_episode": _rounded(self.handoffs / n) if n else math.nan,
            "author_share": {name: _rounded(count / written) for name, count in self.words_by_author.items()}
            if written
            else {},
            "tokens": self.tokens,
            "tokens_per_second": _rounded(self.tokens / self.seconds) if self.seconds else 0.0,
            "seconds": _rounded(self.seconds),
            "inexact_reads": self.inexact_reads,
        }


def tally(episodes: Iterable[Episode]) -> dict[str, Tally]:
    """The tallies of some episodes by condition, in order of appearance."""
    out: dict[str, Tally] = {}
    for episode in episodes:
        out.setdefault(episode.condition, Tally()).add(episode)
    return out


def summary_of(episodes: Iterable[Episode]) -> dict[str, Any]:
    """What `summary.json` holds: the team's measures, and under ``conditions`` those of every condition.

    Where there is no team, the measures on top are over all episodes: no condition is the run's more than another.
    """
    every, found = Tally(), dict[str, Tally]()
    for episode in episodes:
        every.add(episode)
        found.setdefault(episode.condition, Tally()).add(episode)
    conditions = {name: one.summary() for name, one in found.items()}
    if "team" not in conditions:
        return {**every.summary(), "conditions": conditions}
    return {**conditions["team"], "conditions": {"team": conditions.pop("team"), **conditions}}


def _count(table: dict[Any, list[int]], key: Any, right: int) -> None:
    entry = table.setdefault(key, [0, 0])
    entry[0] += right
    entry[1] += 1


def wilson(right: float, n: float, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval for a proportion (Wilson, 1927), 95% unless ``z`` says otherwise; nan without data."""
    if not n:
        return math.nan, math.nan
    share, width = right / n, z * z / n
    middle = (share + width / 2) / (1 + width)
    half = z * math.sqrt(share * (1 - share) / n + width / (4 * n)) / (1 + width)
    return max(0.0, middle - half), min(1.0, middle + half)


def _over_problems(means: list[tuple[float, int]]) -> tuple[tuple[float, float], str]:
    """Interval of the overall share with problems as the units, and its method.

    t with the linearised ratio estimator's standard error; where all problems are alike, t would claim certainty, and
    it is Wilson's for as many trials as there are problems.
    """
    from scipy import stats

    k, n = len(means), sum(count for _, count in means)
    share = sum(mean * count for mean, count in means) / n
    if k < 2:
        return (0.0, 1.0), "none: a single problem"
    residual = sum((count * (mean - share)) ** 2 for mean, count in means)
    if not residual:
        return wilson(share * k, k), "Wilson over problems, all of one mean"
    error = math.sqrt(k / (k - 1) * residual) / n
    half = float(stats.t.ppf(0.975, k - 1)) * error
    method = "t over problems, samples of a problem taken together"
    return (max(0.0, share - half), min(1.0, share + half)), method


def _rounded(value: float) -> float:
    return round(value, 4)
