"""Draws for a batch: the same distributions and the same uniforms as `agents.seat`, many rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from agents.distribution import NEVER, NextEvent
from agents.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from agents.distribution import Sampling
    from agents.units import UnitRule

_SPARSE = 0.5
"""Where less than this share of the ids can be drawn, the others are left out of all arithmetic."""


class Tables:
    """The unit tables of one vocabulary, those of several rules one below the other.

    A row's state is its rule's first line plus the rule's own state, so one lookup serves rows of any rules.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device):
        self.vocabulary, self._device = vocabulary, device
        self._first: dict[str, int] = {}
        drawable = np.setdiff1d(np.arange(len(vocabulary)), vocabulary.never)
        sparse = len(drawable) < _SPARSE * len(vocabulary)
        self._ids = drawable if sparse else None
        """[C]: the id of each column, where not every id has one."""
        self._at = torch.from_numpy(drawable).to(device)
        self._columns = _only(vocabulary, drawable) if sparse else vocabulary
        size = len(vocabulary)
        self.opens = np.zeros((0, size), dtype=bool)
        """[S, V]: does this token open a unit in this state."""
        self.next = np.zeros((0, size), dtype=np.int64)
        """[S, V]: the state after it."""
        self.forced: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        """[S]: whatever comes opens."""
        self.boundary = torch.zeros((0, len(self._columns)))
        """[S, C] on the device: 0 for W and E, else -inf, to be added to log-probabilities."""

    def first(self, rule: UnitRule) -> int:
        """The line of a rule's state 0."""
        if rule.name not in self._first:
            table = self.vocabulary.table(rule.name)
            first = self._first[rule.name] = len(self.opens)
            self.opens = np.concatenate([self.opens, table.opens])
            self.next = np.concatenate([self.next, table.next.astype(np.int64) + first])
            self.forced = np.asarray(self.opens.all(axis=1))
            inside = self.opens.copy()
            inside[:, self.vocabulary.end] = True
            inside = inside if self._ids is None else inside[:, self._ids]
            boundary = torch.zeros(inside.shape).masked_fill_(torch.from_numpy(~inside), NEVER)
            self.boundary = boundary.to(self._device)
        return self._first[rule.name]

    def columns(self, logits: Tensor) -> Tensor:
        """[..., C] of logits [..., V or more]: those of the ids that have columns; of the others none is looked at."""
        return logits[..., : len(self.vocabulary)] if self._ids is None else logits.index_select(-1, self._at)

    def events(self, columns: Tensor, sampling: Sampling) -> NextEvent:
        """The distributions over events, by columns [..., C]."""
        return NextEvent.of(columns, self._columns, sampling)

    def ids(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ids of columns."""
        return columns if self._ids is None else self._ids[columns]


def _only(vocabulary: Vocabulary, ids: NDArray[np.int64]) -> Vocabulary:
    """The vocabulary of some of the ids, its ends among them."""
    ends = [vocabulary.end, *vocabulary.end_ids]
    return Vocabulary([vocabulary.pieces[i] for i in ids], np.searchsorted(ids, ends).tolist())


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
    """[R]: the logits were not numbers, or nothing that could be drawn was possible. Its log-probability is NaN."""


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
    """Draws the next event of each of R rows, from what `Tables.events` makes of their logits."""
    device = event.drawn.device

    def only(rows: NDArray[np.bool_]) -> tuple[NextEvent, Tensor, Tensor]:
        """The events of some rows, which they are, and W and E in their states."""
        at = np.flatnonzero(rows)
        lines = torch.from_numpy(wanted.lines[at]).to(device)
        return some(event, at), torch.from_numpy(at).to(device), tables.boundary.index_select(0, lines)

    logprobs = event.drawn
    if wanted.opening.any():
        part, at, boundary = only(wanted.opening)
        logprobs = logprobs.index_copy(0, at, part.opening(boundary).drawn)
    tokens, chosen = _pick(NextEvent(logprobs, logprobs, event.greedy), tables, wanted.uniforms)
    broken = np.isnan(chosen)
    over = wanted.hands & (tables.opens[wanted.lines, tokens] | (tokens == tables.vocabulary.end))
    over_logprobs = np.zeros(len(tokens), dtype=np.float32)
    if over.any():
        part, _, boundary = only(over)
        inside = part.drawn + boundary
        # The logarithm of a sum (`NextEvent.over`) where something is possible. On a CPU it is faster by log_softmax.
        total = inside.amax(dim=-1) - torch.log_softmax(inside, dim=-1).amax(dim=-1)
        over_logprobs[over] = total.float().cpu().numpy()
    spares, spare_logprobs = np.full(len(tokens), -1, dtype=np.int64), np.zeros(len(tokens), dtype=np.float32)
    if wanted.spare.any():
        part, _, boundary = only(wanted.spare)
        found = _pick(part.opening(boundary), tables, wanted.open_uniforms[wanted.spare])
        spares[wanted.spare], spare_logprobs[wanted.spare] = found
    return Drawn(tokens, chosen, over, over_logprobs, spares, spare_logprobs, broken)


def _pick(
    event: NextEvent, tables: Tables, uniforms: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ids that uniform numbers pick, and their log-probabilities, NaN where nothing can be picked; [R] each."""
    columns = event.draw(torch.from_numpy(uniforms).to(event.drawn.device))
    chosen = event.drawn.gather(1, columns.unsqueeze(1)).squeeze(1)
    # Of logits that are not numbers a column may be picked that is never drawn: an end but the first, say.
    chosen = chosen.masked_fill(torch.isneginf(chosen), torch.nan)
    return tables.ids(columns.cpu().numpy()), chosen.float().cpu().numpy()
