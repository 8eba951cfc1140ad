"""Somebody who takes part in a study by messages, for tests: answers everything, writes, comes back after a break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from human.messages import (
    Answer,
    Ask,
    End,
    FromPerson,
    Page,
    Pen,
    Problem,
    Question,
    ToPerson,
    Write,
    to_person,
)
from human.record import Record
from human.record.people import Person, by_key, by_token, invite
from human.screen import Screen
from human.session.flow import take_part
from human.session.hall import Hall
from human.session.session import Session
from human.study import Stimuli, Study

RIGHT = {"end": "With a line as #### 12", "tools": "My head", "attention-1": 6, "attention-2": "seven"}


def answer_of(question: Question) -> Any:
    """A right answer where there is one, else the first that is allowed."""
    if question.id in RIGHT:
        return RIGHT[question.id]
    if question.kind == "choice":
        return question.options[0]
    return 3 if question.kind in ("scale", "number") else "nothing to say"


class Visitor(Screen):
    """A person's screen. What it is told is read from JSON, and what it says goes through JSON, as over a wire."""

    def __init__(self, answer: Callable[[Question], Any] = answer_of):
        super().__init__()
        self.answer = answer
        self.heard: list[ToPerson] = []
        self.screen: ToPerson | None = None
        self.texts: dict[str, list[str]] = {}
        """By trial, what is still to be written."""
        self.keeps_quiet = False

    def tell(self, message: ToPerson) -> None:
        message = to_person(message.model_dump_json())
        self.heard.append(message)
        if isinstance(message, Page | Problem):
            self.screen = message
        super().tell(message)

    def wants(self, message: Page | Ask) -> None:
        if self.keeps_quiet:
            return
        if isinstance(message, Page):
            answers = {one.id: self.answer(one) for one in message.questions}
            self.say(Answer(n=1, screen=message.id, answers=answers))
            return
        left = self.texts.setdefault(self.trial, ["So it", "is what", "it is"])
        if left:
            self.say(Write(n=1, turn=message.turn, text=left.pop(0)))
        else:
            self.say(End(n=1, turn=message.turn, text="#### 12"))

    def refused(self, message: FromPerson | None) -> None:
        if isinstance(message, Write):
            self.texts.setdefault(self.trial, []).insert(0, message.text)

    def take_the_pen(self) -> None:
        self.say(Pen(n=1))


class House:
    """A study that is being run in this process, and can be killed."""

    def __init__(self, study: Study, stimuli: Stimuli, path: Path, partners: Any = None):
        self.study, self.stimuli, self.path, self.partners = study, stimuli, path, partners or {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.open()

    def open(self) -> None:
        self.record = Record(self.path)
        self.hall = Hall(self.study, self.stimuli, self.record, self.partners)
        self.sessions: dict[str, Session] = self.hall.sessions

    async def visit(self, visitor: Visitor, token: str = "") -> Session:
        """Joins with a link's token, or comes back."""
        key = ""
        if token:
            person, key = await by_token(self.record, token)
        else:
            person = by_key(self.record, visitor.key)
        session = self.sessions.get(person.id) or self.session(person)

        def deliver(message: FromPerson) -> None:
            task = asyncio.ensure_future(session.handle(message))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        visitor.deliver = deliver
        await session.attach(visitor.tell, "bot", key)
        return session

    def session(self, person: Person) -> Session:
        made = self.sessions[person.id] = Session(self.hall, person, take_part)
        return made

    def failed(self) -> None:
        """Raises what a session failed of."""
        for session in self.sessions.values():
            if session.task and session.task.done() and not session.task.cancelled():
                session.task.result()

    async def kill(self) -> None:
        """As far as the record knows, the process is gone between two transactions."""
        for task in self.tasks:
            task.cancel()
        for session in list(self.sessions.values()):
            await session.stop()
        self.close()
        self.failed()

    def close(self) -> None:
        self.record.close()
        self.hall.close()

    def invite(self) -> str:
        return invite(self.record, 1, 7)[0][1]
