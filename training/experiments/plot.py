"""The curves of an experiment as a picture: every seed a thin line, their mean a thick one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.pictures import curves
from training.experiments.results import curve
from training.experiments.runner import Cell

PANELS = (
    ("Jargon, senior alone", "solo:senior", "jargon_rate"),
    ("Accuracy, senior alone", "solo:senior", "accuracy"),
    ("Accuracy, team", "team", "accuracy"),
)


def draw(done: Sequence[Cell], question: str, titles: Mapping[str, str], out: Path) -> None:
    """Writes OUT.svg, OUT.png and OUT.csv: held-out figures over updates."""
    panels = []
    for title, condition, measure in PANELS:
        found = {
            label: [
                curve(cell.folder, condition, measure) for cell in done if cell.arm.name == arm and cell.arm.trained
            ]
            for arm, label in titles.items()
        }
        panels.append((title, {label: runs for label, runs in found.items() if runs}))
    if any(found for _, found in panels):
        curves(out.name, question, "Held-out problems.", panels, label="updates").write(out.parent)
