"""A run as a folder: resolved config, append-only episodes and metrics, a summary, Parquet on close.

Opening a run again drops a torn line (`arena.lines`); the episode it belonged to is owed again. A folder belongs to one
configuration and, while it is written, to one process.
"""

from __future__ import annotations

import fcntl
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, KeysView
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from arena.episode import Episode
from arena.lines import Lines, StoreError, read_episodes, replace_file, replaced
from arena.parquet import write_parquet


def refuse(folder: Path, config: dict[str, Any], *, resume: bool = False) -> bool:
    """Raises StoreError if a run with this configuration may not be written to the folder.

    Returns whether there is a run to go on with.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"--out {folder}: is a file; name a folder")
    started = (folder / "config.toml").exists()
    if not started and folder.is_dir() and any(not p.name.startswith(".") for p in folder.iterdir()):
        raise StoreError(f"--out {folder}: holds other files; choose an empty or a new folder")
    if not started:
        return False
    if not resume:
        raise StoreError(
            f"--out {folder}: holds a run already; add --resume to go on with it, or choose another folder"
        )
    if differences := list(differing(read_config(folder), _grown(read_config(folder), config))):
        shown = "; ".join(differences[:5]) + ("; ..." if len(differences) > 5 else "")
        raise StoreError(f"--resume: {folder} was made with another configuration: {shown}; choose another --out")
    return True


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a run. Raises StoreError."""
    path = folder / "config.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{folder}: cannot read config.toml ({error.strerror}); name the folder of a run") from None
    except ValueError as error:
        raise StoreError(f"{path}: not TOML: {error}") from None


class Run:
    """A run's folder, open for writing."""

    def __init__(
        self, folder: Path, config: dict[str, Any], *, resume: bool = False, sizes: dict[str, int] | None = None
    ):
        """Makes the folder, or with ``resume`` goes on with it. Raises StoreError if it holds something else.

        ``sizes`` (bytes, by file) cuts off what was written after a checkpoint.
        """
        self.folder = folder
        refuse(folder, config, resume=resume)
        self._made = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"--out {folder}: {error.strerror}") from None
        self._ids: dict[str, None] = {}
        self._new = False
        with ExitStack() as opened:
            opened.callback(os.close, self._take_lock())
            # Asked again under the lock: another process may have begun, and ended, since.
            self._new = not refuse(folder, config, resume=resume)
            opened.push(self._take_away_if_nothing_came_of_it)
            self._remove_leftovers()
            if self._new or read_config(folder) != config:
                import tomli_w

                replace_file(folder / "config.toml", tomli_w.dumps(config).encode())
            for name, size in (sizes or {}).items():
                if (folder / name).is_file() and (folder / name).stat().st_size > size:
                    os.truncate(folder / name, size)
            self._episodes = opened.enter_context(closing(Lines(folder / "episodes.jsonl")))
            self._metrics = opened.enter_context(closing(Lines(folder / "metrics.jsonl")))
            self._ids |= dict.fromkeys(episode.id for episode in read_episodes(folder))
            self._opened = opened.pop_all()

    @property
    def ids(self) -> KeysView[str]:
        """Ids of the episodes that are stored, as they stand in the file: the others are owed."""
        return self._ids.keys()

    def _take_lock(self) -> int:
        try:
            lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"--out {self.folder}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StoreError(f"--out {self.folder}: another process is writing this run") from None
        return lock

    def _remove_leftovers(self) -> None:
        """Removes the half-written files of a process that was killed."""
        for name in ("config.toml", "summary.json", "episodes.parquet", "episodes.jsonl"):
            for left in self.folder.glob(f".{name}.[0-9]*"):
                left.unlink(missing_ok=True)

    def append(self, *episodes: Episode) -> None:
        """Stores episodes, durably. Raises StoreError, and stores nothing, where one is stored already."""
        for episode in episodes:
            if episode.id in self._ids:
                raise StoreError(f"episode {episode.id} is stored already")
        self._episodes.append([episode.line() for episode in episodes])
        self._ids |= dict.fromkeys(episode.id for episode in episodes)

    def measure(self, **values: Any) -> None:
        """Appends a line of metrics."""
        self._metrics.append([(json.dumps(values) + "\n").encode()])

    def episodes(self) -> Iterator[Episode]:
        return read_episodes(self.folder)

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes the summary and the Parquet file. The last thing to do."""
        replace_file(self.folder / "summary.json", (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode())
        write_parquet(self.folder)

    def put_in_order(self, order: Iterable[str]) -> None:
        """Puts the episodes in the order of these ids, if they are all of them. Nothing is appended after that.

        Episodes are appended as they end, so that none is lost; how many are played at once decides in which order.
        """
        wanted = [identity for identity in order if identity in self._ids]
        if wanted == list(self._ids) or len(wanted) != len(self._ids):
            return
        path = self.folder / "episodes.jsonl"
        places: dict[str, tuple[int, int]] = {}
        with path.open("rb") as lines, replaced(path) as file:
            at = 0
            for identity, line in zip(self._ids, lines, strict=True):
                places[identity] = (at, len(line))
                at += len(line)
            for identity in wanted:
                at, size = places[identity]
                lines.seek(at)
                file.write(lines.read(size))
        self._ids = dict.fromkeys(wanted)

    def rewrite(self, episodes: Iterable[Episode]) -> None:
        """Replaces all episodes, as by new grades: the old file or the new one is there at every moment, whole."""
        path = self.folder / "episodes.jsonl"
        with replaced(path) as file:
            file.writelines(episode.line() for episode in episodes)

    def close(self) -> None:
        self._opened.close()

    def _take_away_if_nothing_came_of_it(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leaves nothing of a new run that failed before its first episode."""
        if kind is None or not self._new or self._ids:
            return
        with suppress(OSError):
            for name in ("episodes.jsonl", "metrics.jsonl", "config.toml", ".lock"):
                (self.folder / name).unlink(missing_ok=True)
            if self._made and not any(self.folder.iterdir()):
                self.folder.rmdir()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)


def _grown(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The new configuration, with the old number of episodes where it only asks for more of them."""
    old, new = before.get("episodes"), now.get("episodes")
    return {**now, "episodes": old} if isinstance(old, int) and isinstance(new, int) and new > old else now


def differing(before: dict[str, Any], now: dict[str, Any], path: str = "") -> Iterator[str]:
    """The differences of two configurations, in words."""
    for key in dict.fromkeys([*before, *now]):
        a, b = before.get(key), now.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from differing(a, b, f"{path}{key}.")
        elif a != b:
            yield f"{path}{key} was {a!r}, is {b!r}"
