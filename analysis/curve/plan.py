"""Which episodes a handoff curve is made of: the solutions, who goes on alone, and continuations at each fraction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.vocabulary import Vocabulary
from analysis.continuations import Solution
from arena.episode import Episode, episode_id
from arena.jobs import Job
from arena.policy import Policy, Solo
from arena.tasks import Problem


@dataclass(frozen=True)
class Case:
    """One solution of the curve."""

    problem: Problem
    sample: int
    step: int | None = None
    """The training step, where the solution is a rollout of training."""


@dataclass(frozen=True)
class CurvePlan:
    """What a curve owes. Fraction 1 is the solution itself, and 0 is who goes on alone: true solo conditions."""

    cases: Sequence[Case]
    unit: str
    fractions: Sequence[float]
    writer: str
    """Who goes on."""
    condition: str
    """Of the solutions: solo:NAME, or whatever it is in the run that they are from."""
    author: str = ""
    """Who plays the solutions; nobody where they are given."""
    given: Sequence[Episode] = ()
    vocabularies: Mapping[str, Vocabulary] | None = None

    @cached_property
    def _solutions(self) -> frozenset[str]:
        return frozenset(self._id(case, self.condition) for case in self.cases)

    def condition_at(self, fraction: float) -> str:
        """The condition of the episodes at a fraction."""
        if fraction == 1:
            return self.condition
        return f"solo:{self.writer}" if fraction == 0 else f"{self.writer}@{fraction}"

    def order(self) -> Iterator[str]:
        """The ids of all episodes, case by case; what is given as it was given."""
        conditions = [self.condition_at(fraction) for fraction in self.fractions if fraction < 1]
        seen: dict[str, None] = dict.fromkeys(episode.id for episode in self.given)
        for case in self.cases:
            for condition in (self.condition, *conditions):
                seen[self._id(case, condition)] = None
        return iter(seen)

    def keeps(self, identity: str) -> bool:
        return identity in self._solutions

    def jobs(self, done: Callable[[str], bool], stored: Callable[[str], Episode | None]) -> Iterator[Job | None]:
        waiting: dict[str, tuple[Case, list[float]]] = {}
        """Cases whose solution is being played, by its id, and the fractions at which it is to be cut."""

        def grown() -> Iterator[Job]:
            for identity in list(waiting):
                if (parent := stored(identity)) is not None:
                    yield from self._continued(parent, *waiting.pop(identity))

        for case in self.cases:
            yield from grown()
            if 0 in self.fractions and not done(self._id(case, f"solo:{self.writer}")):
                yield self._solo(case, self.writer)
            identity = self._id(case, self.condition)
            inner = [f for f in self.fractions if 0 < f < 1 and not done(self._id(case, self.condition_at(f)))]
            if inner:
                waiting[identity] = (case, inner)
            if self.author and not done(identity):
                yield self._solo(case, self.author)
        while waiting:
            ready = False
            for job in grown():
                ready = True
                yield job
            if waiting and not ready:
                yield None

    def _continued(self, parent: Episode, case: Case, fractions: Sequence[float]) -> Iterator[Job]:
        solution = Solution.of(parent, case.problem, self.unit, self.vocabularies or {})
        for fraction in fractions:
            units = round(fraction * solution.units)
            yield from solution.jobs(self.writer, units, self.condition_at(fraction), {0: case.sample})

    def _solo(self, case: Case, name: str) -> Job:
        policy = Policy(self.unit, Solo())
        return Job(case.problem, case.sample, policy, (name,), f"solo:{name}", case.step)

    def _id(self, case: Case, condition: str) -> str:
        return episode_id(case.problem.id, case.sample, condition, case.step)
