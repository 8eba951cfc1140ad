"""Agents that write from a script: for tests, controls, and as a third voice in an episode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from agents.contract import AgentError, Span, Turn, View, joined_text
from agents.units import RULES

END = "{end}"
"""In a script: the solution ends here."""

Writer = Callable[[View, str, Turn], str]
"""(view, text so far, turn) -> what to write next; ``{end}`` in it ends the solution."""


def fit(text: str, turn: Turn) -> str:
    """Cuts ``text`` to what the turn allows: whole units that the author holds, within the budget (in words).

    After another author it must open a unit; a space is put before it where that makes it open. White space at the
    end is cut off where it belongs to the unit that follows, because nobody could open that unit any more.
    Raises ValueError where it cannot open.
    """
    if text and turn.opening and not turn.rule.step(turn.state, text[0])[0]:
        if not turn.rule.step(turn.state, " ")[0]:
            raise ValueError(f"{text[:40]!r} does not open a {turn.rule.name}, with or without a space before it")
        text = " " + text
    state, unit = turn.state, turn.unit
    for at, character in enumerate(text):
        opens, state = turn.rule.step(state, character)
        if opens and not turn.holds(unit):
            text = text[:at]
            break
        unit += opens
    starts = RULES["word"].openings(text)
    text = text[: starts[turn.budget]] if len(starts) > turn.budget else text
    state = turn.state
    for character in text:
        state = turn.rule.step(state, character)[1]
    return text.rstrip() if state == turn.rule.empty else text


def _units(text: str, turn: Turn) -> list[str]:
    """What ``text`` adds to the unit before it, if anything, and the units that open in it; they join to it."""
    state, cuts = turn.state, [0]
    for at, character in enumerate(text):
        opens, state = turn.rule.step(state, character)
        if opens and at:
            cuts.append(at)
    return [text[a:b] for a, b in pairwise([*cuts, len(text)])] if text else []


class _ScriptSeat:
    """A script's place in one episode: gives `_next` the chance to write, and fits what it says to the turn.

    It writes unit by unit, so a turn that is stopped keeps the units that were written by then.
    """

    def __init__(self, view: View):
        self._view = view
        self._read: list[Span] = []

    def _next(self, turn: Turn) -> str:
        raise NotImplementedError

    def read(self, span: Span) -> None:
        self._read.append(span)

    async def write(self, turn: Turn) -> Span:
        if turn.stop.is_set():
            return Span(self._view.author, cut=True)
        text, end, _ = self._next(turn).partition(END)
        text = text.encode("utf-8", "replace").decode()  # as a span has it, or other units would be counted
        try:
            fitted = fit(text, turn)
        except ValueError as error:
            raise AgentError(f"{self._view.author}: {error}") from None
        whole = fitted.strip() == text.strip()
        span = Span(self._view.author, fitted, ended=bool(end) and whole)
        if not fitted and not span.ended:
            raise AgentError(f"{self._view.author}: it wrote nothing and did not end the solution")
        written = ""
        # The first of them goes on with the unit before, or opens one.
        first = turn.unit - (not span.text or not turn.rule.step(turn.state, span.text[0])[0])
        for number, unit in enumerate(_units(span.text, turn), start=first):
            if turn.pace:
                await turn.pace()
            if turn.stop.is_set():
                span = Span(self._view.author, written, cut=True)
                break
            if turn.demand and written and not turn.holds(number):
                span = Span(self._view.author, written)
                break
            turn.emit(unit.encode())
            written += unit
            await asyncio.sleep(0)  # whoever may stop it has to be able to
        self._read.append(span)
        return span

    def leave(self) -> None:
        self._read.clear()

    def record(self) -> dict[str, Any]:
        return {}


class _FunctionSeat(_ScriptSeat):
    def __init__(self, writer: Writer, view: View):
        super().__init__(view)
        self._writer = writer

    def _next(self, turn: Turn) -> str:
        return self._writer(self._view, joined_text(self._read), turn)


class Scripted:
    """An agent that writes what a function of (view, text so far, turn) gives it."""

    deterministic = True
    gives_logprobs = False
    conditions_on_opening = False

    def __init__(self, writer: Writer):
        self._writer = writer

    def sit(self, view: View) -> _FunctionSeat:
        return _FunctionSeat(self._writer, view)


class _RecitingSeat(_ScriptSeat):
    def __init__(self, script: str, view: View):
        super().__init__(view)
        self._rest, end, _ = script.partition(END)
        self._again = "" if end else self._rest if self._rest[:1].isspace() else f" {self._rest}"
        """What is recited when nothing is left: with a space before it, or its first word would join the last."""

    def _next(self, turn: Turn) -> str:
        if not self._again:
            return self._rest + END
        if not self._rest.strip():
            self._rest = self._again
        return self._rest

    async def write(self, turn: Turn) -> Span:
        span = await super().write(turn)
        spaced = span.text.startswith(" ") and not self._rest.startswith(" ")
        self._rest = self._rest[len(span.text) - spaced :]
        return span


class Reciting:
    """Recites a text as its turns allow; from the start again when it is used up, unless it has an ``{end}``."""

    deterministic = True
    gives_logprobs = False
    conditions_on_opening = False

    def __init__(self, script: str):
        if not script.replace(END, "").strip():
            raise AgentError("script: needs some text to write")
        self._script = script

    def sit(self, view: View) -> _RecitingSeat:
        return _RecitingSeat(self._script, view)
