"""A cross-play's matrix: what every pairing came to, and the questions that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.estimates import on_common_problems
from analysis.frames import load
from analysis.measures import MEASURES
from analysis.pictures import Picture, matrix
from analysis.statistics import Estimate, Family, holm, paired_difference, sign_flip_test

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, str]
"""(senior, column)."""


@dataclass(frozen=True)
class Matrix:
    """What a cross-play came to."""

    seniors: tuple[str, ...]
    columns: tuple[str, ...]
    values: Mapping[Place, Estimate]
    """Accuracy, problems as clusters."""
    met: tuple[Place, ...]
    """Cells whose partners met in training."""
    compared: tuple[tuple[str, Estimate], ...]
    """(question, paired difference by problem)."""
    family: Family | None
    """Tests of the same questions, in their order."""
    remarks: tuple[str, ...] = ()
    """What speaks against comparing some of it."""

    def picture(self) -> Picture:
        shown = {place: (one.value, one.low, one.high) for place, one in self.values.items()}
        caption = "Accuracy with its 95% interval over problems" + (
            ". " if self.remarks else ", the same in every cell. "
        )
        caption += " ".join((*self.remarks, *(["Dashed: partners that met in training."] if self.met else [])))
        return matrix("crossplay", "Who can go on from whom", caption, self.seniors, self.columns, shown, self.met)


def matrix_of(runs: Mapping[Place, Path], met: Sequence[Place], seed: int) -> Matrix:
    """Estimates of the runs of all cells, of seniors against each other, and of met against never met partners.

    ``seed`` is of the permutation tests' draws.
    """
    accuracy = MEASURES["accuracy"]
    tables: dict[Place, pd.DataFrame] = {}
    for place, folder in runs.items():
        episodes = load(folder).episodes
        tables[place] = episodes[episodes["condition"] == "team"].reset_index(drop=True)
    seniors = tuple(dict.fromkeys(senior for senior, _ in runs))
    columns = tuple(dict.fromkeys(column for _, column in runs))
    partners = [column for column in columns if column != "alone"]
    compared, tests = [], []
    problems = {place: frozenset(table["problem_id"].astype(str)) for place, table in tables.items()}
    usual = problems[next(iter(problems))]
    remarks = [
        f"{senior}, {column} is of other problems ({len(found)}, {len(found & usual)} of them in common with the first "
        "cell); differences are over those in common."
        for (senior, column), found in problems.items()
        if found != usual
    ]
    for question, a, b in _questions(tables, seniors, partners, met):
        one, other = on_common_problems(a, b)
        if not len(one):
            remarks.append(f"{question}: not compared, because they have no problem in common.")
            continue
        given = (one["correct"], other["correct"], one["problem_id"].astype(str), other["problem_id"].astype(str))
        arrays = [column.to_numpy() for column in given]
        compared.append((question, paired_difference(*arrays, name=question)))
        tests.append(sign_flip_test(*arrays, seed=seed, name=question))
    return Matrix(
        seniors,
        columns,
        {place: accuracy.estimate(table) for place, table in tables.items() if len(table)},
        tuple(place for place in met if place in tables),
        tuple(compared),
        holm(tests, "seniors against each other, and partners met against never met") if tests else None,
        tuple(remarks),
    )


def _questions(
    tables: Mapping[Place, pd.DataFrame],
    seniors: Sequence[str],
    partners: Sequence[str],
    met: Sequence[Place],
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """(question, episodes, against episodes)."""
    import pandas as pd

    def together(places: Sequence[Place]) -> pd.DataFrame:
        return pd.concat([tables[place] for place in places], ignore_index=True)

    for one, other in combinations(seniors, 2):
        both = [column for column in partners if (one, column) in tables and (other, column) in tables]
        if both:
            yield f"{one} - {other}, over all partners", *(together([(s, c) for c in both]) for s in (one, other))
    for senior in seniors:
        there = [(senior, column) for column in partners if (senior, column) in tables]
        known, strange = ([place for place in there if (place in met) is wanted] for wanted in (True, False))
        if known and strange:
            yield f"{senior}: partners met - never met", together(known), together(strange)
