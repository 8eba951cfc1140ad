"""The contract between agents and the Arena: what an agent is told, what it is asked, what it answers.

An agent sits down at an episode and gets a seat; the Arena asks one seat at a time to write a turn and lets the
others read what was written. Language models, scripts, endpoints and people all fit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol, TypeVar, runtime_checkable

from agents.chance import Chance
from agents.units import UnitRule, words
from agents.vocabulary import readable, surface

T = TypeVar("T")


class AgentError(RuntimeError):
    """An agent could not do what it was asked; the message begins with the agent's name. It fails one episode."""


@dataclass(frozen=True)
class Span:
    """What one turn added. Language models give tokens, others give text only.

    The tokens' own bytes are kept (``pieces``), so a character may be split over two tokens, even of two authors.
    """

    author: str
    text: str = ""
    """The text of an author without tokens; language models leave it to their pieces."""
    token_ids: tuple[int, ...] | None = None
    """The author's own tokens, the end included where it wrote it; None for an author without tokens."""
    pieces: tuple[bytes, ...] = ()
    """The bytes of each token; b"" for the end."""
    logprobs: tuple[float, ...] = ()
    """Of each token: log p of its `token` factor, or of its `open` factor where it opened after another author."""
    end_logprob: float | None = None
    """log p of the `end` factor: that this author's last unit was over; None where no such decision was made."""
    ended: bool = False
    """The author ended the solution."""
    tokeniser: str | None = None
    """Digest of the vocabulary that ``token_ids`` belong to."""
    asks: str | None = None
    """On demand: the agent that should write from the next opening on."""
    cut: bool = False
    """It was stopped, or gave the pen away by its marker, before it had drawn that its last unit was over."""
    surfaces: tuple[str, ...] | None = None
    """Of a stored span: its tokens as the unit rules read them, where they do not follow from ``pieces``."""

    def __post_init__(self) -> None:
        # Half a surrogate pair is no text: replaced at once, so that everybody reads the same.
        object.__setattr__(self, "text", self.text.encode("utf-8", "replace").decode())

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces) if self.token_ids is not None else self.text.encode()

    @property
    def written(self) -> int:
        """What counts towards the maximum length: its own tokens without the end; words for authors without tokens."""
        return words(self.text) if self.token_ids is None else len(self.token_ids) - self.ended

    def steps(self) -> Sequence[str]:
        """What the unit rules read of it, token by token; character by character for an author without tokens."""
        if self.token_ids is None:
            return self.text
        if self.surfaces is not None:
            return self.surfaces
        return [surface(piece) for piece in self.pieces[: self.written]]


@dataclass(frozen=True)
class View:
    """What one agent is told when it sits down. It never holds the answer."""

    question: str
    author: str
    """The name under which this agent writes."""
    others: tuple[str, ...] = ()
    """The names of the other agents, in the order of the pair."""
    ask: Callable[[str], None] = field(default=lambda name: None, compare=False)
    """On demand: asks, at any time, that the agent of this name write from the next opening on."""


@dataclass
class Turn:
    """What an author is asked to write: from unit ``unit`` on, for as long as it holds the pen."""

    rule: UnitRule
    state: int
    """The rule's state after the text so far."""
    unit: int
    """Index of the unit that the next opening opens."""
    position: int
    """Tokens written so far in the episode: the index of the next draw."""
    holds: Callable[[int], bool]
    """Does this author write unit u?"""
    chance: Chance
    budget: int
    """Tokens (words, for an author without tokens) that may still be written."""
    opening: bool
    """True after another author or a prefix: the first token must open a unit, or end the solution."""
    demand: bool = False
    """The pen may be asked for and given away: a model's marker and a person's commands for it count."""
    emit: Callable[[bytes], None] = field(default=lambda piece: None)
    """Called with each piece as it is written."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to cancel the turn: the seat then returns a span cut at its last whole unit, perhaps an empty one."""

    async def unless_stopped(self, work: Awaitable[T]) -> T | None:
        """Waits for ``work``; gives None, and cancels it, if the turn is stopped before it is done."""
        task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self.stop.is_set() and not task.done():
                return None
            return await task
        finally:
            for one in (task, stopped):
                one.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)


@runtime_checkable
class Seat(Protocol):
    """An agent's place in one episode."""

    async def write(self, turn: Turn) -> Span:
        """Writes one turn: whole units, up to the opening of a unit that it does not hold. Raises AgentError.

        Pieces go to ``turn.emit`` as they are written; the span of a turn that was stopped may hold fewer.
        """
        ...

    def read(self, span: Span) -> None:
        """Takes note of what another author wrote (or of an authored prefix)."""
        ...

    def leave(self) -> None:
        """Gives everything back; the seat is not used again."""
        ...

    def record(self) -> dict[str, Any]:
        """What is stored of it: of a language model digests of weights, tokeniser and prompt, and its sampling."""
        ...


@runtime_checkable
class Listener(Protocol):
    """A seat may also listen while others write (a person's screen does): their pieces, as they come."""

    def hear(self, author: str, piece: bytes) -> None: ...


@runtime_checkable
class Reviewer(Protocol):
    """A seat may also look back when the solution is over, before it is recorded and graded (a person's rating)."""

    async def review(self, ended: str) -> None: ...


@runtime_checkable
class Agent(Protocol):
    """Something that can sit down at an episode."""

    deterministic: bool
    """Equal views, turns and chances give equal spans."""
    gives_logprobs: bool
    """Its spans carry tokens and log-probabilities."""
    conditions_on_opening: bool
    """It has a distribution to restrict to openings; others are asked for text that opens, and checked."""

    def sit(self, view: View) -> Seat: ...


def joined_text(spans: Sequence[Span]) -> str:
    """The text of some spans in a row, for people and for readers with another tokeniser.

    A character may be split over spans of one tokeniser, never over two tokenisers: the same as in a stored episode.
    """
    groups = groupby(spans, key=lambda span: span.tokeniser)
    return "".join(readable(b"".join(span.data for span in group)) for _, group in groups)
