"""Comparing answers that need a parser: lists part by part, expressions by math-verify. Only for a process that can be
killed: time and memory are not bounded here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Literal

from arena.answers.grammar import NOT_PARSED, Verdict, by_grammar, differing_units
from arena.answers.mathverify import Swallowed, equal, joined, parse, rational, solutions
from arena.answers.notation import DOTS, FUNCTIONS, TEXT, read_listing, tidy
from arena.answers.quantities import Quantity, known_word, read_based, read_number, read_quantity

_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_OTHER_WORDS = frozenset("frac and or inf infinity percentage pct circ ldots text".split())
_NOT_PRODUCTS = frozenset("is no to of at it an as be so he we if on us go my in by".split())
_CAPITAL = re.compile(r"\\(?:Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega)(?![A-Za-z])")
_MEMBER = re.compile(r"[A-Za-z] ?\\in(?![A-Za-z]) ?")
_BUILDER = re.compile(r"\\\{ ?[A-Za-z] ?(?:\\in ?\\mathbb ?\{?R\}? ?)?(?:\\mid|\\vert|\||:) ?(.*) ?\\\}")
_NAME = r"(?:[A-Za-z]|\\[A-Za-z]+)(?: ?_ ?(?:[A-Za-z0-9]|\{[^{}]*\}))?"
_NAMED = re.compile(rf"({_NAME}) ?=")
_NAMED_LIST = re.compile(rf"(?:{_NAME}|\([A-Za-z, ]*\)) ?= ?(?=\(|\\\{{)")
_NAMED_RATIO = re.compile(r"[A-Za-z](?: ?: ?[A-Za-z])+ ?= ?")
_EITHER = re.compile(r"\\pm(?![A-Za-z])")
_SIGN = re.compile(r"<|>|\\(?:le|ge|ne)(?![A-Za-z])")
_CLOCK = re.compile(r"[0-9]{1,2}(?::[0-5][0-9])+")


def compare_expressions(expected: str, answer: str) -> tuple[Verdict, str]:
    """Verdict and reason for two tidy answers, by math-verify. Unbounded: only for a process that can be killed."""
    cased = _cased(expected) or _cased(answer)
    try:
        gold = _read(expected, cased)
        if gold.undefined():
            return "unreadable", NOT_PARSED
    except (Exception, RecursionError) as error:
        _give_up_on_memory(error)
        return "unreadable", NOT_PARSED
    if strange := sorted(_unknown_words(answer) - _unknown_words(expected)):
        return "unreadable", f"words in the answer: {strange[0][:20]}"
    try:
        target = _read(answer, cased)
        if target.undefined():
            return "unreadable", "undefined: division by zero"
    except (Exception, RecursionError) as error:
        _give_up_on_memory(error)
        return "unreadable", "could not parse"
    doubts: list[str] = []
    try:
        if _same(gold, target, doubts):
            return "correct", "equal expressions"
        # math-verify turns errors inside a comparison into "not equal", among them running out of memory or stack.
        # So its No is believed only if a second look under a tracer sees none of those two pass.
        with Swallowed() as swallowed:
            _same(gold, target, doubts)
    except (Exception, RecursionError) as error:
        _give_up_on_memory(error)
        return "unreadable", f"could not compare: {type(error).__name__}"
    if swallowed.seen is not None:
        _give_up_on_memory(swallowed.seen)
        return "unreadable", f"could not compare: {type(swallowed.seen).__name__}"
    return ("unreadable", doubts[0]) if doubts else ("wrong", "not equal")


def _give_up_on_memory(error: BaseException) -> None:
    """Hands a memory error on: the process that met one must not read the next answer."""
    if isinstance(error, MemoryError):
        raise error


def _cased(text: str) -> bool:
    """Whether capitals are other letters than small ones: in m/M, but not in X=5."""
    letters = set("".join(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", TEXT.sub(" ", text)))))
    return any(letter.upper() in letters for letter in letters if letter.islower()) or _CAPITAL.search(text) is not None


def _unknown_words(text: str) -> set[str]:
    """Words in an answer that are neither units nor functions, so that 'not 35' is not read as n*o*t*35."""
    inside = " ".join(TEXT.findall(text))
    outside = re.sub(r"\\(?:begin|end)\s*\{[a-z]*\*?\}", " ", TEXT.sub(" ", text))
    words = {word.lower() for word in _WORD.findall(inside + " " + outside)}
    products = {word for word in words if len(word) == 2} - _NOT_PRODUCTS
    return {word for word in words - products - _OTHER_WORDS - FUNCTIONS if not known_word(word)}


@dataclass
class _Node:
    """An answer taken apart. A tuple of two is also read as a whole, because it may be an interval."""

    kind: Literal["leaf", "bare", "tuple", "set", "ratio", "cases"]
    text: str
    cased: bool
    parts: Sequence[_Node] = ()
    joint: str = ","

    @cached_property
    def quantity(self) -> Quantity:
        return read_quantity(self.text) if self.kind == "leaf" else Quantity(self.text)

    @cached_property
    def parsed(self) -> Any:
        """What the parser makes of it; of inequalities joined by words, the set of their solutions."""
        if self.kind == "cases":
            return joined([part.solutions for part in self.parts], self.joint)
        number = read_number(self.quantity.text) if r"\overline" in self.text else None
        parsed = rational(number.value) if number else parse(self.quantity.text, self.cased)
        return parsed * 10**self.quantity.power if self.quantity.power else parsed

    @cached_property
    def variable(self) -> str | None:
        """The variable of inequalities that are solved for it."""
        return self.parts[0].variable if self.kind == "cases" else _solved_for(self.text)

    @property
    def solutions(self) -> Any:
        return self.parsed if self.kind == "cases" else solutions(self.parsed)

    def undefined(self) -> bool:
        """Reads all of it: raises if that cannot be done. True if it divides by zero."""
        from sympy import nan, zoo

        if self.kind not in ("leaf", "cases"):
            return max(not _plain(part.text) and part.undefined() for part in self.parts)
        if self.text == DOTS:
            return False
        return bool(hasattr(self.parsed, "has") and self.parsed.has(nan, zoo))


def _plain(text: str) -> bool:
    """Part of a list that needs no parser."""
    return read_number(text) is not None or read_based(text) is not None


def _read(text: str, cased: bool) -> _Node:
    """Raises for nothing: what is no list is a leaf, and whether that can be read shows when it is parsed."""
    text = _MEMBER.sub("", text, count=1) if _MEMBER.match(text) else text
    if builder := _BUILDER.fullmatch(text):
        text = builder[1].strip()
    for named in (_NAMED_LIST, _NAMED_RATIO):
        if (match := named.match(text)) and (rest := read_listing(text[match.end() :])) and rest.kind != "bare":
            text = text[match.end() :]
    listing = None if read_number(text) else read_listing(text)
    if (listing is None or listing.kind in ("tuple", "ratio")) and len(_EITHER.findall(text)) == 1:
        both = [_EITHER.sub(sign, text.replace(r"\mp", other)) for sign, other in ((" + ", " - "), (" - ", " + "))]
        return _Node("bare", text, cased, [_read(tidy(one), cased) for one in both])
    if listing is None:
        return _Node("leaf", text, cased)
    parts = [_read(tidy(part), cased) for part in listing.parts]
    if listing.kind in ("bare", "set"):
        parts = [leaf for part in parts for leaf in (part.parts if part.kind == "bare" else [part])]
    if listing.kind == "set" and len(parts) == 1:
        return parts[0]
    variables = {part.variable if part.kind == "leaf" else None for part in parts}
    cases = listing.kind == "bare" and len(variables) == 1 and None not in variables
    return _Node("cases" if cases else listing.kind, text, cased, parts, listing.joint)


def _solved_for(text: str) -> str | None:
    """x of -1 < x < 2 and of x \\ne 3; None if no side is one letter, or another side has letters."""
    sides = [side.strip() for side in _SIGN.split(text)]
    if not 2 <= len(sides) <= 3 or "=" in text:
        return None
    middle = [sides[1]] if len(sides) == 3 else sides
    variable = next((side for side in middle if re.fullmatch(r"[A-Za-z]|\\(?!pi\b|infty\b)[a-z]+", side)), None)
    others = [side for side in sides if side is not variable]
    return variable if not any(re.search(r"(?<![\\A-Za-z])(?!e\b)[A-Za-z]", side) for side in others) else None


def _same(gold: _Node, given: _Node, doubts: list[str]) -> bool:
    """Whether the answer is the expected one. ``doubts`` gets reasons why a No may not be meant so."""
    kinds = {gold.kind, given.kind}
    if kinds <= {"leaf", "cases"}:
        return _same_expressions(gold, given)
    if kinds & {"leaf", "cases"}:
        listed = gold if given.kind in ("leaf", "cases") else given
        if listed.kind in ("tuple", "ratio"):  # an interval, or a quotient
            return len(listed.parts) == 2 and _same_expressions(gold, given)
        leaf = gold if listed is given else given
        return bool(read_number(leaf.text)) and leaf.text.replace(" ", "") == listed.text.replace(" ", "")
    if kinds == {"ratio"}:
        return _same_ratio(gold, given, doubts)
    if "ratio" in kinds or kinds == {"tuple", "set"} or len(gold.parts) != len(given.parts):
        return False
    if kinds == {"tuple", "bare"} and any("infty" in part.text for part in (*gold.parts, *given.parts)):
        return False  # an interval
    names, given_names = _names(gold), _names(given)
    if names and given_names:
        return _in_any_order(gold.parts, given.parts, doubts)
    if "tuple" not in kinds and not names and not given_names:
        return _in_any_order(gold.parts, given.parts, doubts)
    in_order = all(_same_parts(one, other, doubts) for one, other in zip(gold.parts, given.parts, strict=True))
    named = names or given_names
    if named and (named != sorted(named) or (given_names and not in_order and "tuple" not in kinds)):
        if _in_any_order(gold.parts, given.parts, []):
            doubts.append("names whose order is not known")
        return False
    return in_order


def _names(node: _Node) -> list[str] | None:
    """x, y of x=1, y=2; None if a part has no name, or two have the same."""
    names = [match[1] for part in node.parts if (match := _NAMED.match(part.text))]
    return names if len(set(names)) == len(node.parts) else None


def _in_any_order(gold: Sequence[_Node], given: Sequence[_Node], doubts: list[str]) -> bool:
    left = list(given)
    for one in gold:
        found = next((n for n, other in enumerate(left) if _same_parts(one, other, doubts)), None)
        if found is None:
            return False
        del left[found]
    return True


def _same_parts(gold: _Node, given: _Node, doubts: list[str]) -> bool:
    if gold.kind == given.kind == "leaf":
        if DOTS in (gold.text, given.text):
            return gold.text == given.text
        if settled := by_grammar(gold.text, given.text):
            if settled[0] == "unreadable":
                doubts.append(settled[1])
            return settled[0] == "correct"
    return _same(gold, given, doubts)


def _same_ratio(gold: _Node, given: _Node, doubts: list[str]) -> bool:
    """Proportional; two times of day are equal or not."""
    if len(gold.parts) != len(given.parts):
        return False
    clocks = [":".join(part.quantity.text for part in node.parts) for node in (gold, given)]
    if all(_CLOCK.fullmatch(clock) for clock in clocks):
        return all(_same_parts(one, other, doubts) for one, other in zip(gold.parts, given.parts, strict=True))
    one, other = ([part.parsed for part in node.parts] for node in (gold, given))
    if not any(part != 0 for part in one) or not any(part != 0 for part in other):
        return False
    return all(equal(one[n] * other[m], one[m] * other[n]) for n, m in combinations(range(len(one)), 2))


def _same_expressions(gold: _Node, given: _Node) -> bool:
    from sympy import Set

    if DOTS in (gold.text, given.text):
        return gold.text == given.text
    if differing_units(gold.quantity.unit, given.quantity.unit):
        return False
    if gold.variable and given.variable:
        same = gold.variable == given.variable if gold.cased else gold.variable.lower() == given.variable.lower()
        return same and equal(gold.solutions, given.solutions)
    if gold.variable and isinstance(given.parsed, Set):
        return equal(gold.solutions, given.parsed)
    if given.variable and isinstance(gold.parsed, Set):
        return equal(gold.parsed, given.solutions)
    return equal(gold.parsed, given.parsed)
