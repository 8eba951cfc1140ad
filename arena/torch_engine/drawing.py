"""Draws for a batch: the same distributions and the same uniforms as `agents.seat`, many rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from agents.distribution import NEVER, NextEvent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from agents.units import UnitRule
    from agents.vocabulary import Vocabulary


class Tables:
    """The unit tables of one vocabulary, those of several rules one below the other.

    A row's state is its rule's first line plus the rule's own state, so one lookup serves rows of any rules.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device):
        self.vocabulary, self._device = vocabulary, device
        self._first: dict[str, int] = {}
        size = len(vocabulary)
        self.opens = np.zeros((0, size), dtype=bool)
        """[S, V]: does this token open a unit in this state."""
        self.next = np.zeros((0, size), dtype=np.int64)
        """[S, V]: the state after it."""
        self.forced: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        """[S]: whatever comes opens."""
        self.boundary = torch.zeros((0, size))
        """[S, V] on the device: 0 for W and E, else -inf, to be added to log-probabilities."""

    def first(self, rule: UnitRule) -> int:
        """The line of a rule's state 0."""
        if rule.name not in self._first:
            table = self.vocabulary.table(rule.name)
            first = self._first[rule.name] = len(self.opens)
            self.opens = np.concatenate([self.opens, table.opens])
            self.next = np.concatenate([self.next, table.next.astype(np.int64) + first])
            self.forced = np.asarray(self.opens.all(axis=1))
            boundary = torch.zeros(self.opens.shape).masked_fill_(torch.from_numpy(~self.opens), NEVER)
            boundary[:, self.vocabulary.end] = 0
            self.boundary = boundary.to(self._device)
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
    spares: NDArray[np.int64]
    """[R]: what the model would open with, where it was asked; else -1."""
    spare_logprobs: NDArray[np.float32]
    """[R]: of that `open` factor."""
    broken: NDArray[np.bool_]
    """[R]: the logits were not numbers."""


@dataclass(frozen=True)
class Wanted:
    """How each of R rows is to be drawn."""

    lines: NDArray[np.int64]
    """[R]: the row's state as a line of the tables."""
    opening: NDArray[np.bool_]
    """[R]: within W and E."""
    hands: NDArray[np.bool_]
    """[R]: another author is next, if the draw is from W or E."""
    spare: NDArray[np.bool_]
    """[R]: also draw what the model would open with."""
    uniforms: NDArray[np.float64]
    """[R]"""
    open_uniforms: NDArray[np.float64]
    """[R]: those of the spares."""


def some(event: NextEvent, rows: NDArray[np.int64]) -> NextEvent:
    """The events of some rows of a batch."""
    at = torch.from_numpy(rows).to(event.drawn.device)
    drawn = event.drawn.index_select(0, at)
    return NextEvent(drawn, drawn if event.full is event.drawn else event.full.index_select(0, at), event.greedy)


def draw(event: NextEvent, tables: Tables, wanted: Wanted) -> Drawn:
    """Draws the next event of each of R rows."""
    device = event.drawn.device
    broken = torch.isnan(event.full[:, 0]).cpu().numpy()

    def only(rows: NDArray[np.bool_]) -> tuple[NextEvent, Tensor, Tensor]:
        """The events of some rows, which they are, and W and E in their states."""
        at = np.flatnonzero(rows)
        lines = torch.from_numpy(wanted.lines[at]).to(device)
        return some(event, at), torch.from_numpy(at).to(device), tables.boundary.index_select(0, lines)

    logprobs = event.drawn
    if wanted.opening.any():
        part, at, boundary = only(wanted.opening)
        logprobs = logprobs.index_copy(0, at, part.opening(boundary).drawn)
    tokens, chosen = _pick(NextEvent(logprobs, logprobs, event.greedy), wanted.uniforms)
    broken |= np.isnan(chosen)  # nothing of W and E is possible
    over = wanted.hands & (tables.opens[wanted.lines, tokens] | (tokens == tables.vocabulary.end))
    over_logprobs = np.zeros(len(tokens), dtype=np.float32)
    if over.any():
        part, _, boundary = only(over)
        over_logprobs[over] = part.over(boundary).float().cpu().numpy()
    spares, spare_logprobs = np.full(len(tokens), -1, dtype=np.int64), np.zeros(len(tokens), dtype=np.float32)
    if wanted.spare.any():
        part, _, boundary = only(wanted.spare)
        found = _pick(part.opening(boundary), wanted.open_uniforms[wanted.spare])
        spares[wanted.spare], spare_logprobs[wanted.spare] = found
    return Drawn(tokens, chosen, over, over_logprobs, spares, spare_logprobs, broken)


def _pick(event: NextEvent, uniforms: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The events that uniform numbers pick, and their log-probabilities; [R] each."""
    tokens = event.draw(torch.from_numpy(uniforms).to(event.drawn.device))
    chosen = event.drawn.gather(1, tokens.unsqueeze(1)).squeeze(1)
    return tokens.cpu().numpy(), chosen.float().cpu().numpy()
