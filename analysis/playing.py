"""Plays what a measure owes into a run's folder: one engine, one stream of jobs, graded and stored as they end.

A folder can be gone on with after any kill. What is stored is what `arena.run` stores, so `arena.validate` proves it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arena.command import INTERRUPTED, patient_interrupt, to_go_on
from arena.terminal import say

if TYPE_CHECKING:
    from agents.contract import Agent
    from arena.episode import Episode
    from arena.grading import Grader
    from arena.jobs import Job
    from arena.store import Run
    from arena.tasks import Task

_AHEAD = 64
"""Episodes that may wait for their grades while others are played."""
_LOT = 64
"""Episodes that are put on the disk together at most."""
_SECONDS = 1.0
"""How long an episode may wait for that."""


class Given(Protocol):
    """What the configurations of the measures have in common."""

    seed: int
    limit: int
    engine: Any
    batch_size: int
    resume: bool


class Plan(Protocol):
    """What a measure owes."""

    @property
    def given(self) -> Sequence[Episode]:
        """Episodes of another run that stand first in the folder."""
        ...

    def order(self) -> Iterator[str]:
        """The ids of all episodes, in the order of the finished folder."""
        ...

    def jobs(self, done: Callable[[str], bool], stored: Callable[[str], Episode | None]) -> Iterator[Job | None]:
        """What is owed. ``stored`` gives an episode of this folder by its id, once it was played.

        None means: the rest waits for what is being played.
        """
        ...

    def keeps(self, identity: str) -> bool:
        """Do others begin with the episode of this id?"""
        ...


def carry_out(
    module: str,
    config: Given,
    folder: Path,
    saved: dict[str, Any],
    agents: Mapping[str, Agent],
    task: Task,
    plan: Plan,
    report: Callable[[Run], int],
) -> int:
    """Plays all that is owed, then reports; returns the exit code. Whatever goes wrong, what was written is kept."""
    from arena.grading import Grader
    from arena.lines import StoreError
    from arena.measures import summary_of
    from arena.run import one_line_errors, same_models
    from arena.store import Run

    order = list(plan.order())
    count = 0

    def kept() -> str:
        return f"{count} of {len(order)} episodes are stored" if count else ""

    with (
        one_line_errors(folder, config.limit, kept),
        Run(folder, saved, resume=config.resume) as run,
        Grader() as grader,
    ):
        count = len(run.ids)
        try:
            if strange := next(iter(run.ids - set(order)), None):
                raise StoreError(f"--resume: {folder} holds {strange}, which is not asked for; choose another --out")
            same_models(agents, run)
            _take_over(run, plan.given)
            with patient_interrupt() as asked:
                for _ in _played(config, agents, task, plan, run, grader, len(order), asked):
                    count = len(run.ids)
            run.put_in_order(order)
            run.finish(summary_of(run.episodes()))
            return report(run)
        except KeyboardInterrupt:
            count = len(run.ids)
            say(f"\nstopped; {kept() or 'nothing is stored'}. To go on: {to_go_on(module, folder)}", sys.stderr)
            return INTERRUPTED


def _take_over(run: Run, given: Sequence[Episode]) -> None:
    """Stores solutions of another run; where they are stored already, they must be the same."""
    from arena.lines import StoreError

    wanted = {episode.id: episode.digest for episode in given}
    for episode in run.episodes() if run.ids and wanted else ():
        if wanted.pop(episode.id, episode.digest) != episode.digest:
            raise StoreError(
                f"--resume: {episode.id} is not what it was when {run.folder} was begun; choose another --out"
            )
    run.append(*(episode for episode in given if episode.id in wanted))


def _played(
    config: Given,
    agents: Mapping[str, Agent],
    task: Task,
    plan: Plan,
    run: Run,
    grader: Grader,
    total: int,
    asked: Callable[[], bool],
) -> Iterator[None]:
    """Plays, grades and stores what is owed, in lots; gives way after each episode. Raises KeyboardInterrupt."""
    from arena.arena import make_engine
    from arena.audience import progress_bar, progress_lines
    from arena.run import with_grades
    from arena.show import Screen

    waiting = {e.id: e for e in run.episodes() if plan.keeps(e.id)} if run.ids else {}
    answers: dict[str, str] = {}
    """Of the episodes that are being played."""
    rows = max(1, min(config.batch_size, total))
    engine = make_engine(config.engine, agents, config.seed, config.limit, rows)
    local = all(hasattr(agent, "vocabulary") for agent in agents.values())
    person = any(getattr(agent, "one_at_a_time", False) for agent in agents.values())

    def jobs() -> Iterator[Job | None]:
        for job in plan.jobs(lambda identity: identity in run.ids, lambda identity: waiting.pop(identity, None)):
            if job is not None:
                answers[job.id] = job.problem.answer
            yield job

    def played() -> Iterator[tuple[Episode, str]]:
        for episode in engine.episodes(jobs()):
            if plan.keeps(episode.id):
                waiting[episode.id] = episode
            yield episode, answers.pop(episode.id)

    lot: list[Episode] = []
    since = time.monotonic()

    def store() -> None:
        nonlocal since
        now, since = lot.copy(), time.monotonic()
        lot.clear()
        run.append(*now)

    bar = progress_bar if Screen(stderr=True).is_terminal and not person else progress_lines
    with bar(total, len(run.ids)) as (_, advance):
        try:
            for episode in with_grades(played(), task, grader, _AHEAD if local else 0):
                lot.append(episode)
                if len(lot) >= _LOT or time.monotonic() - since > _SECONDS:
                    store()
                advance()
                yield
                if asked():
                    raise KeyboardInterrupt
        finally:
            if lot:
                store()
