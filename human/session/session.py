"""A person's session: messages in order, each recorded before it is acknowledged; a screen that may come and go.

`human.session.flow` is the person's way through the study, as plain control flow: `ask` returns what was answered, now
or before the server was killed, and `solve` the episode. What the record knows is not asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

from human.messages import (
    Ack,
    Answer,
    Bye,
    Extend,
    FromPerson,
    FromResearcher,
    Join,
    Leave,
    Note,
    Numbered,
    Page,
    Pause,
    RefusalError,
    Refused,
    Resume,
    ToPerson,
    Try,
    Welcome,
    Withdraw,
)
from human.record import Event
from human.record.people import Person, forget, set_state, spend
from human.record.store import insert
from human.session.forms import Answers, answered
from human.session.hall import Hall
from human.session.past import Past, Unfinished, past_of
from human.session.trial import TrialRun
from human.study import Trial

LOG = logging.getLogger("human.session")
Send = Callable[[ToPerson], None]
Flow = Callable[["Session"], Awaitable[None]]


class Session:
    """One person in one study."""

    def __init__(self, hall: Hall, person: Person, flow: Flow):
        self.hall, self.person = hall, person
        self.past: Past = past_of(hall.record.events(person.id))
        self.slot = person.slot
        self.trial: TrialRun | None = None
        self.done = False
        self._flow = flow
        self._send: Send | None = None
        self._client = "page"
        self._page: tuple[Page, asyncio.Future[Answers]] | None = None
        self._last = self.past.last
        self.lock = asyncio.Lock()
        """Held while a message is judged, recorded and done."""
        self._paused = False
        """By the person itself."""
        self._up = asyncio.Event()
        """There is something on the screen."""
        self._messages = self.past.messages
        self.task: asyncio.Task[None] | None = None
        self._gap = time.time() - self.past.at if self.past.at else 0.0

    # The screen

    @property
    def here(self) -> bool:
        """A screen is there."""
        return self._send is not None

    @property
    def place(self) -> str:
        """The page or trial that it is at."""
        return self._page[0].id if self._page else self.trial.trial.id if self.trial else ""

    async def attach(self, send: Send, client: str, key: str = "") -> None:
        """A screen has come; one that was there goes."""
        if self._send:
            self._send(Bye(name="replaced", text="this place was opened somewhere else; it goes on there"))
        began = self.task is None
        self._send, self._client = send, client
        gap = {"gap": round(self._gap, 1)} if began and self.past.last else {}
        kind: Any = "restarted" if gap else "joined"
        await self.hall.record.write(Event(self.person.id, kind, data={"client": client, **gap}))
        study = self.hall.study
        self.tell(
            Welcome(
                key=key,
                last=self._last,
                title=study.name,
                can_extend=bool(study.trials.extensions),
                can_withdraw=True,
            )
        )
        for text in self._messages:
            self.tell(FromResearcher(text=text))
        self._run_clock()
        if self.task is None:
            self.task = asyncio.create_task(self._go())
        else:
            for message in self._again():
                self.tell(message)

    async def detach(self, send: Send) -> None:
        """A screen has gone; its clock stands until one comes back."""
        if self._send is not send:
            return
        self._send = None
        self._run_clock()
        with contextlib.suppress(Exception):
            await self.hall.record.write(self._event("gone"))

    def tell(self, message: ToPerson) -> None:
        if self._send:
            self._send(message)

    def _again(self) -> list[ToPerson]:
        """What there is to see."""
        if self._page:
            return [self._page[0]]
        return self.trial.again() if self.trial else []

    def _run_clock(self) -> None:
        """The clock runs while somebody is there and nobody has paused."""
        if self.trial is None:
            return
        why = ""
        if self.hall.paused:
            why = "the study is paused; please wait"
        elif self._paused:
            why = "you paused"
        if self._send and not why:
            self.trial.clock.resume()
        else:
            self.trial.clock.pause()
        self.trial.why = why
        if self.trial.begun:
            self.tell(self.trial.time())

    # Messages

    async def handle(self, message: FromPerson) -> None:
        """Does what a screen says, once, and acknowledges it when it is recorded. Never raises for what it says."""
        if isinstance(message, Join):
            self.tell(Refused(name="not_allowed", text="this screen has joined already"))
            return
        try:
            if isinstance(message, Try):
                if self.trial:
                    self.trial.desk.deliver(message)
                return
            await self._up.wait()  # after a restart, what was on the screen comes first
            async with self.lock:
                await self._numbered(message)
        except RefusalError as error:
            n = message.n if isinstance(message, Numbered) else None
            self.tell(Refused(n=n, name=error.name, text=str(error)))

    async def _numbered(self, message: Any) -> None:
        if message.n <= self._last:
            self.tell(Ack(n=message.n))
            return
        if message.n > self._last + 1:
            raise RefusalError("out_of_order")
        event, then = self._judge(message)
        await self.hall.record.do(lambda db: self._write(db, event))
        self._last = message.n
        self.tell(Ack(n=message.n))
        await then()

    def _write(self, db: sqlite3.Connection, event: Event) -> None:
        if not self._last:
            spend(db, self.person.id)
        insert(db, event)

    def _judge(self, message: Any) -> tuple[Event, Callable[[], Awaitable[None]]]:
        """The event of a message, and what it does. Raises RefusalError where it does nothing."""
        match message:
            case Answer():
                return self._answer(message)
            case Pause() | Resume():
                self._trial()
                kind: Any = "paused" if isinstance(message, Pause) else "resumed"
                return self._event(kind, message.n), lambda: self._pause(isinstance(message, Pause))
            case Extend():
                if not self._trial().may_extend:
                    raise RefusalError("not_allowed", "there is no more time to be had for this problem")
                return self._event("extended", message.n), self._extend
            case Note():
                data = {"characters": message.characters} if message.characters else {}
                return self._event(message.what, message.n, **data), _nothing
            case Leave():
                return self._event("gone", message.n, by="leave"), self._leave
            case Withdraw():
                return self._event("withdrew", message.n), self._withdraw
            case _:
                return self._act(message)

    def _act(self, message: Any) -> tuple[Event, Callable[[], Awaitable[None]]]:
        """Part of a turn, or the pen."""
        trial = self._trial()
        if not trial.clock.running:
            raise RefusalError("paused")
        event = trial.event("did", message.n, **message.model_dump(exclude={"n"}), shown=trial.desk.shown)
        trial.desk.accept(message)

        async def do() -> None:
            trial.desk.do(message)

        return event, do

    def _trial(self) -> TrialRun:
        if self.trial is None:
            raise RefusalError("not_this_screen")
        return self.trial

    def _event(self, kind: Any, n: int | None = None, **data: Any) -> Event:
        return self.trial.event(kind, n, **data) if self.trial else Event(self.person.id, kind, n=n, data=data)

    def _answer(self, message: Answer) -> tuple[Event, Callable[[], Awaitable[None]]]:
        if self._page is None or self._page[0].id != message.screen or self._page[1].done():
            raise RefusalError("not_this_screen")
        page, future = self._page
        answers = answered(page.questions, message.answers)

        async def settle() -> None:
            if not future.done():
                future.set_result(answers)

        return self._event("answered", message.n, page=page.id, answers=answers), settle

    async def _pause(self, paused: bool) -> None:
        self._paused = paused
        self._run_clock()

    async def _extend(self) -> None:
        if self.trial:
            self.trial.extend()
            self.tell(self.trial.time())

    async def _leave(self) -> None:
        self.tell(Bye(name="left", text="you can come back later and go on"))
        if self._send:
            await self.detach(self._send)

    async def _withdraw(self) -> None:
        await self.stop()
        await forget(self.hall.record, self.person.id)
        self.done = True
        self.tell(Bye(name="withdrawn", text="everything that was stored of you in this study is deleted"))
        self._send = None

    # The person's way

    async def _go(self) -> None:
        try:
            await self._flow(self)
            self.done = True
        except asyncio.CancelledError:
            raise
        except Exception:
            self.hall.forgets(self)  # whoever comes back goes on from the record
            self.tell(Bye(name="error", text="something went wrong here, and what you did is kept; please tell us"))
            LOG.exception("the session of %s failed", self.person.id)
            raise

    async def stop(self) -> None:
        """Ends it here; another may go on from the record."""
        if self.task and self.task is not asyncio.current_task():
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def ask(self, page: Page) -> Answers:
        """Shows a page until it is answered."""
        if page.id in self.past.answers:
            return self.past.answers[page.id]
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._page = page, future
        self._up.set()
        self.tell(page)
        try:
            self.past.answers[page.id] = await future
        finally:
            self._page = None
        return self.past.answers[page.id]

    def show(self, page: Page) -> None:
        """Shows a page that is the last."""
        self._up.set()
        self._page = page, asyncio.get_running_loop().create_future()
        self.tell(page)

    async def solve(self, trial: Trial, number: int, of: int, questions: Callable[[], Awaitable[Answers]]) -> None:
        """Plays a trial, unless it is over."""
        if trial.id in self.past.finished:
            return

        async def look_back(ended: str, together: bool) -> dict[str, Any]:
            return await questions()

        past = self.past.trials.get(trial.id, Unfinished())
        self.trial = TrialRun(
            self.hall,
            self.person.id,
            self.person.number,
            trial,
            self.tell,
            look_back,
            self._client,
            number,
            of,
            past,
            self.lock,
        )
        self._run_clock()
        self._up.set()
        try:
            self.past.finished[trial.id] = await self.trial.play()
        finally:
            self.trial = None

    def seconds(self) -> list[float]:
        """Of every trial that is over and no practice: from when the person was asked to its end."""
        return [one["seconds"] for one in self.past.finished.values() if not one["practice"]]

    async def declines(self) -> None:
        """It does not take part, and nothing of it is kept."""
        if self.past.over != "declined":
            await forget(self.hall.record, self.person.id, "declined")

    async def over(self, state: Any, **data: Any) -> None:
        """It has ended for good."""
        if self.past.over != state:
            await set_state(self.hall.record, self.person.id, state, Event(self.person.id, state, data=data))

    def from_researcher(self, text: str) -> None:
        self._messages.append(text)
        self.tell(FromResearcher(text=text))

    def hall_paused(self) -> None:
        """The study was paused, or goes on."""
        self._run_clock()


async def _nothing() -> None:
    pass
