"""Toy agents for exact tests: language models whose distributions are tables; all their episodes can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.chance import Chance
from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.units import UnitRule
from agents.vocabulary import Vocabulary, surface

END = b""


class ToyTokenizer:
    """Greedy longest-match over byte pieces; adds one prompt token, id 0."""

    eos_token_id = 1
    bos_token = bos_token_id = None
    added_tokens_decoder: dict[int, str] = {}  # noqa: RUF012

    def __init__(self, pieces: Sequence[bytes]):
        self.pieces = list(pieces)

    def __call__(self, text: str, add_special_tokens: bool = True, **_: bool) -> Any:
        ids, data = [0] if add_special_tokens else [], text.encode()
        while data:
            at = max(
                (i for i, p in enumerate(self.pieces) if p and data.startswith(p)), key=lambda i: len(self.pieces[i])
            )
            ids.append(at)
            data = data[len(self.pieces[at]) :]
        return SimpleNamespace(input_ids=ids, special_tokens_mask=[int(not at and i == 0) for at, i in enumerate(ids)])


class ToyModel:
    """Logits as a function of the last two ids: a table [V, V, V] that a seed (or a test) fixes."""

    device = torch.device("cpu")

    def __init__(self, size: int, seed: int, spread: float = 1.5):
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(size, size, size, generator=generator, dtype=torch.float64) * spread
        self.config = SimpleNamespace(vocab_size=size, max_position_embeddings=64)

    def eval(self) -> ToyModel:
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return {"table": self.table}

    def logits(self, ids: Sequence[int]) -> Tensor:
        return self.table[ids[-2] if len(ids) > 1 else 0, ids[-1]]

    def __call__(
        self, input_ids: Tensor, past_key_values: Any = None, use_cache: bool = True, logits_to_keep: Any = slice(None)
    ) -> Any:
        seen = [*(past_key_values or []), *input_ids[0].tolist()]
        start = len(past_key_values or [])
        rows = torch.stack([self.logits(seen[: i + 1]) for i in range(start, len(seen))])
        return SimpleNamespace(logits=rows[logits_to_keep][None], past_key_values=seen)


def toy_agent(
    pieces: Sequence[bytes], seed: int, sampling: Sampling | None = None, ends: Sequence[int] = (1,)
) -> LanguageModel:
    """A table agent over ``pieces``; id 0 is its prompt token (never drawn), ids in ``ends`` end the solution."""
    vocabulary = Vocabulary(pieces, ends, special_ids=[0])
    model = ToyModel(len(pieces), seed)
    return LanguageModel(model, ToyTokenizer(pieces), prompt="{question}", sampling=sampling, vocabulary=vocabulary)


Step = tuple[str, bytes | None]
"""(author, the piece written, None for the end)."""


@dataclass(frozen=True)
class Law:
    """The exact law of episodes, written from HANDOFF.md in closed form and sharing no code with the engines.

    ``order`` gives the probability of each author for unit u; coins of different units are independent.
    """

    agents: Mapping[str, LanguageModel]
    rule: UnitRule
    order: Callable[[int], Mapping[str, float]]
    limit: int
    differentiable: bool = False

    def distribution(self, author: str, trail: Sequence[Step], truncate: bool = True) -> dict[bytes | None, Any]:
        """p_X over events given its view; the trail's text is read in its own tokenisation."""
        agent = self.agents[author]
        ids, run = [0], b""
        for writer, piece in trail:
            if self.agents[writer].vocabulary.digest == agent.vocabulary.digest:
                ids += agent.tokenizer(run.decode(), add_special_tokens=False).input_ids
                ids.append(agent.vocabulary.pieces.index(piece or b""))
                run = b""
            else:
                run += piece or b""
        ids += agent.tokenizer(run.decode(), add_special_tokens=False).input_ids
        logits = agent.model.logits(ids)
        vocabulary, sampling = agent.vocabulary, agent.sampling
        weights: dict[bytes | None, Any] = {}
        scaled = torch.exp((logits - logits.max().detach()) / (sampling.temperature or 1.0))
        for i, piece in enumerate(vocabulary.pieces):
            if i in vocabulary.end_ids:
                weights[None] = weights.get(None, 0.0) + scaled[i]
            elif i not in vocabulary.never:
                weights[piece] = scaled[i]
        if not self.differentiable:
            weights = {event: float(weight.detach()) for event, weight in weights.items()}
        total = sum(weights.values())
        p = {event: weight / total for event, weight in weights.items()}
        return _truncated(p, sampling) if truncate and sampling.truncates else p

    def episodes(self) -> Iterator[tuple[tuple[Step, ...], Any]]:
        """Every episode and its probability, the coins summed over where they leave no trace."""
        out: dict[tuple[Step, ...], Any] = {}
        for trail, probability in self._grow((), 0, -1, {}):
            out[trail] = out.get(trail, 0.0) + probability
        yield from out.items()

    def _grow(
        self, trail: tuple[Step, ...], state: int, unit: int, coins: dict[int, str]
    ) -> Iterator[tuple[tuple[Step, ...], Any]]:
        if len(trail) == self.limit:
            yield trail, 1.0
            return
        first = not trail
        now, after = (0, 0) if first else (unit, unit + 1)
        for chosen, chance in self._coins(coins, sorted({now, after})):
            for step, probability in self._next(trail, state, chosen[now], chosen[after], first).items():
                if not probability:
                    continue
                piece = step[1]
                if piece is None:
                    yield (*trail, step), chance * probability
                    continue
                opens, following = self.rule.step(state, surface(piece))
                for rest, further in self._grow((*trail, step), following, unit + opens, chosen):
                    yield rest, chance * probability * further

    def _coins(self, known: dict[int, str], wanted: Sequence[int]) -> Iterator[tuple[dict[int, str], float]]:
        """Every way in which the authors of the wanted units may fall, with its probability."""
        missing = [unit for unit in wanted if unit not in known]
        if not missing:
            yield known, 1.0
            return
        for name, p in self.order(missing[0]).items():
            if p:
                for chosen, further in self._coins({**known, missing[0]: name}, wanted):
                    yield chosen, p * further

    def _next(self, trail: Sequence[Step], state: int, a: str, b: str, first: bool) -> dict[Step, Any]:
        """q(t) of HANDOFF.md, section 3, with the author of each event."""

        def opens(piece: bytes | None) -> bool:
            return piece is None or self.rule.step(state, surface(piece))[0]

        if self.rule.plain:
            # spaced-token: drawn again after the token before; every token comes plainly from its author
            author = b if self.rule.step(state, "x")[0] and not first else a
            return {(author, event): p for event, p in self.distribution(author, trail).items()}
        p_a = self.distribution(a, trail)
        if a == b:
            return {(a, event): p for event, p in p_a.items()}
        p_b = self.distribution(b, trail)
        over = sum((p for event, p in p_a.items() if opens(event)), start=0.0)
        inside = {event: p for event, p in p_b.items() if opens(event) and p}
        if not inside:
            inside = {event: p for event, p in self.distribution(b, trail, truncate=False).items() if opens(event)}
        total = sum(inside.values())
        out: dict[Step, Any] = {(a, event): p for event, p in p_a.items() if not opens(event)}
        out.update({(b, event): over * p / total for event, p in inside.items()})
        return out


def _truncated(p: dict[bytes | None, float], sampling: Sampling) -> dict[bytes | None, float]:
    kept = dict(p)
    if sampling.top_k:
        least = sorted(kept.values(), reverse=True)[: sampling.top_k][-1]
        kept = {event: value for event, value in kept.items() if value >= least}
        kept = {event: value / sum(kept.values()) for event, value in kept.items()}
    if sampling.top_p < 1:
        before, nucleus = 0.0, {}
        for event, value in sorted(kept.items(), key=lambda item: -item[1]):
            if before < sampling.top_p:
                nucleus[event] = value
            before += value
        kept = {event: value / sum(nucleus.values()) for event, value in nucleus.items()}
    return {event: kept.get(event, 0.0) for event in p}


def chances(count: int, seed: int = 0) -> Iterator[Chance]:
    """The chances of ``count`` different episodes."""
    keys = np.random.default_rng(seed).integers(0, 2**63, size=count)
    return (Chance(seed, int(key)) for key in keys)
