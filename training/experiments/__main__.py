"""``python -m training.experiments NAME --out FOLDER``: trains every arm under every seed, then a table and a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from arena.command import check_least, fail, run_command
from arena.terminal import say
from training.experiments.catalogue import EXPERIMENTS, Experiment
from training.experiments.runner import Cell, cells, run_all, training_of, trials_of


@dataclass
class ExperimentConfig:
    """Run an experiment: arms times seeds. Give the same command again to go on where it stopped.

    Example: python -m training.experiments sanity --seeds 5 --out runs/sanity
    """

    name: Annotated[Literal["sanity", "granularity", "schedules", "sweep", "transfer"], tyro.conf.Positional]
    """sanity: does the jargon go, against all controls; granularity: which unit; schedules: who writes how much;
    sweep: c and j; transfer: partners that were never met."""
    out: Path
    """Folder of the experiment; ARM/seed-N in it are training runs."""
    seeds: int = 5
    """Seeds 0, 1, ... of every arm."""
    recipe: str = ""
    """Another recipe than the experiment's own (tiny)."""
    arms: list[str] = field(default_factory=list)
    """Only these arms."""
    steps: int = 0
    """Steps of every run; 0 leaves them as the recipe has them."""
    jobs: int = 1
    """How many runs at once."""
    test: int = 1000
    """Test problems for the chosen arm of a sweep, and with strangers."""
    set: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """FIELD=VALUE for every run, as for training.run."""
    json: bool = False
    """Print the rows as JSON."""


def main(config: ExperimentConfig) -> None:
    """Runs what is not done yet, then writes results.csv, table.md and curves.svg, .png into the folder."""
    from dataclasses import replace

    experiment = EXPERIMENTS[config.name]()
    if config.recipe:
        experiment = replace(experiment, recipe=config.recipe)
    if unknown := set(config.arms) - {arm.name for arm in experiment.arms}:
        fail(f"--arms {sorted(unknown)[0]}: {config.name} has {', '.join(arm.name for arm in experiment.arms)}")
    check_least(config, 1, "seeds", "jobs", "test")
    check_least(config, 0, "steps")
    more = [*([f"--steps={config.steps}"] if config.steps else []), *config.set]
    wanted = [arm for arm in experiment.arms if arm.name in config.arms or (config.out / arm.name).is_dir()]
    experiment = replace(experiment, arms=tuple(wanted)) if config.arms else experiment
    whole = cells(experiment, config.seeds, config.out, more)
    if experiment.chosen_by and not all(cell.config.evaluation.problems for cell in whole):
        fail(f"--set evaluation.problems=0: {config.name} chooses by held-out problems")
    asked = [cell for cell in whole if not config.arms or cell.arm.name in config.arms]
    run_all([training_of(cell) for cell in asked], config.jobs)
    report(config, experiment, [cell for cell in whole if cell in asked or cell.done])


def report(config: ExperimentConfig, experiment: Experiment, every: Sequence[Cell]) -> None:
    """The tests that follow the training, the files, and what is printed: of all that is there already, too."""
    from training.experiments import plot, results

    lines = [experiment.question, *experiment.notes]
    tested = [(cell, cell.arm.partners) for cell in every if cell.arm.partners]
    if experiment.chosen_by and (best := results.chosen(results.rows(every), experiment)):
        lines.append(f"Chosen by held-out {experiment.chosen_by}: {best}.")
        tested += [(cell, ("junior",)) for cell in every if cell.arm.name == best]
    tests = {cell: list(trials_of(cell, partners, config.test)) for cell, partners in tested}
    run_all([one for work in tests.values() for one in work], config.jobs)
    found = results.rows(every, {cell: [one.folder for one in work] for cell, work in tests.items()})
    table = results.markdown(results.table(found, experiment))
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "results.csv").write_text(results.as_csv(found), encoding="utf-8")
    (config.out / "table.md").write_text("\n\n".join([*lines, table]), encoding="utf-8")
    titles = {arm.name: arm.title for arm in experiment.arms}
    plot.draw(every, experiment.question, titles, config.out / "curves")
    if config.json:
        say(json.dumps([vars(row) for row in found], indent=1))
        return
    for line in [
        *lines,
        "",
        *table.splitlines(),
        "",
        f"written to {config.out}: table.md, results.csv, curves.svg, .png",
    ]:
        say(line)


if __name__ == "__main__":
    run_command(main, ExperimentConfig, prog="python -m training.experiments")
