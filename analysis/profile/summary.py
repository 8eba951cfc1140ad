"""A run's value profiles together: the mean curve over the solution, and at which kinds of text V falls and breaks."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.profile.breaks import LEVEL, Fall, break_of, falls
from analysis.profile.kinds import KINDS, kinds_of
from analysis.profile.values import Profile
from analysis.resampling import over_problems
from arena.command import fail

GRID = np.linspace(0, 1, 21)
"""Fractions of the solution at which the mean curve is given."""


@dataclass(frozen=True)
class Read:
    """A profile with what was made of it: its steps from place to place, their kinds, and where it breaks."""

    profile: Profile
    steps: list[Fall]
    kinds: list[str]
    """Of the text of each step."""
    broken: Fall | None


def read(profile: Profile) -> Read:
    """Tests a profile's steps and classifies their text."""
    steps = falls(profile.right)
    episode = profile.solution.episode
    kinds = kinds_of(episode.text, [profile.offsets[units] for units in profile.places], episode.question)
    return Read(profile, steps, kinds, break_of(steps))


def summary_of(reads: Sequence[Read], seed: int) -> dict[str, Any]:
    """The figures of a run; intervals resample problems (`analysis.resampling`). Numbers are rounded to 4 places."""
    problems = [one.profile.solution.problem.id for one in reads]
    mean, low, high = over_problems(problems, np.array([one.profile.at(GRID) for one in reads]), seed=seed)
    rows = zip(GRID, mean, low, high, strict=True)
    breaks = [(one, one.broken) for one in reads if one.broken is not None]
    return {
        "solutions": len(reads),
        "problems": len(set(problems)),
        "correct": sum(one.profile.correct for one in reads),
        "places": sum(len(one.profile.places) for one in reads),
        "rollouts": sum(one.profile.right.size for one in reads),
        "failed": sum(one.profile.failed for one in reads),
        "mean": [dict(zip(("fraction", "value", "low", "high"), map(_rounded, row), strict=True)) for row in rows],
        "broken": len(breaks),
        "break_level": LEVEL,
        "kinds": _by_kind(reads, problems, seed),
        "breaks": [_break(one, step) for one, step in breaks],
    }


def _by_kind(reads: Sequence[Read], problems: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Of each kind of text: how often it stands in a solution, what V changes there, how many solutions break there."""
    change, count = np.zeros((2, len(reads), len(KINDS)))
    broken = dict.fromkeys(KINDS, 0)
    for row, one in enumerate(reads):
        for step, kind in zip(one.steps, one.kinds, strict=True):
            change[row, KINDS.index(kind)] -= step.size
            count[row, KINDS.index(kind)] += 1
        if one.broken is not None:
            broken[one.kinds[one.broken.place]] += 1
    each = over_problems(problems, change, count, seed=seed)
    whole = over_problems(problems, change, seed=seed)
    return [
        {
            "kind": kind,
            "steps": int(count[:, k].sum()),
            "change_per_step": _rounded(each[0][k]),
            "change_per_step_ci95": [_rounded(each[1][k]), _rounded(each[2][k])],
            "change_per_solution": _rounded(whole[0][k]),
            "change_per_solution_ci95": [_rounded(whole[1][k]), _rounded(whole[2][k])],
            "breaks": broken[kind],
        }
        for k, kind in enumerate(KINDS)
        if count[:, k].any()
    ]


def _break(one: Read, step: Fall) -> dict[str, Any]:
    profile = one.profile
    units = profile.places[step.place]
    return {
        "id": profile.solution.episode.id,
        "units": units,
        "fraction": _rounded(units / max(1, profile.places[-1])),
        "text": profile.text_between(step.place),
        "kind": one.kinds[step.place],
        "from": _rounded(profile.values[step.place]),
        "to": _rounded(profile.values[step.place + 1]),
        "fell": step.fell,
        "rose": step.rose,
        "p_holm": step.p_holm,
    }


def as_csv(reads: Sequence[Read]) -> str:
    """A row for each place: V there, and what becomes of it over the text that follows."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    columns = "id problem_id correct units fraction offset right rollouts value low high text kind change fell rose p"
    out.writerow([*columns.split(), "p_holm", "break"])
    for one in reads:
        profile, episode = one.profile, one.profile.solution.episode
        for place, units in enumerate(profile.places):
            right, count = int(profile.right[place].sum()), profile.right.shape[1]
            edges = [_rounded(edge) for edge in profile.intervals[place]]
            share = _rounded(units / max(1, profile.places[-1]))
            row = [episode.id, episode.problem_id, int(profile.correct), units, share, profile.offsets[units], right]
            row += [count, _rounded(right / count), *edges]
            if place < len(one.steps):
                step = one.steps[place]
                row += [profile.text_between(place), one.kinds[place], _rounded(-step.size), step.fell, step.rose]
                row += [f"{step.p:.3g}", f"{step.p_holm:.3g}", int(step is one.broken)]
            else:
                row += [""] * 8
            out.writerow(row)
    return text.getvalue()


@dataclass(frozen=True)
class Result:
    """A finished profile run, as ``profile.json`` has it."""

    label: str
    writer: str
    """Who went on."""
    condition: str
    """Of the solutions."""
    unit: str
    stride: int
    """Every so many units is a place."""
    rollouts: int
    """At each place."""
    figures: dict[str, Any]
    """As `summary_of` gives them."""

    def json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def read_result(folder: Path) -> Result:
    """A finished run from its folder. Raises UserError."""
    try:
        return Result(**json.loads((folder / "profile.json").read_bytes()))
    except OSError as error:
        fail(f"--beside {folder}: there is no profile.json ({error.strerror}); name the folder of a finished profile")
    except (ValueError, TypeError) as error:
        fail(f"--beside {folder}: its profile.json cannot be read ({error}); finish it again with --resume")


def jsonable(result: Result) -> dict[str, Any]:
    """What ``--json`` prints."""
    return asdict(result)


def lines(result: Result) -> list[list[list[str]]]:
    """The run's figures as tables of text, titles first: the mean curve, the kinds, the breaks."""
    figures = result.figures
    mean = [["fraction", "V", "95% interval"]]
    mean += [
        [f"{r['fraction']:g}", f"{r['value']:.3f}", _interval((r["low"], r["high"]))] for r in figures["mean"][::2]
    ]
    kinds = [["text", "steps", "change of V a step", "95% interval", "a solution", "breaks"]]
    for kind in figures["kinds"]:
        change = [f"{kind['change_per_step']:+.4f}", _interval(kind["change_per_step_ci95"], "+")]
        kinds.append(
            [kind["kind"], str(kind["steps"]), *change, f"{kind['change_per_solution']:+.3f}", str(kind["breaks"])]
        )
    breaks = [["solution", "unit", "text", "V before", "after", "Holm's p"]]
    for one in figures["breaks"]:
        text = one["text"].replace("\n", "\\n")
        text = repr(text if len(text) <= 24 else text[:23] + "…")
        ends = [f"{one['from']:.2f}", f"{one['to']:.2f}", f"{one['p_holm']:.2g}"]
        breaks.append([one["id"], str(one["units"]), text, *ends])
    return [mean, kinds, *([breaks] if len(breaks) > 1 else [])]


def _interval(edges: Sequence[float | None], sign: str = "") -> str:
    low, high = edges
    return "-" if low is None or high is None else f"{low:{sign}.3f} to {high:{sign}.3f}"


def _rounded(value: float) -> float | None:
    """For JSON, which has no nan."""
    return None if math.isnan(value) else round(float(value), 4)
