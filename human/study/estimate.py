"""The comparison that a study names beforehand, as the analysis makes it; the simulation calls this very function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.statistics import Estimate, two_way_difference
from human.study.config import Study


@dataclass
class Outcomes:
    """One row a finished trial of people who are not excluded."""

    right: Sequence[int]
    condition: Sequence[str]
    person: Sequence[str] | Sequence[int]
    problem: Sequence[str] | Sequence[int]


def primary(study: Study, rows: Outcomes) -> Estimate:
    """Accuracy under [analysis] treated less that under control, people and problems both as random.

    A prefix belongs to one problem, so clustering by problem counts what prefixes have in common with it too. Raises
    StatisticsError where the rows are too few.
    """
    plan = study.analysis
    wanted = [n for n, condition in enumerate(rows.condition) if condition in (plan.treated, plan.control)]
    return two_way_difference(
        [rows.right[n] for n in wanted],
        [rows.condition[n] == plan.treated for n in wanted],
        [rows.person[n] for n in wanted],
        [rows.problem[n] for n in wanted],
        level=1 - plan.alpha,
        name=f"{plan.treated} - {plan.control}",
    )
