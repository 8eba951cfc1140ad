"""A language's words for stories and solutions. All languages tell the same story, number by number."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from arena.tasks.arithmetic.story import Step, Story

Language = Literal["en", "fr", "de", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_MODULES = {"en": "english", "fr": "french", "de": "german", "zh": "chinese"}


@dataclass(frozen=True)
class Noun:
    """A thing that is counted."""

    many: str
    """Behind a number; with its measure word, where the language has those."""
    of: str = ""
    """Behind "how many"; as ``many`` if it is empty."""
    bare: str = ""
    """By itself; as ``many`` if it is empty."""


@dataclass(frozen=True)
class Wording:
    """Templates of a language. They may name ``name``, ``other``, ``she`` and ``She`` (the pronoun, also he), ``n``
    (the number that is told), ``things`` (a noun's ``many``), ``of_things``, ``bare_things`` and ``each`` (a measure
    word)."""

    language: Language
    pronouns: tuple[str, str]
    """Of a woman, of a man."""
    things: tuple[Noun, ...]
    opening: str
    told: Mapping[str, tuple[str, ...]]
    """By kind of step: the ways to tell it."""
    asked: Mapping[str, str]
    """By kind of the last step; ``now`` for all others."""
    leads: Mapping[str, tuple[str, ...]]
    """By kind of step: how its line of the solution begins, by link; ``now`` for all others."""
    money: str
    """Behind a sum of money."""
    stop: str = "."
    between: str = " "
    """Between two sentences of a question."""
    each: tuple[str, ...] = ()
    """Measure words, by thing, where the language has them."""

    def question(self, story: Story) -> str:
        """The whole question."""
        asked = self.asked.get(story.steps[-1].kind, self.asked["now"])
        told = [self.told[step.kind][step.way].format(n=step.right, **_names(self, story)) for step in story.steps]
        opening = self.opening.format(n=story.start, **_names(self, story))
        return self.between.join([opening, *told, asked.format(**_names(self, story))])

    def lead(self, story: Story, step: Step) -> str:
        """What stands before the calculation in a step's line of the solution."""
        leads = self.leads.get(step.kind, self.leads["now"])
        return leads[step.link if len(leads) > 1 else 0].format(**_names(self, story))

    def tail(self, story: Story, step: Step) -> str:
        """What stands behind the result."""
        return self.money if step.kind == "price" else self.things[story.thing].many

    def line(self, story: Story, step: Step, calculation: str) -> str:
        """A line of the solution."""
        return f"{self.lead(story, step)} {calculation} {self.tail(story, step)}{self.stop}"

    def vocabulary(self) -> frozenset[str]:
        """Everything that can stand before or behind a calculation, names aside: phrases, not words."""
        names = {"name": "", "other": ""}
        leads = {
            lead.format(she=she, She=she, **names)
            for many in self.leads.values()
            for lead in many
            for she in self.pronouns
        }
        return frozenset({*leads, self.money, *(noun.many for noun in self.things)})


def _names(wording: Wording, story: Story) -> dict[str, Any]:
    she = wording.pronouns[0 if story.she else 1]
    noun = wording.things[story.thing]
    return {
        "name": story.name,
        "other": story.other,
        "she": she,
        "She": she[:1].upper() + she[1:],
        "things": noun.many,
        "of_things": noun.of or noun.many,
        "bare_things": noun.bare or noun.many,
        "each": wording.each[story.thing] if wording.each else "",
    }


@cache
def wording_of(language: Language) -> Wording:
    """The words of a language."""
    module = importlib.import_module(f"arena.tasks.arithmetic.languages.{_MODULES[language]}")
    found: Wording = module.WORDING
    return found


def wordings() -> Iterator[Wording]:
    """Those of all languages."""
    return (wording_of(language) for language in LANGUAGES)
