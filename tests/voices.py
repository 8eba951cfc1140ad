"""Agents for tests of the turn loop: one that is slow like an endpoint, one that asks for the pen like a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import pytest

from agents.contract import Agent, Seat, Span, Turn, View
from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.scripted import fit
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.tasks import load_task
from arena.torch_engine.scheduler import SharedModel
from tests.far import Far, FarSeat
from tests.models import embedded

SEED, LIMIT = 3, 40
"""Of the episodes that are compared."""
EVERY_UNIT = ("word", "token", "spaced-token", "sentence", "line", "paragraph", "solution")


class Caller:
    """Listens, asks for the pen after ``after`` pieces of others, writes ``text``, and gives the pen back."""

    deterministic = True
    gives_logprobs = conditions_on_opening = False

    def __init__(self, after: int = 7, text: str = " wait! So\n", *, seat: type[CallerSeat] | None = None):
        """``seat``: another kind of seat."""
        self.after, self.text, self._seat = after, text, seat or CallerSeat

    def sit(self, view: View) -> CallerSeat:
        return self._seat(self, view)


class CallerSeat(FarSeat):
    def __init__(self, agent: Caller, view: View):
        super().__init__(Far(), view)
        self._caller, self._heard = agent, 0

    def hear(self, author: str, piece: bytes) -> None:
        self._heard += 1
        if self._heard == self._caller.after:
            self.view.ask(self.view.author)

    async def write(self, turn: Turn) -> Span:
        self._heard = 0
        if turn.stop.is_set():
            return Span(self.view.author, cut=True)
        await asyncio.sleep(0.001)
        if turn.opening and not turn.rule.can_open(turn.state):
            return Span(self.view.author, ended=True)
        text = fit(self._caller.text, turn)
        turn.emit(text.encode())
        return Span(self.view.author, text, asks=self.view.others[0])


class Watched:
    """Passes everything on to another agent, and tells what goes on: what was heard, read, emitted and left."""

    def __init__(self, agent: Agent, *, emitted: Callable[[Watched, bytes], None] = lambda agent, piece: None):
        self.agent, self._emitted = agent, emitted
        self.deterministic, self.gives_logprobs = agent.deterministic, agent.gives_logprobs
        self.conditions_on_opening = agent.conditions_on_opening
        self.emitted: list[bytes] = []
        self.heard: list[tuple[str, bytes]] = []
        self.seated = self.left = 0
        self.view: View | None = None

    def sit(self, view: View) -> WatchedSeat:
        self.seated, self.view = self.seated + 1, view
        return WatchedSeat(self, self.agent.sit(view))

    def emit(self, piece: bytes) -> None:
        self.emitted.append(piece)
        self._emitted(self, piece)


class WatchedSeat:
    def __init__(self, agent: Watched, seat: Seat):
        self._agent, self._seat = agent, seat
        self.read, self.record = seat.read, seat.record

    async def write(self, turn: Turn) -> Span:
        passed_on = turn.emit

        def emit(piece: bytes) -> None:
            passed_on(piece)
            self._agent.emit(piece)

        turn.emit = emit
        return await self._seat.write(turn)

    def hear(self, author: str, piece: bytes) -> None:
        self._agent.heard.append((author, piece))

    def leave(self) -> None:
        self._agent.left += 1
        self._seat.leave()


class Failing:
    """Recites, until it fails in one episode: with the error that it is given, when it is asked for its nth turn."""

    deterministic = True
    gives_logprobs = conditions_on_opening = False

    def __init__(self, error: BaseException, question: str, turn: int = 2):
        self.error, self.question, self.turn = error, question, turn

    def sit(self, view: View) -> Seat:
        return _FailingSeat(self, view)


class _FailingSeat(FarSeat):
    def __init__(self, agent: Failing, view: View):
        super().__init__(Far(), view)
        self._failing, self._turns = agent, 0

    async def write(self, turn: Turn) -> Span:
        self._turns += 1
        await asyncio.sleep(0)
        if self.view.question == self._failing.question and self._turns >= self._failing.turn:
            raise self._failing.error
        return await super().write(turn)


def jobs_of(number: int, handoff: str, names: tuple[str, ...]) -> list[Job]:
    """Jobs of the first arithmetic problems."""
    problems = load_task("arithmetic").problems("test")
    return [Job(problems[index], 0, parse(handoff), names) for index in range(number)]


@contextmanager
def shared(agents: Mapping[str, Agent], slots: int) -> Iterator[dict[str, Agent]]:
    """The agents, with models that answer ``slots`` seats at once in place of the models."""
    with ThreadPoolExecutor(1) as thread:
        yield {
            name: SharedModel(agent, slots, thread) if isinstance(agent, LanguageModel) else agent
            for name, agent in agents.items()
        }


def assert_same(one: Episode, other: Episode) -> None:
    """The same episode: proven, equal to the letter, and log-probabilities to 1e-4."""
    assert problems_of(one) == problems_of(other) == []
    for field in ("id", "text", "ended", "error", "authors", "policy", "views", "pens", "assigned"):
        assert getattr(one, field) == getattr(other, field), field
    for a, b in zip(one.spans, other.spans, strict=True):
        assert (a.author, a.start, a.end, a.token_ids, a.cut) == (b.author, b.start, b.end, b.token_ids, b.cut)
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
        assert a.end_logprob == pytest.approx(b.end_logprob, abs=1e-4)


def by_id(episodes: Iterator[Episode]) -> dict[str, Episode]:
    return {episode.id: episode for episode in episodes}


def reference(agents: Mapping[str, Agent], jobs: list[Job]) -> dict[str, Episode]:
    """What the reference loop makes of the jobs."""
    return by_id(ReferenceEngine(agents, seed=SEED, limit=LIMIT).episodes(jobs))


@lru_cache(maxsize=16)
def senior(marker: str | None = None, temperature: float = 1.0) -> LanguageModel:
    """The embedded senior, perhaps with a marker by which it gives the pen away."""
    plain, sampling = embedded("senior"), Sampling(temperature)
    return LanguageModel(
        plain.model, plain.tokenizer, prompt=plain.prompt, sampling=sampling, vocabulary=plain.vocabulary, marker=marker
    )
