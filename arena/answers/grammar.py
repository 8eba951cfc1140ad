r"""Reading answers: which kind each is, and whether two are equal. `arena.grading` bounds the time and the memory.

The kind is chosen by grammar, before anything is tried; no kind stands in for another that failed:

- **number**: one plain literal, whole: sign, currency sign, thousands commas, decimals, exponent, ``%``. Numbers are
  compared exactly, as rationals: ``1,234`` = ``$1234.00``; ``2.55e-10`` = ``2.55 \times 10^{-10}``; ``0.333`` is not
  ``1/3``. ``%`` is either a unit or a hundredth: ``50%`` equals ``50`` and ``0.5``.
- **number in a base**: ``4210_5``: equal to the same digits in the same base, and to nothing else.
- **words**: ``\text{...}``, a word of four letters or more, yes, no and the like: compared as text, without case. Fewer
  letters (``xy``) are words only where words are expected.
- **list**: ``1, 2`` (in any order), ``(1, 2)`` (in order), ``\{1, 2\}``; ``1:2:3``: compared part by part. ``(1, 2)``
  may be a pair or an interval: it equals ``1, 2`` and ``1<x<2``, but no set.
- **expression**: all else, by math-verify, which reads the whole answer or nothing (its search for something readable
  inside prose is not used). Decimals equal an exact value when they agree to six places after the point, or to six
  significant digits below 0.001: ``0.333333`` = ``1/3``, ``0.333`` is not.

A unit at the end (``5 \text{ cm}``, ``$5``, ``30^\circ``) may be left out on either side, but not be another one.

Two answers may not be exchanged where the expected one says what is asked: words (``A`` answers ``\text{A}``),
equations (``x=35`` and ``35`` answer each other, ``99=35`` does not answer ``35``), a base.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from arena.answers.notation import read_words
from arena.answers.quantities import (
    Number,
    Quantity,
    equal_numbers,
    letter_unit,
    read_based,
    read_number,
    read_quantity,
    same_units,
)

Verdict = Literal["correct", "wrong", "unreadable"]
LONGEST = 1000
"""Characters: a longer answer is unreadable before anything reads it."""

_FAR = re.compile(r"[0-9.][eE][+-]?[0-9]{4,}")
_SIDE_BY_SIDE = re.compile(r"[0-9.]\s+[0-9.]|\.[0-9]*\.")
NOT_PARSED = "expected answer could not be parsed"


def refuse(answer: str) -> str | None:
    """Why no reader may see this answer, or None. Takes time linear in it."""
    if len(answer) > LONGEST:
        return f"longer than {LONGEST} characters"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn") and c not in "\t\n\r" for c in answer):
        return "characters that no answer has"
    if _FAR.search(answer):
        return "exponent too large"
    return None


def by_grammar(expected: str, answer: str) -> tuple[Verdict, str] | None:
    """Verdict and reason for two tidy answers that need no parser, or None for those that do."""
    gold, given = read_number(expected), read_number(answer)
    if gold is not None and given is not None:
        return _numbers(gold, given, Quantity(expected, gold.currency), Quantity(answer, given.currency))
    if _SIDE_BY_SIDE.search(expected):
        return "unreadable", NOT_PARSED
    if _SIDE_BY_SIDE.search(answer):  # math-verify adds them up: to it 35 36 is 71
        return "unreadable", "numbers side by side"
    words = read_words(expected)
    answer_words = read_words(answer, expected=words is not None)
    if gold is not None and answer_words is not None:
        return "unreadable", "words where a number is expected"
    if words is not None:
        if answer_words is not None:
            return ("correct", "equal words") if words == answer_words else ("wrong", "not equal")
        if given is not None:
            return "wrong", "a number where words are expected"
        return "unreadable", "not in words, as the expected answer is"
    return _in_bases(expected, answer) or _quantities(expected, answer)


def _in_bases(expected: str, answer: str) -> tuple[Verdict, str] | None:
    gold, given = read_based(expected), read_based(answer)
    if gold is None and given is None:
        return None
    if gold is not None and given is not None:
        return ("correct", "equal numbers") if gold == given else ("wrong", "not equal")
    based, number = (gold, read_number(answer)) if gold is not None else (given, read_number(expected))
    assert based is not None
    if number is None:
        return "unreadable", "a base on one side only"
    same = read_number(based.digits) == number
    if same and based.base == 10:
        return "correct", "equal numbers"
    if same and gold is None:  # the question may have named the base
        return "unreadable", "a base where the expected answer names none"
    return "wrong", "another base"


def _quantities(expected: str, answer: str) -> tuple[Verdict, str] | None:
    """Numbers with units, one or both."""
    one, other = read_quantity(expected), read_quantity(answer)
    if other.unit and not one.unit and (letter := letter_unit(expected)):  # 5 m, where the answer says \text{m}
        one = letter
    gold = read_number(one.text)
    if gold is None:
        return None
    guess = None if other.unit else letter_unit(answer)
    if guess is not None:
        other = guess
    given = read_number(other.text)
    if given is None:
        return None
    found = _numbers(gold, given, one, other)
    if guess is not None and found[0] == "correct" and not one.unit:
        return "unreadable", "a letter that may be a unit"
    return found


def _numbers(gold: Number, given: Number, one: Quantity, other: Quantity) -> tuple[Verdict, str]:
    if not other.known and not same_units(one.unit, other.unit):
        return "unreadable", f"words in the answer: {other.unit[:20]}"
    gold = gold._replace(value=gold.value * 10**one.power)
    scaled = given._replace(value=given.value * 10**other.power)
    if not equal_numbers(gold, scaled):
        if other.power and not one.power:  # the question may have asked for millions
            return "unreadable", "words in the answer: a power of ten"
        return "wrong", "not equal"
    return differing_units(_with_sign(one, gold), _with_sign(other, given)) or ("correct", "equal numbers")


def _with_sign(quantity: Quantity, number: Number) -> str:
    """The unit with the sign before or after the number: dollar/h of $5 per hour."""
    sign = number.currency or ("%" if number.percent else "")
    return quantity.unit if quantity.unit.startswith(sign) else sign + quantity.unit


def differing_units(gold: str, given: str) -> tuple[Verdict, str] | None:
    return ("wrong", "another unit") if gold and given and not same_units(gold, given) else None
