"""Who wrote how much, how long turns were, and whether every switch of author was legal.

Words and tokens are counted as in `arena.measures`: by turn, the end token included, for authors without tokens words
in place of tokens, and nothing of a prefix. Legality is what `arena.validate` proves; nothing of it is written again
here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from agents.replay import Reader
from agents.units import words
from arena.episode import Episode, surfaces
from arena.lines import StoreError
from arena.policy import parse


def turns_of(episode: Episode) -> list[tuple[str, int]]:
    """(author, units) of each turn, in order, its prefix left out. Units are those that open in the turn.

    A turn has 0 units where its author only ends the solution, or goes on within the last unit of a prefix. Raises
    PolicyError if the episode's policy cannot be read.
    """
    reader = Reader(parse(episode.policy).rule)
    out = []
    for number, (span, steps) in enumerate(zip(episode.spans, surfaces(episode.text, episode.spans), strict=True)):
        before = reader.unit
        reader.skip(steps)
        if number >= (episode.prefix_spans or 0):
            out.append((span.author, reader.unit - before))
    return out


@dataclass
class _Counts:
    episodes: int = 0
    handoffs: int = 0
    words: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    turns: dict[str, dict[str, Counter[int]]] = field(default_factory=dict)
    """By unit and author: turns by their length."""

    def summary(self) -> dict[str, Any]:
        return {
            "episodes": self.episodes,
            "handoffs": self.handoffs,
            "handoffs_per_episode": round(self.handoffs / self.episodes, 4),
            "words": dict(sorted(self.words.items())),
            "word_share": _shares(self.words),
            "tokens": dict(sorted(self.tokens.items())),
            "token_share": _shares(self.tokens),
            "turns": {
                unit: {author: _lengths(counts) for author, counts in sorted(authors.items())}
                for unit, authors in sorted(self.turns.items())
            },
        }


class AuthorshipTally:
    """Authorship over many episodes, added one at a time, by condition. Their order changes nothing."""

    def __init__(self) -> None:
        self._conditions: dict[str, _Counts] = {}

    def add(self, episode: Episode) -> None:
        """Raises PolicyError if the episode's policy cannot be read."""
        turns = turns_of(episode)
        counts = self._conditions.setdefault(episode.condition, _Counts())
        own = episode.spans[episode.prefix_spans or 0 :]
        counts.episodes += 1
        counts.handoffs += sum(before.author != after.author for before, after in pairwise(own))
        for span in own:
            written = words(episode.text[span.start : span.end])
            counts.words[span.author] += written
            counts.tokens[span.author] += written if span.token_ids is None else len(span.token_ids)
        by_author = counts.turns.setdefault(parse(episode.policy).unit, {})
        for author, units in turns:
            by_author.setdefault(author, Counter())[units] += 1

    def summary(self) -> dict[str, Any]:
        """The figures by condition, under the names of docs/DETECTORS.md."""
        return {name: one.summary() for name, one in sorted(self._conditions.items())}


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    return {name: round(count / total, 4) for name, count in sorted(counts.items())} if total else {}


def _lengths(counts: Mapping[int, int]) -> dict[str, Any]:
    """A distribution of lengths. Quantiles are lengths that occur: the least that as many turns do not exceed."""
    number = sum(counts.values())
    return {
        "turns": number,
        "mean": round(sum(length * count for length, count in counts.items()) / number, 4),
        "median": _quantile(counts, 0.5),
        "p90": _quantile(counts, 0.9),
        "longest": max(counts),
        "lengths": {str(length): count for length, count in sorted(counts.items())},
    }


def _quantile(counts: Mapping[int, int], share: float) -> int:
    wanted, seen = math.ceil(share * sum(counts.values())), 0
    for length in sorted(counts):
        seen += counts[length]
        if seen >= wanted:
            return length
    raise ValueError("there are no turns")


@dataclass(frozen=True)
class Legality:
    """What the check of a run's switches gave."""

    checked: int
    """Episodes (lines) that were checked."""
    illegal: dict[str, str]
    """What is wrong with those that are not proven, by ``line N (ID)``; also what makes a proof impossible, as an
    episode that was changed."""

    def summary(self) -> dict[str, Any]:
        return {"checked": self.checked, "legal": self.checked - len(self.illegal), "illegal": self.illegal}


def legality(run: Path, most: int | None = None) -> Legality:
    """Checks every switch of author of a run's folder, or of an episodes file, as ``python -m arena.validate`` does.

    ``most`` checks only the first so many lines. Raises StoreError if there is no such file.
    """
    from arena.store import read_config
    from arena.validate import checked

    folder = run.is_dir()
    path = run / "episodes.jsonl" if folder else run
    if not path.is_file():
        raise StoreError(f"{run}: there is no episodes.jsonl; name the folder of a run")
    count, illegal = 0, {}
    for line in islice(checked(path, read_config(run) if (run / "config.toml").is_file() else None), most):
        count += 1
        if line.problems:
            illegal[f"line {line.number} ({line.id or 'not an episode'})"] = line.problems[0]
    return Legality(count, illegal)
