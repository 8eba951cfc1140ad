"""The messages between the researcher's dashboard and the server, as `human.messages` are those of participants.

What stands here is all that a dashboard can know: no outcome, no text, no name of a condition. Whoever can write to
people must not know what they were given.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from human.messages import Count, Message, Name, RefusalError

MESSAGE = 8_192
"""Bytes of a message from a dashboard."""


# From the dashboard


class Enter(Message):
    """The first message."""

    type: Literal["enter"] = "enter"
    token: Name


class Command(Message):
    n: Count
    """Comes back with the answer."""


class PauseStudy(Command):
    """All clocks stand still."""

    type: Literal["pause_study"] = "pause_study"


class GoOn(Command):
    type: Literal["go_on"] = "go_on"


class Tell(Command):
    """Something is said to a participant."""

    type: Literal["tell"] = "tell"
    person: Name
    text: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Revoke(Command):
    """All links and keys of a person end."""

    type: Literal["revoke"] = "revoke"
    person: Name


class NewLink(Command):
    """A new link for a person; the old ones end."""

    type: Literal["new_link"] = "new_link"
    person: Name


FromResearcher = Annotated[Enter | PauseStudy | GoOn | Tell | Revoke | NewLink, Field(discriminator="type")]


# To the dashboard


class Row(Message):
    """A participant. Not the slot: with the study's file it says under which conditions the person works."""

    person: str
    state: str
    step: str
    """The page or trial."""
    finished: int
    """Trials that are over, without practice."""
    connected: bool
    seen: float | None
    """When something happened last, in seconds since 1970."""


class Tally(Message):
    """Trials under a condition, by a letter that says nothing."""

    letter: str
    finished: int


class ProblemTime(Message):
    """Seconds from the first time that somebody was asked to the end."""

    problem: str
    count: int
    median: float
    longest: float


class Overview(Message):
    type: Literal["overview"] = "overview"
    study: str
    draft: bool
    paused: bool
    wanted: int
    """People who are not excluded."""
    trials: int
    """Of a person, without practice."""
    now: float
    states: dict[str, int]
    slots: int
    """That are taken: by who takes part or has finished."""
    over: tuple[str, ...]
    """Why the study's own rule ends it and what follows; nothing while people are wanted."""
    people: tuple[Row, ...]
    conditions: tuple[Tally, ...]
    problems: tuple[ProblemTime, ...]


class Done(Message):
    type: Literal["done"] = "done"
    n: int
    text: str
    link: str = ""
    """Shown once, and stored nowhere."""


class Denied(Message):
    """Nothing was done."""

    type: Literal["denied"] = "denied"
    n: int | None = None
    text: str


ToResearcher = Overview | Done | Denied

_FROM: TypeAdapter[FromResearcher] = TypeAdapter(FromResearcher)


def from_researcher(data: str | bytes) -> FromResearcher:
    """Reads what a dashboard sent. Raises RefusalError."""
    if len(data) > MESSAGE:
        raise RefusalError("too_large", f"a message has at most {MESSAGE} bytes")
    try:
        return _FROM.validate_json(data)
    except (ValidationError, ValueError, RecursionError):
        raise RefusalError("malformed") from None
