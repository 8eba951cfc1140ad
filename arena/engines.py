"""The reference engine: the reference loop over a list of jobs, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agents.contract import Agent, AgentError, Reviewer, Seat, View
from arena.episode import Episode
from arena.jobs import Job, episode_of
from arena.reference import Begun, Played, play


class ReferenceEngine:
    """Plays one episode at a time with `arena.reference`. Slow, plain, and the judge of the others."""

    def __init__(self, agents: Mapping[str, Agent], *, seed: int, limit: int):
        """``limit`` is the maximum length of a solution in written tokens."""
        if limit < 1:
            raise ValueError(f"the limit must be at least 1 token, not {limit}")
        self.agents, self.seed, self.limit = dict(agents), seed, limit

    def episodes(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        for job in jobs:
            if job is not None:  # nothing is under way here that it could wait for
                yield _finished(play_job(job, self.agents, seed=self.seed, limit=self.limit))


async def play_job(
    job: Job,
    agents: Mapping[str, Agent],
    *,
    seed: int,
    limit: int,
    stop: asyncio.Event | None = None,
    begun: Begun | None = None,
    note: Callable[[Begun], Awaitable[None]] | None = None,
) -> Episode:
    """Plays one job: seats its agents, lets them take turns, and puts the episode together.

    ``stop``, ``begun`` and ``note`` are those of `arena.reference.play`; ``note`` is also told when it is over, before
    anybody is asked about it.
    """
    began = time.perf_counter()
    seats: dict[str, Seat] = {}
    asked: list[str] = []

    def ask(name: str) -> None:
        if name not in job.names:
            raise ValueError(f"{name!r} cannot be asked to write: there is {', '.join(job.names)}")
        asked.append(name)

    try:
        for name in job.names:
            others = tuple(other for other in job.names if other != name)
            seats[name] = agents[name].sit(View(job.problem.question, name, others, ask))
        chance, p = job.chance(seed), job.policy.p_at(job.step)
        played = await play(
            seats,
            job.policy,
            chance,
            limit=limit,
            p=p,
            prefix=job.prefix,
            asked=asked,
            stop=stop,
            begun=begun,
            note=note,
        )
        if note and not (begun and begun.ended):
            await note(Begun(tuple(played.spans[len(job.prefix) :]), played.pens, played.ended, played.error))
        for seat in seats.values():
            if isinstance(seat, Reviewer):
                await seat.review(played.ended)
    except AgentError as error:  # it could not even sit down: a failed episode is data too
        played = Played(list(job.prefix), "error", str(error))
    finally:
        views = {name: seat.record() for name, seat in seats.items()}
        for seat in seats.values():
            seat.leave()
    seconds = time.perf_counter() - began
    return episode_of(job, played, seed=seed, limit=limit, seconds=seconds, views=views)


def _finished(playing: Coroutine[Any, Any, Episode]) -> Episode:
    """Runs to the end, in a thread of its own where a loop runs already (a notebook)."""
    if not loop_runs():
        return asyncio.run(playing)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, playing).result()


def loop_runs() -> bool:
    """Does an event loop run in this thread?"""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
