"""The books of a batch: one row an episode, as arrays, so that a step costs the same for one row and for many."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.contract import Span
from arena.policy import Situation, authors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.seat import LanguageModelSeat
    from agents.vocabulary import Vocabulary
    from arena.jobs import Job

NOBODY = NOTHING = -1


@dataclass
class Sitting:
    """What belongs to one episode and is seldom looked at."""

    job: Job
    seats: dict[int, LanguageModelSeat]
    """By the model's number: the view before the first token, and what is stored of it."""
    alike: bool
    """All its agents have the same tokens, so ids pass straight from one to the other."""
    began: float
    clock: float
    """The engine's clock when it sat down."""
    start: int = 0
    """Written tokens of the prefix."""
    read: dict[int, int] = field(default_factory=dict)
    """By the model's number: up to which position its seat has read, where tokens differ."""


class Rows:
    """[rows] arrays of what a step needs, and [rows, limit] arrays of what was drawn."""

    def __init__(self, rows: int, limit: int):
        self.limit = limit
        self.sitting: list[Sitting | None] = [None] * rows
        self.active = np.zeros(rows, dtype=bool)
        self.author = np.full(rows, NOBODY, dtype=np.int64)
        """Who draws next, by the model's number."""
        self.opening = np.zeros(rows, dtype=bool)
        """Its first token after another author (or a prefix) must open a unit or end the solution."""
        self.hands = np.zeros(rows, dtype=bool)
        """The unit after the present one is another's."""
        self.plain = np.zeros(rows, dtype=bool)
        self.state = np.zeros(rows, dtype=np.int64)
        """The unit rule's state as the rule itself counts it; tables add the rule's first line."""
        self.first = np.zeros((0, rows), dtype=np.int64)
        """[models, rows]: line of the rule's state 0 in each model's tables."""
        self.last = np.zeros((0, rows), dtype=np.int64)
        """[models, rows]: the last unit after the prefix that this model writes; -1 for none."""
        self.next = np.zeros(rows, dtype=np.int64)
        """Units opened since the prefix: the next opening opens this one."""
        self.position = np.zeros(rows, dtype=np.int64)
        self.turn = np.zeros(rows, dtype=np.int64)
        """Position at which the present turn began."""
        self.guess = np.full(rows, NOTHING, dtype=np.int64)
        """The next token as a model guesses it whose turn it is not."""
        self.spare = np.full(rows, NOTHING, dtype=np.int64)
        """What that model opens with, if the author finds that its unit is over: its draw, made in advance."""
        self.spare_logprob = np.zeros(rows)
        self.authors = np.zeros((rows, limit + 2), dtype=np.int64)
        """Who writes unit u after the prefix."""
        self.uniform = np.zeros((rows, limit + 1))
        self.open_uniform = np.zeros((rows, limit + 1))
        self.tokens = np.zeros((rows, limit + 1), dtype=np.int64)
        self.by = np.zeros((rows, limit + 1), dtype=np.int64)
        self.logprobs = np.zeros((rows, limit + 1))
        self.end_logprob = np.full((rows, limit + 2), np.nan)
        """Before position n: log p that the unit of the author before was over, where it handed over."""

    def seat(self, row: int, sitting: Sitting, number: dict[str, int], seed: int, state: int, unit: int) -> None:
        """Begins an episode in a row, after its prefix if it has one."""
        job = sitting.job
        self.sitting[row] = sitting
        self.active[row] = True
        chance = job.chance(seed)
        now = Situation(job.names, chance.coin, job.policy.p_at(job.step))
        count = self.limit + 2
        numbers = np.array([number[name] for name in job.names])
        # A unit has at least one token, so no more units can open than tokens are left.
        units = authors_of(job.policy.schedule, unit + 1, count - sitting.start, now)
        self.authors[row, : len(units)] = numbers[units]
        self.last[:, row] = NOTHING
        for one in numbers:
            self.last[one, row] = np.flatnonzero(numbers[units] == one).max(initial=NOTHING)
        size = self.limit + 1
        self.uniform[row], self.open_uniform[row] = chance.token.take(size), chance.open.take(size)
        self.end_logprob[row] = np.nan
        self.plain[row] = job.policy.rule.plain
        self.state[row], self.next[row] = state, 0
        self.position[row] = self.turn[row] = sitting.start
        self.author[row] = self.authors[row, 0]
        self.opening[row] = bool(job.prefix) and not self.plain[row]
        self.hands[row] = False
        self.guess[row] = self.spare[row] = NOTHING

    def clear(self) -> None:
        """Nobody sits in any row."""
        self.active[:], self.author[:], self.sitting = False, NOBODY, [None] * len(self.sitting)

    def spans(
        self, row: int, vocabularies: Sequence[Vocabulary], names: Sequence[str], until: int, since: int | None = None
    ) -> list[Span]:
        """What was written up to a position (from the prefix on, or from ``since``), one span a turn."""
        sitting = self.sitting[row]
        assert sitting is not None
        first = sitting.start if since is None else since
        by = self.by[row, first:until]
        cuts = [0, *(np.flatnonzero(by[1:] != by[:-1]) + 1).tolist(), len(by)]
        return [
            self._span(row, slice(first + a, first + b), vocabularies[by[a]], names[by[a]])
            for a, b in pairwise(cuts)
            if b > a
        ]

    def _span(self, row: int, at: slice, vocabulary: Vocabulary, name: str) -> Span:
        ids = self.tokens[row, at].tolist()
        ended = ids[-1] == vocabulary.end
        pieces = [vocabulary.pieces[i] for i in ids]
        if ended:
            pieces[-1] = b""
        end: Any = self.end_logprob[row, at.stop]
        over = None if np.isnan(end) else float(end)
        logprobs = tuple(self.logprobs[row, at].tolist())
        return Span(name, "", tuple(ids), tuple(pieces), logprobs, over, ended, vocabulary.digest)
