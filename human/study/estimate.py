"""The comparison that a study names beforehand, as the analysis makes it; the simulation calls this very function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.people import between
from analysis.statistics import Estimate
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
    sides = plan.treated, plan.control
    return between(sides, rows.right, rows.condition, rows.person, rows.problem, level=1 - plan.alpha)
