"""The files of a training run, and how they are put back to where a checkpoint was.

RUN/ is a run as `arena.store` has it (config, rollouts, metrics, summary); RUN/validation and RUN/test are runs of the
same kind, with the episodes of the evaluations. All are append-only, so a checkpoint notes how long each was, and going
on from it cuts what was written after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from arena.episode import Episode
from arena.store import Run, refuse

FILES = ("episodes.jsonl", "metrics.jsonl", "validation/episodes.jsonl")


class Records:
    """A run's folder, open for writing by the first process."""

    def __init__(self, folder: Path, config: dict[str, Any], *, resume: bool, sizes: dict[str, int]):
        """With ``resume`` the files are cut to ``sizes``, those of the checkpoint (none: to nothing). StoreError."""
        self.folder, self._config = folder, config
        refuse(folder, config, resume=resume)
        if resume:
            for name in FILES:
                path = folder / name
                if path.is_file() and path.stat().st_size > sizes.get(name, 0):
                    os.truncate(path, sizes.get(name, 0))
        with ExitStack() as opened:
            self._run = opened.enter_context(Run(folder, config, resume=resume))
            there = (folder / "validation" / "config.toml").is_file()
            self._validation = opened.enter_context(Run(folder / "validation", config, resume=there))
            self._opened = opened.pop_all()

    def rollouts(self, episodes: Iterable[Episode]) -> None:
        self._run.append(*episodes)

    def validation(self, episodes: Iterable[Episode]) -> None:
        self._validation.append(*episodes)

    def metrics(self, line: dict[str, Any]) -> None:
        self._run.measure(**line)

    def test(self, episodes: Iterable[Episode]) -> None:
        """Test episodes, whole: they are written once, when the run is complete."""
        from arena.measures import summary_of

        place = self.folder / "test"
        with Run(place, self._config, resume=(place / "config.toml").is_file()) as run:
            run.append(*[episode for episode in episodes if episode.id not in run.ids])
            run.finish(summary_of(run.episodes()))

    def sizes(self) -> dict[str, int]:
        """How long every file is now."""
        return {name: (self.folder / name).stat().st_size for name in FILES if (self.folder / name).is_file()}

    def finish(self, summary: dict[str, Any]) -> None:
        self._run.finish(summary)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.__exit__(kind, error, at)
