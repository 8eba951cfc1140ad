"""Stories of numbers before they are put into words: who has how many of what, and what happens to them.

A story is drawn once and can be told in any language (`arena.tasks.arithmetic.wording`) and worked out in any notation
(`arena.tasks.arithmetic.notation`): names, things and turns of phrase are numbers here, so that all of them tell the
same problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.chance import Picks, stable_key
from arena.tasks.base import Split

LARGEST = 60
"""No number of a problem or its solution is larger: tiny models learn to compute up to here in minutes."""
SHE = ("Sara", "Anna", "Mary", "Emma", "Lily", "Nora", "Kate", "Rosa", "Jane", "Ella")
HE = ("Tom", "Ben", "Paul", "Jack", "Leo", "Max", "Sam", "Adam", "Luke", "Omar")
THINGS = 12
"""Kinds of things that are counted; their words are the languages'."""
LINKS = 4
"""Ways to begin a line of a solution."""
WAYS = {"gain": 3, "lose": 3}
"""Verbs of the kinds of steps that have several."""


@dataclass(frozen=True)
class Step:
    """One operation: ``left sign right = result``."""

    kind: str
    left: int
    sign: str
    right: int
    result: int
    way: int = 0
    """Which verb tells it."""
    link: int = 0
    """Which words begin its line of the solution."""


@dataclass(frozen=True)
class Story:
    """A problem before it is put into words."""

    name: str
    other: str
    she: bool
    thing: int
    start: int
    steps: tuple[Step, ...]

    @property
    def answer(self) -> int:
        return self.steps[-1].result

    @property
    def chain(self) -> str:
        """The numbers and operations alone: what decides the split."""
        return f"{self.start}" + "".join(f" {step.kind} {step.right}" for step in self.steps)


_Maker = Callable[[Picks, int], Step | None]
"""From the number that somebody has now to a step, or None if the numbers do not allow it."""


def _gain(picks: Picks, value: int) -> Step | None:
    if value >= LARGEST:
        return None
    more = picks.between(1, min(20, LARGEST - value))
    return Step("gain", value, "+", more, value + more, _way(picks, "gain"), _link(picks))


def _lose(picks: Picks, value: int) -> Step | None:
    if value < 4:
        return None
    less = picks.between(1, min(20, value - 2))
    return Step("lose", value, "-", less, value - less, _way(picks, "lose"), _link(picks))


def _double(picks: Picks, value: int) -> Step | None:
    return _multiply(picks, value, "double", 2)


def _triple(picks: Picks, value: int) -> Step | None:
    return _multiply(picks, value, "triple", 3)


def _multiply(picks: Picks, value: int, kind: str, factor: int) -> Step | None:
    if value * factor > LARGEST:
        return None
    return Step(kind, value, "*", factor, value * factor, 0, _link(picks))


def _compare(picks: Picks, value: int) -> Step | None:
    if value < 4 or value >= LARGEST:
        return None
    if picks.between(0, 1):
        gap = picks.between(1, min(20, LARGEST - value))
        return Step("compare-more", value, "+", gap, value + gap)
    gap = picks.between(1, min(20, value - 2))
    return Step("compare-fewer", value, "-", gap, value - gap)


def _split(picks: Picks, value: int) -> Step | None:
    parts = [n for n in range(2, 10) if value % n == 0 and value > n]
    if not parts:
        return None
    count = picks.one_of(parts)
    return Step("split", value, "/", count, value // count)


def _price(picks: Picks, value: int) -> Step | None:
    most = min(9, LARGEST // value)
    if most < 2:
        return None
    each = picks.between(2, most)
    return Step("price", value, "*", each, value * each)


def _way(picks: Picks, kind: str) -> int:
    return picks.one_of(range(WAYS[kind]))


def _link(picks: Picks) -> int:
    return picks.one_of(range(LINKS))


_ANYWHERE: tuple[_Maker, ...] = (_gain, _gain, _lose, _lose, _double, _triple)
_LAST: tuple[_Maker, ...] = (_gain, _lose, _double, _triple, _compare, _split, _price)


def make_story(picks: Picks, steps: int) -> Story:
    """A story of ``steps`` steps; the kinds that change what is counted come last."""
    she = picks.between(0, 1) == 1
    name = picks.one_of(SHE if she else HE)
    other = picks.one_of([n for n in (*SHE, *HE) if n != name])
    thing = picks.one_of(range(THINGS))
    value = start = picks.between(2, 40)
    made: list[Step] = []
    while len(made) < steps:
        step = picks.one_of(_LAST if len(made) == steps - 1 else _ANYWHERE)(picks, value)
        if step is not None:
            made.append(step)
            value = step.result
    return Story(name, other, she, thing, start, tuple(made))


def split_of(story: Story) -> Split:
    """The split that a story's numbers and operations belong to: one in ten each for test and held-out."""
    draw = stable_key("arithmetic split", story.chain) % 10
    return "test" if draw == 0 else "held-out" if draw == 1 else "train"
