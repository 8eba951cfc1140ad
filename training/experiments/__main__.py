"""``python -m training.experiments NAME --out FOLDER``: trains every arm under every seed, then a table and a plot."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from arena.command import check_least, fail, run_command
from arena.terminal import say
from training.experiments.base import Experiment
from training.experiments.catalogue import EXPERIMENTS
from training.experiments.config import ExperimentConfig
from training.experiments.runner import Cell, cells, in_one, run_all, training_of, trials_of

if TYPE_CHECKING:
    from pathlib import Path

    from training.experiments.base import Arm
    from training.experiments.results import Row


def main(config: ExperimentConfig) -> None:
    """Runs what is not done yet, then writes results.csv, table.md and curves.svg, .png into the folder."""
    from training.experiments.joined import joined

    experiment = EXPERIMENTS[config.name]()
    if config.recipe:
        experiment = replace(experiment, recipe=config.recipe)
    if unknown := set(config.arms) - {arm.name for arm in experiment.arms}:
        fail(f"--arms {sorted(unknown)[0]}: {config.name} has {', '.join(arm.name for arm in experiment.arms)}")
    check_least(config, 1, "seeds", "jobs", "test")
    check_least(config, 0, "steps", "first")
    more = [*([f"--steps={config.steps}"] if config.steps else []), *config.set]
    wanted = [arm for arm in experiment.arms if arm.name in config.arms or (config.out / arm.name).is_dir()]
    experiment = replace(experiment, arms=tuple(wanted)) if config.arms else experiment
    seeds = range(config.first, config.first + config.seeds)
    whole = cells(experiment, sorted({*seeds, *_seeds_in(config.out, wanted)}), config.out, more)
    if experiment.chosen_by and not all(cell.config.evaluation.problems for cell in whole):
        fail(f"--set evaluation.problems=0: {config.name} chooses by held-out problems")
    elsewhere = joined(config, experiment, whole)
    asked = [cell for cell in whole if cell.seed in seeds and (not config.arms or cell.arm.name in config.arms)]
    run_all([training_of(cell) for cell in asked], config.jobs)
    report(config, experiment, [cell for cell in whole if cell in asked or cell.done], elsewhere)


def _seeds_in(out: Path, arms: Sequence[Arm]) -> set[int]:
    """Seeds that were begun before."""
    names = [
        path.name.removeprefix("seed-") for arm in arms for path in (out / arm.name).glob("seed-*") if path.is_dir()
    ]
    return {int(name) for name in names if name.isdecimal()}


def _said(every: Sequence[Cell]) -> Iterator[Cell]:
    """The runs one by one, and how far they are every ten seconds: their episodes take long to be looked at."""
    due = time.monotonic() + 10
    for number, cell in enumerate(every):
        if time.monotonic() > due:
            say(f"looked at the episodes of {number} of {len(every)} runs", sys.stderr)
            due = time.monotonic() + 10
        yield cell


def report(config: ExperimentConfig, experiment: Experiment, every: Sequence[Cell], elsewhere: Sequence[Row]) -> None:
    """The tests that follow the training, the files, and what is printed: of all that is there already, too."""
    from training.experiments import plot, results
    from training.experiments.joined import add_curves

    lines = [experiment.question, *experiment.notes]
    tested = [(cell, cell.arm.partners) for cell in every if cell.arm.partners or cell.arm.told]
    if experiment.chosen_by and (best := results.chosen([*results.rows(every), *elsewhere], experiment)):
        lines.append(f"Chosen by held-out {experiment.chosen_by}: {best}.")
        tested += [(cell, ("junior",)) for cell in every if cell.arm.name == best]
    tests = {cell: list(trials_of(cell, partners, config.test)) for cell, partners in tested}
    run_all([in_one(cell, work) for cell, work in tests.items()], config.jobs)
    folders = {cell: [one.folder for one in work] for cell, work in tests.items()}
    mine = results.rows(_said(every) if experiment.look else every, folders, experiment.look)
    found = sorted([*mine, *elsewhere], key=lambda row: row.seed)
    tables = results.tables(found, experiment)
    panels = plot.panels_of(every, experiment)
    add_curves(panels, config.join)
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "results.csv").write_text(results.as_csv(found), encoding="utf-8")
    (config.out / "table.md").write_text("\n\n".join([*lines, tables]), encoding="utf-8")
    plot.draw(panels, experiment, config.out)
    if config.json:
        say(json.dumps([vars(row) for row in found], indent=1))
        return
    for line in [
        *lines,
        "",
        *tables.splitlines(),
        "",
        f"written to {config.out}: table.md, results.csv, curves.svg, .png, .csv",
    ]:
        say(line)


if __name__ == "__main__":
    run_command(main, ExperimentConfig, prog="python -m training.experiments")
