"""Agents with a fault in how they read, are stopped, leave, record or fail (see `tests.mutants`)."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from dataclasses import replace

from agents.contract import AgentError, Span, Turn
from tests.mutants import (
    AFTER,
    AGAIN,
    APART,
    BEFORE,
    FAILS,
    HEARS,
    IS_AGENT,
    LEAVES,
    PIECES,
    RECORD,
    SAME,
    TASK,
    UNUSUAL,
    WHILE,
    WRITES,
    HonestSeat,
    Spoken,
    found_by,
)

# What it reads, and when it writes what


@found_by(SAME)
class Dices(HonestSeat):
    numbers = itertools.count()

    async def write(self, turn):
        self.inner.read(Span("dice", f" {next(self.numbers)}"))
        return await super().write(turn)


@found_by(APART)
class SharesItsReading(HonestSeat):
    """As long as two seats are taken, both know what either has read."""

    def __init__(self, agent, view):
        super().__init__(agent, view)
        agent.memory.setdefault("seats", []).append(self)

    def read(self, span):
        for seat in self.agent.memory["seats"]:
            seat.inner.read(span)

    def leave(self):
        if self in self.agent.memory["seats"]:
            self.agent.memory["seats"].remove(self)
        super().leave()


@found_by(APART)
class SharesItsPen(HonestSeat):
    """Two turns at the same time get mixed up."""

    async def write(self, turn):
        self.agent.memory["seat"] = self
        await asyncio.sleep(0)
        span: Span = await self.agent.memory["seat"].inner.write(turn)
        return replace(span, author=self.view.author)


@found_by(PIECES)
class ReadsTheLastOnly(Spoken):
    def read(self, span):
        self.heard = [span]


@found_by(HEARS)
class ReadsWhatItHears(HonestSeat):
    def hear(self, author, piece):
        self.inner.read(Span(author, piece.decode("utf-8", "replace")))


@found_by(HEARS, FAILS)
class HearsOnlyWholeCharacters(HonestSeat):
    def hear(self, author, piece):
        piece.decode()


# Stops


@found_by(BEFORE, WHILE, TASK)
class IgnoresStops(HonestSeat):
    async def write(self, turn):
        return await super().write(replace(turn, stop=asyncio.Event()))


@found_by(BEFORE, WHILE, TASK, AFTER, promptly=0.2)
class HangsWhenStopped(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        if span.cut:
            await asyncio.Event().wait()
        return span


@found_by(BEFORE)
class WritesALittleFirst(HonestSeat):
    async def write(self, turn):
        if turn.stop.is_set():
            return await super().write(replace(turn, stop=asyncio.Event(), holds=lambda unit: unit <= turn.unit))
        return await super().write(turn)


class Typing(Spoken):
    """Emits character by character, and can be stopped after each; ``kept`` says what is kept of what it wrote then."""

    def kept(self, turn: Turn, text: str) -> str:
        reader, cut = turn.state, 0
        for at, character in enumerate(text):
            opens, reader = turn.rule.step(reader, character)
            cut = at if opens else cut
        return text if turn.rule.step(reader, "")[0] else text[:cut]

    async def write(self, turn: Turn) -> Span:
        text, written = "" if turn.stop.is_set() else self.text(turn), ""
        for character in text:
            if turn.stop.is_set():
                break
            written += character
            turn.emit(character.encode())
            await asyncio.sleep(0)
        cut = turn.stop.is_set()
        span = Span(self.view.author, self.kept(turn, written) if cut else written, cut=cut)
        self.heard.append(span)
        return span


@found_by()
class TypesWell(Typing):
    """No fault: what the others of its kind are compared with."""


@found_by(WHILE, TASK)
class CutsWithinAWord(Typing):
    def kept(self, turn, text):
        return text


@found_by(WHILE)
class ThrowsAllAway(Typing):
    def kept(self, turn, text):
        return ""


@found_by(AFTER)
class RemembersWhatWasCut(Typing):
    async def write(self, turn):
        emitted: list[bytes] = []
        emit = turn.emit
        span = await super().write(replace(turn, emit=lambda piece: (emitted.append(piece), emit(piece))))  # type: ignore
        if span.cut:
            self.heard[-1] = Span(self.view.author, b"".join(emitted).decode())
        return span


@found_by(TASK, promptly=0.3)
class KeepsTheLoopBusy(Typing):
    async def write(self, turn):
        if turn.budget > 100:
            time.sleep(0.8)
        return await super().write(turn)


# Seats


@found_by(LEAVES)
class LeavesATask(HonestSeat):
    def __init__(self, agent, view):
        super().__init__(agent, view)
        self.agent.memory["task"] = asyncio.create_task(asyncio.sleep(30))


@found_by(LEAVES)
class LeavesATaskWhenStopped(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        if span.cut:
            self.agent.memory["task"] = asyncio.create_task(asyncio.sleep(30))
        return span


@found_by(LEAVES)
class LeavesAThread(HonestSeat):
    def __init__(self, agent, view):
        super().__init__(agent, view)
        threading.Thread(target=time.sleep, args=(3,), name="forgotten", daemon=True).start()


@found_by(LEAVES, FAILS)
class LeavesOnlyOnce(HonestSeat):
    def leave(self):
        del self.inner


@found_by(AGAIN)
class KeepsItsPlaceWhenCancelled(HonestSeat):
    """Who is cancelled while it writes never gives its place back."""

    async def write(self, turn):
        if "taken" in self.agent.memory:
            raise AgentError(f"{self.view.author}: there is no free place")
        try:
            await asyncio.sleep(0)
            return await super().write(turn)
        except asyncio.CancelledError:
            self.agent.memory["taken"] = True
            raise


@found_by(RECORD)
class RecordsASet(HonestSeat):
    def record(self):
        return {"words": {1, 2}}


@found_by(RECORD)
class RecordsNoNumber(HonestSeat):
    def record(self):
        return {"score": float("nan")}


@found_by(RECORD)
class RecordsTheAnswer(Spoken):
    def record(self):
        return {"heard": [span.text for span in self.heard if span.author != self.view.author]}


@found_by(RECORD)
class RecordsItsText(Spoken):
    def record(self):
        return {"wrote": [{"text": span.text} for span in self.heard if span.author == self.view.author]}


@found_by(UNUSUAL, FAILS)
class FailsInItsOwnWay(HonestSeat):
    def __init__(self, agent, view):
        if not view.question.isprintable():
            raise KeyError("a question in plain letters, please")
        super().__init__(agent, view)


@found_by(FAILS)
class FailsWithoutItsName(HonestSeat):
    async def write(self, turn):
        try:
            return await super().write(turn)
        except AgentError as error:
            raise AgentError(f"sorry: {error}") from None


@found_by(WRITES, FAILS)
class NeverWrites(HonestSeat):
    async def write(self, turn):
        raise NotImplementedError


@found_by(WRITES)
class GivesBareText(HonestSeat):
    async def write(self, turn):
        return (await super().write(turn)).text


@found_by(WRITES)
class WritesAtOnce(Spoken):
    def write(self, turn):
        return Span(self.view.author, self.text(turn))


@found_by(WRITES, timeout=0.5)
class Hangs(HonestSeat):
    async def write(self, turn):
        await asyncio.Event().wait()


@found_by(WRITES, timeout=0.5, promptly=0.3)
class HangsAndCannotBeCancelled(HonestSeat):
    async def write(self, turn):
        for _ in range(30):
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue


@found_by(WRITES, timeout=0.5, promptly=0.3)
class HangsForEverybody(HonestSeat):
    async def write(self, turn):
        time.sleep(3)


@found_by(WRITES, FAILS)
class Exits(HonestSeat):
    async def write(self, turn):
        raise SystemExit(3)


@found_by(IS_AGENT)
class HasNoRecord(HonestSeat):
    record = None  # type: ignore[assignment]
