"""A participant's side of the messages without eyes: what is on the screen, what was said, what must be said again.

Bots and tests are made of it. Whoever sits there overrides `wants`; a connection may be lost at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from human.messages import (
    Ack,
    Ask,
    Bye,
    End,
    FromPerson,
    Give,
    Join,
    Page,
    Problem,
    Refused,
    Said,
    ToPerson,
    Welcome,
    Whole,
    Write,
    from_person,
    to_person,
)


class Screen:
    """What one person's screen knows."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, str]] = []
        self.written: list[tuple[str, str]] = []
        """(trial, text) of what was acknowledged, in order."""
        self.key = ""
        self.n = 0
        self.unacknowledged: dict[int, FromPerson] = {}
        self.now: ToPerson | None = None
        """The page or turn that asks for something."""
        self.problem: Problem | None = None
        self.trial = ""
        self.over = asyncio.Event()
        self.bye: Bye | None = None
        self.deliver: Callable[[FromPerson], Any] = lambda message: None
        """To whoever is connected."""
        self.trips: list[float] = []
        """Seconds from a message to its acknowledgement, of those that were said once."""
        self._said_at: dict[int, float] = {}

    # For whoever sits there

    def wants(self, message: Page | Ask) -> None:
        """A page or turn asks for something that was not said yet."""

    def refused(self, message: FromPerson | None) -> None:
        """What was said is not taken."""

    # What it is told

    def tell(self, message: ToPerson) -> None:
        match message:
            case Welcome():
                self._joined(message)
            case Ack(n=number):
                self._acknowledged(number)
            case Said(author=author, text=text):
                last = self.turns.pop() if self.turns and self.turns[-1][0] == author else (author, "")
                self.turns.append((author, last[1] + text))
            case Whole(turns=turns):
                self.turns = list(turns)
            case Problem():
                self.problem, self.now, self.trial, self.turns = message, None, message.id, []
            case Page() | Ask():
                self.now = message
                self._see(message)
            case Refused(n=number) if number:
                late = self.unacknowledged.pop(number, None)
                self.n = min(self.n, number - 1)
                self.refused(late)
                if not self.unacknowledged:
                    self._see(self.now)
            case Bye():
                self.bye = message
                self.over.set()

    def _joined(self, message: Welcome) -> None:
        """What was not acknowledged may have been lost, or only its acknowledgement."""
        self.key = message.key or self.key
        self.n = max(self.n, message.last)
        for n in [n for n in self.unacknowledged if n <= message.last]:
            self._acknowledged(n)
        self._said_at.clear()
        for waiting in list(self.unacknowledged.values()):
            self.deliver(waiting)

    def _see(self, message: ToPerson | None) -> None:
        if isinstance(message, Page) and message.last:
            self.over.set()
        elif isinstance(message, Page | Ask) and not self._is_said(message):
            self.wants(message)

    def _is_said(self, wanted: Page | Ask) -> bool:
        """It was said already, and is not acknowledged yet."""
        name, value = ("screen", wanted.id) if isinstance(wanted, Page) else ("turn", wanted.turn)
        return any(getattr(message, name, None) == value for message in self.unacknowledged.values())

    def _acknowledged(self, n: int) -> None:
        message = self.unacknowledged.pop(n, None)
        if (at := self._said_at.pop(n, None)) is not None:
            self.trips.append(time.perf_counter() - at)
        if isinstance(message, Write | End | Give):
            self.written.append((self.trial, message.text))

    def say(self, message: Any) -> None:
        """Says something, by the next number, and again after a lost connection until it is acknowledged."""
        self.n += 1
        numbered = from_person(message.model_copy(update={"n": self.n}).model_dump_json())
        self.unacknowledged[self.n] = numbered
        self._said_at[self.n] = time.perf_counter()
        self.deliver(numbered)


async def attend(screen: Screen, url: str, token: str = "", **options: Any) -> None:
    """A screen from its join until the connection ends or there is nothing more to come.

    Raises what `websockets.asyncio.client.connect` does; a connection that is lost later just ends.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async with connect(url, compression=None, **options) as socket:
        waiting: asyncio.Queue[FromPerson] = asyncio.Queue()
        screen.deliver = waiting.put_nowait
        join = Join(token="" if screen.key else token, key=screen.key, client="bot")

        async def speak() -> None:
            with contextlib.suppress(ConnectionClosed):
                await socket.send(join.model_dump_json())
                while True:
                    await socket.send((await waiting.get()).model_dump_json())

        speaking = asyncio.create_task(speak())
        try:
            async for data in socket:
                screen.tell(to_person(data))
                if screen.over.is_set():
                    return
        except ConnectionClosed:
            pass
        finally:
            screen.deliver = lambda message: None
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
