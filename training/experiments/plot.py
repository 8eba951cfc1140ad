"""The curves of an experiment as a picture: every seed a thin line, their mean a thick one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.pictures import Curve, curves
from training.experiments.base import Experiment
from training.experiments.results import curve
from training.experiments.runner import Cell

FILE = "curves"
STEPS = "updates"
Panels = dict[str, dict[str, dict[int, Curve]]]
"""By title, label and seed."""


def panels_of(done: Sequence[Cell], experiment: Experiment) -> Panels:
    """Held-out figures over updates."""
    titles = {arm.title: arm.name for arm in experiment.arms}
    return {
        one.title: {
            label: {
                cell.seed: curve(cell.folder, one.condition, one.measure, cell.arm, experiment.look)
                for cell in done
                if cell.arm.name == arm and cell.arm.trained
            }
            for label, arm in (one.lines or titles).items()
            if arm in titles.values()
        }
        for one in experiment.panels
    }


def draw(panels: Panels, experiment: Experiment, folder: Path) -> None:
    """Writes curves.svg, .png and .csv."""
    some = [
        (title, {label: dict(sorted(runs.items())) for label, runs in found.items() if runs})
        for title, found in panels.items()
    ]
    if some := [(title, found) for title, found in some if found]:
        curves(FILE, experiment.question, "Held-out problems.", some, label=STEPS).write(folder)
