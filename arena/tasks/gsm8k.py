"""``gsm8k``: grade-school word problems (Cobbe et al. 2021), from a local copy or from the Hugging Face hub.

The test split is its test file; held-out is a tenth of its train file, chosen by a hash of the question; train is the
rest. Ids (``gsm8k/train/17``) count from 0 in the original files, so they do not depend on that choice. Solutions keep
their calculator notes ``<<...>>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from agents.chance import stable_key
from agents.hush import HUB_LIBRARY, hushed
from arena.tasks.base import SPLITS, Problem, Split, TaskError
from arena.tasks.jsonl import read_objects
from arena.tasks.marks import after_hashes

HUB = ("openai/gsm8k", "main")
_File = Literal["train", "test"]


class Gsm8k:
    """The task. ``path`` is a folder with train.jsonl and test.jsonl, or one .jsonl file (train if it is called
    train.jsonl, else test); None fetches it from the hub when a split is first asked for."""

    name = "gsm8k"

    def __init__(self, path: str | None = None):
        self._files: dict[_File, Path] | None = None
        self._read: dict[_File, list[Problem]] = {}
        self._split: dict[Split, list[Problem]] = {}
        if path is None:
            return
        place = Path(path)
        if place.is_dir():
            names: tuple[_File, _File] = ("train", "test")
            self._files = {name: place / f"{name}.jsonl" for name in names if (place / f"{name}.jsonl").is_file()}
            if not self._files:
                raise TaskError(f"gsm8k: no train.jsonl or test.jsonl in the folder {path}")
        elif place.is_file():
            self._files = {"train" if place.stem == "train" else "test": place}
        else:
            raise TaskError(f"gsm8k: no such file or folder: {path}")

    def problems(self, split: Split) -> Sequence[Problem]:
        if split not in SPLITS:
            raise TaskError(f"gsm8k has no split {split!r}; it has {', '.join(SPLITS)}")
        if split == "test":
            return self._all("test")
        if split not in self._split:
            wanted = split == "held-out"
            self._split[split] = [problem for problem in self._all("train") if _is_held_out(problem) == wanted]
        return self._split[split]

    def find(self, problem_id: str) -> Problem | None:
        name, _, index = problem_id.rpartition("/")
        if name not in ("gsm8k/train", "gsm8k/test") or not (index.isascii() and index.isdecimal() and len(index) < 9):
            return None
        file: _File = "train" if name == "gsm8k/train" else "test"
        if self._files is not None and file not in self._files:
            return None
        found = self._all(file)[int(index) : int(index) + 1]
        return found[0] if found and found[0].id == problem_id else None

    def extract(self, text: str) -> str | None:
        return after_hashes(text)

    def _all(self, file: _File) -> list[Problem]:
        """The problems of an original file, in its order."""
        if file not in self._read:
            if self._files is not None and file not in self._files:
                there = ", ".join(f"{name}.jsonl" for name in self._files)
                raise TaskError(f"gsm8k: {file}.jsonl is not there (only {there}); give a folder that has both")
            rows = _fetched(file) if self._files is None else _stored(self._files[file])
            self._read[file] = [_problem(place, file, index, row) for index, (place, row) in enumerate(rows)]
            if not self._read[file]:
                raise TaskError(f"gsm8k: no problems in {file}.jsonl")
        return self._read[file]


def _is_held_out(problem: Problem) -> bool:
    return stable_key("gsm8k held-out", problem.question) % 10 == 0


def _problem(place: str, file: _File, index: int, row: dict[str, Any]) -> Problem:
    question, solution = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(solution, str):
        raise TaskError(f"{place}: needs the text fields 'question' and 'answer', as GSM8K has them")
    answer = after_hashes(solution)
    if answer is None:
        raise TaskError(f"{place}: its 'answer' has no '#### ...' at the end, as GSM8K has it")
    steps = len(solution[: solution.rfind("####")].strip().splitlines())
    return Problem(f"gsm8k/{file}/{index}", question, answer.replace(",", ""), steps, solution)


def _stored(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    return ((place, found) for place, _, found in read_objects(path, "gsm8k"))


def _fetched(file: _File) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        from datasets import load_dataset

        with hushed(HUB_LIBRARY):
            rows = load_dataset(*HUB, split=file)
    except Exception as error:  # the library raises many kinds, all of which mean the same here
        raise TaskError(
            f"gsm8k: could not get {HUB[0]} from the Hugging Face hub ({type(error).__name__}); "
            "give a folder that has train.jsonl and test.jsonl: gsm8k:PATH"
        ) from error
    return ((f"{HUB[0]} {file} {index}", dict(row)) for index, row in enumerate(rows))
