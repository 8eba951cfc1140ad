"""The power of a study of people by problems, by simulating it and analysing it as we would."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from analysis.statistics.data import StatisticsError, generator
from analysis.statistics.power import Power, fewest
from analysis.statistics.twoway import two_way_difference

CROWD = 2_000
"""People beyond which a study is not looked for."""


@dataclass(frozen=True)
class Study:
    """A study in which each person works on some of the problems, half of them in each of two conditions.

    Outcomes are right or wrong. The chance of right is logistic in a person's skill, a problem's ease, and how each of
    them takes to the condition: normal, with these standard deviations, in logits (people who differ by 1 logit
    solve 50% and 73%).
    """

    people: int
    problems: int
    per_person: int
    """Problems that each person sees, at most once each; half of them in each condition."""
    accuracy: tuple[float, float]
    """Treated and not, over all people and problems."""
    person_sd: float = 1.0
    problem_sd: float = 1.0
    person_effect_sd: float = 0.5
    """How much the effect differs between people."""
    problem_effect_sd: float = 0.5

    def __post_init__(self) -> None:
        if min(self.people, self.problems) < 2 or not 2 <= self.per_person <= self.problems:
            raise StatisticsError(
                f"{self.people} people with {self.per_person} of {self.problems} problems each is no study: "
                "it needs two people, two problems, and from two to all problems for each person"
            )
        if not all(0 < share < 1 for share in self.accuracy):
            raise StatisticsError(f"accuracies {self.accuracy} are not strictly between 0 and 1")
        if min(self.person_sd, self.problem_sd, self.person_effect_sd, self.problem_effect_sd) < 0:
            raise StatisticsError("a standard deviation is negative")

    def intercepts(self) -> tuple[float, float]:
        """Logits at which the two accuracies come out over all people and problems."""
        spread = math.sqrt(
            self.person_sd**2 + self.problem_sd**2 + (self.person_effect_sd**2 + self.problem_effect_sd**2) / 4
        )
        return logit_for(self.accuracy[0], spread), logit_for(self.accuracy[1], spread)


@cache
def logit_for(mean: float, sd: float) -> float:
    """The logit m for which E[logistic(m + sd Z)] is ``mean``, Z standard normal (Gauss-Hermite, 61 points)."""
    from scipy.optimize import brentq
    from scipy.special import expit

    points, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    return float(brentq(lambda m: float(weights @ expit(m + sd * points)) - mean, -100, 100))


@dataclass(frozen=True)
class Answers:
    """What one run of a study gives, one row an answer."""

    right: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    treated: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    people: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    problems: np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def simulate(study: Study, drawn: np.random.Generator) -> Answers:
    """Draws people, problems, who sees what in which condition, and the answers."""
    from scipy.special import expit

    order = drawn.random((study.people, study.problems)).argsort(axis=1)[:, : study.per_person]
    people = np.repeat(np.arange(study.people), study.per_person)
    problems = order.ravel()
    treated = np.tile(np.arange(study.per_person) % 2, study.people)
    skill, skill_effect = drawn.standard_normal((2, study.people)) * [[study.person_sd], [study.person_effect_sd]]
    ease, ease_effect = drawn.standard_normal((2, study.problems)) * [[study.problem_sd], [study.problem_effect_sd]]
    yes, no = study.intercepts()
    logit = np.where(treated == 1, yes, no) + skill[people] + ease[problems]
    logit += (treated - 0.5) * (skill_effect[people] + ease_effect[problems])
    right = (drawn.random(len(logit)) < expit(logit)).astype(np.int64)
    return Answers(right, treated, people, problems)


def crossed_power(study: Study, *, alpha: float = 0.05, simulations: int = 1000, seed: int) -> Power:
    """How often `two_way_difference` of this study has an interval of level 1 - alpha that leaves 0 out.

    ``simulations`` of 1,000 have a standard error of at most 0.016, which the result states.
    """
    if not 0 < alpha < 1:
        raise StatisticsError(f"alpha {alpha!r} is not between 0 and 1")
    if simulations < 100:
        raise StatisticsError(f"{simulations} simulations leave an error of more than five points: take 1000")
    drawn = generator(seed)
    found = 0
    for _ in range(simulations):
        answers = simulate(study, drawn)
        estimate = two_way_difference(answers.right, answers.treated, answers.people, answers.problems, level=1 - alpha)
        found += not estimate.low <= 0 <= estimate.high
    power = found / simulations
    return Power(
        power,
        study.people,
        "person",
        alpha,
        f"{simulations} simulated studies analysed by two_way_difference",
        f"{study}",
        error=math.sqrt(max(power * (1 - power), 1 / simulations) / simulations),
        seed=seed,
    )


def crossed_people_needed(
    power: float, study: Study, *, alpha: float = 0.05, simulations: int = 1000, seed: int
) -> Power:
    """The fewest people with at least this power, all else as in ``study``, to within the Monte Carlo error.

    More people on the same few problems do not help for ever: refuses where they cannot reach the power.
    """
    return fewest(
        power,
        lambda people: crossed_power(replace(study, people=people), alpha=alpha, simulations=simulations, seed=seed),
        largest=CROWD,
    )
