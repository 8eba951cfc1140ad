r"""Reading answers: which kind each is, and whether two are equal. `arena.grading` bounds the time and the memory.

The kind is chosen by grammar, before anything is tried; no kind stands in for another that failed:

- **number**: one plain literal, whole: sign, currency sign, thousands commas, decimals, exponent, ``%``. Numbers are
  compared exactly, as rationals: ``1,234`` = ``$1234.00``; ``2.55e-10`` = ``2.55 \times 10^{-10}``; ``0.333`` is not
  ``1/3``. ``%`` is either a unit or a hundredth: ``50%`` equals ``50`` and ``0.5``.
- **words**: ``\text{...}``, a word of four letters or more, yes, no and the like: compared as text, without case. Fewer
  letters (``xy``) are words only where words are expected.
- **expression**: all else, by math-verify, which reads the whole answer or nothing (its search for something readable
  inside prose is not used). Decimals equal an exact value when they agree to six places after the point, or to six
  significant digits below 0.001: ``0.333333`` = ``1/3``, ``0.333`` is not.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from fractions import Fraction
from functools import lru_cache
from math import floor, log10
from types import FrameType
from typing import Any, Literal, NamedTuple

Verdict = Literal["correct", "wrong", "unreadable"]
LONGEST = 1000
"""Characters: a longer answer is unreadable before anything reads it."""

_NUMBER = re.compile(
    r"""(?P<sign>[+-]?)\s*(?P<currency>[$€£¥₹]?)\s*(?P<inner>[+-]?)
    (?P<digits>(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)
    (?:[eE](?P<e>[+-]?[0-9]{1,3})|\s*(?:\\times|\\cdot|\*)\s*10\s*(?:\^|\*\*)\s*(?:\{(?P<p>[+-]?[0-9]{1,3})\}|(?P<q>[+-]?[0-9]{1,3})))?
    \s*(?P<percent>%?)""",
    re.VERBOSE,
)
_SCIENTIFIC = re.compile(r"(?<![A-Za-z0-9.])((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[eE]([+-]?[0-9]{1,3})(?![0-9])")
_FAR = re.compile(r"[0-9.][eE][+-]?[0-9]{4,}")
_SIDE_BY_SIDE = re.compile(r"[0-9.](?:\s|\\[;:, !]|\\q?quad)+[0-9.]|\.[0-9]*\.")
_WRAPPERS = (("**", "**"), ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("`", "`"))
_REPLACED = (
    ("\N{MINUS SIGN}", "-"),
    ("\N{NO-BREAK SPACE}", " "),
    ("\N{MULTIPLICATION SIGN}", r"\times "),
    ("\N{GREEK SMALL LETTER PI}", r"\pi "),
    (r"\$", "$"),
    (r"\%", "%"),
    (r"\!", ""),
    ("{,}", ","),
)
_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}\\]*)\}")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_FUNCTIONS = frozenset(
    (
        "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln lg exp sqrt frac min max gcd lcm det mod "
        "pi and or inf infinity percent percentage pct"
    ).split()
)
_SHORT_WORDS = frozenset("yes no odd one two six ten".split())
_NOT_PRODUCTS = frozenset("is no to of at it an as be so he we if on us go my".split())


class Number(NamedTuple):
    """A plain literal; ``value`` does not count the percent sign."""

    value: Fraction
    percent: bool


def tidy(answer: str) -> str:
    """The answer without what never changes its meaning: emphasis, maths delimiters, boxes, a full stop at the end."""
    text = re.sub(r"\\(?:boxed|fbox)\s*\{", "{", answer)
    for old, new in _REPLACED:
        text = text.replace(old, new)
    text = re.sub(r"(?<=[0-9])\\,(?=[0-9]{3}(?![0-9]))", "", text).strip()
    before = None
    while before != text:
        before = text
        for left, right in _WRAPPERS:
            if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right):
                text = text[len(left) : -len(right)].strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1].strip()
        if inner := re.fullmatch(r"\{([^{}]*)\}|\(([A-Za-z])\)", text):  # {35}; a choice such as (B)
            text = (inner.group(1) or inner.group(2) or "").strip()
    return text


def read_number(text: str) -> Number | None:
    """A tidy answer as a plain number literal, or None if its grammar is another."""
    match = _NUMBER.fullmatch(text)
    if match is None or (match["sign"] and match["inner"]):
        return None
    value = Fraction(match["digits"].replace(",", "").rstrip("."))
    value *= Fraction(10) ** int(match["e"] or match["p"] or match["q"] or 0)
    return Number(-value if "-" in (match["sign"], match["inner"]) else value, bool(match["percent"]))


def equal_numbers(one: Number, other: Number) -> bool:
    """Exact equality; a percent sign on one side only is a unit or a hundredth."""
    if one.value == other.value:
        return True
    return one.percent != other.percent and any(
        a.percent and a.value / 100 == b.value for a, b in ((one, other), (other, one))
    )


def read_words(text: str, expected: bool = False) -> str | None:
    """A tidy answer as plain words, without case and punctuation, or None if its grammar is another.

    ``expected`` says that words are expected: then any letters are words, also what may be mathematics (xy, A).
    """
    plain = _TEXT.sub(r" \1 ", text)
    if not any(c.isalpha() for c in plain) or not all(c.isalpha() or c in " -'.,()" for c in plain):
        return None
    words = " ".join(re.sub(r"[-'.,()]", " ", plain).split()).casefold()
    sure = expected or plain != text or not plain.isascii() or re.search(r"[a-z]{4}", words) or words in _SHORT_WORDS
    return words if sure else None


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
    if _SIDE_BY_SIDE.search(expected):
        return "unreadable", "expected answer could not be parsed"
    if _SIDE_BY_SIDE.search(answer):  # math-verify adds them up: to it 35 36 is 71
        return "unreadable", "numbers side by side"
    number, words = read_number(expected), read_words(expected)
    answer_number, answer_words = read_number(answer), read_words(answer, expected=words is not None)
    if number is not None and answer_number is not None:
        equal = equal_numbers(number, answer_number)
        return ("correct", "equal numbers") if equal else ("wrong", "not equal")
    if number is not None and answer_words is not None:
        return "unreadable", "words where a number is expected"
    if words is not None:
        if answer_words is not None:
            return ("correct", "equal words") if words == answer_words else ("wrong", "not equal")
        if answer_number is not None:
            return "wrong", "a number where words are expected"
        return "unreadable", "not in words, as the expected answer is"
    return None


def compare_expressions(expected: str, answer: str) -> tuple[Verdict, str]:
    """Verdict and reason for two tidy answers, by math-verify. Unbounded: only for a process that can be killed."""
    try:
        gold = _parse(expected)
    except (Exception, RecursionError) as error:
        _give_up_on_memory(error)
        return "unreadable", "expected answer could not be parsed"
    if strange := sorted(_unknown_words(answer) - _unknown_words(expected)):
        return "unreadable", f"words in the answer: {strange[0][:20]}"
    try:
        target = _parse(answer)
    except (Exception, RecursionError) as error:
        _give_up_on_memory(error)
        return "unreadable", "could not parse"
    if _undefined(gold):
        return "unreadable", "expected answer could not be parsed"
    if _undefined(target):
        return "unreadable", "undefined: division by zero"
    try:
        if _equal(gold, target):
            return "correct", "equal expressions"
        # math-verify turns errors inside a comparison into "not equal", among them running out of memory or stack.
        # So its No is believed only if a second look under a tracer sees none of those two pass.
        with _Swallowed() as swallowed:
            _equal(gold, target)
    except (Exception, RecursionError) as error:
        _give_up_on_memory(error)
        return "unreadable", f"could not compare: {type(error).__name__}"
    if swallowed.seen is not None:
        _give_up_on_memory(swallowed.seen)
        return "unreadable", f"could not compare: {type(swallowed.seen).__name__}"
    return "wrong", "not equal"


def _give_up_on_memory(error: BaseException) -> None:
    """Hands a memory error on: the process that met one must not read the next answer."""
    if isinstance(error, MemoryError):
        raise error


def _parse(text: str) -> Any:
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, latex2sympy, normalize_latex
    from math_verify.grader import should_treat_as_complex

    text = _SCIENTIFIC.sub(r"(\1*10^{\2})", text)  # else 2e3 is 2 times Euler's number times 3
    text = re.sub(r"(?<![\\A-Za-z])pi(?![A-Za-z])", r"\\pi ", text.replace("**", "^"))
    config = NormalizationConfig(units=True, malformed_operators=True, nits=True, boxed="none")
    text = normalize_latex(text, config=config)
    parsed = latex2sympy(
        text, is_real=not should_treat_as_complex(text), convert_degrees=False, normalization_config=None
    )
    if parsed is None:
        raise ValueError("nothing parsed")
    return parsed


def _unknown_words(text: str) -> set[str]:
    """Words in an answer that are neither units nor functions, so that 'not 35' is not read as n*o*t*35."""
    inside = " ".join(_TEXT.findall(text))
    outside = re.sub(r"\\(?:begin|end)\s*\{[a-z]*\*?\}", " ", _TEXT.sub(" ", text))
    words = {word.lower() for word in _WORD.findall(inside + " " + outside)}
    products = {word for word in words if len(word) == 2} - _NOT_PRODUCTS
    return words - products - _known_words()


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    from latex2sympy2_extended.math_normalization import units

    singular = {unit for unit in units if unit.isalpha()}
    return frozenset(_FUNCTIONS | singular | {unit + end for unit in singular for end in ("s", "es")})


def _undefined(parsed: Any) -> bool:
    from sympy import nan, zoo

    return bool(hasattr(parsed, "has") and parsed.has(nan, zoo))


def _equal(gold: Any, target: Any) -> bool:
    """math-verify's verdict. An answer that is an equation must be true on every side: 99=35 does not answer 35."""
    from latex2sympy2_extended import is_expr_of_only_symbols
    from math_verify import verify
    from math_verify.grader import is_equation

    places = _places(gold, target)

    def same(one: Any) -> bool:
        return bool(
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


class _Swallowed:
    """Notes a MemoryError or RecursionError raised while it is entered, even if somebody catches it."""

    seen: BaseException | None = None

    def __enter__(self) -> _Swallowed:
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
