r"""The public sets that ``math`` knows, and how a row of any of them is read.

The sets are those of paper 2 (Tandem Reinforcement Learning with Verifiable Rewards, arXiv 2606.28166): hub ids,
answers left out and numbers of problems are those of the scripts with which its authors prepared their data. Nothing
here was compared with the hub itself: docs/TASKS.md says what each entry rests on. So a set that comes from the hub
with another number of rows is refused, because ids count rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arena.tasks.base import TaskError
from arena.tasks.marks import last_boxed

QUESTIONS = ("problem", "question", "prompt")
ANSWERS = ("final_answer", "expected_answer", "answer", "ground_truth", "reward_model")
SOLUTIONS = ("solution", "reference_solution")
LEVELS = ("steps", "level")
IDS = ("id", "unique_id")
_OTHERS = ("split", "is_multiple_answer")
COLUMNS = frozenset((*QUESTIONS, *ANSWERS, *SOLUTIONS, *LEVELS, *IDS, *_OTHERS))
"""Names of columns that mean something here, whatever their case; of several names the first that is there counts."""

_MATHS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LEVEL = re.compile(r"(?:level\s*)?([1-9][0-9]{0,5})(?:\.0+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One data set on the hub."""

    name: str
    """In ids, and what a local file or folder is called, where a set has several sources."""
    hub: str
    rows: int
    split: str = "test"
    config: str | None = None
    left_out: frozenset[str] = frozenset()
    """Rows with these answers are no problems of the set: letters, times and intervals among numbers."""


@dataclass(frozen=True)
class MathSet:
    """One or more sources under one name."""

    name: str
    size: int
    """Problems in all, after what is left out."""
    sources: tuple[Source, ...]
    trains: bool = False
    """It has the splits train and held-out, else test alone. Rows without an answer are left out."""
    one_answer: bool = False
    """Rows with several answers (``is_multiple_answer``) are left out."""
    id_column: str | None = None
    """Where rows have ids of their own."""


SETS: Mapping[str, MathSet] = {
    found.name: found
    for found in (
        MathSet(
            "aime",
            90,
            (
                Source("aime24", "math-ai/aime24", 30),  # has solutions and no answers: the box of the solution
                Source("aime25", "math-ai/aime25", 30),
                Source("aime26", "MathArena/aime_2026", 30, "train"),
            ),
        ),
        MathSet(
            "amc",
            121,
            (
                Source("amc23", "math-ai/amc23", 40),
                Source(
                    "amc24",
                    "rawsh/2024_AMC12",
                    45,
                    "train",
                    left_out=frozenset(
                        (r"(0, \frac{1}{2})", r"[\frac{3}{4}, \frac{7}{8}]", r"\frac{\pi}{2} - 2\alpha", "D")
                    ),
                ),
                Source(
                    "amc25", "sonthenguyen/amc12-2025-non-figure", 42, "train", left_out=frozenset((r"4{:}30", "k"))
                ),
            ),
        ),
        MathSet(
            "deepscaler",
            40_309,
            (Source("deepscaler", "agentica-org/DeepScaleR-Preview-Dataset", 40_315, "train"),),
            trains=True,
        ),
        MathSet("math-500", 500, (Source("math-500", "HuggingFaceH4/MATH-500", 500),), id_column="unique_id"),
        MathSet("minerva", 272, (Source("minerva", "math-ai/minervamath", 272),)),
        MathSet(
            "olympiad",
            581,
            (Source("olympiad", "Hothan/OlympiadBench", 674, "train", "OE_TO_maths_en_COMP"),),
            one_answer=True,
        ),
    )
}


@dataclass(frozen=True)
class Row:
    """What a row says, whatever its columns are called."""

    question: str
    answer: str
    """Unwrapped; empty if the row has a place for an answer and none in it."""
    raw_answer: str | None
    """As it stands in the row, where it is text."""
    steps: int | None
    solution: str | None
    own_id: str | None
    split: str | None
    several: bool
    """The row says that it has several answers."""


def read_row(place: str, found: Mapping[str, Any], id_columns: Iterable[str] = IDS) -> Row:
    r"""A row of a file or a data set. Raises TaskError, which names ``place`` and the columns that are there.

    The question is text, or a chat, of which the last message of the user counts. Where no column has answers, the
    answer is what the last ``\boxed{...}`` of the solution says.
    """
    columns = {name.casefold(): value for name, value in found.items()}
    there = ", ".join(map(repr, found)) or "none"
    question = _question(_first(columns, QUESTIONS))
    if question is None:
        raise TaskError(f"{place}: needs a question, as text, in the column {_or(QUESTIONS)}; it has {there}")
    solution = _solution(_first(columns, SOLUTIONS))
    if any(name in columns for name in ANSWERS):
        raw = _first(columns, ANSWERS)
        if isinstance(raw, Mapping) and "ground_truth" in raw:  # reward_model, as RL libraries store it
            raw = raw["ground_truth"]
        try:
            answer = gold(raw)
        except ValueError as error:
            raise TaskError(f"{place}: {error}") from None
    else:
        raw = answer = gold(last_boxed(solution or ""))
        if not answer:
            raise TaskError(
                f"{place}: needs an answer in the column {_or(ANSWERS)}, or a 'solution' with a \\boxed{{...}}; "
                f"it has {there}"
            )
    split = columns.get("split")
    return Row(
        question,
        answer,
        raw if isinstance(raw, str) else None,
        level(_first(columns, LEVELS)),
        solution,
        _identity(_first(columns, id_columns)),
        None if split is None else str(split),
        columns.get("is_multiple_answer") is True,
    )


def gold(value: object) -> str:
    r"""An expected answer as text, without ``$...$``, ``\(...\)`` or ``\boxed{...}`` around the whole of it.

    Numbers are written out (27.0 is ``27``), several answers are joined by commas, nothing is the empty text. Raises
    ValueError for what is no answer.
    """
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(gold, value)))
    if value is None or value != value:  # a gap in a column of numbers is not a number
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float) or isinstance(value, bool) or value in (float("inf"), -float("inf")):
        raise ValueError(f"an answer must be text, a number or a list of them, not {value!r:.80}")
    return _unwrapped(str(value).strip())


def _unwrapped(text: str) -> str:
    """Without the delimiters around the whole of it; those of ``$1$ or $2$`` stay."""
    while (inner := _inside(text)) is not None:
        text = inner
    return text


def _inside(text: str) -> str | None:
    box = _BOX.match(text)
    if box is not None and text.endswith("}"):
        content = text[box.end() : -1]
        # Were the box shut sooner, the whole would be `\boxed{a} and {b}` and its last box another one.
        return content.strip() if (last_boxed(text) or "") == content.strip() else None
    for left, right in _MATHS:
        if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right):
            content = text[len(left) : -len(right)]
            if left not in content and right not in content and not content.endswith("\\"):
                return content.strip()
    return None


def level(value: object) -> int | None:
    """A difficulty from 1: 3, 3.0, ``3`` or ``Level 3``; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _LEVEL.fullmatch(str(value).strip())
    return int(match[1]) if match else None


def _first(columns: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value under the first of the names that has one."""
    return next((columns[name] for name in names if columns.get(name) is not None), None)


def _question(value: object) -> str | None:
    if isinstance(value, list | tuple):
        said = [one.get("content") for one in value if isinstance(one, Mapping) and one.get("role") == "user"]
        value = said[-1] if said else None
    return value if isinstance(value, str) and value.strip() else None


def _solution(value: object) -> str | None:
    """The first where there are several ways to it."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, str) and value.strip() else None


def _identity(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip() or None


def _or(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names[:-1])) + f" or {names[-1]!r}"
