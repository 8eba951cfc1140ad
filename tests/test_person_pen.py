"""A person and the pen on demand: given, taken, and where it cannot go."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from agents.chance import Chance
from agents.contract import Seat, Span, Turn
from agents.draft import Draft
from agents.line_desk import TerminalDesk
from agents.person import Person
from arena.policy import parse
from arena.reference import Played, play
from tests.models import embedded
from tests.typed import episode, parts, seat_of, turn


class Giving:
    """A partner that writes a text a turn and gives the pen away after it."""

    def __init__(self, texts: list[str]):
        self.texts = texts

    async def write(self, turn: Turn) -> Span:
        return Span("senior", self.texts.pop(0), asks="ann")

    def read(self, span: Span) -> None: ...

    def leave(self) -> None: ...

    def record(self) -> dict[str, Any]:
        return {}


def test_the_pen_is_given_and_comes_back() -> None:
    shown = io.StringIO()
    ann = seat_of(Person(TerminalDesk(io.StringIO("One\ntwo\n/undo\n/give\nthree.\n/give\n/end\n"), shown)))
    seats: dict[str, Seat] = {"senior": Giving(["So", " then", " more"]), "ann": ann}
    made: Played = asyncio.run(play(seats, parse("word:demand"), Chance(0, 0), limit=50))
    assert [(span.author, span.text) for span in made.spans] == [
        ("senior", "So"),
        ("ann", " One"),
        ("senior", " then"),
        ("ann", " three."),
        ("senior", " more"),
        ("ann", ""),
    ]
    assert made.pens == ((1, "ann"), (2, "senior"), (3, "ann"), (4, "senior"), (5, "ann"))
    assert "your turn: new words until /give or /end (49 words left)\n" in shown.getvalue()
    ann.leave()


def test_the_pen_is_taken_from_a_model() -> None:
    """By an empty line, while it writes: it moves in the middle of the model's text, at a word."""
    lines = "\nWell then,\n/give\n\nso\n/give senior\n\n/end #### 7\n"
    made, shown = episode(lines, "word:demand", embedded("senior"), pair="senior:ann")
    assert [author for author, _ in parts(made)] == ["senior", "ann"] * 2 + ["senior", "ann"]
    assert [text for author, text in parts(made) if author == "ann"] == [" Well then,", " so", "\n#### 7"]
    assert [name for _, name in made.pens or ()] == ["ann", "senior", "ann", "senior", "ann"]
    assert "you asked for the pen; where it is handed over on demand, it comes with the next unit\n" in shown
    assert shown.count("you asked for the pen; it comes with the next unit\n") == 2


def test_the_pen_stays_where_it_cannot_go() -> None:
    shown = io.StringIO()
    lines = "/give\n/give bob\nOne\n/give\nmore.\n/give senior\n"
    ann = seat_of(Person(TerminalDesk(io.StringIO(lines), shown)))
    span = asyncio.run(ann.write(turn("sentence", demand=True)))
    assert span == Span("ann", "One more.", asks="senior")
    assert "stays with you: there is no bob; there is senior\n" in shown.getvalue()
    assert "stays with you: the sentence is not over" in shown.getvalue()
    assert "stays with you: whoever has it writes something before it goes on\n" in shown.getvalue()
    ann.leave()
    made, said = episode("One\n/give\n/end\n", "word:solo=ann")
    assert made.text == "One"
    assert "the pen stays with you: it is not handed over on demand here\n" in said


def test_what_is_asked_for_meanwhile_takes_nothing_from_what_is_typed() -> None:
    """The loop moves the pen where a unit is first looked at."""
    pens: list[int] = []
    asked: list[str] = []

    def holds(unit: int) -> bool:
        while asked and asked.pop():
            pens.append(max(unit, 1))
        return not pens or unit < pens[0]

    draft = Draft(turn(holds=holds, demand=True), "")
    draft.add("One two")
    asked.append("senior")
    assert draft.finished() == "One two"
    assert pens == [2]
