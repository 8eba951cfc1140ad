"""A person's desk by messages: what the seat of a person says goes to a screen, what the screen says goes to the seat.

The screen may come and go (`send` is whatever screen is there now); `again` tells it all there is to see. What partners
write is shown unit by unit at a steady pace, so that how fast they write says nothing about who they are.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.contract import View
from agents.desk import Action, Asking
from agents.desk import End as EndIt
from agents.desk import Give as GiveIt
from agents.desk import Pen as PenPlease
from agents.desk import Undo as UndoIt
from agents.desk import Write as WriteIt
from agents.units import RULES
from agents.vocabulary import readable
from human.clock import Clock
from human.messages import (
    Ask,
    End,
    Fits,
    Give,
    Notice,
    Over,
    Pen,
    RefusalError,
    Said,
    ToPerson,
    Try,
    Undo,
    Whole,
    Write,
    Writing,
)

Send = Callable[[ToPerson], None]
LookBack = Callable[[str, bool], Awaitable[dict[str, Any]]]


async def say_nothing(ended: str, together: bool) -> dict[str, Any]:
    return {}


@dataclass
class _Heard:
    """A partner's turn: what was heard of it; how much of that, in how many parts, went on its way to the screen."""

    author: str = ""
    data: bytes = b""
    taken: str = ""
    parts: int = 0


@dataclass
class MessageDesk:
    """One person's desk. ``pace`` is in units (words) a second; None shows everything at once."""

    send: Send
    clock: Clock
    kind: str = "app"
    pace: float | None = None
    look_back: LookBack = say_nothing
    """Asks the person about a solution that is over: how it ended, and whether somebody else wrote in it."""
    demand: bool = False
    """The pen is handed over on demand."""
    live: bool = True
    hint: str = ""
    """Pages and apps have keys and buttons, and line mode over messages says itself what it has."""
    turns: list[tuple[int, str]] = field(default_factory=list)
    """What is on the screen: (author, text), the person being author 0."""
    asked: Ask | None = None
    """What the person is asked for now."""
    seconds: list[float] = field(default_factory=list)
    """Of the person's last turn: until the first action, and in all."""
    _names: tuple[str, ...] = ()
    _heard: _Heard = field(default_factory=_Heard)
    _queue: deque[tuple[int, str]] = field(default_factory=deque)
    _showing: asyncio.Task[None] | None = None
    _drained: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _actions: deque[tuple[Action, int]] = field(default_factory=deque)
    """What was done, and when the pen was asked for: with how many characters on the screen."""
    _at_once: int = 0
    """Characters that are shown without a pace: they were on the screen before."""
    _acted: asyncio.Event = field(default_factory=asyncio.Event)
    _tell: Callable[[], None] | None = None
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _asking: Asking | None = None

    # The screen

    def again(self) -> list[ToPerson]:
        """What a screen that has just come must be told to show what there is."""
        shown: list[ToPerson] = [Whole(turns=tuple(self.turns))]
        if self.asked:
            shown.append(self.asked)
        elif self._heard.author or self._queue:
            shown.append(self._writing())
        return shown

    @property
    def shown(self) -> int:
        """Characters on the screen."""
        return sum(len(text) for _, text in self.turns)

    def restore(self, shown: int, done: Sequence[tuple[Write | End | Give | Undo | Pen, int]], before: int) -> None:
        """Goes on where another process stopped: with so much on the screen, and this done and not taken yet.

        With each message, how much was on the screen then: there the pen is asked for again. ``before``: how often the
        person acted in turns that are over. As every such act is followed by one question, a turn keeps its number.
        """
        self._numbers = itertools.count(before + 1)
        self._at_once = shown
        self._actions += [(_action(message), at) for message, at in done]

    def deliver(self, message: Write | End | Give | Undo | Pen | Try) -> None:
        """Takes a message of the screen. Raises RefusalError."""
        if isinstance(message, Try):
            self.send(self._fits(message))
            return
        self.accept(message)
        self.do(message)

    def accept(self, message: Write | End | Give | Undo | Pen) -> None:
        """Makes sure that a message can be done now, and that no other is until it was. Raises RefusalError."""
        if isinstance(message, Pen):
            if self._asking or not self.demand:
                raise RefusalError("not_your_turn" if self._asking else "not_allowed")
        elif self.asked is None or message.turn != self.asked.turn:
            raise RefusalError("not_your_turn")
        else:
            self.asked = None  # the seat asks again, by another number, if the turn goes on

    def do(self, message: Write | End | Give | Undo | Pen) -> None:
        """Does what was accepted."""
        self._actions.append((_action(message), 0))
        self._act()

    @property
    def idle(self) -> bool:
        """Everything that was done is taken."""
        return not self._actions

    def _act(self) -> None:
        self._acted.set()
        if self._tell and self._actions and self._asking is None and self._due():
            self._tell()

    def _due(self) -> bool:
        """Is there something to be taken now? Text waits for the turn, the pen for its place in the text."""
        while self._actions:
            action, at = self._actions[0]
            if not isinstance(action, PenPlease):
                return self._asking is not None
            if self._asking is None:
                return self.shown >= at
            self._actions.popleft()  # the turn has come by itself
        return False

    def _fits(self, message: Try) -> Fits:
        if self.asked is None or self._asking is None or self._asking.would is None:
            return Fits(number=message.number, why="it is not your turn")
        if not message.text:
            return Fits(number=message.number, all=True)
        try:
            kept = self._asking.would(_beginning(message.text, self._asking.words_left))
        except ValueError as error:
            return Fits(number=message.number, why=str(error))
        return Fits(number=message.number, kept=kept, all=kept == message.text.strip())

    async def room(self) -> None:
        """Returns when nearly all that was written is on the screen: a partner that waits for it keeps the pace."""
        while len(self._queue) > 1:
            self._room.clear()
            await self._room.wait()

    # The seat

    def open(self, view: View, acted: Callable[[], None]) -> None:
        self._names = (view.author, *view.others)
        self._tell = acted

    def hear(self, author: str, piece: bytes) -> None:
        heard = self._heard
        if not heard.author:
            heard.author = author
            self.send(self._writing())
        heard.data += piece
        text = readable(heard.data)
        if text.startswith(heard.taken):
            # The last unit may still grow.
            last = max(RULES["word"].openings(text), default=0)
            if more := text[len(heard.taken) : last]:
                heard.parts += self._take(author, more)
                heard.taken += more

    def wrote(self, author: str, text: str, ended: bool) -> None:
        heard = self._heard if self._heard.author == author else _Heard(author)
        self._heard = _Heard()
        shown = heard.taken
        if not text.startswith(shown):  # a turn that was stopped lost its last unit
            for _ in range(min(heard.parts, len(self._queue))):
                shown = shown[: len(shown) - len(self._queue.pop()[1])]
        if text.startswith(shown):
            self._take(author, text[len(shown) :])
            return
        index, last = self.turns.pop()
        self._append(index, last[: len(last) - len(shown)] + text)
        self.send(Whole(turns=tuple(self.turns)))
        self._settled()

    def sent(self, text: str, seconds: list[float]) -> None:
        self.seconds = seconds
        self.asked = self._asking = None
        self._put(self._names[0], text)
        self.send(Whole(turns=tuple(self.turns)))

    async def ask(self, asking: Asking) -> None:
        await self._all_shown()
        self._asking = asking
        number = next(self._numbers)
        if self._due():  # it was answered before another process stopped
            return
        self.asked = Ask(
            turn=number,
            unit=asking.unit,
            held=asking.held,
            words_left=asking.words_left,
            opening=asking.opening,
            goes_on=asking.goes_on,
            unfinished=asking.unfinished,
            stuck=asking.stuck,
            on_demand=asking.on_demand,
            draft=asking.draft,
        )
        self.send(self.asked)

    def notice(self, line: str) -> None:
        self.send(Notice(text=line))

    def show(self, turns: Sequence[tuple[str, str]]) -> None:
        """It is on the screen all the time."""

    def help(self) -> None:
        """The screen has its own."""

    async def waiting(self) -> bool:
        while not self._due():
            self._acted.clear()
            await self._acted.wait()
        return True

    def take(self) -> Action | None:
        return self._actions.popleft()[0] if self._due() else None

    def now(self) -> float:
        return self.clock.now()

    async def review(self, ended: str, together: bool) -> dict[str, Any]:
        await self._all_shown()
        self.send(Over(ended=ended))
        return await self.look_back(ended, together)

    def close(self) -> None:
        self._actions.clear()
        self.asked = self._asking = self._tell = None
        self._queue.clear()
        if self._showing:
            self._showing.cancel()

    # What partners write, at its pace

    def _writing(self) -> Writing:
        author = self._heard.author or self._names[-1]
        return Writing(author=self._names.index(author), may_take=self.demand)

    def _take(self, author: str, text: str) -> int:
        """Puts text on its way to the screen, unit by unit; says in how many parts."""
        cuts = [0, *(at for at in RULES["word"].openings(text) if at), len(text)]
        parts = [text[start:end] for start, end in itertools.pairwise(cuts) if end > start]
        self._queue += [(self._index(author), part) for part in parts]
        if self.pace is None:
            while self._queue:
                self._show()
            self._settled()
        elif self._queue and (self._showing is None or self._showing.done()):
            self._showing = asyncio.ensure_future(self._keep_pace(self.pace))
        return len(parts)

    async def _all_shown(self) -> None:
        while self._queue:
            self._drained.clear()
            await self._drained.wait()

    async def _keep_pace(self, pace: float) -> None:
        while self._queue:
            if self.shown >= self._at_once:
                await self.clock.sleep(1 / pace)
            if self._queue:
                self._show()
                self._settled()

    def _show(self) -> None:
        author, text = self._queue.popleft()
        self._append(author, text)
        self.send(Said(author=author, text=text))
        if self._actions:
            self._act()

    def _settled(self) -> None:
        self._room.set()
        if not self._queue:
            self._drained.set()

    def _index(self, author: str) -> int:
        """Of an author; one that has left (in a prefix) is the partner."""
        return self._names.index(author) if author in self._names else 1

    def _put(self, author: str, text: str) -> None:
        if text:
            self._append(self._index(author), text)

    def _append(self, author: int, text: str) -> None:
        if self.turns and self.turns[-1][0] == author:
            self.turns[-1] = author, self.turns[-1][1] + text
        else:
            self.turns.append((author, text))


def _beginning(text: str, words: int) -> str:
    """As much of a text as can matter where so many words may be written: one word more does not fit."""
    state, rule, left = RULES["word"].start, RULES["word"], words + 2  # the first may go on from what stands there
    for at, character in enumerate(text):
        opens, state = rule.step(state, character)
        left -= opens
        if not left:
            return text[:at]
    return text


def _action(message: Write | End | Give | Undo | Pen) -> Action:
    match message:
        case Write(text=text):
            return WriteIt(text)
        case End(text=text):
            return EndIt(text)
        case Give(text=text):
            return GiveIt(text=text)
        case Undo():
            return UndoIt()
        case Pen():
            return PenPlease()
