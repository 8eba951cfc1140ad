"""The loss of real episodes: what is in it, what it is divided by, and that no way of batching changes it.

Gradients are compared in fp64, on random models of two layers, with sums that are written down here from the papers'
formulas and from `agents.rescoring.rescore`, one episode at a time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from agents.contract import View
from agents.language_model import LanguageModel
from agents.rescoring import TrainingView, logprobs, rescore
from agents.units import RULES
from agents.vocabulary import surface
from arena.engines import ReferenceEngine
from arena.episode import Episode, spans_of
from arena.jobs import Job
from arena.plan import begun
from arena.policy import Policy, Solo, parse
from arena.tasks import load_task
from tests.models import embedded, random_agent, random_model, tokenizer_of_kind
from training.config import LossConfig, OptimiserConfig, RolloutsConfig, TrainConfig
from training.learner import Learner
from training.loss import Loss, Sample, Watch, micro_batches, mismatch, own_factors, sample_of
from training.objectives import Objective
from training.objectives.grpo import Grpo
from training.objectives.reinforce import Reinforce
from training.objectives.unbiased import GrpoUnbiased
from training.rollouts import Rollout
from training.senior import Base, base_of
from training.world import World

PROBLEMS = load_task("arithmetic").problems("test")
PREFIX = 2
"""Units."""
Agents = dict[str, LanguageModel]


def precise(kind: str, seed: int) -> LanguageModel:
    """A random model in fp64."""
    tokenizer = tokenizer_of_kind(kind)
    model = random_model("llama", tokenizer, seed).double()
    return LanguageModel(model, tokenizer, prompt="<s>{question}\n")


@lru_cache
def team(kind: str) -> Agents:
    if kind == "embedded":
        return {"senior": embedded("senior"), "junior": embedded("junior")}
    if kind == "embedded, T = 0.7":
        return {"senior": embedded("senior", 0.7), "junior": embedded("junior")}
    if kind == "twins":
        return {"senior": embedded("senior"), "junior": embedded("senior")}
    if kind == "strangers":
        return {"senior": random_agent("llama", "gpt2"), "junior": random_agent("gpt2", "sentencepiece", seed=1)}
    return {"senior": precise("gpt2", 0), "junior": precise("gpt2" if kind == "equal" else "sentencepiece", 1)}


@lru_cache
def played(kind: str, handoff: str, count: int = 4, limit: int = 32, prefix: bool = False) -> tuple[Episode, ...]:
    """Episodes of a team; with ``prefix`` they go on from the beginnings of the senior's own solutions."""
    agents, policy = team(kind), parse(handoff)
    engine = ReferenceEngine(agents, seed=3, limit=limit)
    jobs = [Job(PROBLEMS[n // 2], n % 2, policy, ("senior", "junior")) for n in range(count)]
    if prefix:
        alone = [Job(j.problem, j.sample, Policy(policy.unit, Solo()), ("senior",), "solo:senior") for j in jobs]
        parents = list(ReferenceEngine(agents, seed=4, limit=40).episodes(alone))
        jobs = [begun(job, parent, PREFIX, known(agents)) for job, parent in zip(jobs, parents, strict=True)]
    return tuple(engine.episodes(jobs))


def known(agents: Agents) -> dict[str, Any]:
    return {agent.vocabulary.digest: agent.vocabulary for agent in agents.values()}


def samples_of(kind: str, episodes: Sequence[Episode], others: bool = False) -> list[Sample]:
    agents = team(kind)
    return [sample_of(agents["senior"], "senior", one, known(agents), others=others) for one in episodes]


def rule_of(episodes: Sequence[Episode]) -> Any:
    return parse(episodes[0].policy).rule


def decided(agents: Agents, episode: Episode) -> set[int]:
    """Numbers of the spans whose `end` factor was a decision: where not whatever came next would have opened a unit."""
    rule, state, found = parse(episode.policy).rule, 0, set()
    for number, span in enumerate(spans_of(episode, known(agents))):
        for piece in span.steps():
            state = rule.step(state, piece)[1]
        pieces = agents[span.author].vocabulary.pieces
        if span.end_logprob is not None and not all(rule.step(state, surface(piece))[0] for piece in pieces):
            found.add(number)
    return found


def recorded(agents: Agents, author: str, episode: Episode) -> list[list[float]]:
    """Of each span of an author after the prefix: log-probs token by token, then that of its decision to end."""
    ends, found = decided(agents, episode), []
    for number, span in enumerate(episode.spans):
        if span.author == author and number >= (episode.prefix_spans or 0):
            assert span.end_logprob is None or number in ends or span.end_logprob == 0
            over = [] if span.end_logprob is None or number not in ends else [span.end_logprob]
            found.append([*(span.logprobs or ()), *over])
    return found


def judged(agents: Agents, author: str, episode: Episode) -> list[Tensor]:
    """The author's factors as one pass over this episode alone gives them, in the order of `recorded`."""
    others = tuple(name for name in episode.authors if name != author)
    found = rescore(
        agents[author],
        View(episode.question, author, others),
        parse(episode.policy).rule,
        spans_of(episode, known(agents)),
        episode.prefix_spans or 0,
    )
    ends = decided(agents, episode)
    return [
        torch.cat([f.logprobs, *([f.end_logprob[None]] if f.end_logprob is not None and f.span in ends else [])])
        for f in found
    ]


def flat(lists: Sequence[Any]) -> list[float]:
    return [float(value) for one in lists for value in one]


# What the views hold


@pytest.mark.parametrize("prefix", [False, True], ids=["whole", "prefix"])
@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("kind", ["embedded", "embedded, T = 0.7", "strangers"])
def test_what_was_recorded_lies_beside_what_is_recomputed(kind: str, unit: str, prefix: bool) -> None:
    """Factor by factor; and `own_factors` counts them without a view."""
    agents = team(kind)
    senior, junior = agents["senior"], agents["junior"]
    episodes = played(kind, f"{unit}:p=0.5", *((2, 56, True) if prefix else ()))
    assert not prefix or all(episode.prefix_spans for episode in episodes)
    for episode in episodes:
        (alone,), (sample,) = samples_of(kind, [episode]), samples_of(kind, [episode], others=True)
        counted = own_factors(episode, "senior", senior.vocabulary)
        assert counted == len(alone.view.factors) == len(flat(recorded(agents, "senior", episode)))
        assert counted == sum(factor.mine for factor in sample.view.factors)
        assert len(sample.behaviour) == len(sample.view.factors)
        with torch.no_grad():
            for one in (alone, sample):
                found = logprobs(senior, rule_of(episodes), [one.view]).tolist()
                mine = [factor.mine for factor in one.view.factors]
                now = [value for value, own in zip(found, mine, strict=True) if own]
                then = [value for value, own in zip(one.behaviour, mine, strict=True) if own]
                assert then == flat(recorded(agents, "senior", episode))
                assert now == pytest.approx(then, abs=1e-4)
            theirs = [value for value, own in zip(sample.behaviour, mine, strict=True) if not own]
            if senior.vocabulary.digest == junior.vocabulary.digest:
                assert theirs == flat(recorded(agents, "junior", episode))
                assert theirs == pytest.approx(flat(judged(agents, "junior", episode)), abs=1e-4)
            else:
                assert all(value != value for value in theirs)


@pytest.mark.parametrize("unit", RULES)
def test_twins_would_have_written_the_same(unit: str) -> None:
    """With two seats of one model what others recorded is what the senior computes of their factors, too."""
    episodes = played("twins", f"{unit}:p=0.5")
    samples = samples_of("twins", episodes, others=True)
    loss = Loss(team("twins")["senior"], rule_of(episodes), Reinforce(j=1.0), LossConfig())
    loss.remember(samples, 500)
    compared = 0
    for sample in samples:
        assert sample.old is not None
        assert sample.old.tolist() == pytest.approx(sample.behaviour, abs=1e-4)
        compared += sum(not factor.mine for factor in sample.view.factors)
    assert compared or unit in ("solution", "paragraph")


def test_another_prompt_is_another_view() -> None:
    """An episode that was not written under the senior's prompt is refused."""
    episode = played("equal", "word:p=0.5")[0]
    other = replace(episode, question=episode.question + " Why?", digest="")
    with pytest.raises(ValueError, match="prompt"):
        samples_of("equal", [other])


# The sums, by hand


@dataclass(frozen=True)
class Played:
    """An episode and whether its answer was right."""

    episode: Episode
    correct: bool
    group: int


def weights_of(agents: Agents) -> list[Tensor]:
    return list(agents["senior"].model.parameters())


def taken(agents: Agents, make: Callable[[], None]) -> Tensor:
    """The gradient that something leaves at the senior's weights, as one vector."""
    agents["senior"].model.zero_grad(set_to_none=True)
    make()
    found = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights_of(agents)]
    agents["senior"].model.zero_grad(set_to_none=True)
    return torch.cat([one.flatten() for one in found]).clone()


def of_sum(agents: Agents, total: Tensor) -> Tensor:
    """The gradient of a number that was written down here."""
    return taken(agents, lambda: torch.autograd.backward(total))


def step_of(
    agents: Agents,
    objective: Objective,
    batches: Iterable[Sequence[Sample]],
    divisor: float = 1.0,
    base: Base | None = None,
    **terms: float,
) -> tuple[Tensor, Watch]:
    """The gradient of some micro-batches, and what was noted of them."""
    watch = Watch()
    loss = Loss(agents["senior"], RULES["word"], objective, LossConfig(**terms), base)

    def make() -> None:
        for batch in batches:
            loss.backward(batch, divisor, watch, gaps=True)

    return taken(agents, make), watch


def close(found: Tensor, wanted: Tensor, tolerance: float = 1e-6) -> bool:
    """Equal, relative to the largest entry."""
    assert float(wanted.abs().max()) > 1e-6
    return float((found - wanted).abs().max() / wanted.abs().max()) < tolerance


def weighed(agents: Agents, each: Sequence[tuple[Episode, float]]) -> Tensor:
    """sum_i weight_i * sum of the senior's log factors of episode i."""
    parts = [weight * sum(one.sum() for one in judged(agents, "senior", episode)) for episode, weight in each]
    return torch.stack([torch.as_tensor(part) for part in parts]).sum()


def updates(
    agents: Agents, batch: Sequence[Played], objective: Mapping[str, Any], mini_batches: int = 1, **more: Any
) -> tuple[list[Tensor], dict[str, Any]]:
    """The gradients that the learner gives to its optimiser in one step, and its metrics."""
    problems = len({one.group for one in batch})
    config = TrainConfig(objective=dict(objective), loss=LossConfig(**more))
    config.rollouts = RolloutsConfig(problems=problems, samples=len(batch) // problems, limit=100)
    config.optimiser = OptimiserConfig(mini_batches=mini_batches, micro_tokens=300)
    learner = Learner(config, agents["senior"], known(agents), World())
    found: list[Tensor] = []

    def keep(norm: float) -> None:
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights_of(agents)]
        found.append(torch.cat([one.flatten() for one in grads]).clone())
        assert norm == pytest.approx(float(found[-1].norm()))
        learner.optimiser.forget()

    learner.optimiser.step = keep  # type: ignore[method-assign]
    rollouts = []
    for one in batch:
        one.episode.grade = {"verdict": "correct" if one.correct else "wrong"}
        rollouts.append(Rollout(one.episode, one.episode, one.group))
    return found, learner.update(rollouts)


def eight(kind: str) -> list[Played]:
    """Two samples of four problems: one solved always, one never, two of them half of the time; one by junior alone."""
    episodes = [*played(kind, "word:p=0.5", 7), played(kind, "word:p=0", 8)[7]]
    right = [True, True, False, False, True, False, False, True]
    return [Played(one, was, n // 2) for n, (one, was) in enumerate(zip(episodes, right, strict=True))]


def count(agents: Agents, one: Played) -> int:
    """The senior's factors, counted in what is stored."""
    return len(flat(recorded(agents, "senior", one.episode)))


@pytest.mark.parametrize("kind", ["equal", "different"])
@pytest.mark.parametrize("mini_batches", [1, 2])
def test_the_steps_of_a_learner_are_the_papers_formulas(kind: str, mini_batches: int) -> None:
    """Promise 4. What others wrote, what is padded and what is cut to micro-batches is in no denominator; episodes of
    advantage 0 are in those of the papers."""
    agents, batch = team(kind), eight(kind)
    assert count(agents, batch[7]) == 0
    parts = [batch] if mini_batches == 1 else [batch[:4], batch[4:]]
    given = [1.0, 1.0, -0.5, -0.5, 1.0, -0.5, -0.5, 1.0]
    mean = [a - (sum(given) - a) / 7 for a in given]
    pair = [0.0, 0.0, 0.0, 0.0, 0.5 / (0.5**0.5 + 1e-6), -0.5 / (0.5**0.5 + 1e-6), -0.5 / (0.5**0.5 + 1e-6)]
    wanted: dict[str, tuple[dict[str, Any], list[float], Callable[[Sequence[Played]], float]]] = {
        "reinforce": ({"c": -0.5}, given, len),
        "reinforce with a baseline": ({"c": -0.5, "baseline": "mean"}, mean, len),
        "grpo": ({}, [*pair, -pair[-1]], lambda part: sum(count(agents, one) for one in part)),
        "grpo-unbiased": ({}, [0, 0, 0, 0, 1, -1, -1, 1], lambda part: 100 * len(part)),
    }
    for name, (options, advantages, divisor) in wanted.items():
        weight = {id(one): a for one, a in zip(batch, advantages, strict=True)}
        found, line = updates(agents, batch, {"name": name.split()[0], **options}, mini_batches)
        assert len(found) == mini_batches
        for gradient, part in zip(found, parts, strict=True):
            if not any(weight[id(one)] for one in part):
                assert not gradient.any()
                continue
            total = weighed(agents, [(one.episode, -weight[id(one)] / divisor(part)) for one in part])
            assert close(gradient, of_sum(agents, total)), name
        assert line["in_loss"] == sum(a != 0 for a in advantages)
        assert line["factors"] == sum(count(agents, one) for one in batch if weight[id(one)])
        assert line["mismatch"]["max"] < 1e-4


@pytest.mark.parametrize("kind", ["equal", "different"])
def test_reading_what_others_wrote_changes_no_denominator(kind: str) -> None:
    """With a KL to the junior its factors are in the views; they are no factors of the objective."""
    agents, batch = team(kind), eight(kind)
    for name in ("grpo", "grpo-unbiased"):
        (without,), one = updates(agents, batch, {"name": name})
        (beside,), two = updates(agents, batch, {"name": name}, kl_junior=1e-12)
        assert close(beside, without)
        assert two["factors"] == own_factors_of(agents, batch)
        assert one["factors"] < two["factors"]  # an episode of advantage 0 is read for its KL only


def own_factors_of(agents: Agents, batch: Sequence[Played]) -> int:
    return sum(own_factors(one.episode, "senior", agents["senior"].vocabulary) for one in batch)


def test_nothing_to_learn_from_is_no_failure() -> None:
    """Episodes in which the senior wrote nothing have nothing to differentiate, alone in a batch or not."""
    agents = team("equal")
    silent = [Played(one, bool(n % 2), 0) for n, one in enumerate(played("equal", "word:p=0", 2))]
    for name in ("reinforce", "grpo", "grpo-unbiased"):
        found, line = updates(agents, silent, {"name": name})
        assert len(found) == 1
        assert not found[0].any()
        assert line["loss"] == line["grad_norm"] == line["factors"] == 0


def test_j_counts_what_others_wrote() -> None:
    """REINFORCE with j: 1 for the senior's own factors, j for the others', N episodes beneath."""
    agents, batch = team("equal"), eight("equal")
    (found,), line = updates(agents, batch, {"name": "reinforce", "j": 0.25, "c": 0.0})
    total: Any = 0.0
    for one in batch:
        if one.correct:
            (sample,) = samples_of("equal", [one.episode], others=True)
            values = logprobs(agents["senior"], RULES["word"], [sample.view])
            js = torch.tensor([1.0 if factor.mine else 0.25 for factor in sample.view.factors])
            total = total - (js * values).sum() / 8
    assert close(found, of_sum(agents, total))
    assert line["factors"] > sum(count(agents, one) for one in batch if one.correct)


@pytest.mark.parametrize("objective", [Reinforce(), Grpo(), GrpoUnbiased()], ids=lambda one: type(one).__name__)
def test_what_is_not_in_the_loss_does_not_touch_it(objective: Objective) -> None:
    """Not even a token of another's that the senior could never have written: its log p of -inf makes no NaN."""
    agents = team("equal")
    ((alone,), (sample,)) = (samples_of("equal", played("equal", "word:p=0.5", 1), others) for others in (False, True))
    alone.advantage = sample.advantage = 1.5
    (barred, *_) = agents["senior"].vocabulary.never
    place = next(n for n, factor in enumerate(sample.view.factors) if not factor.mine and factor.token > 0)
    sample.view.factors[place] = sample.view.factors[place]._replace(token=barred)
    wanted, _ = step_of(agents, objective, [[alone]])
    found, watch = step_of(agents, objective, [[sample]])
    assert torch.isfinite(found).all()
    assert close(found, wanted)
    assert watch.factors == len(alone.view.factors)


# Batching


HARD = {"kl_base": 0.3, "kl_junior": 0.2, "truncate": 1.05}
OBJECTIVES: list[Objective] = [Reinforce(c=-0.3, j=0.4), Grpo(), GrpoUnbiased()]


def prepared(kind: str, handoff: str = "word:p=0.5") -> list[Sample]:
    """Samples with advantages, and with old log-probs and behaviours that are not the present ones."""
    samples = samples_of(kind, played(kind, handoff, 7), others=True)
    loss = Loss(team(kind)["senior"], RULES["word"], Grpo(), LossConfig())
    loss.remember(samples, 10**6)
    chance = random.Random(0)
    for n, sample in enumerate(samples):
        sample.advantage = (1.0, -0.5, 0.0, 2.0, -1.5, 0.25, -3.0)[n]
        assert sample.old is not None
        noise = torch.tensor([chance.gauss(0, 0.2) for _ in sample.old], dtype=sample.old.dtype)
        sample.old = sample.old + noise
        sample.behaviour = [value + chance.gauss(0, 0.2) for value in sample.behaviour]
    return samples


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("kind", ["equal", "different"])
def test_no_way_of_batching_changes_a_step(kind: str, objective: Objective) -> None:
    agents, samples = team(kind), prepared(kind)
    with moved(agents) as base:
        whole, noted = step_of(agents, objective, [samples], 7.0, base, **HARD)
        sizes = [sum(len(one.view.ids) for one in batch) for batch in micro_batches(samples, 300)]
        assert 2 < len(sizes) < len(samples)
        for tokens in (1, 300, 500):
            found, watch = step_of(agents, objective, micro_batches(samples, tokens), 7.0, base, **HARD)
            assert close(found, whole)
            assert watch.loss == pytest.approx(noted.loss, abs=1e-6)
            assert (watch.factors, watch.moved) == (noted.factors, noted.moved)
            assert sorted(watch.gaps) == pytest.approx(sorted(noted.gaps), abs=1e-6)
            assert watch.kl_base == pytest.approx(noted.kl_base, rel=1e-6)
            assert watch.kl_junior == pytest.approx(noted.kl_junior, rel=1e-6)
        order = list(samples)
        random.Random(1).shuffle(order)
        assert close(step_of(agents, objective, micro_batches(order, 300), 7.0, base, **HARD)[0], whole)
        # Rows of any lengths in one batch, in an order that no sorting would give.
        order.sort(key=lambda one: len(one.view.ids))
        uneven = [[order[-1], order[0]], order[1:-1]]
        assert close(step_of(agents, objective, uneven, 7.0, base, **HARD)[0], whole)
        assert close(step_of(agents, objective, [samples], 3.5, base, **HARD)[0], 2 * whole)


@given(st.lists(st.integers(0, 90), max_size=30), st.integers(1, 400))
def test_micro_batches_hold_every_sample_once_within_the_limit(lengths: list[int], tokens: int) -> None:
    """Padding counted; a sample that is too long by itself is alone."""
    samples = [Sample(TrainingView([0] * length, []), []) for length in lengths]
    batches = list(micro_batches(samples, tokens))
    assert sorted(id(one) for batch in batches for one in batch) == sorted(map(id, samples))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(one.view.ids) for one in batch) <= tokens
    assert len(list(micro_batches(samples, 90 * 30))) == bool(samples)


@contextmanager
def moved(agents: Agents, size: float = 0.02) -> Iterator[Base]:
    """The senior's weights are a little away from those of the base that it gives, and put back afterwards."""
    kept = [weight.detach().clone() for weight in weights_of(agents)]
    base = base_of(agents["senior"], TrainConfig(loss=LossConfig(kl_base=1.0)))
    assert base is not None
    generator = torch.Generator().manual_seed(5)
    try:
        with torch.no_grad():
            for weight in weights_of(agents):
                weight += size * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
        yield base
    finally:
        with torch.no_grad():
            for weight, old in zip(weights_of(agents), kept, strict=True):
                weight.copy_(old)


# Ratios, importance weights, KL terms


def test_old_log_probs_are_those_that_the_step_began_with() -> None:
    """After an update GRPO's gradient is A rho per factor, and 0 where the clip says so."""
    agents = team("equal")
    samples = samples_of("equal", played("equal", "word:p=0.5", 4))
    for sample, advantage in zip(samples, (1.0, -1.0, 2.0, -0.5), strict=True):
        sample.advantage = advantage
    Loss(agents["senior"], RULES["word"], Grpo(), LossConfig()).remember(samples, 300)
    with moved(agents):
        found, watch = step_of(agents, Grpo(), [samples], 10.0)
        total: Any = 0.0
        gone = 0
        for sample in samples:
            now = logprobs(agents["senior"], RULES["word"], [sample.view])
            assert sample.old is not None
            assert not sample.old.requires_grad
            for value, old in zip(now, sample.old, strict=True):
                ratio, a = float((value - old).detach().exp()), sample.advantage
                kept = ratio < 1.2 if a > 0 else 0.8 < ratio < 3.0
                gone += not 0.8 <= ratio <= 1.2
                total = total - a * ratio * kept * value / 10.0
        assert 10 < gone < 90
        assert watch.moved == gone
        assert close(found, of_sum(agents, total))


def test_without_old_ones_the_ratio_is_one() -> None:
    agents = team("equal")
    samples = samples_of("equal", played("equal", "word:p=0.5", 2))
    for sample in samples:
        sample.advantage = -2.0
    found, watch = step_of(agents, Grpo(), [samples])
    wanted = sum(logprobs(agents["senior"], RULES["word"], [sample.view]).sum() for sample in samples)
    assert watch.moved == 0
    assert watch.loss == pytest.approx(2.0 * watch.factors)
    assert close(found, of_sum(agents, 2.0 * torch.as_tensor(wanted)))


@pytest.mark.parametrize("kind", ["equal", "different"])
def test_truncated_importance_weights(kind: str) -> None:
    """min(p_old / p_behaviour, C) on the senior's own factors; others' have none, and no gradient passes through."""
    agents = team(kind)
    samples = samples_of(kind, played(kind, "word:p=0.5", 3), others=True)
    objective = Reinforce(j=0.5)
    total: Any = 0.0
    cut = 0
    for n, sample in enumerate(samples):
        sample.advantage = n + 1.0
        now = logprobs(agents["senior"], RULES["word"], [sample.view])
        shifts = [(-1.5, -0.3, 0.0, 0.4)[i % 4] for i in range(len(now))]
        sample.behaviour = [
            float(value.detach()) + shift if factor.mine else sample.behaviour[i]
            for i, (value, shift, factor) in enumerate(zip(now, shifts, sample.view.factors, strict=True))
        ]
        for value, shift, factor in zip(now, shifts, sample.view.factors, strict=True):
            weight = min(float(torch.tensor(-shift).exp()), 2.0) if factor.mine else 0.5
            cut += factor.mine and weight == 2.0
            total = total - weight * sample.advantage * value
    assert cut > 5
    found, watch = step_of(agents, objective, [samples], truncate=2.0)
    assert close(found, of_sum(agents, total))
    assert watch.loss == pytest.approx(float(total.detach()), rel=1e-5)
    # The weight is of the old probability, not of the present one.
    for sample in samples:
        sample.old = torch.tensor(sample.behaviour, dtype=torch.float64).nan_to_num(0.0)
    plain, _ = step_of(agents, objective, [samples])
    assert close(step_of(agents, objective, [samples], truncate=2.0)[0], plain)


@pytest.mark.parametrize("kind", ["equal", "different"])
def test_the_kl_to_the_base(kind: str) -> None:
    """k3 = exp(b - s) - 1 - (b - s) over the senior's own factors: 0 before the first update, above 0 after it."""
    agents = team(kind)
    samples = samples_of(kind, played(kind, "word:p=0.5", 4), others=True)  # all of advantage 0
    with moved(agents, 0.0) as base:
        found, watch = step_of(agents, Grpo(), [samples], base=base, kl_base=0.7)
    assert watch.kl_base == 0
    assert not found.any()
    with torch.no_grad():
        before = [logprobs(agents["senior"], RULES["word"], [one.view]) for one in samples]
    with moved(agents) as base:
        found, watch = step_of(agents, Grpo(), [samples], 5.0, base, kl_base=0.7)
        total: Any = 0.0
        for sample, there in zip(samples, before, strict=True):
            now = logprobs(agents["senior"], RULES["word"], [sample.view])
            for factor, b, s in zip(sample.view.factors, there, now, strict=True):
                if factor.mine:
                    k3 = (b - s).exp() - 1 - (b - s)
                    assert float(k3.detach()) >= 0
                    total = total + k3
        assert watch.kl_base == pytest.approx(float(total.detach()), rel=1e-9)
        assert watch.kl_base > 0.01
        assert watch.loss == pytest.approx(0.7 * watch.kl_base / 5.0, rel=1e-6)
        assert close(found, of_sum(agents, 0.7 * total / 5.0))


def test_the_kl_to_the_base_is_in_every_step_of_a_learner() -> None:
    """It reads episodes of advantage 0, too, and is 0 in the first update."""
    agents, batch = team("equal"), eight("equal")
    (without,), one = updates(agents, batch, {"name": "grpo"})
    (beside,), two = updates(agents, batch, {"name": "grpo"}, kl_base=0.5)
    assert two["kl_base"] == 0
    assert close(beside, without)
    assert two["factors"] == own_factors_of(agents, batch) > one["factors"]


def test_the_kl_to_the_junior_is_cross_entropy_on_its_tokens() -> None:
    """Where every token is drawn plainly, its gradient is that of the cross entropy of a language model's training."""
    agents = team("equal")
    senior = agents["senior"]
    episodes = played("equal", "spaced-token:p=0.5", 4)
    samples = samples_of("equal", episodes, others=True)
    total: Any = 0.0
    size: Any = 0.0
    for episode in episodes:
        ids = senior.prompt_ids(episode.question)
        start = len(ids)
        owners = [(span.author, span.logprobs or []) for span in episode.spans for _ in span.token_ids or ()]
        ids += [token for span in episode.spans for token in span.token_ids or ()]
        logits = senior.model(input_ids=torch.tensor([ids])).logits[0]
        barred = torch.zeros(logits.shape[-1]).index_fill_(0, torch.tensor(senior.vocabulary.never), -torch.inf)
        for at, (author, _) in enumerate(owners):
            if author == "junior":
                place = start + at
                ce = torch.nn.functional.cross_entropy((logits[place - 1] + barred)[None], torch.tensor([ids[place]]))
                total = total + ce
        size += sum(sum(span.logprobs or ()) for span in episode.spans if span.author == "junior")
    found, watch = step_of(agents, Grpo(), [samples], 4.0, kl_junior=0.3)
    assert close(found, of_sum(agents, 0.3 * total / 4.0))
    assert watch.kl_junior == pytest.approx(float(total.detach()) + size, rel=1e-5)  # log junior - log senior
    assert watch.kl_junior > 1
    assert watch.factors == sum(factor.mine for sample in samples for factor in sample.view.factors)


@pytest.mark.parametrize("kind", ["equal", "different"])
def test_the_kl_to_the_junior_at_handoffs(kind: str) -> None:
    """Its `open` and `end` factors count like others; in other tokens only the gradient is there, not the size."""
    agents = team(kind)
    samples = samples_of(kind, played(kind, "word:p=0.5", 4), others=True)
    found, watch = step_of(agents, Grpo(), [samples], 4.0, kl_junior=0.3)
    total: Any = 0.0
    for sample in samples:
        now = logprobs(agents["senior"], RULES["word"], [sample.view])
        total = total - sum(s for factor, s in zip(sample.view.factors, now, strict=True) if not factor.mine)
    assert close(found, of_sum(agents, 0.3 * total / 4.0))
    if kind == "different":
        assert watch.kl_junior == 0


def test_gaps_are_of_the_senior_alone() -> None:
    """What was recorded of its factors, minus what is computed of them now."""
    samples = samples_of("equal", played("equal", "word:p=0.5", 3), others=True)
    for sample in samples:
        sample.behaviour = [
            value + (0.25 if factor.mine else 9.0)
            for value, factor in zip(sample.behaviour, sample.view.factors, strict=True)
        ]
    _, watch = step_of(team("equal"), Reinforce(), [samples])
    assert watch.gaps == pytest.approx([0.25] * len(watch.gaps), abs=1e-4)
    assert len(watch.gaps) == sum(factor.mine for sample in samples for factor in sample.view.factors)
    found = mismatch(watch.gaps)
    assert found["mean"] == pytest.approx(0.25, abs=1e-4)
    assert found["max"] == pytest.approx(0.25, abs=1e-4)
    assert found["kl"] == pytest.approx(2.718281828**-0.25 - 1 + 0.25, abs=1e-4)
    assert mismatch([]) == {"mean": 0.0, "max": 0.0, "kl": 0.0}


# Several updates of one step


def several(agents: Agents, batch: Sequence[Played], rate: float, **more: Any) -> tuple[dict[str, Any], list[Sample]]:
    """The metrics of a step of several updates, and its samples."""
    config = TrainConfig(objective={"name": "grpo"}, steps=4)
    config.rollouts = RolloutsConfig(problems=4, samples=2, limit=100)
    config.optimiser = OptimiserConfig(learning_rate=rate, micro_tokens=300, **more)
    learner = Learner(config, agents["senior"], known(agents), World())
    for one in batch:
        one.episode.grade = {"verdict": "correct" if one.correct else "wrong"}
    rollouts = [Rollout(one.episode, one.episode, one.group) for one in batch]
    kept: list[Sample] = []
    prepare, backward = learner.prepared, learner.loss.backward
    seen: list[int] = []

    def counted(batch: Sequence[Sample], divisor: float, watch: Watch, *, gaps: bool) -> None:
        backward(batch, divisor, watch, gaps=gaps)
        seen.append(sum(factor.mine for sample in batch for factor in sample.view.factors))
        share[0] = watch.moved / sum(seen)

    share = [0.0]
    learner.loss.backward = counted  # type: ignore[method-assign]

    def prepared(played: Sequence[Rollout]) -> Any:
        ready = prepare(played)
        kept.extend(sample for sample, _ in ready.samples)
        return ready

    learner.prepared = prepared  # type: ignore[method-assign]
    line = learner.update(rollouts)
    assert line["moved"] == pytest.approx(share[0], abs=1e-6), "the share of all factors that were differentiated"
    return line, kept


def test_old_log_probs_stay_those_of_the_beginning() -> None:
    agents, batch = team("equal"), eight("equal")
    with moved(agents, 0.0):
        with torch.no_grad():
            first = samples_of("equal", [one.episode for one in batch[4:7]])
            began = [logprobs(agents["senior"], RULES["word"], [one.view]) for one in first]
        line, samples = several(agents, batch, 0.1, mini_batches=2, epochs=3)
        for sample, old in zip(samples, began, strict=False):
            assert sample.old is not None
            assert sample.old.tolist() == pytest.approx(old.tolist(), abs=1e-9)
            with torch.no_grad():
                assert float((logprobs(agents["senior"], RULES["word"], [sample.view]) - old).abs().max()) > 0.2
    assert 0.5 < line["moved"] < 1


def test_the_learning_rate_is_the_one_that_was_used() -> None:
    agents, batch = team("equal"), eight("equal")
    with moved(agents, 0.0):
        line, _ = several(agents, batch, 0.01, schedule="linear")
    assert line["learning_rate"] == 0.01
