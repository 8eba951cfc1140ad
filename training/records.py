"""The files of a training run, and how they are put back to where a checkpoint was.

RUN/ is a run as `arena.store` has it (config, rollouts, metrics, summary); RUN/validation and RUN/test are runs of the
same kind, with the episodes of the evaluations. All are append-only, so a checkpoint notes how long each was, and going
on from it cuts what was written after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from arena.episode import Episode
from arena.store import Run

FILES = {"": ("episodes.jsonl", "metrics.jsonl"), "validation": ("episodes.jsonl",)}
"""What is appended to, by folder."""


class Records:
    """A run's folder, open for writing by the first process."""

    def __init__(self, folder: Path, config: dict[str, Any], *, resume: bool, sizes: dict[str, int]):
        """With ``resume`` the files are cut to ``sizes``, those of the checkpoint (none: to nothing). StoreError."""
        self.folder, self._config = folder, config
        cut = {place: {name: sizes.get(f"{place}/{name}", 0) for name in names} for place, names in FILES.items()}
        with ExitStack() as opened:
            self._run = opened.enter_context(Run(folder, config, resume=resume, sizes=cut[""] if resume else None))
            place = folder / "validation"
            there = (place / "config.toml").is_file()
            whole = Run(place, config, resume=there, sizes=cut["validation"] if there else None)
            self._validation = opened.enter_context(whole)
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
        paths = [(f"{place}/{name}", self.folder / place / name) for place, names in FILES.items() for name in names]
        return {name: path.stat().st_size for name, path in paths if path.is_file()}

    def finish(self, summary: dict[str, Any]) -> None:
        self._run.finish(summary)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """After an error before anything was written, nothing of a new run is left; what was written is kept."""
        written = any(self.sizes().values())
        self._opened.__exit__(None if written else kind, error, at)
