"""How a step is calculated: plainly, or in a jargon that somebody who has never seen it cannot continue.

| notation | a step | what it is |
|---|---|---|
| plain | ``29 + 6 = 35`` | |
| calculator | ``29 + 6 = <<29+6=35>>35`` | GSM8K's calculator notes, the jargon of paper 1 |
| rpn | ``29 6 + = 35`` | reverse Polish: the sign comes last |
| codes | ``cj + g = df`` | letters for digits, a for 0 to j for 9; the last line has digits |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from arena.tasks.arithmetic.story import Step

Notation = Literal["plain", "calculator", "rpn", "codes"]
NOTATIONS: tuple[Notation, ...] = get_args(Notation)
_LETTERS = str.maketrans("0123456789", "abcdefghij")

PATTERNS: Mapping[Notation, str] = {
    "calculator": r"<<",
    "rpn": r"\d \d",
    "codes": r"(?<![A-Za-z])[a-j]{1,2} ?[-+*/=]|[-+*/=] ?[a-j]{1,2}(?![A-Za-z])",
}
"""What tells that a notation was begun, also where another author broke it. None of them matches a plain solution."""


def worked(step: Step, notation: Notation) -> str:
    """The calculation of a step."""
    left, sign, right, result = step.left, step.sign, step.right, step.result
    if notation == "calculator":
        return f"{left} {sign} {right} = <<{left}{sign}{right}={result}>>{result}"
    if notation == "rpn":
        return f"{left} {right} {sign} = {result}"
    plain = f"{left} {sign} {right} = {result}"
    return plain.translate(_LETTERS) if notation == "codes" else plain


def begun(text: str, notation: Notation) -> bool:
    """Is there some of a jargon in a text?"""
    return re.search(PATTERNS[notation], text) is not None
