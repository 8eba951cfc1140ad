"""One expression or inequality: what math-verify's parser makes of it, and whether two are equal. Unbounded: only for a
process that can be killed."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from fractions import Fraction
from math import floor, log10
from types import FrameType
from typing import Any

from arena.answers.notation import DOTS, spell_out

_BETWEEN = re.compile(r"[0-9] ?\\text ?\{[^{}]*\} ?[0-9]|[0-9]\)? ?_")  # 5 feet 3 inches; a base inside an expression


def rational(value: Fraction) -> Any:
    from sympy import Rational

    return Rational(value.numerator, value.denominator)


def parse(text: str, cased: bool) -> Any:
    from latex2sympy2_extended.latex2sympy2 import (
        ConversionConfig,
        NormalizationConfig,
        latex2sympy,
        normalize_latex,
    )

    if DOTS in text or _BETWEEN.search(text):
        raise ValueError("not one expression")
    degrees = "circ" in text and re.search(r"\\(?:sin|cos|tan|cot|sec|csc)", text) is not None
    config = NormalizationConfig(nits=True, boxed="none")
    parsed = latex2sympy(
        normalize_latex(spell_out(text), config=config),
        is_real=True,
        convert_degrees=degrees,
        normalization_config=None,
        conversion_config=ConversionConfig(lowercase_symbols=not cased),
    )
    if parsed is None:
        raise ValueError("nothing parsed")
    return parsed


def solutions(parsed: Any) -> Any:
    """The set that solved inequalities describe."""
    from sympy import Intersection, Interval, oo

    found = []
    for relation in getattr(parsed, "_unsorted_args", None) or [parsed]:
        flip = not relation.lhs.is_Symbol
        bound, sign = (relation.lhs, relation.reversed.rel_op) if flip else (relation.rhs, relation.rel_op)
        if sign == "!=":
            found.append(Interval.open(-oo, bound) + Interval.open(bound, oo))
        elif sign in ("<", "<="):
            found.append(Interval(-oo, bound, right_open=sign == "<"))
        else:
            found.append(Interval(bound, oo, left_open=sign == ">"))
    return Intersection(*found)


def joined(sets: Sequence[Any], joint: str) -> Any:
    """Sets joined by "or" or "and". A comma is the one that says something: x<1, x>2 are two parts, x>1, x<2 is one."""
    from sympy import Intersection, Union

    common = Intersection(*sets)
    if joint == "and" and common.is_empty:
        raise ValueError("conditions that exclude each other")
    return Union(*sets) if joint == "or" or (joint == "," and common.is_empty) else common


def equal(gold: Any, target: Any) -> bool:
    """math-verify's verdict. An answer that is an equation must be true on every side: 99=35 does not answer 35."""
    from latex2sympy2_extended import is_expr_of_only_symbols
    from math_verify import verify
    from math_verify.grader import is_equation

    places = _places(gold, target)

    def same(one: Any) -> bool:
        if getattr(gold, "is_Symbol", False) and getattr(one, "is_Symbol", False):
            return bool(gold == one)  # math-verify takes Omega for omega
        return not _far_apart(gold, one) and bool(
            verify(
                gold,
                one,
                float_rounding=places,
                numeric_precision=places + 9,
                timeout_seconds=None,
                raise_on_error=True,
            )
        )

    if is_equation(target) and not is_equation(gold):
        equations = getattr(target, "_unsorted_args", None) or [target]
        sides = [equations[0].lhs, *(equation.rhs for equation in equations)]
        return all(same(side) for side in sides[:-1] if not is_expr_of_only_symbols(side)) and same(sides[-1])
    return same(target)


def _far_apart(one: Any, other: Any) -> bool:
    """Whether two expressions differ in their first digits, where their variables have the same values at random. It
    would take math-verify long to say so, often too long; what is not far apart is left to it."""
    from sympy import Derivative, Expr, Integral, Rational, Sum, UnevaluatedExpr
    from sympy.core.evalf import PrecisionExhausted

    for each in (one, other):
        if not isinstance(each, Expr) or each.is_Symbol or each.has(UnevaluatedExpr, Sum, Integral, Derivative):
            return False
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    point = {symbol: Rational(1709 + 613 * n, 997) for n, symbol in enumerate(symbols)}
    try:
        a, b = ((each.subs(point) if point else each).evalf(20, strict=True) for each in (one, other))
        size = max(abs(part) for each in (a, b) for part in each.as_real_imag())
        return bool(max(abs(part) for part in (a - b).as_real_imag()) > max(1e-5, 1e-9 * size))
    except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError, PrecisionExhausted):
        return False


def _places(*parsed: Any) -> int:
    """Decimals to compare: math-verify's 6, and more for values under 0.001, which it would all take for zero."""
    smallest = 1.0
    pending = list(parsed)
    while pending:
        one = pending.pop()
        if getattr(one, "is_number", False):
            try:
                size = abs(complex(one.evalf(6)))
            except (TypeError, ValueError, OverflowError):
                continue
            smallest = min(smallest, size) if size > 0 else smallest
        else:
            pending.extend(getattr(one, "args", ()))
    return 6 if smallest >= 1e-3 else min(5 - floor(log10(smallest)), 300)


class Swallowed:
    """Notes a MemoryError or RecursionError raised while it is entered, even if somebody catches it."""

    seen: BaseException | None = None

    def __enter__(self) -> Swallowed:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_lines = False
        return self._inside

    def _inside(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "exception" and isinstance(arg[1], (MemoryError, RecursionError)):
            self.seen = arg[1]
        return self._inside
