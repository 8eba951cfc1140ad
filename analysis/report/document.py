"""A report as data: sections of sentences, tables and pictures, which any of the renderers can write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.pictures import Picture
from arena.episode import Episode

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Grid:
    """A table: texts, as they are read."""

    name: str
    """Of its file."""
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    data: pd.DataFrame | None = None
    """The same in numbers, where there is more to it than the texts."""


@dataclass(frozen=True)
class Example:
    """An episode that is shown, and the rule by which it was chosen."""

    title: str
    rule: str
    episode: Episode


@dataclass(frozen=True)
class Section:
    """What stands under one heading, in this order."""

    title: str
    sentences: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    pictures: tuple[Picture, ...] = ()
    examples: tuple[Example, ...] = ()
    items: tuple[str, ...] = ()
    """A list."""
    code: tuple[str, ...] = ()
    """Commands."""


@dataclass
class Document:
    """A whole report."""

    title: str
    answer: Sequence[str]
    """The answer first: a sentence or two with their intervals."""
    sections: list[Section] = field(default_factory=list)
    made: str = ""
    """By which version, and from which draws."""

    @property
    def pictures(self) -> list[Picture]:
        return [one for section in self.sections for one in section.pictures]

    @property
    def grids(self) -> list[Grid]:
        return [one for section in self.sections for one in section.grids]
