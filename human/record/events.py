"""One line of the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "joined",  # a screen came: which client
    "gone",  # it went, or was replaced
    "restarted",  # the server began again and found this person in the middle
    "answered",  # a page, with what was answered
    "shown",  # all that stands before the person's turn is on the screen
    "turn",  # an author's turn in a trial, as it counts
    "over",  # a solution has ended, and how: from here on it can only be rated
    "did",  # an action in a trial: write, end, give, undo, pen
    "paused",
    "resumed",
    "extended",
    "focus_lost",
    "focus_back",
    "pasted",
    "copied",
    "episode",  # a trial is over, graded
    "slot",  # a place in the plan was given
    "finished",
    "declined",
    "left",
    "excluded",
    "withdrew",
    "revoked",
    "link",  # a link was made
    "message",  # from the researcher
    "study_paused",
    "study_resumed",
    "grade",
]

BY_RESEARCHER: tuple[Kind, ...] = ("link", "message", "revoked")
"""Events of a person that the person had no part in."""


@dataclass(frozen=True)
class Event:
    """Something that happened. Nothing of it is changed later; withdrawal deletes it."""

    person: str
    """A pseudonym; empty for what concerns the whole study."""
    kind: Kind
    trial: str = ""
    clock: float | None = None
    """Seconds on the trial's clock."""
    n: int | None = None
    """The number of the person's message that did it."""
    data: dict[str, Any] = field(default_factory=dict)
    seq: int = 0
    """Its place in the record, from 1."""
    at: float = 0.0
    """Seconds since 1970 (UTC)."""
