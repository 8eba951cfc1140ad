"""The section on who wrote when: turns, and whether every change of author was one that the policy allows there."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.arms import Arm
from analysis.authorship import legality
from analysis.report.document import Grid, Section
from analysis.report.words import counted

CHECKED = 300
"""Episodes of each run whose switches are proven; `arena.validate` proves all."""
SHOWN = 10


def switches(arms: Sequence[Arm]) -> Section:
    """Proves the first episodes of every run."""
    rows, found = [], []
    for arm in arms:
        proven = [(run, legality(run.source, CHECKED)) for run in arm.runs]
        checked = sum(one.checked for _, one in proven)
        illegal = [(run, line, why) for run, one in proven for line, why in one.illegal.items()]
        rows.append((arm.label, f"{checked:,}", f"{checked - len(illegal):,}", f"{len(illegal):,}"))
        found += [f"{arm.label}, {run.source.name}, {line}: {why}." for run, line, why in illegal]
    note = (
        f"Units are cut and coins drawn again for the first {counted(CHECKED, 'episode')} of each run; "
        "python -m arena.validate RUN does so for all."
    )
    head = ("arm", "episodes checked", "every switch legal", "not")
    grid = Grid("legality", "", head, tuple(rows), note)
    return Section("Was every switch legal?", grids=(grid,), items=tuple(found[:SHOWN]))
