"""The loss of some rollouts: factors of the senior's views, weighed by an objective (HANDOFF.md, section 5).

Numbers that belong to a whole batch (advantages, how many factors are in the loss) are taken before anything is
differentiated, from the rollouts of all processes; after that any micro-batch adds its part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from agents.contract import Span, View
from agents.language_model import LanguageModel
from agents.replay import Reader
from agents.rescoring import OVER, Factor, TrainingView, logprobs, training_view
from agents.units import UnitRule
from agents.vocabulary import Vocabulary
from arena.episode import Episode, spans_of, surfaces
from arena.policy import parse
from training.config import LossConfig
from training.objectives import Objective, Terms


@dataclass
class Sample:
    """A rollout as the loss sees it."""

    view: TrainingView
    """The senior's view, with the factors that are in the loss."""
    behaviour: list[float]
    """Of each factor: log p as it was recorded by whoever made it; nan where others' tokens are read in other ones."""
    advantage: float = 0.0
    old: Tensor | None = None
    """[F]: log p under the weights that the step began with, where that is not now."""


FAR = 0.2


@dataclass
class Watch:
    """What an update's loss was made of."""

    loss: float = 0.0
    factors: int = 0
    own: int = 0
    """Factors of the senior, in all updates."""
    theirs: int = 0
    """Factors of others."""
    moved: float = 0.0
    """How many of the senior's factors, in all updates, had a ratio to the old probability outside of 1 +- `FAR`."""
    gaps: list[float] = field(default_factory=list)
    """Recorded minus recomputed log p of the senior's factors, in the first update of a step; nats."""
    kl_base: float = 0.0
    kl_junior: float = 0.0


def certain_states(vocabulary: Vocabulary, rule: UnitRule) -> list[bool]:
    """Of each state of a unit rule: whatever comes next opens a unit, so that the last one is over, undecided.

    An `end` factor there is 1 for everybody: under `token` all of them are. It is no factor of a loss.
    """
    return [bool(opens.all()) for opens in vocabulary.table(rule.name).opens]


def own_factors(episode: Episode, senior: str, vocabulary: Vocabulary) -> int:
    """How many factors the senior made, prefix left out: its tokens, and its decisions that a unit was over."""
    rule = parse(episode.policy).rule
    certain, first = certain_states(vocabulary, rule), episode.prefix_spans or 0
    mine = [n for n, span in enumerate(episode.spans) if n >= first and span.author == senior]
    tokens = sum(len(episode.spans[n].token_ids or ()) for n in mine)
    ends = {n for n in mine if episode.spans[n].end_logprob is not None}
    if all(certain):
        return tokens
    # What is certain was recorded as 0, so units need not be counted again where nothing was.
    if any(certain) and any(episode.spans[n].end_logprob == 0 for n in ends):
        reader = Reader(rule)
        for number, steps in enumerate(surfaces(episode.text, episode.spans)):
            reader.skip(steps)
            if certain[reader.state]:
                ends.discard(number)
    return tokens + len(ends)


def sample_of(
    agent: LanguageModel,
    senior: str,
    episode: Episode,
    vocabularies: Mapping[str, Vocabulary],
    *,
    others: bool,
) -> Sample:
    """Rebuilds the senior's view of an episode. Raises ValueError where it is not the view of the rollout."""
    spans = spans_of(episode, vocabularies)
    names = tuple(name for name in episode.authors if name != senior)
    rule, record = parse(episode.policy).rule, episode.views.get(senior)
    view = training_view(
        agent, View(episode.question, senior, names), rule, spans, episode.prefix_spans or 0, record, others=others
    )
    behaviour = list(_behaviour(view.factors, spans, agent.vocabulary.digest))
    # What the senior can never draw, as a token of the junior's that it was told to suppress, it cannot learn either.
    barred = {*agent.vocabulary.never, *agent.vocabulary.end_ids} - {agent.vocabulary.end}
    certain = certain_states(agent.vocabulary, rule)

    def decides(factor: Factor) -> bool:
        if factor.token == OVER:
            return not certain[factor.state]
        return factor.mine or factor.token not in barred

    kept = [pair for pair in zip(view.factors, behaviour, strict=True) if decides(pair[0])]
    return Sample(TrainingView(view.ids, [factor for factor, _ in kept]), [recorded for _, recorded in kept])


def _behaviour(factors: Sequence[Factor], spans: Sequence[Span], digest: str) -> Iterator[float]:
    """What the spans recorded of each factor."""
    span, at = -1, 0
    for factor in factors:
        at = at if factor.span == span else 0
        span, made = factor.span, spans[factor.span]
        if made.tokeniser != digest or made.token_ids is None:
            yield float("nan")
        elif factor.token == OVER:
            yield float("nan") if made.end_logprob is None else made.end_logprob
        else:
            yield made.logprobs[at]
            at += 1


def micro_batches(samples: Sequence[Sample], tokens: int) -> Iterator[list[Sample]]:
    """Samples of like lengths together, at most so many tokens (padding included) at a time, or one."""
    batch: list[Sample] = []
    for sample in sorted(samples, key=lambda one: len(one.view.ids)):
        if batch and (len(batch) + 1) * len(sample.view.ids) > tokens:
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch


class Loss:
    """An objective, and what else is in the loss, for one senior."""

    def __init__(
        self,
        agent: LanguageModel,
        rule: UnitRule,
        objective: Objective,
        config: LossConfig,
        base: Callable[[], AbstractContextManager[LanguageModel]] | None = None,
    ):
        """``base`` gives the senior as it was before training, for the KL to it."""
        self.agent, self.rule, self.objective, self.config, self.base = agent, rule, objective, config, base

    @property
    def reads_others(self) -> bool:
        """Factors of what others wrote are needed."""
        return self.objective.others > 0 or self.config.kl_junior > 0

    @property
    def reads_all(self) -> bool:
        """Also an episode of advantage 0 has a part in the loss."""
        return self.config.kl_base > 0 or self.config.kl_junior > 0

    @torch.no_grad()
    def remember(self, samples: Sequence[Sample], tokens: int) -> None:
        """Notes every factor's log p under the present weights: the step's old ones."""
        for batch in micro_batches(samples, tokens):
            values = logprobs(self.agent, self.rule, [sample.view for sample in batch])
            parts = torch.split(values, [len(sample.view.factors) for sample in batch])
            for sample, part in zip(batch, parts, strict=True):
                sample.old = part

    def backward(self, batch: Sequence[Sample], divisor: float, watch: Watch, *, gaps: bool) -> None:
        """Adds the gradient of a micro-batch's part of the loss, and notes what it was made of."""
        if not any(sample.view.factors for sample in batch):
            return  # nobody wrote anything in these that is in the loss
        found = logprobs(self.agent, self.rule, [sample.view for sample in batch])
        device = found.device

        def each(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        mine = torch.tensor([f.mine for sample in batch for f in sample.view.factors], dtype=torch.bool, device=device)
        behaviour = each([value for sample in batch for value in sample.behaviour])
        advantages = each([sample.advantage for sample in batch for _ in sample.view.factors])
        now = found.detach()
        known = [sample.old for sample in batch]
        old = now if any(one is None for one in known) else torch.cat([one for one in known if one is not None])
        weights = torch.where(mine, 1.0, self.objective.others)
        if self.config.truncate:
            weights = weights * torch.where(mine, (old - behaviour).exp().clamp(max=self.config.truncate), 1.0)
        # A factor that is not in the loss must not touch it, whatever it is: 0 * inf is not 0, in a gradient neither.
        inside = weights > 0
        terms = self.objective.terms(Terms(found[inside], old[inside], advantages[inside]))
        loss = (weights[inside] * terms).sum()
        if self.config.kl_base and self.base is not None:
            with torch.no_grad(), self.base() as base:
                before = logprobs(base, self.rule, [sample.view for sample in batch])
            away = torch.where(mine, before - found, 0.0)
            kl = (away.exp() - 1 - away).sum()  # k3: Schulman 2020, "Approximating KL divergence"
            loss, watch.kl_base = loss + self.config.kl_base * kl, watch.kl_base + float(kl.detach())
        if self.config.kl_junior:
            # On the junior's own draws this has the gradient of KL(junior || senior); its size needs equal tokens.
            there = torch.where(torch.isnan(behaviour), now, behaviour)
            kl = torch.where(mine, 0.0, there - found).sum()
            loss, watch.kl_junior = loss + self.config.kl_junior * kl, watch.kl_junior + float(kl.detach())
        loss = loss / divisor
        torch.autograd.backward(loss)
        watch.loss += float(loss.detach())
        watch.factors += int((weights > 0).sum())
        watch.own += int(mine.sum())
        watch.theirs += int((~mine).sum())
        watch.moved += float((((now - old).exp() - 1).abs() > FAR)[mine].sum())
        if gaps:
            watch.gaps += (behaviour - now)[mine].tolist()


def mismatch(gaps: Sequence[float]) -> dict[str, float]:
    """How far the log-probs that the rollouts recorded are from those that training computes; nats.

    ``kl`` is the k3 estimate of KL(behaviour || training) per factor.
    """
    if not gaps:
        return {"mean": 0.0, "max": 0.0, "kl": 0.0}
    gap = np.array(gaps)
    return {
        "mean": float(np.abs(gap).mean()),
        "max": float(np.abs(gap).max()),
        "kl": float((np.exp(-gap) - 1 + gap).mean()),
    }
