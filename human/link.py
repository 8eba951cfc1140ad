"""What a person's screen holds on to: a way to send messages and to be told others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from human.messages import Numbered, Refused, ToPerson, Try

UNCOUNTED = 1
"""The number of a message that its link has not counted yet."""


@dataclass(frozen=True)
class NotDone:
    """Something that was sent was refused, and why: only the link knows which, as it counts what is sent."""

    message: Numbered
    why: Refused


FromLink = ToPerson | NotDone


class Link(Protocol):
    """To whoever plays with the person. All of it is used in the screen's event loop."""

    on_leaving: str
    """What becomes of it all when the person leaves; that is asked first."""

    def send(self, message: Numbered | Try) -> None:
        """Sends; a message that is counted gets its number here."""
        ...

    def told(self) -> AsyncIterator[FromLink]:
        """What the screen is told, until nothing comes any more."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing can be sent just now, or nothing."""
        ...
