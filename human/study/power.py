"""The power of a study as a curve over effects, for several numbers of people: table, picture, and what it comes to."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from analysis.style import COLOURS, MARKERS, STYLES, save
from arena.command import fail
from arena.lines import replace_file
from human.study.config import Study
from human.study.simulate import Point, accuracies, point

EFFECTS = (0.0, 0.05, 0.1, 0.15, 0.2)
ENOUGH = 0.8
"""The power that is usually asked for; a line in the picture."""


def stated_effect(study: Study) -> float:
    """Treated less control, as [simulation] accuracy has it."""
    by_name = dict(zip((one.name for one in study.seen), accuracies(study), strict=True))
    return round(by_name[study.analysis.treated] - by_name[study.analysis.control], 6)


def effects_of(study: Study, text: str) -> list[float]:
    """The effects to simulate, ascending: none and the stated one are always among them. Raises UserError."""
    stated = stated_effect(study)
    if not text:
        control = study.simulation.accuracy[study.analysis.control]
        return sorted({0.0, stated, *(one for one in EFFECTS if one + control < 1)})
    try:
        given = {float(part) for part in text.split(",")}
    except ValueError:
        fail(f"--effects {text}: give differences of accuracies separated by commas, as in 0.05,0.1,0.2")
    for one in given:
        accuracies(study, one)
    return sorted({0.0, stated, *given})


def sizes_of(study: Study, text: str) -> list[int]:
    """The numbers of people to simulate, ascending: the study's own is always among them. Raises UserError."""
    own = study.participants
    if not text:
        return sorted({max(2, own // 2), own, 2 * own})
    try:
        given = {int(part) for part in text.split(",")}
    except ValueError:
        given = {0}
    if min(given) < 2:
        fail(f"--people {text}: give whole numbers from 2 separated by commas, as in 24,48,96")
    return sorted({own, *given})


def as_csv(points: Sequence[Point]) -> str:
    """A row a point."""
    reasons = sorted({why for one in points for why in one.excluded})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    own = ("people", "effect", "power", "error", "found", "recruited", "kept", "failed")
    writer.writerow([*own, *(f"excluded: {why}" for why in reasons)])
    for one in points:
        row = one.as_dict()
        writer.writerow([*(f"{row[key]:.6g}" for key in own), *(f"{one.excluded.get(why, 0):.6g}" for why in reasons)])
    return out.getvalue()


def draw(study: Study, points: Sequence[Point], out: Path) -> None:
    """Writes OUT.svg and OUT.png: power against the effect, a line a number of people, two standard errors as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for number, people in enumerate(sorted({one.people for one in points})):
        mine = [one for one in points if one.people == people]
        value = [one.power.power for one in mine]
        reach = [
            [min(one.power.power, 2 * one.power.error) for one in mine],
            [min(1 - one.power.power, 2 * one.power.error) for one in mine],
        ]
        axes.errorbar(
            [one.effect for one in mine],
            value,
            reach,
            color=COLOURS[number % len(COLOURS)],
            linestyle=STYLES[number % len(STYLES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            capsize=2.5,
            linewidth=1.6,
            elinewidth=1,
            label=f"{people} people",
        )
    for level in (study.analysis.alpha, ENOUGH):
        axes.axhline(level, color="#555555", linewidth=0.9, linestyle=":")
    axes.set_xlabel(f"accuracy under {study.analysis.treated} less that under {study.analysis.control}, stated")
    axes.set_ylabel("share of studies that find a difference")
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="best")
    axes.set_title(f"Power of {study.name}, {study.trials.problems} problems", fontsize="medium")
    save(figure, out)


def write(study: Study, points: Sequence[Point], out: Path) -> None:
    """OUT.csv, OUT.svg and OUT.png."""
    replace_file(out.with_name(f"{out.name}.csv"), as_csv(points).encode())
    draw(study, points, out)


def statement(study: Study, own: Point, none: Point, studies: int) -> str:
    """What a design can find, with all that it rests on, in a sentence or three."""
    plan, treated, control = study.simulation, study.analysis.treated, study.analysis.control
    low = plan.accuracy[control]
    sds = ", ".join(
        f"{name} {getattr(plan, key):g}"
        for name, key in (
            ("people", "person_sd"),
            ("problems", "problem_sd"),
            ("prefixes", "prefix_sd"),
            ("effect over people", "person_effect_sd"),
            ("effect over problems", "problem_effect_sd"),
        )
    )
    return (
        f"With {own.people} people of {study.trials.per_person} trials each on {study.trials.problems} problems, "
        f"{treated} {low + own.effect:.2f} against {control} {low:.2f} is found in {own.power.power:.3f} of {studies} "
        f"simulated studies (standard error {own.power.error:.3f}), and a difference of 0 is taken for one in "
        f"{none.power.power:.3f} ({none.power.error:.3f}; two-sided at {study.analysis.alpha:g}). Standard deviations "
        f"in logits: {sds}. {own.recruited:.1f} people begin, {own.kept:.1f} are kept; the mean difference found is "
        f"{own.found:.3f} for {own.effect:.3f}."
    )


def own_points(study: Study, studies: int, seed: int) -> tuple[Point, Point]:
    """The study as it is, under the stated effect and under none."""
    own, none = (point(study, study.participants, effect, studies, seed) for effect in (stated_effect(study), 0.0))
    return own, none
