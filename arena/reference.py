"""The reference loop: one episode at a time, slow and plain. It is the judge of every faster engine.

Who writes next is asked unit by unit (`Policy`); the author writes a turn (`Seat.write`); the others read it. That is
all there is: the distribution of a handoff is in `agents.seat` and `agents.distribution`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from agents.chance import Chance
from agents.contract import AgentError, Follower, Listener, Seat, Span, Turn
from agents.replay import Reader
from arena.policy import OnDemand, Policy, Situation


@dataclass(frozen=True)
class Played:
    """What came of one episode."""

    spans: list[Span]
    ended: str
    """"end" (an author ended it), "limit" (length), "context" (an agent's view is full), "stopped" or "error"."""
    error: str | None = None
    """Why it failed, by the name of the agent that failed."""
    pens: tuple[tuple[int, str], ...] = ()
    """On demand: (first unit, name) of each change of the pen."""
    units: tuple[int, ...] = ()
    """Index of the author of each unit, as the schedule assigned them."""


@dataclass(frozen=True)
class Begun:
    """An episode in the middle, to be gone on with: its turns, and on demand the pens."""

    spans: tuple[Span, ...] = ()
    """What was written after the prefix."""
    pens: tuple[tuple[int, str], ...] = ()
    ended: str = ""
    """How it ended, if it is over: then nothing more is written."""
    error: str | None = None


async def play(
    seats: Mapping[str, Seat],
    policy: Policy,
    chance: Chance,
    *,
    limit: int,
    p: float | None = None,
    prefix: Sequence[Span] = (),
    asked: list[str] | None = None,
    stop: asyncio.Event | None = None,
    begun: Begun | None = None,
    note: Callable[[Begun], Awaitable[None]] | None = None,
) -> Played:
    """Plays one episode to its end. ``seats`` are in the order of the pair; ``limit`` counts written tokens.

    A prefix is read by everybody, also by those who wrote it; nobody acts in it. ``asked`` is where names are put that
    ask for the pen while others write: on demand it moves at the next opening. ``stop`` ends the episode where it is.

    ``note`` is told, and waited for, after every turn; what it was told last may be given as ``begun`` by another
    process, which goes on from there. Draws are looked up, so that they are what they would have been.
    """
    names = tuple(seats)
    demand = isinstance(policy.schedule, OnDemand)
    asked = [] if asked is None else asked
    stop = asyncio.Event() if stop is None else stop
    begun = begun or Begun()
    pens = list(begun.pens)
    now = Situation(names, chance.coin, p, pens)
    reader = Reader(policy.rule)
    spans: list[Span] = []
    for span in (*prefix, *begun.spans):
        reader.skip(span.steps())
        for seat in seats.values():
            seat.read(span)
        spans.append(span)
    written = sum(span.written for span in spans)
    silent = False

    def author_of(unit: int, earliest: int) -> int:
        """The author of a unit. What was asked for on demand is granted now, but not before unit ``earliest``."""
        while demand and asked:
            pens.append((max(unit, earliest), asked.pop(0)))
        return policy.schedule.author(unit, now)

    def result(ended: str, error: str | None = None) -> Played:
        units = tuple(policy.schedule.author(u, now) for u in range(reader.unit + 1))
        return Played(spans, ended, error, tuple(pens), units)

    if begun.ended:
        return result(begun.ended, begun.error)
    if begun.spans and begun.spans[-1].ended:
        return result("end")
    while written < limit:
        unit = reader.unit + 1
        index = author_of(unit, unit)
        # Text ran out in the middle of a unit, where nobody can take over: its author goes on, unless it has no more to
        # say. Then the one who holds the next unit is asked, and can only end.
        broke_off = len(spans) > len(prefix) and spans[-1].token_ids is None and not policy.rule.can_open(reader.state)
        if broke_off and not silent:
            index = names.index(spans[-1].author)
        author = names[index]
        turn = Turn(
            rule=policy.rule,
            state=reader.state,
            unit=unit,
            position=written,
            # Whoever was given the pen writes a unit before it moves on.
            holds=lambda u, index=index, unit=unit: author_of(u, unit + 1) == index,  # type: ignore[misc]
            chance=chance,
            budget=limit - written,
            opening=bool(spans) and (len(spans) == len(prefix) or spans[-1].author != author),
            demand=demand,
            emit=_heard(author, seats),
            pace=_paced(author, seats),
            stop=stop,
        )
        try:
            span = await seats[author].write(turn)
        except AgentError as error:
            return result("error", str(error))
        except OSError as error:  # its network or its files: nobody is to look for it in the run's folder
            return result("error", f"{author}: {type(error).__name__}: {error}")
        except Exception as error:  # a defect: it stops whoever plays, and says in whom it is
            error.add_note(f"while {author!r} wrote")
            raise
        reader.skip(span.steps())
        if span.written or span.ended:
            spans.append(span)
        written += span.written
        for name, seat in seats.items():
            if name != author:
                seat.read(span)
        if span.asks:
            if span.asks not in names:
                return result("error", f"{author}: it gave the pen to {span.asks!r}, who did not sit down")
            pens.append((reader.unit + 1, span.asks))
            asked[:] = [name for name in asked if name != author]  # it has just given the pen away
        if note and (span.written or span.ended):
            await note(Begun(tuple(spans[len(prefix) :]), tuple(pens)))
        if span.ended:
            return result("end")
        if stop.is_set():
            return result("stopped")
        if span.cut and span.asks:
            continue
        if broke_off and not silent and not span.written:
            silent = True
            continue
        silent = False
        if span.token_ids is not None and written < limit and not (span.written and _handed_over(span, policy, reader)):
            return result("context")
        if not span.written:  # the contract forbids it, and the loop would never end
            return result("error", f"{author}: it wrote nothing and did not end the solution")
    return result("limit")


def _heard(author: str, seats: Mapping[str, Seat]) -> Callable[[bytes], None]:
    """Passes pieces on to the others that listen."""
    listeners = [seat for name, seat in seats.items() if name != author and isinstance(seat, Listener)]

    def emit(piece: bytes) -> None:
        for seat in listeners:
            seat.hear(author, piece)

    return emit


def _paced(author: str, seats: Mapping[str, Seat]) -> Callable[[], Awaitable[None]] | None:
    """Waits for the others that read along."""
    readers = [seat for name, seat in seats.items() if name != author and isinstance(seat, Follower)]

    async def wait() -> None:
        for seat in readers:
            await seat.room()

    return wait if readers else None


def _handed_over(span: Span, policy: Policy, reader: Reader) -> bool:
    """Did a language model stop because its turn was over? Else its view is full, perhaps in the middle of a unit."""
    return policy.rule.step(reader.state, "")[0] if policy.rule.plain else span.end_logprob is not None
