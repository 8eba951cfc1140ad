"""``python -m training.experiments NAME --out FOLDER``: trains every arm under every seed, then a table and a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from arena.command import check_least, fail, run_command
from arena.terminal import say
from training.experiments.base import Experiment
from training.experiments.catalogue import EXPERIMENTS
from training.experiments.runner import Cell, cells, in_one, run_all, training_of, trials_of

if TYPE_CHECKING:
    from training.experiments.base import Arm
    from training.experiments.results import Row


@dataclass
class ExperimentConfig:
    """Run an experiment: arms times seeds. Give the same command again to go on where it stopped.

    Example: python -m training.experiments sanity --seeds 5 --out runs/sanity
    """

    name: Annotated[
        Literal["sanity", "granularity", "schedules", "sweep", "transfer", "jargons", "languages"], tyro.conf.Positional
    ]
    """sanity: does the jargon go, against all controls; granularity: which unit; schedules: who writes how much;
    sweep: c and j; transfer: partners that were never met; jargons: three that have nothing in common; languages:
    senior and junior write different ones."""
    out: Path
    """Folder of the experiment; ARM/seed-N in it are training runs."""
    seeds: int = 5
    """How many seeds of every arm."""
    first: int = 0
    """The first of them; the others follow."""
    join: list[Path] = field(default_factory=list)
    """Folders of the same experiment with other seeds: their figures are counted in (results.csv, curves.csv)."""
    recipe: str = ""
    """Another recipe than the experiment's own (tiny)."""
    arms: list[str] = field(default_factory=list)
    """Only these arms."""
    steps: int = 0
    """Steps of every run; 0 leaves them as the recipe has them."""
    jobs: int = 1
    """How many runs at once."""
    test: int = 1000
    """Test problems for what is tested after the training: a sweep's chosen arm, strangers, other languages."""
    set: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """FIELD=VALUE for every run, as for training.run."""
    json: bool = False
    """Print the rows as JSON."""


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
    found = sorted([*results.rows(every, folders, experiment.look), *elsewhere], key=lambda row: row.seed)
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
