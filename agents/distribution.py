"""The distribution of the next token and what is recorded of a draw (HANDOFF.md, sections 3 and 4).

All functions take log-probabilities over *events*: the tokens of a vocabulary, with every way to end the solution
lumped into one event at ``vocabulary.end``. They work on any leading batch shape, so that one episode at a time and a
batch of them use the same code. W is the set of tokens that open a unit in the present state, E the end.

At a handoff from A to B the author A draws; a draw in W or E is dropped and says only that A's unit is over, and B
draws among W and E. That is the composed rule q(t) = p_A(t) outside W and E, p_A(W or E) p_B(t | W or E) within.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from agents.vocabulary import Vocabulary

NEVER = float("-inf")


@dataclass(frozen=True)
class Sampling:
    """How an agent's logits become its distribution: temperature first, then top-k, then top-p."""

    temperature: float = 1.0
    """0 is greedy: the most likely event; factors are then recorded at temperature 1."""
    top_k: int = 0
    """Keep the k most likely events; 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of events with at least this probability; 1 keeps all."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be 0 (greedy) or more, not {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 (off) or more, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    @property
    def truncates(self) -> bool:
        return not self.greedy and (self.top_k > 0 or self.top_p < 1)


def event_logprobs(logits: Tensor, vocabulary: Vocabulary, temperature: float) -> Tensor:
    """Log-probabilities over events at a temperature, in fp32 or better; same shape as ``logits`` [..., V].

    Ids that are never drawn get -inf, and so does every end id but ``vocabulary.end``, which gets the end's total.
    """
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    if temperature not in (0.0, 1.0):
        logits = logits / temperature
    if vocabulary.never:
        logits = logits + _barring(vocabulary.never, logits.shape[-1], logits.device)
    logprobs = torch.log_softmax(logits, dim=-1)
    if len(vocabulary.end_ids) > 1:
        ends = _ids(vocabulary.end_ids, logits.device)
        total = torch.logsumexp(logprobs[..., ends], dim=-1)
        logprobs = logprobs.index_fill(-1, ends, NEVER)
        logprobs[..., vocabulary.end] = total
    return logprobs


@lru_cache(maxsize=64)
def _ids(ids: tuple[int, ...], device: torch.device) -> Tensor:
    """Ids as a tensor, once: on a GPU every copy waits for it. A plain tensor, that gradients may pass by, too."""
    with torch.inference_mode(False):
        return torch.tensor(ids, device=device)


@lru_cache(maxsize=64)
def _barring(never: tuple[int, ...], size: int, device: torch.device) -> Tensor:
    """[V]: -inf for ids that are never drawn, else 0. Adding it is much faster than filling."""
    with torch.inference_mode(False):
        return torch.zeros(size, device=device).index_fill_(0, _ids(never, device), NEVER)


def truncated(logprobs: Tensor, sampling: Sampling) -> Tensor:
    """Top-k, then top-p, then normalised again. Ties at the edge of top-k are all kept."""
    if 0 < sampling.top_k < logprobs.shape[-1]:
        least = torch.topk(logprobs, sampling.top_k, dim=-1).values[..., -1:]
        logprobs = torch.log_softmax(logprobs.masked_fill(logprobs < least, NEVER), dim=-1)
    if sampling.top_p < 1:
        ordered, order = torch.sort(logprobs, dim=-1, descending=True, stable=True)
        before = torch.cumsum(ordered.exp(), dim=-1) - ordered.exp()
        dropped = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before >= sampling.top_p)
        logprobs = torch.log_softmax(logprobs.masked_fill(dropped, NEVER), dim=-1)
    return logprobs


@dataclass(frozen=True)
class NextEvent:
    """An agent's distribution over the next event: as it draws, and before truncation (at its temperature)."""

    drawn: Tensor
    full: Tensor
    greedy: bool

    @classmethod
    def of(cls, logits: Tensor, vocabulary: Vocabulary, sampling: Sampling) -> NextEvent:
        full = event_logprobs(logits, vocabulary, sampling.temperature)
        return cls(truncated(full, sampling) if sampling.truncates else full, full, sampling.greedy)

    def draw(self, uniform: float | Tensor) -> Tensor:
        """The event that a uniform number picks; [...] of int64."""
        return _pick(self.drawn, uniform, self.greedy)

    def over(self, boundary: Tensor) -> Tensor:
        """log p(W or E): that the unit is over. The `end` factor.

        ``boundary`` [..., V] is W and E: of bool, or 0 there and -inf elsewhere, which is faster to apply.
        """
        return torch.logsumexp(_within(self.drawn, boundary), dim=-1)

    def opening(self, boundary: Tensor) -> NextEvent:
        """The distribution given W or E: what opens the next unit, or the end. Its log-probs are `open` factors.

        Where truncation leaves nothing of W or E, the distribution before truncation is used.
        """
        inside = _within(self.drawn, boundary)
        if self.drawn is self.full:
            inside = torch.log_softmax(inside, dim=-1)
            return NextEvent(inside, inside, self.greedy)
        empty = torch.isneginf(inside.amax(dim=-1, keepdim=True))
        inside = torch.where(empty, _within(self.full, boundary), inside)
        inside = torch.log_softmax(inside, dim=-1)
        return NextEvent(inside, inside, self.greedy)


def _within(logprobs: Tensor, boundary: Tensor) -> Tensor:
    return logprobs.masked_fill(~boundary, NEVER) if boundary.dtype == torch.bool else logprobs + boundary


def _pick(logprobs: Tensor, uniform: float | Tensor, greedy: bool) -> Tensor:
    """Inverse-CDF sampling in the order of ids (summed in double precision), or the first of the most likely events."""
    if greedy:
        return logprobs.argmax(dim=-1)
    # softmax rather than exp: on a CPU, exp is many times slower where it meets -inf.
    cdf = torch.cumsum(torch.softmax(logprobs, dim=-1), dim=-1, dtype=torch.float64)
    total = cdf[..., -1:]
    at = torch.as_tensor(uniform, dtype=cdf.dtype, device=cdf.device)
    at = at.unsqueeze(-1) if at.dim() else at.expand(cdf.shape[:-1]).unsqueeze(-1)
    # The smallest id whose cumulative probability exceeds the point: never one of probability 0.
    return torch.searchsorted(cdf, at * total, right=True).squeeze(-1).clamp_(max=cdf.shape[-1] - 1)
