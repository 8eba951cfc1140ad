"""Files that survive a kill at any byte: JSON lines that are only appended to, and files that are replaced whole.

A line is written with one system call and ends in a newline, so a kill leaves at most one torn line at the end, which
readers leave out and the next writer drops.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from arena.episode import Episode, EpisodeError


class StoreError(ValueError):
    """The folder cannot be used as asked; the message names it and the fix."""


def read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, parsed line) of a JSON lines file; a line that cannot be read comes as an EpisodeError.

    A last line without a newline is a torn one and is left out.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            if not line.strip():
                yield number, EpisodeError("an empty line")
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, EpisodeError(f"not JSON: {error}")


def read_episodes(run: Path) -> Iterator[Episode]:
    """The episodes of a run's folder (or of an episodes file), in the order in which they were written.

    Raises StoreError at a line that is not an episode, or that was changed: `arena.validate` says more.
    """
    path = run / "episodes.jsonl" if run.is_dir() else run
    if not path.is_file():
        raise StoreError(f"{run}: there is no episodes.jsonl; name the folder of a run")
    for number, given in read_lines(path):
        try:
            if not isinstance(given, dict):
                raise EpisodeError(str(given))
            episode = Episode.from_dict(given)
            if episode.digest != episode.fingerprint():
                raise EpisodeError("was changed after it was written")
            yield episode
        except EpisodeError as error:
            raise StoreError(f"{path}:{number}: {error}") from None


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes ``path``'s place when it is whole; also if the machine stops."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    with replaced(path) as file:
        file.write(data)


class Lines:
    """An append-only JSON lines file that begins by dropping a torn last line."""

    def __init__(self, path: Path):
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self.dropped = self._drop_torn_line()

    def _drop_torn_line(self) -> int:
        """Bytes dropped. Only the part behind the last newline can be torn."""
        size = end = os.fstat(self._file).st_size
        while end:
            start = max(0, end - 65536)
            newline = os.pread(self._file, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._file, end)
        return size - end

    def append(self, lines: Iterable[bytes]) -> None:
        """Writes whole lines, durably. After a failed write (a full disk) the file ends where it ended before."""
        data = b"".join(lines)
        before = os.fstat(self._file).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except BaseException:
            os.ftruncate(self._file, before)
            raise

    def close(self) -> None:
        os.close(self._file)
