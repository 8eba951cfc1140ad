"""Runs an experiment's arms under its seeds, some at a time, each in a process of its own; resumable at any point."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from arena.command import fail
from arena.lines import replace_file
from arena.store import differing, read_config
from arena.terminal import say
from training.config import TrainConfig, saved
from training.evaluate import team_policy
from training.experiments.base import Arm, Experiment
from training.experiments.options import check_options, config_of, words_of
from training.show import duration


@dataclass(frozen=True, eq=False)
class Cell:
    """One arm under one seed."""

    arm: Arm
    seed: int
    folder: Path
    words: tuple[str, ...]
    """What `training.run` is told, without the folder."""
    config: TrainConfig
    """The same, resolved."""

    @property
    def name(self) -> str:
        return f"{self.arm.name}, seed {self.seed}"

    @property
    def made(self) -> str:
        """A digest of the configuration, but for its seed: cells of one arm have one."""
        return hashlib.blake2b(json.dumps({**saved(self.config), "seed": 0}).encode(), digest_size=8).hexdigest()

    @property
    def done(self) -> bool:
        """There is something to report."""
        return any(self.folder.glob("summary.json" if self.arm.trained else "test-*/summary.json"))


@dataclass(frozen=True)
class Work:
    """A command, the folder of its run, and whether that is done."""

    name: str
    folder: Path
    words: list[str]
    done: bool


def cells(experiment: Experiment, seeds: Iterable[int], out: Path, more: Sequence[str] = ()) -> list[Cell]:
    """All cells, seed by seed, so that after the first round there is something of every arm.

    All are settled before anything runs: a mistake costs nothing. Raises UserError, also for a cell that was begun with
    another configuration.
    """
    check_options(experiment, more)
    found = []
    for seed in seeds:
        for arm in experiment.arms:
            words = [*words_of(arm, experiment, more), "--seed", str(seed)]
            config = config_of(arm, words)
            folder = out / arm.name / f"seed-{seed}"
            if (folder / "config.toml").is_file():
                _check_same(folder, read_config(folder), saved(config))
            found.append(Cell(arm, seed, folder, tuple(words), config))
    return found


def _check_same(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    if unlike := list(differing(before, now)):
        fail(f"--out {folder}: was made otherwise: {'; '.join(unlike[:3])}; choose another --out")


def training_of(cell: Cell) -> Work:
    """The training run of a cell."""
    words = [sys.executable, "-m", "training.run", *cell.words, "--out", str(cell.folder)]
    words += ["--resume"] if (cell.folder / "config.toml").is_file() else []
    return Work(cell.name, cell.folder, words, cell.done or not cell.arm.trained)


def trials_of(cell: Cell, partners: Sequence[str], episodes: int) -> Iterator[Work]:
    """The tests of a cell's senior, as commands of `arena.run`: with partners, the senior alone and the partner alone
    beside it; and the senior alone, asked for each language of its arm."""
    asked = {f"test-{partner}": _test_of(cell, partner) for partner in partners}
    asked |= {f"told-{language}": _test_of(cell, told=language) for language in cell.arm.told}
    for name, table in asked.items():
        folder = cell.folder / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.with_suffix(".toml").is_file():
            before = tomllib.loads(folder.with_suffix(".toml").read_text(encoding="utf-8"))
            _check_same(folder, _but_for_weights(cell, before), _but_for_weights(cell, table))
        replace_file(folder.with_suffix(".toml"), tomli_w.dumps(table).encode())
        words = ["--config", str(folder.with_suffix(".toml"))]
        words += ["--episodes", str(episodes), "--show", "0", "--out", str(folder)]
        words += ["--baselines"] if ":" in table["pair"] else []
        words += ["--resume"] if (folder / "config.toml").is_file() else []
        done = (folder / "summary.json").is_file() and read_config(folder).get("episodes") == episodes
        yield Work(f"{cell.name}, {folder.name}", folder, words, done)


def _but_for_weights(cell: Cell, table: dict[str, Any]) -> dict[str, Any]:
    """What is played, without the place of a trained senior's weights: the whole folder may have been moved."""
    agents = {name: dict(one) for name, one in table["agents"].items()}
    if cell.arm.trained:
        for key in ("address", "adapter"):
            agents.get(cell.config.senior, {}).pop(key, None)
    return {**table, "agents": agents}


def in_one(cell: Cell, trials: Sequence[Work]) -> Work:
    """The tests of a cell that are to be done, in one process."""
    left = [one for one in trials if not one.done]
    words = [sys.executable, "-m", "training.experiments.together", *(shlex.join(one.words) for one in left)]
    name = ", ".join(one.folder.name for one in left)
    return Work(f"{cell.name}, {name}", trials[-1].folder, words, not left)


def _test_of(cell: Cell, partner: str = "", told: str = "") -> dict[str, Any]:
    """What is played: the cell's own task, length and policy, on test problems, by its senior with the last weights."""
    config, tables = cell.config, saved(cell.config)["agents"]
    name = config.senior
    senior, last = dict(tables[name]), str(cell.folder.resolve() / "checkpoints" / "last")
    if cell.arm.trained:
        senior |= {"adapter": last} if config.lora.rank or senior.get("adapter") else {"address": f"hf:{last}"}
    senior |= {"language": told} if told else {}
    return {
        "pair": f"{name}:{partner}" if partner else name,
        "task": config.task,
        "split": "test",
        "handoff": str(team_policy(config)),
        "limit": config.rollouts.limit,
        "seed": cell.seed,
        "agents": {name: senior, **{one: table for one, table in tables.items() if one == partner}},
    }


def run_all(work: Sequence[Work], jobs: int) -> None:
    """Runs what is not done, ``jobs`` at a time. Raises UserError.

    Their output goes to FOLDER.log. Ctrl-C stops them all; each can be gone on with.
    """
    waiting = [one for one in work if not one.done]
    running: dict[subprocess.Popen[bytes], tuple[str, Path]] = {}
    finished, total, began = 0, len(waiting), time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                one = waiting.pop(0)
                one.folder.parent.mkdir(parents=True, exist_ok=True)
                with _log(one.folder).open("ab") as log:
                    process = subprocess.Popen(
                        one.words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
                    )
                running[process] = (one.name, one.folder)
            time.sleep(0.1)
            for process in [one for one in running if one.poll() is not None]:
                name, folder = running.pop(process)
                if process.returncode:
                    fail(f"{name} ended with exit code {process.returncode}: {_last_line(_log(folder))}")
                finished += 1
                left = (time.monotonic() - began) / finished * (total - finished)
                say(f"{finished} of {total}: {name}{_figures(folder)}, {duration(left)} left", sys.stderr)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"see {path}"


def _figures(folder: Path) -> str:
    summary = json.loads((folder / "summary.json").read_bytes())
    found = summary.get("test") or summary.get("held_out") or summary.get("conditions") or {}
    return "".join(f"; {name} {table['accuracy']:.3f}" for name, table in found.items())
