"""What a person did with a beginning, from its text alone: three counts, none of which is proof (docs/EXPORT.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from human.study.results import first_number, numbers, results

COPIED = 4
"""Fewer words in a row that stand in the beginning too are no copy: anybody writes "so she has"."""
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Behaviour:
    """Towards the beginning of a solution. None where there is nothing to tell it by."""

    results: int
    """Numbers that the beginning worked out and the question does not have."""
    again: float | None
    """Share of them that the person worked out once more: high for who began again, or copied."""
    first: bool | None
    """The person's first number is one of them: so for who went on."""
    copied: int
    """Words of the person in runs of `COPIED` or more that stand in the beginning."""


def behaviour(question: str, prefix: str, text: str) -> Behaviour:
    """Of ``text``, which somebody wrote after ``prefix``. The last number of a beginning that ends behind it counts."""
    done = set(results(prefix)) - numbers(question)
    again = len(done & set(results(text))) / len(done) if done else None
    found = first_number(text)
    first = found in done if found is not None and done else None
    return Behaviour(len(done), again, first, copied(prefix, text))


def copied(prefix: str, text: str) -> int:
    """Words in runs that stand in the beginning, too. Words are of letters alone: who works the same out again writes
    the same numbers; upper and lower case are one.
    """
    theirs, mine = (_WORD.findall(one.lower()) for one in (prefix, text))
    runs = {tuple(theirs[n : n + COPIED]) for n in range(len(theirs) - COPIED + 1)}
    taken = [False] * len(mine)
    for n in range(len(mine) - COPIED + 1):
        if tuple(mine[n : n + COPIED]) in runs:
            taken[n : n + COPIED] = [True] * COPIED
    return sum(taken)
