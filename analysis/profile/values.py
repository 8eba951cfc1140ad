"""What the continuations of a solution came to: at each place how many were right, and what text stands there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.replay import Reader
from agents.units import UnitRule
from analysis.continuations import Solution
from analysis.profile.plan import ProfilePlan
from arena.episode import Episode, surfaces
from arena.measures import wilson


@dataclass(frozen=True)
class Profile:
    """The value profile of one solution. P places, R rollouts at each."""

    solution: Solution
    places: list[int]
    """[P]: units before each place, ascending; the first is 0 and the last all."""
    right: NDArray[np.bool_]
    """[P, R]: was rollout r from this place right? One column draws by the same numbers from all places."""
    failed: int
    """Continuations that ended by an error; they count as not right."""
    offsets: list[int]
    """[units + 1]: where each unit begins in the text; the last is its length."""

    @property
    def values(self) -> NDArray[np.float64]:
        """[P]: the share of right continuations, which estimates V without bias."""
        return np.asarray(self.right.mean(axis=1), dtype=np.float64)

    @property
    def intervals(self) -> NDArray[np.float64]:
        """[P, 2]: Wilson's 95% interval at each place, by itself."""
        return np.array([wilson(int(row.sum()), len(row)) for row in self.right])

    @property
    def correct(self) -> bool:
        """Is the solution itself right?"""
        return (self.solution.episode.grade or {}).get("verdict") == "correct"

    def text_between(self, place: int) -> str:
        """What stands between a place and the next, by the index of the first."""
        first, last = self.places[place], self.places[place + 1]
        return self.solution.episode.text[self.offsets[first] : self.offsets[last]]

    def at(self, fractions: NDArray[np.float64]) -> NDArray[np.float64]:
        """[K]: V at fractions of the solution's units, linear between the places that were played.

        Linear in unbiased estimates, so unbiased for the same interpolation of V.
        """
        return np.interp(fractions * self.places[-1], self.places, self.values)


def unit_offsets(episode: Episode, rule: UnitRule) -> list[int]:
    """Where each unit of a stored text begins, in characters, and at the end the text's length.

    A unit begins with the token that opens it, as the solution was written: its author's tokens are never split.
    """
    reader, found = Reader(rule), []
    for span, steps in zip(episode.spans, surfaces(episode.text, episode.spans), strict=True):
        # A token with no text (the end) is not among the steps.
        starts = range(span.start, span.end) if span.token_ends is None else [span.start, *span.token_ends]
        found += [start for start, read in zip(starts, reader.read(steps), strict=False) if read.opens]
    return [*found, len(episode.text)]


def profiles_of(episodes: Iterable[Episode], plan: ProfilePlan) -> list[Profile]:
    """The profiles of a finished folder's episodes, in the order of the plan."""
    right, failed = {}, {}
    rows: dict[str, dict[int, int]] = {}
    for name, solution in plan.parents.items():
        places = plan.places(solution)
        right[name] = np.zeros((len(places), plan.rollouts), dtype=bool)
        failed[name] = 0
        rows[name] = {units: row for row, units in enumerate(places)}
    for episode in episodes:
        parent, units = episode.parent_id, episode.prefix_units
        if parent is None or parent not in rows or units is None or episode.condition != plan.condition_at(units):
            continue
        column = episode.sample - plan.parents[parent].episode.sample * plan.rollouts
        right[parent][rows[parent][units], column] = (episode.grade or {}).get("verdict") == "correct"
        failed[parent] += episode.ended == "error"
    return [
        Profile(s, plan.places(s), right[name], failed[name], unit_offsets(s.episode, s.rule))
        for name, s in plan.parents.items()
    ]
