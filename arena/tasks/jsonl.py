"""``jsonl:PATH``: one's own problems, one JSON object a line.

``question`` and ``answer`` are needed; ``id`` (default ``STEM/LINE``), ``split`` (train, held-out or test; default
test), ``steps`` and ``solution`` may be there, and other fields are ignored. An answer is marked by ``####`` or, where
a text has none, by ``\\boxed{...}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.tasks.base import SPLITS, Problem, Split, TaskError
from arena.tasks.marks import any_mark


def read_objects(path: Path, what: str) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """("FILE:LINE", line number, object) of each line that is not blank. Raises TaskError, which names the line."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                place = f"{path}:{number}"
                if not line.strip():
                    continue
                try:
                    found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                except UnicodeDecodeError:
                    raise TaskError(f"{place}: not UTF-8 text") from None
                except (ValueError, RecursionError) as error:
                    raise TaskError(f"{place}: not a JSON object a line ({str(error)[:80]})") from None
                if not isinstance(found, dict):
                    raise TaskError(f"{place}: a JSON object is needed, not {type(found).__name__}")
                yield place, number, found
    except OSError as error:
        raise TaskError(f"{what}: cannot read {path} ({error.strerror})") from None


def _text(place: str, found: dict[str, Any], field: str, *, needed: bool, numbers: bool = False) -> str | None:
    value = found.get(field)
    if value is None and not needed:
        return None
    if value is None:
        raise TaskError(f"{place}: needs the field {field!r}; it has {', '.join(map(repr, found)) or 'none'}")
    if numbers and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise TaskError(f"{place}: {field!r} must be text{' or a number' if numbers else ''} and not empty")
    return value


class Jsonl:
    """The task of one file, read when it is made."""

    name = "jsonl"

    def __init__(self, path: str):
        self.path = Path(path)
        self._problems: dict[str, list[Problem]] = {split: [] for split in SPLITS}
        self._by_id: dict[str, Problem] = {}
        places: dict[str, str] = {}
        for place, number, found in read_objects(self.path, "jsonl"):
            problem, split = self._problem(place, number, found)
            if problem.id in places:
                raise TaskError(f"{place}: id {problem.id!r} is that of {places[problem.id]} already")
            places[problem.id] = place
            self._by_id[problem.id] = problem
            self._problems[split].append(problem)
        if not places:
            raise TaskError(f"{self.path}: no problems in it; each line is a JSON object with 'question' and 'answer'")

    def _problem(self, place: str, number: int, found: dict[str, Any]) -> tuple[Problem, str]:
        question = _text(place, found, "question", needed=True) or ""
        answer = _text(place, found, "answer", needed=True, numbers=True) or ""
        identity = _text(place, found, "id", needed=False, numbers=True) or f"{self.path.stem}/{number}"
        split = _text(place, found, "split", needed=False) or "test"
        if split not in SPLITS:
            raise TaskError(f"{place}: split must be one of {', '.join(SPLITS)}, not {split!r}")
        steps = found.get("steps")
        if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
            raise TaskError(f"{place}: 'steps' must be a whole number from 1, not {steps!r}")
        return Problem(identity, question, answer, steps, _text(place, found, "solution", needed=False)), split

    def problems(self, split: Split) -> Sequence[Problem]:
        found = self._problems.get(split)
        if not found:
            there = ", ".join(name for name, problems in self._problems.items() if problems)
            raise TaskError(f"{self.path} has no problems of split {split!r}; it has {there}")
        return found

    def find(self, problem_id: str) -> Problem | None:
        return self._by_id.get(problem_id)

    def extract(self, text: str) -> str | None:
        return any_mark(text)
