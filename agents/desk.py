"""What a person sees and acts on, as the seat of a person (`agents.person`) needs it.

`agents.line_desk` is the plain terminal; `human.desk` is the same for apps and pages, by messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agents.contract import View

# What a person does


@dataclass(frozen=True)
class Write:
    """Text for the turn. It is joined to what stands there; a line break at its end was asked for."""

    text: str


@dataclass(frozen=True)
class End:
    """The solution ends, with this text before."""

    text: str = ""


@dataclass(frozen=True)
class Give:
    """The pen goes to this agent, to the next one if none is named, with this text before."""

    name: str = ""
    text: str = ""


@dataclass(frozen=True)
class Undo:
    """The last text of this turn is taken back."""


@dataclass(frozen=True)
class Pen:
    """The pen is asked for, while another writes."""


@dataclass(frozen=True)
class Look:
    """Nothing changes; the person wants to see something again."""

    what: Literal["help", "text"]


@dataclass(frozen=True)
class Leave:
    """The person goes; this solution is not kept."""


@dataclass(frozen=True)
class Slip:
    """What was typed is no action; why."""

    why: str


Action = Write | End | Give | Undo | Pen | Look | Leave | Slip


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
    ahead: Action | None
    """What was typed before the turn began: the pen, asked for, takes it."""
    draft: str = ""
    """What was typed in this turn and is not sent yet, as it will stand in the text."""
    would: Callable[[str], str] | None = None
    """What of a text would be kept, as the draft stands; changes nothing. Raises ValueError for what cannot be."""


class Desk(Protocol):
    """What a person sees and acts on. It shows text so that it can break nothing."""

    kind: str
    """What is recorded of it."""
    live: bool
    """Somebody acts there now. Else actions lie ready, and each is taken for what is asked next."""
    hint: str
    """Where help is found, for somebody who did nothing that could be taken; empty where the screen shows it anyway."""

    def open(self, view: View, acted: Callable[[], None]) -> None:
        """An episode begins; ``acted`` is called, in the event loop, when something is done while nobody waits for it.

        Raises AgentError.
        """
        ...

    def hear(self, author: str, piece: bytes) -> None:
        """A partner is writing."""
        ...

    async def room(self) -> None:
        """Returns when nearly all that was heard can be seen."""
        ...

    def wrote(self, author: str, text: str, ended: bool) -> None:
        """A partner wrote this, all of it, whether it was heard before or not."""
        ...

    async def ask(self, asking: Asking) -> None:
        """Shows what is asked for, behind all that partners wrote; returns when it is seen."""
        ...

    def sent(self, text: str, seconds: list[float]) -> None:
        """The person's turn is over: what it added, and the seconds until the first action and in all."""
        ...

    def notice(self, line: str) -> None: ...

    def show(self, turns: Sequence[tuple[str, str]]) -> None:
        """The whole text, as (author, what it wrote) in order."""
        ...

    def help(self) -> None:
        """What can be done here."""
        ...

    async def waiting(self) -> bool:
        """Returns True as soon as there is an action, or will be none any more. Being cancelled, it loses nothing."""
        ...

    def take(self) -> Action | None:
        """The next action; None where there is none."""
        ...

    def now(self) -> float:
        """Seconds on the person's clock, which may have stood still."""
        ...

    async def review(self, ended: str, together: bool) -> dict[str, Any]:
        """The solution is over, its grade not known yet: what the person says of it, as it is recorded.

        ``together``: somebody else wrote in it.
        """
        ...

    def close(self) -> None:
        """The episode is over."""
        ...
