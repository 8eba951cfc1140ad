"""People by problems: our intervals beside other variances, and the bootstrap of both."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from analysis.statistics import Study, two_way_difference, two_way_mean, two_way_retention
from analysis.statistics.crossed import Answers, logit_for, simulate
from analysis.statistics.intervals import t_quantile
from analysis.statistics.twoway import squares
from benchmarks.populations import Floats
from benchmarks.studies.base import Interval, Once, Simulations, Table, holds, listed


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


def crossed_once(study: Study) -> Once:
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


def crossed_study(simulations: Simulations) -> list[Table]:
    """People by problems."""
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
        for key, rate in simulations.rates(crossed_once(study)).items():
            which, name = key.split("|")
            where = f"{design[0]} x {design[1]}, {design[2]} each; {listed(accuracy)}; {label}"
            tables[which].add(where, name, rate)
    return list(tables.values())


def kept_once(design: tuple[int, int, int], accuracy: tuple[float, float], person_sd: float, problem_sd: float) -> Once:
    """People go on from a senior's solutions, of which each problem has one: right more often where that is."""
    from scipy.special import expit

    people, problems, each = design
    spread = math.hypot(person_sd, problem_sd)
    with_people, alone_at = logit_for(accuracy[0], spread), logit_for(accuracy[1], problem_sd)

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        order = drawn.random((people, problems)).argsort(axis=1)[:, :each].ravel()
        who = np.repeat(np.arange(people), each)
        skill, ease = person_sd * drawn.standard_normal(people), problem_sd * drawn.standard_normal(problems)
        right = drawn.random(len(order)) < expit(with_people + skill[who] + ease[order])
        alone = drawn.random(problems) < expit(alone_at + ease)
        if not alone[order].any():
            return {"two_way_retention": True}  # it is refused
        found = two_way_retention(right.astype(float), alone[order].astype(float), who, order)
        return {"two_way_retention": holds(found, accuracy[0] / accuracy[1])}

    return once


def kept_study(simulations: Simulations) -> list[Table]:
    """Retention of people."""
    table = Table(
        "Retention, people by problems",
        "coverage",
        "People, problems and problems a person; accuracy of the people and of the senior alone, which has one stored "
        "solution of each problem, right more often where the problem is easy.",
        ["two_way_retention"],
    )
    for design, accuracy, (label, spreads) in product(
        DESIGNS, ((0.4, 0.6), (0.6, 0.9), (0.8, 0.95)), list(CROSSED.items())[:2]
    ):
        where = f"{design[0]} x {design[1]}, {design[2]} each; {listed(accuracy)}; {label}"
        for name, rate in simulations.rates(kept_once(design, accuracy, spreads[0], spreads[1])).items():
            table.add(where, name, rate)
    return [table]
