"""V along a solution where it can be counted: the estimates are right at every place, and so are their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from agents.chance import episode_key
from agents.units import RULES, UnitRule
from agents.vocabulary import surface
from analysis.continuations import Solution
from analysis.profile.breaks import falls
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.measures import wilson
from arena.policy import Policy, Solo
from arena.proof import problems_of
from arena.tasks import Problem
from arena.validate import Opening, unlike_its_parent
from tests.test_law import LIMIT, pair
from tests.toys import Law, Step, toy_agent

SMALL = [b"<p>", b"", b"a", b" b"]
AGENTS = {
    "same": pair(True),
    "other": pair(False),
    "long": {"senior": toy_agent(SMALL, 4), "junior": toy_agent(SMALL, 2)},
}
LIMITS = {"same": LIMIT, "other": LIMIT, "long": 8}
PROBLEM = Problem("toy/0", "", "1")


def right(text: str) -> bool:
    """What counts as a right solution here: something that hangs on all of it."""
    return (text.count("a") + 2 * text.count("b") + text.endswith("a")) % 3 == 1


def value(law: Law, writer: str, trail: tuple[Step, ...]) -> float:
    """V by enumeration: the writer's first draw is within what opens or ends, all others are from its whole law."""
    state = 0
    for _, piece in trail:
        state = law.rule.step(state, surface(piece or b""))[1]

    def rest(trail: tuple[Step, ...], first: bool) -> float:
        if len(trail) == law.limit:
            return float(right(text_of(trail)))
        p = law.distribution(writer, trail)
        if first:
            p = {e: q for e, q in p.items() if e is None or law.rule.step(state, surface(e))[0]}
        whole = sum(p.values())
        return math.fsum(
            q / whole * (float(right(text_of(trail))) if e is None else rest((*trail, (writer, e)), False))
            for e, q in p.items()
            if q
        )

    return rest(trail, bool(trail))


def text_of(trail: Sequence[Step]) -> str:
    return b"".join(piece or b"" for _, piece in trail).decode("utf-8", "replace")


def exact(law: Law, solution: Solution, units: int, writer: str) -> float:
    from arena.episode import cut

    prefix = cut(law.rule, solution.spans, units)
    return value(law, writer, tuple((span.author, piece) for span in prefix for piece in span.pieces))


def law_of(kind: str, rule: UnitRule) -> Law:
    return Law(AGENTS[kind], rule, lambda unit: {"junior": 1.0}, LIMITS[kind])


def played(kind: str, jobs: Sequence[Job], seed: int = 5) -> list[Episode]:
    return list(ReferenceEngine(AGENTS[kind], seed=seed, limit=LIMITS[kind]).episodes(jobs))


@lru_cache(None)
def solutions(kind: str, unit: str, count: int) -> list[Solution]:
    """The senior's own solutions, of the same seed with which they are then gone on with."""
    jobs = [Job(PROBLEM, sample, Policy(unit, Solo()), ("senior",), condition="solo:senior") for sample in range(count)]
    vocabularies = {agent.vocabulary.digest: agent.vocabulary for agent in AGENTS[kind].values()}
    return [Solution.of(episode, PROBLEM, unit, vocabularies) for episode in played(kind, jobs)]


def longest(kind: str, unit: str) -> Solution:
    return max(solutions(kind, unit, 20), key=lambda one: one.units)


@pytest.mark.parametrize("kind", ["same", "other"])
@pytest.mark.parametrize("writer", ["junior", "senior"])
@pytest.mark.parametrize("unit", ["word", "token"])
def test_v_is_right_at_every_place_and_so_are_the_differences(kind: str, writer: str, unit: str) -> None:
    solution, count = longest(kind, unit), 250
    law, parent = law_of(kind, RULES[unit]), Opening(solution.episode.text, tuple(solution.episode.spans))
    rows, truths = [], []
    for units in range(solution.units + 1):
        episodes = played(kind, list(solution.jobs(writer, units, f"{writer}@{units}", {r: r for r in range(count)})))
        for episode in episodes[:20]:
            assert problems_of(episode) == []
            assert unlike_its_parent(episode, parent) == []
        rows.append(np.array([right(episode.text) for episode in episodes], dtype=float))
        truths.append(exact(law, solution, units, writer))
        error = (truths[-1] * (1 - truths[-1]) / count) ** 0.5
        assert rows[-1].mean() == pytest.approx(truths[-1], abs=4 * error + 1e-9)
    assert len({round(truth, 3) for truth in truths}) > 1  # places differ, else nothing is shown
    for (before, after), (v, w) in zip(pairwise(rows), pairwise(truths), strict=True):
        error = float((before - after).std()) / count**0.5
        assert float((before - after).mean()) == pytest.approx(v - w, abs=4 * error + 1e-9)


def z_of(draws: Callable[[Solution], int | None], count: int = 300) -> float:
    """How far the senior's continuations of its own right solutions are from V on average, in standard errors."""
    law, jobs, truths = law_of("long", RULES["word"]), [], []
    for solution in solutions("long", "word", count):
        if right(solution.episode.text) and solution.units > 1:
            (job,) = solution.jobs("senior", 1, "senior@1", {0: solution.episode.sample})
            jobs.append(replace(job, draws=draws(solution) or job.draws))
            truths.append(exact(law, solution, 1, "senior"))
    found = [right(episode.text) for episode in played("long", jobs)]
    variance = sum(truth * (1 - truth) for truth in truths)
    return float((sum(found) - sum(truths)) / variance**0.5)


def test_who_goes_on_must_not_draw_with_the_numbers_that_wrote_the_rest() -> None:
    """With these, continuations of right solutions are right too often; with its own numbers they are not."""
    assert abs(z_of(lambda solution: None)) < 4
    assert z_of(lambda solution: episode_key(PROBLEM.id, solution.episode.sample)) > 5


def test_wilsons_interval_covers_v() -> None:
    """Over many profiles of R rollouts the 95% intervals hold V about as often as they say."""
    solution, law = longest("same", "word"), law_of("same", RULES["word"])
    rollouts, profiles, held, all_ = 32, 25, 0, 0
    for units in range(solution.units + 1):
        truth = exact(law, solution, units, "junior")
        jobs = solution.jobs("junior", units, f"junior@{units}", {r: r for r in range(rollouts * profiles)})
        found = np.array([right(episode.text) for episode in played("same", list(jobs), seed=9)])
        for lot in found.reshape(profiles, rollouts):
            low, high = wilson(int(lot.sum()), rollouts)
            held += low <= truth <= high
            all_ += 1
    assert held / all_ >= 0.95 - 3 * (0.95 * 0.05 / all_) ** 0.5


def test_without_a_fall_few_solutions_break() -> None:
    """The family-wise error of a solution is at most its level, also where neighbouring places share their numbers."""
    rng = np.random.default_rng(3)
    broken = 0
    for _ in range(400):
        shared = rng.random(48)
        own = rng.random((30, 48))
        draws = np.where(rng.random((30, 48)) < 0.6, shared, own)  # most rollouts end alike from place to place
        broken += any(step.significant for step in falls(draws < 0.6))
    assert broken / 400 <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
