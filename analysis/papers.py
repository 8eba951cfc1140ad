"""``python -m analysis.papers first|second RUN ...``: both papers' figures, from one's own runs.

first: the senior's jargon and accuracy over the updates (West et al. 2025, arXiv 2510.13551). second: solo and handoff
accuracy, retention, legibility and drift of tandem training against its controls (Jiao et al. 2026, arXiv 2606.28166).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from analysis.arms import Arm, StoredRun, read_arms
from analysis.estimates import Measured, measured, retained
from analysis.measures import MEASURES
from analysis.pictures import Dot, Picture, look, new_figure, picture
from analysis.report.sections import training
from analysis.report.words import basis, said
from analysis.statistics import Estimate, over_seeds
from arena.command import fail, run_command
from arena.terminal import say, visible

GONE = 0.02
"""Jargon at or below this is said to be gone."""


@dataclass
class PapersConfig:
    """Draw a paper's figure from stored training runs.

    Example: python -m analysis.papers first runs/sanity --out figures
    """

    figure: Annotated[Literal["first", "second"], tyro.conf.Positional]
    """first: jargon and accuracy over updates; second: solo, handoff, retention, legibility, drift."""
    runs: Annotated[list[str], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """RUN or NAME=RUN, as for analysis.report."""
    out: Path
    """Folder for the picture (.svg, .png) and its numbers (.csv)."""
    reader: str = "junior"
    """second: whose reading of the senior's solutions (python -m analysis.read RUN/test --drift) is shown."""


def gone_at(run: StoredRun, senior: str, level: float = GONE) -> int | None:
    """The update from which held-out jargon of the senior alone stays at or below ``level``; None if it never does."""
    mine = run.held_out(f"solo:{senior}", "jargon_rate")
    high = mine[mine["value"] > level]["step"]
    after = mine[mine["step"] > high.max()] if len(high) else mine
    return int(after["step"].iloc[0]) if len(after) else None


def first(arms: Sequence[Arm]) -> tuple[Picture, list[str]]:
    """Jargon and accuracy over the updates, and when the jargon was gone. Raises UserError without training runs."""
    section = training(arms)
    if section is None:
        fail("there is no training run among these; paper 1's figure is over updates")
    lines = []
    for arm in arms:
        if not arm.runs[0].trained:
            continue
        lines.append(
            f"{arm.label}: jargon of {arm.senior} alone at or below {GONE:.0%} from update "
            f"{', '.join(_when(run, arm.senior) for run in arm.runs)} on (by seed, held-out)"
        )
    (plot,) = section.pictures
    return Picture("first", plot.title, plot.caption, plot.svg, plot.png, plot.data), lines


def _when(run: StoredRun, senior: str) -> str:
    if not len(run.held_out(f"solo:{senior}", "jargon_rate")):
        return "unknown (not evaluated)"
    step = gone_at(run, senior)
    return "never" if step is None else str(step)


def second(arms: Sequence[Arm], reader: str) -> tuple[Picture, list[str]]:
    """Panels of solo and handoff accuracy, retention, legibility and drift, an arm a row."""
    panels: list[tuple[str, list[Dot]]] = []
    lines: list[str] = []
    for title, value_of in _panels(reader):
        dots = []
        for arm in arms:
            found = value_of(arm)
            if found is None:
                continue
            estimate, each = found
            dots.append(Dot(arm.label, title, estimate.value, estimate.low, estimate.high, each))
            lines.append(f"{arm.label}: {title} {said(estimate)} ({basis(estimate)})")
        panels.append((title, dots))
    if not any(dots for title, dots in panels if title.startswith("legibility")):
        lines.append(
            f"no reading by {reader} is stored; for each run: python -m analysis.read RUN/test --reader {reader} "
            "--condition solo:senior --drift"
        )
    return _draw(panels), lines


Value = tuple[Estimate, tuple[float, ...]]


def _panels(reader: str) -> Iterator[tuple[str, Callable[[Arm], Value | None]]]:
    def of(found: Measured | None) -> Value | None:
        if found is None:
            return None
        return found.estimate, tuple(one.value for _, one in found.each) if len(found.each) > 1 else ()

    accuracy = MEASURES["accuracy"]
    yield "solo accuracy", lambda arm: of(_measured(arm, f"solo:{arm.senior}", accuracy.name))
    yield "handoff accuracy", lambda arm: of(_measured(arm, "team", accuracy.name))
    yield "retention", lambda arm: of(retained(arm))
    yield f"legibility (nats a token, {reader})", lambda arm: _reading(arm, reader, "legibility", "nats_per_token")
    yield f"drift (KL a token to {reader})", lambda arm: _reading(arm, reader, "drift", "kl_per_token")


def _measured(arm: Arm, condition: str, measure: str) -> Measured | None:
    return measured(arm, condition, MEASURES[measure]) if condition in arm.conditions else None


def _reading(arm: Arm, reader: str, part: str, name: str) -> Value | None:
    """A figure of the readings of the senior alone, over seeds; of a single run with its own interval."""
    from analysis.reading_files import FOLDER, Place, kept

    found: dict[int, Estimate] = {}
    for run in arm.runs:
        # Where there are readings of several steps, that of the episodes which the other panels show.
        steps = [None if step != step else int(step) for step in run.episodes["step"].astype(float).unique()]
        for path in sorted((run.source / FOLDER).glob("*.json")):
            figures = kept(Place(path.with_suffix(".parquet"), path)) or {}
            mine = (figures.get("reader", {}).get("name"), figures.get("condition")) == (reader, f"solo:{arm.senior}")
            table = figures.get(part) or {}
            if mine and figures.get("step") in steps and table.get(name) is not None:
                found[run.seed] = _of_one_run(name, table, figures["legibility"])
    if not found:
        return None
    if len(found) == 1:
        return next(iter(found.values())), ()
    values = {seed: one.value for seed, one in found.items()}
    return over_seeds(values, name=name), tuple(values.values())


def _of_one_run(name: str, table: dict[str, Any], counts: dict[str, Any]) -> Estimate:
    low, high = table.get(f"{name}_ci95") or (float("nan"), float("nan"))
    n, problems = counts["solutions"], counts["problems"]
    assumption = "that problems are independent draws"
    return Estimate(name, table[name], low, high, 0.95, n, problems, "problem", "cluster bootstrap", assumption)


def _draw(panels: Sequence[tuple[str, Sequence[Dot]]]) -> Picture:
    import pandas as pd

    rows = list(dict.fromkeys(dot.row for _, dots in panels for dot in dots))
    figure = new_figure(3.1 * len(panels), 1.2 + 0.5 * len(rows))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (title, dots) in zip(axes, panels, strict=True):
        for dot in dots:
            place, shown = rows.index(dot.row), look(rows.index(dot.row))
            panel.plot([dot.low, dot.high], [place, place], color=shown["color"], linewidth=1.6)
            panel.plot(dot.each, [place] * len(dot.each), "|", color=shown["color"], markersize=11, alpha=0.55)
            panel.plot([dot.value], [place], marker=shown["marker"], color=shown["color"], markersize=7)
        panel.set_title(title, fontsize="small")
        panel.set_yticks(range(len(rows)), rows)
        panel.set_ylim(len(rows) - 0.4, -0.6)
        if "accuracy" in title:
            panel.set_xlim(-0.02, 1.02)
        elif dots:
            panel.set_xlim(left=0)
        panel.grid(axis="x", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    data = pd.DataFrame([{"panel": title, "arm": d.row, "value": d.value, "low": d.low, "high": d.high,
                          "each": " ".join(map(str, d.each))} for title, dots in panels for d in dots])  # fmt: skip
    caption = "Means with 95% intervals, over seeds where there are several; strokes are single seeds."
    return picture("second", "Solo, handoff, retention, legibility, drift", caption, figure, data)


def main(config: PapersConfig) -> None:
    """Reads the runs, draws, prints what is drawn. Raises UserError."""
    if not config.runs:
        fail("name at least one run, as in python -m analysis.papers first runs/sanity --out figures")
    if config.out.exists() and not config.out.is_dir():
        fail(f"--out {config.out}: is a file; name a folder")
    arms, remarks = read_arms(config.runs)
    plot, lines = first(arms) if config.figure == "first" else second(arms, config.reader)
    try:
        config.out.mkdir(parents=True, exist_ok=True)
        plot.write(config.out)
    except OSError as error:
        fail(f"--out {config.out}: {error.strerror or error}")
    for line in [*lines, *remarks, f"written: {config.out / plot.name}.svg, .png, .csv"]:
        say(visible(line))


if __name__ == "__main__":
    run_command(main, PapersConfig, prog="python -m analysis.papers")
