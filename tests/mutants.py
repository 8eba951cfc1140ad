"""Agents with one deliberate fault each, and the checks of the conformance kit that must find it.

Here: what they write and read. `tests.mutants_of_seats`: stops and seats. `tests.mutants_of_models`: language models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agents.chance import stable_key
from agents.contract import Agent, AgentError, Seat, Span, Turn, View, joined_text
from agents.scripted import Scripted, fit

STORY = (
    "First she counts 7 + 5 = 12 owls.\n\nThen, so to say, 3.5 of them \u2013 (no!) \u2013 sleep.\nÉtienne 有三個蘋果。"
    "Well, that is <<12-3=9>>9 owls left.\n\nSo it is 9, or not?\n#### 9\n\n"
)


def think(view: View, so_far: str, turn: Turn) -> str:
    """Goes on in a way that depends on everything."""
    units = turn.rule.split(STORY)
    return "".join(units[stable_key(view.question, so_far) % len(units) :]) + STORY * 3


class HonestSeat:
    """Does all that it should, by a seat that does."""

    def __init__(self, agent: Honest, view: View):
        self.agent, self.view = agent, view
        self.inner: Any = agent.inner.sit(view)

    async def write(self, turn: Turn) -> Span:
        span: Span = await self.inner.write(turn)
        return span

    def read(self, span: Span) -> None:
        self.inner.read(span)

    def leave(self) -> None:
        self.inner.leave()

    def record(self) -> dict[str, Any]:
        return dict(self.inner.record())


class Honest:
    """An agent whose seats are of a class."""

    def __init__(self, seat: Callable[[Any, View], Any] = HonestSeat, inner: Agent | None = None):
        self.inner: Any = inner or Scripted(think)
        self.deterministic = self.inner.deterministic
        self.gives_logprobs = self.inner.gives_logprobs
        self.conditions_on_opening = self.inner.conditions_on_opening
        self._seat = seat
        self.memory: dict[str, Any] = {}

    def sit(self, view: View) -> Seat:
        seat: Seat = self._seat(self, view)
        return seat


@dataclass(frozen=True)
class Mutant:
    """A faulty agent."""

    seat: Callable[[Any, View], Any]
    found_by: set[str]
    """The checks that fail, and no others."""
    options: dict[str, Any]


TEXT: dict[str, Mutant] = {}
"""Of authors without tokens."""
MODELS: dict[str, Mutant] = {}
"""Of language models."""

NAME, ADDS, STOPS, OPENS = (
    "puts its own name on its spans",
    "adds only what is new",
    "stops where its turn ends",
    "opens a unit, or ends, after another author",
)
WRITES, ROOM, ENDS, BUDGET = (
    "writes its turns in ordinary episodes",
    "leaves no white space that nobody can open after",
    "ends the solution only where that is its to say",
    "keeps its budget",
)
EMITS, CUTS, FACTORS, PLAIN = (
    "emits what it writes",
    "cuts a turn and gives the pen away only as it may",
    "gives tokens with their factors",
    "gives text and nothing else",
)
SAME, APART, READS, PIECES, HEARS = (
    "writes the same when all is the same",
    "keeps its seats apart",
    "reads what others write",
    "reads a text the same in whatever pieces",
    "hears without reading twice",
)
BEFORE, WHILE, TASK, AFTER = (
    "stops before it begins",
    "stops while it writes",
    "stops when another task says so",
    "goes on after a stop as if there had been none",
)
LEAVES, AGAIN, RECORD, UNUSUAL, FAILS, IS_AGENT = (
    "leaves nothing behind",
    "sits down again",
    "has a record that can be stored",
    "takes unusual questions and texts",
    "fails by name",
    "is an agent",
)


def found_by(*checks: str, among: dict[str, Mutant] = TEXT, **options: Any) -> Callable[[type], type]:
    """Notes a seat with a fault."""

    def note(seat: type) -> type:
        among[seat.__name__] = Mutant(seat, set(checks), options)
        return seat

    return note


# What it writes


@found_by(NAME)
class SignsForAnother(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), author="somebody")


@found_by(STOPS, AFTER)
class WritesOn(HonestSeat):
    """It pays no heed to who holds what."""

    async def write(self, turn):
        return await super().write(replace(turn, holds=lambda unit: True))


@found_by(STOPS)
class WritesOneCharacterMore(HonestSeat):
    """It ends its unit by writing what opens the next."""

    async def write(self, turn):
        span = await super().write(replace(turn, emit=lambda piece: None))
        if turn.rule.name == "word" and not turn.holds(turn.unit + 2) and span.text[-1:].isalpha():
            span = replace(span, text=f"{span.text} +")
        turn.emit(span.data)
        return span


class Spoken(HonestSeat):
    """Writes a text of its own in one go."""

    def __init__(self, agent, view):
        super().__init__(agent, view)
        self.heard: list[Span] = []

    def read(self, span):
        self.heard.append(span)

    def text(self, turn: Turn) -> str:
        try:
            return fit(think(self.view, joined_text(self.heard), turn), turn)
        except ValueError as error:
            raise AgentError(f"{self.view.author}: {error}") from None

    async def write(self, turn: Turn) -> Span:
        if turn.stop.is_set():
            return Span(self.view.author, cut=True)
        span = Span(self.view.author, self.text(turn))
        turn.emit(span.data)
        self.heard.append(span)
        return span


@found_by(ADDS)
class Rewrites(Spoken):
    def text(self, turn):
        return super().text(turn) and fit(joined_text(self.heard) + think(self.view, "", turn), turn)


@found_by(OPENS)
class OpensNothing(Spoken):
    def text(self, turn):
        text = super().text(turn)
        return text.lstrip() if turn.opening and turn.rule.name == "word" else text


@found_by(WRITES, BEFORE)
class NeverOpens(HonestSeat):
    """It says so by its name, but there is nothing that it could be used for."""

    async def write(self, turn):
        if turn.opening:
            raise AgentError(f"{self.view.author}: nothing comes to mind")
        return await super().write(turn)


@found_by()
class SeldomFailsToOpen(HonestSeat):
    """No fault: that fails one episode."""

    async def write(self, turn):
        if turn.opening and turn.unit > 20:
            raise AgentError(f"{self.view.author}: nothing comes to mind")
        return await super().write(turn)


@found_by(WRITES)
class SaysNothing(Spoken):
    def text(self, turn):
        return "" if turn.unit > 2 else super().text(turn)


@found_by(ROOM)
class EndsInSpace(Spoken):
    def text(self, turn):
        text = super().text(replace(turn, budget=max(turn.budget - 1, 1)))
        mine = turn.budget > 7 and all(turn.holds(turn.unit + more) for more in range(8))
        return f"{text} " if turn.rule.name == "word" and mine else text


@found_by(BUDGET)
class SpendsMore(Spoken):
    def text(self, turn):
        return super().text(replace(turn, budget=turn.budget + 1))


@found_by(EMITS)
class EmitsSomethingElse(Spoken):
    async def write(self, turn):
        return await super().write(replace(turn, emit=lambda piece: turn.emit(piece.upper())))


@found_by(EMITS)
class EmitsLate(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        if not turn.stop.is_set():
            asyncio.get_running_loop().call_soon(turn.emit, b"")
        return span


@found_by(CUTS)
class CutsUnasked(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), cut=True, ended=False)


@found_by(CUTS)
class AsksAStranger(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), asks="nobody here")


@found_by(CUTS)
class GivesThePenAwayUnasked(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), asks=self.view.others[0])


@found_by()
class GivesThePenAway(HonestSeat):
    """No fault: on demand it writes two units at most, and gives the pen to the other."""

    async def write(self, turn):
        if not turn.demand:
            return await super().write(turn)
        span = await super().write(replace(turn, holds=lambda unit: unit < turn.unit + 2 and turn.holds(unit)))
        return replace(span, asks=self.view.others[0])


@found_by(CUTS)
class GivesThePenAwayAtOnce(HonestSeat):
    async def write(self, turn):
        if not turn.demand:
            return await super().write(turn)
        return Span(self.view.author, cut=True, asks=self.view.others[0])


@found_by(CUTS)
class CallsAStranger(HonestSeat):
    def read(self, span):
        self.view.ask("nobody here")
        super().read(span)


@found_by(ENDS)
class EndsACutTurn(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, ended=True, cut=True, asks=self.view.others[0]) if turn.demand else span


@found_by(PLAIN)
class GivesFactors(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), end_logprob=-0.5)


def faulty() -> Agent:
    """One of them, for the command."""
    return Honest(SpendsMore)
