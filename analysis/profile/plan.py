"""Which episodes a value profile is made of: for each solution and place, so many continuations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.continuations import Solution
from arena.command import fail
from arena.episode import Episode
from arena.jobs import Job


def places_of(units: int, stride: int) -> list[int]:
    """Every ``stride``-th place of a solution of so many units, from 0 on, and its end."""
    return sorted({*range(0, units, stride), units})


def stride_for(units: Sequence[int], rollouts: int, budget: int) -> int:
    """The smallest stride with which all solutions together need at most ``budget`` rollouts; 0 is no bound.

    Raises UserError where not even both ends of every solution can be paid for.
    """

    def needed(stride: int) -> int:
        return rollouts * sum(len(places_of(count, stride)) for count in units)

    longest = max(1, *units)
    if not budget or needed(1) <= budget:
        return 1
    if needed(longest) > budget:
        fail(
            f"--budget {budget}: {rollouts} rollouts at both ends of {len(units)} solutions are {needed(longest)}; "
            "give it more, or fewer --rollouts or --episodes"
        )
    return next(stride for stride in range(2, longest + 1) if needed(stride) <= budget)


@dataclass(frozen=True)
class ProfilePlan:
    """What a profile owes."""

    solutions: Sequence[Solution]
    given: Sequence[Episode]
    """The solutions' episodes, and what some of them begin with."""
    writer: str
    rollouts: int
    stride: int

    def places(self, solution: Solution) -> list[int]:
        """At how many units a solution is cut, ascending."""
        return places_of(solution.units, self.stride)

    def condition_at(self, units: int) -> str:
        """The condition of the continuations from a place."""
        return f"{self.writer}@{units}"

    def samples(self, solution: Solution) -> dict[int, int]:
        """Rollout number to the sample number under which it is stored: solutions of one problem share no ids."""
        return {r: solution.episode.sample * self.rollouts + r for r in range(self.rollouts)}

    def order(self) -> Iterator[str]:
        """The ids of all episodes: first the solutions, then place by place."""
        yield from (episode.id for episode in self.given)
        for solution in self.solutions:
            samples = self.samples(solution).values()
            for units in self.places(solution):
                yield from (solution.id_at(self.condition_at(units), sample) for sample in samples)

    def keeps(self, identity: str) -> bool:
        return False  # the solutions are at hand

    def jobs(self, done: Callable[[str], bool], stored: Callable[[str], Episode | None]) -> Iterator[Job | None]:
        for solution in self.solutions:
            samples = self.samples(solution)
            for units in self.places(solution):
                condition = self.condition_at(units)
                owed = {r: s for r, s in samples.items() if not done(solution.id_at(condition, s))}
                if owed:
                    yield from solution.jobs(self.writer, units, condition, owed)

    @cached_property
    def parents(self) -> Mapping[str, Solution]:
        """The solutions by the ids of their episodes."""
        return {solution.episode.id: solution for solution in self.solutions}
