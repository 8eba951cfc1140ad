"""A person at a terminal: typed ahead, stopped, several runs, real terminals."""

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
from collections.abc import Callable

import pytest

from agents.contract import Agent, AgentError, Listener, Span, Turn
from agents.desk import Slip, Write
from agents.draft import Draft
from agents.line_commands import action_of, line_of
from agents.line_desk import TerminalDesk
from agents.person import Person, PersonSeat
from agents.scripted import Reciting, Scripted
from arena.engines import ReferenceEngine, play_job
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.reference import Begun
from arena.tasks import Problem
from tests.models import embedded
from tests.running import ENVIRONMENT, ROOT
from tests.typed import episode, episodes, job, seat_of, turn, typist


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
from tests.typed import job
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
