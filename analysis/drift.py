"""Drift: how far the writer's distribution is from the reader's, on what the writer wrote alone.

Two figures that are never mixed. For models of equal tokenisers `kl_per_token` is the KL divergence at every position,
exact over the vocabulary. For any two models `log_ratio_per_character` is a Monte Carlo estimate of the divergence of
whole texts, from texts that the writer drew at temperature 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agents.units import words
from agents.vocabulary import Vocabulary
from analysis.reading import Numbers, Reading, SeenText
from analysis.resampling import ratio_interval
from analysis.scoring import Budget, batches, logits_of, parts_of, slice_of

if TYPE_CHECKING:
    from agents.language_model import LanguageModel


class DriftError(ValueError):
    """Drift is not defined for these solutions; the message says why."""


@dataclass(frozen=True)
class Events:
    """The support that two models of one tokeniser are compared on: the end, and what at least one of them may draw.

    Both distributions are conditioned on it. Where both bar the same tokens (specials, ``suppress_tokens``), these are
    the distributions that HANDOFF.md, section 3, draws from at temperature 1 without truncation. A token that only one
    of them bars stays in both with the probability that its logit has: a bar is no belief, and with 0 in its place
    the divergence were infinite everywhere or silent about the difference. `Drift` says how much probability that is.
    """

    tokens: tuple[int, ...]
    only_writer: tuple[int, ...]
    """Places in ``tokens`` of those that the reader bars."""
    only_reader: tuple[int, ...]
    _index: dict[torch.device, Tensor] = field(default_factory=dict, compare=False, repr=False)
    """``tokens`` where they are needed: of a large vocabulary it takes longer to make than to use."""

    @classmethod
    def of(cls, writer: Vocabulary, reader: Vocabulary) -> Events:
        """Raises DriftError for tokens that are not equal."""
        if writer.digest != reader.digest:
            raise DriftError("their tokens are not equal, so there is no divergence per token")
        mine, theirs = (
            {i for i, piece in enumerate(one.pieces) if piece} - {*one.never, *one.end_ids} for one in (writer, reader)
        )
        tokens = tuple(sorted(mine | theirs))
        return cls(
            tokens,
            tuple(n for n, i in enumerate(tokens) if i not in theirs),
            tuple(n for n, i in enumerate(tokens) if i not in mine),
        )

    def logprobs(self, logits: Tensor, vocabulary: Vocabulary) -> Tensor:
        """[n, events], the end last. A text token that is an end to this model has no probability as text: -inf."""
        place = logits.device
        if place not in self._index:
            self._index[place] = torch.tensor(self.tokens, device=place)
        ends = torch.tensor(vocabulary.end_ids, device=place)
        end = logits[:, ends].logsumexp(-1, keepdim=True)
        text = logits.index_fill(1, ends, float("-inf"))[:, self._index[place]]
        return torch.cat([text, end], 1).log_softmax(-1)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) in nats of log-probabilities [n, events]: [n]; infinite where q is 0 and p is not."""
    return torch.where(torch.isneginf(p), 0.0, p.exp() * (p - q)).sum(-1, dtype=torch.float64)


@dataclass(frozen=True)
class Drift:
    """KL(writer || reader) along one solution of the writer's."""

    text: SeenText
    """As the writer sees it."""
    kl: Numbers
    """Nats, of each target: n tokens, and the end where the solution has one."""
    only_writer: Numbers
    """The writer's probability there of tokens that only it may draw; 0 where both may draw the same."""
    only_reader: Numbers
    """The reader's probability of tokens that only the reader may draw."""


def same_text(writer: SeenText, reader: SeenText) -> bool:
    """Whether both see the same tokens: a writer's own always are, what others wrote may be cut in other places."""
    return writer.tokens == reader.tokens and writer.ended == reader.ended


@torch.inference_mode()
def drift(
    writer: LanguageModel,
    reader: LanguageModel,
    by_writer: Sequence[SeenText],
    by_reader: Sequence[SeenText],
    *,
    budget: Budget | None = None,
    advance: Callable[[int], None] = lambda targets: None,
) -> list[Drift]:
    """KL(writer || reader) at each position of solutions that the writer wrote, each model under its own prompt.

    Both views of a solution are given, in the same order. Raises DriftError where they are not of the same tokens, and
    AgentError where logits are no numbers.
    """
    events = Events.of(writer.vocabulary, reader.vocabulary)
    for mine, theirs in zip(by_writer, by_reader, strict=True):
        if not same_text(mine, theirs):
            raise DriftError(f"{mine.episode.id}: writer and reader do not see the same tokens")
    size, budget = max(len(writer.vocabulary), len(reader.vocabulary)), budget or Budget()
    found = [np.zeros((3, text.targets)) for text in by_writer]
    step = slice_of(size)
    for batch in batches(parts_of(by_writer, size, budget), [by_writer, by_reader], size, budget):
        pairs = zip(logits_of(writer, by_writer, batch, step), logits_of(reader, by_reader, batch, step), strict=True)
        made = []
        for its_logits, other_logits in pairs:
            p = events.logprobs(its_logits, writer.vocabulary)
            q = events.logprobs(other_logits.to(its_logits.device), reader.vocabulary)
            apart = [p[:, list(events.only_writer)].exp().sum(-1), q[:, list(events.only_reader)].exp().sum(-1)]
            made.append(torch.stack([divergence(p, q), *(mass.double() for mass in apart)]).cpu())
        numbers, at = torch.cat(made, 1).numpy(), 0
        for part in batch:
            many = part.after - part.first
            found[part.row][:, part.first : part.after] = numbers[:, at : at + many]
            at += many
        advance(at)
    return [Drift(text, rows[0], rows[1], rows[2]) for text, rows in zip(by_writer, found, strict=True)]


def log_ratio(by_writer: Reading, by_reader: Reading) -> float:
    """log p_writer(solution) - log p_reader(solution), nats, ends included: from the tokens that each of them reads.

    Its mean over texts drawn from the writer (T = 1, no truncation) estimates KL(writer || reader) of whole texts. For
    other tokenisers it assumes that a text has one tokenisation: the writer's own tokens, and those in which the reader
    reads it. Each of the two probabilities is then a lower bound of its text's, which is a sum over all tokenisations.
    """
    return float(by_reader.surprisal.sum() - by_writer.surprisal.sum())


def summary(
    drifts: Sequence[Drift] | None, by_writer: Sequence[Reading], by_reader: Sequence[Reading], *, seed: int
) -> dict[str, Any]:
    """The figures of a set of solutions; ``drifts`` is None for models of other tokenisers.

    ``kl_per_token`` is the mean over all positions, ends included; None where it is infinite at some of them, which
    ``infinite_positions`` counts. 95% intervals keep the solutions of a problem together.
    """
    ratios = np.array([log_ratio(mine, theirs) for mine, theirs in zip(by_writer, by_reader, strict=True)])
    episodes = [one.text.episode for one in by_writer]
    problems = [episode.problem_id for episode in episodes]

    def per(values: Numbers, sizes: list[int], name: str) -> dict[str, Any]:
        mean = values.sum() / total if (total := sum(sizes)) else np.nan
        known = bool(np.isfinite(mean))
        ci = ratio_interval(problems, values, np.array(sizes, dtype=float), seed=seed) if known else None
        return {name: float(mean) if known else None, f"{name}_ci95": ci}

    found: dict[str, Any] = {"solutions": len(episodes), "problems": len(set(problems))}
    if drifts is not None:
        kl = np.concatenate([one.kl for one in drifts]) if drifts else np.zeros(0)
        found |= per(np.array([one.kl.sum() for one in drifts]), [len(one.kl) for one in drifts], "kl_per_token")
        found |= {"positions": len(kl), "infinite_positions": int(np.isinf(kl).sum())}
        for name in ("only_writer", "only_reader"):
            mass = np.concatenate([getattr(one, name) for one in drifts]) if drifts else np.zeros(0)
            found[f"mass_{name}"] = float(mass.mean()) if len(mass) else None
    found |= per(ratios, [len(episode.text) for episode in episodes], "log_ratio_per_character")
    return found | per(ratios, [words(episode.text) for episode in episodes], "log_ratio_per_word")
