"""Grades of episodes: when they are played, and again later with another grader or task.

A grade is no part of an episode's digest, so a run that is graded again is still the run that was played.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from arena.episode import Episode
from arena.grading import Grader, Item
from arena.lines import StoreError, read_episodes, replace_file
from arena.measures import CUT_OFF
from arena.store import Run, read_config
from arena.tasks import Task, find_problem, load_task

VERDICTS = ("correct", "wrong", "unreadable")
UNFINISHED = (*CUT_OFF, "stopped")
"""Endings in which more text might have followed."""
SHOWN = 10
_LOT = 1000  # episodes graded at a time


def graded(episodes: Sequence[tuple[Episode, str]], task: Task, grader: Grader) -> list[dict[str, Any]]:
    """The grades of (episode, expected answer)s, in order. An episode that failed is unreadable, whatever it holds."""
    whole = [(episode, expected) for episode, expected in episodes if episode.ended != "error"]
    items = [Item(episode.text, expected, task, episode.ended in UNFINISHED) for episode, expected in whole]
    grades = iter(grader.grade(items))
    return [
        dataclasses.asdict(next(grades))
        if episode.ended != "error"
        else {"verdict": "unreadable", "answer": None, "expected": expected, "reason": "the episode failed"}
        for episode, expected in episodes
    ]


@dataclass
class Regraded:
    """What grading a run again came to."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    """How many verdicts are others now."""
    changes: list[str] = field(default_factory=list)
    """The first of them, in words."""

    def note(self, episode: Episode, grade: dict[str, Any]) -> None:
        old, new = (episode.grade or {}).get("verdict", "not graded"), grade["verdict"]
        self.before[old] += 1
        self.after[new] += 1
        if old == new:
            return
        self.changed += 1
        if len(self.changes) < SHOWN:
            answer = "no answer" if grade["answer"] is None else repr(grade["answer"][:80])
            self.changes.append(
                f"{episode.id}: {old} -> {new}: {answer} for {grade['expected'][:80]!r} ({grade['reason']})"
            )

    def summary(self) -> dict[str, Any]:
        """The counts under the names that ``--json`` publishes."""
        return {
            "episodes": self.after.total(),
            "before": _counts(self.before),
            "after": _counts(self.after),
            "changed": self.changed,
            "changes": self.changes,
        }

    def lines(self) -> list[str]:
        """The same for people."""
        out = []
        for name, counts in (("before", self.before), ("after", self.after)):
            out.append(f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in _counts(counts).items()))
        out.append(f"{self.changed} of {self.after.total()} verdicts changed")
        out += [f"  {change}" for change in self.changes]
        if self.changed > len(self.changes):
            out.append(f"  and {self.changed - len(self.changes)} more")
        return out


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in dict.fromkeys([*VERDICTS, *sorted(counts)])}


def regrade(folder: Path, grader: Grader, *, task: str = "", write: bool = False) -> Regraded:
    """Grades a stored run again, by its own task unless ``task`` is another's address.

    With ``write`` the episodes' new grades take the place of the old ones, whole or not at all, and a summary and a
    Parquet file that are there are made again. Raises StoreError and TaskError.
    """
    config = read_config(folder)
    address = task or config.get("task")
    if not isinstance(address, str) or not address:
        raise StoreError(f"{folder}: its config.toml names no task; give --task")
    marks = load_task(address)
    found = Regraded()
    if not write:
        for _ in _again(read_episodes(folder), marks, address, grader, found):
            pass
        return found
    with Run(folder, config, resume=True) as run:
        run.rewrite(_again(run.episodes(), marks, address, grader, found))
        _refresh(run)
    return found


def _again(episodes: Iterator[Episode], task: Task, address: str, grader: Grader, found: Regraded) -> Iterator[Episode]:
    """The episodes with new grades, which are noted in ``found``."""
    while lot := list(islice(episodes, _LOT)):
        grades = graded([(episode, _expected(episode, task, address)) for episode in lot], task, grader)
        for episode, grade in zip(lot, grades, strict=True):
            found.note(episode, grade)
            episode.grade = grade
            yield episode


def _expected(episode: Episode, task: Task, address: str) -> str:
    """The expected answer: what the episode was graded against, else the task's."""
    expected = (episode.grade or {}).get("expected")
    if isinstance(expected, str) and expected.strip():
        return expected
    problem = find_problem(task, episode.problem_id)
    if problem is None:
        raise StoreError(f"episode {episode.id}: no problem {episode.problem_id!r} in {address}; correct --task")
    return problem.answer


def _refresh(run: Run) -> None:
    """Makes a finished run's summary and Parquet again; what else a summary holds stays."""
    from arena.measures import summary_of
    from arena.parquet import write_parquet

    path = run.folder / "summary.json"
    if path.is_file():
        try:
            held = json.loads(path.read_bytes())
        except ValueError:
            held = {}
        summary = {**(held if isinstance(held, dict) else {}), **summary_of(run.episodes())}
        replace_file(path, (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
    if (run.folder / "episodes.parquet").is_file():
        write_parquet(run.folder)
