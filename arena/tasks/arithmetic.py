"""``arithmetic``: generated word problems of one to four steps, and their solutions in plain or jargon style.

Problem ``i`` of a split is a pure function of (seed, split, i). A problem's numbers and operations decide which split
it may belong to, so no chain of numbers of the test split was ever trained on, whatever the names and objects.

Plain:  ``Then she has 29 + 6 = 35 cookies.``
Jargon: ``Then she has 29 + 6 = <<29+6=35>>35 cookies.``   (GSM8K's calculator notes; paper 1)
The last line of both is ``#### 35``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, overload

from agents.chance import Picks, stable_key
from arena.tasks.base import SPLITS, Problem, Split, TaskError
from arena.tasks.marks import after_hashes

Style = Literal["plain", "jargon", "mixed"]
STYLES: tuple[Style, ...] = ("plain", "jargon", "mixed")
LARGEST = 60
"""No number of a problem or its solution is larger: tiny models learn to compute up to here in minutes."""

_SHE = ["Sara", "Anna", "Mary", "Emma", "Lily", "Nora", "Kate", "Rosa", "Jane", "Ella"]
_HE = ["Tom", "Ben", "Paul", "Jack", "Leo", "Max", "Sam", "Adam", "Luke", "Omar"]
_THINGS = (
    "apples", "books", "cards", "coins", "cookies", "eggs", "pens", "shells", "stamps", "toys", "marbles", "stickers",
)  # fmt: skip
_LINKS = ("Then", "Now", "So", "After that,")


@dataclass(frozen=True)
class Step:
    """One operation: ``left sign right = result``, told in the question and worked out in the solution."""

    kind: str
    left: int
    sign: str
    right: int
    result: int
    told: str
    lead: str
    tail: str

    def worked(self, jargon: bool) -> str:
        note = f"<<{self.left}{self.sign}{self.right}={self.result}>>" if jargon else ""
        return f"{self.lead} {self.left} {self.sign} {self.right} = {note}{self.result} {self.tail}."


@dataclass(frozen=True)
class Story:
    """A problem before it is put into words for a style."""

    opening: str
    start: int
    steps: tuple[Step, ...]
    asked: str

    @property
    def answer(self) -> int:
        return self.steps[-1].result

    @property
    def question(self) -> str:
        return " ".join([self.opening, *(step.told for step in self.steps), self.asked])

    @property
    def chain(self) -> str:
        """The numbers and operations alone: what decides the split."""
        return f"{self.start}" + "".join(f" {step.kind} {step.right}" for step in self.steps)

    def solution(self, jargon: Sequence[bool]) -> str:
        """The worked solution; ``jargon[i]`` says whether step i carries a calculator note."""
        lines = [step.worked(noted) for step, noted in zip(self.steps, jargon, strict=True)]
        return "\n".join([*lines, f"#### {self.answer}"])


@dataclass
class _Scene:
    """Who has what while a story is told."""

    picks: Picks
    name: str
    other: str
    pronoun: str
    thing: str
    value: int

    def lead(self) -> str:
        return f"{self.picks.one_of(_LINKS)} {self.pronoun} has"


_Maker = Callable[[_Scene], Step | None]


def _gain(scene: _Scene) -> Step | None:
    if scene.value >= LARGEST:
        return None
    more = scene.picks.between(1, min(20, LARGEST - scene.value))
    verb = scene.picks.one_of(("buys", "finds", "gets"))
    told = f"{scene.pronoun.capitalize()} {verb} {more} more."
    return Step("gain", scene.value, "+", more, scene.value + more, told, scene.lead(), scene.thing)


def _lose(scene: _Scene) -> Step | None:
    if scene.value < 4:
        return None
    less = scene.picks.between(1, min(20, scene.value - 2))
    verb, rest = scene.picks.one_of((("gives", f" to {scene.other}"), ("loses", ""), ("sells", "")))
    told = f"{scene.pronoun.capitalize()} {verb} {less}{rest}."
    return Step("lose", scene.value, "-", less, scene.value - less, told, scene.lead(), scene.thing)


def _multiply(scene: _Scene, kind: str, factor: int) -> Step | None:
    if scene.value * factor > LARGEST:
        return None
    told = f"Then {scene.pronoun} {kind}s what {scene.pronoun} has."
    return Step(kind, scene.value, "*", factor, scene.value * factor, told, scene.lead(), scene.thing)


def _double(scene: _Scene) -> Step | None:
    return _multiply(scene, "double", 2)


def _triple(scene: _Scene) -> Step | None:
    return _multiply(scene, "triple", 3)


def _compare(scene: _Scene) -> Step | None:
    if scene.value < 4 or scene.value >= LARGEST:
        return None
    if scene.picks.between(0, 1):
        gap = scene.picks.between(1, min(20, LARGEST - scene.value))
        word, sign, result = "more", "+", scene.value + gap
    else:
        gap = scene.picks.between(1, min(20, scene.value - 2))
        word, sign, result = "fewer", "-", scene.value - gap
    told = f"{scene.other} has {gap} {word} than {scene.name}."
    return Step(f"compare-{word}", scene.value, sign, gap, result, told, f"So {scene.other} has", scene.thing)


def _split(scene: _Scene) -> Step | None:
    parts = [n for n in range(2, 10) if scene.value % n == 0 and scene.value > n]
    if not parts:
        return None
    count = scene.picks.one_of(parts)
    told = f"{scene.pronoun.capitalize()} puts them into {count} equal bags."
    return Step("split", scene.value, "/", count, scene.value // count, told, "So each bag holds", scene.thing)


def _price(scene: _Scene) -> Step | None:
    most = min(9, LARGEST // scene.value)
    if most < 2:
        return None
    each = scene.picks.between(2, most)
    told = f"They cost {each} dollars each."
    return Step("price", scene.value, "*", each, scene.value * each, told, "So they cost", "dollars")


_ANYWHERE: tuple[_Maker, ...] = (_gain, _gain, _lose, _lose, _double, _triple)
_LAST: tuple[_Maker, ...] = (_gain, _lose, _double, _triple, _compare, _split, _price)


def make_story(picks: Picks, steps: int) -> Story:
    """A story of ``steps`` steps; the kinds that change what is counted come last."""
    she = picks.between(0, 1) == 1
    name = picks.one_of(_SHE if she else _HE)
    other = picks.one_of([n for n in (*_SHE, *_HE) if n != name])
    thing = picks.one_of(_THINGS)
    scene = _Scene(picks, name, other, "she" if she else "he", thing, picks.between(2, 40))
    start = scene.value
    made: list[Step] = []
    while len(made) < steps:
        step = picks.one_of(_LAST if len(made) == steps - 1 else _ANYWHERE)(scene)
        if step is not None:
            made.append(step)
            scene.value = step.result
    asked = {
        "split": f"How many {thing} are in each bag?",
        "price": f"How much do the {thing} cost in all?",
        "compare-more": f"How many {thing} does {other} have?",
        "compare-fewer": f"How many {thing} does {other} have?",
    }.get(made[-1].kind, f"How many {thing} does {name} have now?")
    return Story(f"{name} has {start} {thing}.", start, tuple(made), asked)


def split_of(story: Story) -> Split:
    """The split that a story's numbers and operations belong to: one in ten each for test and held-out."""
    draw = stable_key("arithmetic split", story.chain) % 10
    return "test" if draw == 0 else "held-out" if draw == 1 else "train"


class Arithmetic:
    """The task: ``size`` problems a split, of one to ``most_steps`` steps, each number of steps equally likely.

    ``style`` is that of the worked solutions; it does not touch the problems.
    """

    name = "arithmetic"

    def __init__(self, seed: int = 0, most_steps: int = 4, size: int = 1_000_000, style: Style = "plain"):
        if not 1 <= most_steps <= 8:
            raise TaskError(f"arithmetic: steps must be between 1 and 8, not {most_steps}")
        if style not in STYLES:
            raise TaskError(f"arithmetic: style must be one of {', '.join(STYLES)}, not {style!r}")
        self.seed, self.most_steps, self.size, self.style = seed, most_steps, size, style
        # Other numbers of steps and other seeds make other problems, so they have other ids.
        kind = "" if most_steps == 4 else f"-{most_steps}-steps"
        self._prefix = f"arithmetic{kind}" + ("" if seed == 0 else f"-s{seed}")

    def story(self, split: Split, index: int) -> Story:
        """Problem ``index`` of a split before it is worded. Tries until the numbers fall into the split."""
        picks = Picks(self.seed, stable_key("arithmetic", split, index))
        steps = picks.between(1, self.most_steps)
        while True:
            story = make_story(picks, steps)
            if split_of(story) == split:
                return story

    def problem(self, split: Split, index: int) -> Problem:
        story = self.story(split, index)
        picks = Picks(self.seed, stable_key("arithmetic style", split, index))
        solution = styled_solution(story, self.style, picks)
        return Problem(f"{self._prefix}/{split}/{index}", story.question, str(story.answer), len(story.steps), solution)

    def problems(self, split: Split) -> Sequence[Problem]:
        if split not in SPLITS:
            raise TaskError(f"arithmetic has no split {split!r}; it has {', '.join(SPLITS)}")
        return _Generated(self, split)

    def find(self, problem_id: str) -> Problem | None:
        """The problem with this id, or None if this task, with its seed and size, has none."""
        prefix, split, index = [*problem_id.split("/"), "", ""][:3]
        if prefix != self._prefix or split not in SPLITS or not (index.isascii() and index.isdecimal()):
            return None
        if len(index) > 18 or int(index) >= self.size or problem_id != f"{prefix}/{split}/{int(index)}":
            return None
        return self.problem(split, int(index))

    def extract(self, text: str) -> str | None:
        return after_hashes(text)


class _Generated(Sequence[Problem]):
    """A split as a sequence whose items are made when they are asked for."""

    def __init__(self, task: Arithmetic, split: Split):
        self._task, self._split = task, split

    def __len__(self) -> int:
        return self._task.size

    @overload
    def __getitem__(self, index: int) -> Problem: ...
    @overload
    def __getitem__(self, index: slice) -> list[Problem]: ...
    def __getitem__(self, index: int | slice) -> Problem | list[Problem]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._task.problem(self._split, index)


def styled_solution(story: Story, style: Style, picks: Picks) -> str:
    """The solution in a style; ``mixed`` decides each step by a fair pick."""
    if style == "mixed":
        return story.solution([picks.between(0, 1) == 1 for _ in story.steps])
    return story.solution([style == "jargon"] * len(story.steps))
