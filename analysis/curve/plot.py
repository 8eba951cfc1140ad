"""A handoff curve as a picture, others beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.curve.points import Curve
from analysis.style import COLOURS, MARKERS, STYLES, save


def draw(curves: Sequence[Curve], out: Path) -> None:
    """Writes OUT.svg and OUT.png: accuracy against the fraction, 95% intervals as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(curves):
        shift = 0.006 * (number - (len(curves) - 1) / 2)  # so that bars of two curves do not cover each other
        at = [p.fraction + shift for p in curve.points]
        value = [p.accuracy for p in curve.points]
        # Where all are right, rounding may put the edge below.
        reach = [[max(0.0, edge) for edge in (p.accuracy - p.low, p.high - p.accuracy)] for p in curve.points]
        axes.errorbar(
            at,
            value,
            list(zip(*reach, strict=True)),
            color=COLOURS[number % len(COLOURS)],
            linestyle=STYLES[number % len(STYLES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            capsize=2.5,
            linewidth=1.6,
            elinewidth=1,
            label=_named(curve, curves),
        )
    first = curves[0]
    one = len({curve.author for curve in curves}) == len({curve.writer for curve in curves}) == 1
    author, writer = (first.author, first.writer) if one else ("the author", "who goes on")
    axes.set_xlabel(f"fraction of its solution ({first.unit}s) that {author} wrote; {writer} writes the rest")
    axes.set_ylabel("accuracy")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend(frameon=False, loc="best")
    counts = sorted({p.episodes for curve in curves for p in curve.points})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    axes.set_title(f"Handoff curve, {n} episodes a point, 95% intervals", fontsize="medium")
    save(figure, out)


def _named(curve: Curve, curves: Sequence[Curve]) -> str:
    pairs = {(one.author, one.writer) for one in curves}
    return curve.label if len(pairs) == 1 else f"{curve.label} ({curve.author}, then {curve.writer})"
