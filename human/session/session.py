"""A person's session: the way through the study, and a screen that may come and go meanwhile.

`human.session.flow` is the way, as plain control flow: `ask` returns what was answered, now or before the server was
killed, and `solve` the episode. What the record knows is not asked again. What messages do is `human.session.intake`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from human.messages import Bye, FromPerson, FromResearcher, Page, ToPerson, Welcome
from human.record import ClosedError, Event
from human.record.clocks import noted_clock
from human.record.people import Person, State, forget, set_state, standing
from human.session.forms import Answers
from human.session.hall import Hall
from human.session.intake import DELETED, Intake
from human.session.past import Past, Unfinished, past_of, tick
from human.session.trial import TrialRun
from human.study import Trial

LOG = logging.getLogger("human.session")
Send = Callable[[ToPerson], None]
Flow = Callable[["Session"], Awaitable[None]]


def goodbye(state: State | None) -> Bye:
    """What the screen of somebody is told whose place was closed by a researcher."""
    if state == "withdrawn":
        return Bye(name="withdrawn", text=DELETED)
    if state == "revoked":
        return Bye(name="no_access", text="this place is not open any more")
    return Bye(name="replaced", text="there is a new link for this place")


class Session:
    """One person in one study."""

    def __init__(self, hall: Hall, person: Person, flow: Flow):
        self.hall, self.person = hall, person
        self.past: Past = past_of(hall.record.events(person.id))
        if noted := noted_clock(hall.record, person.id):
            tick(self.past, *noted)
        self.trial: TrialRun | None = None
        self.asked: tuple[Page, asyncio.Future[Answers]] | None = None
        """The page that is shown, and what waits for its answers."""
        self.done = False
        self.paused = False
        """By the person itself."""
        self.up = asyncio.Event()
        """There is something on the screen."""
        self.task: asyncio.Task[None] | None = None
        self._flow = flow
        self._send: Send | None = None
        self._client = "page"
        self._intake = Intake(self, self.past.last)
        self._messages = self.past.messages
        self._gap = time.time() - self.past.at if self.past.at else 0.0

    # The screen

    @property
    def here(self) -> bool:
        """A screen is there."""
        return self._send is not None

    @property
    def place(self) -> str:
        """The page or trial that it is at."""
        return self.asked[0].id if self.asked else self.trial.trial.id if self.trial else ""

    async def attach(self, send: Send, client: str, key: str = "") -> None:
        """A screen has come; one that was there goes. Raises ClosedError."""
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
                last=self._intake.last,
                title=study.name,
                can_extend=bool(study.trials.extensions),
                can_withdraw=True,
            )
        )
        for text in self._messages:
            self.tell(FromResearcher(text=text))
        self.run_clock()
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
        self.run_clock()
        with contextlib.suppress(Exception):
            await self.hall.record.write(self.event("gone"))

    def tell(self, message: ToPerson) -> None:
        if self._send:
            self._send(message)

    def from_researcher(self, text: str) -> None:
        self._messages.append(text)
        self.tell(FromResearcher(text=text))

    def heard(self, send: Send | None) -> bool:
        """Is this the screen that is there? None stands for it. What a screen says that was replaced is not heard."""
        return send is None or send is self._send

    async def handle(self, message: FromPerson, send: Send | None = None) -> None:
        """Does what the screen of ``send`` says. Never raises for what it says."""
        if not self.done or self.here:
            await self._intake.handle(message, send)

    def _again(self) -> list[ToPerson]:
        """What there is to see."""
        if self.asked:
            return [self.asked[0]]
        return self.trial.again() if self.trial else []

    def run_clock(self) -> None:
        """The clock runs while somebody is there and nobody has paused, neither the person nor the study.

        When the solution is over it stands.
        """
        if self.trial is None or self.trial.over:
            return
        why = ""
        if self.hall.paused:
            why = "the study is paused; please wait"
        elif self.paused:
            why = "you paused"
        if self._send and not why:
            self.trial.clock.resume()
        else:
            self.trial.clock.pause()
        self.trial.why = why
        if self.trial.begun:
            self.tell(self.trial.time())

    def event(self, kind: Any, n: int | None = None, **data: Any) -> Event:
        """Something that happened now, in the trial that is played, if there is one."""
        return self.trial.event(kind, n, **data) if self.trial else Event(self.person.id, kind, n=n, data=data)

    # How it ends

    async def leave(self) -> None:
        """The screen goes; the person may come back."""
        self.tell(Bye(name="left", text="you can come back later and go on"))
        if self._send:
            await self.detach(self._send)

    async def stop(self) -> None:
        """Ends it here; another may go on from the record."""
        if self.task and self.task is not asyncio.current_task():
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def end(self, bye: Bye) -> None:
        """The screen is told, and nothing that it still says is heard."""
        self.done = True
        self.tell(bye)
        self._send = None

    async def closed(self) -> None:
        """The record takes nothing more of this person: a researcher has closed the place, perhaps by a command."""
        self.hall.forgets(self)
        await self.stop()
        self.end(goodbye(standing(self.hall.record, self.person.id)))

    async def _go(self) -> None:
        try:
            await self._flow(self)
            self.done = True
        except asyncio.CancelledError:
            raise
        except ClosedError:
            await self.closed()
        except Exception:
            self.hall.forgets(self)  # whoever comes back goes on from the record
            self.tell(Bye(name="error", text="something went wrong here, and what you did is kept; please tell us"))
            LOG.exception("the session of %s failed", self.person.id)
            raise

    # The person's way

    async def ask(self, page: Page) -> Answers:
        """Shows a page until it is answered."""
        if page.id in self.past.answers:
            return self.past.answers[page.id]
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self.asked = page, future
        self.up.set()
        self.tell(page)
        try:
            self.past.answers[page.id] = await future
        finally:
            self.asked = None
        return self.past.answers[page.id]

    def show(self, page: Page) -> None:
        """Shows a page that is the last."""
        self.up.set()
        self.asked = page, asyncio.get_running_loop().create_future()
        self.tell(page)

    async def solve(self, trial: Trial, number: int, of: int, questions: Callable[[], Awaitable[Answers]]) -> None:
        """Plays a trial, unless it is over."""
        if trial.id in self.past.finished:
            return

        async def look_back(ended: str, together: bool) -> dict[str, Any]:
            return await questions()

        past = self.past.trials.get(trial.id, Unfinished())
        self.paused = past.paused
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
            self._intake.lock,
        )
        self.run_clock()
        self.up.set()
        try:
            self.past.finished[trial.id] = await self.trial.play()
        finally:
            self.trial = None

    async def declines(self) -> None:
        """It does not take part, and nothing of it is kept."""
        if self.past.over != "declined":
            await forget(self.hall.record, self.person.id, "declined")

    async def over(self, state: Any, **data: Any) -> None:
        """It has ended for good."""
        if self.past.over != state:
            await set_state(self.hall.record, self.person.id, state, Event(self.person.id, state, data=data))
