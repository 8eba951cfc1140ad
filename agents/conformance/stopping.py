"""Checks of turns that are stopped: before they begin, while they are written, and what comes after that.

`Turn.stop`: "the seat then returns a span cut at its last whole unit, perhaps an empty one".
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from math import inf
from typing import Any

from agents.conformance.bench import Bench, Failed, NotApplicable, Refused, Story, Written, difference, shown, until
from agents.conformance.games import said, talker
from agents.conformance.turns import ORDINARY, factors, judged, text_only
from agents.contract import Seat, Span, Turn, View
from agents.replay import Reader

PIECES = (1, 4)
"""After so many pieces a turn is stopped."""
DELAYS = (0.0, 0.03)
"""Seconds after which another task stops one."""
LONG = 200
"""Budget of a turn that another task is to stop."""


@dataclass
class Stopped:
    """A turn that somebody stopped, and how many pieces were emitted after that."""

    written: Written
    late: int = 0


@dataclass
class Results:
    """What came of all turns that a check stopped."""

    cut: int = 0
    went_on: Failed | None = None
    """One that went on after it was stopped. What had come over a network by then may have been the rest of it."""

    def sum_up(self) -> None:
        """Raises Failed or NotApplicable unless some turns were cut."""
        if not self.cut:
            raise self.went_on or NotApplicable("its turns were over before they could be stopped")


async def stops_before_it_begins(bench: Bench) -> None:
    """Stopped from the start, at the beginning of a text and where it would have to open."""
    results = Results()
    for rule in bench.rules:
        for begun in ([], [said(rule, bench.other)]):
            story = Story(rule, begun)
            if begun and not story.can_open:
                continue
            with bench.seated() as seat:
                bench.read(seat, *begun)
                turn = bench.turn(story)
                turn.stop.set()
                stopped = await _stopped(bench, seat, story, turn, "stopped before it began")
            span = stopped.written.span
            full_view = span.token_ids is not None and not span.token_ids
            await _judge(bench, stopped, results)
            if not span.cut and not full_view:
                what = "its span is not marked as cut, although it was stopped before it began"
                raise Failed(what, stopped.written.shows())


async def stops_while_it_writes(bench: Bench) -> None:
    """Stopped from ``emit``, after the first piece and after some."""
    results = Results()
    for rule in bench.rules:
        for count in PIECES:
            with bench.seated() as seat:
                await _judge(bench, await _stopped_after(bench, seat, Story(rule), count), results)
    results.sum_up()


async def stops_for_another_task(bench: Bench) -> None:
    """Stopped from outside, as the Arena does it. Who keeps the event loop busy cannot be stopped."""
    results = Results()
    for delay in DELAYS:
        story = Story(bench.rule)
        where = f"stopped after {delay:g} seconds"
        with bench.seated() as seat:
            turn = bench.turn(story, budget=LONG)
            overdue: list[float] = []
            stopper = asyncio.create_task(_stop_after(delay, turn, overdue))
            try:
                stopped = await _stopped(bench, seat, story, turn, where)
                await asyncio.sleep(0)
            finally:
                stopper.cancel()
        if overdue and overdue[0] > bench.promptly:
            raise Failed(f"it kept the event loop busy for {overdue[0]:.1f} s, so that nobody could stop it", where)
        # What was under way in the moment when it was stopped may still have come.
        await _judge(bench, Stopped(stopped.written, max(stopped.late - 1, 0)), results)
    results.sum_up()


async def _stop_after(delay: float, turn: Turn, overdue: list[float]) -> None:
    due = time.monotonic() + delay
    await asyncio.sleep(delay)
    overdue.append(time.monotonic() - due)
    turn.stop.set()


async def goes_on_after_a_stop(bench: Bench) -> None:
    """Having been stopped it reads and writes again, and (deterministic agents) as if nobody ever had stopped it."""
    cut = 0
    for rule in bench.rules:
        for count in (0, 3):
            story = Story(rule)
            with bench.seated() as seat:
                first = (await _stopped_after(bench, seat, story, count)).written
                if not first.span.cut:
                    continue
                cut += 1
                story.add(first.span)
                talk = await _partner(bench, story)
                if talk is None:
                    continue
                story.add(talk)
                if not story.can_open:
                    continue
                bench.read(seat, talk)
                turn, where = bench.turn(story, budget=20), f"unit {rule.name}, the turn after one that was stopped"
                try:
                    then = await bench.write(seat, story, turn, where)
                except Refused:
                    continue
            judged(bench, then, *ORDINARY)
            if bench.repeats:
                await _compare(bench, first, talk, story, turn, then.span)
    if not cut:
        raise NotApplicable("its turns were over before they could be stopped")


async def _partner(bench: Bench, story: Story) -> Span | None:
    """Some units of the kit's own partner, where it can write any."""
    if story.spans and not story.can_open:
        return None
    turn = bench.turn(story, opening=bool(story.spans), holds=until(story.unit + 3), budget=30)
    return await talker().sit(View("", bench.other)).write(turn)


async def _compare(bench: Bench, first: Written, talk: Span, story: Story, turn: Turn, then: Span) -> None:
    """A seat that was never stopped writes the same, if its first turn was over where the other's was stopped."""
    begun = Story(story.rule)
    with bench.seated() as seat:
        if first.span.written:
            whole = bench.turn(begun, holds=until(first.end().unit + 1))
            unstopped = await bench.write(seat, begun, whole, "not stopped, holding what was kept")
            if unstopped.span.data != first.span.data:
                what = f"{shown(first.span.data)} and {shown(unstopped.span.data)}"
                raise Failed("what it kept is not what it writes in a turn of just these units", what)
            begun.add(unstopped.span)
        bench.read(seat, talk)
        other = await bench.write(seat, story, turn, "not stopped")
    if what := difference(then, other.span):
        raise Failed("after a stop it writes something else than one that was never stopped", what)


async def _stopped_after(bench: Bench, seat: Seat, story: Story, count: int) -> Stopped:
    """A turn that is stopped as soon as so many pieces were emitted."""
    turn = bench.turn(story)
    if not count:
        turn.stop.set()
    return await _stopped(bench, seat, story, turn, f"stopped after {count} pieces", count)


async def _stopped(bench: Bench, seat: Seat, story: Story, turn: Turn, where: str, count: float = inf) -> Stopped:
    """Has a turn written that is stopped, here after ``count`` pieces or by somebody else; it must return promptly."""
    where = f"unit {story.rule.name}, {where}"
    since: list[float] = [time.monotonic()] if turn.stop.is_set() else []
    late = 0

    def watch(so_far: list[bytes]) -> None:
        nonlocal late
        late += turn.stop.is_set()
        if len(so_far) >= count and not turn.stop.is_set():
            turn.stop.set()
            since.append(time.monotonic())

    writing = asyncio.create_task(bench.write(seat, story, turn, where, watch))
    stop = asyncio.create_task(turn.stop.wait())
    try:
        await asyncio.wait({writing, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done() and not since:
            since.append(time.monotonic())
        await asyncio.wait({writing}, timeout=bench.promptly)
        if not writing.done() or (since and time.monotonic() - since[0] > bench.promptly):
            raise Failed(f"it had not returned {bench.promptly:g} s after it was stopped", where)
        return Stopped(writing.result(), late)
    finally:
        await put_down(bench, writing, stop)


async def put_down(bench: Bench, *tasks: asyncio.Task[Any]) -> None:
    """Cancels what still runs, and waits for it no longer than promptly."""
    for task in tasks:
        task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=bench.promptly)
    for task in done:
        if not task.cancelled():
            task.exception()


async def _judge(bench: Bench, stopped: Stopped, results: Results) -> None:
    """Is the span of a stopped turn as it should be?"""
    written = stopped.written
    span, full = written.span, None
    if bench.repeats:
        story = Story(written.turn.rule, [Span(bench.other, written.before)] if written.before else [])
        turn = written.turn
        unstopped = bench.turn(story, budget=turn.budget, opening=turn.opening)
        full = (await bench.told(None, story, unstopped, "not stopped")).span
    if not span.cut:
        if stopped.late:
            what = f"it went on when it was stopped, and wrote {stopped.late} more pieces"
            results.went_on = results.went_on or Failed(what, written.shows())
            if bench.repeats:
                raise results.went_on
        if full is not None and (what := difference(span, full)):
            raise Failed("its turn was not over when it was stopped, and its span is not marked as cut", what)
        return
    results.cut += 1
    judged(bench, written, *ORDINARY, factors if bench.agent.gives_logprobs else text_only)
    _whole_units(written, full)


def _whole_units(written: Written, full: Span | None) -> None:
    """The span ends where a unit does, and at the last such place in what had been written."""
    kept, rule = list(written.span.steps()), written.turn.rule
    if full is None:
        rest = written_rest = _emitted_rest(written)
    else:
        if list(full.steps()[: len(kept)]) != kept:
            raise Failed("its span is not the beginning of what it writes when nobody stops it", written.shows())
        rest = list(full.steps()[len(kept) :])
        written_rest = rest[: _steps_in(written, full) - len(kept)]
    state = written.end().state
    if kept and rest and not rule.step(state, rest[0])[0]:
        what = f"its span was cut within a unit ({rule.name}): {rest[0]!r} would have gone on with it"
        raise Failed(what, written.shows())
    reader = Reader(rule, state)
    opened = [read.opens for read in reader.read(written_rest)]
    if written_rest and (any(opened[1:]) or rule.step(reader.state, "")[0]):
        raise Failed("it threw whole units away that it had written before it was stopped", written.shows())


def _emitted_rest(written: Written) -> list[str]:
    """What was emitted beyond the span, in steps: characters, or pieces of an author with tokens."""
    data = b"".join(written.emitted)[len(written.span.data) :]
    text = data.decode("utf-8", "surrogateescape")
    if written.span.token_ids is None:
        return list(text)
    tail, size = [], len(data)
    for piece in reversed(written.emitted):
        if size <= 0:
            break
        tail.append(piece.decode("utf-8", "surrogateescape"))
        size -= len(piece)
    return tail[::-1] if size == 0 else []


def _steps_in(written: Written, full: Span) -> int:
    """How many steps of the unstopped turn were emitted, all of their bytes."""
    left, count = len(b"".join(written.emitted)), 0
    pieces = full.pieces if full.token_ids is not None else [character.encode() for character in full.text]
    for piece in pieces[: len(full.steps())]:
        left -= len(piece)
        if left < 0:
            break
        count += 1
    return count
