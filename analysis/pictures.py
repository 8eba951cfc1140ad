"""Pictures, each with the numbers it was drawn from. Colours of Okabe and Ito, which the colour-blind tell apart, and
for every colour a marker and a line style of its own, so that grey will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from textwrap import fill
from typing import TYPE_CHECKING, Any

from analysis.style import COLOURS, MARKERS, STYLES, rendered
from arena.lines import replace_file

if TYPE_CHECKING:
    import pandas as pd

Curve = tuple[Sequence[float], Sequence[float]]
"""x and y of equal length."""
Runs = Mapping[int, Curve]
"""By its seed, a curve for each run of an arm."""


@dataclass(frozen=True)
class Picture:
    """A figure as it is published."""

    name: str
    """Of its files."""
    title: str
    caption: str
    svg: bytes
    png: bytes
    data: pd.DataFrame
    """What it shows."""

    def write(self, folder: Path) -> None:
        """NAME.svg, NAME.png and NAME.csv, each whole or not at all."""
        replace_file(folder / f"{self.name}.svg", self.svg)
        replace_file(folder / f"{self.name}.png", self.png)
        replace_file(folder / f"{self.name}.csv", self.data.to_csv(index=False).encode())


@dataclass(frozen=True)
class Dot:
    """A value with its interval, and the single values that it is the mean of."""

    row: str
    series: str
    value: float
    low: float
    high: float
    each: tuple[float, ...] = field(default=())


def picture(name: str, title: str, caption: str, figure: Any, data: pd.DataFrame) -> Picture:
    """A matplotlib Figure as a picture."""
    return Picture(name, title, caption, *rendered(figure), data)


def new_figure(width: float, height: float) -> Any:
    """An empty figure (inches) that no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def look(number: int) -> dict[str, Any]:
    """Colour, line style and marker of the n-th series."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": STYLES[number % len(STYLES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def dots(
    name: str,
    title: str,
    caption: str,
    found: Sequence[Dot],
    *,
    label: str,
    span: tuple[float, float] | None = None,
    at: float | None = None,
) -> Picture:
    """Values with intervals, a line for each row, series side by side in it; single values as faint dots.

    ``span`` fixes the axis, ``at`` draws a line to compare with (0 for a difference).
    """
    import pandas as pd

    rows, series = (list(dict.fromkeys(getattr(dot, key) for dot in found)) for key in ("row", "series"))
    figure = new_figure(7.2, 1.1 + 0.34 * len(rows) * max(1, 0.62 * len(series)))
    panel = figure.add_subplot()
    drawn = []
    for number, one in enumerate(series):
        offset = (number - (len(series) - 1) / 2) * 0.72 / max(len(series), 1)
        mine = [dot for dot in found if dot.series == one]
        places = [rows.index(dot.row) + offset for dot in mine]
        shown = {key: value for key, value in look(number).items() if key != "linestyle"}
        for place, dot in zip(places, mine, strict=True):
            panel.plot([dot.low, dot.high], [place, place], color=shown["color"], linewidth=1.6, solid_capstyle="butt")
            panel.plot(
                dot.each,
                [place] * len(dot.each),
                "|",
                color=shown["color"],
                markersize=9,
                alpha=0.55,
                markeredgewidth=1,
            )
        drawn += panel.plot([dot.value for dot in mine], places, linestyle="none", markersize=6, **shown)
    if at is not None:
        panel.axvline(at, color="#555555", linewidth=0.9, linestyle=":")
    if span:
        panel.set_xlim(*span)
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.45, -0.55)
    panel.set_xlabel(label)
    panel.grid(axis="x", alpha=0.3)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    if len(series) > 1:
        most = min(len(series), 4)
        figure.legend(drawn, series, loc="outside upper left", ncols=most, frameon=False, fontsize="small")
    data = pd.DataFrame(
        [{**{k: v for k, v in vars(dot).items() if k != "each"}, "each": " ".join(map(str, dot.each))} for dot in found]
    )
    return picture(name, title, caption, figure, data)


ABREAST = 4
"""Panels side by side, before the next row begins."""


def curves(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[tuple[str, Mapping[str, Runs]]],
    *,
    label: str,
) -> Picture:
    """Panels of shares over ``label``: each run of an arm a thin line, the arm's mean a thick one."""
    import pandas as pd

    columns = min(ABREAST, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(3.9 * columns, 3.5 * rows)
    every = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    axes = every[: len(panels)]
    for empty in every[len(panels) :]:
        empty.set_visible(False)
    arms = list(dict.fromkeys(arm for _, found in panels for arm in found))
    drawn: dict[str, Any] = {}
    for panel, (heading, found) in zip(axes, panels, strict=True):
        for arm, runs in found.items():
            shown = look(arms.index(arm))
            for x, y in runs.values():
                panel.plot(x, y, color=shown["color"], linestyle=shown["linestyle"], linewidth=0.6, alpha=0.5)
            if runs:
                x, y = _middle(list(runs.values()))
                drawn[arm] = panel.plot(x, y, color=shown["color"], linestyle=shown["linestyle"], linewidth=2.2)[0]
        panel.set_title(fill(heading, 40), fontsize="medium")
        panel.set_xlabel(label)
        panel.set_ylim(-0.02, 1.02)
        if all(float(x).is_integer() for runs in found.values() for run, _ in runs.values() for x in run):
            panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(
        drawn.values(),
        drawn,
        loc="outside lower center",
        ncols=min(4, max(1, len(drawn))),
        frameon=False,
        fontsize="small",
    )
    data = pd.DataFrame(_points(panels), columns=["panel", "arm", "seed", label, "value"])
    return picture(name, title, caption, figure, data)


def _middle(runs: Sequence[Curve]) -> Curve:
    """The mean over runs where all of them have a value."""
    tables = [dict(zip(x, y, strict=True)) for x, y in runs]
    common = sorted(set.intersection(*(set(table) for table in tables)))
    return common, [mean(table[place] for table in tables) for place in common]


def _points(panels: Sequence[tuple[str, Mapping[str, Runs]]]) -> Iterator[tuple[Any, ...]]:
    for heading, found in panels:
        for arm, runs in found.items():
            for seed, (xs, ys) in runs.items():
                yield from ((heading, arm, seed, x, y) for x, y in zip(xs, ys, strict=True))


def matrix(
    name: str,
    title: str,
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], tuple[float, float, float]],
    marked: Sequence[tuple[str, str]] = (),
) -> Picture:
    """Shares (value, low, high) as a matrix, each with its interval; ``marked`` cells have a frame."""
    import pandas as pd
    from matplotlib.patches import Rectangle

    figure = new_figure(1.8 + 1.35 * len(columns), 1.2 + 0.75 * len(rows))
    panel = figure.add_subplot()
    values = [[cells.get((row, column), (float("nan"),) * 3)[0] for column in columns] for row in rows]
    shown = panel.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if (row, column) not in cells:
                continue
            value, low, high = cells[row, column]
            ink = "white" if value > 0.6 else "black"
            panel.text(x, y - 0.12, f"{value:.3f}", ha="center", va="center", color=ink, fontsize="medium")
            panel.text(x, y + 0.22, f"[{low:.2f}, {high:.2f}]", ha="center", va="center", color=ink, fontsize="x-small")
            if (row, column) in marked:
                place = (x - 0.47, y - 0.46)
                panel.add_patch(Rectangle(place, 0.94, 0.92, fill=False, edgecolor=ink, linewidth=2, linestyle="--"))
    panel.set_xticks(range(len(columns)), columns)
    panel.set_yticks(range(len(rows)), rows)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    figure.colorbar(shown, ax=panel, label="accuracy", shrink=0.9)
    data = pd.DataFrame(
        [
            {"row": row, "column": column, "value": v, "low": low, "high": high, "marked": (row, column) in marked}
            for (row, column), (v, low, high) in cells.items()
        ]
    )
    return picture(name, title, caption, figure, data)
