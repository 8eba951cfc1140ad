"""The curves of an experiment as a picture: every seed a thin line, their mean a thick one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from training.experiments.results import curve
from training.experiments.runner import Cell

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's, which the colour-blind tell apart; each arm also has a line style of its own."""
STYLES = ("-", "--", "-.", ":")
PANELS = (
    ("Jargon, senior alone", "solo:senior", "jargon_rate"),
    ("Accuracy, senior alone", "solo:senior", "accuracy"),
    ("Accuracy, team", "team", "accuracy"),
)


def draw(done: Sequence[Cell], question: str, titles: Mapping[str, str], out: Path) -> None:
    """Writes OUT.svg and OUT.png: held-out figures over updates."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(PANELS), figsize=(4.2 * len(PANELS), 3.6), sharey=True, layout="constrained"
    )
    for panel, (title, condition, measure) in zip(panels, PANELS, strict=True):
        for number, (arm, label) in enumerate(titles.items()):
            colour, style = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
            runs = [
                curve(cell.folder, condition, measure) for cell in done if cell.arm.name == arm and cell.arm.trained
            ]
            for steps, values in runs:
                panel.plot(steps, values, style, color=colour, linewidth=0.6, alpha=0.5)
            if runs:
                common = sorted(set.intersection(*(set(steps) for steps, _ in runs)))
                tables = [dict(zip(steps, values, strict=True)) for steps, values in runs]
                middle = [mean(table[step] for table in tables) for step in common]
                panel.plot(common, middle, style, color=colour, linewidth=2.2, label=label)
        panel.set_title(title)
        panel.set_xlabel("updates")
        panel.set_ylim(-0.02, 1.02)
        panel.grid(alpha=0.3)
    panels[0].legend(frameon=False, fontsize="small")
    figure.suptitle(question)
    for kind in ("svg", "png"):
        figure.savefig(out.with_suffix(f".{kind}"), dpi=140, metadata={"Date": None} if kind == "svg" else None)
    pyplot.close(figure)
