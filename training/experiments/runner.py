"""Runs an experiment's arms under its seeds, some at a time, each in a process of its own; resumable at any point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from arena.command import fail
from arena.lines import replace_file
from arena.store import read_config
from arena.terminal import say
from training.experiments.catalogue import Arm, Experiment
from training.show import duration


@dataclass(frozen=True)
class Cell:
    """One arm under one seed."""

    arm: Arm
    seed: int
    folder: Path

    @property
    def done(self) -> bool:
        return (self.folder / "summary.json").is_file()

    @property
    def name(self) -> str:
        return f"{self.arm.name}, seed {self.seed}"


def cells(experiment: Experiment, seeds: int, out: Path) -> list[Cell]:
    """All cells, seed by seed, so that after the first round there is something of every arm."""
    return [Cell(arm, seed, out / arm.name / f"seed-{seed}") for seed in range(seeds) for arm in experiment.arms]


def command_of(cell: Cell, experiment: Experiment, more: Sequence[str]) -> list[str]:
    """The training run of a cell."""
    arm = cell.arm
    words = [sys.executable, "-m", "training.run", "--recipe", experiment.recipe, "--seed", str(cell.seed)]
    words += ["--control", arm.control] if arm.control else []
    for given in (*arm.sets, *more):
        words += [given] if given.startswith("--") else ["--set", given]
    words += ["--set", "evaluation.test=0"] if experiment.chosen_by else []
    words += ["--out", str(cell.folder)]
    return words + (["--resume"] if (cell.folder / "config.toml").is_file() else [])


def tests_of(cell: Cell, partners: Sequence[str], episodes: int) -> Iterator[tuple[Path, list[str]]]:
    """(folder, arena.run) for each partner of a trained senior; the senior alone and the partner alone beside it."""
    for partner in partners:
        folder = cell.folder / f"test-{partner}"
        replace_file(folder.with_suffix(".toml"), tomli_w.dumps(_test_of(cell, partner)).encode())
        words = [sys.executable, "-m", "arena.run", "--config", str(folder.with_suffix(".toml")), "--baselines"]
        words += ["--episodes", str(episodes), "--show", "0", "--out", str(folder)]
        yield folder, words + (["--resume"] if (folder / "config.toml").is_file() else [])


def _test_of(cell: Cell, partner: str) -> dict[str, Any]:
    """What is played: the cell's own task and length, on test problems, by its senior with the last weights."""
    trained = read_config(cell.folder)
    name = trained["pair"].split(",")[0].split(":")[0]
    senior, last = dict(trained["agents"][name]), str(cell.folder.resolve() / "checkpoints" / "last")
    senior |= {"adapter": last} if trained["lora"]["rank"] or senior.get("adapter") else {"address": f"hf:{last}"}
    agents = {one: table for one, table in trained["agents"].items() if one == partner}
    return {
        "pair": f"{name}:{partner}",
        "task": trained["task"],
        "split": "test",
        "limit": trained["rollouts"]["limit"],
        "seed": trained["seed"],
        "agents": {name: senior, **agents},
    }


def run_all(work: Sequence[tuple[str, Path, list[str]]], jobs: int) -> None:
    """Runs commands, ``jobs`` at a time; (name, folder, command). What has a summary is done. Raises UserError.

    Their output goes to FOLDER.log. Ctrl-C stops them all; each can be gone on with.
    """
    waiting = [(name, folder, words) for name, folder, words in work if not (folder / "summary.json").is_file()]
    running: dict[subprocess.Popen[bytes], tuple[str, Path]] = {}
    finished, total, began = 0, len(waiting), time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name, folder, words = waiting.pop(0)
                folder.parent.mkdir(parents=True, exist_ok=True)
                with _log(folder).open("ab") as log:
                    process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
                running[process] = (name, folder)
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
