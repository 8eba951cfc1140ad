"""One trial: an episode played by a person at a desk of messages, recorded turn by turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.person import Person
from arena.engines import play_job
from arena.jobs import Job
from arena.policy import OnDemand, parse
from arena.reference import Begun
from human.clock import Clock
from human.desk import LookBack, MessageDesk
from human.messages import Ask, Notice, Problem, Time, ToPerson
from human.record import Event
from human.session.past import Unfinished
from human.session.turns import turn_of
from human.study import Trial
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
        self.extended = self.past.extended
        self._asked = self.past.asked
        self._stop, self._changed = asyncio.Event(), asyncio.Event()
        self._ended = 0.0
        """On the clock: when the solution was over."""
        self._noting: set[asyncio.Task[None]] = set()
        self.policy = parse(self.trial.policy).check(self.trial.names)
        self.desk = MessageDesk(
            self._tell,
            self.clock,
            kind=self.kind,
            pace=trials.pace or None,
            look_back=self._look_back,
            demand=isinstance(self.policy.schedule, OnDemand),
        )
        self.desk.restore(self.past.shown, self.past.done, self.past.acts)

    # The screen

    def again(self) -> list[ToPerson]:
        """What a screen that has just come is told."""
        return [self.problem, *self.desk.again(), self.time()]

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

    def _tell(self, message: ToPerson) -> None:
        if isinstance(message, Ask) and self._asked is None:
            self._asked = self.clock.now()
            self._changed.set()
            self.send(self.time())
            self._note(self.event("shown", characters=self.desk.shown))
        self.send(message)

    def _note(self, event: Event) -> None:
        """Writes an event that nobody waits for."""
        task = asyncio.ensure_future(self.hall.record.write(event))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    # The episode

    async def play(self) -> dict[str, Any]:
        """Plays it to its end, and records it with its grade. Gives what was recorded."""
        self.begun = True
        for message in self.again():
            self.send(message)
        timer = asyncio.ensure_future(self._keep_time())
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
            timer.cancel()
        episode.grade = await self.hall.grade(episode, self.trial.problem.answer)
        seconds = self._ended - (self._ended if self._asked is None else self._asked)
        made: dict[str, Any] = {"practice": self.trial.practice, "seconds": round(seconds, 3)}
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
            prefix_units=trial.prefix_units,
            absent=tuple(absent),
        )

    async def _turn(self, begun: Begun) -> None:
        span, pens = begun.spans[-1], [list(pen) for pen in begun.pens]
        mine: dict[str, Any] = {"seconds": self.desk.seconds} if span.author == PERSON else {}
        await self.hall.record.write(self.event("turn", turn=turn_of(span), pens=pens, **mine))

    async def _look_back(self, ended: str, together: bool) -> dict[str, Any]:
        self._ended = self.clock.now()
        return await self.look_back(ended, together)

    def _left(self) -> float | None:
        """Seconds until the time is up; None where that is not known, or never."""
        if self._asked is None or not self._limit:
            return None
        return self._asked + self._limit - self.clock.now()

    async def _keep_time(self) -> None:
        """Stops the solution when its time is up, on its own clock."""
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
        async with self.lock:
            while not self.desk.idle:  # what was acknowledged counts
                await asyncio.sleep(0)
            self._stop.set()
        self.send(Notice(text="the time for this problem is over; what you had sent counts"))
