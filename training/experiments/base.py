"""What an experiment is: a question, and the arms that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from arena.episode import Episode


class Look(Protocol):
    """Figures of the episodes of one condition, by the names of measures. Values are shares."""

    def __call__(self, arm: Arm, episodes: Sequence[Episode]) -> dict[str, float]: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Arm:
    """One way to train, run under several seeds."""

    name: str
    title: str
    """As tables and plots call it."""
    control: str = ""
    """A control of the recipe."""
    sets: tuple[str, ...] = ()
    """What is given to ``--set`` and, with two dashes in front, as a flag, beside the recipe."""
    partners: tuple[str, ...] = ()
    """Agents with whom the senior is tested after training."""
    told: tuple[str, ...] = ()
    """Languages that the senior alone is asked for after training."""
    seen: str = ""
    """What the experiment's look is to find in this arm: a language, a notation."""
    trained: bool = True
    """Else the senior is tested as it was."""


@dataclass(frozen=True)
class Panel:
    """One plot of a picture: a held-out figure over updates, a line for each arm."""

    title: str
    condition: str
    measure: str
    lines: Mapping[str, str] = field(default_factory=dict)
    """Arms by label; without any all arms, by their titles."""


@dataclass(frozen=True)
class Column:
    """A figure of a table that has a line for each arm."""

    title: str
    split: str
    condition: str
    measure: str


@dataclass(frozen=True)
class Table:
    """A line for each arm, a column for each of these figures: the mean over seeds and its interval."""

    title: str
    columns: tuple[Column, ...]


RIGHT = Table(
    "Right",
    (
        Column("alone, before", "first", "solo:senior", "accuracy"),
        Column("alone, after", "test", "solo:senior", "accuracy"),
        Column("team, before", "first", "team", "accuracy"),
        Column("team, after", "test", "team", "accuracy"),
    ),
)

PANELS = (
    Panel("Jargon, senior alone", "solo:senior", "jargon_rate"),
    Panel("Accuracy, senior alone", "solo:senior", "accuracy"),
    Panel("Accuracy, team", "team", "accuracy"),
)


@dataclass(frozen=True)
class Experiment:
    """A question, and the arms that answer it."""

    question: str
    arms: tuple[Arm, ...]
    recipe: str = "tiny"
    panels: tuple[Panel, ...] = PANELS
    tables: tuple[Table, ...] = ()
    """Without any there is one table with a line for each figure."""
    look: Look | None = None
    """Finds in stored episodes what the metrics do not have."""
    chosen_by: str = ""
    """A held-out figure: the arm with the best mean is chosen by it, and only that one is tested."""
    notes: tuple[str, ...] = field(default_factory=tuple)
    """What a reader must know to read the table."""
