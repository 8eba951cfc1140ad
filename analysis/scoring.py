"""Teacher-forced passes of language models over solutions that are there already, many at a time.

Solutions of like lengths go together, padded on the right, where causal attention does not look; logits are made only
where something is predicted, and never more of them at once than a budget allows, whatever the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from agents.contract import AgentError
from agents.distribution import event_logprobs
from agents.seat import NOT_NUMBERS
from agents.vocabulary import Vocabulary
from analysis.reading import Reading, SeenText

if TYPE_CHECKING:
    from agents.language_model import LanguageModel

_SLICE = 1 << 22
"""Numbers of a distribution that are worked on at once, after a forward: 16 MB in fp32, for each of a few copies."""
END = -1
"""In place of a token: that the solution ends."""


@dataclass(frozen=True)
class Budget:
    """What one forward may hold. It changes memory and speed, and figures by roundings only."""

    tokens: int = 8192
    """Tokens, padding included; a solution that is longer goes alone."""
    logits: int = 1 << 28
    """Logits: 1 GB in fp32. A solution that needs more is passed over several times, for some positions each."""

    @classmethod
    def of(cls, tokens: int, device: torch.device) -> Budget:
        """With the more logits on a GPU (2 GB in bf16), where passing over a solution again is what costs."""
        return cls(tokens, 1 << 30) if device.type == "cuda" else cls(tokens)


@dataclass(frozen=True)
class Part:
    """Some consecutive targets (tokens, or the end) of one solution."""

    row: int
    """Index of the solution."""
    first: int
    after: int
    """One behind the last."""


def slice_of(vocabulary: int) -> int:
    """How many distributions are worked on at once."""
    return max(1, _SLICE // vocabulary)


def parts_of(seen: Sequence[SeenText], vocabulary: int, budget: Budget) -> list[Part]:
    """All targets, no more at a time than the budget has logits for; a solution without targets has no part."""
    most = max(1, budget.logits // vocabulary)
    return [
        Part(row, first, min(first + most, text.targets))
        for row, text in enumerate(seen)
        for first in range(0, text.targets, most)
    ]


def batches(
    parts: Sequence[Part], views: Sequence[Sequence[SeenText]], vocabulary: int, budget: Budget
) -> Iterator[list[Part]]:
    """Packs parts of like lengths. ``views`` are those of each model that is to pass over them."""

    def length(part: Part) -> int:
        return max(view[part.row].prompt for view in views) + part.after

    def place(part: Part) -> tuple[int, int]:
        """The columns that it needs logits in, over all models."""
        return min(view[part.row].prompt for view in views) + part.first, length(part)

    batch: list[Part] = []
    low = high = 0
    for part in sorted(parts, key=length):
        first, last = place(part)
        wide = max(high, last) - min(low, first) if batch else last - first
        rows = len(batch) + 1
        if batch and (rows * length(part) > budget.tokens or rows * wide * vocabulary > budget.logits):
            yield batch
            batch = []
        low, high = (min(low, first), max(high, last)) if batch else (first, last)
        batch.append(part)
    if batch:
        yield batch


def logits_of(agent: LanguageModel, view: Sequence[SeenText], batch: Sequence[Part], step: int) -> Iterator[Tensor]:
    """The logits [V] that each target of some parts is drawn from, part after part, at most ``step`` of them at a time.

    Raises ValueError for a model in training mode, whose dropout would be in every figure, and AgentError where logits
    are no numbers.
    """
    model = agent.model
    if getattr(model, "training", False):
        raise ValueError("the model is in training mode; call model.eval() before it reads")
    # Target k of a solution is predicted at the id before it.
    fed = [view[part.row].ids[: view[part.row].prompt + part.after - 1] for part in batch]
    ids = torch.zeros(len(batch), max(map(len, fed)), dtype=torch.long)
    for n, some in enumerate(fed):
        ids[n, : len(some)] = torch.tensor(some)
    places = [
        (n, view[part.row].prompt - 1 + target)
        for n, part in enumerate(batch)
        for target in range(part.first, part.after)
    ]
    row, place = torch.tensor(places, device=model.device).unbind(1)
    columns, column = torch.unique(place, return_inverse=True)
    out: Tensor = model(input_ids=ids.to(model.device), use_cache=False, logits_to_keep=columns).logits
    for first in range(0, len(places), step):
        some_logits = out[row[first : first + step], column[first : first + step]]
        some_logits = some_logits if some_logits.dtype == torch.float64 else some_logits.float()
        if not torch.isfinite(some_logits.logsumexp(-1)).all():
            raise AgentError(NOT_NUMBERS)
        yield some_logits


@torch.inference_mode()
def read(
    agent: LanguageModel,
    seen: Sequence[SeenText],
    *,
    budget: Budget | None = None,
    advance: Callable[[int], None] = lambda targets: None,
) -> list[Reading]:
    """What the agent makes of some solutions (seen by itself), in order.

    ``advance`` is told how many targets were read, now and then. Raises AgentError where its logits are no numbers.
    """
    budget = budget or Budget()
    size = len(agent.vocabulary)
    found = [np.zeros((3, text.targets)) for text in seen]
    barred = [np.zeros(text.targets, dtype=bool) for text in seen]
    step, device = slice_of(size), agent.model.device
    never, ends = (_one_of(ids, size, device) for ids in (agent.vocabulary.never, agent.vocabulary.end_ids))
    for batch in batches(parts_of(seen, size, budget), [seen], size, budget):
        targets = torch.tensor([i for part in batch for i in [*seen[part.row].tokens, END][part.first : part.after]])
        slices = zip(logits_of(agent, seen, batch, step), torch.split(targets, step), strict=True)
        parts = [_figures(logits, wanted.to(device), agent.vocabulary, never, ends) for logits, wanted in slices]
        numbers = torch.cat([some for some, _ in parts], 1).numpy()
        bars = torch.cat([some for _, some in parts]).numpy()
        at = 0
        for part in batch:
            many = part.after - part.first
            found[part.row][:, part.first : part.after] = numbers[:, at : at + many]
            barred[part.row][part.first : part.after] = bars[at : at + many]
            at += many
        advance(at)
    made = zip(seen, found, barred, strict=True)
    return [Reading(text, rows[0], rows[1], rows[2], bars) for text, rows, bars in made]


def _one_of(ids: Sequence[int], size: int, device: torch.device) -> Tensor:
    """[V]: whether an id is one of these."""
    found = torch.zeros(size, dtype=torch.bool)
    found[torch.tensor(ids, dtype=torch.long)] = True
    return found.to(device)


def _figures(
    logits: Tensor, wanted: Tensor, vocabulary: Vocabulary, never: Tensor, ends: Tensor
) -> tuple[Tensor, Tensor]:
    """Surprisal, entropy and log p(drawable) of each target, [3, targets], and which are barred, [targets]."""
    event = event_logprobs(logits, vocabulary, 1.0)
    whole = logits.logsumexp(-1)
    is_end = wanted == END
    token = torch.where(is_end, vocabulary.end, wanted)
    # As text, an id that would end the solution is as little the reader's to write as one that it never draws.
    barred = (never | ends)[token] & ~is_end
    token = token.unsqueeze(1)
    plain = whole - logits.gather(1, token).squeeze(1)
    surprisal = torch.where(barred, plain, -event.gather(1, token).squeeze(1))
    p = event.exp()
    entropy = -torch.where(p > 0, p * event, 0.0).sum(-1)
    drawable = logits.masked_fill(never, float("-inf")).logsumexp(-1) - whole
    return torch.stack([surprisal, entropy, drawable]).double().cpu(), barred.cpu()
