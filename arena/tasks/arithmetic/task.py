"""``arithmetic``: generated word problems of one to four steps, in several languages, with worked solutions.

Problem ``i`` of a split is a pure function of (seed, split, i), whatever its words. A problem's numbers and kinds of
steps (gain, lose, price, ...) decide which split it may belong to, so no story of the test split was ever trained on,
whatever its names, objects and languages. The same sums may have been: tripling and buying three at a price are other
stories.

Plain:  ``Then she has 29 + 6 = 35 cookies.``
Jargon: ``Then she has 29 + 6 = <<29+6=35>>35 cookies.``   (GSM8K's calculator notes; paper 1)
The last line of all is ``#### 35``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from agents.chance import Picks, stable_key
from arena.tasks.arithmetic.solution import STYLES, Style, styled_solution
from arena.tasks.arithmetic.story import Story, make_story, split_of
from arena.tasks.arithmetic.wording import LANGUAGES, Language, wording_of
from arena.tasks.base import SPLITS, Problem, Split, TaskError
from arena.tasks.marks import after_hashes


class Arithmetic:
    """The task: ``size`` problems a split, of one to ``most_steps`` steps, each number of steps equally likely.

    ``style`` and ``language`` are those of the worked solutions; they do not touch the problems. ``question`` is the
    language that the questions are in.
    """

    name = "arithmetic"

    def __init__(
        self,
        seed: int = 0,
        most_steps: int = 4,
        size: int = 1_000_000,
        style: Style = "plain",
        language: Language = "en",
        question: Language = "en",
    ):
        if not 1 <= most_steps <= 8:
            raise TaskError(f"arithmetic: steps must be between 1 and 8, not {most_steps}")
        if style not in STYLES:
            raise TaskError(f"arithmetic: style must be one of {', '.join(STYLES)}, not {style!r}")
        for name, given in (("language", language), ("question", question)):
            if given not in LANGUAGES:
                raise TaskError(f"arithmetic: {name} must be one of {', '.join(LANGUAGES)}, not {given!r}")
        self.seed, self.most_steps, self.size, self.style = seed, most_steps, size, style
        self.language, self.question = language, question
        # Other numbers of steps, seeds and words make other problems, so they have other ids.
        kind = "" if most_steps == 4 else f"-{most_steps}-steps"
        kind += "" if question == "en" else f"-{question}"
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
        question = wording_of(self.question).question(story)
        solution = styled_solution(story, self.style, picks, self.language)
        return Problem(f"{self._prefix}/{split}/{index}", question, str(story.answer), len(story.steps), solution)

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
