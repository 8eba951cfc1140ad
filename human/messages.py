"""The messages between a person's screen and whoever plays with the person.

The app, the page, line mode and bots all speak them: over a websocket as JSON, in one process as they are. The screen
knows nothing but what it was told: no answer, no condition, and no text before it is to be seen.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

VERSION = 1
TEXT = 8_000
"""Characters of a text that a person sends at once."""
MESSAGE = 65_536
"""Bytes of a message from a person."""

Text = Annotated[str, StringConstraints(max_length=TEXT)]
Name = Annotated[str, StringConstraints(max_length=200)]
Count = Annotated[int, Field(ge=0, le=2**31)]


class Message(BaseModel):
    """Exactly its fields, exactly of their types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


# From the person's screen


class Join(Message):
    """The first message. ``token`` is the one of a personal link, ``key`` what was given for it."""

    type: Literal["join"] = "join"
    token: Name = ""
    key: Name = ""
    client: Literal["app", "page", "line", "bot"]
    version: Count = VERSION


class Numbered(Message):
    """Something that is done once, and recorded before it is acknowledged."""

    n: Annotated[int, Field(ge=1, le=2**31)]
    """Counts on by one in the person's session; what was done already is acknowledged again, and not done again."""


class Answer(Numbered):
    """The answers of a screen, by the ids of its questions."""

    type: Literal["answer"] = "answer"
    screen: Name
    answers: dict[Name, Text | int | float | None] = Field(default={}, max_length=100)


class InTurn(Numbered):
    """Part of the turn that was asked for by this number."""

    turn: Count


class Write(InTurn):
    """Text for the turn; a line break at its end was asked for."""

    type: Literal["write"] = "write"
    text: Text


class End(InTurn):
    """The solution ends, with this text before."""

    type: Literal["end"] = "end"
    text: Text = ""


class Give(InTurn):
    """The pen goes to the partner, with this text before."""

    type: Literal["give"] = "give"
    text: Text = ""


class Undo(InTurn):
    """The last text of this turn is taken back."""

    type: Literal["undo"] = "undo"


class Pen(Numbered):
    """The pen is asked for, while the partner writes."""

    type: Literal["pen"] = "pen"


class Pause(Numbered):
    """The clock is to stand still, and nothing to be seen meanwhile."""

    type: Literal["pause"] = "pause"


class Resume(Numbered):
    type: Literal["resume"] = "resume"


class Extend(Numbered):
    """More time, where the study allows it."""

    type: Literal["extend"] = "extend"


class Note(Numbered):
    """What happened at the screen and means nothing to the solution."""

    type: Literal["note"] = "note"
    what: Literal["focus_lost", "focus_back", "pasted", "copied"]
    characters: Count = 0


class Leave(Numbered):
    """The person goes, and may come back."""

    type: Literal["leave"] = "leave"


class Withdraw(Numbered):
    """The person goes for good: what is stored of it is to be deleted."""

    type: Literal["withdraw"] = "withdraw"


class Try(Message):
    """What of this text would be kept? Nothing is done, nothing recorded."""

    type: Literal["try"] = "try"
    number: Count
    text: Text


FromPerson = Annotated[
    Join | Answer | Write | End | Give | Undo | Pen | Pause | Resume | Extend | Note | Leave | Withdraw | Try,
    Field(discriminator="type"),
]

# To the person's screen


class Question(Message):
    """One question of a form."""

    id: str
    text: str
    kind: Literal["choice", "scale", "number", "text"]
    options: tuple[str, ...] = ()
    """Of a choice; of a scale the words at its two ends."""
    low: int = 1
    high: int = 7
    """Ends of a scale."""
    optional: bool = False


class Welcome(Message):
    """The session is this screen's now."""

    type: Literal["welcome"] = "welcome"
    key: str = ""
    """To come back with; only where a link's token was given for it."""
    last: int = 0
    """The last ``n`` that was done."""
    title: str = ""
    can_extend: bool = False
    can_withdraw: bool = False


class Page(Message):
    """Something to read and, perhaps, to answer: it stays until an Answer for it has come."""

    type: Literal["page"] = "page"
    id: str
    title: str
    text: tuple[str, ...] = ()
    """Paragraphs."""
    questions: tuple[Question, ...] = ()
    button: str = "Go on"
    wrong: tuple[str, ...] = ()
    """Ids of questions whose answers were not right, where they are asked again."""
    last: bool = False
    """Nothing comes after it, and it wants no answer."""
    problem: str = ""
    """The problem that it is about, by its id: its solution stays in sight. None: the page stands alone."""


class Problem(Message):
    """A problem is to be solved."""

    type: Literal["problem"] = "problem"
    id: str
    question: str
    authors: tuple[str, ...]
    """Names as they are to be shown; the person's own is the first."""
    number: int = 0
    of: int = 0
    form: str = ""
    """How an answer is marked, by example: ``#### 12``. None: whoever asks says it elsewhere."""


class Said(Message):
    """Text that an author (index) has written, to be added to the solution."""

    type: Literal["said"] = "said"
    author: int
    text: str


class Whole(Message):
    """The solution so far, in place of what is shown."""

    type: Literal["whole"] = "whole"
    turns: tuple[tuple[int, str], ...]


class Ask(Message):
    """It is the person's turn."""

    type: Literal["ask"] = "ask"
    turn: int
    unit: str
    held: int | None
    """Units that may be opened; None where there is no end to them."""
    words_left: int
    opening: bool
    goes_on: bool
    unfinished: bool
    stuck: bool
    on_demand: bool
    draft: str = ""
    """What was typed in this turn and is not sent yet."""


class Writing(Message):
    """A partner (index) writes."""

    type: Literal["writing"] = "writing"
    author: int
    may_take: bool = False
    """The pen can be asked for."""


class Fits(Message):
    """The answer to Try."""

    type: Literal["fits"] = "fits"
    number: int
    kept: str = ""
    all: bool = False
    why: str = ""
    """Why nothing can be kept."""


class Notice(Message):
    type: Literal["notice"] = "notice"
    text: str


class Time(Message):
    """The clock of this problem."""

    type: Literal["time"] = "time"
    spent: float
    limit: float | None = None
    running: bool = True
    why: str = ""
    """Why it stands."""


class Over(Message):
    """The solution is over."""

    type: Literal["over"] = "over"
    ended: str


class Graded(Message):
    """Never in a study."""

    type: Literal["graded"] = "graded"
    verdict: str
    answer: str | None = None
    expected: str | None = None
    reason: str = ""


class Ack(Message):
    """This is recorded."""

    type: Literal["ack"] = "ack"
    n: int


class Refused(Message):
    """Nothing was done; ``name`` is one of `ERRORS`."""

    type: Literal["refused"] = "refused"
    n: int | None = None
    name: str
    text: str


class FromResearcher(Message):
    type: Literal["from_researcher"] = "from_researcher"
    text: str


class Bye(Message):
    """The connection ends."""

    type: Literal["bye"] = "bye"
    name: str
    text: str


ToPerson = Annotated[
    Welcome
    | Page
    | Problem
    | Said
    | Whole
    | Ask
    | Writing
    | Fits
    | Notice
    | Time
    | Over
    | Graded
    | Ack
    | Refused
    | FromResearcher
    | Bye,
    Field(discriminator="type"),
]

ERRORS = {
    "malformed": "no message: its form is not one of those that are known",
    "too_large": f"a message has at most {MESSAGE} bytes",
    "not_joined": "the first message must be a join",
    "out_of_order": "a message before it is missing",
    "not_your_turn": "this turn is not yours, or is over",
    "not_this_screen": "another screen is shown",
    "not_answered": "a question is not answered, or not as it can be",
    "not_allowed": "this study does not allow it",
    "paused": "the clock stands still",
    "too_fast": "too many messages",
}
"""Every error that a person's screen is told, by name."""


class RefusalError(Exception):
    """A message is refused, by the name of an error."""

    def __init__(self, name: str, text: str = ""):
        super().__init__(text or ERRORS[name])
        self.name = name


_FROM: TypeAdapter[FromPerson] = TypeAdapter(FromPerson)
_TO: TypeAdapter[ToPerson] = TypeAdapter(ToPerson)


def from_person(data: str | bytes) -> FromPerson:
    """Reads what a screen sent. Raises RefusalError."""
    if len(data) > MESSAGE:
        raise RefusalError("too_large")
    try:
        return _FROM.validate_json(data)
    except (ValidationError, ValueError, RecursionError):
        raise RefusalError("malformed") from None


def to_person(data: str | bytes) -> ToPerson:
    """Reads what a screen is told. Raises ValueError."""
    return _TO.validate_json(data)
