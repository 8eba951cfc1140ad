"""One trial: an episode played by a person at a desk of messages, recorded turn by turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.person import Person
from arena.engines import play_job
from arena.jobs import Job
from arena.policy import OnDemand
from arena.reference import Begun
from human.clock import Clock
from human.desk import LookBack, MessageDesk
from human.messages import Ask, Notice, Over, Problem, Time, ToPerson
from human.record import ClosedError, Event
from human.session.past import Unfinished
from human.session.turns import turn_of
from human.study import Trial
from human.study.assignment import beginning, played
from human.study.config import PERSON

if TYPE_CHECKING:
    from human.session.hall import Hall


@dataclass
class TrialRun:
    """A trial that is being played."""

    hall: Hall
    person: str
    sample: int
    """Number of the person: the sample of its episodes."""
    trial: Trial
    send: Callable[[ToPerson], None]
    look_back: LookBack
    kind: str
    number: int
    of: int
    past: Unfinished
    lock: asyncio.Lock
    """Held while a message of the person is recorded and done."""
    clock: Clock = field(init=False)
    desk: MessageDesk = field(init=False)
    why: str = ""
    """Why the clock stands."""
    begun: bool = False

    def __post_init__(self) -> None:
        trials = self.hall.study.trials
        self.clock = Clock(self.past.clock)
        self._end = self.past.begun
        """What was played."""
        self.over = bool(self._end.ended)
        """The solution has ended: the clock stands, and all that is left is to rate it."""
        if self.over:
            self.clock.pause()
        self._timer: asyncio.Task[None] | None = None
        self.extended = self.past.extended
        self._asked = self.past.asked
        self._stop, self._changed = asyncio.Event(), asyncio.Event()
        self._noting: set[asyncio.Task[None]] = set()
        self.policy = played(self.trial).check(self.trial.names)
        self.desk = MessageDesk(
            self._tell,
            self.clock,
            kind=self.kind,
            pace=None if self.over else trials.pace or None,
            look_back=self._look_back,
            demand=isinstance(self.policy.schedule, OnDemand),
        )
        self.desk.restore(self.past.shown, self.past.done, self.past.acts)

    # The screen

    def again(self) -> list[ToPerson]:
        """What a screen that has just come is told."""
        return [
            self.problem,
            *map(self._blind, self.desk.again()),
            Over(ended=self._end.ended) if self.over else self.time(),
        ]

    @property
    def problem(self) -> Problem:
        partner = self.hall.study.trials.partner_name
        alone = not self.trial.prefix and self.trial.partner is None
        return Problem(
            id=self.trial.id,
            question=self.trial.problem.question,
            authors=("you",) if alone else ("you", partner),
            number=self.number,
            of=self.of,
        )

    def time(self) -> Time:
        return Time(spent=self.spent, limit=self._limit or None, running=self.clock.running, why=self.why)

    @property
    def spent(self) -> float:
        """Seconds since the person was asked first."""
        return 0.0 if self._asked is None else self.clock.now() - self._asked

    @property
    def _limit(self) -> float:
        """Seconds from the first time that the person was asked; 0 for none."""
        trials = self.hall.study.trials
        return trials.seconds + self.extended * trials.extension_seconds if trials.seconds else 0.0

    @property
    def may_extend(self) -> bool:
        return bool(self._limit) and self.extended < self.hall.study.trials.extensions

    def extend(self) -> None:
        self.extended += 1
        self._changed.set()

    def event(self, kind: Any, n: int | None = None, **data: Any) -> Event:
        """An event of this trial, now on its clock."""
        return Event(self.person, kind, self.trial.id, round(self.clock.now(), 3), n, data)

    def _blind(self, message: ToPerson) -> ToPerson:
        """The same for who writes alone, under every condition."""
        if isinstance(message, Ask) and self.trial.partner is None:
            return message.model_copy(update={"unit": "word", "unfinished": False})
        return message

    def _tell(self, message: ToPerson) -> None:
        message = self._blind(message)
        if isinstance(message, Ask) and self._asked is None:
            self._asked = self.clock.now()
            self._changed.set()
            self.send(self.time())
            self._note(self.event("shown", characters=self.desk.shown))
        self.send(message)

    def _note(self, event: Event) -> None:
        """Writes an event that nobody waits for."""

        async def write() -> None:
            with contextlib.suppress(ClosedError):  # whatever is done next finds out
                await self.hall.record.write(event)

        task = asyncio.ensure_future(write())
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    # The episode

    async def play(self) -> dict[str, Any]:
        """Plays it to its end, and records it with its grade. Gives what was recorded."""
        self.begun = True
        for message in self.again():
            if not isinstance(message, Over):  # that is told when all of it is on the screen
                self.send(message)
        if not self.over:
            self._timer = asyncio.ensure_future(self._keep_time())
        try:
            episode = await play_job(
                self.job(),
                {PERSON: Person(self.desk, self.past.seconds), **self.hall.partners},
                seed=self.hall.study.seed,
                limit=self.hall.study.limit,
                stop=self._stop,
                begun=self.past.begun,
                note=self._turn,
            )
        finally:
            self._stand()
        episode.grade = await self.hall.grade(episode, self.trial.problem.answer)
        made: dict[str, Any] = {"practice": self.trial.practice, "seconds": None}
        if self._asked is not None:  # else the partner ended it before it was the person's turn
            made["seconds"] = round(self.spent, 3)
        await self.hall.record.write(self.event("episode", episode=json.loads(episode.line()), **made))
        return made

    def job(self) -> Job:
        trial = self.trial
        absent = dict.fromkeys(span.author for span in trial.prefix if span.author not in trial.names)
        return Job(
            trial.problem,
            self.sample,
            self.policy,
            trial.names,
            condition=trial.condition,
            prefix=trial.prefix,
            parent_id=trial.parent_id,
            prefix_units=None if trial.parent_id is None else beginning(self.trial, self.policy).unit + 1,
            absent=tuple(absent),
        )

    async def _turn(self, begun: Begun) -> None:
        """Records the last turn; when the solution is over, only remembers it until all of it is on the screen."""
        self._end = begun
        if not begun.ended:
            pens = [list(pen) for pen in begun.pens]
            mine = self._seconds() if begun.spans[-1].author == PERSON else {}
            await self.hall.record.write(self.event("turn", turn=turn_of(begun.spans[-1]), pens=pens, **mine))

    def _seconds(self) -> dict[str, Any]:
        """Of the person's last turn, once: one that was stopped with nothing written has seconds and is no turn."""
        seconds, self.desk.seconds = self.desk.seconds, []
        return {"seconds": seconds} if seconds else {}

    async def _look_back(self, ended: str, together: bool) -> dict[str, Any]:
        if not self.over:
            self._stand()
            pens = [list(pen) for pen in self._end.pens]
            over = self.event("over", ended=ended, error=self._end.error, pens=pens, **self._seconds())
            await self.hall.record.write(over)
        return await self.look_back(ended, together)

    def _stand(self) -> None:
        """The solution is over: nothing counts any more."""
        self.over = True
        self.clock.pause()
        if self._timer:
            self._timer.cancel()

    def _left(self) -> float | None:
        """Seconds until the time is up; None where that is not known, or never."""
        if self._asked is None or not self._limit:
            return None
        return self._asked + self._limit - self.clock.now()

    @property
    def stopped(self) -> bool:
        """Its time is up: nothing more is taken."""
        return self._stop.is_set()

    async def _keep_time(self) -> None:
        """Stops the solution when its time is up, on its own clock."""
        while not self.stopped:
            await self._until_late()
            async with self.lock:
                while not self.desk.idle:  # what was acknowledged counts
                    await asyncio.sleep(0)
                if (left := self._left()) is not None and left <= 0:  # else it was extended while that was written
                    self._stop.set()
        self.send(Notice(text="the time for this problem is over; what you had sent counts"))

    async def _until_late(self) -> None:
        while (left := self._left()) is None or left > 0:
            self._changed.clear()
            waits = {asyncio.ensure_future(self._changed.wait())}
            if left is not None:
                waits.add(asyncio.ensure_future(self.clock.sleep(left)))  # type: ignore[arg-type]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()
