"""Figures of the same experiment under other seeds, from elsewhere: a folder's results.csv and curves.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.command import fail
from training.experiments.catalogue import EXPERIMENTS
from training.experiments.plot import FILE, STEPS, Panels
from training.experiments.results import Row
from training.experiments.runner import Cell

if TYPE_CHECKING:
    from training.experiments.base import Experiment
    from training.experiments.config import ExperimentConfig

RESULTS = "results.csv"


def joined(config: ExperimentConfig, experiment: Experiment, every: Sequence[Cell]) -> list[Row]:
    """The rows of the folders of ``--join``, of the arms that are asked for. Raises UserError for a run that is known
    already, and for one of another experiment, of another configuration, or tested on another number of problems."""
    known = {(cell.arm.name, cell.seed): "here" for cell in every}
    made = {cell.arm.name: cell.made for cell in every}
    arms = {arm.name for arm in EXPERIMENTS[config.name]().arms}
    out = []
    for folder in config.join:
        if experiment.chosen_by:
            fail(f"--join {folder}: {config.name} tests one arm, chosen by all seeds; run them in one folder")
        if folder.resolve() == config.out.resolve():
            fail(f"--join {folder}: is --out itself, whose seeds are counted anyway")
        found = [_row(folder, one) for one in _lines(folder, RESULTS)]
        runs: dict[tuple[str, int], str] = {}
        for row in found:
            if row.arm not in arms:
                fail(f"--join {folder}: {row.arm} is no arm of {config.name}")
            if row.arm not in made:
                continue
            if row.split.startswith(("test-", "told-")) and row.episodes != config.test:
                fail(f"--join {folder}: {row.arm} was tested on {row.episodes} problems there; give --test so many")
            runs[row.arm, row.seed] = row.made
        for (arm, seed), how in runs.items():
            if how != made[arm]:
                fail(f"--join {folder}: {arm} was made otherwise there; give the options that were given there")
            if (place := known.setdefault((arm, seed), str(folder))) != str(folder):
                fail(f"--join {folder}: {arm}, seed {seed}, is {place}, too; begin elsewhere with --first")
        if any(row.split == "held_out" for row in found):  # else no curves were drawn there
            list(_curves(folder))  # that they can be read is known before anything runs
        out += [row for row in found if row.arm in made]
    return out


def add_curves(panels: Panels, folders: Sequence[Path]) -> None:
    """Puts the curves of these folders beside those that are here."""
    for folder in folders:
        if not (folder / f"{FILE}.csv").is_file():
            continue
        runs: dict[tuple[str, str, int], tuple[list[int], list[float]]] = {}
        for panel, label, seed, step, value in _curves(folder):
            steps, values = runs.setdefault((panel, label, seed), ([], []))
            steps.append(step)
            values.append(value)
        for (panel, label, seed), found in runs.items():
            if label in panels.get(panel, {}):
                panels[panel][label][seed] = found


def _curves(folder: Path) -> Iterator[tuple[str, str, int, int, float]]:
    for line in _lines(folder, f"{FILE}.csv"):
        try:
            yield line["panel"], line["arm"], int(line["seed"]), int(float(line[STEPS])), float(line["value"])
        except (TypeError, ValueError, KeyError):
            fail(f"--join {folder}: its {FILE}.csv is not one of this version")


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    try:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except (OSError, UnicodeDecodeError):
        fail(f"--join {folder}: there is no {name} to be read; name the folder of an experiment that is done")


def _row(folder: Path, line: dict[str, Any]) -> Row:
    try:
        numbers = {"seed": int(line["seed"]), "value": float(line["value"]), "episodes": int(line["episodes"])}
        return Row(**{**line, **numbers})
    except (TypeError, ValueError, KeyError):
        fail(f"--join {folder}: its {RESULTS} is not one of this version")
