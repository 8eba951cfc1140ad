"""Handoff policies: a unit and a schedule, as plain data with a short text form (HANDOFF.md, section 2).

    policy   = UNIT [":" schedule]            a missing schedule is an equal share for each agent
    UNIT     = token | word | spaced-token | sentence | line | paragraph | solution
    schedule = p=P                            the first agent writes a unit with probability P, the second otherwise
             | p=P1,P2,...                    one weight an agent, summing to 1
             | p=equal                        an equal share for each agent
             | alternate                      the agents take turns, unit by unit
             | once=F                         the first agent's own solo solution up to fraction F of its units,
                                              the second agent writes the rest
             | script=NAME,NAME,...           unit by unit; the last name keeps the pen
             | curriculum=P..Q@STEPS          p moves from P to Q over the training steps
             | solo[=NAME]                    one agent writes everything (the first, unless named)
             | demand                         the first agent, until an agent asks for the pen or gives it away
             | call=MODULE:FUNCTION           FUNCTION(unit, agents, coin) -> index of the agent

Who writes unit u is a function of u, the schedule and the episode's coin u: nothing else is random.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.chance import Uniforms
from agents.own import own
from agents.units import RULES, UnitRule

GRAMMAR = (
    "UNIT[:SCHEDULE], UNIT one of "
    + ", ".join(RULES)
    + "; SCHEDULE one of p=0.5, p=0.5,0.3,0.2, p=equal, alternate, once=0.5, "
    "script=NAME,NAME, curriculum=0.2..0.8@100, solo, solo=NAME, demand, call=MODULE:FUNCTION"
)


class PolicyError(ValueError):
    """The policy cannot be read or does not fit the agents; the message names the part and the fix."""


@dataclass(frozen=True)
class Situation:
    """What a schedule may look at, besides the unit's index."""

    names: tuple[str, ...]
    """The agents' names, in the order of the pair."""
    coin: Uniforms
    """The episode's coins."""
    p: float | None = None
    """The probability in force (curriculum: computed from the training step, and recorded)."""
    pens: Sequence[tuple[int, str]] = ()
    """On demand: (first unit, name) of each change of the pen, in order."""
    assigned: Sequence[int] | None = None
    """A stored episode's authors by unit, where the schedule is a Python function that a reader must not call."""


class Schedule(Protocol):
    """Who writes unit u."""

    def author(self, unit: int, now: Situation) -> int:
        """The index of the agent that writes unit ``unit``."""
        ...

    def check(self, names: Sequence[str]) -> None:
        """Raises PolicyError if the schedule does not fit the agents."""
        ...

    def __str__(self) -> str: ...


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _probability(value: float, what: str) -> None:
    if not 0 <= value <= 1:
        raise PolicyError(f"{what} must be between 0 and 1, not {_number(value)}")


@dataclass(frozen=True)
class Bernoulli:
    """Each unit's author by its own coin: the first agent if coin < p; for more agents by cumulative weights."""

    weights: tuple[float, ...] | None = (0.5,)
    """(p,) for two agents, else one weight an agent; None is an equal share for any number of agents."""

    def author(self, unit: int, now: Situation) -> int:
        return min(bisect_right(self.edges(len(now.names)), now.coin[unit]), len(now.names) - 1)

    def edges(self, agents: int) -> list[float]:
        """Where a coin changes hands: ascending, one fewer than agents."""
        if self.weights is None:
            return [(n + 1) / agents for n in range(agents - 1)]
        return list(self.weights) if len(self.weights) == 1 else list(accumulate(self.weights))[:-1]

    def check(self, names: Sequence[str]) -> None:
        for weight in self.weights or ():
            _probability(weight, "p")
        if self.weights is None:
            return
        if len(self.weights) == 1 and len(names) > 2:
            raise PolicyError(f"p needs a weight for each of {', '.join(names)}: p=0.5,0.3,... summing to 1")
        if len(self.weights) > 1 and len(self.weights) != len(names):
            raise PolicyError(f"p has {len(self.weights)} weights for {len(names)} agents ({', '.join(names)})")
        if len(self.weights) > 1 and abs(sum(self.weights) - 1) > 1e-9:
            raise PolicyError(f"the weights of p must sum to 1, not {sum(self.weights):.6g}")

    def __str__(self) -> str:
        return "p=" + ",".join(map(_number, self.weights)) if self.weights is not None else "p=equal"


@dataclass(frozen=True)
class Alternate:
    """The agents take turns, unit by unit, beginning with the first."""

    def author(self, unit: int, now: Situation) -> int:
        return unit % len(now.names)

    def check(self, names: Sequence[str]) -> None:
        pass

    def __str__(self) -> str:
        return "alternate"


@dataclass(frozen=True)
class Once:
    """The second agent goes on from a prefix: the first agent's own solo solution, cut at a fraction of its units."""

    fraction: float

    def author(self, unit: int, now: Situation) -> int:
        return 1

    def check(self, names: Sequence[str]) -> None:
        _probability(self.fraction, "the fraction of once")
        if len(names) != 2:
            raise PolicyError(f"once needs two agents, not {len(names)}")

    def __str__(self) -> str:
        return f"once={_number(self.fraction)}"


@dataclass(frozen=True)
class Script:
    """A fixed author for each unit; the last name keeps the pen."""

    authors: tuple[str, ...]

    def author(self, unit: int, now: Situation) -> int:
        return now.names.index(self.authors[min(unit, len(self.authors) - 1)])

    def check(self, names: Sequence[str]) -> None:
        _known(self.authors, names)

    def __str__(self) -> str:
        return "script=" + ",".join(self.authors)


@dataclass(frozen=True)
class Curriculum:
    """Bernoulli whose p moves linearly from ``start`` to ``stop`` over ``steps`` training steps, then stays."""

    start: float
    stop: float
    steps: int

    def p(self, step: int | None) -> float:
        """p at a training step (outside training: at step 0)."""
        return self.start + (self.stop - self.start) * min(1.0, (step or 0) / self.steps)

    def author(self, unit: int, now: Situation) -> int:
        assert now.p is not None, "a curriculum's p is computed before the episode begins"
        return 0 if now.coin[unit] < now.p else 1

    def check(self, names: Sequence[str]) -> None:
        _probability(self.start, "curriculum")
        _probability(self.stop, "curriculum")
        if self.steps < 1:
            raise PolicyError(f"a curriculum takes at least 1 step, not {self.steps}")
        if names and len(names) != 2:
            raise PolicyError(f"curriculum needs two agents, not {len(names)}")

    def __str__(self) -> str:
        return f"curriculum={_number(self.start)}..{_number(self.stop)}@{self.steps}"


@dataclass(frozen=True)
class Solo:
    """One agent writes everything."""

    name: str | None = None

    def author(self, unit: int, now: Situation) -> int:
        return 0 if self.name is None else now.names.index(self.name)

    def check(self, names: Sequence[str]) -> None:
        if self.name is not None:
            _known((self.name,), names)

    def __str__(self) -> str:
        return "solo" if self.name is None else f"solo={self.name}"


@dataclass(frozen=True)
class OnDemand:
    """The first agent writes until an agent asks for the pen or gives it away; it moves at the next opening."""

    def author(self, unit: int, now: Situation) -> int:
        holder = next((name for first, name in reversed(now.pens) if first <= unit), now.names[0])
        return now.names.index(holder)

    def check(self, names: Sequence[str]) -> None:
        pass

    def __str__(self) -> str:
        return "demand"


@dataclass(frozen=True)
class Call:
    """A Python function ``f(unit, agents, coin) -> index``, named so that a run can be repeated."""

    path: str

    def author(self, unit: int, now: Situation) -> int:
        if now.assigned is not None:
            return now.assigned[unit]
        try:
            index = self._function()(unit, len(now.names), now.coin[unit])
        except PolicyError:
            raise
        except Exception as error:
            raise PolicyError(f"call={self.path} at unit {unit}: {type(error).__name__}: {error}") from error
        if not (isinstance(index, int) and 0 <= index < len(now.names)):
            raise PolicyError(
                f"{self.path} returned {index!r} for unit {unit}; it must return 0 to {len(now.names) - 1}"
            )
        return index

    def _function(self) -> Callable[[int, int, float], int]:
        return own("call=", self.path, PolicyError)

    def check(self, names: Sequence[str]) -> None:
        self._function()

    def __str__(self) -> str:
        return f"call={self.path}"


def _known(wanted: Sequence[str], names: Sequence[str]) -> None:
    for name in wanted:
        if name not in names:
            raise PolicyError(f"{name!r} is not in the pair ({':'.join(names)})")


@dataclass(frozen=True)
class Policy:
    """A unit and a schedule. ``str`` gives the text form back, ``parse`` reads it."""

    unit: str = "word"
    schedule: Schedule = Bernoulli()

    @property
    def rule(self) -> UnitRule:
        return RULES[self.unit]

    def p_at(self, step: int | None) -> float | None:
        """The first agent's probability at a training step, where the schedule has one (recorded in the episode)."""
        if isinstance(self.schedule, Curriculum):
            return self.schedule.p(step)
        weights = self.schedule.weights if isinstance(self.schedule, Bernoulli) else None
        return weights[0] if weights else None

    def check(self, names: Sequence[str]) -> Policy:
        """Raises PolicyError if the policy does not fit these agents; returns itself."""
        self.schedule.check(names)
        return self

    def __str__(self) -> str:
        return f"{self.unit}:{self.schedule}"


def authors_of(schedule: Schedule, first: int, count: int, now: Situation) -> NDArray[np.int64]:
    """The authors of ``count`` units from unit ``first`` on, [count]: what `Schedule.author` gives, at once."""
    if isinstance(schedule, Bernoulli):
        found = np.searchsorted(schedule.edges(len(now.names)), now.coin.take(first + count)[first:], side="right")
        return np.minimum(found, len(now.names) - 1)
    return np.array([schedule.author(unit, now) for unit in range(first, first + count)], dtype=np.int64)


def default_policy(agents: int) -> Policy:
    """word:p=0.5 for two agents, equal shares for more, and solo for one."""
    return Policy("word", Solo() if agents == 1 else Bernoulli() if agents == 2 else Bernoulli(None))


@lru_cache(maxsize=64)
def parse(text: str) -> Policy:
    """Reads a policy's text form. Raises PolicyError with the grammar."""
    unit, _, schedule = text.strip().partition(":")
    if unit not in RULES:
        raise PolicyError(f"there is no unit {unit!r} in {text!r}; it is {GRAMMAR}")
    try:
        return Policy(unit, _schedule(schedule.strip()))
    except (ValueError, KeyError) as error:
        why = error if isinstance(error, PolicyError) else f"cannot read {schedule!r}"
        raise PolicyError(f"{why} in {text!r}; it is {GRAMMAR}") from None


def _schedule(text: str) -> Schedule:
    kind, given, value = text.partition("=")
    if not given and kind in ("", "alternate", "solo", "demand"):
        bare: dict[str, Schedule] = {
            "": Bernoulli(None),
            "alternate": Alternate(),
            "solo": Solo(),
            "demand": OnDemand(),
        }
        return bare[kind]
    if not value:
        raise PolicyError(f"cannot read {text!r}")
    if kind == "p":
        weights = None if value == "equal" else tuple(float(part) for part in value.split(","))
        for weight in weights or ():
            _probability(weight, "p")
        return Bernoulli(weights)
    if kind == "once":
        _probability(float(value), "the fraction of once")
        return Once(float(value))
    if kind == "script":
        return Script(tuple(part.strip() for part in value.split(",")))
    if kind == "curriculum":
        ends, _, steps = value.partition("@")
        start, _, stop = ends.partition("..")
        made = Curriculum(float(start), float(stop), int(steps))
        made.check(())
        return made
    if kind == "solo":
        return Solo(value)
    if kind == "call":
        return Call(value)
    if kind in ("alternate", "demand"):
        raise PolicyError(f"{kind} takes no value")
    raise PolicyError(f"there is no schedule {kind!r}")
