"""What arms come to, and how they differ: which statistic answers which question, decided in one place.

An arm of several seeds is about new seeds on the same problems (each seed's figure, Student's t over them); an arm of
one run is about new problems (problems are the clusters), and says nothing about another seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.arms import Arm, StoredRun
from analysis.comparison import Comparison, comparison
from analysis.measures import Measure
from analysis.statistics import (
    Equivalence,
    Estimate,
    StatisticsError,
    Test,
    over_seeds,
    paired_difference,
    paired_equivalence,
    pass_at_k,
    retention,
    seed_difference,
    seed_equivalence,
    seed_test,
    sign_flip_test,
    two_way_retention,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measured:
    """A measure of an arm under a condition."""

    arm: str
    condition: str
    measure: str
    estimate: Estimate
    each: tuple[tuple[int, Estimate], ...]
    """(seed, over problems) of every run."""


@dataclass(frozen=True)
class Compared:
    """An arm against another in one measure."""

    comparison: Comparison
    measure: str
    difference: Estimate | None
    """First minus second; None where it was refused."""
    test: Test | None
    why_not: str = ""
    """Why there is no difference, or no test of it."""
    equivalence: Equivalence | None = None
    """Whether they are equal within a margin, where one was given."""

    @property
    def title(self) -> str:
        return f"{self.comparison.a.label} - {self.comparison.b.label}"


def of_condition(run: StoredRun, condition: str) -> pd.DataFrame:
    """The run's episodes of a condition."""
    return run.episodes[run.episodes["condition"] == condition]


def measured(arm: Arm, condition: str, measure: Measure, *, seed: int = 0) -> Measured | None:
    """A measure of an arm; None where a run has no episode that has it. ``seed`` is of resamples."""
    each: list[tuple[int, Estimate]] = []
    for run in arm.runs:
        try:
            each.append((run.seed, measure.estimate(of_condition(run, condition), seed=seed)))
        except StatisticsError:
            return None
    return Measured(arm.label, condition, measure.name, _together(each, measure.title, measure.bounds), tuple(each))


def retained(arm: Arm) -> Measured | None:
    """Retention: the team's accuracy over that of the senior alone, on the same problems; None where it has none."""
    alone = f"solo:{arm.senior}"
    each: list[tuple[int, Estimate]] = []
    for run in arm.runs:
        team, solo = of_condition(run, "team"), of_condition(run, alone)
        if not len(team) or not len(solo):
            return None
        team, solo = on_common_problems(team, solo)
        try:
            found = retention(
                team["correct"].to_numpy(),
                solo["correct"].to_numpy(),
                team["problem_id"].astype(str).to_numpy(),
                solo["problem_id"].astype(str).to_numpy(),
            )
        except StatisticsError:  # the senior alone solves nothing: there is nothing to retain
            return None
        each.append((run.seed, found))
    return Measured(arm.label, "team", "retention", _together(each, "retention", (0.0, float("inf"))), tuple(each))


def retained_by_people(arm: Arm) -> list[Measured]:
    """Retention under each condition of a study for whose senior there is the fraction 1: what people made of its
    beginnings over what it made of them itself, on the problems that they met.
    """
    out: list[Measured] = []
    for condition, whole in arm.config.get("study", {}).get("whole", {}).items():
        each: list[tuple[int, Estimate]] = []
        for run in arm.runs:
            alone = of_condition(run, whole).groupby("problem_id", observed=True)["correct"].mean()
            met = of_condition(run, condition)
            met = met[met["problem_id"].isin(alone.index) & met["person"].notna()]
            try:
                found = two_way_retention(
                    met["correct"].astype(float).to_numpy(),
                    alone.loc[met["problem_id"]].to_numpy(dtype=float),
                    met["person"].astype(str).to_numpy(),
                    met["problem_id"].astype(str).to_numpy(),
                )
            except StatisticsError:  # nobody met it, or the senior alone solves nothing
                continue
            each.append((run.seed, found))
        if len(each) == len(arm.runs):
            kept = _together(each, "retention", (0.0, float("inf")))
            out.append(Measured(arm.label, condition, "retention", kept, tuple(each)))
    return out


def passed(arm: Arm, condition: str) -> list[Measured]:
    """pass@k for k = 1, 2, 4, ... up to the samples that every problem has; nothing for one sample a problem, where a
    run has no episode, or where the samples of a problem are different people.
    """
    out: list[Measured] = []
    if any(of_condition(run, condition)["person"].notna().any() for run in arm.runs):
        return out
    samples = [of_condition(run, condition)["problem_id"].astype(str).value_counts() for run in arm.runs]
    fewest = min((int(counts.min()) if len(counts) else 0 for counts in samples), default=0)
    k = 1
    while k <= fewest and fewest > 1:
        each = []
        for run in arm.runs:
            found = of_condition(run, condition)
            problems = found["problem_id"].astype(str).to_numpy()
            each.append((run.seed, pass_at_k(found["correct"].to_numpy(), problems, k)))
        whole = _together(each, f"pass@{k}", (0.0, 1.0))
        out.append(Measured(arm.label, condition, f"pass@{k}", whole, tuple(each)))
        k *= 2
    return out


def _together(each: list[tuple[int, Estimate]], name: str, bounds: tuple[float, float] | None) -> Estimate:
    if len(each) == 1:
        return each[0][1]
    return over_seeds({seed: found.value for seed, found in each}, bounds=bounds, name=name)


def compared(a: Arm, b: Arm, condition: str, measure: Measure, *, seed: int = 0, margin: float = 0.0) -> Compared:
    """``a`` minus ``b`` on the problems that both have, paired by training seed where both have two or more in common.

    ``seed`` is of the draws of the permutation test; a ``margin`` asks whether they are equal within it.
    """
    found = comparison(a, b, condition)
    if found.refused:
        return Compared(
            found, measure.name, None, None, "; ".join(o.why for o in found.objections if o.kind == "refused")
        )
    common = sorted({run.seed for run in a.runs} & {run.seed for run in b.runs})
    try:
        if len(common) > 1:
            return _by_seed(found, measure, common, margin)
        return _by_problem(found, measure, seed, margin)
    except StatisticsError as error:
        return Compared(found, measure.name, None, None, str(error))


def _by_seed(found: Comparison, measure: Measure, common: list[int], margin: float) -> Compared:
    values: tuple[dict[int, float], dict[int, float]] = ({}, {})
    tables = [{run.seed: of_condition(run, found.condition) for run in arm.runs} for arm in (found.a, found.b)]
    for seed in common:
        for one, episodes in zip(values, on_common_problems(tables[0][seed], tables[1][seed]), strict=True):
            one[seed] = measure.estimate(episodes).value
    name = f"{measure.title}, {found.a.label} - {found.b.label}"
    difference = seed_difference(*values, bounds=measure.bounds, name=name)
    equal = seed_equivalence(*values, margin=margin, bounds=measure.bounds, name=name) if margin else None
    try:
        return Compared(found, measure.name, difference, seed_test(*values, name=name), equivalence=equal)
    except StatisticsError as error:
        return Compared(found, measure.name, difference, None, str(error), equal)


def _by_problem(found: Comparison, measure: Measure, seed: int, margin: float) -> Compared:
    import pandas as pd

    rows = []
    whole = [
        pd.concat([of_condition(run, found.condition) for run in arm.runs], ignore_index=True)
        for arm in (found.a, found.b)
    ]
    for episodes in on_common_problems(*whole):
        values = measure.values(episodes)
        rows += [values.to_numpy(), episodes.loc[values.index, "problem_id"].astype(str).to_numpy()]
    a, a_problems, b, b_problems = rows
    name = f"{measure.title}, {found.a.label} - {found.b.label}"
    arrays = (a, b, a_problems, b_problems)
    difference = paired_difference(*arrays, bounds=measure.bounds, name=name)
    equal = paired_equivalence(*arrays, margin=margin, bounds=measure.bounds, name=name) if margin else None
    test = sign_flip_test(*arrays, seed=seed, name=name)
    return Compared(found, measure.name, difference, test, equivalence=equal)


def on_common_problems(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Episodes of problems that both have."""
    return a[a["problem_id"].isin(set(b["problem_id"]))], b[b["problem_id"].isin(set(a["problem_id"]))]
