"""Readings as files of a run: a table with a row a token, and the figures with all that made them.

``RUN/readings/READER--CONDITION.parquet`` is written first and the ``.json`` beside it last, each whole or not at all;
the JSON has the table's digest. A reading counts as there if both are, and belong together.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from agents.vocabulary import readable
from analysis.legibility import Legibility
from analysis.reading import Numbers, Reading
from arena.episode import Episode
from arena.lines import StoreError, replace_file, replaced

if TYPE_CHECKING:
    from agents.language_model import LanguageModel
    from analysis.drift import Drift

SCHEMA = 1
FOLDER = "readings"
_BATCH = 1000
"""Solutions that are made rows of at once."""
COLUMNS = (
    ("episode", "text", "id of the episode"),
    ("problem_id", "text", ""),
    ("sample", "whole", ""),
    ("position", "whole", "of the token in the solution, from 0, in the reader's tokens"),
    ("token_id", "whole", "the reader's"),
    ("token", "text", "what it spells; a byte that completes no character is U+FFFD"),
    ("start", "whole", "offset in the solution, in characters; null where it cannot be placed"),
    ("stop", "whole", ""),
    ("author", "text", "who wrote the text in which it begins; of the end, the last author"),
    ("is_end", "yes", "the end of the solution, which is in no figure but its own"),
    ("prefix", "yes", "stands in a frozen beginning: in no figure"),
    ("partial", "yes", "ends in the middle of a character"),
    ("barred", "yes", "the reader could never write it"),
    ("surprisal", "real", "nats"),
    ("entropy", "real", "nats"),
    ("log_drawable", "real", "nats; surprisal - log_drawable is the loss under the softmax over all ids"),
    ("kl", "real", "KL(writer || reader) there, nats; null without --drift, or with other tokens"),
)
"""Name, type and meaning of each column of the table."""


@dataclass(frozen=True)
class Place:
    """Where a reading is kept."""

    table: Path
    figures: Path

    @classmethod
    def of(cls, run: Path, reader: str, condition: str, step: int | None = None) -> Place:
        """Characters that a file's name should not have are written as %XX."""
        name = quote(f"{reader}--{condition}" + ("" if step is None else f"@{step}"), safe=" :@+=,")
        return cls(run / FOLDER / f"{name}.parquet", run / FOLDER / f"{name}.json")

    def check(self) -> None:
        """Raises StoreError where nothing could be written: better before the solutions are read than after."""
        folder = self.table.parent
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: is a file; readings are kept in a folder of this name, so move it away")
        if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
            raise StoreError(f"{folder}: may not be written; copy the run to where you may write")


def episodes_digest(episodes: Sequence[Episode]) -> str:
    """Of what is read, in order."""
    state = hashlib.blake2b(digest_size=16)
    for episode in episodes:
        state.update(f"{episode.id} {episode.digest}\n".encode("utf-8", "replace"))
    return state.hexdigest()


def kept(place: Place) -> dict[str, Any] | None:
    """The figures of a reading that is there, whole; None if there is none."""
    try:
        figures = json.loads(place.figures.read_bytes())
        known = isinstance(figures, dict) and figures.get("schema") == SCHEMA
        return figures if known and figures["rows"]["digest"] == _digest(place.table) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(
    place: Place,
    figures: dict[str, Any],
    readings: Sequence[Reading],
    drifts: Sequence[Drift] | None,
    agent: LanguageModel,
) -> dict[str, Any]:
    """Writes both files; returns the figures as they stand. Raises StoreError.

    Whatever stops it, both files of a reading are there, of the old one or the new one, or neither is.
    """
    try:
        place.table.parent.mkdir(exist_ok=True)
        rows = _write_table(place.table, readings, drifts, agent)
        record = {"file": place.table.name, "count": rows, "digest": _digest(place.table)}
        figures = {"schema": SCHEMA, **figures, "rows": record}
        text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        replace_file(place.figures, text.encode("utf-8", "replace"))
    except BaseException as error:
        if kept(place) is None:
            with suppress(OSError):
                place.table.unlink(missing_ok=True)
                place.figures.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError(f"{place.figures}: cannot be written: {error.strerror or error}") from None
        raise
    return figures


@dataclass(frozen=True)
class Stored:
    """A reading as it was stored: what is compared with another run's, without any model."""

    figures: dict[str, Any]
    rows: list[Legibility]
    nats: dict[tuple[str, int], Numbers]
    """Of each token that counts, by problem and sample."""


def stored(run: Path, reader: str, condition: str, step: int | None = None) -> Stored:
    """Reads a stored reading. Raises StoreError if there is none."""
    import pyarrow.parquet as pq

    place = Place.of(run, reader, condition, step)
    if (figures := kept(place)) is None:
        at = "" if step is None else f" --step {step}"
        raise StoreError(
            f"{run}: has no reading of {condition} by {reader}; "
            f"python -m analysis.read {run} --reader {reader} --condition {condition}{at} makes it"
        )
    rows = [Legibility.from_row(row) for row in figures["solutions"]]
    table = pq.read_table(place.table, columns=["problem_id", "sample", "is_end", "prefix", "surprisal"]).to_pydict()
    nats: dict[tuple[str, int], list[float]] = {(row.problem_id, row.sample): [] for row in rows}
    for problem, sample, end, prefix, surprisal in zip(*table.values(), strict=True):
        if not (end or prefix):
            nats[problem, sample].append(surprisal)
    return Stored(figures, rows, {key: np.array(values) for key, values in nats.items()})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _write_table(path: Path, readings: Sequence[Reading], drifts: Sequence[Drift] | None, agent: LanguageModel) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64(), "yes": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind, _ in COLUMNS])
    rows = 0
    with replaced(path) as file, pq.ParquetWriter(file, schema) as writer:
        for first in range(0, len(readings), _BATCH):
            columns: dict[str, list[Any]] = {name: [] for name, _, _ in COLUMNS}
            for n, reading in enumerate(readings[first : first + _BATCH], first):
                rows += _add(columns, reading, drifts[n] if drifts is not None else None, agent)
            writer.write_table(pa.table(columns, schema=schema))
    return rows


def _add(columns: dict[str, list[Any]], reading: Reading, drift: Drift | None, agent: LanguageModel) -> int:
    """Adds a solution's rows; returns how many."""
    seen, own = reading.text, agent.vocabulary
    episode, n, end = seen.episode, len(seen.tokens), seen.ended
    length, last = len(episode.text), [episode.spans[-1].author] if end and episode.spans else [None] * end
    pieces = [readable(own.pieces[i]) for i in seen.tokens]
    added: dict[str, list[Any]] = {
        "episode": [_text(episode.id)] * (n + end),
        "problem_id": [_text(episode.problem_id)] * (n + end),
        "sample": [episode.sample] * (n + end),
        "position": list(range(n + end)),
        "token_id": [*seen.tokens, *[own.end] * end],
        "token": [*pieces, *[""] * end],
        "start": [*(None if at < 0 else at for at in seen.starts), *[length] * end],
        "stop": [*(None if at < 0 else at for at in seen.stops), *[length] * end],
        "author": [*(episode.spans[span].author for span in seen.spans), *last],
        "is_end": [*[False] * n, *[True] * end],
        "prefix": [*seen.prefix, *[False] * end],
        "partial": [*seen.partial, *[False] * end],
        "barred": reading.barred.tolist(),
        "surprisal": reading.surprisal.tolist(),
        "entropy": reading.entropy.tolist(),
        "log_drawable": reading.log_drawable.tolist(),
        "kl": [None] * (n + end) if drift is None else drift.kl.tolist(),
    }
    for name, values in added.items():
        columns[name] += values
    return n + end


def _text(text: str) -> str:
    """Half a surrogate pair is JSON, but no text of a Parquet file."""
    return text.encode("utf-8", "replace").decode()
