"""Rows followed through their tokens: who drew each one, and who draws next (HANDOFF.md, sections 1 to 3).

A row's state is a pure function of its plan and its tokens. `follow` computes it for one row, token by token: after an
eviction, and when an episode is put together. `Rows` does the same for all rows at once, one token a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from arena.torch_engine.drawing import Tables
    from arena.vllm_engine.plan import RowPlan


@dataclass
class Followed:
    """Where a row stands after some tokens."""

    author: int
    """Who draws next, by its member's number."""
    opening: bool
    """Its token must open a unit or end the solution."""
    hands: bool
    """The unit after the present one is another's."""
    line: int
    """The unit rule's state as a line of the tables."""
    next: int
    """Units opened since the prefix: the next opening opens this one."""
    turn: int
    """Tokens after the prefix at which the present turn began."""
    by: list[int] = field(default_factory=list)
    """Who drew each token."""
    forced: list[int] = field(default_factory=list)
    """Before which tokens a unit was over because whatever came opened one: `end` factors of log-probability 0."""


def follow(plan: RowPlan, tokens: Sequence[int], authors: NDArray[np.int64], tables: Tables, end: int) -> Followed:
    """Follows a row from its beginning. ``end`` is the token that says the end, whoever draws it."""
    first, plain = tables.first(plan.parsed.rule), plan.parsed.rule.plain
    now = Followed(int(authors[0]), plan.opening, False, first + plan.state, 0, 0)
    for at, token in enumerate(tokens):
        opens = token != end and bool(tables.opens[now.line, token])
        following = int(authors[now.next])
        if now.hands and not plain and (opens or token == end):
            now.author, now.turn = following, at
        now.by.append(now.author)
        now.opening = now.hands = False
        if token == end:
            break
        now.next += opens
        now.line = int(tables.next[now.line, token])
        following = int(authors[now.next])
        now.hands = following != now.author
        if now.hands and tables.forced[now.line]:
            now.author, now.turn, now.hands, now.opening = following, at + 1, False, not plain
            if not plain:
                now.forced.append(at + 1)
    return now


class Rows:
    """[slots] arrays of what a step needs of every row."""

    def __init__(self, slots: int):
        self.start = np.zeros(slots, dtype=np.int64)
        self.written = np.zeros(slots, dtype=np.int64)
        """Tokens after the prefix that the row has been followed through."""
        self.author = np.zeros(slots, dtype=np.int64)
        self.opening = np.zeros(slots, dtype=bool)
        self.hands = np.zeros(slots, dtype=bool)
        self.plain = np.zeros(slots, dtype=bool)
        self.line = np.zeros(slots, dtype=np.int64)
        self.next = np.zeros(slots, dtype=np.int64)
        self.plans: list[RowPlan | None] = [None] * slots
        self.authors = np.zeros((slots, 0), dtype=np.int64)
        """[slots, units]: who writes unit u after the prefix."""
        self.uniform = np.zeros((slots, 0))
        """[slots, positions]: what an author's draw at a position goes by; positions count the prefix."""
        self.open_uniform = np.zeros((slots, 0))

    def seat(self, slot: int, plan: RowPlan, tables: Tables, tokens: Sequence[int], end: int) -> None:
        """Begins or resumes a row: where it stands follows from its plan and the tokens it has."""
        units, size = plan.authors(), plan.limit + 1
        if (more := plan.limit + 2 - self.authors.shape[1]) > 0:
            self.authors = np.pad(self.authors, ((0, 0), (0, more)))
            self.uniform = np.pad(self.uniform, ((0, 0), (0, more)))
            self.open_uniform = np.pad(self.open_uniform, ((0, 0), (0, more)))
        self.plans[slot] = plan
        self.authors[slot, : len(units)], self.authors[slot, len(units) :] = units, units[-1]
        self.uniform[slot, :size] = plan.chance.token.take(size)
        self.open_uniform[slot, :size] = plan.chance.open.take(size)
        self.start[slot], self.plain[slot] = plan.start, plan.parsed.rule.plain
        self.follow(slot, tables, tokens, end)

    def follow(self, slot: int, tables: Tables, tokens: Sequence[int], end: int) -> None:
        """Follows a row again from its beginning. Raises RuntimeError for tokens that vLLM does not know yet."""
        plan = self.plans[slot]
        assert plan is not None
        if min(tokens, default=0) < 0:
            raise RuntimeError("a resumed row lacks tokens: asynchronous scheduling has not delivered them")
        now = follow(plan, tokens, self.authors[slot], tables, end)
        self.written[slot], self.author[slot], self.opening[slot] = len(tokens), now.author, now.opening
        self.hands[slot], self.line[slot], self.next[slot] = now.hands, now.line, now.next

    def advance(self, slots: NDArray[np.int64], tokens: NDArray[np.int64], tables: Tables, end: int) -> None:
        """Follows some rows through one more token each; one that has ended stays where it is."""
        going = tokens != end
        slots, tokens = slots[going], tokens[going]
        line, plain = self.line[slots], self.plain[slots]
        opens = tables.opens[line, tokens]
        over = self.hands[slots] & ~plain & opens
        author = np.where(over, self.authors[slots, self.next[slots]], self.author[slots])
        self.next[slots] += opens
        self.line[slots] = line = tables.next[line, tokens]
        following = self.authors[slots, self.next[slots]]
        hands = following != author
        forced = hands & tables.forced[line]
        self.author[slots] = np.where(forced, following, author)
        self.hands[slots] = hands & ~forced
        self.opening[slots] = forced & ~plain
        self.written[slots] += 1
