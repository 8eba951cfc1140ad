"""What the runs of an experiment came to: a row for each run, and for each arm the mean over its seeds.

Seeds are shown one by one. Over seeds the interval is Student's t of their figures (two seeds at least): what another
seed would do, not what another thousand problems would.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from analysis import statistics
from arena.lines import read_lines
from training.evaluate import CHOOSING
from training.experiments.base import Arm, Column, Experiment, Look
from training.experiments.looked import looked
from training.experiments.runner import Cell

MEASURES = ("accuracy", "jargon_rate", "tokens_per_episode", "cut_off")


@dataclass(frozen=True)
class Row:
    """One figure of one run."""

    arm: str
    seed: int
    split: str
    condition: str
    measure: str
    value: float
    episodes: int
    made: str
    """A digest of the run's configuration, but for its seed."""


def rows(
    done: Iterable[Cell], tests: Mapping[Cell, Sequence[Path]] | None = None, look: Look | None = None
) -> list[Row]:
    """All figures of finished runs: of the last held-out evaluation, of test, and of these tests of the senior; with a
    look, what it finds there too, and the first held-out evaluation, before any step."""
    out: list[Row] = []
    for cell in done:
        summary = json.loads((cell.folder / "summary.json").read_bytes()) if cell.arm.trained else {}
        if summary and look:
            out += _rows(cell, "first", _first(cell.folder))
        for split in ("held_out", "test"):
            out += _rows(cell, split, summary.get(split) or {})
        for place in (tests or {}).get(cell, ()):
            out += _rows(cell, place.name, json.loads((place / "summary.json").read_bytes())["conditions"])
        if look:
            out += _looked_rows(cell, look, (tests or {}).get(cell, ()))
    return out


def _first(folder: Path) -> dict[str, Any]:
    """The held-out tables before the first step."""
    for _, line in read_lines(folder / "metrics.jsonl"):
        return line.get("held_out") or {}
    return {}


def _looked_rows(cell: Cell, look: Look, tests: Sequence[Path]) -> Iterator[Row]:
    held_out = looked(cell.folder / "validation", cell.arm, look)
    steps = sorted({step for step, _ in held_out})
    places = [("test", cell.folder / "test"), *((place.name, place) for place in tests)]
    tables = [("first", held_out, steps[:1]), ("held_out", held_out, steps[-1:])]
    tables += [
        (split, found := looked(place, cell.arm, look), sorted({s for s, _ in found})) for split, place in places
    ]
    for split, found, of in tables:
        for (step, condition), (figures, episodes) in found.items():
            if step in of:
                for measure, value in figures.items():
                    yield Row(cell.arm.name, cell.seed, split, condition, measure, value, episodes, cell.made)


def _rows(cell: Cell, split: str, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    for condition, table in tables.items():
        for measure in MEASURES:
            if measure in table:
                yield Row(
                    cell.arm.name, cell.seed, split, condition, measure, table[measure], table["episodes"], cell.made
                )


def curve(
    folder: Path, condition: str, measure: str, arm: Arm | None = None, look: Look | None = None
) -> tuple[list[int], list[float]]:
    """(steps, values) of a held-out figure over a run: of its metrics, or what a look at its episodes finds."""
    if arm and look and measure not in MEASURES:
        found = looked(folder / "validation", arm, look)
        every = sorted(step for step, of in found if of == condition and measure in found[step, of].figures)
        return every, [found[step, condition].figures[measure] for step in every]
    steps, values = [], []
    for _, line in read_lines(folder / "metrics.jsonl"):
        table = (line.get("held_out") or {}).get(condition)
        if table:
            steps.append(line["step"])
            values.append(table[measure])
    return steps, values


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of shares and 95% interval by t; nan where the seeds say nothing about others: one, or all alike."""
    if len(set(values)) < 2:
        return (mean(values) if values else math.nan), math.nan, math.nan
    found = statistics.over_seeds(dict(enumerate(values)), bounds=(0.0, 1.0))
    return found.value, found.low, found.high


def chosen(found: Sequence[Row], experiment: Experiment) -> str | None:
    """The arm with the best mean of the held-out figure that the experiment chooses by."""
    condition, _, measure = experiment.chosen_by.rpartition(".")
    by_arm: dict[str, list[float]] = {}
    for row in found:
        if (row.split, row.condition, row.measure) == ("held_out", condition, measure):
            by_arm.setdefault(row.arm, []).append(row.value)
    sign = CHOOSING[measure]
    return max(by_arm, key=lambda arm: sign * mean(by_arm[arm])) if by_arm else None


def table(found: Sequence[Row], experiment: Experiment) -> list[list[str]]:
    """A row for each arm, split and condition: its seeds one by one, their mean and interval. Titles come first."""
    titles = {arm.name: arm.title for arm in experiment.arms}
    out = [["arm", "measured on", "who", "measure", "seeds", "mean", "95% over seeds"]]
    keys = dict.fromkeys((r.arm, r.split, r.condition, r.measure) for r in found)
    for arm, split, condition, measure in sorted(
        keys, key=lambda key: (key[1], key[2], key[3], list(titles).index(key[0]))
    ):
        if measure not in ("accuracy", "jargon_rate"):
            continue
        values = [
            r.value for r in found if (r.arm, r.split, r.condition, r.measure) == (arm, split, condition, measure)
        ]
        middle, low, high = over_seeds(values)
        where = f"{split.replace('_', '-')}, n {next(r.episodes for r in found if r.split == split)}"
        each = " ".join(f"{value:.3f}" for value in values)
        interval = "-" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]"
        out.append([titles[arm], where, condition, measure, each, f"{middle:.3f}", interval])
    return out


def by_arm(found: Sequence[Row], arms: Sequence[Arm], columns: Sequence[Column]) -> list[list[str]]:
    """A row for each arm that has figures, a column for each of these: the mean over seeds and its interval. Titles
    come first."""
    out = [["arm", "seeds", *(column.title for column in columns)]]
    values: dict[tuple[str, ...], list[float]] = {}
    for row in found:
        values.setdefault((row.arm, row.split, row.condition, row.measure), []).append(row.value)
    for arm in arms:
        cells = [values.get((arm.name, one.split, one.condition, one.measure), []) for one in columns]
        if any(cells):
            out.append([arm.title, str(max(map(len, cells))), *(_cell(cell) for cell in cells)])
    return out


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    middle, low, high = over_seeds(values)
    return f"{middle:.2f}" if math.isnan(low) else f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def tables(found: Sequence[Row], experiment: Experiment) -> str:
    """The experiment's tables in Markdown, each below its title; one of all figures where it names none."""
    if not experiment.tables:
        return markdown(table(found, experiment))
    return "\n".join(
        f"{one.title}\n\n{markdown(by_arm(found, experiment.arms, one.columns))}" for one in experiment.tables
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table of texts in Markdown."""
    head, *rest = lines
    marks = ["|" + "|".join(f" {cell} " for cell in row) + "|" for row in (head, ["---"] * len(head), *rest)]
    return "\n".join(marks) + "\n"


def as_csv(found: Sequence[Row]) -> str:
    """All rows, for other programs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row.__dataclass_fields__)
    writer.writerows(vars(row).values() for row in found)
    return text.getvalue()
