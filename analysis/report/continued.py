"""Sections of what other commands have stored: handoff curves, value profiles, cross-plays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analysis.pictures import Picture
from analysis.report.document import Grid, Section
from analysis.report.words import counted, p_value
from arena.command import fail

SOLUTIONS = 1
"""Single solutions of a profile that are shown: the first, as the profile has them."""


def continued(folders: Sequence[Path]) -> Iterator[Section]:
    """A section for all curves, and one for each profile. Raises UserError for files that are not theirs."""
    curves = [folder for folder in folders if (folder / "curve.json").is_file()]
    if curves:
        yield Section(
            "Handoff curve",
            (
                "Accuracy against the fraction of its solution that the first agent wrote, before the other went on. "
                "Points of one curve share random numbers, so neighbours are not independent (docs/PROFILES.md).",
            ),
            grids=tuple(_curve(folder) for folder in curves),
            pictures=tuple(_picture(folder, "curve", f"Handoff curve, {folder.name}") for folder in curves),
        )
    for folder in folders:
        if (folder / "profile.json").is_file():
            yield _profile(folder)
        if (folder / "crossplay.json").is_file():
            yield _crossplay(folder)


def _curve(folder: Path) -> Grid:
    found = _read(folder, "curve")
    rows = tuple(
        (
            f"{point['fraction']:g}",
            f"{point['accuracy']:.3f}",
            f"[{point['low']:.3f}, {point['high']:.3f}]",
            f"{point['episodes']:,}",
            f"{point['problems']:,}",
        )
        for point in found["points"]
    )
    title = f"{found['label'] or folder.name}: {found['author']} began, {found['writer']} went on"
    head = (f"fraction ({found['unit']}s)", "accuracy", "95% interval", "episodes", "problems")
    return Grid(f"curve-{folder.name}-table", title, head, rows)


def _profile(folder: Path) -> Section:
    found = _read(folder, "profile")
    figures = found["figures"]
    rows = tuple(
        (
            kind["kind"],
            f"{kind['steps']:,}",
            f"{kind['change_per_solution']:+.3f}",
            "[{:.3f}, {:.3f}]".format(*kind["change_per_solution_ci95"]) if kind["change_per_solution_ci95"] else "-",
            f"{kind['breaks']:,}",
        )
        for kind in figures["kinds"]
    )
    head = ("kind of text", "steps", "what V gains or loses a solution", "95% interval", "breaks")
    said = (
        f"V is the probability that {found['writer']} finishes correctly if it takes over at a {found['unit']}: "
        f"{counted(figures['rollouts'], 'rollout')}, {found['rollouts']} a place, over "
        f"{counted(figures['solutions'], 'solution')} of {counted(figures['problems'], 'problem')}. "
        f"{counted(figures['broken'], 'solution')} broke: a fall between neighbouring places that is significant at "
        f"{figures['break_level']:g} after Holm over all places of the solution."
    )
    solutions = sorted((folder / "solutions").glob("*.svg"))[:SOLUTIONS]
    shown = [_picture(folder, "profile", f"Value profile, {found['label'] or folder.name}")]
    shown += [_drawn(path, f"V over the words of one solution ({path.stem})", folder.name) for path in solutions]
    return Section(
        f"Value profile: {found['label'] or folder.name}",
        (said,),
        grids=(Grid(f"profile-{folder.name}-table", "By kind of text", head, rows),),
        pictures=tuple(shown),
    )


def _crossplay(folder: Path) -> Section:
    found = _read(folder, "crossplay")
    p_values = (found["family"] or {}).get("adjusted", [])
    rows = tuple(
        (question, f"{one['value']:+.3f}", f"[{one['low']:.3f}, {one['high']:.3f}]", p_value(p))
        for (question, one), p in zip(found["compared"].items(), p_values, strict=True)
    )
    head = ("question", "difference", "95% interval", "p (Holm)")
    note = "Paired by problem; sign flips by problem. Dashed in the picture: partners that met in training."
    return Section(
        f"Cross-play: {folder.name}",
        grids=(Grid(f"crossplay-{folder.name}-table", "", head, rows, note),),
        pictures=(_picture(folder, "crossplay", "Who can go on from whom"),),
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / f"{name}.json").read_bytes())
        return found
    except (OSError, ValueError) as error:
        fail(f"{folder / name}.json: cannot be read: {error}; make it again with python -m analysis.{name} --resume")


def _picture(folder: Path, name: str, title: str) -> Picture:
    """The picture that the command drew, with its own numbers."""
    import pandas as pd

    try:
        data = pd.read_csv(folder / f"{name}.csv")
        svg, png = ((folder / f"{name}.{kind}").read_bytes() for kind in ("svg", "png"))
    except (OSError, ValueError) as error:
        fail(f"{folder / name}: cannot be read: {error}; make it again with python -m analysis.{name} --resume")
    return Picture(f"{name}-{folder.name}", title, f"{title}.", svg, png, data)


def _drawn(path: Path, title: str, of: str) -> Picture:
    import pandas as pd

    name = f"profile-{of}-{path.stem}"
    return Picture(name, title, f"{title}.", path.read_bytes(), path.with_suffix(".png").read_bytes(), pd.DataFrame())
