"""McNemar's test: two arms, one right-or-wrong sample of each problem."""

from __future__ import annotations

import numpy as np

from analysis.statistics.data import Labels, Numbers, StatisticsError, check_alternative, column, grouped, names
from analysis.statistics.estimate import Test


def mcnemar_test(
    a: Numbers,
    b: Numbers,
    problems: Labels,
    *,
    mid_p: bool = False,
    alternative: str = "two-sided",
    name: str = "difference",
) -> Test:
    """Whether one arm is right more often, from grades (0 or 1), shape (n,), of ``problems`` that differ, (n,).

    Exact: among the problems where just one arm is right, each arm is as likely to be that one (McNemar, 1947, with
    the binomial distribution). Conservative, since p-values are discrete. ``mid_p`` counts half of the observed case
    (Fagerland, Lydersen and Laake, 2013): closer to the level, which it may exceed a little. As statsmodels'
    mcnemar(exact=True). Refuses several samples of a problem, which are not independent: use `sign_flip_test`.
    """
    from scipy import stats

    check_alternative(alternative)
    one, other = column(a, "a"), column(b, "b")
    if len(one) != len(other):
        raise StatisticsError(f"{len(one)} rows against {len(other)}: McNemar's test is of pairs")
    if bool((~np.isin(np.concatenate([one, other]), (0, 1))).any()):
        raise StatisticsError("McNemar's test is of right and wrong: give 0 or 1, or use sign_flip_test for shares")
    found = grouped(one, names(problems, len(one), "the problem column"))
    if len(found) < len(one):
        raise StatisticsError(
            f"{len(one)} rows of {len(found)} problems: McNemar's test takes samples of one problem for independent, "
            "which they are not; use sign_flip_test"
        )
    only_a, only_b = int((one > other).sum()), int((one < other).sum())
    total = only_a + only_b
    p = float(stats.binomtest(only_a, total, 0.5, alternative=alternative).pvalue) if total else 1.0
    if mid_p and total:
        case = float(stats.binom.pmf(only_a, total, 0.5))
        # One tail, half of the observed case in it; twice that where both sides count (1 where the arms tie).
        p = (
            p - case / 2
            if alternative != "two-sided"
            else 2 * float(stats.binom.cdf(min(only_a, only_b), total, 0.5)) - case
        )
    return Test(
        name,
        float(only_a - only_b),
        p,
        2 * len(one),
        len(one),
        "problem",
        f"McNemar's test, {'mid-p' if mid_p else 'exact'}",
        "that problems are independent draws, with one sample of each in either arm",
        alternative,
        notes=(f"{only_a} problems right in a alone, {only_b} in b alone",),
    )
