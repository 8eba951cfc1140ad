"""What a task is: problems by split, and how an answer is found in a solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Split = Literal["train", "held-out", "test"]
SPLITS: tuple[Split, ...] = ("train", "held-out", "test")


class TaskError(ValueError):
    """The task cannot be had as asked; the message names what to change."""


@dataclass(frozen=True)
class Problem:
    """One problem. Agents see ``question`` only, never the rest."""

    id: str
    """Unique within the task, stable for ever: coins and draws hang on it."""
    question: str
    answer: str
    """The expected final answer."""
    steps: int | None = None
    """Difficulty in steps, where the task knows it."""
    solution: str | None = None
    """A worked solution, where the task has one."""


class Task(Protocol):
    """Problems and the way their answers are marked."""

    name: str

    def problems(self, split: Split) -> Sequence[Problem]:
        """The problems of a split, in a fixed order. Raises TaskError if there is no such split."""
        ...

    def extract(self, text: str) -> str | None:
        """The last marked answer of a solution, or None if none is marked."""
        ...


def find_problem(task: Task, problem_id: str) -> Problem | None:
    """The problem with this id, or None. A task may have a method ``find(problem_id)``, else every problem is read."""
    find = getattr(task, "find", None)
    if find is not None:
        found: Problem | None = find(problem_id)
        return found
    for split in SPLITS:
        try:
            problems = task.problems(split)
        except TaskError:
            continue  # the task has no such split
        for problem in problems:
            if problem.id == problem_id:
                return problem
    return None
