"""What a person's messages do: each once, in order, judged, recorded, acknowledged and only then done."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from human.messages import (
    Ack,
    Answer,
    Bye,
    Extend,
    FromPerson,
    Join,
    Leave,
    Note,
    Numbered,
    Pause,
    RefusalError,
    Refused,
    Resume,
    ToPerson,
    Try,
    Withdraw,
)
from human.record import ClosedError, Event
from human.record.people import forget, spend
from human.record.store import insert
from human.session.forms import answered
from human.session.trial import TrialRun

if TYPE_CHECKING:
    from human.session.session import Session

Effect = Callable[[], Awaitable[None]]
DELETED = "everything that was stored of you in this study is deleted"


class Intake:
    """The messages of one person. ``last`` is the number of the last one that was done."""

    def __init__(self, session: Session, last: int):
        self._session, self.last = session, last
        self.lock = asyncio.Lock()
        """Held while a message is judged, recorded and done."""

    async def handle(self, message: FromPerson, send: Callable[[ToPerson], None] | None = None) -> None:
        """Does what a screen says, once, and acknowledges it when it is recorded. Never raises for what it says."""
        session = self._session
        if not session.heard(send):
            return
        if isinstance(message, Join):
            session.tell(Refused(name="not_allowed", text="this screen has joined already"))
            return
        try:
            if isinstance(message, Try):
                if session.trial:
                    session.trial.desk.deliver(message)
                return
            await session.up.wait()  # after a restart, what was on the screen comes first
            async with self.lock:
                if session.heard(send):
                    await self._numbered(message)
        except RefusalError as error:
            n = message.n if isinstance(message, Numbered) else None
            session.tell(Refused(n=n, name=error.name, text=str(error)))
        except ClosedError:
            await session.closed()

    async def _numbered(self, message: Any) -> None:
        if message.n <= self.last:
            self._session.tell(Ack(n=message.n))
            return
        if message.n > self.last + 1:
            raise RefusalError("out_of_order")
        if isinstance(message, Withdraw):
            await self._withdraw(message)
            return
        event, then = self._judge(message)
        await self._session.hall.record.do(lambda db: self._write(db, event))
        self.last = message.n
        self._session.tell(Ack(n=message.n))
        await then()

    def _write(self, db: sqlite3.Connection, event: Event) -> None:
        spend(db, self._session.person.id)
        insert(db, event)

    def _judge(self, message: Any) -> tuple[Event, Effect]:
        """The event of a message, and what it does. Raises RefusalError where it does nothing."""
        event = self._session.event
        match message:
            case Answer():
                return self._answer(message)
            case Pause() | Resume():
                self._played()
                kind: Any = "paused" if isinstance(message, Pause) else "resumed"
                return event(kind, message.n), lambda: self._pause(isinstance(message, Pause))
            case Extend():
                if not self._played().may_extend:
                    raise RefusalError("not_allowed", "there is no more time to be had for this problem")
                return event("extended", message.n), self._extend
            case Note():
                data = {"characters": message.characters} if message.characters else {}
                return event(message.what, message.n, **data), _nothing
            case Leave():
                return event("gone", message.n, by="leave"), self._session.leave
            case _:
                return self._act(message)

    def _act(self, message: Any) -> tuple[Event, Effect]:
        """Part of a turn, or the pen."""
        trial = self._trial()
        if trial.over or trial.stopped:
            raise RefusalError("not_your_turn")
        if not trial.clock.running:
            raise RefusalError("paused")
        event = trial.event("did", message.n, **message.model_dump(exclude={"n"}), shown=trial.desk.shown)
        trial.desk.accept(message)

        async def do() -> None:
            trial.desk.do(message)

        return event, do

    def _trial(self) -> TrialRun:
        if self._session.trial is None:
            raise RefusalError("not_this_screen")
        return self._session.trial

    def _played(self) -> TrialRun:
        """The trial whose clock it is about; none does when the solution is over."""
        if (trial := self._trial()).over or trial.stopped:
            raise RefusalError("not_this_screen", "this solution is over, and its clock stands")
        return trial

    def _answer(self, message: Answer) -> tuple[Event, Effect]:
        asked = self._session.asked
        if asked is None or asked[0].id != message.screen or asked[1].done():
            raise RefusalError("not_this_screen")
        page, future = asked
        answers = answered(page.questions, message.answers)

        async def settle() -> None:
            if not future.done():
                future.set_result(answers)

        return self._session.event("answered", message.n, page=page.id, answers=answers), settle

    async def _pause(self, paused: bool) -> None:
        if (trial := self._session.trial) and not trial.over:  # else it has ended while this was written
            self._session.paused = paused
            self._session.run_clock()

    async def _extend(self) -> None:
        if (trial := self._session.trial) and not trial.over:
            trial.extend()
            self._session.tell(trial.time())

    async def _withdraw(self, message: Withdraw) -> None:
        """Everything is deleted before it is acknowledged: a stop in between loses nothing of what was asked for."""
        await self._session.stop()
        await forget(self._session.hall.record, self._session.person.id)
        self.last = message.n
        self._session.tell(Ack(n=message.n))
        self._session.end(Bye(name="withdrawn", text=DELETED))


async def _nothing() -> None:
    pass
