"""What a person sees and types on, as the seat of a person (`agents.person`) needs it.

`agents.line_desk` is the plain terminal; an app with windows is another desk at the same seat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.contract import View


@dataclass(frozen=True)
class Asking:
    """What a person is asked for."""

    unit: str
    """Name of the unit rule."""
    held: int | None
    """Units that may be opened; None where there is no end to them."""
    words_left: int
    opening: bool
    """The text must open a unit: it comes after another author's."""
    goes_on: bool
    """Something was typed in this turn already."""
    unfinished: bool
    """Its last unit is not over, so the turn cannot be."""
    stuck: bool
    """Nothing can open here; the solution can only be ended."""
    on_demand: bool
    so_far: str | None
    """The text so far; None where the person has just been told."""
    ahead: str | None
    """A line that was typed before the turn began: Enter takes it."""


class Desk(Protocol):
    """What a person sees and types on. It shows text so that it can break nothing."""

    kind: str
    """What is recorded of it."""
    live: bool
    """Somebody types there now. Else lines lie ready, and each is taken for what is asked next."""

    def open(self, view: View, typed: Callable[[], None]) -> None:
        """An episode begins; ``typed`` is called, in the event loop, when something is typed while nobody waits for it.

        Raises AgentError.
        """
        ...

    def hear(self, author: str, piece: bytes) -> None:
        """A partner is writing."""
        ...

    def wrote(self, author: str, text: str, ended: bool) -> None:
        """A partner wrote this, all of it, whether it was heard before or not."""
        ...

    def ask(self, asking: Asking) -> None: ...

    def notice(self, line: str) -> None: ...

    def show(self, turns: Sequence[tuple[str, str]]) -> None:
        """The whole text, as (author, what it wrote) in order."""
        ...

    async def waiting(self) -> bool:
        """Returns True as soon as there is a line, or will be none any more. Being cancelled, it loses nothing."""
        ...

    def take(self) -> str | None:
        """The next line, without its newline; None where there is none."""
        ...

    def close(self) -> None:
        """The episode is over."""
        ...
