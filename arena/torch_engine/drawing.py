"""Draws for a batch: the same distributions and the same uniforms as `agents.seat`, many rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from agents.distribution import NextEvent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from agents.language_model import LanguageModel
    from agents.units import UnitRule


class Tables:
    """The unit tables of one vocabulary, those of several rules one below the other.

    A row's state is its rule's first line plus the rule's own state, so one lookup serves rows of any rules.
    """

    def __init__(self, agent: LanguageModel):
        self._agent = agent
        self._first: dict[str, int] = {}
        size = len(agent.vocabulary)
        self.opens = np.zeros((0, size), dtype=bool)
        """[S, V]: does this token open a unit in this state."""
        self.next = np.zeros((0, size), dtype=np.int64)
        """[S, V]: the state after it."""
        self.forced: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        """[S]: whatever comes opens."""
        self.boundary = torch.zeros((0, size), dtype=torch.bool)
        """[S, V] on the model's device: W and E."""

    def first(self, rule: UnitRule) -> int:
        """The line of a rule's state 0."""
        if rule.name not in self._first:
            table = self._agent.vocabulary.table(rule.name)
            first = self._first[rule.name] = len(self.opens)
            self.opens = np.concatenate([self.opens, table.opens])
            self.next = np.concatenate([self.next, table.next.astype(np.int64) + first])
            self.forced = np.asarray(self.opens.all(axis=1))
            boundary = torch.from_numpy(self.opens.copy())
            boundary[:, self._agent.vocabulary.end] = True
            self.boundary = boundary.to(self._agent.model.device)
        return self._first[rule.name]


@dataclass(frozen=True)
class Drawn:
    """What a batch of R rows drew, on the CPU."""

    tokens: NDArray[np.int64]
    """[R]: the event of each row."""
    logprobs: NDArray[np.float32]
    """[R]: of its `token` or `open` factor."""
    over: NDArray[np.bool_]
    """[R]: a row that hands over drew from W or E: its unit is over and the draw is dropped."""
    over_logprobs: NDArray[np.float32]
    """[R]: of the `end` factor where ``over``."""
    broken: NDArray[np.bool_]
    """[R]: the logits were not numbers."""


def draw(
    logits: Tensor,
    agent: LanguageModel,
    tables: Tables,
    states: NDArray[np.int64],
    opening: NDArray[np.bool_],
    hands: NDArray[np.bool_],
    uniforms: NDArray[np.float64],
) -> Drawn:
    """Draws the next event of each row from ``logits`` [R, V].

    ``opening`` rows draw within W and E; ``hands`` rows hand over to another author if they draw from W or E.
    ``uniforms`` [R] are the draws' own.
    """
    device = logits.device
    event = NextEvent.of(logits, agent.vocabulary, agent.sampling)
    broken = torch.isnan(event.full[:, 0])
    points = torch.from_numpy(uniforms).to(device)
    logprobs = event.drawn
    if opening.any():
        at = torch.from_numpy(np.flatnonzero(opening)).to(device)
        part = NextEvent(event.drawn[at], event.full[at], event.greedy)
        inside = part.opening(tables.boundary[torch.from_numpy(states[opening]).to(device)])
        logprobs = logprobs.index_copy(0, at, inside.drawn)
    tokens = NextEvent(logprobs, event.full, event.greedy).draw(points)
    chosen = logprobs.gather(1, tokens.unsqueeze(1)).squeeze(1)
    over = np.zeros(len(states), dtype=bool)
    over_logprobs = np.zeros(len(states), dtype=np.float32)
    drawn = tokens.cpu().numpy()
    ending = drawn == agent.vocabulary.end
    over[hands] = (ending | tables.opens[states, drawn])[hands]
    if over.any():
        at = torch.from_numpy(np.flatnonzero(over)).to(device)
        boundary = tables.boundary[torch.from_numpy(states[over]).to(device)]
        part = NextEvent(event.drawn[at], event.full[at], event.greedy)
        over_logprobs[over] = part.over(boundary).float().cpu().numpy()
    return Drawn(drawn, chosen.float().cpu().numpy(), over, over_logprobs, broken.cpu().numpy())
