"""Numbers that a solution has worked out by a place: what a comprehension probe asks for, and whether anything is left.

A result is a number behind an equals sign, as in ``29 + 6 = 35`` or in a calculator note ``<<29+6=35>>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from agents.chance import Picks

_NUMBER = r"-?\d++(?:,\d{3})*+(?:\.\d++)?+"
_NUMBERS = re.compile(rf"(?<![\w.,]){_NUMBER}")
_RESULTS = re.compile(rf"=\s*\$?({_NUMBER})(?!\s*[-+*/×÷^])")
"""What an operator follows is an operand: of ``= 3 + 5 = 8`` only 8 is a result."""

DISTRACTORS = 3
"""Wrong numbers of a probe."""


def number(text: str) -> Decimal | None:
    """The value of a text that is a number and nothing else."""
    try:
        return Decimal(text.strip().replace(",", "").lstrip("$"))
    except InvalidOperation:
        return None


def written(value: Decimal) -> str:
    """A number as it is shown: without an exponent and needless zeros."""
    return f"{value.normalize():f}" if value else "0"


def numbers(text: str) -> set[Decimal]:
    """All numbers in a text."""
    return {Decimal(found.group().replace(",", "")) for found in _NUMBERS.finditer(text)}


def first_number(text: str) -> Decimal | None:
    """The first number in a text."""
    found = _NUMBERS.search(text)
    return Decimal(found.group().replace(",", "")) if found else None


def results(text: str, end: int | None = None) -> list[Decimal]:
    """The results that are whole within the first ``end`` characters, in order.

    The text goes on behind: a number is only whole where the whole text says that it is.
    """
    end = len(text) if end is None else end
    return [Decimal(found[1].replace(",", "")) for found in _RESULTS.finditer(text) if found.end(1) <= end]


def states(prefix: str, results_of_it: list[Decimal], question: str, answer: str) -> bool:
    """Whether a prefix says the answer, marked or not: as a result, or as a number that the question does not have."""
    expected = number(answer)
    if expected is None:
        return answer in prefix
    return expected in results_of_it or expected in numbers(prefix) - numbers(question)


@dataclass(frozen=True)
class Intermediate:
    """Which of these had the partner worked out?"""

    options: tuple[str, ...]
    right: str


def probe(question: str, text: str, end: int, picks: Picks) -> Intermediate | None:
    """A probe of a solution's first ``end`` characters: the last result there, among numbers that are none there.

    Of the wrong ones, one is what the solution works out later, and one stands in the prefix without being worked out,
    where there are such: whoever did it all again knows these numbers too, but not how far the partner had come. None
    where the last result is a number of the question, or where there is no result.
    """
    done = results(text, end)
    if not done or done[-1] in numbers(question):
        return None
    right, there = done[-1], numbers(text[:end])
    later = [value for value in results(text) if value not in there]
    given = sorted((numbers(question) & there) - set(done))
    wrong: list[Decimal] = later[:1]
    if given:
        wrong.append(picks.one_of(given))
    for value in _near(right, picks):
        if len(wrong) >= DISTRACTORS:
            break
        if value not in done and value not in wrong:
            wrong.append(value)
    shown = picks.shuffled([right, *wrong[:DISTRACTORS]])
    return Intermediate(tuple(map(written, shown)), written(right))


def _near(value: Decimal, picks: Picks) -> Iterator[Decimal]:
    """Numbers that a slip might have given, in a drawn order, without end; none below 0 beside one that is not."""
    for distance in range(1, 1_000_000):
        steps = picks.shuffled([Decimal(distance), Decimal(-distance), Decimal(10 * distance), Decimal(-10 * distance)])
        yield from (value + step for step in steps if value < 0 or value + step >= 0)
