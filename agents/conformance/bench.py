"""The bench at which an agent is tried: seats, turns, and what came of them. It needs the contract alone."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any

from agents.chance import Chance, stable_key
from agents.contract import Agent, AgentError, Seat, Span, Turn, View, joined_text
from agents.replay import Reader
from agents.units import UnitRule

Holds = Callable[[int], bool]
TOLERANCE = 1e-4
"""By how much log-probabilities may differ that should be equal."""
OWN = "conformance"
"""Beginning of the names of the kit's own threads."""


class Failed(Exception):  # noqa: N818
    """The agent does not do what a check asks: why, in one line, and what shows it."""

    def __init__(self, reason: str, evidence: str = ""):
        super().__init__(reason)
        self.reason, self.evidence = reason, evidence


class Raised(Failed):
    """The agent raised something where a check had no use for that."""

    def __init__(self, doing: str, error: Exception):
        super().__init__(f"{type(error).__name__}: {error}"[:300], f"when asked to {doing}")
        self.error = error


class Refused(Raised):
    """It could not do what it was asked and said so by its name. That fails one episode and is no fault in itself."""


class NotApplicable(Exception):  # noqa: N818
    """The check says nothing about this agent; the message says why."""


def everything(unit: int) -> bool:
    """Holds every unit."""
    return True


def until(end: int) -> Holds:
    """Holds the units before ``end``."""
    return lambda unit: unit < end


def shown(text: str | bytes, size: int = 60) -> str:
    """The text for evidence: in one line, and not too long of it."""
    text = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return repr(text) if len(text) <= size else f"{text[:size]!r}..."


@dataclass
class Story:
    """A text as it grows, and where the rule stands in it."""

    rule: UnitRule
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        spans, self.spans = self.spans, []
        self.reader = Reader(self.rule)
        for span in spans:
            self.add(span)

    def add(self, span: Span) -> None:
        self.reader.skip(span.steps())
        if span.written or span.ended:
            self.spans.append(span)

    @property
    def text(self) -> str:
        return joined_text(self.spans)

    @property
    def written(self) -> int:
        return sum(span.written for span in self.spans)

    @property
    def unit(self) -> int:
        """The unit that opens next."""
        return self.reader.unit + 1

    @property
    def can_open(self) -> bool:
        """Is there anything that opens a unit here? In the middle of a line there is not."""
        return self.rule.can_open(self.reader.state)


@dataclass
class Written:
    """A turn that the agent wrote."""

    where: str
    """Which one it was, for evidence."""
    before: str
    """The text before it."""
    read: int
    """How many characters of that are by others."""
    turn: Turn
    span: Span
    emitted: list[bytes]
    emits: int
    """How many pieces were emitted when it returned."""
    again: Span | None = None
    """What it wrote when it was asked to go on, although it had not said that its turn was over."""

    def shows(self) -> str:
        after = f"after {shown(self.before[-40:])} " if self.before else ""
        return f"{self.where}: {after}it wrote {shown(self.span.data)}"

    def end(self) -> Reader:
        """Where the rule stands after it."""
        reader = Reader(self.turn.rule, self.turn.state, self.turn.unit - 1)
        reader.skip(self.span.steps())
        return reader


@dataclass
class Bench:
    """What all checks share."""

    agent: Agent
    name: str
    partner: Agent
    questions: Sequence[str]
    rules: Sequence[UnitRule]
    seed: int
    promptly: float
    """Seconds in which a turn has to return once it is stopped."""
    helpers: Sequence[str]
    """Beginnings of names of daemon threads that may outlive a seat."""
    other: str = field(init=False)
    """The partner's name."""
    doing: str = ""
    """What the agent is asked to do at the moment: said if it hangs."""
    since: float = 0.0
    """Since when it does that."""
    called: list[str] = field(default_factory=list)
    """Names that it asked should have the pen, by its view."""
    raised: list[tuple[str, Exception]] = field(default_factory=list)
    """Everything that it ever raised, and when."""
    turns: list[Written] = field(default_factory=list)
    """The turns of ordinary episodes."""
    known: set[object] = field(default_factory=set)
    """The judges of single turns that it has failed: a fault is reported by one check."""
    repeats: bool = field(init=False)
    """Does it write the same when all is the same? As it says, until that is found to be wrong."""
    threads: set[threading.Thread] = field(default_factory=lambda: set(threading.enumerate()))
    """Those that ran before the first check."""

    def __post_init__(self) -> None:
        self.other = "partner" if self.name != "partner" else "other"
        self.repeats = getattr(self.agent, "deterministic", False) is True

    @property
    def rule(self) -> UnitRule:
        """The rule for what need not be tried with every rule."""
        return next((rule for rule in self.rules if rule.name == "word"), self.rules[0])

    @contextmanager
    def asking(self, doing: str, *, may_refuse: bool = False) -> Iterator[None]:
        """Around everything that the agent is asked to do. Raises Raised, or Refused where that is allowed."""
        self.doing, self.since = doing, time.monotonic()
        try:
            yield
        except Failed:
            raise
        except Exception as error:  # the user's own code, which may fail in any way
            self.raised.append((doing, error))
            raise (Refused if may_refuse and self.by_name(error) else Raised)(doing, error) from error
        finally:
            self.doing = ""

    def sit(self, question: str | None = None) -> Seat:
        question = self.questions[0] if question is None else question
        with self.asking(f"sit down, the question being {shown(question, 30)}", may_refuse=True):
            return self.agent.sit(View(question, self.name, (self.other,), self.called.append))

    def leave(self, seat: Seat) -> None:
        with self.asking("leave"):
            seat.leave()

    @contextmanager
    def seated(self, question: str | None = None) -> Iterator[Seat]:
        """A seat that is left in the end."""
        seat = self.sit(question)
        try:
            yield seat
        finally:
            self.leave(seat)

    def read(self, seat: Seat, *spans: Span) -> None:
        for span in spans:
            with self.asking(f"read {shown(span.data, 30)}", may_refuse=True):
                seat.read(span)

    def chance(self, key: object) -> Chance:
        return Chance(self.seed, stable_key("conformance", key))

    def turn(self, story: Story, *, holds: Holds = everything, budget: int = 40, **given: Any) -> Turn:
        """A turn of the agent at the end of a story."""
        made = {
            "rule": story.rule,
            "state": story.reader.state,
            "unit": story.unit,
            "position": story.written,
            "holds": holds,
            "chance": self.chance(story.rule.name),
            "budget": budget,
            "opening": bool(story.spans) and story.spans[-1].author != self.name,
        }
        return Turn(**{**made, **given})

    async def write(
        self,
        seat: Seat,
        story: Story,
        turn: Turn,
        where: str = "",
        emit: Callable[[list[bytes]], None] = lambda so_far: None,
    ) -> Written:
        """Has a turn written. ``emit`` is called after each piece with all of them so far. The story stays as it is.

        Raises Refused, or Raised for what an agent may not raise.
        """
        where = where or f"unit {turn.rule.name}"
        emitted: list[bytes] = []

        def take(piece: bytes) -> None:
            emitted.append(piece)
            emit(emitted)

        with self.asking(f"write a turn ({where})", may_refuse=True):
            writing = seat.write(replace(turn, emit=take))
            if not isawaitable(writing):
                raise Failed("its write is no coroutine: it must be async def", where)
            span = await writing
        if not isinstance(span, Span):
            raise Failed(f"write gave {type(span).__name__}, not a Span", where)
        read = sum(len(one.data.strip()) for one in story.spans if one.author != self.name)
        return Written(where, story.text, read, turn, span, emitted, len(emitted))

    async def told(self, question: str | None, story: Story, turn: Turn, where: str = "") -> Written:
        """What a fresh seat writes that has read the story."""
        with self.seated(question) as seat:
            self.read(seat, *story.spans)
            return await self.write(seat, story, turn, where)

    def need_determinism(self) -> None:
        """Raises NotApplicable for an agent that may write something else every time."""
        if not self.repeats:
            raise NotApplicable("it is not deterministic")

    def by_name(self, error: Exception) -> bool:
        """Is this how the contract wants an agent to fail?"""
        return isinstance(error, AgentError) and str(error).startswith(self.name)


def difference(one: Span, other: Span) -> str:
    """In what two spans differ, for evidence; empty if they are equal but for rounding."""
    for name in ("author", "text", "token_ids", "pieces", "ended", "tokeniser", "asks", "cut"):
        if getattr(one, name) != getattr(other, name):
            if name in ("text", "token_ids", "pieces"):
                return f"{shown(one.data)} and {shown(other.data)}"
            return f"{name} is {getattr(one, name)!r} and {getattr(other, name)!r}"
    ours, theirs = ((*span.logprobs, span.end_logprob) for span in (one, other))
    if len(ours) != len(theirs):
        return f"{len(one.logprobs)} and {len(other.logprobs)} log-probabilities"
    for a, b in zip(ours, theirs, strict=True):
        if (a is None) != (b is None) or (
            a is not None and b is not None and not math.isclose(a, b, abs_tol=TOLERANCE)
        ):
            return f"log-probabilities {a} and {b}"
    return ""
