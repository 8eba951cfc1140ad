"""A study run whole, many times, with simulated people: who is excluded, and how often the comparison finds an effect.

The chance of a right answer is logistic in a condition's accuracy, the person, the problem, the prefix, and how person
and problem take to the condition: normal numbers with the standard deviations of [simulation]. What a person does
otherwise (time, care, leaving) is `human.study.people`; who is excluded is `human.study.exclusion`; the answer is
`human.study.estimate.primary`, as for real people.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.chance import stable_key
from analysis.statistics import Power, StatisticsError
from analysis.statistics.crossed import logit_for
from analysis.statistics.data import generator
from arena.command import fail
from human.study.assignment import cells
from human.study.config import Study
from human.study.estimate import Outcomes, primary
from human.study.exclusion import Taken, reasons
from human.study.people import BEHAVIOURS, Behaviour

CROWD = 20
"""People who begin, for each one wanted, after whom a simulated study gives up."""


@dataclass
class Design:
    """What does not change from one simulated study to the next."""

    study: Study
    people: int
    shares: Mapping[str, float]
    cells: npt.NDArray[np.int64] = field(init=False)
    """[slot, trial, (problem, condition, number)]"""

    def __post_init__(self) -> None:
        trials, seen = self.study.trials, self.study.seen
        self.cells = np.array(
            [
                [
                    (cell.problem, cell.condition, cell.number)
                    for cell in cells(
                        self.study.seed, trials.problems, trials.per_person, len(seen), trials.prefixes, slot
                    )
                ]
                for slot in range(self.people)
            ]
        )

    @property
    def most(self) -> int:
        """People who may begin: [stopping] recruited, in proportion where the study is made larger or smaller."""
        recruited = self.study.stopping.recruited
        wanted = CROWD if not recruited else recruited / self.study.participants
        return max(self.people, round(wanted * self.people))


@dataclass
class Run:
    """One simulated study."""

    rows: Outcomes
    recruited: int
    excluded: Counter[str]
    """People, by the first reason."""
    kept: int
    """People whose trials count."""


def people_of(study: Study) -> dict[str, float]:
    """Shares of behaviours, summing to 1. Raises UserError."""
    given = study.simulation.people or {"steady": 1.0}
    for name, share in given.items():
        if name not in BEHAVIOURS:
            fail(f"{study.path}: [simulation] people: there is no {name!r}; there are {', '.join(BEHAVIOURS)}")
        if share < 0:
            fail(f"{study.path}: [simulation] people.{name} must be 0 or more, not {share:g}")
    if (total := sum(given.values())) <= 0:
        fail(f"{study.path}: [simulation] people: no share is above 0")
    return {name: share / total for name, share in given.items()}


def accuracies(study: Study, effect: float | None = None) -> list[float]:
    """Of each condition that people meet; ``effect``: treated is so much above the control. Raises UserError."""
    stated = dict(study.simulation.accuracy)
    if lacking := [one.name for one in study.seen if one.name not in stated]:
        fail(
            f"{study.path}: [simulation] accuracy lacks {', '.join(lacking)}; say what you expect under each condition"
        )
    if effect is not None:
        stated[study.analysis.treated] = stated[study.analysis.control] + effect
        if not 0 < stated[study.analysis.treated] < 1:
            fail(
                f"--effects {effect:g}: with {study.analysis.control} at {stated[study.analysis.control]:g} in "
                "[simulation] accuracy no accuracy between 0 and 1 is left; give smaller effects"
            )
    return [stated[one.name] for one in study.seen]


def run_once(design: Design, accuracy: list[float], drawn: np.random.Generator) -> Run:
    """Recruits people slot by slot until every slot has one who counts, or too many have begun."""
    study = design.study
    chance = _world(design, accuracy, drawn)
    names = list(design.shares)
    weights = list(design.shares.values())
    waiting = list(range(design.people))
    recruited, kept, excluded = 0, 0, Counter[str]()
    parts: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]] = []
    while waiting and recruited < design.most:
        now, waiting = waiting[: design.most - recruited], waiting[design.most - recruited :]
        kinds = [BEHAVIOURS[names[index]] for index in drawn.choice(len(names), len(now), p=weights)]
        right, seconds, finished = _answers(design, chance, np.array(now), kinds, drawn)
        for n, (slot, kind) in enumerate(zip(now, kinds, strict=True)):
            taken = _taken(study, kind, seconds[n, : finished[n]], drawn)
            if why := reasons(study.exclusion, taken):
                excluded[why[0]] += 1
                waiting.append(slot)
                continue
            parts.append((right[n, : finished[n]], design.cells[slot, : finished[n]], recruited + n))
            kept += 1
        recruited += len(now)
    conditions = [one.name for one in study.seen]
    rows = Outcomes(
        [int(value) for right, _, _ in parts for value in right],
        [conditions[cell[1]] for _, met, _ in parts for cell in met],
        [person for _, met, person in parts for _ in met],
        [int(cell[0]) for _, met, _ in parts for cell in met],
    )
    return Run(rows, recruited, excluded, kept)


@dataclass
class _World:
    """Logits before anybody is recruited: of problems, their conditions and prefixes."""

    ease: npt.NDArray[np.float64]
    """[problem, condition, number]"""
    person_sd: float
    person_effect_sd: float


def _world(design: Design, accuracy: list[float], drawn: np.random.Generator) -> _World:
    plan, trials, seen = design.study.simulation, design.study.trials, design.study.seen
    shape = (trials.problems, len(seen), trials.prefixes)
    # Of two conditions the difference has the stated standard deviation, so each has it over the root of 2.
    effects = [plan.person_effect_sd / math.sqrt(2), plan.problem_effect_sd / math.sqrt(2)]
    ease = plan.problem_sd * drawn.standard_normal((trials.problems, 1, 1))
    ease = ease + effects[1] * drawn.standard_normal((trials.problems, len(seen), 1))
    prefix = np.array([plan.prefix_sd * one.cut for one in seen])[None, :, None]
    ease = ease + prefix * drawn.standard_normal(shape)
    for index, (share, one) in enumerate(zip(accuracy, seen, strict=True)):
        spread = math.hypot(plan.person_sd, plan.problem_sd, *effects, plan.prefix_sd * one.cut)
        ease[:, index] += logit_for(share, spread)
    return _World(ease, plan.person_sd, effects[0])


def _answers(
    design: Design,
    world: _World,
    slots: npt.NDArray[np.int64],
    kinds: list[Behaviour],
    drawn: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], list[int]]:
    """(right, seconds, finished trials) of one person in each slot; the first two [person, trial]."""
    trials = design.study.trials
    met = design.cells[slots]
    people, each = met.shape[:2]
    skill = world.person_sd * drawn.standard_normal((people, 1))
    taste = world.person_effect_sd * drawn.standard_normal((people, len(design.study.seen)))
    logit = world.ease[met[..., 0], met[..., 1], met[..., 2]] + skill + np.take_along_axis(taste, met[..., 1], 1)
    knows = drawn.random((people, each)) < 1 / (1 + np.exp(-logit))
    tries = drawn.random((people, each)) < np.array([[kind.tries] for kind in kinds])
    z = drawn.standard_normal((people, each))
    seconds = np.array(
        [
            [kind.seconds(one) if trying else kind.rushes for one, trying in zip(row, tried, strict=True)]
            for kind, row, tried in zip(kinds, z, tries, strict=True)
        ]
    )
    limit = trials.seconds + trials.extensions * trials.extension_seconds if trials.seconds else math.inf
    right = (knows & tries & (seconds <= limit)).astype(np.int64)
    leaving = drawn.random((people, each)) < np.array([[kind.leaves] for kind in kinds])
    finished = np.where(leaving.any(axis=1), leaving.argmax(axis=1), each)
    return right, np.minimum(seconds, limit), [int(count) for count in finished]


def _taken(study: Study, kind: Behaviour, seconds: npt.NDArray[np.float64], drawn: np.random.Generator) -> Taken:
    passes = kind.attends ** len(study.comprehension)
    understood = drawn.random() >= (1 - passes) ** study.instructions.attempts
    failed = int(drawn.binomial(len(study.attention), 1 - kind.attends))
    return Taken(understood, failed, seconds.tolist())


@dataclass(frozen=True)
class Point:
    """A study of this size under an effect of this size, simulated many times."""

    people: int
    effect: float
    """Stated: treated less control, of people who try and are in time."""
    power: Power
    found: float
    """Mean of the estimates."""
    recruited: float
    """Mean of the people who began."""
    kept: float
    excluded: Mapping[str, float]
    """Mean people a study, by the first reason."""
    failed: int
    """Studies with too few rows for an estimate: they found nothing."""

    def as_dict(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("people", "effect", "found", "recruited", "kept", "failed")}
        return {**own, "power": self.power.power, "error": self.power.error, "excluded": dict(self.excluded)}


def point(study: Study, people: int, effect: float, studies: int, seed: int) -> Point:
    """How often the interval of `primary` leaves 0 out. Its numbers are of this point alone, whatever else is asked."""
    design = Design(study, people, people_of(study))
    accuracy = accuracies(study, effect)
    drawn = generator(stable_key("study simulation", seed, people, f"{effect:.6f}"))
    found: list[float] = []
    runs: list[Run] = []
    detected = failed = 0
    for _ in range(studies):
        runs.append(run_once(design, accuracy, drawn))
        try:
            estimate = primary(study, runs[-1].rows)
        except StatisticsError:
            failed += 1
            continue
        found.append(estimate.value)
        detected += not estimate.low <= 0 <= estimate.high
        runs[-1] = replace(runs[-1], rows=Outcomes([], [], [], []))  # of a thousand studies only the counts are kept
    share = detected / studies
    power = Power(
        share,
        people,
        "person",
        study.analysis.alpha,
        f"{studies} simulated studies analysed by two_way_difference",
        f"effect {effect:g}, {study.simulation}",
        error=math.sqrt(max(share * (1 - share), 1 / studies) / studies),
        seed=seed,
    )
    excluded = sum((run.excluded for run in runs), Counter[str]())
    return Point(
        people,
        effect,
        power,
        float(np.mean(found)) if found else math.nan,
        float(np.mean([run.recruited for run in runs])),
        float(np.mean([run.kept for run in runs])),
        {why: count / studies for why, count in excluded.items()},
        failed,
    )
