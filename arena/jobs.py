"""What an engine is asked for, and what it gives: episodes for (problem, sample, prefix) under a policy."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import Any, Protocol, runtime_checkable

from agents.chance import Chance, episode_key, stable_key
from agents.contract import Span
from arena.episode import Episode, assemble, episode_id, merged
from arena.policy import Call, Once, OnDemand, Policy
from arena.proof import check
from arena.reference import Played
from arena.tasks import Problem


@dataclass(frozen=True)
class Job:
    """One episode to be played."""

    problem: Problem
    sample: int
    policy: Policy
    names: tuple[str, ...]
    """The agents that sit down, in the order of the pair."""
    condition: str = "team"
    step: int | None = None
    prefix: tuple[Span, ...] = ()
    parent_id: str | None = None
    prefix_units: int | None = None
    absent: tuple[str, ...] = ()
    """Who wrote in the prefix and does not sit down: a person who has left, a model that need not be loaded. Who writes
    is then said by name (solo=NAME)."""
    draws: int | None = None
    """Key of the episode's draws, where they must not be those of its problem and sample; its coins are always these.
    """

    @property
    def id(self) -> str:
        return episode_id(self.problem.id, self.sample, self.condition, self.step)

    def chance(self, seed: int) -> Chance:
        """The episode's coins and draws under a run's seed: the same in every condition, so that runs are coupled.

        But under `once`: where the solution was cut hangs on all of it, so who goes on draws by numbers that did not
        write the rest of it.
        """
        if isinstance(self.policy.schedule, Once):
            return Chance(seed, stable_key("once", self.problem.id, self.sample))
        return Chance(seed, episode_key(self.problem.id, self.sample), self.draws)


class Waiting:
    """Jobs that wait for a place. Between them stands None where none is ready until an episode has ended."""

    def __init__(self, jobs: Iterable[Job | None]):
        self._jobs = iter(jobs)
        self.more = True
        """There may be more, now or later."""

    def take(self) -> Job | None:
        """The next job that is ready now, if there is one."""
        if not self.more:
            return None
        for job in self._jobs:
            return job
        self.more = False
        return None

    def check(self) -> None:
        """Raises RuntimeError if jobs are still waited for: called where nothing is under way that could end."""
        if self.more:
            raise RuntimeError("no job is ready, and none is under way that it could wait for")


class Engine(Protocol):
    """Plays jobs. Every engine gives the same episodes (HANDOFF.md, section 6)."""

    def episodes(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        """Ungraded episodes as they end. A job that is None means: none now, ask again later."""
        ...


@runtime_checkable
class Rests(Protocol):
    """An engine that can give its memory back between episodes."""

    def rest(self) -> None:
        """Gives back what it can; the next episodes take it again."""
        ...


def episode_of(
    job: Job,
    played: Played,
    *,
    seed: int,
    limit: int,
    seconds: float,
    views: Mapping[str, dict[str, Any]],
    engine: Mapping[str, str] | None = None,
) -> Episode:
    """The stored form of what was played; ``engine``: versions of what only this engine computes with.

    Raises EpisodeError if it is not proven: then the engine has a defect.
    """
    text, records = assemble(merged(played.spans, len(job.prefix)))
    for record in records[: len(job.prefix)]:
        record.logprobs = record.end_logprob = None  # nobody acts in a prefix
    on_demand, called = isinstance(job.policy.schedule, OnDemand), isinstance(job.policy.schedule, Call)
    episode = Episode(
        id=job.id,
        problem_id=job.problem.id,
        sample=job.sample,
        question=job.problem.question,
        text=text,
        spans=records,
        authors=[*job.names, *job.absent],
        policy=str(job.policy),
        seed=seed,
        ended=played.ended,
        error=played.error,
        limit=limit,
        condition=job.condition,
        p=job.policy.p_at(job.step),
        step=job.step,
        parent_id=job.parent_id,
        prefix_units=job.prefix_units,
        prefix_spans=None if job.prefix_units is None else len(job.prefix),
        pens=[list(pen) for pen in played.pens] if on_demand else None,
        assigned=list(played.units) if called else None,
        difficulty=job.problem.steps,
        views={name: dict(view) for name, view in views.items()},
        timings={"seconds": round(seconds, 6)},
        versions={**versions(), **(engine or {})},
    )
    return check(episode)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """What made the episodes: versions of this package, Python and the libraries that compute."""
    found = {"python": platform.python_version()}
    for name in ("tandem-arena", "torch", "transformers", "tokenizers", "regex", "math-verify"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
