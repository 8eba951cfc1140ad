"""What the people of a study share: the partners' models, the grader, the record, and whether the study is paused."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arena.grading import Grader
from arena.regrade import graded
from arena.tasks import Task, load_task
from human.record import Record
from human.study import Stimuli, Study

if TYPE_CHECKING:
    from agents.contract import Agent
    from arena.episode import Episode
    from human.session.session import Session


@dataclass
class Hall:
    """One study that is being run."""

    study: Study
    stimuli: Stimuli
    record: Record
    partners: Mapping[str, Agent]
    """Live partners, whose seats share forwards."""
    draft: bool = False
    """The study is not locked: everything recorded says so."""
    paused: bool = False
    sessions: dict[str, Session] = field(default_factory=dict)
    """By pseudonym: those that a screen has come to since the server began."""
    doors: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By pseudonym: held while a screen comes in, and while it is found out that none will."""

    def __post_init__(self) -> None:
        self.task: Task = load_task(self.study.task)
        self._grader = Grader()
        self._grading = ThreadPoolExecutor(1, thread_name_prefix="grade")

    async def grade(self, episode: Episode, expected: str) -> dict[str, Any]:
        """The grade of a solution; nobody who takes part is told."""
        loop = asyncio.get_running_loop()
        pair = [(episode, expected)]
        return (await loop.run_in_executor(self._grading, graded, pair, self.task, self._grader))[0]

    def forgets(self, session: Session) -> None:
        """A session that failed is none that somebody could come back to."""
        if self.sessions.get(session.person.id) is session:
            del self.sessions[session.person.id]

    def close(self) -> None:
        self._grading.shutdown()
        self._grader.close()
