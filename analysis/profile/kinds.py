"""What kind of text stands at a place: a small classification of words, by their characters and their place.

The kinds of a word are asked in this order, and the first that fits is taken:

    note        it is inside ``<<...>>``, or is one of these signs
    answer      it is ``####`` or behind it in its line, or begins a ``\\boxed``
    number      it has a digit
    operator    it has one of + - * / = and their kin, and no letter
    name        it begins with a capital letter, and the question has it, spelled the same
    word        it has a letter
    sign        anything else
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

KINDS = ("note", "answer", "number", "operator", "name", "word", "sign")
_NOTE = re.compile(r"<<[^\n]*?(?:>>|(?=\n)|$)")
_ANSWER = re.compile(r"####[^\n]*|\\boxed[^\n]*")
_OPERATOR = re.compile(r"[-+*/=×÷·−<>^]")
_LETTER = re.compile(r"[^\W\d_]")


def kinds_of(text: str, offsets: Sequence[int], question: str) -> list[str]:
    """The kind of each piece of a text, which ``offsets`` cut: n + 1 of them give n kinds.

    A piece of several words is of the first of KINDS that any of its words is of.
    """
    notes = [match.span() for match in _NOTE.finditer(text)]
    answers = [match.span() for match in _ANSWER.finditer(text)]
    asked = set(re.findall(r"\w+", question))
    return [_kind(text, a, b, notes, answers, asked) for a, b in pairwise(offsets)]


def _kind(
    text: str, start: int, end: int, notes: list[tuple[int, int]], answers: list[tuple[int, int]], asked: set[str]
) -> str:
    words = [(match.start() + start, match.group()) for match in re.finditer(r"\S+", text[start:end])]
    found = {_of_word(word, at, notes, answers, asked) for at, word in words}
    return next((kind for kind in KINDS if kind in found), "sign")


def _of_word(word: str, at: int, notes: list[tuple[int, int]], answers: list[tuple[int, int]], asked: set[str]) -> str:
    def inside(spans: list[tuple[int, int]]) -> bool:
        return any(at < last and at + len(word) > first for first, last in spans)

    if inside(notes):
        return "note"
    if inside(answers):
        return "answer"
    if re.search(r"\d", word):
        return "number"
    if _OPERATOR.search(word) and not _LETTER.search(word):
        return "operator"
    bare = re.match(r"\w*", word.lstrip("\"'([{“‘"))
    if bare and bare.group()[:1].isupper() and bare.group() in asked:
        return "name"
    return "word" if _LETTER.search(word) else "sign"
