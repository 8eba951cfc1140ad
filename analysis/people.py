"""People who took part in a study: its conditions within one run, people and problems both as random.

An episode of somebody who took part says so (`views`), and the run's config.toml has a table [study]: `conditions` in
order, the comparison that was named beforehand (`treated`, `control`, `alpha`), and whether excluded people are in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from analysis.statistics import Estimate, StatisticsError, two_way_difference

if TYPE_CHECKING:
    from analysis.arms import Arm


@dataclass(frozen=True)
class Within:
    """Accuracy under a condition of a study less that under another."""

    arm: str
    condition: str
    against: str
    named: bool
    """The study named this comparison beforehand; the others are only to look at."""
    difference: Estimate | None
    why_not: str = ""


def between(
    sides: tuple[str, str],
    right: Sequence[int],
    condition: Sequence[str],
    person: Sequence[str] | Sequence[int],
    problem: Sequence[str] | Sequence[int],
    *,
    level: float = 0.95,
) -> Estimate:
    """Accuracy under the first of two conditions less that under the second; columns have a row a finished trial.

    Raises StatisticsError where the rows are too few.
    """
    wanted = [n for n, one in enumerate(condition) if one in sides]
    return two_way_difference(
        [right[n] for n in wanted],
        [condition[n] == sides[0] for n in wanted],
        [person[n] for n in wanted],
        [problem[n] for n in wanted],
        level=level,
        name=f"{sides[0]} - {sides[1]}",
    )


def within(arm: Arm) -> list[Within]:
    """The comparison that the study named first, then all others of conditions that people met."""
    plan = arm.config.get("study", {})
    if len(arm.runs) > 1 or not plan:
        return []
    episodes = arm.runs[0].episodes
    episodes = episodes[episodes["person"].notna()]
    # Practice, which an export may hold as well, is no condition of the study.
    planned = plan.get("conditions", arm.conditions)
    met = [name for name in planned if (episodes["condition"] == name).any()]
    named = (str(plan.get("treated", "")), str(plan.get("control", "")))
    pairs = [(b, a) for a, b in combinations(met, 2) if {a, b} != {*named}]
    right = [int(one) for one in episodes["correct"]]
    condition, person, problem = (list(map(str, episodes[name])) for name in ("condition", "person", "problem_id"))
    out = []
    for pair in (named, *pairs):
        level = 1 - float(plan.get("alpha", 0.05)) if pair == named else 0.95
        found, why = None, ""
        try:
            found = between(pair, right, condition, person, problem, level=level)
        except StatisticsError as error:
            why = str(error)
        out.append(Within(arm.label, *pair, pair == named, found, why))
    return out
