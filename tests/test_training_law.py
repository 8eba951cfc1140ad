"""Promise 3 for training: the gradient that a step takes is, on average, the gradient of the expected reward.

On the toy vocabularies every episode can be counted, and so can the coins. Each becomes a stored episode, is proven,
read back as the trainer reads it, and goes through `Loss.backward` with the objective's own advantages, terms and
divisor; the sum over all of them, weighed by their probabilities, must be the gradient of `tests.toys.Law`'s closed
form, which shares no code with any of it.

An update's loss is a sum over episodes, and at ratio 1 its gradient is linear in each episode's advantage, which hangs
on the others only by which of them are correct. So the expectation over all batches of N episodes is a sum over one
episode and over the 2^(N-1) patterns of the others. `test_batches_one_by_one` takes no such step: it lets the trainer
itself make a step of every pair of episodes.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.chance import Chance, episode_key
from agents.contract import Agent, Span, View
from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.vocabulary import Vocabulary, surface
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job, episode_of
from arena.policy import Bernoulli, Policy, Situation, parse
from arena.reference import Played
from arena.tasks import Problem
from tests.toys import Law, Step, ToyTokenizer, toy_agent
from training.config import LossConfig, RolloutsConfig, TrainConfig
from training.learner import Learner
from training.loss import Loss, Sample, Watch, micro_batches, sample_of
from training.objectives import Objective
from training.objectives.grpo import Grpo
from training.objectives.reinforce import Reinforce
from training.objectives.unbiased import GrpoUnbiased
from training.rollouts import Rollout, Rollouts
from training.world import World

ONE = (b"<p>", b"", b"a", b" b", b".", b" ", b"b")
OTHER = (b"<q>", b"", b"a", b" ", b"b", b". ", b".", b"a b")
SMALL = (b"<p>", b"", b"a", b" b")
NAMES = ("senior", "junior", "third")


class Table(torch.nn.Module):
    """Logits by the last two ids, for any number of rows: `tests.toys.ToyModel` with weights to train, in fp64."""

    def __init__(self, size: int, seed: int):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.nn.Parameter(torch.randn(size, size, size, generator=generator, dtype=torch.float64) * 1.5)
        self.config = SimpleNamespace(vocab_size=size, max_position_embeddings=64)
        self.device = torch.device("cpu")

    def logits(self, ids: Sequence[int]) -> Tensor:
        return self.table[ids[-2] if len(ids) > 1 else 0, ids[-1]]

    def forward(self, input_ids: Tensor, use_cache: bool = False, logits_to_keep: Any = slice(None)) -> Any:
        before = torch.cat([torch.zeros_like(input_ids[:, :1]), input_ids[:, :-1]], dim=1)
        return SimpleNamespace(logits=self.table[before, input_ids][:, logits_to_keep])


def table_agent(pieces: Sequence[bytes], seed: int, temperature: float) -> LanguageModel:
    return LanguageModel(
        Table(len(pieces), seed),
        ToyTokenizer(pieces),
        prompt="{question}",
        sampling=Sampling(temperature),
        vocabulary=Vocabulary(pieces, [1], special_ids=[0]),
    )


@dataclass(frozen=True)
class Remembering(Law):
    """The same law, which computes each distribution once."""

    known: dict[Any, Any] = field(default_factory=dict)

    def distribution(self, author: str, trail: Sequence[Step], truncate: bool = True) -> dict[bytes | None, Any]:
        key = (author, tuple(trail))
        if key not in self.known:
            self.known[key] = super().distribution(author, trail, truncate)
        return dict(self.known[key])


@dataclass(frozen=True)
class Toy:
    """A team whose episodes can all be counted."""

    handoff: str
    same: bool = True
    temperature: float = 1.0
    authors: int = 2
    limit: int = 3
    small: bool = False

    def __str__(self) -> str:
        kind = "equal" if self.same else "different"
        return f"{self.handoff}-{kind}-T{self.temperature:g}-{self.authors} authors"


@dataclass(frozen=True)
class Outcome:
    """One episode, by everything in it but the coins that leave no trace."""

    trail: tuple[Step, ...]
    chance: float
    """Its probability, all coins taken together."""
    episode: Episode


@dataclass(frozen=True)
class Team:
    """The toy's agents, its law and all its outcomes."""

    agents: dict[str, LanguageModel]
    policy: Policy
    limit: int
    law: list[tuple[tuple[Step, ...], Tensor]]
    """Every episode and its probability in closed form, differentiable."""
    outcomes: list[Outcome]

    @property
    def senior(self) -> LanguageModel:
        return self.agents["senior"]

    @property
    def table(self) -> Tensor:
        table: Tensor = self.senior.model.table
        return table

    def samples(self, others: bool) -> list[Sample]:
        """What the trainer makes of the episodes."""
        known = {agent.vocabulary.digest: agent.vocabulary for agent in self.agents.values()}
        return [sample_of(self.senior, "senior", one.episode, known, others=others) for one in self.outcomes]

    def right(self, problem: int = 0) -> np.ndarray:
        return np.array([correct(one.trail, problem) for one in self.outcomes])

    def chances(self) -> np.ndarray:
        return np.array([one.chance for one in self.outcomes])


def correct(trail: Sequence[Step], problem: int = 0) -> bool:
    """A reward as good as any: a hash of the text and of whether it ended."""
    text = b"".join(piece if piece is not None else b"!" for _, piece in trail)
    return hashlib.blake2b(text, digest_size=1, key=b"%d" % problem).digest()[0] % 5 < (2, 4)[problem]


@lru_cache
def team(toy: Toy) -> Team:
    pieces = [SMALL, SMALL, SMALL] if toy.small else [ONE, ONE if toy.same else OTHER, ONE]
    agents = {NAMES[n]: table_agent(pieces[n], n + 1, toy.temperature if n == 0 else 1.0) for n in range(toy.authors)}
    policy = parse(toy.handoff).check(list(agents))
    assert isinstance(policy.schedule, Bernoulli)
    given = policy.schedule.weights or ()
    share = dict(zip(agents, given if len(given) > 1 else (given[0], 1 - given[0]), strict=True))
    law = Remembering(agents, policy.rule, lambda unit: share, toy.limit, differentiable=True)
    outcomes = list(outcomes_of(toy, agents, policy, share))
    return Team(agents, policy, toy.limit, list(law.episodes()), outcomes)


def outcomes_of(
    toy: Toy, agents: Mapping[str, LanguageModel], policy: Policy, share: Mapping[str, float]
) -> Iterator[Outcome]:
    """Every episode, with its probability summed over all coins, and stored under coins that allow it."""
    numbers = samples_by_coins(policy, tuple(agents), toy.limit + 1)
    chances: dict[tuple[Step, ...], float] = {}
    stored: dict[tuple[Step, ...], Episode] = {}
    known: dict[Any, Any] = {}
    for authors in itertools.product(agents, repeat=toy.limit + 1):
        coins = math.prod(share[name] for name in authors)
        law = Remembering(agents, policy.rule, lambda unit, now=authors: {now[unit]: 1.0}, toy.limit, known=known)  # type: ignore[misc]
        for trail, probability in law.episodes():
            if probability:
                chances[trail] = chances.get(trail, 0.0) + coins * float(probability)
                if trail not in stored:
                    stored[trail] = episode(agents, policy, law, trail, numbers[authors])
    for trail, chance in chances.items():
        yield Outcome(trail, chance, stored[trail])


def samples_by_coins(policy: Policy, names: tuple[str, ...], units: int) -> dict[tuple[str, ...], int]:
    """For every way in which the coins of the first units may fall: a sample number whose coins fall so."""
    found: dict[tuple[str, ...], int] = {}
    for number in itertools.count():
        now = Situation(names, Chance(0, episode_key("toy", number)).coin, policy.p_at(None))
        found.setdefault(tuple(names[policy.schedule.author(unit, now)] for unit in range(units)), number)
        if len(found) == len(names) ** units:
            return found
    raise AssertionError


def episode(
    agents: Mapping[str, LanguageModel], policy: Policy, law: Law, trail: Sequence[Step], number: int
) -> Episode:
    """The stored episode, which proves itself as it is made; its log-probs are those of the closed form."""
    spans: list[Span] = []
    state = 0
    for at, (author, piece) in enumerate(trail):

        def opens(event: bytes | None, state: int = state) -> bool:
            return event is None or policy.rule.step(state, surface(event))[0]

        p = law.distribution(author, trail[:at])
        vocabulary = agents[author].vocabulary
        token = vocabulary.end if piece is None else vocabulary.pieces.index(piece)
        logprob = math.log(p[piece])
        if not spans or spans[-1].author != author:
            if spans and not policy.rule.plain:
                before = law.distribution(spans[-1].author, trail[:at])
                over = math.log(sum(value for event, value in before.items() if opens(event)))
                spans[-1] = replace(spans[-1], end_logprob=over)
                logprob -= math.log(sum(value for event, value in p.items() if opens(event)))
            spans.append(Span(author, token_ids=(), tokeniser=vocabulary.digest))
        last = spans[-1]
        ids, pieces = (*(last.token_ids or ()), token), (*last.pieces, piece or b"")
        spans[-1] = replace(last, token_ids=ids, pieces=pieces, logprobs=(*last.logprobs, logprob), ended=piece is None)
        state = state if piece is None else policy.rule.step(state, surface(piece))[1]
    views = {name: agent.sit(View("", name)).record() for name, agent in agents.items()}
    job = Job(Problem("toy", "", "", 1), number, policy, tuple(agents))
    played = Played(spans, "end" if spans[-1].ended else "limit")
    return episode_of(job, played, seed=0, limit=law.limit, seconds=0.0, views=views)


def exact(team: Team, c: float = 0.0, problems: Sequence[int] = (0,)) -> Tensor:
    """The gradient of the expected reward, by the closed form; the mean over problems."""
    rewards = [[1.0 if correct(trail, problem) else c for problem in problems] for trail, _ in team.law]
    expected = (torch.stack([p for _, p in team.law]) * torch.tensor(rewards).double().mean(1)).sum()
    found: Tensor = torch.autograd.grad(expected, team.table, retain_graph=True)[0]
    return found


def expected(
    team: Team, objective: Objective, samples: Sequence[Sample], groups: Sequence[int] = (0,)
) -> tuple[Tensor, Watch]:
    """Minus the mean gradient of one update over all batches; groups[i] is the problem of its i-th episode.

    Episodes of problem g are correct by `correct(trail, g)`. An objective whose divisor counts factors has none here.
    """
    weights = np.zeros(len(samples))
    rights = [team.right(problem) for problem in range(max(groups) + 1)]
    chance = [float(team.chances()[right].sum()) for right in rights]
    for pattern in itertools.product((False, True), repeat=len(groups)):
        advantages = objective.advantages(np.array(pattern), np.array(groups))
        for i, group in enumerate(groups):
            others = math.prod(
                chance[g] if was else 1 - chance[g]
                for k, (was, g) in enumerate(zip(pattern, groups, strict=True))
                if k != i
            )
            weights += (rights[group] == pattern[i]) * others * advantages[i]
    for sample, weight, probability in zip(samples, weights, team.chances(), strict=True):
        sample.advantage = float(weight * probability)
    loss = Loss(team.senior, team.policy.rule, objective, LossConfig())
    team.senior.model.zero_grad()
    watch = Watch()
    for batch in micro_batches(samples, 4000):
        loss.backward(batch, objective.divisor(len(groups), 0, team.limit), watch, gaps=True)
    assert team.table.grad is not None
    return -team.table.grad.clone(), watch


def gap(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, relative to the largest entry."""
    return float((found - wanted).abs().max() / wanted.abs().max())


def angle(found: Tensor, wanted: Tensor) -> float:
    """What no scale can mend: the sine of the angle between two gradients."""
    a, b = found.flatten(), wanted.flatten()
    return math.sqrt(max(0.0, 1 - float(a @ b / (a.norm() * b.norm())) ** 2))


TOYS = [
    *(Toy(f"{unit}:p=0.6", same) for unit in ("token", "word", "spaced-token", "sentence") for same in (True, False)),
    Toy("word:p=0.3", temperature=0.6),
    Toy("word:p=0.8", same=False, temperature=1.7),
    Toy("token:p=0.5,0.3,0.2", same=False, authors=3, limit=2),
    Toy("word:p=0.2,0.3,0.5", same=False, authors=3, limit=2),
]


@pytest.mark.parametrize("toy", TOYS, ids=str)
def test_the_expected_gradient_is_the_gradient_of_the_expected_reward(toy: Toy) -> None:
    played = team(toy)
    law, chances, right = dict(played.law), played.chances(), played.right()
    assert chances == pytest.approx([float(law[one.trail].detach()) for one in played.outcomes])
    assert math.isclose(chances.sum(), 1.0, rel_tol=1e-9)
    assert 0.2 < chances[right].sum() < 0.8
    lengths = np.array([len(one.trail) for one in played.outcomes])
    assert abs(np.corrcoef(right, lengths)[0, 1]) < 0.5, "the reward tells the length"
    samples = played.samples(others=False)
    truth = exact(played)
    found, watch = expected(played, Reinforce(), samples)
    assert float(truth.abs().max()) > 1e-3
    assert gap(found, truth) < 1e-6
    # The log-probs that were stored are the closed form's: every one lies beside the factor that is differentiated.
    assert len(watch.gaps) > 100
    assert max(map(abs, watch.gaps)) < 2e-6
    # A constant taken off all rewards changes no gradient: the reward c of failures scales it.
    assert gap(expected(played, Reinforce(c=-0.3), samples)[0], exact(played, -0.3)) < 1e-6
    for groups in ([0, 0], [0, 0, 0], [0, 0, 1, 1]):
        problems = sorted(set(groups))
        found, _ = expected(played, Reinforce(c=-0.3, baseline="mean"), samples, groups)
        assert gap(found, exact(played, -0.3, problems)) < 1e-6
        found, _ = expected(played, GrpoUnbiased(), samples, groups)
        assert gap(found * toy.limit, exact(played, 0.0, problems)) < 1e-6


@pytest.mark.parametrize("same", [True, False])
def test_imitation_is_no_gradient_of_the_reward(same: bool) -> None:
    """j > 0 is biased: the test above would see a factor of another's at a hundredth of the weight."""
    played = team(Toy("word:p=0.6", same))
    samples = played.samples(others=True)
    truth = exact(played)
    assert gap(expected(played, Reinforce(j=0.0), samples)[0], truth) < 1e-6
    assert gap(expected(played, Reinforce(j=0.01), samples)[0], truth) > 1e-3
    assert angle(expected(played, Reinforce(j=1.0), samples)[0], truth) > 0.1


@pytest.mark.parametrize("toy", [toy for toy in TOYS if toy.same and toy.authors == 2], ids=str)
def test_j_1_is_the_likelihood_of_the_whole_text(toy: Toy) -> None:
    """Paper 1's main loss: R times log p(text) under the senior alone, whoever wrote it, the end included."""
    played = team(toy)
    chances, right = played.chances(), played.right()
    total = torch.zeros((), dtype=torch.float64)
    barred = torch.zeros(len(ONE), dtype=torch.float64).index_fill_(0, torch.tensor([0]), -math.inf)
    for one, probability, reward in zip(played.outcomes, chances, np.where(right, 1.0, -0.3), strict=True):
        ids = [0]
        for _, piece in one.trail:
            token = ONE.index(piece or b"")
            row = torch.log_softmax(played.senior.model.logits(ids) / toy.temperature + barred, dim=-1)
            total = total + probability * reward * row[token]
            ids.append(token)
    (wanted,) = torch.autograd.grad(total, played.table)
    found, _ = expected(played, Reinforce(c=-0.3, j=1.0), played.samples(others=True))
    assert gap(found, wanted) < 1e-6


def test_a_standard_deviation_weighs_problems() -> None:
    """GRPO's advantages are no gradient of the mean reward of several problems, GrpoUnbiased's are."""

    @dataclass(frozen=True)
    class Constant(Grpo):
        """GRPO with a constant length, so that the standard deviation is all that is left."""

        def divisor(self, episodes: int, factors: int, limit: int) -> float:
            return float(episodes * limit)

    played = team(Toy("word:p=0.6"))
    samples = played.samples(others=False)
    groups = [0] * 4 + [1] * 4
    truth = exact(played, 0.0, [0, 1])
    assert angle(expected(played, GrpoUnbiased(), samples, groups)[0], truth) < 1e-6
    assert angle(expected(played, Constant(), samples, groups)[0], truth) > 1e-3


def steps_of_all_pairs(played: Team, **objective: Any) -> Tensor:
    """Minus the mean over all pairs of episodes of the gradient that the trainer gives to its optimiser."""
    config = TrainConfig(handoff=str(played.policy), objective=objective)
    config.rollouts = RolloutsConfig(problems=1, samples=2, limit=played.limit)
    known = {agent.vocabulary.digest: agent.vocabulary for agent in played.agents.values()}
    learner = Learner(config, played.senior, known, World())
    gradients: list[Tensor] = []

    def keep(norm: float) -> None:
        grad = played.table.grad
        gradients.append(torch.zeros_like(played.table) if grad is None else grad.clone())
        assert norm == pytest.approx(float(gradients[-1].norm()))

    learner.optimiser.step = keep  # type: ignore[method-assign]
    total = torch.zeros_like(played.table)
    rollouts = []
    for one in played.outcomes:
        one.episode.grade = {"verdict": "correct" if correct(one.trail) else "wrong"}
        rollouts.append(Rollout(one.episode, one.episode, 0))
    for (a, p), (b, q) in itertools.product(zip(rollouts, played.chances(), strict=True), repeat=2):
        learner.update([a, b])
        total -= p * q * gradients.pop()
        learner.optimiser.forget()
    assert not gradients
    return total.detach()


def test_batches_one_by_one() -> None:
    """The trainer's own steps, over every pair of episodes of a team that has few."""
    played = team(Toy("word:p=0.6", limit=2, small=True))
    assert 15 < len(played.outcomes) < 40
    truth = exact(played)
    assert gap(steps_of_all_pairs(played, name="reinforce"), truth) < 1e-6  # half of the episodes are dropped
    found = steps_of_all_pairs(played, name="reinforce", c=-0.3, baseline="mean")
    assert gap(found, exact(played, -0.3)) < 1e-6
    assert gap(steps_of_all_pairs(played, name="grpo-unbiased") * played.limit, truth) < 1e-6
    # Divided by how many factors the pair happens to have, GRPO is biased; and so is imitation.
    assert angle(steps_of_all_pairs(played, name="grpo"), truth) > 0.01
    assert angle(steps_of_all_pairs(played, name="reinforce", j=0.5), truth) > 0.01


def test_who_goes_on_draws_by_other_numbers() -> None:
    """Under `once` all of the senior's own solution has acted, and its cut hangs on how long it became.

    If who goes on drew by the uniform numbers that wrote what was cut off, its text would hang on the senior's weights
    in a way that no factor shows: on the toys the gradient is then off by as much as it is long (cosine 0.8).
    """
    agents: dict[str, Agent] = {"senior": toy_agent(ONE, 1), "junior": toy_agent(OTHER, 2)}
    config = TrainConfig(handoff="word:once=0.5", pair="senior:junior,senior")
    none: Any = None
    rollouts = Rollouts(config, none, agents, ReferenceEngine(agents, seed=0, limit=8), none, World())
    problem = Problem("toy", "", "", 1)
    jobs = [Job(problem, number, parse("word:once=0.5"), ("senior", "junior")) for number in range(12)]
    jobs += [Job(problem, number, parse("word:solo"), ("senior",)) for number in range(12, 16)]
    acted, episodes = rollouts._play_once(jobs, 0.5)
    assert [one.sample for one in episodes] == list(range(16))
    for number, (own, whole) in enumerate(zip(acted, episodes, strict=True)):
        assert {span.author for span in own.spans} == {"senior"}
        if number >= 12:
            assert own.text == whole.text, "who is alone has written what is graded"
            continue
        assert whole.parent_id == own.id
        its, ours = jobs[number].chance(0), Job(problem, own.sample, parse(own.policy), ("senior",)).chance(0)
        assert all(its.token[position] != ours.token[position] for position in range(8))
