"""Where each episode of a run's file is, and what filters ask of it; the episodes themselves are read when shown.

The file is read once, in parts, by whatever thread iterates over `Source.scan`; only `Source.add` changes the index.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from analysis.stored import episodes_file
from arena.episode import SCHEMA, Episode, EpisodeError
from arena.lines import StoreError
from arena.measures import JARGON

VERDICTS = ("correct", "wrong", "unreadable", "broken")
_PART = 0.1
"""Seconds after which a part is handed over: often enough to be seen, seldom enough to cost nothing."""
_BLOCK = 1 << 20
_WRONG_SHAPE = (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError)


class Row(NamedTuple):
    """One line of the file."""

    line: int
    """Its number, from 1."""
    start: int
    size: int
    """Its place, in bytes."""
    id: str
    problem_id: str = ""
    sample: int = 0
    condition: str = ""
    step: int | None = None
    verdict: str = "broken"
    ended: str = ""
    jargon: bool = False
    handoffs: int = 0
    writers: tuple[str, ...] = ()
    """Who wrote anything that does not stand in a prefix."""
    solution: int = 0
    """Hash of the text: equal for equal solutions."""
    broken: str = ""
    """Why there is no episode, if there is none."""


class Part(NamedTuple):
    """What was read since the last part."""

    rows: list[Row]
    read: int
    """Bytes of the file that are indexed with it: where a reload goes on."""
    torn: bool
    """Whether the file ends in a line that is not whole (yet)."""


class _File:
    """A file that stays open while anybody reads from it, also when another takes its name."""

    def __init__(self, path: Path):
        try:
            self.number = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from None

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)

    @property
    def identity(self) -> tuple[int, int]:
        found = os.fstat(self.number)
        return found.st_dev, found.st_ino

    @property
    def size(self) -> int:
        return os.fstat(self.number).st_size

    def read(self, start: int, size: int) -> bytes:
        parts = []
        while size > 0 and (part := os.pread(self.number, size, start)):  # one call gives at most 2 GiB
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


class Source:
    """The episodes of one run."""

    def __init__(self, run: Path):
        """Raises StoreError if there is no such file."""
        self.run = run
        self.path = episodes_file(run)
        self._file = _File(self.path)
        self.rows: list[Row] = []
        self.read = 0
        self.torn = False
        self.complete = False

    @property
    def share(self) -> float:
        """How much of the file is indexed."""
        return min(1.0, self.read / self._file.size) if self._file.size else 1.0

    def scan(self) -> Iterator[Part]:
        """Reads the file from where the index ends. Changes nothing: `add` takes each part."""
        return _scan(self._file, self.read, len(self.rows))

    def add(self, part: Part) -> None:
        self.rows += part.rows
        self.read, self.torn = part.read, part.torn

    def reload(self) -> bool:
        """Looks at the file again; True if it is another one, and the index was emptied. Raises StoreError."""
        file = _File(self.path)
        other = file.identity != self._file.identity or file.size < self.read
        if other:
            self._file, self.rows, self.read = file, [], 0
        self.torn, self.complete = False, False
        return other

    def line(self, row: Row) -> bytes:
        return self._file.read(row.start, row.size)

    def episode(self, row: Row) -> Episode | str:
        """The episode, or why there is none. One that was changed after it was written is one, too."""
        try:
            if row.broken:
                return row.broken
            given = json.loads(self.line(row))
            return Episode.from_dict(given) if isinstance(given, dict) else "not an episode"
        except EpisodeError as error:
            return str(error)
        except (*_WRONG_SHAPE, OSError) as error:
            return f"not an episode: {error}"


def _scan(file: _File, start: int, lines: int) -> Iterator[Part]:
    rows: list[Row] = []
    known: dict[Any, Any] = {}
    at, number, since = start, lines, time.monotonic() - _PART * 0.8  # the first part soon: there is something to see
    for line in _whole_lines(file, start):
        number += 1
        rows.append(describe(line, number, at, known))
        at += len(line)
        if time.monotonic() - since > _PART:
            yield Part(rows, at, False)
            rows, since = [], time.monotonic()
    yield Part(rows, at, file.size > at)


def _whole_lines(file: _File, at: int) -> Iterator[bytes]:
    """The lines from a byte on that have their newline: without a place of its own, many may read one file."""
    begun: list[bytes] = []
    while block := file.read(at, _BLOCK):
        at += len(block)
        *ends, rest = block.split(b"\n")
        for end in ends:
            yield b"".join((*begun, end, b"\n"))
            begun = []
        if rest:
            begun.append(rest)


def describe(line: bytes, number: int, start: int, known: dict[Any, Any] | None = None) -> Row:
    """What the index keeps of a line. ``known`` makes equal names one object: there may be millions of them."""
    known = {} if known is None else known
    try:
        return _described(json.loads(line), number, start, len(line), known)
    except EpisodeError as error:
        why = str(error)
    except json.JSONDecodeError as error:
        why = f"not JSON: {error}"
    except _WRONG_SHAPE as error:
        why = f"not an episode: {type(error).__name__}: {error}"
    return Row(number, start, len(line), f"line {number}", broken=why[:200])


def _described(given: Any, number: int, start: int, size: int, known: dict[Any, Any]) -> Row:
    if not isinstance(given, dict):
        raise EpisodeError("not an episode")
    if given.get("schema") != SCHEMA:
        raise EpisodeError(f"schema {str(given.get('schema'))[:20]} is not {SCHEMA}, which this version reads")
    text, own = _text(given["text"]), given["spans"][given.get("prefix_spans") or 0 :]
    names = [_text(span["author"]) for span in own]
    writers = tuple(dict.fromkeys(name for name, span in zip(names, own, strict=True) if span["end"] > span["start"]))
    verdict = (given.get("grade") or {}).get("verdict")
    step = given.get("step")
    condition = _text(given.get("condition", "team"))
    problem = _text(given["problem_id"])
    ended = _text(given["ended"])
    return Row(
        number,
        start,
        size,
        _text(given["id"]),
        known.setdefault(problem, problem),
        int(given["sample"]),
        known.setdefault(condition, condition),
        None if step is None else int(step),
        verdict if verdict in VERDICTS[:2] else "unreadable",
        known.setdefault(ended, ended),
        bool(own) and JARGON.search(text, own[0]["start"]) is not None,
        sum(a != b for a, b in pairwise(names)),
        known.setdefault(writers, writers),
        hash(text),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise EpisodeError(f"not an episode: {str(value)[:20]!r} is no text")
    return value
