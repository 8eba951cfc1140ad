"""The turn loop: any agents, many episodes at once. Each is played by `arena.reference.play`, asynchronously."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from agents.contract import Agent
from arena.engines import loop_runs, play_job
from arena.episode import Episode
from arena.jobs import Job, Waiting


class TurnLoop:
    """Plays ``at_once`` episodes together; those of a person at this terminal one after the other."""

    def __init__(self, agents: Mapping[str, Agent], *, seed: int, limit: int, at_once: int):
        if limit < 1:
            raise ValueError(f"the limit must be at least 1 token, not {limit}")
        self.agents, self.seed, self.limit = dict(agents), seed, limit
        alone = any(getattr(agent, "one_at_a_time", False) for agent in agents.values())
        self.at_once = 1 if alone else max(1, at_once)
        self._clock, self._since, self._playing = 0.0, time.perf_counter(), 0

    async def stream(self, jobs: Iterable[Job | None]) -> AsyncIterator[Episode]:
        """Episodes as they end. A job that is None means: none now, ask again when an episode has ended."""
        waiting = Waiting(jobs)
        playing: list[asyncio.Task[Episode]] = []
        try:
            while True:
                while len(playing) < self.at_once and (job := waiting.take()):
                    playing.append(asyncio.create_task(self.play(job)))
                if not playing:
                    waiting.check()
                    return
                await asyncio.wait(playing, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in playing if task.done()]:
                    playing.remove(task)
                    yield await task
        finally:
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)

    async def play(self, job: Job, stop: asyncio.Event | None = None) -> Episode:
        """Plays one job; ``stop`` ends it where it is, at a whole unit."""
        self._tick(1)
        began = self._clock
        try:
            episode = await play_job(job, self.agents, seed=self.seed, limit=self.limit, stop=stop)
        finally:
            self._tick(-1)
        # Time that episodes share is divided by them: the playing times of a run sum to the whole.
        episode.timings = {**episode.timings, "seconds": round(self._clock - began, 6)}
        return episode

    def _tick(self, change: int) -> None:
        """Lets the clock catch up, which goes as fast as few play; then one more, or one fewer, is playing."""
        now = time.perf_counter()
        self._clock += (now - self._since) / max(self._playing, 1)
        self._since, self._playing = now, self._playing + change

    def episodes(self, jobs: Iterable[Job | None]) -> Generator[Episode, None, None]:
        """The same for callers that are not asynchronous; in a thread of its own where a loop runs (a notebook)."""
        if not loop_runs():
            yield from self._here(jobs)
            return
        with ThreadPoolExecutor(1) as thread:
            episodes = self._here(jobs)
            try:
                while (episode := thread.submit(next, episodes, None).result()) is not None:
                    yield episode
            finally:
                thread.submit(episodes.close).result()

    def _here(self, jobs: Iterable[Job | None]) -> Generator[Episode, None, None]:
        with asyncio.Runner() as runner:
            stream = self.stream(jobs)
            try:
                while (episode := runner.run(_next(stream))) is not None:
                    yield episode
            except (KeyboardInterrupt, SystemExit):
                raise  # the loop stopped where it stood: closing it cancels what is under way
            except BaseException:
                runner.run(stream.aclose())  # type: ignore[attr-defined]
                raise


async def _next(stream: AsyncIterator[Episode]) -> Episode | None:
    return await anext(stream, None)
