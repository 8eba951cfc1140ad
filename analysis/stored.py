"""Stored episodes as rows: read in parts by several processes, in memory that hangs on rows and not on text.

A line that cannot be read is left out and named (`Broken`); nothing is left out in silence.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.detectors import Detector, DetectorTimeoutError, load_detector
from arena.episode import Episode, EpisodeError
from arena.lines import StoreError
from arena.measures import facts

if TYPE_CHECKING:
    import pandas as pd

PART = 16 << 20
"""Bytes that are read at a time by one process."""
_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs, which JSON can hold and no column of text."""


@dataclass(frozen=True)
class Broken:
    """A line that holds no episode."""

    path: Path
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.why}"


@dataclass
class Made:
    """What made the episodes of a file: each with how many episodes say so."""

    versions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(package, version)."""
    weights: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(agent, digest of its weights)."""
    tokenisers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(agent, digest of its tokeniser)."""

    def note(self, episode: Episode) -> None:
        self.versions.update(episode.versions.items())
        for name, view in episode.views.items():
            if "weights" in view:
                self.weights[name, view["weights"]] += 1
            if "tokeniser" in view:
                self.tokenisers[name, view["tokeniser"]] += 1

    def __iadd__(self, other: Made) -> Made:
        self.versions += other.versions
        self.weights += other.weights
        self.tokenisers += other.tokenisers
        return self


@dataclass
class Table:
    """The episodes of a file."""

    episodes: pd.DataFrame
    broken: list[Broken]
    made: Made


def episodes_file(run: Path) -> Path:
    """The episodes of a run's folder, or the file itself. Raises StoreError if there is none."""
    path = run / "episodes.jsonl" if run.is_dir() else run
    if not path.is_file():
        raise StoreError(f"{run}: there is no episodes.jsonl; name the folder of a run")
    return path


def parsed(path: Path, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Episode | str]]:
    """(line, episode, or why there is none) of the lines that begin at bytes [start, stop), counted from 1.

    An episode that was changed after it was written is none.
    """
    size = os.path.getsize(path)
    stop = size if stop is None else stop
    with path.open("rb") as file:
        if start:  # a line belongs to the part in which it begins
            file.seek(start - 1)
            file.readline()
        number = 0
        while file.tell() < stop and (line := file.readline()):
            number += 1
            yield number, _episode(line)


def _episode(line: bytes) -> Episode | str:
    if not line.endswith(b"\n"):
        return "torn: the run was stopped while this line was written"
    try:
        given = json.loads(line)
        if not isinstance(given, dict):
            return "not an episode"
        episode = Episode.from_dict(given)
        return episode if episode.digest == episode.fingerprint() else "was changed after it was written"
    except EpisodeError as error:
        return str(error)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    except (TypeError, AttributeError) as error:
        return f"not an episode: {error}"


def jargon_columns(detectors: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The columns that detectors (addresses) add to `columns.EPISODES`."""
    return {f"jargon {name}": ("boolean", f"{name} found something outside a prefix") for name in detectors}


def _has(detector: Detector, episode: Episode) -> bool | None:
    """Whether a detector finds something outside the prefix; None where it took too long."""
    own = episode.spans[episode.prefix_spans or 0 :]
    try:
        return bool(own) and bool(detector.find(episode.text, own[0].start))
    except DetectorTimeoutError:
        return None


def row(episode: Episode) -> tuple[Any, ...]:
    """The episode's row of `columns.EPISODES`, in that order."""
    found, grade = facts(episode), episode.grade or {}
    written = found.words.total()
    return (
        episode.id,
        episode.problem_id,
        episode.sample,
        episode.step,
        episode.condition,
        ":".join(episode.authors),
        episode.policy,
        episode.p,
        episode.seed,
        episode.parent_id,
        episode.prefix_units,
        episode.difficulty,
        episode.ended,
        found.verdict,
        found.right,
        grade.get("answer"),
        grade.get("expected"),
        found.jargon,
        found.handoffs,
        found.tokens,
        written,
        len(episode.text),
        found.words[episode.authors[0]] / written if written else None,
        episode.timings.get("seconds", 0.0),
        found.inexact_reads,
        episode.error,
        next((view["participant"] for view in episode.views.values() if "participant" in view), None),
    )


def frame(rows: list[tuple[Any, ...]], columns: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """Rows as a frame of these columns (`analysis.columns`)."""
    import pandas as pd

    def series(values: Sequence[Any], dtype: str) -> pd.Series:
        try:
            return pd.Series(values, dtype=dtype)
        except UnicodeEncodeError:
            return pd.Series([_HALVES.sub("\ufffd", v) if isinstance(v, str) else v for v in values], dtype=dtype)

    whole = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame(
        {
            name: series(values, "str" if dtype == "category" else dtype)
            for (name, (dtype, _)), values in zip(columns.items(), whole, strict=True)
        }
    )


def fitting(rows: list[tuple[Any, ...]], columns: dict[str, tuple[str, str]]) -> tuple[pd.DataFrame, dict[int, str]]:
    """Rows as a frame, without those whose values are no values of these columns: {index: why}."""
    try:
        return frame(rows, columns), {}
    except (TypeError, ValueError, OverflowError):
        unfit = {n: why for n, one in enumerate(rows) if (why := _unfit(one, columns))}
        return frame([one for n, one in enumerate(rows) if n not in unfit], columns), unfit


def _unfit(row: tuple[Any, ...], columns: dict[str, tuple[str, str]]) -> str:
    for value, (name, (dtype, meaning)) in zip(row, columns.items(), strict=True):
        try:
            if isinstance(value, list | dict):
                raise TypeError
            frame([(value,)], {name: (dtype, meaning)})
        except (TypeError, ValueError, OverflowError):
            return f"{name} cannot be {str(value)[:80]!r}"
    return ""


def settled(parts: list[pd.DataFrame], columns: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """Parts as one frame, with the categories that only the whole knows."""
    import pandas as pd

    whole = pd.concat(parts, ignore_index=True) if parts else frame([], columns)
    parts.clear()
    for name, (dtype, _) in columns.items():
        if dtype == "category":
            whole[name] = whole[name].astype("category")
    return whole


@dataclass
class _Part:
    rows: pd.DataFrame
    at: list[int]
    """The line of each row."""
    lines: int
    broken: list[tuple[int, str]]
    made: Made


def _read(path: Path, start: int, stop: int, detectors: Sequence[str]) -> _Part:
    from analysis.columns import EPISODES

    columns = EPISODES | jargon_columns(detectors)
    finders = [load_detector(address) for address in detectors]
    rows: list[tuple[Any, ...]] = []
    at: list[int] = []
    broken, made, number = [], Made(), 0
    for number, found in parsed(path, start, stop):
        if isinstance(found, str):
            broken.append((number, found))
            continue
        try:
            one = (*row(found), *(_has(finder, found) for finder in finders))
            made.note(found)
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            broken.append((number, f"not an episode: {error}"))
            continue
        rows.append(one)
        at.append(number)
    whole, unfit = fitting(rows, columns)
    broken += [(at[n], f"not an episode: {why}") for n, why in unfit.items()]
    return _Part(whole, [line for n, line in enumerate(at) if n not in unfit], number, sorted(broken), made)


def read_table(
    run: Path,
    *,
    jobs: int | None = None,
    progress: Callable[[float], None] | None = None,
    detectors: Sequence[str] = (),
) -> Table:
    """All episodes of a run's folder (or file) as a frame.

    ``jobs`` processes read (default: as many as there are cores, one for a small file); ``progress`` is told the share
    that is done; ``detectors`` (addresses of `analysis.detectors`) add a column each, `jargon_columns`. Raises
    StoreError if there is no such file, DetectorError for a detector that cannot be had.
    """
    from analysis.columns import EPISODES

    path = episodes_file(run)
    size = path.stat().st_size
    ranges = [(start, min(start + PART, size)) for start in range(0, size, PART)]
    parts: list[pd.DataFrame] = []
    at: list[int] = []
    broken: list[Broken] = []
    made, before = Made(), 0
    for done, part in enumerate(_parts(path, ranges, jobs, detectors), start=1):
        parts.append(part.rows)
        at += [before + line for line in part.at]
        broken += [Broken(path, before + line, why) for line, why in part.broken]
        made += part.made
        before += part.lines
        if progress:
            progress(done / len(ranges))
    whole = settled(parts, EPISODES | jargon_columns(detectors))
    again = whole["id"].duplicated()
    if again.any():
        broken += [Broken(path, at[n], f"{whole['id'][n]} is stored already") for n in whole.index[again]]
        whole = whole[~again].reset_index(drop=True)
    return Table(whole, sorted(broken, key=lambda one: one.line), made)


def _parts(path: Path, ranges: list[tuple[int, int]], jobs: int | None, detectors: Sequence[str]) -> Iterator[_Part]:
    """The parts in order."""
    jobs = min(jobs or os.cpu_count() or 1, len(ranges))
    if jobs < 2:
        for start, stop in ranges:
            yield _read(path, start, stop, detectors)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from arena.grading import interrupts_held

    with ProcessPoolExecutor(jobs, get_context("forkserver")) as pool:
        waiting = []
        for start, stop in ranges:  # never more in hand than are being read
            with interrupts_held():  # where processes start as they are needed
                waiting.append(pool.submit(_read, path, start, stop, detectors))
            if len(waiting) > jobs:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
