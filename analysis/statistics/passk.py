"""pass@k: the chance that at least one of k samples is right, from n >= k samples a problem.

Chen et al. (2021), "Evaluating Large Language Models Trained on Code", equation 1: 1 - C(n - c, k) / C(n, k), the
share of all subsets of k samples that hold a right one. Unbiased where samples of a problem are exchangeable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import numpy as np

from analysis.statistics.data import (
    UNIT_INTERVAL,
    Clusters,
    Labels,
    Numbers,
    StatisticsError,
    check_level,
    column,
    grouped,
    names,
)
from analysis.statistics.estimate import Estimate
from analysis.statistics.proportions import of_arm


def pass_at_k_of(correct: int, samples: int, k: int) -> float:
    """Of one problem. A product of k or fewer factors of at most 1, so that no binomial coefficient can overflow.

    Refuses k > samples, of which there is no unbiased estimate.
    """
    if k < 1 or k != int(k):
        raise StatisticsError(f"pass@{k} is not defined: k is a whole number from 1")
    if k > samples:
        raise StatisticsError(f"pass@{k} needs at least {k} samples of a problem, and there are {samples}: draw more")
    if not 0 <= correct <= samples:
        raise StatisticsError(f"{correct} of {samples} samples cannot be right")
    missed = 1.0
    for drawn in range(k):  # the chance that this draw without replacement is wrong, too
        missed *= max(0, samples - correct - drawn) / (samples - drawn)
    return 1.0 - missed


def pass_at_k_by_problem(values: Numbers, problems: Labels, k: int) -> dict[Hashable, float]:
    """pass@k of every problem, from grades (0 or 1), shape (n,), and the problem of each.

    Two arms are compared by `paired_difference` of their values with the problems as labels.
    """
    given = column(values, "values", UNIT_INTERVAL)
    if bool(((given != 0) & (given != 1)).any()):
        raise StatisticsError("pass@k is of right and wrong samples: give 0 or 1 for each")
    out = {}
    for label, rows in grouped(given, names(problems, len(given), "the problem column")).items():
        if len(rows) < k:
            raise StatisticsError(
                f"pass@{k} needs at least {k} samples of every problem, and {label!r} has {len(rows)}: draw more, or "
                f"report pass@{len(rows)}"
            )
        out[label] = pass_at_k_of(int(sum(rows)), len(rows), k)
    return out


def pass_at_k(values: Numbers, problems: Labels, k: int, *, level: float = 0.95, name: str | None = None) -> Estimate:
    """pass@k averaged over problems, from grades (0 or 1), shape (n,), and the problem of each.

    Wilson's interval for the effective number of trials over problems, as for any mean of shares: see `proportion`.
    """
    check_level(level)
    by_problem = pass_at_k_by_problem(values, problems, k)
    rows = Counter(names(problems, len(values), "the problem column")).values()
    found = Clusters(np.sort(list(by_problem.values())), len(values), (min(rows), max(rows)))
    assumption = "that problems are independent draws and samples of a problem exchangeable"
    return of_arm(found, level, "problem", name or f"pass@{k}", assumption)
