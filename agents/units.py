"""Units: what is handed over, as automata that read left to right and never look ahead (HANDOFF.md, section 1).

A rule says of each next token whether it *opens* a unit. For most rules a token opens iff its first character does,
so the rule is an automaton over character classes; `opens` and `next` of it are all there is to know. The same rule
object serves text without tokens (a person's or a script's: every character counts as a token), the tables of a
decoder (see `agents.vocabulary`) and the validator of stored episodes.

A byte that belongs to no complete character within its token is written as a lone surrogate (Python's
``surrogateescape``) and counts as a letter; so does U+FFFD, which is how such a byte looks in stored text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from itertools import pairwise

import regex

SPACE, LETTER, IDEOGRAPH, JOINER, CLOSER, SIGN = "SLIJPX"
"""Character classes of the word rule, as in HANDOFF.md."""

_JOINERS = frozenset(".,'\u2019:")
_LETTERS = regex.compile(r"[\p{L}\p{N}\p{M}\p{Cs}_\uFFFD]")
# Scripts that are written without spaces between words; their marks and letters, but not their digits.
_IDEOGRAPHS = regex.compile(
    r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Yi}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
    r"\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Nushu}\p{Tangut}\p{Khitan_Small_Script}\u30FC\uFF70]"
    r"&&[\p{L}\p{M}\p{Nl}]]",
    flags=regex.V1,
)
_CLOSERS = regex.compile(
    r"[\p{Pe}\p{Pf}\p{Terminal_Punctuation}\"!?;%\u066A\u2030\u2031\uFE6A\uFF05\u066B\u066C\u2025\u2026\uFF02\uFF07\u3001]"
)
_STOPS = regex.compile(r"[\p{Sentence_Terminal}\u2026]")
_WIDE_STOPS = frozenset("\u3002\uff0e\uff01\uff1f\uff61")
"""Sentence ends that no white space follows (Chinese, Japanese): the next character opens instead."""
_AFTER_STOPS = regex.compile(r"[\p{Pe}\p{Pf}\"']")


@lru_cache(maxsize=1 << 16)
def character_class(character: str) -> str:
    """The class of one character for the word rule: one of ``SLIJPX``."""
    if character.isspace():
        return SPACE
    if character in _JOINERS:
        return JOINER
    if _IDEOGRAPHS.match(character):
        return IDEOGRAPH
    if _LETTERS.match(character):
        return LETTER
    return CLOSER if _CLOSERS.match(character) else SIGN


_PROBES = " \na1漢.,)!。+"
"""A character of every class that a unit rule tells apart."""


class UnitRule(ABC):
    """One way to cut text into units. States are small integers, so that a compiled table is an array lookup."""

    name: str
    states: tuple[str, ...]
    """Names of the states, by number. 0 is START: whatever comes opens unit 0."""
    empty: int = -1
    """The state in which the unit holds white space only, so that nothing opens; -1 for rules without one."""
    plain: bool = False
    """True where every token comes plainly from its author's whole distribution, also when the author changes."""

    @property
    def start(self) -> int:
        return 0

    @abstractmethod
    def step(self, state: int, piece: str) -> tuple[bool, int]:
        """Reads one token (or, in text without tokens, one character): does it open a unit, and the state after it."""

    def signature(self, piece: str) -> str:
        """What of a piece the rule looks at: pieces of one signature have equal steps."""
        return piece

    def can_open(self, state: int) -> bool:
        """Is there anything that opens a unit in this state? If not, it is not over, or holds white space only."""
        return any(self.step(state, probe)[0] for probe in _PROBES)

    def openings(self, text: str) -> list[int]:
        """Offsets at which units open in a text that is read character by character; the first is 0."""
        state, found = self.start, []
        for at, character in enumerate(text):
            opens, state = self.step(state, character)
            if opens:
                found.append(at)
        return found

    def split(self, text: str) -> list[str]:
        """The units of a text that is read character by character; they join to the text."""
        cuts = [*self.openings(text), len(text)]
        return [text[a:b] for a, b in pairwise(cuts)]


class _ClassRule(UnitRule):
    """A rule over character classes with a state in which the unit holds white space only (or nothing yet).

    A token inside which a unit opened and is still empty at its end (``.\\n``) leaves the state GAP: the space that
    opened belongs to the token's author, so whatever token follows opens a unit.
    """

    gap: int

    @abstractmethod
    def classify(self, character: str) -> str:
        """The character's class, one letter."""

    @abstractmethod
    def character(self, state: int, kind: str) -> tuple[bool, int]:
        """One step over a character of a class, from a state other than START and GAP."""

    def signature(self, piece: str) -> str:
        return "".join(map(self.classify, piece))

    @lru_cache(maxsize=1 << 16)  # noqa: B019  (rules are made once and live as long as the program)
    def step(self, state: int, piece: str) -> tuple[bool, int]:
        kinds = self.signature(piece)
        forced = state in (self.start, self.gap)
        if not kinds:
            return forced, self.empty if forced else state
        inside = False
        opens, state = self.character(self.empty if forced else state, kinds[0])
        for kind in kinds[1:]:
            opened, state = self.character(state, kind)
            inside = inside or opened
        if inside and state == self.empty:
            state = self.gap
        return opens or forced, state


class Word(_ClassRule):
    """Words, numbers, runs of signs; white space belongs to the word that follows."""

    name = "word"
    states = ("START", "GAP", "EMPTY", "LETTERS", "JOIN", "CLOSE", "IDEOGRAPH", "SIGNS")
    gap, empty = 1, 2
    _LETTERS, _JOIN, _CLOSE, _IDEOGRAPH, _SIGNS = 3, 4, 5, 6, 7

    def classify(self, character: str) -> str:
        return character_class(character)

    def character(self, state: int, kind: str) -> tuple[bool, int]:
        if kind == SPACE:
            return state != self.empty, self.empty
        if kind == LETTER:
            return state not in (self.empty, self._LETTERS, self._JOIN), self._LETTERS
        if kind == IDEOGRAPH:
            return state != self.empty, self._IDEOGRAPH
        if kind == JOINER:
            return False, self._JOIN if state == self._LETTERS else self._CLOSE
        if kind == CLOSER:
            return False, self._CLOSE
        return state not in (self.empty, self._SIGNS), self._SIGNS


class Sentence(_ClassRule):
    """The white space after ``. ! ?`` and their kin opens; quotes and brackets may close in between.

    Where a script puts no white space after a sentence (``。！？``), the next character that closes nothing opens.
    """

    name = "sentence"
    states = ("START", "GAP", "EMPTY", "BODY", "STOP", "WIDE")
    gap, empty = 1, 2
    _BODY, _STOP, _WIDE = 3, 4, 5

    def classify(self, character: str) -> str:
        if character.isspace():
            return "s"
        if character in _WIDE_STOPS:
            return "w"
        if _STOPS.match(character):
            return "."
        return ")" if _AFTER_STOPS.match(character) else "x"

    def character(self, state: int, kind: str) -> tuple[bool, int]:
        ended = state in (self._STOP, self._WIDE)
        if kind == "s":
            return ended, self.empty if ended or state == self.empty else self._BODY
        if kind == "w":
            return False, self._WIDE
        if kind == ".":
            return False, self._STOP
        if kind == ")" and ended:
            return False, state
        return state == self._WIDE, self._BODY


class Newlines(UnitRule):
    """The token after ``count`` newlines in a row opens: lines (1) and paragraphs (2)."""

    def __init__(self, name: str, count: int):
        self.name, self.count = name, count
        self.states = ("START", *(f"AFTER {n} NEWLINES" for n in range(count + 1)))

    def signature(self, piece: str) -> str:
        return "".join({"\n": "n", "\r": "r"}.get(character, "x") for character in piece)

    def step(self, state: int, piece: str) -> tuple[bool, int]:
        seen = max(state - 1, 0)
        opens = state == self.start or seen == self.count
        for kind in self.signature(piece):
            if kind == "n":
                seen = min(seen + 1, self.count)
            elif kind == "x":
                seen = 0
        return opens, seen + 1


class EveryToken(UnitRule):
    """Every token is a unit."""

    name = "token"
    states = ("START",)

    def signature(self, piece: str) -> str:
        return ""

    def step(self, state: int, piece: str) -> tuple[bool, int]:
        return True, 0


class WholeSolution(UnitRule):
    """The solution is one unit."""

    name = "solution"
    states = ("START", "BODY")

    def signature(self, piece: str) -> str:
        return ""

    def step(self, state: int, piece: str) -> tuple[bool, int]:
        return state == 0, 1


class SpacedToken(UnitRule):
    """Paper 2's rule: the author is drawn again after a token that starts with a space, or after 32 without one.

    Not an opening rule: the first piece of a word belongs to the old author, and every token comes plainly from its
    author. States count the tokens since the author was drawn.
    """

    name = "spaced-token"
    limit = 32
    states = ("START", *(f"SINCE {n}" for n in range(1, 32)))
    plain = True

    def signature(self, piece: str) -> str:
        return " " if piece.startswith(" ") else ""

    def step(self, state: int, piece: str) -> tuple[bool, int]:
        after = 0 if piece.startswith(" ") else (state + 1) % self.limit
        return state == 0, after


RULES: dict[str, UnitRule] = {
    rule.name: rule
    for rule in (
        EveryToken(),
        Word(),
        SpacedToken(),
        Sentence(),
        Newlines("line", 1),
        Newlines("paragraph", 2),
        WholeSolution(),
    )
}
"""Every unit rule by its name on the command line."""


def words(text: str) -> int:
    """The number of words: what text without tokens counts towards the maximum length."""
    return len(RULES["word"].openings(text))
