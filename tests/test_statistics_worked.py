"""Statistics worked by hand, and held against scipy and statsmodels where they have the same."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.sandwich_covariance import cov_cluster, cov_cluster_2groups
from statsmodels.stats.weightstats import ttost_paired

from analysis.statistics import (
    Test,
    bootstrap_difference,
    bootstrap_mean,
    bootstrap_ratio,
    detectable,
    group_difference,
    group_permutation_test,
    group_ratio,
    holm,
    independent_proportion,
    mcnemar_power,
    mcnemar_problems_needed,
    mcnemar_test,
    over_seeds,
    paired_difference,
    paired_equivalence,
    paired_power,
    paired_problems_needed,
    pass_at_k,
    pass_at_k_by_problem,
    pass_at_k_of,
    proportion,
    retention,
    seed_difference,
    seed_equivalence,
    seed_power,
    seed_test,
    seeds_needed,
    sign_flip_test,
    student_mean,
    two_way_difference,
    two_way_mean,
)
from analysis.statistics.intervals import Share, difference_limits, ratio_limits, share
from analysis.statistics.twoway import Clustering, squares

# One arm


@pytest.mark.parametrize(("right", "n"), [(0, 5), (3, 7), (69, 300), (40, 40)])
def test_independent_trials_are_statsmodels_wilson(right: int, n: int) -> None:
    found = independent_proportion(right, n)
    assert (found.low, found.high) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-12)
    assert found.value == right / n


def test_the_effective_number_of_trials() -> None:
    """Problems' means 1, 1/2, 0, 1/2: share 1/2, sum of squares 1/2, variance of the mean (1/2) / (4 * 3) = 1/24.

    Without a prior the trials are (1/4) / (1/24) = 6. Wilson's limits for 3 of 6 with t(3) = 3.18245:
    1/2 -+ t sqrt(1/24 + t^2 / 144) / (1 + t^2 / 6) = 1/2 -+ 3.18245 * .33466 / 2.68799 = 1/2 -+ .39622.
    """
    found = share(0.5, 1 / 24, 4, 0.0)
    assert found.trials == pytest.approx(6)
    assert found.limits(found.quantile(0.95)) == pytest.approx((0.5 - 0.39622, 0.5 + 0.39622), abs=2e-5)
    # The prior .1: effect (16/24 + .1) / (4/4 + .1) = .69697, trials 5.7391 instead of 6: a little wider.
    given = proportion([1, 1, 1, 0, 0, 0, 0, 1], list("aabbccdd"))
    half = 3.182446 * math.sqrt(0.25 / 5.73913 + (3.182446 / 5.73913) ** 2 / 4) / (1 + 3.182446**2 / 5.73913)
    assert (given.low, given.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)
    assert (given.value, given.n, given.clusters) == (0.5, 8, 4)


def test_all_or_nothing_problems_are_as_many_trials() -> None:
    """Samples that always agree are worth one: 16 rows of 4 problems, all right, is Wilson's for 4 of 4 with t."""
    found = proportion([1] * 16, sorted(list("abcd") * 4))
    z = float(stats.t.ppf(0.975, 3))
    assert (found.low, found.high) == pytest.approx((1 / (1 + z * z / 4), 1.0), abs=1e-12)


def test_students_mean_is_scipys() -> None:
    """Clusters' means 2, 5 and 9 whatever their sizes."""
    found = student_mean([1, 3, 5, 9, 9, 9], ["a", "a", "b", "c", "c", "c"])
    other = stats.ttest_1samp([2, 5, 9], 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((16 / 3, other.low, other.high))


# Two arms on the same problems


class Given(Share):
    """An arm whose limits are given: at every level the same."""

    def limits(self, z: float) -> tuple[float, float]:
        return self.trials, self.df


def test_square_and_add_by_hand() -> None:
    """Limits .5 [.3, .7] and .4 [.3, .6]: down sqrt(.2^2 + .2^2), up sqrt(.2^2 + .1^2); r = .5 takes products off."""
    a, b = Given(0.5, 0.3, 0.7), Given(0.4, 0.3, 0.6)
    assert difference_limits(a, b, 0.0, 0.9) == pytest.approx((0.1 - math.sqrt(0.08), 0.1 + math.sqrt(0.05)))
    assert difference_limits(a, b, 0.5, 0.9) == pytest.approx((0.1 - math.sqrt(0.04), 0.1 + math.sqrt(0.03)))


@pytest.mark.parametrize("r", [-0.4, 0.0, 0.7])
def test_a_ratios_limits_are_where_the_difference_touches_zero(r: float) -> None:
    """At a limit q the interval of a - q b has 0 for its end: the definition, without the quadratic."""
    a, b = Given(0.5, 0.32, 0.66), Given(0.7, 0.5, 0.85)
    low, high = ratio_limits(a, b, r, 0.9)
    for q, end in ((low, 0), (high, 1)):
        times = Given(q * 0.7, q * 0.5, q * 0.85)
        assert difference_limits(a, times, r, 0.9)[end] == pytest.approx(0, abs=1e-9)
    assert low < 0.5 / 0.7 < high


def test_the_farthest_limit_of_all_lower_levels() -> None:
    """Five problems, 1/2 3/4 1/2 3/4 1/2 against 0 1 0 1 0: means .6 and .4 of variances .00375 and .06, r = 1 * 4/5.

    By the formula alone the lower limit of 99.5% would be above that of 99%.
    """
    a, b = share(0.6, 0.00375, 5, 0.02), share(0.4, 0.06, 5, 0.02)
    alone = []
    for level in (0.99, 0.995):
        down, up = a.mean - a.limits(a.quantile(level))[0], b.limits(b.quantile(level))[1] - b.mean
        alone.append(0.2 - math.sqrt(down**2 - 1.6 * down * up + up**2))
    assert alone[1] > alone[0]
    lows = [difference_limits(a, b, 0.8, level)[0] for level in np.linspace(0.5, 0.9999, 400)]
    assert (np.diff(lows) <= 1e-7).all()
    found = paired_difference([0.5, 0.75, 0.5, 0.75, 0.5], [0, 1, 0, 1, 0], range(5), level=0.995)
    assert found.low == pytest.approx(difference_limits(a, b, 0.8, 0.99)[0], abs=1e-3)
    assert found.low <= min(alone)


def test_newcombes_interval_of_two_groups_is_statsmodels() -> None:
    """With many single-row clusters t is z and the effect 1: Newcombe's, to the third digit."""
    a, b = np.arange(3000) < 2100, np.arange(2500) < 1500
    found = group_difference(a, range(3000), b, range(3000, 5500))
    other = confint_proportions_2indep(2100, 3000, 1500, 2500, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(other, abs=2e-5)
    ratio = group_ratio(a, range(3000), b, range(3000, 5500))
    other = confint_proportions_2indep(2100, 3000, 1500, 2500, method="score", compare="ratio")
    assert (ratio.low, ratio.high) == pytest.approx(other, abs=1e-3)


def test_a_paired_difference_of_many_problems_is_students() -> None:
    drawn = np.random.default_rng(5)
    a, b = drawn.random((2, 4000)) < 0.6
    found, plain = (paired_difference(a, b, range(4000), bounds=bounds) for bounds in ((0.0, 1.0), None))
    other = stats.ttest_rel(a.astype(float), b.astype(float)).confidence_interval(0.95)
    assert (plain.low, plain.high) == pytest.approx((other.low, other.high), abs=1e-12)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=1e-4)


def test_bounds_only_scale() -> None:
    a, b, problems = [1, 0.5, 0.5, 1, 0], [0, 0.5, 0, 1, 0], [1, 1, 2, 3, 4]
    unit = paired_difference(a, b, problems)
    wide = paired_difference([10 * x - 3 for x in a], [10 * x - 3 for x in b], problems, bounds=(-3, 7))
    assert (wide.value, wide.low, wide.high) == pytest.approx((10 * unit.value, 10 * unit.low, 10 * unit.high))


def test_retention_by_hand() -> None:
    """Handoff 1, 1/2, 0 and solo 1, 1, 1/2 on three problems: a ratio of means, (1/2) / (5/6) = 3/5."""
    found = retention([1, 1, 0, 0, 1, 0], [1, 1, 1, 0, 1, 1], ["p", "p", "q", "r", "q", "r"])
    assert found.value == pytest.approx(0.5 / (5 / 6))
    assert 0 <= found.low < 0.6 < found.high


# Tests


def test_sign_flips_by_hand() -> None:
    """Differences 1, 1/2, -1/2: sums of 8 patterns are ±2, ±1 (twice), ±0; observed 1, so 6 of 8 are as far out."""
    found = sign_flip_test([1, 1, 0], [0, 0.5, 0.5], "pqr", seed=0)
    assert found.p_value == 6 / 8
    assert sign_flip_test([1, 1, 0], [0, 0.5, 0.5], "pqr", seed=0, alternative="greater").p_value == 3 / 8
    assert found.seed is None  # nothing was drawn


def test_sign_flips_are_scipys() -> None:
    drawn = np.random.default_rng(2)
    a, b = drawn.random((2, 11))
    for alternative in ("two-sided", "less", "greater"):
        other = stats.permutation_test(
            (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", alternative=alternative
        )
        found = sign_flip_test(a, b, range(11), seed=0, alternative=alternative)
        assert found.p_value == pytest.approx(other.pvalue)


def test_drawn_sign_flips_are_near_the_exact_ones() -> None:
    drawn = np.random.default_rng(3)
    a, b = drawn.random(17) + 0.15, drawn.random(17)
    exact = np.mean([abs(np.dot(signs, a - b)) >= abs((a - b).sum()) - 1e-12 for signs in product((1, -1), repeat=17)])
    found = sign_flip_test(a, b, range(17), seed=1, resamples=20_000)
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))
    assert found.seed == 1


def test_one_sample_a_problem_makes_sign_flips_mcnemars() -> None:
    a, b = [1] * 9 + [0] * 3 + [1] * 5, [0] * 9 + [1] * 3 + [1] * 5
    assert sign_flip_test(a, b, range(17), seed=0).p_value == pytest.approx(mcnemar_test(a, b, range(17)).p_value)


@pytest.mark.parametrize(("only_a", "only_b"), [(9, 3), (0, 6), (4, 4), (1, 0), (0, 0)])
def test_mcnemar_is_statsmodels(only_a: int, only_b: int) -> None:
    a = [1] * only_a + [0] * only_b + [1, 0]
    b = [0] * only_a + [1] * only_b + [1, 0]
    other = mcnemar([[1, only_a], [only_b, 1]], exact=True)
    assert mcnemar_test(a, b, range(len(a))).p_value == pytest.approx(other.pvalue if only_a + only_b else 1.0)


def test_mid_p_by_hand() -> None:
    """3 and 1: P(X <= 0) = 1/16 and half of P(X = 1) = 1/8, twice that: 3/8 (exact: 2 * 5/16). Ties give 1."""
    a, b = [1, 1, 1, 0], [0, 0, 0, 1]
    assert mcnemar_test(a, b, range(4)).p_value == pytest.approx(10 / 16)
    assert mcnemar_test(a, b, range(4), mid_p=True).p_value == pytest.approx(6 / 16)
    assert mcnemar_test(a, b, range(4), mid_p=True, alternative="greater").p_value == pytest.approx(3 / 16)
    assert mcnemar_test([1, 0], [0, 1], "ab", mid_p=True).p_value == pytest.approx(1)


def test_groups_dealt_are_scipys() -> None:
    drawn = np.random.default_rng(4)
    a, b = drawn.random(5), drawn.random(7) + 0.2

    def welch(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return stats.ttest_ind(x, y, axis=axis, equal_var=False).statistic  # type: ignore[no-any-return]

    for alternative in ("two-sided", "less", "greater"):
        # scipy's two-sided p doubles the smaller tail; ours counts both, so the statistic there is the distance
        other = stats.permutation_test(
            (a, b),
            (lambda x, y, axis: abs(welch(x, y, axis))) if alternative == "two-sided" else welch,
            vectorized=True,
            n_resamples=np.inf,
            alternative="greater" if alternative == "two-sided" else alternative,
        )
        found = group_permutation_test(a, range(5), b, range(5, 12), seed=0, alternative=alternative)
        assert found.p_value == pytest.approx(other.pvalue)
    assert found.statistic == pytest.approx(stats.ttest_ind(a, b, equal_var=False).statistic)


def test_holm_is_statsmodels_in_the_order_given() -> None:
    """.01, .04, .03 of three: sorted .01 * 3, .03 * 2, .04 * 1 made to grow: .03, .06, .06."""
    tests = [
        Test(name, 0, p, 1, 1, "seed", "m", "a", "two-sided") for name, p in zip("abc", (0.01, 0.04, 0.03), strict=True)
    ]
    found = holm(tests, "outcomes")
    assert found.adjusted == pytest.approx((0.03, 0.06, 0.06))
    assert found.adjusted == pytest.approx(multipletests([0.01, 0.04, 0.03], method="holm")[1])
    assert found.rejected() == (True, False, False)
    assert [test.name for test in found.tests] == ["a", "b", "c"]


# Seeds and equivalence


def test_three_seeds_by_hand() -> None:
    """.6, .62, .58: mean .6, sd .02, t(2) = 4.3027: .6 -+ 4.3027 * .02 / sqrt(3) = .6 -+ .04968."""
    found = over_seeds({7: 0.62, 3: 0.6, 11: 0.58})
    assert (found.low, found.high) == pytest.approx((0.6 - 0.04968, 0.6 + 0.04968), abs=1e-5)
    assert found.each == (("3", 0.6), ("7", 0.62), ("11", 0.58))
    assert "3: 0.6, 7: 0.62, 11: 0.58" in str(found)


def test_seeds_are_paired_by_name() -> None:
    a, b = {0: 0.6, 1: 0.7, 2: 0.65}, {2: 0.6, 0: 0.52, 1: 0.64}
    found = seed_difference(a, b)
    one, other = [0.6, 0.7, 0.65], [0.52, 0.64, 0.6]
    wanted = stats.ttest_rel(one, other)
    edges = wanted.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((edges.low, edges.high))
    assert [value for _, value in found.each] == pytest.approx([0.08, 0.06, 0.05])
    assert seed_test(a, b).p_value == pytest.approx(wanted.pvalue)


def test_equivalence_is_statsmodels() -> None:
    drawn = np.random.default_rng(6)
    a = drawn.normal(5, 1, 25)
    b = a + drawn.normal(0.1, 0.5, 25)
    for margin in (0.05, 0.2, 0.4):
        p, low, high = ttost_paired(a, b, -margin, margin)
        found = paired_equivalence(a, b, range(25), margin=margin, bounds=None)
        assert (found.p_low, found.p_high) == pytest.approx((low[1], high[1]), abs=1e-7)
        assert found.p_value == pytest.approx(p, abs=1e-7)
        assert found.equivalent == (p < 0.05)
    seeds = seed_equivalence(dict(enumerate(a)), dict(enumerate(b)), margin=0.4)
    assert seeds.p_value == pytest.approx(p, abs=1e-7)


def test_equivalence_of_grades_agrees_with_its_interval() -> None:
    drawn = np.random.default_rng(7)
    a, b = drawn.random((2, 240)) < 0.8
    problems = np.arange(240) // 6
    edge = paired_difference(a, b, problems, level=0.9)
    margin = max(-edge.low, edge.high)
    at = paired_equivalence(a, b, problems, margin=margin)
    assert at.p_value == pytest.approx(0.05, abs=1e-6)
    assert not at.equivalent
    assert paired_equivalence(a, b, problems, margin=margin + 1e-6).equivalent


# Bootstrap


def test_the_bootstrap_is_scipys() -> None:
    drawn = np.random.default_rng(8)
    values = np.exp(drawn.standard_normal(40))
    for method, theirs in (("bca", "BCa"), ("percentile", "percentile")):
        other = stats.bootstrap(
            (values,), np.mean, method=theirs, n_resamples=40_000, rng=np.random.default_rng(0)
        ).confidence_interval
        found = bootstrap_mean(values, range(40), seed=1, method=method, resamples=40_000)  # type: ignore[arg-type]
        assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=0.02)


def test_the_studentised_bootstrap_by_enumeration() -> None:
    """Three clusters have 27 resamples; their quantiles weighted, by hand, beside many draws."""
    values = np.array([0.0, 1.0, 4.0])
    t = []
    for drawn in product(values, repeat=3):
        error = np.std(drawn) / math.sqrt(3)
        gap = np.mean(drawn) - values.mean()
        t.append(gap / error if error else 0.0 if gap == 0 else math.copysign(math.inf, gap))
    own = np.std(values) / math.sqrt(3)
    low, high = np.quantile(t, [0.25, 0.75], method="inverted_cdf")
    found = bootstrap_mean(values, "abc", seed=2, level=0.5, resamples=50_000)
    assert (found.low, found.high) == pytest.approx((values.mean() - high * own, values.mean() - low * own))


def test_a_ratio_by_the_bootstrap_is_near_ours() -> None:
    drawn = np.random.default_rng(9)
    ease = drawn.random(200)
    a, b = (drawn.binomial(8, ease) / 8 for _ in range(2))
    ours, theirs = retention(a, b, range(200)), bootstrap_ratio(a, b, range(200), seed=3)
    assert (theirs.value, theirs.low, theirs.high) == pytest.approx((ours.value, ours.low, ours.high), abs=0.01)
    gap = bootstrap_difference(a, b, range(200), seed=3)
    mine = paired_difference(a, b, range(200))
    assert (gap.value, gap.low, gap.high) == pytest.approx((mine.value, mine.low, mine.high), abs=0.004)


# pass@k


def test_pass_at_k_by_enumeration() -> None:
    """The share of subsets with a right sample, counted; scipy's hypergeometric distribution says the same."""
    for samples, correct in product(range(1, 7), range(7)):
        if correct > samples:
            continue
        for k in range(1, samples + 1):
            subsets = list(combinations(range(samples), k))
            counted = sum(min(subset) < correct for subset in subsets) / len(subsets)
            assert pass_at_k_of(correct, samples, k) == pytest.approx(counted)
            assert pass_at_k_of(correct, samples, k) == pytest.approx(stats.hypergeom(samples, correct, k).sf(0))
    assert pass_at_k_of(3, 10_000, 1) == pytest.approx(3e-4)  # where 10,000 choose 5,000 would overflow
    assert pass_at_k_of(3, 10_000, 5_000) == pytest.approx(stats.hypergeom(10_000, 3, 5_000).sf(0))


def test_pass_at_k_over_problems() -> None:
    """Two of four and none of three right, k = 2: (1 - 1/6 + 0) / 2; k = 1 is the accuracy."""
    grades, problems = [1, 1, 0, 0, 0, 0, 0], ["p"] * 4 + ["q"] * 3
    assert pass_at_k_by_problem(grades, problems, 2) == pytest.approx({"p": 5 / 6, "q": 0.0})
    assert pass_at_k(grades, problems, 2).value == pytest.approx(5 / 12)
    one, share = pass_at_k(grades, problems, 1), proportion(grades, problems)
    assert (one.value, one.low, one.high, one.n) == pytest.approx((share.value, share.low, share.high, 7))


# People by problems


def crossed(seed: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(seed)
    people, problems = np.divmod(np.flatnonzero(drawn.random(12 * 15) < 0.6), 15)
    treated = drawn.random(len(people)) < 0.5
    logit = drawn.standard_normal(12)[people] + drawn.standard_normal(15)[problems] + treated
    return (drawn.random(len(people)) < 1 / (1 + np.exp(-logit))).astype(float), treated, people, problems


def test_two_way_variance_is_statsmodels() -> None:
    """Of a regression on the condition, without small-sample corrections: each way, both, and their combination."""
    y, treated, people, problems = crossed()
    model = sm.OLS(y, sm.add_constant(treated.astype(float))).fit()
    a, b = y[treated], y[~treated]
    parts = np.where(treated, (y - a.mean()) / len(a), -(y - b.mean()) / len(b))
    for codes in (people, problems):
        assert squares(parts, codes) == pytest.approx(cov_cluster(model, codes, use_correction=False)[1, 1])
    both = cov_cluster_2groups(model, people, problems, use_correction=False)[0][1, 1]
    assert squares(parts, people) + squares(parts, problems) - float(parts @ parts) == pytest.approx(both)
    corrected = [squares(parts, codes) * n / (n - 1) for codes, n in ((people, 12), (problems, 15))]
    wanted = max(sum(corrected) - float(parts @ parts), *corrected)
    assert Clustering(people, problems).variance(parts) == pytest.approx(wanted)


def test_two_way_limits_without_bounds_are_students() -> None:
    y, treated, people, problems = crossed()
    found = two_way_difference(y, treated, people, problems, bounds=None)
    a, b = y[treated], y[~treated]
    parts = np.where(treated, (y - a.mean()) / len(a), -(y - b.mean()) / len(b))
    half = stats.t.ppf(0.975, 11) * math.sqrt(Clustering(people, problems).variance(parts))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    within = two_way_difference(y, treated, people, problems)
    assert within.value == found.value
    assert within.high - within.low == pytest.approx(2 * half, rel=0.15)
    assert "12 persons crossed with 15 problems" in str(found)


def test_a_cell_may_hold_several_rows() -> None:
    """Each row given twice changes neither the mean nor its interval: copies of an answer are no news."""
    y, _, people, problems = crossed()
    once, twice = two_way_mean(y, people, problems), two_way_mean(*(np.repeat(c, 2) for c in (y, people, problems)))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


# Power


def test_paired_power_is_statsmodels() -> None:
    """Discordance .3, difference .1, 4 samples correlated by .2: variance .29 * 1.6 / 4 = .116."""
    found = paired_power(60, 4, difference=0.1, discordance=0.3, correlation=0.2)
    assert found.power == pytest.approx(TTestPower().power(0.1 / math.sqrt(0.116), 60, 0.05))
    needed = paired_problems_needed(0.9, 4, difference=0.1, discordance=0.3, correlation=0.2)
    exact = TTestPower().solve_power(0.1 / math.sqrt(0.116), power=0.9, alpha=0.05)
    assert needed.clusters == math.ceil(exact)
    assert needed.power >= 0.9


def test_mcnemars_power_by_hand() -> None:
    """Six problems, all discordant, each in favour of a with chance .9: p < .05 only if all six agree: .9^6 + .1^6."""
    found = mcnemar_power(6, difference=0.8, discordance=1.0)
    assert found.power == pytest.approx(0.9**6 + 0.1**6)
    needed = mcnemar_problems_needed(0.8, difference=0.8, discordance=1.0)
    powers = [mcnemar_power(n, difference=0.8, discordance=1.0).power for n in range(needed.clusters - 1, 60)]
    assert powers[0] < 0.8 <= min(powers[1:])


def test_power_over_seeds_is_statsmodels() -> None:
    found = seed_power(3, difference=0.05, sd=0.02)
    assert found.power == pytest.approx(TTestPower().power(2.5, 3, 0.05))
    assert seeds_needed(0.8, difference=0.05, sd=0.02).clusters == 4


@pytest.mark.parametrize("seeds", [3, 5, 40])
def test_what_a_study_detects_is_what_its_power_says(seeds: int) -> None:
    values = {seed: 0.1 * ((-1) ** seed) + seed / 100 for seed in range(seeds)}
    found = seed_difference(values, dict.fromkeys(values, 0.0), name="difference")
    sd = float(np.std([*values.values()], ddof=1))
    assert seed_power(seeds, difference=detectable(found), sd=sd).power == pytest.approx(0.8, abs=1e-4)
    assert math.isnan(detectable(seed_difference({0: 0.5, 1: 0.5}, {0: 0.5, 1: 0.5}, name="none")))
