"""Everything that a report says, estimated once: figures of every arm, and the reference against every other one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.arms import Arm
from analysis.estimates import Compared, Measured, compared, measured, passed, retained, retained_by_people
from analysis.measures import MEASURES, Measure, jargon_by
from analysis.people import Within, within
from analysis.statistics import Family, holm

if TYPE_CHECKING:
    import pandas as pd

PRIMARY = (("team", "accuracy"), ("solo", "accuracy"), ("solo", "jargon"))
"""What arms are compared in: one family of tests."""


@dataclass(frozen=True)
class Findings:
    """Everything that is estimated, once, for all sections."""

    arms: list[Arm]
    reference: Arm
    figures: dict[tuple[str, str, str], Measured]
    """(arm, condition, measure)."""
    compared: list[Compared]
    family: Family | None
    measures: Mapping[str, Measure]
    """By name, those of detectors too."""
    margin: float = 0.0
    """Within which arms count as equal; 0 does not ask."""
    within: tuple[Within, ...] = ()
    """Conditions of a study, each against the others."""

    def of(self, arm: Arm, condition: str, measure: str) -> Measured | None:
        return self.figures.get((arm.label, condition, measure))

    def adjusted(self, one: Compared) -> float | None:
        """The p-value of a comparison after Holm; None where it was not tested."""
        if one.test is None or self.family is None:
            return None
        place = next(n for n, test in enumerate(self.family.tests) if test is one.test)
        return self.family.adjusted[place]


def find(
    arms: list[Arm], reference: Arm, *, seed: int = 0, detectors: Sequence[str] = (), margin: float = 0.0
) -> Findings:
    """Estimates all there is to report. ``seed`` is of the draws of permutation tests; ``detectors`` are those that the
    arms were read with; ``margin`` asks whether arms are equal within it.
    """
    measures = MEASURES | {one.name: one for one in map(jargon_by, detectors)}
    figures: dict[tuple[str, str, str], Measured] = {}
    for arm in arms:
        for condition in arm.conditions:
            for measure in measures.values():
                if found := measured(arm, condition, measure, seed=seed):
                    figures[arm.label, condition, measure.name] = found
            for found in passed(arm, condition):
                figures[arm.label, condition, found.measure] = found
        for found in filter(None, (retained(arm), *retained_by_people(arm))):
            figures[arm.label, found.condition, "retention"] = found
    pairs: list[Compared] = []
    wanted = [*PRIMARY, *(("solo", f"jargon {address}") for address in detectors)]
    for arm in arms:
        if arm is reference:
            continue
        for kind, name in wanted:
            condition = "team" if kind == "team" else f"solo:{reference.senior}"
            if condition in {*reference.conditions, *arm.conditions}:
                pairs.append(compared(reference, arm, condition, measures[name], seed=seed, margin=margin))
    tests = [one.test for one in pairs if one.test]
    family = holm(tests, f"{reference.label} against every other arm") if tests else None
    inside = tuple(one for arm in arms for one in within(arm))
    return Findings(arms, reference, figures, pairs, family, measures, margin, inside)


def frame_of(findings: Findings) -> pd.DataFrame:
    """All estimates in numbers, a row each; the figures of single seeds beside them."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in findings.figures.values():
        for seed, found in ((None, one.estimate), *(one.each if len(one.each) > 1 else ())):
            rows.append(
                {
                    "arm": one.arm, "condition": one.condition, "measure": one.measure, "seed": seed,
                    "value": found.value, "low": found.low, "high": found.high, "n": found.n,
                    "clusters": found.clusters, "unit": found.unit, "method": found.method,
                    "assumption": found.assumption, "notes": "; ".join(found.notes),
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def compared_frame(findings: Findings) -> pd.DataFrame:
    """All comparisons in numbers, a row each, those that were refused too."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in findings.compared:
        found, test, equal = one.difference, one.test, one.equivalence
        rows.append(
            {
                "arm": one.comparison.a.label, "against": one.comparison.b.label,
                "condition": one.comparison.condition, "measure": one.measure,
                "difference": found and found.value, "low": found and found.low, "high": found and found.high,
                "n": found and found.n, "clusters": found and found.clusters, "unit": found and found.unit,
                "method": found and found.method, "p": test and test.p_value, "p_holm": findings.adjusted(one),
                "test": test and test.method, "p_equivalence": equal and equal.p_value, "why_not": one.why_not,
                "bear_in_mind": "; ".join(o.why for o in one.comparison.objections),
                "notes": "; ".join(found.notes) if found else "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "clusters": "Int64"}) if rows else pd.DataFrame()


def within_frame(found: Sequence[Within]) -> pd.DataFrame:
    """All differences between conditions of a study in numbers, a row each."""
    import pandas as pd

    rows = [
        {
            "arm": one.arm, "condition": one.condition, "against": one.against, "measure": "accuracy",
            "named_beforehand": one.named, "difference": one.difference and one.difference.value,
            "low": one.difference and one.difference.low, "high": one.difference and one.difference.high,
            "level": one.difference and one.difference.level, "n": one.difference and one.difference.n,
            "clusters": one.difference and one.difference.clusters, "unit": one.difference and one.difference.unit,
            "method": one.difference and one.difference.method, "why_not": one.why_not,
        }
        for one in found
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"n": "Int64", "clusters": "Int64"})


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: what is missing or infinite is null."""

    def value(cell: Any) -> Any:
        return None if cell is None or cell != cell or cell in (math.inf, -math.inf) else cell

    return [{name: value(cell) for name, cell in row.items()} for row in frame.astype(object).to_dict("records")]
