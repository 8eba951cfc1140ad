"""What a model is shown: problems with solutions in some notation, or in some language under a tag of its own.

A subject is what all models of one tokeniser have in common. Its lessons are what a stage of training mixes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from agents.chance import Picks
from arena.tasks.arithmetic import Arithmetic
from arena.tasks.arithmetic.notation import Notation
from arena.tasks.arithmetic.solution import Style, solution, styled_solution, switched
from arena.tasks.arithmetic.story import Story
from arena.tasks.arithmetic.wording import Language, wording_of

SWITCH = 0.5
"""The chance after each word that another goes on, where two write: that of word:p=0.5."""
SAMPLE = 20_000
"""Problems that the tokeniser is trained on, and that a token must occur in to be drawn."""


class Shown(NamedTuple):
    """One problem as it is shown: the prompt, and the solution in parts, of which some are learnt."""

    prompt: str
    solution: list[tuple[str, bool]]


class Lesson(Protocol):
    """One way to show a problem."""

    @property
    def name(self) -> str:
        """As the card calls it."""
        ...

    def show(self, story: Story, picks: Picks) -> Shown: ...


@dataclass(frozen=True)
class Subject:
    """The problems of a family of models, and their tokeniser."""

    task: Arithmetic
    pieces: str
    """Pre-tokeniser: what a token cannot span."""
    vocabulary: int
    built_in: str
    """What a card says of the effect that these models were made for."""
    notations: tuple[Notation, ...] = ("plain", "calculator")
    languages: tuple[Language, ...] = ("en",)

    def sample(self) -> Iterator[str]:
        """Texts that the tokeniser is trained on: each problem in one notation and one language, in turns.

        With several languages each is told by a tag, so that a tag is one token.
        """
        for index in range(SAMPLE):
            story = self.task.story("train", index)
            language = self.languages[index % len(self.languages)]
            notation = self.notations[(index + 1) % len(self.notations)]
            tag = f"{language}\n" if len(self.languages) > 1 else ""
            yield tag + self._text(story, language, notation)

    def everything(self) -> Iterator[str]:
        """The same problems in all of them."""
        for index in range(SAMPLE):
            story = self.task.story("train", index)
            for language in self.languages:
                for notation in self.notations:
                    yield self._text(story, language, notation)

    def _text(self, story: Story, language: Language, notation: Notation) -> str:
        question = wording_of(language).question(story)
        return f"{question}\n{solution(story, [notation] * len(story.steps), language)}"


@dataclass(frozen=True)
class Styled:
    """English, in a style."""

    style: Style

    @property
    def name(self) -> str:
        return self.style

    def show(self, story: Story, picks: Picks) -> Shown:
        prompt = wording_of("en").question(story) + "\n"
        return Shown(prompt, [(styled_solution(story, self.style, picks), True)])


@dataclass(frozen=True)
class Spoken:
    """Plain, in a language. ``tag`` is the line before the question that asks for one; "" is no line.

    ``beside``: another, who writes one of these, may go on after every word; of such a solution only the own words are
    learnt: to go on from the other's without writing as it does.
    """

    writes: Language
    tag: Language | Literal[""] = ""
    beside: tuple[Language, ...] = ()
    question: Language = "en"

    @property
    def name(self) -> str:
        beside = f" beside {', '.join(self.beside)}" if self.beside else ""
        told = f", told {self.tag!r}" if self.tag else ""
        asked = f", asked in {self.question}" if self.question != "en" else ""
        return self.writes + beside + told + asked

    def show(self, story: Story, picks: Picks) -> Shown:
        prompt = (f"{self.tag}\n" if self.tag else "") + wording_of(self.question).question(story) + "\n"
        languages = (self.writes, picks.one_of(self.beside)) if self.beside else (self.writes,)
        parts = switched(story, languages, SWITCH, picks)
        return Shown(prompt, [(piece.text, piece.language == self.writes) for piece in parts])
