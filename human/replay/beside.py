"""What other models made of a run's solutions: their log-probabilities, from the readings that were stored with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from analysis.reading_files import FOLDER, Place, kept
from arena.episode import Episode

_COLUMNS = ["episode", "start", "stop", "token", "surprisal", "is_end"]


@dataclass(frozen=True)
class Heard:
    """One solution as a model reads it: at temperature 1, over all that it may draw."""

    reader: str
    pieces: tuple[tuple[int, int, float], ...]
    """(start, end, log-probability) of stretches of the solution, in order; the reader's tokens without text of their
    own are in the stretch that follows."""
    end: float | None
    """Of the end of the solution."""

    def along(self, places: Iterable[tuple[int, int]]) -> list[float | None]:
        """The log-probabilities of stretches; None where the reader's tokens do not tile one."""
        begins = {a: n for n, (a, _, _) in enumerate(self.pieces)}
        found: list[float | None] = []
        for start, end in places:
            total, at, n = 0.0, start, begins.get(start, len(self.pieces))
            while at < end and n < len(self.pieces) and self.pieces[n][0] == at:
                total, at, n = total + self.pieces[n][2], self.pieces[n][1], n + 1
            found.append(total if at == end and end > start else None)
        return found


class Readings:
    """The stored readings of a run. It reads files when it is asked, by one thread at a time: who enters it."""

    def __init__(self, run: Path):
        self.folder = run / FOLDER
        self._tables: list[_Table] | None = None
        self._lock = Lock()

    def of(self, episode: Episode) -> list[Heard]:
        """What every reader made of an episode; nothing where a reading is of another text."""
        tables = self._tables
        if tables is None:
            tables = self._tables = list(_tables(self.folder))
        fitting = [one for one in tables if (one.condition, one.step) == (episode.condition, episode.step)]
        return [heard for table in fitting if (heard := table.heard(episode)) is not None]

    def forget(self) -> None:
        """Looks again at what is there, when it is asked next."""
        self._tables = None

    def __enter__(self) -> Readings:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _tables(folder: Path) -> Iterable[_Table]:
    for path in sorted(folder.glob("*.json")):
        place = Place(path.with_suffix(".parquet"), path)
        if (figures := kept(place)) is None:
            continue
        try:
            yield _Table(place.table, str(figures["reader"]["name"]), figures["condition"], figures["step"])
        except (KeyError, TypeError):
            continue


class _Table:
    """One reading. Its row groups are found by episode, and read one at a time."""

    def __init__(self, path: Path, reader: str, condition: str, step: int | None):
        self.path, self.reader, self.condition, self.step = path, reader, condition, step
        self._groups: dict[str, list[int]] | None = None

    def heard(self, episode: Episode) -> Heard | None:
        import pyarrow as pa

        try:
            return self._heard(episode)
        except (OSError, KeyError, pa.ArrowException):  # taken away or overwritten meanwhile
            return None

    def _heard(self, episode: Episode) -> Heard | None:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            if self._groups is None:
                self._groups = {}
                for number in range(file.num_row_groups):
                    ids = pc.unique(file.read_row_group(number, ["episode"]).column("episode"))
                    for identity in ids.to_pylist():
                        self._groups.setdefault(identity, []).append(number)
            name = episode.id.encode("utf-8", "replace").decode()
            rows: list[dict[str, Any]] = []
            for number in self._groups.get(name, ()):
                table = file.read_row_group(number, _COLUMNS)
                rows += table.filter(pc.equal(table.column("episode"), name)).to_pylist()
        return heard(self.reader, rows, episode.text)


def heard(reader: str, rows: Sequence[dict[str, Any]], text: str) -> Heard | None:
    """A solution's rows of a reading, put at their places; None if they are of another text, or there are none."""
    pieces, end, waiting = [], None, 0.0
    for row in rows:
        value = -row["surprisal"]
        if row["is_end"]:
            end = value
        elif row["start"] is None:
            waiting = 0.0
        elif row["start"] == row["stop"]:
            waiting += value
        else:
            if "\ufffd" not in row["token"] and text[row["start"] : row["stop"]] != row["token"]:
                return None
            pieces.append((row["start"], row["stop"], value + waiting))
            waiting = 0.0
    return Heard(reader, tuple(pieces), end) if rows else None
