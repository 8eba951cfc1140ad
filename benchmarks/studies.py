"""The simulated studies of `benchmarks.coverage`: draws from a population, what users call, and the truth."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import numpy as np

from analysis.statistics import (
    Estimate,
    Study,
    Test,
    bootstrap_difference,
    bootstrap_mean,
    bootstrap_ratio,
    crossed_power,
    group_difference,
    group_permutation_test,
    group_ratio,
    holm,
    independent_proportion,
    mcnemar_power,
    mcnemar_test,
    over_seeds,
    paired_difference,
    paired_equivalence,
    paired_power,
    pass_at_k,
    proportion,
    retention,
    seed_equivalence,
    seed_power,
    seed_test,
    sign_flip_test,
    student_mean,
    two_way_difference,
    two_way_mean,
)
from analysis.statistics.crossed import Answers, simulate
from analysis.statistics.intervals import PAIRED, correlation, difference_limits, share, t_quantile
from analysis.statistics.twoway import squares
from benchmarks.populations import (
    ALIKE,
    ALL,
    EXTREME,
    FEW_HARD,
    MIXED,
    Floats,
    Ints,
    Problems,
    discordance,
    paired,
    rows,
)

Kind = Literal["coverage", "rejection", "power"]
SIZES = (6, 10, 20, 50, 200)
"""Numbers of problems."""
RESAMPLES = 999
"""Of bootstraps, in simulations: their noise averages out over studies."""
DEALS = 499
"""Of permutations: (499 + 1) * .05 is whole, so that the level is exact."""

Interval = tuple[float, float]


@dataclass
class Table:
    """Rates of some methods in some scenarios. A column's name begins with its method's."""

    title: str
    kind: Kind
    words: str
    columns: list[str]
    rows: dict[str, list[float]] = field(default_factory=dict)
    promised: dict[str, list[float | None]] = field(default_factory=dict)

    def add(self, row: str, column: str, rate: float, promised: float | None = None) -> None:
        if column not in self.columns:
            raise KeyError(column)
        place = self.columns.index(column)
        self.rows.setdefault(row, [math.nan] * len(self.columns))[place] = rate
        self.promised.setdefault(row, [None] * len(self.columns))[place] = promised

    def by_method(self) -> dict[str, list[tuple[float, float | None]]]:
        """All rates of each method, which is what comes before the comma in a column's name."""
        out: dict[str, list[tuple[float, float | None]]] = {}
        for row, values in self.rows.items():
            for column, value, promise in zip(self.columns, values, self.promised[row], strict=True):
                out.setdefault(column.partition(",")[0], []).append((value, promise))
        return out


def columns(methods: list[str], sizes: tuple[int, ...] | tuple[str, ...]) -> list[str]:
    return [f"{method}, {size}" for method, size in product(methods, sizes)]


def holds(interval: Estimate | Interval, truth: float) -> bool:
    """Whether the interval holds the truth, but for rounding."""
    low, high = (interval.low, interval.high) if isinstance(interval, Estimate) else interval
    return low - 1e-9 <= truth <= high + 1e-9


def rates(
    simulations: int, numbers: np.random.Generator, once: Callable[[np.random.Generator, int], dict[str, bool]]
) -> dict[str, float]:
    """The share of simulated studies in which each of some things happens. ``once`` is given a seed for resamples."""
    total: dict[str, int] = {}
    for number in range(simulations):
        for name, hit in once(numbers, number).items():
            total[name] = total.get(name, 0) + bool(hit)
    return {name: hits / simulations for name, hits in total.items()}


def generators(sequence: np.random.SeedSequence) -> Iterator[np.random.Generator]:
    """Numbers for one scenario after the other."""
    while True:
        yield np.random.Generator(np.random.PCG64(sequence.spawn(1)[0]))


def _label(population: Problems, accuracies: tuple[float, float], samples: int) -> str:
    return f"{accuracies[0]:g} and {accuracies[1]:g}, {samples} a problem, {population.name}"


def _paired_scenarios() -> Iterator[tuple[Problems, tuple[float, float], int]]:
    for population, accuracies, samples in product(ALL, ((0.5, 0.5), (0.5, 0.35), (0.95, 0.95), (0.95, 0.85)), (1, 8)):
        if population is not FEW_HARD or min(accuracies) > 0.5:
            yield population, accuracies, samples


Once = Callable[[np.random.Generator, int], dict[str, bool]]


def _paired_once(population: Problems, accuracies: tuple[float, float], samples: int, n: int) -> Once:
    ids = list(range(n))
    truth = accuracies[0] - accuracies[1]

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        # A problem's mean for its rows: the same to these functions, which take means first, and quicker.
        a, b = (right / samples for right in paired(population, drawn, n, samples, accuracies))
        plain = paired_difference(a, b, ids, bounds=None)
        return {
            "paired_difference": holds(paired_difference(a, b, ids), truth),
            "t": holds(plain, truth) and math.isfinite(plain.low),
            "retention": bool(a.any()) and holds(retention(b, a, ids), accuracies[1] / accuracies[0]),
        }

    return once


def paired_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Differences and ratios of two arms on the same problems."""
    numbers = generators(sequence)
    difference = Table(
        "Paired difference",
        "coverage",
        "Accuracies of the two arms, samples a problem, how problems differ; by number of problems. "
        "*paired_difference* is the default; *t* is the same with `bounds=None`: where all problems tie it has no "
        "interval, which is counted as a miss.",
        columns(["paired_difference", "t"], SIZES),
    )
    ratio = Table(
        "Retention",
        "coverage",
        "The ratio of the second arm to the first, in the same studies. Solo without any success, which is refused, is "
        "counted as a miss (once in a thousand at 10 problems and .5).",
        columns(["retention"], SIZES),
    )
    for (population, accuracies, samples), n in product(_paired_scenarios(), SIZES):
        once = _paired_once(population, accuracies, samples, n)
        for name, rate in rates(simulations, next(numbers), once).items():
            table = ratio if name == "retention" else difference
            table.add(_label(population, accuracies, samples), f"{name}, {n}", rate)
    return [difference, ratio]


def _proportion_once(population: Problems, accuracy: float, samples: int, n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        right, _ = paired(population, drawn, n, samples, (accuracy, accuracy))
        values, problems = rows(right, samples)
        plain = student_mean(values, problems)
        out = {
            "proportion": holds(proportion(values, problems), accuracy),
            "t": holds(plain, accuracy) and math.isfinite(plain.low),
            "Wilson over rows": holds(independent_proportion(int(right.sum()), len(values)), accuracy),
        }
        if samples > 1:
            out["pass_at_k"] = holds(pass_at_k(values, problems, 4), population.pass_at(4, accuracy))
        return out

    return once


def proportion_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """One arm: accuracy and pass@4."""
    numbers = generators(sequence)
    accuracies = Table(
        "Accuracy of one arm",
        "coverage",
        "Accuracy, samples a problem, how problems differ; by number of problems. *proportion* is the default; *t* is "
        "`student_mean`, no interval being a miss; *Wilson over rows* takes all samples for independent, as they are "
        "with one a problem only. One a problem is a binomial count whatever the problems; coverage jumps with n.",
        columns(["proportion", "t", "Wilson over rows"], SIZES),
    )
    passed = Table("pass@4 of 8 samples", "coverage", "The same studies.", columns(["pass_at_k"], SIZES))
    for population, accuracy, samples, n in product(ALL, (0.2, 0.5, 0.95, 0.99), (1, 8), SIZES):
        if (population is FEW_HARD and accuracy < 0.6) or (samples == 1 and population is not ALIKE):
            continue
        once = _proportion_once(population, accuracy, samples, n)
        for name, rate in rates(simulations, next(numbers), once).items():
            table = passed if name == "pass_at_k" else accuracies
            table.add(f"{accuracy:g}, {samples} a problem, {population.name}", f"{name}, {n}", rate)
    return [accuracies, passed]


def _group_once(population: Problems, accuracies: tuple[float, float], samples: int, n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, a_ids = rows(paired(population, drawn, n, samples, accuracies)[0], samples)
        b, b_ids = rows(paired(population, drawn, n, samples, accuracies)[1], samples)
        ratio = bool(b.any()) and holds(group_ratio(a, a_ids, b, b_ids + n), accuracies[0] / accuracies[1])
        difference = group_difference(a, a_ids, b, b_ids + n)
        return {"group_difference": holds(difference, accuracies[0] - accuracies[1]), "group_ratio": ratio}

    return once


def group_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Two arms that share no problems, or no people."""
    numbers = generators(sequence)
    table = Table(
        "Two groups that share no cluster",
        "coverage",
        "Accuracies, samples a cluster, how clusters differ; by number of clusters in each group.",
        columns(["group_difference", "group_ratio"], (10, 20, 50)),
    )
    cases = product((ALIKE, MIXED, EXTREME), ((0.5, 0.5), (0.8, 0.5), (0.95, 0.85)), (1, 8), (10, 20, 50))
    for population, accuracies, samples, n in cases:
        once = _group_once(population, accuracies, samples, n)
        for name, rate in rates(simulations, next(numbers), once).items():
            table.add(_label(population, accuracies, samples), f"{name}, {n}", rate)
    return [table]


def _skewed(drawn: np.random.Generator, shape: str, n: int) -> Floats:
    """Problems' means of a measure without bounds."""
    normal = drawn.standard_normal(n)
    return {"normal": normal, "log-normal, sigma 0.5": np.exp(normal / 2), "log-normal, sigma 1": np.exp(normal)}[shape]


SHAPES = {"normal": 0.0, "log-normal, sigma 0.5": math.exp(0.125), "log-normal, sigma 1": math.exp(0.5)}
"""Shapes and their means."""


def _mean_once(shape: str, n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        values, truth = _skewed(drawn, shape, n), SHAPES[shape]
        return {
            "student_mean (t)": holds(student_mean(values, ids), truth),
            **{
                method: holds(bootstrap_mean(values, ids, seed=number, method=method, resamples=RESAMPLES), truth)
                for method in BOOTSTRAPS
            },
        }

    return once


BOOTSTRAPS: tuple[Literal["studentised", "bca", "percentile"], ...] = ("studentised", "bca", "percentile")


def _bootstrap_once(accuracies: tuple[float, float], n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = (right / 8 for right in paired(MIXED, drawn, n, 8, accuracies))
        truth = accuracies[0] - accuracies[1]
        ratio = bootstrap_ratio(b, a, ids, seed=number, resamples=RESAMPLES)
        out = {"studentised ratio": holds(ratio, accuracies[1] / accuracies[0])}
        for method in BOOTSTRAPS:
            found = bootstrap_difference(a, b, ids, seed=number, method=method, resamples=RESAMPLES)
            out[method] = holds(found, truth) and math.isfinite(found.low)
        return out

    return once


def mean_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Measures without bounds, and what the bootstrap makes of grades."""
    numbers = generators(sequence)
    means = Table(
        "Means of a measure without bounds",
        "coverage",
        "How problems' means are distributed; by number of problems. The skewed ones are like counts of words or nats. "
        f"Bootstraps with {RESAMPLES} resamples.",
        columns(["student_mean (t)", *BOOTSTRAPS], (10, 20, 50)),
    )
    for shape, n in product(SHAPES, (10, 20, 50)):
        for name, rate in rates(simulations, next(numbers), _mean_once(shape, n)).items():
            means.add(shape, f"{name}, {n}", rate)
    grades = Table(
        "The bootstrap on grades",
        "coverage",
        "Paired differences and ratios by bootstraps over problems, where the defaults are `paired_difference` and "
        "`retention`; 8 samples a problem.",
        columns([*BOOTSTRAPS, "studentised ratio"], (10, 20, 50)),
    )
    for accuracies, n in product(((0.5, 0.35), (0.95, 0.95), (0.95, 0.85)), (10, 20, 50)):
        for name, rate in rates(simulations, next(numbers), _bootstrap_once(accuracies, n)).items():
            grades.add(_label(MIXED, accuracies, 8), f"{name}, {n}", rate)
    return [means, grades]


def _null_once(populations: tuple[Problems, Problems], accuracy: float, samples: int, n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = paired(populations[0], drawn, n, samples, (accuracy, accuracy))
        if populations[1] is not populations[0]:
            _, b = paired(populations[1], drawn, n, samples, (accuracy, accuracy))
        return _decisions(a, b, samples, ids, number, DEALS)

    return once


def _decisions(a: Ints, b: Ints, samples: int, ids: list[int], number: int, deals: int) -> dict[str, bool]:
    """Which methods find a difference at .05."""
    one, other = a / samples, b / samples
    plain = paired_difference(one, other, ids, bounds=None)
    out = {
        "sign_flip_test": rejects(sign_flip_test(one, other, ids, seed=number, resamples=deals)),
        "paired_difference": not holds(paired_difference(one, other, ids), 0),
        "t": not holds(plain, 0) or (not math.isfinite(plain.low) and plain.value != 0),
    }
    if samples == 1:
        out["mcnemar_test"] = rejects(mcnemar_test(a, b, ids))
        out["mcnemar_test mid-p"] = rejects(mcnemar_test(a, b, ids, mid_p=True))
    return out


def rejects(test: Test) -> bool:
    return test.p_value <= 0.05


TESTS = ["sign_flip_test", "paired_difference", "t", "mcnemar_test", "mcnemar_test mid-p"]


def null_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Tests of two arms on the same problems that do not differ."""
    numbers = generators(sequence)
    table = Table(
        "Paired tests under the null",
        "rejection",
        "At .05. *paired_difference* and *t*: their interval leaves 0 out. The last rows have equal means but not the "
        "same distribution, where exchanging the arms is not exact.",
        columns(TESTS, (10, 20, 50)),
    )
    cases: list[tuple[tuple[Problems, Problems], float, int]] = [
        ((population, population), accuracy, samples)
        for population, accuracy, samples in product(ALL, (0.5, 0.95), (1, 8))
        if population is not FEW_HARD or accuracy > 0.6
    ]
    cases += [((ALIKE, EXTREME), accuracy, 8) for accuracy in (0.5, 0.95)]
    for (populations, accuracy, samples), n in product(cases, (10, 20, 50)):
        label = " against ".join(dict.fromkeys(population.name for population in populations))
        for name, rate in rates(simulations, next(numbers), _null_once(populations, accuracy, samples, n)).items():
            table.add(f"{accuracy:g}, {samples} a problem, {label}", f"{name}, {n}", rate)
    return [table]


def _groups_once(populations: tuple[Problems, Problems], sizes: tuple[int, int]) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = (
            paired(population, drawn, n, 8, (0.7, 0.7))[0] / 8 for population, n in zip(populations, sizes, strict=True)
        )
        ids = range(sum(sizes))
        found = group_permutation_test(a, ids[: len(a)], b, ids[len(a) :], seed=number, resamples=DEALS)
        return {"group_permutation_test": rejects(found)}

    return once


def group_null_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Two groups of people that do not differ in the mean."""
    numbers = generators(sequence)
    table = Table(
        "Group permutation test under the null",
        "rejection",
        "Equal accuracy (.7), 8 samples a cluster; how clusters differ in either group; by the groups' sizes.",
        columns(["group_permutation_test"], ("5 and 10", "10 and 10", "10 and 40", "30 and 30")),
    )
    every = ((MIXED, MIXED), (EXTREME, EXTREME), (ALIKE, EXTREME), (EXTREME, ALIKE))
    for populations, sizes in product(every, ((5, 10), (10, 10), (10, 40), (30, 30))):
        label = " and ".join(population.name for population in populations)
        for name, rate in rates(simulations, next(numbers), _groups_once(populations, sizes)).items():
            table.add(label, f"{name}, {sizes[0]} and {sizes[1]}", rate)
    return [table]


RUNS = {
    "normal": lambda drawn, n: 0.6 + 0.05 * drawn.standard_normal(n),
    "one run in ten collapses": lambda drawn, n: 0.6 + 0.02 * drawn.standard_normal(n) - 0.3 * (drawn.random(n) < 0.1),
}
RUNS_TRUTH = {"normal": 0.6, "one run in ten collapses": 0.57}


def _seeds_once(kind: str, n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        values = RUNS[kind](drawn, n)
        others = RUNS[kind](drawn, n)
        by_seed, other = dict(enumerate(values.tolist())), dict(enumerate(others.tolist()))
        drawn_again = bootstrap_mean(
            values, range(n), seed=number, method="percentile", resamples=RESAMPLES, unit="seed"
        )
        return {
            "over_seeds (t)": holds(over_seeds(by_seed), RUNS_TRUTH[kind]),
            "percentile bootstrap": holds(drawn_again, RUNS_TRUTH[kind]),
            "seed_test": rejects(seed_test(by_seed, other)),
        }

    return once


def seed_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Training seeds."""
    numbers = generators(sequence)
    sizes = (2, 3, 5, 10)
    covers = Table(
        "Training seeds",
        "coverage",
        "How runs differ; by number of seeds. A bootstrap of three is there to show why it is not offered.",
        columns(["over_seeds (t)", "percentile bootstrap"], sizes),
    )
    null = Table("Training seeds, null", "rejection", "Paired by seed, at .05.", columns(["seed_test"], sizes))
    for kind, n in product(RUNS, sizes):
        for name, rate in rates(simulations, next(numbers), _seeds_once(kind, n)).items():
            (null if name == "seed_test" else covers).add(kind, f"{name}, {n}", rate)
    return [covers, null]


def _equivalence_once(population: Problems, accuracies: tuple[float, float], n: int, margin: float) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = (right / 8 for right in paired(population, drawn, n, 8, accuracies))
        return {
            "paired_equivalence": paired_equivalence(a, b, ids, margin=margin).equivalent,
            "t": paired_equivalence(a, b, ids, margin=margin, bounds=None).equivalent,
        }

    return once


def _seed_equivalence_once(n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a = dict(enumerate((0.02 * drawn.standard_normal(n)).tolist()))
        b = dict(enumerate((0.02 * drawn.standard_normal(n) - 0.05).tolist()))
        return {"seed_equivalence": seed_equivalence(a, b, margin=0.05).equivalent}

    return once


def equivalence_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Arms that differ by just the margin."""
    numbers = generators(sequence)
    table = Table(
        "Equivalence at the margin",
        "rejection",
        "How often arms are declared equal that differ by exactly the margin, .05; at .05. 8 samples a problem.",
        columns(["paired_equivalence", "t"], (20, 50, 200)),
    )
    cases = product((MIXED, FEW_HARD), ((0.8, 0.75), (0.95, 0.9), (0.9, 0.95)), (20, 50, 200))
    for population, accuracies, n in cases:
        for name, rate in rates(simulations, next(numbers), _equivalence_once(population, accuracies, n, 0.05)).items():
            table.add(_label(population, accuracies, 8), f"{name}, {n}", rate)
    seeds = Table("Equivalence at the margin, seeds", "rejection", "", columns(["seed_equivalence"], (3, 5, 10)))
    for n in (3, 5, 10):
        (rate,) = rates(simulations, next(numbers), _seed_equivalence_once(n)).values()
        seeds.add("normal, sd .02, margin .05", f"seed_equivalence, {n}", rate)
    return [table, seeds]


def _family_once(effects: tuple[float, ...]) -> Once:
    gc.freeze()  # statsmodels' multipletests collects garbage at every call: not among what is there already

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        shared = drawn.standard_normal(6)
        zero = dict.fromkeys(range(6), 0.0)
        tests = [
            seed_test(dict(enumerate((effect + 0.5 * shared + drawn.standard_normal(6)).tolist())), zero)
            for effect in effects
        ]
        family = holm(tests, "outcomes").rejected()
        return {
            "holm": any(hit for hit, effect in zip(family, effects, strict=True) if not effect),
            "each alone": any(rejects(test) for test, effect in zip(tests, effects, strict=True) if not effect),
        }

    return once


def family_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Several outcomes of the same runs."""
    numbers = generators(sequence)
    table = Table(
        "Families",
        "rejection",
        "How often any true null of five correlated outcomes is rejected at .05, 6 seeds.",
        ["holm", "each alone"],
    )
    for label, effects in {"five nulls": (0.0,) * 5, "three nulls, two effects": (0.0, 0.0, 0.0, 3.0, 3.0)}.items():
        for name, rate in rates(simulations, next(numbers), _family_once(effects)).items():
            table.add(label, name, rate)
    return [table]


def _parts(answers: Answers, which: str) -> tuple[float, Floats]:
    """The mean, or the difference between conditions, and each row's part in its error."""
    y, treated = answers.right, answers.treated == 1
    if which == "mean":
        return float(y.mean()), (y - y.mean()) / len(y)
    a, b = float(y[treated].mean()), float(y[~treated].mean())
    return a - b, np.where(treated, (y - a) / treated.sum(), -(y - b) / (~treated).sum())


def _sandwiches(answers: Answers, study: Study, which: str) -> dict[str, Interval]:
    """Variances that are not the default, with t on min(people, problems) - 1 degrees of freedom."""
    value, parts = _parts(answers, which)
    person = squares(parts, answers.people) * study.people / (study.people - 1)
    problem = squares(parts, answers.problems) * study.problems / (study.problems - 1)
    variances = {
        "CGM": person + problem - float(parts @ parts),
        "by person": person,
        "by problem": problem,
    }
    if which == "mean":
        variances["random effects"] = _moments(answers)
    half = {
        name: t_quantile(0.95, min(study.people, study.problems) - 1) * math.sqrt(max(0.0, variance))
        for name, variance in variances.items()
    }
    return {name: (value - width, value + width) for name, width in half.items()}


def _moments(answers: Answers) -> float:
    """Variance of the mean under crossed random effects, components by moments (Gao and Owen, 2017)."""
    y, n = answers.right.astype(np.float64), len(answers.right)
    within, squared = [], []
    for codes in (answers.people, answers.problems):
        counts = np.bincount(codes)
        sums = np.bincount(codes, y)
        seen = counts > 0
        within.append((float(y @ y - (sums[seen] ** 2 / counts[seen]).sum()), int(seen.sum())))
        squared.append(float((counts**2).sum()))
    (u_person, people), (u_problem, problems) = within
    u_all = n * float(((y - y.mean()) ** 2).sum())
    # Expectations of the three sums of squares in the three components: person, problem, answer.
    matrix = np.array(
        [
            [0.0, n - people, n - people],
            [n - problems, 0.0, n - problems],
            [n * n - squared[0], n * n - squared[1], n * n - n],
        ]
    )
    person, problem, answer = np.maximum(np.linalg.solve(matrix, [u_person, u_problem, u_all]), 0.0)
    return float(person * squared[0] + problem * squared[1] + answer * n) / n**2


def _pigeonhole(answers: Answers, study: Study, which: str, drawn: np.random.Generator) -> Interval:
    """Owen's (2007): people and problems drawn again, each with its own weights; percentiles of 199."""
    people = drawn.multinomial(study.people, np.full(study.people, 1 / study.people), 199)
    problems = drawn.multinomial(study.problems, np.full(study.problems, 1 / study.problems), 199)
    weights = (people[:, answers.people] * problems[:, answers.problems]).astype(np.float64)
    treated = answers.treated.astype(np.float64)
    arms = [np.ones(len(treated))] if which == "mean" else [treated, 1 - treated]
    with np.errstate(invalid="ignore"):
        means = [(weights @ (answers.right * arm)) / (weights @ arm) for arm in arms]
    low, high = np.nanquantile(means[0] - (means[1] if which != "mean" else 0.0), [0.025, 0.975])
    return float(low), float(high)


def _crossed_once(study: Study) -> Once:
    pigeonhole = study.accuracy == (0.8, 0.65)  # it takes most of the time
    truths = {"mean": sum(study.accuracy) / 2, "difference": study.accuracy[0] - study.accuracy[1]}

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        answers = simulate(study, drawn)
        right, people, problems = answers.right, answers.people, answers.problems
        ours = {
            "mean": two_way_mean(right, people, problems),
            "difference": two_way_difference(right, answers.treated, people, problems),
        }
        out = {}
        for which, truth in truths.items():
            out[f"{which}|default"] = holds(ours[which], truth)
            for name, interval in _sandwiches(answers, study, which).items():
                out[f"{which}|{name}"] = holds(interval, truth)
            if pigeonhole:
                out[f"{which}|pigeonhole"] = holds(_pigeonhole(answers, study, which, drawn), truth)
        return out

    return once


DESIGNS = ((6, 10, 10), (8, 20, 10), (12, 12, 6), (12, 40, 10), (20, 20, 10), (40, 20, 10), (40, 100, 10))
"""People, problems, problems that each person sees."""
CROSSED = {
    "nobody differs": (0.0, 0.0, 0.0, 0.0),
    "people and problems differ": (1.0, 1.0, 0.0, 0.0),
    "effects differ, too": (0.7, 1.5, 0.7, 0.7),
}
"""Standard deviations in logits: people, problems, effects between people, between problems."""


def crossed_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """People by problems."""
    numbers = generators(sequence)
    words = (
        "People, problems and problems a person; accuracies in the two conditions, which every person meets on half of "
        "the problems. *CGM*: Cameron, Gelbach and Miller's variance as is; *by person*, *by problem*: clustered one "
        "way; all with t on the smaller number - 1. "
    )
    names = ["default", "CGM", "by person", "by problem", "pigeonhole"]
    tables = {
        "mean": Table(
            "People by problems, mean",
            "coverage",
            words + "*random effects*: crossed, by moments (Gao and Owen, 2017).",
            [*names, "random effects"],
        ),
        "difference": Table("People by problems, difference of conditions", "coverage", words, names),
    }
    for design, accuracy, (label, spreads) in product(
        DESIGNS, ((0.5, 0.5), (0.8, 0.65), (0.95, 0.85)), CROSSED.items()
    ):
        study = Study(*design, accuracy, *spreads)
        for key, rate in rates(simulations, next(numbers), _crossed_once(study)).items():
            which, name = key.split("|")
            where = f"{design[0]} x {design[1]}, {design[2]} each; {accuracy[0]:g} and {accuracy[1]:g}; {label}"
            tables[which].add(where, name, rate)
    return list(tables.values())


def _power_once(population: Problems, accuracies: tuple[float, float], samples: int, n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = paired(population, drawn, n, samples, accuracies)
        return _decisions(a, b, samples, ids, number, 1999)  # fewer would cost power

    return once


PAIRED_STUDIES = (
    (ALIKE, (0.5, 0.35), 8, 20),
    (ALIKE, (0.9, 0.8), 1, 150),
    (ALIKE, (0.6, 0.4), 1, 50),
    (MIXED, (0.7, 0.6), 8, 50),
    (MIXED, (0.7, 0.6), 1, 200),
    (MIXED, (0.95, 0.9), 8, 50),
    (MIXED, (0.95, 0.9), 1, 300),
    (MIXED, (0.7, 0.55), 4, 30),
    (EXTREME, (0.6, 0.5), 8, 100),
    (EXTREME, (0.95, 0.85), 8, 20),
    (FEW_HARD, (0.95, 0.85), 8, 50),
)


def power_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """The power that was promised, and the one that is had."""
    numbers = generators(sequence)
    table = Table(
        "Power of paired comparisons",
        "power",
        "Accuracies, samples a problem, how problems differ, number of problems. Promised by `paired_power` from the "
        "population's own discordance and correlation; with one sample a problem by `mcnemar_power` for McNemar's test "
        "and sign flips, which then are the same test.",
        ["sign_flip_test", "paired_difference", "t", "mcnemar_test"],
    )
    for population, accuracies, samples, n in PAIRED_STUDIES:
        disagree, correlated = discordance(population, accuracies)
        gap = accuracies[0] - accuracies[1]
        promised = paired_power(n, samples, difference=gap, discordance=disagree, correlation=correlated).power
        exact = mcnemar_power(n, difference=gap, discordance=disagree).power
        for name, rate in rates(simulations, next(numbers), _power_once(population, accuracies, samples, n)).items():
            if name in table.columns:
                place = f"{_label(population, accuracies, samples)}, {n} problems"
                counted = samples == 1 and name in ("mcnemar_test", "sign_flip_test")
                table.add(place, name, rate, exact if counted else promised)
    return [table, _seed_power(simulations, numbers), _crossed_power(simulations, numbers, sequence)]


def _seed_power_once(n: int, difference: float, sd: float) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        values = difference + sd * drawn.standard_normal(n)
        zero = dict.fromkeys(range(n), 0.0)
        return {"seed_test": rejects(seed_test(dict(enumerate(values.tolist())), zero))}

    return once


def _seed_power(simulations: int, numbers: Iterator[np.random.Generator]) -> Table:
    table = Table("Power over seeds", "power", "Normal values; promised by `seed_power`.", ["seed_test"])
    for n, difference, sd in ((3, 0.05, 0.02), (5, 0.03, 0.02), (10, 0.02, 0.02), (20, 0.01, 0.02)):
        promised = seed_power(n, difference=difference, sd=sd).power
        (rate,) = rates(simulations, next(numbers), _seed_power_once(n, difference, sd)).values()
        table.add(f"{n} seeds, difference {difference:g}, sd {sd:g}", "seed_test", rate, promised)
    return table


def _crossed_power_once(study: Study) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        found = simulate(study, drawn)
        return {"found": not holds(two_way_difference(found.right, found.treated, found.people, found.problems), 0)}

    return once


def _crossed_power(simulations: int, numbers: Iterator[np.random.Generator], sequence: np.random.SeedSequence) -> Table:
    table = Table(
        "Power of people by problems",
        "power",
        "Promised by `crossed_power` with 2,000 simulations of its own, so that the two differ by chance alone.",
        ["two_way_difference"],
    )
    for study in (Study(12, 20, 10, (0.75, 0.55)), Study(20, 40, 20, (0.7, 0.6)), Study(40, 20, 10, (0.9, 0.8))):
        promised = crossed_power(study, simulations=2000, seed=int(sequence.generate_state(1)[0])).power
        (rate,) = rates(simulations, next(numbers), _crossed_power_once(study)).values()
        accuracy = f"{study.accuracy[0]:g} and {study.accuracy[1]:g}"
        place = f"{study.people} people, {study.problems} problems, {study.per_person} each, {accuracy}"
        table.add(place, "two_way_difference", rate, promised)
    return table


PRIORS = (0.0, 0.02, 0.1, 0.5)


def _tuning_once(population: Problems, accuracies: tuple[float, float], n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = (right / 8 for right in paired(population, drawn, n, 8, accuracies))
        covariance = float(np.cov(a, b)[0, 1]) / n
        arms = [(float(x.mean()), float(x.var(ddof=1)) / n) for x in (a, b)]
        shrunk = correlation(covariance, arms[0][1], arms[1][1], n)
        out = {}
        for prior in PRIORS:
            one, other = (share(mean, variance, n, prior or 1e-12) for mean, variance in arms)
            out[f"arm|{prior:g}"] = holds(one.limits(one.quantile(0.95)), accuracies[0])
            out[f"pair|{prior:g}"] = holds(difference_limits(one, other, shrunk, 0.95), accuracies[0] - accuracies[1])
            if prior <= PAIRED:
                plain = shrunk * n / (n - 1) if shrunk > 0 else shrunk
                limits = difference_limits(one, other, plain, 0.95)
                out[f"pair|{prior:g} r"] = holds(limits, accuracies[0] - accuracies[1])
        return out

    return once


def tuning_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """What the prior of the design effect and the shrunk correlation do."""
    numbers = generators(sequence)
    sizes = (10, 20, 50)
    one = Table(
        "Chosen: the prior of one arm",
        "coverage",
        "Wilson's interval for the effective number of trials with several priors of the design effect; ours is 0.1. "
        "8 samples a problem; the first accuracy's interval.",
        columns([f"{prior:g}" for prior in PRIORS], sizes),
    )
    two = Table(
        "Chosen: the prior of a pair, and its correlation",
        "coverage",
        "The difference in the same studies; ours is 0.02, the correlation shrunk. *r*: the correlation not shrunk.",
        columns(["0 r", "0", "0.02 r", "0.02", "0.1", "0.5"], sizes),
    )
    cases = product((ALIKE, MIXED, EXTREME, FEW_HARD), ((0.95, 0.85), (0.95, 0.95), (0.99, 0.97), (0.5, 0.35)), sizes)
    for population, accuracies, n in cases:
        if population is FEW_HARD and accuracies[0] < 0.6:
            continue
        for key, rate in rates(simulations, next(numbers), _tuning_once(population, accuracies, n)).items():
            which, name = key.split("|")
            (one if which == "arm" else two).add(_label(population, accuracies, 8), f"{name}, {n}", rate)
    return [one, two]


def _skewed_once(kind: str, n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        if kind == "counts":
            rate = drawn.gamma(3, 1, n)
            a, b, truth = drawn.poisson(rate), drawn.poisson(0.8 * rate), 0.6
        else:
            shared, one, other = 0.7 * drawn.standard_normal((3, n))
            size = {"log-normal arms": 1.0, "log-normal arms, one half as large": 0.5}[kind]
            a, b, truth = np.exp(shared + one), size * np.exp(shared + other), (1 - size) * math.exp(0.49)
        again = bootstrap_difference(a, b, ids, seed=number, resamples=RESAMPLES)
        return {
            "paired_difference (t)": holds(paired_difference(a, b, ids, bounds=None), truth),
            "studentised": holds(again, truth),
        }

    return once


def skewed_study(simulations: int, sequence: np.random.SeedSequence) -> list[Table]:
    """Paired differences of measures without bounds."""
    numbers = generators(sequence)
    table = Table(
        "Paired differences without bounds",
        "coverage",
        "Counts (Poisson, rates gamma over problems, one arm's 0.8 of the other's) and log-normal arms that share "
        "half of their variance (sigma 1); by number of problems. *paired_difference* is with `bounds=None`.",
        columns(["paired_difference (t)", "studentised"], (10, 20, 50)),
    )
    for kind, n in product(("counts", "log-normal arms", "log-normal arms, one half as large"), (10, 20, 50)):
        for name, rate in rates(simulations, next(numbers), _skewed_once(kind, n)).items():
            table.add(kind, f"{name}, {n}", rate)
    return [table]


STUDIES: dict[str, Callable[[int, np.random.SeedSequence], list[Table]]] = {
    "paired": paired_study,
    "proportion": proportion_study,
    "groups": group_study,
    "means": mean_study,
    "null": null_study,
    "group-null": group_null_study,
    "seeds": seed_study,
    "equivalence": equivalence_study,
    "families": family_study,
    "crossed": crossed_study,
    "power": power_study,
    "tuning": tuning_study,
    "skewed": skewed_study,
}
