"""A run on this machine, as a person's screen holds on to it: `arena.run` in a thread of its own.

Its loop, grades and store stay as they are. The run is the audience's to stop: a person who leaves is Ctrl-C.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.contract import Agent, View
from agents.person import Person, PersonSeat
from agents.plain import inline, visible
from arena.audience import Play, Terminal
from arena.config import RunConfig
from arena.plan import size
from arena.policy import OnDemand, parse
from arena.tasks.marks import form_of
from arena.terminal import say
from human.clock import Clock
from human.desk import MessageDesk
from human.link import FromLink, NotDone
from human.messages import (
    Answer,
    End,
    Give,
    Graded,
    Leave,
    Numbered,
    Page,
    Pause,
    Pen,
    Problem,
    Question,
    RefusalError,
    Refused,
    Resume,
    Time,
    Try,
    Undo,
    Write,
)
from human.results import results

if TYPE_CHECKING:
    from arena.episode import Episode
    from arena.store import Run
    from arena.tasks import Task

PACE = 8.0
"""Words a second at which a partner's text appears: about as fast as one reads."""
RATING = (
    Question(
        id="ease",
        text="How easy was it to go on from what your partner wrote?",
        kind="scale",
        options=("very hard", "very easy"),
        optional=True,
    ),
    Question(id="text", text="Anything to say about it?", kind="text", optional=True),
)


class Sitter:
    """The person as an agent: at a new desk, with a new clock, in every episode."""

    deterministic = False
    gives_logprobs = False
    conditions_on_opening = False
    one_at_a_time = True

    def __init__(self, desk: Callable[[View], MessageDesk]):
        self._desk = desk

    def sit(self, view: View) -> PersonSeat:
        return Person(self._desk(view)).sit(view)


class LocalRun:
    """The run's audience in its thread, and the screen's link in the other."""

    trouble = ""
    on_leaving = "Leave now? What is done is kept; a solution that is not over is not, and comes again when you go on."

    def __init__(self, config: RunConfig, play: Play, *, module: str = "arena.run", pace: float | None = PACE):
        """``module`` is the command that the run is gone on with."""
        self._config, self._play, self._pace = config, play, pace
        self._terminal = Terminal(module)
        self._person = next(name for name, agent in config.agents.items() if agent.address == "human")
        self._told: asyncio.Queue[FromLink | None] = asyncio.Queue()
        self._screen: asyncio.AbstractEventLoop | None = None
        self._table: asyncio.AbstractEventLoop | None = None
        """The loop that the run plays in."""
        self._desk: MessageDesk | None = None
        self._number = 0
        self._form = ""
        """How an answer is marked."""
        self._answer: tuple[str, Future[dict[str, Any]]] | None = None
        """What the page that is shown waits for, by its id."""
        self._leaving = self._stopped = False
        self._afterwards: list[Callable[[], None]] = []
        """What is printed when the terminal is free again."""
        self._code = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="the run", daemon=True)

    # The screen's thread

    async def told(self) -> AsyncIterator[FromLink]:
        self._screen = asyncio.get_running_loop()
        self._thread.start()
        while (message := await self._told.get()) is not None:
            yield message

    def send(self, message: Numbered | Try) -> None:
        match message:
            case Answer():
                self._take_answer(message)
            case Leave():
                self.leave()
            case Write() | End() | Give() | Undo() | Pen() | Try() | Pause() | Resume():
                self._at_table(partial(self._deliver, message))

    def leave(self) -> None:
        """Stops the run. A solution that is over is kept; one that is not is owed again."""
        if not self._leaving:
            self._leaving = True
            waiting, self._answer = self._answer, None
            if waiting:
                waiting[1].set_result({})
            else:
                self._at_table(self._interrupt)

    def finish(self) -> int:
        """When the screen is gone: waits for the run, prints what it had to say, gives its exit code or raises."""
        self.leave()
        if self._thread.ident is not None:
            self._thread.join(2)
            if self._thread.is_alive():
                say("stopping; Ctrl-C does not wait")
                self._thread.join()
        for act in self._afterwards:
            act()
        if self._error is not None:
            raise self._error
        return self._code

    def _take_answer(self, message: Answer) -> None:
        waiting, self._answer = self._answer, None
        if waiting and waiting[0] == message.screen:
            waiting[1].set_result(dict(message.answers))
        else:
            self._answer = waiting

    def _at_table(self, act: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # that loop is closed, and nobody plays
            if self._table:
                self._table.call_soon_threadsafe(act)

    # The run's thread, in its loop

    def _desk_for(self, view: View) -> MessageDesk:
        self._table = asyncio.get_running_loop()
        if self._leaving:  # since models were loaded; from here on, leaving finds the table
            self._interrupt()
        self._number += 1
        names = (view.author, *view.others)
        demand = bool(view.others) and isinstance(parse(self._config.handoff).schedule, OnDemand)
        self._desk = MessageDesk(self._tell, Clock(), pace=self._pace, look_back=self._look_back, demand=demand)
        self._tell(
            Problem(
                id=str(self._number),
                question=visible(view.question),
                authors=tuple(map(inline, names)),
                number=self._number,
                of=size(self._config, self._person),
                form=self._form,
            )
        )
        self._tell(Time(spent=0.0))
        return self._desk

    def _deliver(self, message: Write | End | Give | Undo | Pen | Try | Pause | Resume) -> None:
        assert self._desk, "there is a table because somebody sat down"
        clock = self._desk.clock
        try:
            match message:
                case Pause():
                    clock.pause()
                    self._tell(Time(spent=clock.now(), running=False, why="paused"))
                case Resume():
                    clock.resume()
                    self._tell(Time(spent=clock.now()))
                case _ if not clock.running:
                    raise RefusalError("paused")
                case _:
                    self._desk.deliver(message)
        except RefusalError as error:
            if isinstance(message, Numbered):  # what would be kept of a text is asked again anyway
                self._tell(NotDone(message, Refused(n=message.n, name=error.name, text=str(error))))

    async def _look_back(self, ended: str, together: bool) -> dict[str, Any]:
        assert self._desk
        self._desk.clock.pause()
        self._tell(Time(spent=self._desk.clock.now(), running=False, why="this solution is over"))
        if not together or self._leaving:
            return {}
        page = Page(
            id=f"rating-{self._number}",
            title="Before you see whether it is right",
            questions=RATING,
            problem=str(self._number),
        )
        said = await asyncio.wrap_future(self._show(page))
        return {name: value for name, value in said.items() if value not in (None, "")}

    def _interrupt(self) -> None:
        if not self._stopped:
            self._stopped = True
            raise KeyboardInterrupt

    # The run's thread, between episodes

    def _work(self) -> None:
        try:
            self._code = self._play(self)
        except BaseException as error:  # it is raised where the program can end by it
            self._error = error
        self._tell(None)

    def seated(self, agents: dict[str, Agent], task: Task) -> dict[str, Agent]:
        if self._leaving:
            raise KeyboardInterrupt
        self._form = form_of(task.extract)
        return {**agents, self._person: Sitter(self._desk_for)}

    def follow(self, episodes: Iterator[Episode], config: RunConfig, run: Run) -> Iterator[Episode]:
        self._number = sum(self._person in episode.views for episode in run.episodes()) if run.ids else 0
        for episode in episodes:
            yield episode
            if self._person in episode.views and not self._leaving:
                self._show_grade(episode)
            if self._leaving:
                self._stopped = True
                raise KeyboardInterrupt

    def _show_grade(self, episode: Episode) -> None:
        grade = episode.grade or {}
        self._tell(
            Graded(
                verdict=grade.get("verdict", "unreadable"),
                answer=_text(grade.get("answer")),
                expected=_text(grade.get("expected")),
                reason=inline(str(episode.error or grade.get("reason", ""))),
            )
        )
        more = self._number < size(self._config, self._person)
        button = "Next problem" if more else "Results"
        self._show(Page(id=f"grade-{self._number}", title="", button=button, problem=str(self._number))).result()

    def summed_up(self, summary: Mapping[str, Any], config: RunConfig, folder: Path) -> None:
        self._afterwards.append(partial(self._terminal.summed_up, summary, config, folder))
        lines = tuple(map(inline, results(summary["conditions"], folder)))
        self._tell(Page(id="results", title="All problems are done", text=lines, button="Leave", last=True))

    def stopped(self, folder: Path, done: int) -> None:
        self._afterwards.append(partial(self._terminal.stopped, folder, done))

    def _show(self, page: Page) -> Future[dict[str, Any]]:
        """The answers to a page, as soon as there are some."""
        future: Future[dict[str, Any]] = Future()
        self._answer = page.id, future
        self._tell(page)
        return future

    def _tell(self, message: FromLink | None) -> None:
        with suppress(RuntimeError):  # the screen is gone
            if self._screen:
                self._screen.call_soon_threadsafe(self._told.put_nowait, message)


def _text(value: object) -> str | None:
    return None if value is None else inline(str(value))
