"""``python -m benchmarks.summarise``: how long, and with how much memory, very many stored episodes are summed up.

Makes a run of N episodes out of a few that are played, each with an id, a problem and a digest of its own, and reads it
as the report does: every digest checked, every episode counted, the table of all estimates made.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import tomli_w

from arena.command import run_command


@dataclass
class Options:
    """Sum up a made run of very many episodes."""

    episodes: int = 1_000_000
    """How many."""
    played: int = 200
    """How many of them are played; the others are these under other names."""
    jobs: int = 2
    """Processes that read."""
    where: Path | None = None
    """A folder for the run, kept; default: a temporary one (about 3 GB for a million)."""


def make(folder: Path, options: Options) -> None:
    """Writes the run, if it is not there."""
    from arena import Arena

    path = folder / "episodes.jsonl"
    if path.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with Arena({"senior": "senior", "junior": "junior"}, limit=192) as arena:
        some = list(arena.episodes(options.played))
    config = {"pair": "senior:junior", "task": "arithmetic", "seed": 0, "split": "test", "limit": 192}
    (folder / "config.toml").write_text(tomli_w.dumps(config))
    with path.open("wb") as file:
        for number in range(options.episodes):
            one, problem = some[number % len(some)], f"made/{number // 4}"
            name = f"{problem}#{number % 4}"
            file.write(dataclasses.replace(one, id=name, problem_id=problem, sample=number % 4, digest="").line())


class Memory:
    """The most memory that this process and all that it started held at once, in GiB, asked ten times a second."""

    def __init__(self) -> None:
        os.setpgrp()  # who belongs to us is who has our group
        self.peak, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.peak = max(self.peak, sum(map(self._of, Path("/proc").glob("[0-9]*"))) / 2**30)

    @staticmethod
    def _of(process: Path) -> int:
        """Bytes of a process of our group, pages that it shares divided among those who do."""
        try:
            if os.getpgid(int(process.name)) != os.getpgrp():
                return 0
            rows = (process / "smaps_rollup").read_text().splitlines()
            return next(int(row.split()[1]) for row in rows if row.startswith("Pss:")) * 1024
        except (OSError, StopIteration):  # it is gone
            return 0

    def end(self) -> float:
        self._over.set()
        self._thread.join()
        return self.peak


def main(options: Options) -> None:
    from analysis.arms import read_arms
    from analysis.report.findings import find, frame_of

    with tempfile.TemporaryDirectory() as place:
        folder = options.where or Path(place) / "run"
        began = time.monotonic()
        maker = get_context("spawn").Process(target=make, args=(folder, options))  # so that its memory is not counted
        maker.start()
        maker.join()
        size = (folder / "episodes.jsonl").stat().st_size / 2**30
        print(f"{options.episodes:,} episodes, {size:.2f} GiB, made in {time.monotonic() - began:.0f} s", flush=True)
        shown = 0.0

        def tell(what: str, share: float) -> None:
            nonlocal shown
            if share - shown >= 0.1:
                shown = share
                print(f"{share:.0%} read after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

        memory, began = Memory(), time.monotonic()
        arms, _ = read_arms([str(folder)], jobs=options.jobs, progress=tell)
        read = time.monotonic() - began
        table = frame_of(find(arms, arms[0]))
        whole = time.monotonic() - began
        print(
            f"read in {read:.0f} s by {options.jobs} processes, {options.episodes / read:,.0f} episodes/s; "
            f"{len(table)} estimates after {whole:.0f} s"
        )
        print(f"peak memory of all processes together: {memory.end():.2f} GiB")


if __name__ == "__main__":
    run_command(main, Options, prog="python -m benchmarks.summarise")
