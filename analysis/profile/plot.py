"""Value profiles as pictures: one solution, V over its words; and a run, V over the solution and by kind of text."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.plain import visible
from analysis.profile.kinds import KINDS
from analysis.profile.layout import Word, laid_out, position_of
from analysis.profile.summary import Read, Result
from analysis.style import COLOURS, MARKERS, STYLES, fonts, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 8.5
"""Size of the words' type."""
_COLUMN = 0.602 * _POINTS / 72
"""Inches of a column: every glyph of DejaVu Sans Mono is .602 of its size wide."""
_LEAST = 64
"""Columns of the narrowest picture: its title has room."""
_ROW, _GAP = 0.92, 0.42
"""Inches of a row's values, and of its words."""
_LEFT, _RIGHT, _TOP = 0.62, 0.25, 0.62


def draw_solution(one: Read, writer: str, out: Path) -> None:
    """Writes OUT.svg and OUT.png: V with its intervals over the words of the solution, its break marked."""
    from matplotlib.figure import Figure

    profile = one.profile
    episode = profile.solution.episode
    offsets = [profile.offsets[units] for units in profile.places]
    words = laid_out(episode.text, offsets)
    rows = words[-1].row + 1 if words else 1
    columns = max([_LEAST, *(word.column + word.width for word in words)]) + 2
    width = _LEFT + columns * _COLUMN + _RIGHT
    asked = textwrap.wrap(visible(" ".join(episode.question.split())), round(width * 13.5))[:4]
    top = _TOP + 0.15 * len(asked)
    height = top + rows * (_ROW + _GAP)
    figure = Figure(figsize=(width, height))
    verdict = "right" if profile.correct else "wrong"
    heads = [
        f"{visible(episode.id)}, which is {verdict}",
        f"V: how likely {visible(writer)} goes on to a right answer; {profile.right.shape[1]} rollouts, 95% intervals",
    ]
    at = height - 0.2
    for number, line in enumerate([*heads, *asked]):
        style: dict[str, Any] = {"fontsize": 9} if number < len(heads) else {"fontsize": 8, "color": "0.35"}
        figure.text(
            0.12 / width, at / height, line, va="center", family=fonts("DejaVu Sans"), parse_math=False, **style
        )
        at -= 0.16 if number < len(heads) else 0.15
    panels = []
    for row in range(rows):
        bottom = height - top - (row + 1) * _ROW - row * _GAP
        panels.append(figure.add_axes((_LEFT / width, bottom / height, columns * _COLUMN / width, _ROW / height)))
    for row, axes in enumerate(panels):
        _frame(axes, columns)
        for word in words:
            if word.row == row:
                _text(axes, word)
    if one.broken is not None:
        _mark(panels, one, words, offsets)
    _line(panels, one, words, offsets)
    with warnings.catch_warnings():  # a script that the font does not have is shown as boxes
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        save(figure, out)


def _frame(axes: Axes, columns: float) -> None:
    axes.set_xlim(-1, columns - 1)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"], fontsize=7.5)
    axes.set_xticks([])
    axes.grid(axis="y", alpha=0.35, linewidth=0.6)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _text(axes: Axes, word: Word, **style: Any) -> None:
    below = axes.get_xaxis_transform()
    axes.text(
        word.column,
        -0.16,
        word.text,
        transform=below,
        family=fonts("DejaVu Sans Mono"),
        fontsize=_POINTS,
        va="center",
        parse_math=False,
        **{"color": "black", **style},
    )


def _line(panels: Sequence[Axes], one: Read, words: Sequence[Word], offsets: Sequence[int]) -> None:
    """V at each place, between the words; what the last word of a row leads to stands at its end, and again below."""
    profile = one.profile
    spots = [position_of(words, offset) for offset in offsets]
    for row, axes in enumerate(panels):
        here = [place for place, (at, _) in enumerate(spots) if at == row]
        if not here:
            continue
        drawn = [*here, here[-1] + 1] if here[-1] + 1 < len(spots) else here
        end = max(word.column + word.width for word in words if word.row == row) if words else 0.0
        x = [(spots[place][1] if place in here else end + 1) - 0.5 for place in drawn]
        value = profile.values[drawn]
        low, high = profile.intervals[drawn].T
        axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.18, linewidth=0)
        axes.plot(x, value, "-", color=COLOURS[0], linewidth=1.3)
        axes.plot(x[: len(here)], value[: len(here)], "o", color=COLOURS[0], markersize=2.6)


def _mark(panels: Sequence[Axes], one: Read, words: Sequence[Word], offsets: Sequence[int]) -> None:
    """The words over which V falls most, boxed, and by how much."""
    step = one.broken
    assert step is not None
    first, last = offsets[step.place], offsets[step.place + 1]
    over = [word for word in words if first <= word.start < last]
    for row in sorted({word.row for word in over}):
        those = [word for word in over if word.row == row]
        left, right = those[0].column - 0.5, those[-1].column + those[-1].width + 0.5
        panels[row].axvspan(left, right, ymin=-0.28, color=COLOURS[1], alpha=0.22, linewidth=0, clip_on=False)
        for edge in (left, right):
            panels[row].axvline(edge, color=COLOURS[1], linewidth=0.8, linestyle="--")
        for word in those:
            _text(panels[row], word, weight="bold")
    where = over[0] if over else words[-1]
    to_the_left = where.column > 0.6 * _LEAST
    panels[where.row].annotate(
        f"breaks: {one.profile.values[step.place]:.2f} to {one.profile.values[step.place + 1]:.2f}, "
        f"p = {step.p_holm:.1g}",
        (where.column - 0.5 if to_the_left else where.column + where.width + 0.5, 1.04),
        xytext=(-3 if to_the_left else 3, 4),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        fontsize=7.5,
        color=COLOURS[1],
    )


def draw_run(results: Sequence[Result], out: Path) -> None:
    """Writes OUT.svg and OUT.png: the mean of V over the solution, and what it gains and loses by kind of text."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.2, 4.2), layout="constrained")
    curve, kinds = figure.subplots(1, 2, width_ratios=(3, 2))
    named = {kind["kind"] for result in results for kind in result.figures["kinds"]}
    names = [kind for kind in KINDS if kind in named]
    for number, result in enumerate(results):
        style = {"color": COLOURS[number % len(COLOURS)]}
        rows = [row for row in result.figures["mean"] if row["value"] is not None]
        x = [row["fraction"] for row in rows]
        sure = [row for row in rows if row["low"] is not None]
        if sure:
            curve.fill_between(
                [row["fraction"] for row in sure],
                [row["low"] for row in sure],
                [row["high"] for row in sure],
                alpha=0.18,
                linewidth=0,
                **style,
            )
        label = f"{result.label} ({result.figures['solutions']} solutions)"
        marker, line = MARKERS[number % len(MARKERS)], STYLES[number % len(STYLES)]
        curve.plot(x, [row["value"] for row in rows], line, marker=marker, markersize=4, label=label, **style)
        shift = 0.16 * (number - (len(results) - 1) / 2)
        for kind in result.figures["kinds"]:
            at = names.index(kind["kind"]) + shift
            low, high = kind["change_per_solution_ci95"]
            if low is not None:
                kinds.plot([low, high], [at, at], "-", linewidth=1.6, **style)
            kinds.plot(kind["change_per_solution"], at, marker, markersize=5, **style)
    first = results[0]
    curve.set_xlabel(f"fraction of the solution ({first.unit}s) before {first.writer} takes over")
    curve.set_ylabel("V: probability of a right answer")
    curve.set_xlim(-0.02, 1.02)
    curve.set_ylim(-0.02, 1.02)
    curve.grid(alpha=0.3)
    curve.legend(frameon=False, fontsize="small")
    curve.set_title("Mean value profile, 95% over problems", fontsize="medium")
    kinds.axvline(0, color="0.4", linewidth=0.8)
    kinds.set_yticks(range(len(names)), names)
    kinds.set_ylim(len(names) - 0.5, -0.5)
    kinds.set_xlabel("what V gains or loses in a solution")
    kinds.set_title("By kind of text, summing to V(end) - V(0)", fontsize="medium")
    kinds.grid(axis="x", alpha=0.3)
    save(figure, out)
