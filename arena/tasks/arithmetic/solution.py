"""Worked solutions of a story: in a language and a style of calculation, or switching between languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agents.chance import Picks
from agents.units import RULES
from arena.tasks.arithmetic.notation import Notation, worked
from arena.tasks.arithmetic.story import Step, Story
from arena.tasks.arithmetic.wording import Language, Wording, wording_of

Style = Literal["plain", "jargon", "mixed", "rpn", "mixed-rpn", "codes", "mixed-codes"]
"""``jargon`` is the notation ``calculator``; a mixed style writes each step plainly or not, by a fair pick."""
STYLES: tuple[Style, ...] = get_args(Style)
NOTATION_OF: Mapping[Style, Notation] = {
    "plain": "plain",
    "jargon": "calculator",
    "mixed": "calculator",
    "rpn": "rpn",
    "mixed-rpn": "rpn",
    "codes": "codes",
    "mixed-codes": "codes",
}
"""The notation that a style uses, in all its steps or in some."""


def last_line(story: Story) -> str:
    """The answer as it is marked, in every language and notation."""
    return f"#### {story.answer}"


def solution(story: Story, notations: Sequence[Notation], language: Language = "en") -> str:
    """The worked solution, with a notation for each step."""
    wording = wording_of(language)
    lines = [
        wording.line(story, step, worked(step, notation)) for step, notation in zip(story.steps, notations, strict=True)
    ]
    return "\n".join([*lines, last_line(story)])


def styled_solution(story: Story, style: Style, picks: Picks, language: Language = "en") -> str:
    """The solution in a style."""
    notation = NOTATION_OF[style]
    if style.startswith("mixed"):
        notations = [notation if picks.between(0, 1) else "plain" for _ in story.steps]
        return solution(story, notations, language)
    return solution(story, [notation] * len(story.steps), language)


@dataclass(frozen=True)
class Piece:
    """Part of a solution, and the language of whoever wrote it."""

    text: str
    language: Language


def switched(story: Story, languages: Sequence[Language], chance: float, picks: Picks) -> list[Piece]:
    """A solution whose writer, and with it the language, may change at every word, as in a team.

    After each word another of the languages goes on with this chance, where the first had come in the same line: as
    far in its own words before the calculation, or behind it. Pieces are words with the space before them.
    """
    now = picks.one_of(languages)
    out: list[Piece] = []
    for step in story.steps:
        parts = {language: _words(wording_of(language), story, step) for language in languages}
        for part in range(3):
            done = 0.0
            while done < 1:
                words = parts[now][part]
                at = min(len(words), round(done * len(words)))
                if at == len(words):
                    break
                out.append(Piece(words[at], now))
                done = (at + 1) / len(words)
                if picks.uniform() < chance and len(languages) > 1:
                    now = picks.one_of([one for one in languages if one != now])
        out.append(Piece("\n", now))
    return [*out, Piece(last_line(story), now)]


def _words(wording: Wording, story: Story, step: Step) -> tuple[list[str], list[str], list[str]]:
    """A line's words before the calculation, those of the calculation, and those behind it."""
    split = RULES["word"].split
    lead, tail = wording.lead(story, step), wording.tail(story, step)
    return (
        split(lead),
        [f" {word}" for word in worked(step, "plain").split(" ")],
        split(f" {tail}{wording.stop}"),
    )
