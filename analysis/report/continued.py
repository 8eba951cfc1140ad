"""Sections of what other commands have stored: handoff curves, value profiles, cross-plays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from analysis.pictures import Picture
from analysis.report.document import Grid, Section
from analysis.report.words import counted, p_value
from arena.command import fail

SOLUTIONS = 1
"""Single solutions of a profile that are shown: the first, as the profile has them."""


def continued(folders: Sequence[Path]) -> Iterator[Section]:
    """A section for all curves, and one for each profile and cross-play. Raises UserError for files that are not
    theirs.
    """
    folders = list(dict.fromkeys(folder.resolve() for folder in folders))
    names = dict(zip(folders, _names(folders), strict=True))
    curves = [_found(folder, "curve", names, _curve) for folder in folders if (folder / "curve.json").is_file()]
    if curves:
        yield Section(
            "Handoff curve",
            (
                "Accuracy against the fraction of its solution that the first agent wrote, before the other went on. "
                "Points of one curve share random numbers, so neighbours are not independent (docs/PROFILES.md).",
            ),
            grids=tuple(chain.from_iterable(one.grids for one in curves)),
            pictures=tuple(chain.from_iterable(one.pictures for one in curves)),
        )
    for folder in folders:
        for name, section_of in (("profile", _profile), ("crossplay", _crossplay)):
            if (folder / f"{name}.json").is_file():
                yield _found(folder, name, names, section_of)


def _names(folders: Sequence[Path]) -> list[str]:
    """Of the files of each folder's tables and pictures: as the folder is called, numbered where that is not enough."""
    out: list[str] = []
    for folder in folders:
        stem = re.sub(r"[^\w.-]", "_", folder.name)
        numbered = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        out.append(next(name for name in numbered if name not in out))
    return out


def _found(
    folder: Path, name: str, names: Mapping[Path, str], section_of: Callable[[Path, str, dict[str, Any]], Section]
) -> Section:
    """The section of what NAME.json of a folder says. Raises UserError where that cannot be read."""
    try:
        return section_of(folder, names[folder], json.loads((folder / f"{name}.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else error
        fail(f"{folder / name}.json: cannot be read: {why}; make it again with python -m analysis.{name} --resume")


def _curve(folder: Path, name: str, found: dict[str, Any]) -> Section:
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
    picture = _picture(folder, "curve", name, f"Handoff curve, {folder.name}")
    return Section("", grids=(Grid(f"curve-{name}-table", title, head, rows),), pictures=(picture,))


def _profile(folder: Path, name: str, found: dict[str, Any]) -> Section:
    figures = found["figures"]
    rows = tuple(
        (
            kind["kind"],
            f"{kind['steps']:,}",
            f"{kind['change_per_solution']:+.3f}",
            "-"
            if None in kind["change_per_solution_ci95"]
            else "[{:.3f}, {:.3f}]".format(*kind["change_per_solution_ci95"]),
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
    shown = [_picture(folder, "profile", name, f"Value profile, {found['label'] or folder.name}")]
    shown += [_drawn(path, f"V over the words of one solution ({path.stem})", name) for path in solutions]
    return Section(
        f"Value profile: {found['label'] or folder.name}",
        (said,),
        grids=(Grid(f"profile-{name}-table", "By kind of text", head, rows),),
        pictures=tuple(shown),
    )


def _crossplay(folder: Path, name: str, found: dict[str, Any]) -> Section:
    p_values = (found["family"] or {}).get("adjusted", [])
    rows = tuple(
        (question, f"{one['value']:+.3f}", f"[{one['low']:.3f}, {one['high']:.3f}]", p_value(p))
        for (question, one), p in zip(found["compared"].items(), p_values, strict=True)
    )
    head = ("question", "difference", "95% interval", "p (Holm)")
    note = " ".join(("Paired by problem; sign flips by problem.", *found.get("remarks", ())))
    return Section(
        f"Cross-play: {folder.name}",
        ("Dashed in the picture: partners that met in training.",),
        grids=(Grid(f"crossplay-{name}-table", "", head, rows, note),) if rows else (),
        pictures=(_picture(folder, "crossplay", name, "Who can go on from whom"),),
    )


def _picture(folder: Path, kind: str, name: str, title: str) -> Picture:
    """The picture that the command drew, with its own numbers."""
    import pandas as pd

    data = pd.read_csv(folder / f"{kind}.csv")
    svg, png = ((folder / f"{kind}.{ending}").read_bytes() for ending in ("svg", "png"))
    return Picture(f"{kind}-{name}", title, f"{title}.", svg, png, data)


def _drawn(path: Path, title: str, of: str) -> Picture:
    import pandas as pd

    name = f"profile-{of}-{path.stem}"
    return Picture(name, title, f"{title}.", path.read_bytes(), path.with_suffix(".png").read_bytes(), pd.DataFrame())
