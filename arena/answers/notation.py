r"""How answers are written: `tidy` gives each thing one spelling, `spell_out` the one that the parser reads.

Words and lists are read by grammar alone: the readers give None for an answer of another grammar.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

TEXTS = r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf|it)|mbox|hbox)"
FUNCTIONS = frozenset(
    (
        "arcsin arccos arctan sinh cosh tanh sin cos tan cot sec csc log ln lg exp sqrt max min gcd lcm det mod pi"
    ).split()
)
DOTS = r"\ldots"
TEXT = re.compile(TEXTS + r"\s*\{([^{}\\]*)\}")
_BARE = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_NUMERAL = re.compile(r"[-+$€£¥₹]*[0-9]+(?:,[0-9]+)*(?:\.[0-9]+)?%?")
_REPLACED = (
    *zip("−×⋅·÷∪∈∅", ("-", r"\times ", r"\cdot ", r"\cdot ", "/", r"\cup ", r"\in ", r"\emptyset "), strict=True),
    *zip("∞π±≤≥≠…", (rf"\{name} " for name in "infty pi pm le ge ne ldots".split()), strict=True),
    *zip("°²³½¼¾", (r"^\circ ", "^2", "^3", r"\frac{1}{2}", r"\frac{1}{4}", r"\frac{3}{4}"), strict=True),
    (r"\$", "$"),
    (r"\%", "%"),
    ("{,}", ","),
    ("{:}", ":"),
    (">=", r"\ge "),
    ("<=", r"\le "),
    ("**", "^"),
)
_TOKEN = r"[A-Za-z]|\\(?:pi|alpha|beta|theta|phi|omega|lambda|mu|infty)(?![A-Za-z])"  # an argument without braces
_SPELT = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"√ ?([0-9]+(?:\.[0-9]+)?)", r"\\sqrt{\1}"),
        ("√", r"\\sqrt "),
        (r"\\!\s*", ""),  # 11,\! 111
        (r"(?<=[0-9])\\,(?=[0-9]{3}(?![0-9]))", ""),  # 10\,000
        (r"(\\\\)|\\[,;:> ]|\\[()]|~|\\q?quad(?![A-Za-z])|\s+", r"\1 "),
        (r"\\(?:left|right) ?\.|\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits)(?![A-Za-z])", ""),
        (r"\\[dtc](frac|binom)(?![A-Za-z])", r"\\\1"),
        (r"\\([lg]e)(?:q|qslant|slant)(?![A-Za-z])", r"\\\1 "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\neq(?![A-Za-z])", r"\\ne "),
        (r"\\equiv(?![A-Za-z])", " = "),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\langle(?![A-Za-z])", "("),
        (r"\\rangle(?![A-Za-z])", ")"),
        (r"\\colon(?![A-Za-z])", ":"),
        (r"\\backslash(?![A-Za-z])", r"\\setminus "),
        (r"\\varnothing(?![A-Za-z])", r"\\emptyset "),
        (r"\\(?:c?dots[cb]?|ldots)(?![A-Za-z])|\.\.\.+", r"\\ldots "),
        (r"\(? ?\\[pb]mod(?![A-Za-z]) ?\{? ?([0-9]+) ?\}? ?\)?", r" \\mod \1"),
        (r"\( ?mod ([0-9]+) ?\)", r" \\mod \1"),
        (r"\{ ?\\rm(?![A-Za-z]) ?([^{}\\]*)\}", r"\\mathrm{\1}"),
        (r"\^ ?\{ ?\\(?:circ|degree) ?\}|\^ ?\\circ(?![A-Za-z])|\\degree(?![A-Za-z])", r"^\\circ "),
        (r"\^\\circ *(?:" + TEXTS + r" ?\{ ?([CF]) ?\}|([CF])(?![A-Za-z]))", r"\\text{ deg\1\2}"),
        (TEXTS + r" ?\{([^{}\\A-Za-z]*| ?[A-Z](?:, ?[A-Z])+ ?)\}", r"\1"),  # \text{35}, \text{, }, \text{A, C}
        (TEXTS + r" ?\{[ ,]*(and|or|percent|base) ?([0-9]*) ?\}", r" \1 \2"),
        (TEXTS + r" ?\{ ?([eijk]) ?\}|\\(?:hat|vec) ?\{? ?\\?([ijk])(?:math)? ?\}?(?![A-Za-z])", r"\1\2 "),
        (r"(?<=[0-9]) ?(?:\^ ?\{? ?)?" + TEXTS + r" ?\{ ?(?:st|nd|rd|th) ?\} ?\}?|(?<=[0-9]) ?\^ ?\{ ?th ?\}", ""),
        (r"^(?:" + TEXTS + r" ?\{)? ?(?:all )?(?:real numbers|reals) ?\}?$", r"\\mathbb{R}"),
        (r"\\([ij])math(?![A-Za-z])", r"\1 "),
        (r"(?<=[0-9]) *percent(?![A-Za-z])", "%"),
        (r" {2,}", " "),
        (r"\\sqrt ?(\[[^\[\]]*\])? ?([0-9](?! ?[0-9]|\.[0-9])|" + _TOKEN + ")", r"\\sqrt\1{\2}"),
        (r"\\(frac|binom) ?([0-9]|" + _TOKEN + ")", r"\\\1{\2}"),
        (r"\\log ?_ ?([0-9])(?= [0-9]|[0-9]+ ?$)", r"\\log_{\1} "),
        (r" {2,}", " "),
        (r"\$([^$ ]|[^$ ][^$]*[^$ ])\$(?![0-9])", r"\1"),  # maths among words, but not $5 and $6
    )
)
_BRACKET = re.compile(r"(\\\{|[({\[]|\\begin(?![A-Za-z]))|(\\\}|[)}\]]|\\end(?![A-Za-z]))|\\[A-Za-z]+|\\.", re.DOTALL)
_TWO = re.compile(r"\\(?:frac|binom)\{")
_LAST = re.compile(rf" ?([0-9](?! ?[0-9]|\.[0-9])|{_TOKEN})")
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
"""East Asian forms of ASCII, as in １２."""
_WRAPPERS = (("**", "**"), ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("`", "`"))


def tidy(answer: str) -> str:
    """The answer in one spelling, without what never changes its meaning: emphasis, maths delimiters, boxes, the spaces
    of TeX, a full stop at the end. Arguments of commands stand in braces, except where TeX and a reader would differ:
    ``\\frac123`` stays, and nobody can read it."""
    text = answer.translate(_WIDE).strip().rstrip("。")
    if _BARE.fullmatch(text):
        return text
    text = re.sub(r"\\(?:boxed|fbox)\s*\{", "{", _unwrapped(text))
    for old, new in _REPLACED:
        text = text.replace(old, new)
    if not _NUMERAL.fullmatch(text):
        for pattern, spelling in _SPELT:
            text = pattern.sub(spelling, text)
    return _with_last_arguments(_unwrapped(text))


def _unwrapped(text: str) -> str:
    before = None
    while before != text:
        before = text
        text = text.strip().rstrip("\\").rstrip()
        for left, right in _WRAPPERS:
            if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right):
                inner = text[len(left) : -len(right)]
                if left not in inner.replace(r"\$", ""):  # not $1$ or $2$
                    text = inner.strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1].strip()
        if text.startswith("{") and closing(text, 0) == len(text):  # {35}
            text = text[1:-1].strip()
        if choice := re.fullmatch(r"\(([A-Za-z])\)", text):  # (B)
            text = choice[1]
    return text


def _with_last_arguments(text: str) -> str:
    r"""Braces for the second argument of \frac and \binom, where it has none."""
    at = 0
    while match := _TWO.search(text, at):
        at = match.end() - 1
        if (end := closing(text, at)) and (last := _LAST.match(text, end)):
            text = f"{text[:end]}{{{last[1]}}}{text[last.end() :]}"
    return text


def closing(text: str, at: int) -> int:
    """Just after the bracket that closes the one at ``at``; 0 if none does."""
    depth = 0
    for match in _BRACKET.finditer(text, at):
        if match[1] or match[2]:
            depth += 1 if match[1] else -1
            if depth == 0:
                return match.end()
    return 0


_SHORT_WORDS = frozenset("yes no odd one two six ten".split())
_DATED = re.compile(rf" *(?!(?:{'|'.join(FUNCTIONS)})(?![A-Za-z]))[A-Za-z]{{3}}")
_ARTICLE = re.compile(r"\s*(?:an?|the)\s+(?!(?:and|or|nor|but|not)\b)(?=[a-z]{3})", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[$€£]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_JOINED = re.compile(_BRACKET.pattern + r"|(?:, ?)?(?<![A-Za-z])(and|or)(?![A-Za-z]) ?|([,;:]) ?")


def read_words(text: str, expected: bool = False) -> str | None:
    """Plain words, without case, punctuation and the article before them.

    ``expected`` says that words are expected: then any letters are words, also what may be mathematics (xy, A).
    """
    plain = TEXT.sub(r" \1 ", text)
    dated = _DATED.match(plain)  # June 20, but not cos 20
    if not any(c.isalpha() for c in plain) or not all(
        c.isalpha() or c in " -'.,()" or (dated and c in "0123456789") for c in plain
    ):
        return None
    words = " ".join(re.sub(r"[-'.,()](?![0-9])", " ", _ARTICLE.sub("", plain, count=1)).split()).casefold()
    sure = expected or plain != text or not plain.isascii() or re.search(r"[a-z]{4}", words) or words in _SHORT_WORDS
    return words if sure else None


class Listing(NamedTuple):
    """Several answers in one: ``1, 2`` is bare, ``(1, 2)`` a tuple (or an interval), ``\\{1, 2\\}`` a set."""

    kind: Literal["bare", "tuple", "set", "ratio"]
    parts: tuple[str, ...]
    joint: str = ","
    """What joins them: and, or; else a comma."""


def read_listing(text: str) -> Listing | None:
    """A list of at least two (a set of any number), or a ratio."""
    if (inner := _inside(text, r"\{", r"\}")) is not None:
        parts = _split(inner)
        return Listing("set", parts.parts if parts else (inner,)) if inner.strip() else None
    if (inner := _inside(text, "(", ")")) is not None or (inner := _inside(text, "[", "]")) is not None:
        parts = _split(inner)
        if parts is None or (text[0] == "[" and len(parts.parts) == 2):  # [1, 2] is an interval
            return None
        return parts if parts.kind == "ratio" or parts.joint != "," else Listing("tuple", parts.parts)
    return _split(text)


def _inside(text: str, left: str, right: str) -> str | None:
    whole = text.startswith(left) and text.endswith(right) and closing(text, 0) == len(text)
    return text[len(left) : -len(right)] if whole else None


def _split(text: str) -> Listing | None:
    """At its words, else at its commas. A comma without a space may belong to a number: ``1,000 and 2,000``."""
    cuts, depth = [], 0
    for match in _JOINED.finditer(text):
        depth += bool(match[1]) - bool(match[2])
        if depth < 0:
            return None
        if depth == 0 and (match[3] or match[4]):
            cuts.append(match)
    if depth or not cuts:
        return None
    joints = [match for match in cuts if match[3] or match[4] == ";"]
    commas = [match for match in cuts if match[4] == ","]
    spaced = [match for match in commas if match[0].endswith(" ")]
    if not joints and not commas:
        return _made("ratio", _pieces(text, cuts))
    chosen = joints or (spaced if len(spaced) < len(commas) else []) or commas
    pieces = _pieces(text, chosen)
    if chosen is not commas:
        nested = [None if _THOUSANDS.fullmatch(piece) else _split(piece) for piece in pieces]
        pieces = [
            part
            for piece, more in zip(pieces, nested, strict=True)
            for part in (more.parts if more and more.kind == "bare" else (piece,))
        ]
    return _made("bare", pieces, joints[-1][3] or "," if joints else ",")


def _pieces(text: str, cuts: list[re.Match[str]]) -> list[str]:
    edges = [0, *(edge for match in cuts for edge in match.span()), len(text)]
    return [text[start:end].strip() for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _made(kind: Literal["bare", "ratio"], parts: list[str], joint: str = ",") -> Listing | None:
    return Listing(kind, tuple(parts), joint) if all(parts) else None


_SCIENTIFIC = re.compile(r"(?<![A-Za-z0-9.])((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[eE]([+-]?[0-9]{1,3})(?![0-9])")
_NAMED = re.compile(rf"(?<![\\A-Za-z])({'|'.join(sorted(FUNCTIONS, key=len, reverse=True))})(?![A-Za-z])")
_PRIMES = re.compile(r"(?<=[A-Za-z}])(?:'+|\^ ?\{?(?: ?\\prime)+ ?\}?)")
_GROUPED = re.compile(r"(\^|\\sqrt) ?(?=\()")
_INDEX = re.compile(r"(?<![A-Za-z\\])i ?=")
_ACCENTS = r"\\(?:overline|overrightarrow|bar|vec|hat|widehat|tilde|d?dot|mathbb|mathcal|operatorname)"
_LETTERS = re.compile(
    rf"_ ?\{{[^{{}}]*\}}|_ ?[A-Za-z0-9]|(?:{TEXTS}|{_ACCENTS}) ?\{{[^{{}}]*\}}|\\[A-Za-z]+|\\."
    r"|(i(?= ?_))|(?:(?!i ?_)[A-Za-z])+"
)


def spell_out(text: str) -> str:
    """A tidy answer as math-verify's parser has to read it: functions as commands, powers in braces, 2e3 as a power of
    ten, f' as another letter than f, and i as the imaginary unit, which that parser calls I."""
    text = _SCIENTIFIC.sub(r"(\1*10^{\2})", text)  # else 2e3 is 2 times Euler's number times 3
    text = _NAMED.sub(r"\\\1 ", text)
    text = _PRIMES.sub(lambda found: "_{" + "q" * (found[0].count("'") + found[0].count("prime")) + "}", text)
    at = 0
    while match := _GROUPED.search(text, at):
        at = match.end()
        if end := closing(text, at):
            text = f"{text[:at]}{{{text[at:end]}}}{text[end:]}"
    index = _INDEX.search(text) is not None
    return _LETTERS.sub(lambda found: found[1] or _imaginary(found[0], index), text)


def _imaginary(letters: str, index: bool) -> str:
    """Letters of an expression with I for the imaginary unit. A current I and an index i are symbols."""
    if not letters.isalpha() or len(letters) > 3:
        return letters
    return "".join({"I": r"\text{I}", "i": "i" if index else "{I}"}.get(letter, letter) for letter in letters)
