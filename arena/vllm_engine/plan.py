"""What one episode's row needs to know, as plain data that travels with the request into vLLM's processes.

Coins and draws are looked up by the keys in it, never consumed, so a row can be followed again from its tokens alone,
wherever and however often vLLM evicts and resumes it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.chance import Chance
from arena.policy import Policy, Situation, authors_of, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agents.contract import Turn
    from arena.jobs import Job

EXTRA = "tandem"
"""Under this name the plan lies in a request's ``extra_args``."""
ELSEWHERE = -1
"""In place of a member's number: an author who is not in this vLLM."""


@dataclass(frozen=True)
class RowPlan:
    """One episode, as its row is followed."""

    policy: str
    names: tuple[str, ...]
    """Who sits down, in the order of the pair."""
    members: tuple[int, ...]
    """Their numbers among the engine's members."""
    p: float | None
    seed: int
    coins: int
    """Key of the coins."""
    draws: int
    """Key of the draws."""
    limit: int
    """Written tokens at most, those of the prefix included."""
    start: int
    """Written tokens of the prefix."""
    state: int
    """The unit rule's state after the prefix."""
    unit: int
    """Index of the prefix's last unit; -1 without one."""
    begun: bool
    """There is a prefix, so the first token must open a unit or end the solution."""
    holds: tuple[bool, ...] | None = None
    """Of a turn that an agent draws alone: does it write unit u, from the turn's first on?"""

    @classmethod
    def of(
        cls, job: Job, members: Sequence[int], *, seed: int, limit: int, start: int, state: int, unit: int
    ) -> RowPlan:
        """The plan of a job after its prefix, as `agents.replay.Reader` has read it."""
        chance = job.chance(seed)
        p, begun = job.policy.p_at(job.step), bool(job.prefix)
        keys = (chance.seed, chance.key, chance.draws)
        return cls(str(job.policy), job.names, tuple(members), p, *keys, limit, start, state, unit, begun)

    @classmethod
    def of_turn(cls, turn: Turn) -> RowPlan:
        """The plan of one turn of an agent that is alone in its vLLM."""
        # The turn never gets past the first unit that is another's.
        held = tuple(takewhile(turn.holds, range(turn.unit, turn.unit + turn.budget + 2)))
        holds = (*(True for _ in held), False, False)
        keys = (turn.chance.seed, turn.chance.key, turn.chance.draws)
        place = (turn.position + turn.budget, turn.position, turn.state, turn.unit - 1)
        return cls(f"{turn.rule.name}:solo", ("",), (0,), None, *keys, *place, turn.opening, holds)

    def plain(self) -> dict[str, Any]:
        """The plan as numbers, texts and lists: what a request's ``extra_args`` may hold."""
        return asdict(self)

    @classmethod
    def read(cls, plain: dict[str, Any]) -> RowPlan:
        """The plan that `plain` wrote, lists made tuples again."""
        holds = plain["holds"]
        read = {"names": tuple(plain["names"]), "members": tuple(plain["members"])}
        return cls(**{**plain, **read, "holds": None if holds is None else tuple(holds)})

    @cached_property
    def parsed(self) -> Policy:
        return parse(self.policy)

    @property
    def opening(self) -> bool:
        return self.begun and not self.parsed.rule.plain

    @cached_property
    def chance(self) -> Chance:
        return Chance(self.seed, self.coins, self.draws)

    def authors(self) -> NDArray[np.int64]:
        """[units]: the member that writes unit u after the prefix, for as many units as tokens may open, and more."""
        if self.holds is not None:
            return np.where(self.holds, 0, ELSEWHERE)
        now = Situation(self.names, self.chance.coin, self.p)
        units = authors_of(self.parsed.schedule, self.unit + 1, self.limit + 2 - self.start, now)
        return np.array(self.members)[units]
