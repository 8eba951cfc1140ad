"""The figures of a handoff curve: accuracy and its interval at each fraction, and the difference from another curve."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.curve.plan import CurvePlan
from analysis.resampling import over_problems
from arena.command import fail
from arena.episode import Episode
from arena.measures import tally

CUT_OFF = ("limit", "context")


@dataclass(frozen=True)
class Point:
    """One fraction of a curve."""

    fraction: float
    """Of the solution's units that its author wrote."""
    condition: str
    episodes: int
    problems: int
    correct: int
    accuracy: float
    low: float
    """The 95% interval of the accuracy (`arena.measures.Tally.interval`)."""
    high: float
    method: str
    unreadable: int
    cut_off: int
    """Episodes that ended by the maximum length or a full context."""
    failed: int


@dataclass(frozen=True)
class Curve:
    """A finished curve, as ``curve.json`` has it."""

    label: str
    author: str
    """Whose solutions were cut."""
    writer: str
    """Who went on."""
    unit: str
    points: list[Point]
    by_problem: dict[str, list[float]] = field(default_factory=dict)
    """Accuracy on each problem at each fraction, for paired comparisons."""

    def json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def curve_of(episodes: Iterable[Episode], plan: CurvePlan, label: str, author: str) -> Curve:
    """The curve of a finished folder's episodes."""
    found = tally(episodes)
    points = []
    by_problem: dict[str, list[float]] = {}
    for fraction in plan.fractions:
        condition = plan.condition_at(fraction)
        one = found[condition]
        (low, high), method = one.interval()
        points.append(
            Point(
                fraction,
                condition,
                one.episodes,
                len(one.right_by_problem),
                one.verdicts["correct"],
                one.accuracy,
                low,
                high,
                method,
                one.verdicts["unreadable"],
                sum(one.endings[kind] for kind in CUT_OFF),
                one.endings["error"],
            )
        )
        for problem, (right, count) in one.right_by_problem.items():
            by_problem.setdefault(problem, []).append(right / count)
    return Curve(label, author, plan.writer, plan.unit, points, by_problem)


def read_curve(folder: Path) -> Curve:
    """A finished curve from its folder. Raises UserError."""
    try:
        given = json.loads((folder / "curve.json").read_bytes())
        return Curve(**{**given, "points": [Point(**point) for point in given["points"]]})
    except OSError as error:
        fail(f"--beside {folder}: there is no curve.json ({error.strerror}); name the folder of a finished curve")
    except (ValueError, TypeError, KeyError) as error:
        fail(f"--beside {folder}: its curve.json cannot be read ({error}); finish that curve again with --resume")


def differences(curve: Curve, other: Curve, seed: int = 0) -> list[tuple[float, float, float, float]]:
    """(fraction, difference, low, high) of this curve's accuracy less another's on the same problems.

    Paired: the interval resamples problems with what both curves have on them. Empty where problems differ.
    """
    shared = [p.fraction for p in curve.points if p.fraction in {q.fraction for q in other.points}]
    if curve.by_problem.keys() != other.by_problem.keys() or not shared:
        return []
    columns = [[[p.fraction for p in one.points].index(f) for f in shared] for one in (curve, other)]
    problems = list(curve.by_problem)
    values = np.array(
        [
            [curve.by_problem[name][a] - other.by_problem[name][b] for a, b in zip(*columns, strict=True)]
            for name in problems
        ]
    )
    mean, low, high = over_problems(problems, values, seed=seed)
    return list(zip(shared, mean.tolist(), low.tolist(), high.tolist(), strict=True))


def table(curve: Curve) -> list[list[str]]:
    """The curve as rows of text, titles first."""
    rows = [["fraction", "episodes", "accuracy", "95% interval", "unreadable", "cut off"]]
    for p in curve.points:
        interval = f"{p.low:.3f} to {p.high:.3f}"
        rows.append(
            [f"{p.fraction:g}", str(p.episodes), f"{p.accuracy:.3f}", interval, str(p.unreadable), str(p.cut_off)]
        )
    return rows


def as_csv(curves: Sequence[Curve]) -> str:
    """Every point of some curves, for other programs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", "author", "writer", "unit", *Point.__dataclass_fields__])
    for curve in curves:
        writer.writerows([curve.label, curve.author, curve.writer, curve.unit, *vars(p).values()] for p in curve.points)
    return text.getvalue()


def jsonable(curve: Curve) -> dict[str, Any]:
    """What ``--json`` prints: the curve without its problems."""
    return {name: value for name, value in asdict(curve).items() if name != "by_problem"}
