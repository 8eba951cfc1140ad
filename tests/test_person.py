"""A person in a plain terminal: whole episodes typed through pipes, and what the seat and the desk promise."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chance import Chance
from agents.contract import Agent, AgentError, Listener, Seat, Span, Turn, View
from agents.desk import Slip, Write
from agents.draft import Draft
from agents.line_commands import action_of, line_of
from agents.line_desk import TerminalDesk, reader_of
from agents.person import Person, PersonSeat
from agents.plain import cleaned, inline, visible
from agents.scripted import Reciting, Scripted
from agents.units import RULES
from arena import terminal
from arena.engines import ReferenceEngine, play_job
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.reference import Begun, Played, play
from arena.tasks import Problem
from tests.models import embedded
from tests.running import ENVIRONMENT, ROOT

PARTNER = "the cat. Sat on!\n\nIt {end}"


def episodes(
    lines: str,
    handoff: str,
    partner: Agent | str = PARTNER,
    *,
    count: int = 1,
    limit: int = 60,
    pair: str = "ann:senior",
) -> tuple[list[Episode], str]:
    """Episodes of a person (ann) who types these lines, and all that she is shown; every episode is proven."""
    shown = io.StringIO()
    partner = Reciting(partner) if isinstance(partner, str) else partner
    agents: dict[str, Agent] = {"ann": Person(TerminalDesk(io.StringIO(lines), shown)), "senior": partner}
    names = tuple(pair.split(":"))
    engine = ReferenceEngine({name: agents[name] for name in names}, seed=3, limit=limit)
    jobs = [Job(Problem(f"p/{n}", "How many?", "1"), 0, parse(handoff).check(names), names) for n in range(count)]
    made = list(engine.episodes(jobs))
    assert [problems_of(episode) for episode in made] == [[]] * count
    return made, shown.getvalue()


def episode(lines: str, handoff: str, partner: Agent | str = PARTNER, **options: Any) -> tuple[Episode, str]:
    (made,), shown = episodes(lines, handoff, partner, **options)
    return made, shown


def parts(episode: Episode) -> list[tuple[str, str]]:
    """(author, text) of every turn; who only ended it is left out."""
    return [(span.author, episode.text[span.start : span.end]) for span in episode.spans if span.end > span.start]


# What is written, by rule


@pytest.mark.parametrize(
    ("handoff", "lines", "text"),
    [
        ("word:alternate", "One\ntwo\n/end three\n", "One the two cat. three"),
        (
            "sentence:alternate",
            "One two.\nThree\nfour!\n/end #### 5\n",
            "One two. the cat. Three four! Sat on!\n#### 5",
        ),
        ("line:alternate", "One two\nThree\n/end Four\n", "One two\nthe cat. Sat on!\nThree\n\nFour"),
        ("paragraph:alternate", "One\\\ntwo\nThree\n/end\n", "One\ntwo\n\nthe cat. Sat on!\n\nThree\n\nIt "),
        ("token:alternate", "O\n/end n\n", "Otn"),
        ("solution:solo=ann", "One\ntwo.\nThree\\\nFour\n/end\n", "One two. Three\nFour"),
        ("word:solo=ann", "One 2\n, 3\n= (4\n)\n/newline\n中\n文 \\\n#### 5\n/end\n", "One 2, 3 = (4)\n中文 \n#### 5"),
    ],
)
def test_lines_become_units(handoff: str, lines: str, text: str) -> None:
    made, _ = episode(lines, handoff)
    assert (made.text, made.ended) == (text, "end")


def test_under_spaced_tokens_a_space_closes_each_piece() -> None:
    made, _ = episode("One\n/end two\n", "spaced-token:alternate", "the cat ")
    assert made.text == "One the two"


def test_a_turn_goes_on_until_the_units_that_are_held_are_written() -> None:
    made, shown = episode("One\ntwo three four\n/end\n", "word:script=ann,ann,ann,senior,ann")
    assert parts(made) == [("ann", "One two three"), ("senior", " the")]
    assert "your turn: 3 words (60 words left)\n> One\ngo on: 2 more words (59 words left)\n" in shown
    assert "kept: two three; not taken: four\nsenior: the\n" in shown
    assert "your turn: new words until /end (56 words left)\nso far: One two three the\n" in shown


def test_what_the_text_needs_to_open_is_put_before_it_and_said() -> None:
    made, shown = episode("cat\n)\n=\n#### \n/end\n", "word:alternate", "a b c d e f", pair="senior:ann")
    assert made.text == "a cat b ) c = d\n#### e"
    assert shown.count("a space was put before it; this is not said again\n") == 1
    assert shown.count("a line break was put before it\n") == 1


def test_the_length_is_counted_in_words_and_cuts() -> None:
    made, shown = episode("One two three four\n", "word:solo=ann", limit=3)
    assert (made.text, made.ended) == ("One two three", "limit")
    assert "kept: One two three; not taken: four\n" in shown
    made, shown = episode("/newline\nOne\n", "word:solo=ann", limit=1)
    assert (made.text, made.ended) == ("One", "limit")
    assert "not taken: white space cannot be all of it\n" in shown


def test_an_end_that_does_not_fit_is_not_taken() -> None:
    made, shown = episode("/end #### 12\n/end 12.\n", "word:alternate")
    assert made.text == "12."
    assert "not taken, and not ended: only #### would fit into your turn\n" in shown


def test_mistakes_are_asked_again() -> None:
    made, shown = episode(
        "\n/nope\n/give\n/undo\n/End\n//\n/text\nx\n/undo\n/text\n/end\n", "word:script=ann,ann,ann,senior"
    )
    assert made.text == "/"
    for said in (
        "nothing was typed;",
        "there is no /nope;",
        "the pen stays with you: it is",
        "nothing was typed in this",
    ):
        assert said in shown
    assert shown.count("your turn: 3 words (60 words left)\n") == 6


def test_help_names_every_command_and_text_shows_who_wrote_what() -> None:
    _, shown = episode("/help\n/text\nOne\n/text\ntwo\n/text\n/end\n", "word:script=ann,ann,senior,ann,ann")
    for command in ("/end", "/give", "/undo", "/newline", "/text", "/help", "/quit", "//"):
        assert command in shown
    assert "nothing is written yet\n" in shown
    assert "[ann, not sent yet]One\n" in shown
    made, shown = episode("One\ntwo\n/text\n/end\n", "word:alternate", "a b")
    assert "[ann]One\n[senior] a\n[ann] two\n[senior] b\n" in shown
    assert made.views["ann"]["person"] == "line mode"
    assert len(made.views["ann"]["seconds"]) == 3


def test_the_embedded_senior_and_a_person() -> None:
    for handoff in ("word:p=0.5", "sentence:alternate", "word:once=0.5"):
        policy = handoff if "once" not in handoff else "word:script=senior,senior,senior,ann"
        made, shown = episode(
            "so that is.\nit.\n" * 30 + "/end\n", policy, embedded("senior"), pair="senior:ann", limit=30
        )
        assert {span.author for span in made.spans} == {"senior", "ann"}
        for author, text in parts(made):
            assert author == "ann" or f"senior: {inline(text)}\n" in shown


# What is shown


def test_a_partner_cannot_move_the_cursor() -> None:
    _, shown = episode(
        "/end\n", "sentence:script=senior,ann", "\x1b[2J\x07\u202e\x9b1;31mevil\r\ttab. ", pair="senior:ann"
    )
    assert not [c for c in shown if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")]
    assert "evil" in shown


def test_visible_is_what_the_rest_of_the_program_shows() -> None:
    text = "".join(map(chr, [*range(0x250), *range(0x2000, 0x2070), 0x200D, 0xFEFF, 0xD800]))
    assert visible(text) == terminal.visible(text)


def test_joiners_are_shown_as_themselves_and_what_turns_text_round_is_not() -> None:
    text = "می\u200cخواهم 👩\u200d👧 क्\u200dष"
    assert visible(text) == text
    assert inline(text) == text
    turning = "\u202e\u2066\u200e\u200f\u061c\u200b\ufeff\u00ad"
    assert visible(turning) == "".join(f"<U+{ord(one):04X}>" for one in turning)


def test_what_is_heard_is_said_sentence_by_sentence_and_once() -> None:
    shown = io.StringIO()
    desk = TerminalDesk(io.StringIO(), shown)
    seat = seat_of(Person(desk))
    shown.truncate(0)
    shown.seek(0)
    pieces = ["She ", "has 3", ".5 p", "ens. Th", "en", " more\n#### ", "1", "2"]
    for piece in pieces:
        seat.hear("senior", piece.encode())
    seat.hear("ann", b"her own")
    assert shown.getvalue() == "senior: She has 3.5 pens.\nsenior: Then more\n"
    seat.read(Span("senior", "".join(pieces), ended=True))
    assert shown.getvalue().endswith("more\nsenior: (line break) #### 12\nsenior ends the solution\n")
    for piece in ("文。", "ab. ", "cd"):
        seat.hear("senior", piece.encode())
    seat.read(Span("senior", "文", cut=True))  # it was stopped, and what it had begun does not count
    assert shown.getvalue().endswith("senior: 文。ab.\nsenior (what counts of it): 文\n")
    seat.leave()


# Odd characters


def test_control_characters_are_taken_out_of_what_is_typed() -> None:
    assert cleaned("a\x1b[31mb\x1b[0m\x1b[D\x1bOAc\x1b]0;title\x07d\x00\x7f\x85\ud800\te\x1b") == "abcd\te"
    assert cleaned("שלום \u200fعا\u200cلم e\u0301 👩\u200d👧 中文") == "שלום \u200fعا\u200cلم e\u0301 👩\u200d👧 中文"
    made, shown = episode("o\x1b[Dne\n/end\n", "word:alternate", "a")
    assert made.text == "one a"
    assert "control characters were taken out\n" in shown


def test_bytes_that_are_no_text_are_taken_out() -> None:
    with typist() as (write, stream):
        write(b"caf\xe9 \xf0\x9f\r\n/end\n")
        shown = io.StringIO()
        agents: dict[str, Agent] = {"ann": Person(TerminalDesk(stream, shown))}
        (made,) = ReferenceEngine(agents, seed=0, limit=9).episodes([job("word:solo", "ann")])
    assert made.text == "caf"
    assert "control characters were taken out\n" in shown.getvalue()


def test_every_ideograph_is_a_word_and_marks_stay_with_their_letter() -> None:
    made, shown = episode("中文\ne\u0301te\u0301 x\nשלום\n/end\n", "word:alternate", "a b c")
    assert made.text == "中a e\u0301te\u0301 b שלום c"
    assert "kept: 中; not taken: 文\n" in shown


def test_an_output_that_cannot_spell_it_is_no_mistake() -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    seat = seat_of(Person(TerminalDesk(io.StringIO(), shown)))
    seat.read(Span("senior", "é"))
    shown.seek(0)
    assert "senior: \\xe9\n" in shown.read()
    seat.leave()


BITS = ["a", "Foo", "3", ".", ",", "!", "=", "####", " ", "\t", "\\", "中", "。", "❤\ufe0f", "\u0301", "ש", "(", ")"]
BITS += [
    "\x1b[A",
    "\x00",
    "\ud800",
    "\u200d",
    "\x85",
    "\u2028",
    "//",
    "/undo",
    "/newline",
    "/text",
    "/give",
    "/end",
    "/end x",
]


@given(
    lines=st.lists(st.lists(st.sampled_from(BITS), max_size=5).map("".join), max_size=40),
    unit=st.sampled_from([name for name in RULES if name != "spaced-token"]),
    schedule=st.sampled_from(["p=0.5", "p=0.9", "alternate", "solo=ann", "demand", "script=ann,senior,ann"]),
    partner=st.sampled_from(["ha ha. Ho!\n", "foo. Bar!\n\n", "x = 1. \n\n", "中。文。\n\n"]),
    limit=st.sampled_from([1, 2, 3, 9]),
    pair=st.sampled_from(["ann:senior", "senior:ann"]),
)
def test_whatever_is_typed_the_episode_is_proven(
    lines: list[str], unit: str, schedule: str, partner: str, limit: int, pair: str
) -> None:
    typed = "\n".join([*lines, *["/undo", "/end"] * 20, ""])
    episode(typed, f"{unit}:{schedule}", partner, limit=limit, pair=pair)


# On demand


def turn(rule: str = "word", /, **options: Any) -> Turn:
    given: dict[str, Any] = {
        "state": 0,
        "unit": 0,
        "position": 0,
        "holds": lambda unit: True,
        "chance": Chance(0, 0),
        "budget": 20,
        "opening": False,
        **options,
    }
    return Turn(RULES[rule], **given)


def seat_of(person: Person, asked: list[str] | None = None) -> PersonSeat:
    asks = {} if asked is None else {"ask": asked.append}
    return person.sit(View("How many?", "ann", ("senior",), **asks))


def job(handoff: str, *names: str, sample: int = 0) -> Job:
    return Job(Problem("p/1", "How many?", "1"), sample, parse(handoff).check(names), names)


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


# A live terminal, typed ahead, stopped, several loops


@contextmanager
def typist(terminal: bool = False) -> Iterator[tuple[Callable[[bytes], object], Any]]:
    """(what types, the stream it is read from): a pipe, or a terminal."""
    if terminal:
        here, there = os.openpty()
    else:
        there, here = os.pipe()
    with open(there, encoding="utf-8") as stream:
        yield lambda data: os.write(here, data), stream
        os.close(here)
        reader_of(stream).thread.join(10)  # it has seen the end, and will not read another file of this number


async def until(true: Callable[[], object]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in 10 seconds")


def test_enter_asks_for_the_pen_while_a_partner_writes() -> None:
    asked: list[str] = []
    shown = io.StringIO()

    async def listen(write: Callable[[bytes], object], person: Person) -> None:
        seat = seat_of(person, asked)
        assert isinstance(seat, Listener)
        seat.hear("senior", b"Then she")
        write(b"\n")
        await until(lambda: asked)  # the loop is free: at once
        write(b"\nnot yet\n/text\n")
        await until(lambda: person.ahead)
        seat.read(Span("senior", "Then she has"))
        given = turn(state=3, unit=3, opening=True, holds=lambda unit: unit == 3, demand=True)
        writing = asyncio.ensure_future(seat.write(given))
        await until(lambda: "Enter takes it" in shown.getvalue())
        write(b"\n")
        assert (await writing).text == " not"
        write(b"\n")
        for _ in range(500):  # the loop is busy: with the next piece
            time.sleep(0.01)
            seat.hear("senior", b"x")
            if len(asked) == 2:
                break
        seat.leave()

    with typist(terminal=True) as (write, stream):
        asyncio.run(listen(write, Person(TerminalDesk(stream, shown))))
    assert asked == ["ann", "ann"]
    said = shown.getvalue()
    assert "you asked for the pen; where it is handed over on demand, it comes with the next unit\n" in said
    assert "you asked for the pen; it comes with the next unit\n" in said
    assert "it is not your turn yet; kept for it: not yet\nnothing is written yet\n" in said
    assert "typed before your turn: not yet. Enter takes it, /undo drops it\n> " in said
    assert "kept: not; not taken: yet\n" in said


def test_lines_that_lie_ready_ask_for_the_pen_by_an_empty_one() -> None:
    asked: list[str] = []
    person = Person(TerminalDesk(io.StringIO("\nOne\n\n/give\n\n"), io.StringIO()))
    seat = seat_of(person, asked)

    async def listen() -> None:
        await seat._desk.waiting()
        time.sleep(0.1)
        for _ in range(3):
            seat.hear("senior", b"x")
        assert asked == ["ann"]
        assert await seat.write(turn(demand=True)) == Span("ann", "One", asks="senior")
        seat.hear("senior", b"x")

    asyncio.run(listen())
    assert asked == ["ann", "ann"]
    seat.leave()


def test_a_stopped_turn_keeps_what_was_typed_and_loses_no_line() -> None:
    shown = io.StringIO()

    async def stop_after(seat: PersonSeat, given: Turn, said: str, typed: bytes = b"", then: str = "") -> Span:
        shown.truncate(0)
        shown.seek(0)
        writing = asyncio.ensure_future(seat.write(given))
        await until(lambda: said in shown.getvalue())
        if typed:
            write(typed)
            await until(lambda: then in shown.getvalue())
        given.stop.set()
        return await writing

    with typist(terminal=True) as (write, stream):
        person = Person(TerminalDesk(stream, shown))
        seat = seat_of(person)
        write(b"One\n")
        span = asyncio.run(stop_after(seat, turn(), "Enter takes it"))
        assert (span, person.ahead) == (Span("ann", cut=True), [Write("One")])
        span = asyncio.run(stop_after(seat, turn(), "Enter takes it", b"\n", "go on"))  # another event loop
        assert span == Span("ann", "One", cut=True)
        assert "your turn was stopped; kept: One\n" in shown.getvalue()
        write(b"half a l")
        stopped = turn()
        stopped.stop.set()
        assert asyncio.run(seat.write(stopped)) == Span("ann", cut=True)
        write(b"ine\n")
        span = asyncio.run(stop_after(seat, turn("sentence"), "half a line. Enter"))
        assert (span.text, person.ahead) == ("", [Write("half a line")])
        seat.leave()
        assert person.ahead == []
        assert "typed for a turn that did not come, and dropped: half a line\n" in shown.getvalue()


@pytest.mark.parametrize(
    ("unit", "lines", "text"),
    [
        ("word", ["One", "two"], "One two"),
        ("sentence", ["One two. Three"], "One two."),
        ("sentence", ["One two"], ""),
        ("line", ["One"], "One\n"),
        ("paragraph", ["One", "two\n"], "One\n\ntwo\n\n"),
        ("solution", ["One"], ""),
        ("spaced-token", ["One two"], "One two "),
    ],
)
def test_a_stopped_turn_is_cut_at_its_last_whole_unit(unit: str, lines: list[str], text: str) -> None:
    draft = Draft(turn(unit), "")
    for line in lines:
        draft.add(line)
    assert draft.stopped() == text


def test_where_nothing_can_open_only_the_end_is_left() -> None:
    shown = io.StringIO()
    seat = seat_of(Person(TerminalDesk(io.StringIO("One\n/end\n"), shown)))
    seat.read(Span("senior", "broken off"))
    span = asyncio.run(seat.write(turn("line", state=1, unit=1, opening=True)))
    assert span == Span("ann", ended=True)
    assert "your turn: no line can open here; /end is all that is left\n" in shown.getvalue()
    assert "not taken: it does not open a line, with or without a space before it\n" in shown.getvalue()
    seat.leave()


def test_what_is_typed_between_two_episodes_waits_to_be_confirmed() -> None:
    shown = io.StringIO()
    with typist(terminal=True) as (write, stream):
        person = Person(TerminalDesk(stream, shown))
        engine = ReferenceEngine({"ann": person}, seed=0, limit=9)
        write(b"early\n")
        jobs = (job("word:solo", "ann", sample=sample) for sample in range(3))
        reader = person.desk

        def press(line: bytes, after: str) -> None:
            """Types a line once something was shown, from another thread: the engine is at work in this one."""

            def work() -> None:
                asyncio.run(until(lambda: after in shown.getvalue()))
                write(line)

            threading.Thread(target=work, daemon=True).start()

        press(b"One\n/end\nbetween\n", "> ")
        made = engine.episodes(jobs)
        assert next(made).text == "One"
        assert "what was typed before your turn is dropped\n" in shown.getvalue()
        press(b"\n/end\n", "typed before your turn: between.")
        assert next(made).text == "between"
        write(b"/quit\n")
        with pytest.raises(KeyboardInterrupt):
            next(made)
    assert "you left; this solution is not kept\n" in shown.getvalue()
    assert reader.take() is None


def test_a_pipe_serves_several_episodes() -> None:
    made, _ = episodes("One\n/end\nTwo\n/end\nThree\n/end\n", "word:solo=ann", count=3)
    assert [one.text for one in made] == ["One", "Two", "Three"]


@pytest.mark.parametrize("lines", ["", "One\n/quit\n/end\n", "One"])
def test_who_leaves_stops_the_run(lines: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        episode(lines, "word:solo=ann")


def test_who_can_see_nothing_leaves() -> None:
    shown = io.StringIO()
    shown.close()
    agents: dict[str, Agent] = {"ann": Person(TerminalDesk(io.StringIO("One\n/end\n"), shown))}
    with pytest.raises(KeyboardInterrupt):
        next(ReferenceEngine(agents, seed=0, limit=9).episodes([job("word:solo", "ann")]))


def test_one_person_a_terminal() -> None:
    stream = io.StringIO("One\n")
    seat = seat_of(Person(TerminalDesk(stream, io.StringIO())))
    with pytest.raises(AgentError, match="ann: somebody sits at this terminal already"):
        seat_of(Person(TerminalDesk(stream, io.StringIO())))
    seat.leave()
    seat_of(Person(TerminalDesk(stream, io.StringIO()))).leave()


def test_a_partner_that_breaks_off_in_a_piece_is_asked_to_go_on() -> None:
    partner = Scripted(lambda view, so_far, turn: "bro")
    made, _ = episode("/end\n", "spaced-token:alternate", partner, pair="senior:ann")
    assert made.ended == "end"
    assert made.text == "bro" * 10 + "br"  # 32 characters: each is a token of a text author


def test_a_rating_that_comes_before_it_is_waited_for_is_one() -> None:
    """Typed quickly after one that was not taken, it is no line for a turn to come."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def __next__(self) -> str:  # type: ignore[override]
            threading.Event().wait()  # what comes is typed below
            raise StopIteration

    class Quick(TerminalDesk):
        def type(self, line: str) -> None:
            assert self._lines
            assert self._lines.listener
            self._lines._lines.append(line)
            self._lines.listener()

        def _write(self, text: str) -> None:
            if text == "> ":
                self.type("/end")
            if text.startswith("how easy") and "number" not in shown.getvalue():
                self.type("8")
            if "a number from 1 to 7" in text:
                self.type("6")
            super()._write(text)

    shown = io.StringIO()
    agents: dict[str, Agent] = {"ann": Person(Quick(Terminal(), shown)), "senior": Reciting("a b")}
    made = asyncio.run(play_job(job("word:alternate", "senior", "ann"), agents, seed=0, limit=9))
    assert "not your turn" not in shown.getvalue()
    assert made.views["ann"]["review"] == {"ease": 6}


SIT = """
from agents.line_desk import TerminalDesk
from agents.person import Person
from agents.scripted import Reciting
from arena.engines import ReferenceEngine, play_job
from tests.test_person import job
agents = {"ann": Person(TerminalDesk()), "senior": Reciting("a b c")}
for episode in ReferenceEngine(agents, seed=0, limit=9).episodes([job("word:alternate", "ann", "senior")] * 2):
    print("made:", episode.text, episode.views["ann"].get("review", ""))
"""


@pytest.mark.parametrize(("second", "code"), [(b"/end\n", 0), (b"\x04", -signal.SIGINT), (b"\x03", -signal.SIGINT)])
def test_in_a_real_terminal(second: bytes, code: int) -> None:
    """Typed at a terminal, the program ends as it should, though a thread of it still reads."""
    here, there = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", SIT],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(there)
    said = b""

    def expect(what: bytes) -> None:
        nonlocal said
        end = time.monotonic() + 60
        while what not in said:
            assert select.select([here], [], [], max(0, end - time.monotonic()))[0], said
            said += os.read(here, 1 << 16)
        said = said.partition(what)[2]

    try:
        expect(b"your turn: one word (9 words left)\r\n> ")
        os.write(here, b"One\n")
        expect(b"senior: a\r\n")
        expect(b"> ")
        os.write(here, b"/end\n")
        expect(b"7 (very easy): ")
        os.write(here, b"8\n")
        expect(b"a number from 1 to 7")
        os.write(here, b"6\n")
        expect(b"made: One a {'ease': 6}\r\n")
        expect(b"> ")
        os.write(here, second)
        if not code:
            expect(b"made:  \r\n")
        assert child.wait(30) in (code, 128 - code)
    finally:
        child.kill()
        child.wait()
        os.close(here)


@pytest.mark.parametrize(
    "line",
    ["", "two words", "//slash", "/end", "/end #### 3", "/give", "/give bob", "/undo", "/text", "/help", "/quit"],
)
def test_a_command_can_be_spelt_again(line: str) -> None:
    assert line_of(action_of(line)) == line
    assert action_of("/nope") == Slip("there is no /nope; /help lists what there is, and // writes a slash")
    assert [line_of(action_of(one)) for one in ("/newline", "\\", "a\\", "a\\\\")] == ["/newline"] * 2 + [
        "a\\",
        "a\\\\",
    ]


@pytest.mark.parametrize(
    ("handoff", "lines"),
    [
        ("word:alternate", ["One", "two", "three", "/end 4"]),
        ("word:demand", ["", "One", "/give", "", "two", "/end #### 3"]),
    ],
)
def test_an_episode_is_gone_on_with_after_any_turn(handoff: str, lines: list[str]) -> None:
    """By another process, say: the same turns, authors and pens, with the factors that were recorded."""
    names, noted, taken = ("senior", "ann"), [], []
    given = Job(Problem("p/0", "How many?", "1"), 0, parse(handoff).check(names), names)

    async def gone_on(begun: Begun | None, left: list[str]) -> Episode:
        shown = io.StringIO()
        person = Person(TerminalDesk(io.StringIO("".join(f"{line}\n" for line in left)), shown))

        async def note(begun: Begun) -> None:
            noted.append(begun)
            taken.append(shown.getvalue().count("\n> ") - len(person.ahead))

        agents: dict[str, Agent] = {"senior": embedded("senior"), "ann": person}
        return await play_job(given, agents, seed=3, limit=40, begun=begun, note=note)

    whole = asyncio.run(gone_on(None, lines))
    assert problems_of(whole) == []
    assert len(noted) > 3
    for begun, used in list(zip(noted, taken, strict=True)):
        again = asyncio.run(gone_on(begun, lines[used:]))
        assert problems_of(again) == []
        assert (again.text, again.pens, again.ended) == (whole.text, whole.pens, whole.ended)
        assert [(one.author, one.start, one.token_ids) for one in again.spans] == [
            (one.author, one.start, one.token_ids) for one in whole.spans
        ]
        for one, other in zip(again.spans, whole.spans, strict=True):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
            assert one.end_logprob == pytest.approx(other.end_logprob, abs=1e-5)
