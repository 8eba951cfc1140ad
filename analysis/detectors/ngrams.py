"""N-grams of words: what they are made of, and the detector that finds given ones in text.

The pieces are the units of the rule `word`, because those need no tokeniser (another reader gives the same n-grams) and
because `<<` and other runs of signs, numbers and ideographs are units of their own. Two changes make patterns of them:

- what closes a unit (``.``, ``,``, ``)``) is a piece of its own, so that ``35.`` and ``35`` begin alike;
- a number within a piece is written `NUMBER`, so that ``<<29+6=35>>`` and ``<<3+4=7>>`` are one sequence.

White space before a piece is part of it, as one space or one newline: ``29 + 6`` and ``29+6`` differ. Where a list of
common pieces is given, every other is written `RARE`: codes that differ from use to use are one pattern by where they
stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agents.units import CLOSER, JOINER, RULES, character_class
from analysis.detectors.base import DetectorError, Range, joined
from arena.lines import replace_file

NUMBER = "<num>"
"""Stands for every number. No text has it as a piece: the rule `word` cuts ``<num>`` into three."""
RARE = "<rare>"
"""Stands for every piece that is not common."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
SCHEMA = 1

Ngram = tuple[str, ...]


class Piece(NamedTuple):
    """A piece of a text, as it stands in n-grams."""

    form: str
    start: int
    """Where its white space begins, if it has any. Pieces join: each ends where the next starts."""
    shown: int
    """Where its first character that is no white space stands."""
    end: int


def pieces(text: str) -> list[Piece]:
    """The pieces of a text, in order; they join to the text. White space at its very end belongs to no piece."""
    out = []
    at = 0
    for unit in RULES["word"].split(text):
        shown = at + len(unit) - len(unit.lstrip())
        end = at + len(unit)
        core = end
        while core > shown and character_class(text[core - 1]) in (JOINER, CLOSER):
            core -= 1
        space = "\n" if "\n" in text[at:shown] else " " if shown > at else ""
        if shown < core:
            out.append(Piece(space + _NUMBER.sub(NUMBER, text[shown:core]), at, shown, core))
            at, shown, space = core, core, ""
        if shown < end:
            out.append(Piece(space + text[shown:end], at, shown, end))
        at = end
    return out


def forms_of(cut: Sequence[Piece], common: Collection[str] | None = None) -> list[str]:
    """The forms of some pieces; those that are not ``common``, if that is given, as `RARE` behind their white space."""
    if common is None:
        return [piece.form for piece in cut]
    space = {piece.form: piece.form[: piece.form[0].isspace()] for piece in cut}
    return [piece.form if piece.form in common else space[piece.form] + RARE for piece in cut]


def ngrams_of(forms: Sequence[str], longest: int) -> Iterator[tuple[int, Ngram]]:
    """(index of its first piece, n-gram) for every n-gram of one to ``longest`` pieces."""
    for at in range(len(forms)):
        for size in range(1, min(longest, len(forms) - at) + 1):
            yield at, tuple(forms[at : at + size])


class NgramDetector:
    """Finds given n-grams. Those that overlap or follow each other, white space aside, are one range, which begins and
    ends with visible characters."""

    def __init__(
        self,
        ngrams: Collection[Ngram],
        name: str = "ngrams",
        record: Mapping[str, Any] | None = None,
        common: Collection[str] | None = None,
    ):
        """``common`` is for n-grams with `RARE`; ``record`` says where they come from, and is saved with them.

        Raises DetectorError for an empty n-gram, and for one with `RARE` where nothing says what is common.
        """
        if not all(ngrams):
            raise DetectorError(f"{name}: an n-gram has no pieces")
        if common is None and any(piece.endswith(RARE) for ngram in ngrams for piece in ngram):
            raise DetectorError(f"{name}: an n-gram has {RARE}, and nothing says what is common")
        self.name, self.common = name, None if common is None else frozenset(common)
        self.ngrams = sorted(set(ngrams))
        self.record = dict(record or {})
        self._known = frozenset(self.ngrams)
        self._longest = max(map(len, self.ngrams), default=0)

    def find(self, text: str, start: int = 0) -> list[Range]:
        cut = pieces(text)
        found = ngrams_of(forms_of(cut, self.common), self._longest)
        hits = ((at, at + len(ngram)) for at, ngram in found if ngram in self._known and cut[at].shown >= start)
        return [(cut[first].shown, cut[after - 1].end) for first, after in joined(hits)]

    def save(self, path: str | Path) -> None:
        """Writes a JSON file that `load` and ``ngrams:FILE`` read, whole or not at all."""
        common = None if self.common is None else sorted(self.common)
        table = {"schema": SCHEMA, "unit": "word", "ngrams": self.ngrams, "common": common, "record": self.record}
        replace_file(Path(path), (json.dumps(table, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> NgramDetector:
        """Reads what `save` wrote. Raises DetectorError, in one line, for a file that is not that."""
        name = f"ngrams:{path}"
        try:
            table = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DetectorError(f"{name}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise DetectorError(f"{name}: is not JSON: {error}") from None
        if not isinstance(table, dict) or (table.get("schema"), table.get("unit")) != (SCHEMA, "word"):
            raise DetectorError(f"{name}: was not saved by NgramDetector, or by another version of it")
        given, common, record = table.get("ngrams"), table.get("common"), table.get("record", {})
        if not isinstance(given, list) or not all(map(_are_texts, given)):
            raise DetectorError(f"{name}: ngrams must be lists of texts")
        if not isinstance(record, dict) or not (common is None or _are_texts(common)):
            raise DetectorError(f"{name}: common must be a list of texts, and record a table")
        return cls([tuple(one) for one in given], name, record, common)


def _are_texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(form, str) for form in given)
