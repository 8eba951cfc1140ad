"""Tasks by address: ``arithmetic``, ``arithmetic:steps=2,question=fr``, ``gsm8k``, ``gsm8k:PATH``, ``jsonl:PATH``,
``math:SET``, ``math:SET=PATH``, ``math:PATH`` and ``python:MODULE:CALLABLE``.

Others join by ``register``. Importing this costs no heavy import and fetches nothing. docs/TASKS.md has the fields.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from arena.tasks.base import SPLITS, Problem, Split, Task, TaskError, find_problem

__all__ = ["SPLITS", "Factory", "Problem", "Split", "Task", "TaskError", "find_problem", "load_task", "register"]

Factory = Callable[[str | None], Task]
"""Makes a task from what follows the colon of its address; None if there is no colon."""


def _arithmetic(options: str | None) -> Task:
    from arena.tasks.arithmetic import Arithmetic

    names = {"steps": "most_steps", "seed": "seed", "size": "size"}
    words = ("style", "language", "question")
    given: dict[str, Any] = {}
    for part in options.split(",") if options else []:
        name, _, value = part.partition("=")
        field = name if name in words else names.get(name)
        if field is None or field in given or not (name in words or (value.isascii() and value.isdecimal())):
            raise TaskError(
                f"arithmetic: cannot read the option {part!r}; options are steps=N (at most N steps a problem), "
                "seed=N, size=N, style=S and language=L (of worked solutions) and question=L, each once, as in "
                "arithmetic:steps=2,question=fr"
            )
        given[field] = value if name in words else int(value)
    return Arithmetic(**given)


def _gsm8k(path: str | None) -> Task:
    from arena.tasks.gsm8k import Gsm8k

    return Gsm8k(path or None)


def _jsonl(path: str | None) -> Task:
    from arena.tasks.jsonl import Jsonl

    if not path:
        raise TaskError("jsonl needs a file: jsonl:PATH")
    return Jsonl(path)


def _math(rest: str | None) -> Task:
    from arena.tasks.math import math_task

    return math_task(rest)


def _python(path: str | None) -> Task:
    """The task that one's own class or function makes."""
    from agents.own import made_by_own

    task: Task = made_by_own("python:", path or "", TaskError)
    fits = {
        "name": isinstance(getattr(task, "name", None), str),
        "problems(split)": callable(getattr(task, "problems", None)),
        "extract(text)": callable(getattr(task, "extract", None)),
    }
    if isinstance(task, type) or not all(fits.values()):
        lacks = ", ".join(part for part, fit in fits.items() if not fit) or "being made: it gives a class"
        raise TaskError(f"python:{path}: what this gives is no task; it lacks {lacks}")
    return task


_FACTORIES: dict[str, Factory] = {
    "arithmetic": _arithmetic,
    "gsm8k": _gsm8k,
    "jsonl": _jsonl,
    "math": _math,
    "python": _python,
}


def register(name: str, factory: Factory) -> None:
    """Makes ``name`` and ``name:REST`` addresses of a task. Raises TaskError if the name is taken or has a colon."""
    if not name or ":" in name or name != name.strip():
        raise TaskError(f"a task's name has no colon and no space around it: {name!r}")
    if name in _FACTORIES:
        raise TaskError(f"there is a task {name!r} already")
    _FACTORIES[name] = factory


def load_task(address: str) -> Task:
    """The task at an address. Raises TaskError, in one line, if there is none or it cannot be had."""
    name, colon, rest = address.partition(":")
    factory = _FACTORIES.get(name)
    if factory is None:
        near = difflib.get_close_matches(name.strip().casefold(), _FACTORIES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise TaskError(f"no task {name!r}; there are {', '.join(sorted(_FACTORIES))}{hint}")
    return factory(rest if colon else None)
