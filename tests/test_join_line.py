"""Taking part line by line: what is read out, and what is typed."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.line_desk import reader_of
from human.join import JoinedStudy, invitation
from human.line import LineScreen
from human.link import NotDone
from human.messages import (
    Answer,
    Bye,
    End,
    Extend,
    FromResearcher,
    Graded,
    Leave,
    Notice,
    Numbered,
    Over,
    Page,
    Pause,
    Pen,
    Question,
    Refused,
    Resume,
    Said,
    Time,
    ToPerson,
    Try,
    Welcome,
    Whole,
    Withdraw,
    Write,
    Writing,
)
from human.record import Record
from human.record.people import invite
from human.study.config import PERSON
from tests.apps import Told
from tests.breaking import LAST, PROBLEM, RATE, Study, asked, studying
from tests.studies import made, study_file
from tests.test_serve import serving
from tests.test_session import SHORT
from tests.typed import typed_at
from tests.visitors import answer_of

pytestmark = pytest.mark.usefixtures("keys_folder")


class Lines(io.StringIO):
    """What is said, each line given to a function that may type the next."""

    def __init__(self, reply: Callable[[str], str | None], typed: int):
        super().__init__()
        self._reply, self._typed = reply, typed

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line and (answer := self._reply(line)) is not None:
                os.write(self._typed, f"{answer}\n".encode())
        return super().write(text)


def read_out(link: Any, reply: Callable[[str], str | None], live: bool = True) -> str:
    """A line screen that is typed at; all that it said."""

    async def go() -> str:
        with typed_at() as (typed, theirs):
            said = Lines(reply, theirs)
            screen = LineScreen(link, typed, said)
            screen._live = live
            async with asyncio.timeout(30):
                await screen.run()
            return said.getvalue()

    return asyncio.run(go())


def script(*pairs: tuple[str, str]) -> Callable[[str], str | None]:
    """Types the second when a line begins with the first, one after the other."""
    left = list(pairs)

    def reply(line: str) -> str | None:
        if left and line.startswith(left[0][0]):
            return left.pop(0)[1]
        return None

    return reply


def test_a_problem_line_by_line() -> None:
    link = Told(
        Welcome(title="A [study]\x1b"),
        PROBLEM,
        Writing(author=1, may_take=True),
        Said(author=1, text="One two."),
        Said(author=1, text=" Then"),
        Said(author=1, text=" three."),
        Notice(text="kept: \x1b[2J"),
        asked(),
    )

    async def after() -> None:
        while not any(isinstance(message, End) for message in link.sent):
            await asyncio.sleep(0.01)
        link.tell(Whole(turns=((1, "One two. Then three."), (0, " four"))), Over(ended="end"), RATE)
        while not any(isinstance(message, Answer) for message in link.sent):
            await asyncio.sleep(0.01)
        link.tell(Graded(verdict="correct", answer="4", reason="equal"), FromResearcher(text="thank you"))
        link.tell(LAST, Bye(name="over", text="the end"))
        link.queue.put_nowait(None)

    told = link.told

    async def driven() -> Any:
        task = asyncio.create_task(after())
        async for message in told():
            yield message
        await task

    link.told = driven  # type: ignore[method-assign]
    said = read_out(link, script(("your turn", "/end four"), ("a number from 1 to 7", "x"), ("a number", "6")))
    assert said.splitlines() == [
        "A [study]\u241b",
        "problem 1 of 2: How many?",
        "you write with bot; /help lists the commands",
        "bot writes; Enter asks for the pen",
        "bot: One two.",
        "kept: \u241b[2J",
        "bot: Then three.",
        "your turn: one word (9 words left)",
        "so far: One two. Then three.",
        "the solution is over",
        "Rate",
        "Easy?",
        "a number from 1 to 7",
        "Easy?",
        "a number from 1 to 7",
        "the answer is right: 4 (equal)",
        "from the researcher: thank you",
        "Thanks",
        "Your code: X",
        "Enter leaves",
        "the end",
    ]
    assert link.sent == [End(n=1, turn=1, text="four"), Answer(n=1, screen="r", answers={"ease": 6})]


def test_commands_line_by_line() -> None:
    link = Told(PROBLEM, Time(spent=3.0), Writing(author=1, may_take=True))
    steps: list[tuple[str, str, list[ToPerson]]] = [
        ("bot writes", "ahead", []),
        ("it is not your turn yet; kept for it: ahead", "", [asked(1, goes_on=True, on_demand=True)]),
        ("typed before your turn: ahead", "/undo", []),
        ("what was typed before your turn is dropped", "/text", []),
        ("nothing is written yet", "/help", []),
        ("/more asks", "/nothing", []),
        ("there is no /nothing", "/time", []),
        ("0:0", "", []),
        ("nothing was typed", "/pause", [Time(spent=4.0, running=False, why="paused")]),
        ("the clock stands at 0:04: paused", "", [Time(spent=4.0), asked(2)]),
        ("your turn", "/withdraw", []),
        ("y for yes", "n", []),
        ("you stay", "//slash", [asked(3)]),
        ("your turn", "/undo", [asked(4)]),
        ("your turn", "/give", [asked(5)]),
        ("your turn", "x" * 9000, []),
        ("too long", "/more", []),
    ]

    def reply(line: str) -> str | None:
        if steps and line.startswith(steps[0][0]):
            _, answer, messages = steps.pop(0)
            asyncio.get_running_loop().call_later(0.05, link.tell, *messages)
            if not steps:
                asyncio.get_running_loop().call_later(0.1, link.queue.put_nowait, None)
            return answer
        return None

    read_out(link, reply)
    assert not steps
    kinds = [type(message).__name__.lower() for message in link.sent]
    assert kinds == ["pen", "pause", "resume", "write", "undo", "give", "extend"]
    assert isinstance(link.sent[0], Pen)
    assert isinstance(link.sent[1], Pause)
    assert isinstance(link.sent[2], Resume)
    assert link.sent[3] == Write(n=1, turn=2, text="/slash")


def test_every_kind_of_question_line_by_line() -> None:
    questions = (
        Question(id="who", text="Who?", kind="choice", options=("me", "you")),
        Question(id="how", text="How?", kind="scale", options=("bad", "good")),
        Question(id="age", text="Age?", kind="number"),
        Question(id="more", text="More?", kind="text", optional=True),
    )
    link = Told(Page(id="a", title="Read"), Page(id="b", title="About you", questions=questions, wrong=("how",)))

    def reply(line: str) -> str | None:
        answers = {
            "Enter: Go on": "",
            "a number from 1 to 2": "3" if "2: you" in heard and heard.count(line) < 1 else "2",
            "a number from 1 (bad) to 7 (good)": "7",
            "a number": "1.5",
            "a line, or Enter to pass": "",
        }
        heard.append(line)
        if line == "a line, or Enter to pass":
            asyncio.get_running_loop().call_later(0.2, link.queue.put_nowait, None)
        return answers.get(line)

    heard: list[str] = []
    second = link.queue._queue.pop()  # type: ignore[attr-defined]  # told when the first is answered
    sent = link.send

    def send(message: Numbered | Try) -> None:
        sent(message)
        if len(link.sent) == 1:
            link.tell(second)

    link.send = send  # type: ignore[method-assign]
    read_out(link, reply)
    assert link.sent == [
        Answer(n=1, screen="a", answers={}),
        Answer(n=1, screen="b", answers={"who": "you", "how": 7, "age": 1.5}),
    ]
    assert "How? (this was not right)" in heard
    assert heard.count("Who?") == 2


def test_the_lines_of_a_pipe_wait_until_they_are_asked_for() -> None:
    link = Told(PROBLEM, Said(author=1, text="so"), asked(1))
    ours, theirs = os.pipe()
    os.write(theirs, b"one\n/end two\n")
    os.close(theirs)

    async def go() -> str:
        with os.fdopen(ours) as typed:
            said = io.StringIO()
            running = asyncio.create_task(LineScreen(link, typed, said).run())
            async with asyncio.timeout(20):
                while len(link.sent) < 1:
                    await asyncio.sleep(0.01)
                link.tell(Whole(turns=((1, "so"), (0, " one"))), asked(2))
                while len(link.sent) < 2:
                    await asyncio.sleep(0.01)
                link.tell(Over(ended="end"), Page(id="a", title="Go"))
                while len(link.sent) < 3:
                    await asyncio.sleep(0.01)
                link.queue.put_nowait(None)
                await running
            return said.getvalue()

    said = asyncio.run(go())
    assert link.sent == [Write(n=1, turn=1, text="one"), End(n=1, turn=2, text="two"), Leave(n=1)]
    assert "> one\n" in said
    assert "the text so far" not in said, "one's own text is not read out again"


def test_a_pause_in_a_pipe_is_over_by_its_next_line() -> None:
    link = Told(PROBLEM, Time(spent=0.0), asked(1))
    send = link.send

    def answered(message: Numbered | Try) -> None:
        send(message)
        match message:
            case Pause():
                link.tell(Time(spent=1.0, running=False, why="you paused"))
            case Resume():
                link.tell(Time(spent=1.0))
            case Extend():
                link.tell(NotDone(message, Refused(n=1, name="not_allowed", text="there is no more")))
            case Write() if len([one for one in link.sent if isinstance(one, Write)]) < 2:
                link.tell(NotDone(message, Refused(n=1, name="paused", text="the clock stands still")))
            case Write():
                link.tell(RATE)
            case Answer(answers={"ease": 1}):
                link.tell(NotDone(message, Refused(n=1, name="not_answered", text="please answer")))
            case Answer():
                link.queue.put_nowait(None)

    link.send = answered  # type: ignore[method-assign]
    ours, theirs = os.pipe()
    os.write(theirs, b"/pause\n\n/more\n" + b"x" * 8_001 + b"\nMine.\nMine again.\n1\n2\n")
    os.close(theirs)

    async def go() -> None:
        with os.fdopen(ours) as typed:
            async with asyncio.timeout(20):
                await LineScreen(link, typed, io.StringIO()).run()
            reader_of(typed).thread.join(10)

    asyncio.run(go())
    kinds = [type(message).__name__ for message in link.sent]
    assert kinds[:7] == ["Pause", "Resume", "Extend", "Write", "Write", "Answer", "Answer"]


@pytest.mark.parametrize("look", ["/text", "/help", "/time", "/nothing"])
def test_looking_keeps_what_was_typed_ahead(look: str) -> None:
    link = Told()
    screen = LineScreen(link, io.StringIO(), io.StringIO())

    def tell(*messages: ToPerson) -> None:
        for message in messages:
            screen.state.take(message)
            screen._hear(message)

    tell(PROBLEM, Writing(author=1))
    for line in ("One.", "Two."):
        screen._take(line)
    tell(Said(author=1, text="Hi."), asked(1))
    for line in (look, ""):
        screen._take(line)
    tell(asked(2, draft="One."))
    screen._take("")
    assert link.sent == [Write(n=1, turn=1, text="One."), Write(n=1, turn=2, text="Two.")]


def test_whoever_comes_back_hears_the_text() -> None:
    link = Told(PROBLEM, Whole(turns=((1, "so"), (0, " she"))), asked(4, draft=" has"))
    link.queue.put_nowait(None)
    said = read_out(link, lambda line: None)
    assert "the text so far:\n[bot]so\n[you] she\n" in said


def test_leaving_line_by_line_through_a_connection() -> None:
    async def act(study: Study, message: Any) -> None:
        if isinstance(message, Leave | Withdraw):
            await study.tell(Bye(name="left", text="you can come back later"))

    study = Study(act)
    study.greeting = [PROBLEM, asked()]
    said = ""

    async def visit(link: JoinedStudy) -> None:
        nonlocal said
        with typed_at() as (typed, theirs):
            shown = Lines(script(("your turn", "/quit"), ("y for yes", "y")), theirs)
            screen = LineScreen(link, typed, shown)
            screen._live = True
            assert await screen.run() == "you can come back later"
            said = shown.getvalue()

    studying(study, visit, "line")
    assert study.joins[0].client == "line"
    assert [message.type for message in study.done] == ["leave"]
    assert said.endswith("you can come back later\n")


def test_a_whole_study_line_by_line(tmp_path: Path) -> None:
    """With the server as it is served."""
    study = made(study_file(tmp_path, SHORT))[0].path

    async def act(port: int, record: Record) -> None:
        token = invite(record, 1, 7)[0][1]

        def reply(line: str) -> str | None:
            if line.startswith(("your turn", "go on")):
                return "/end #### 12"
            if line.startswith("Enter: "):
                return ""
            if line.startswith("a number") or line in ("a line", "a line, or Enter to pass"):
                asyncio.get_running_loop().call_soon(answer)
            return "" if line == "Enter leaves" else None

        def answer() -> None:
            assert screen._form
            question = screen._form._left[0]
            given = answer_of(question)
            line = question.options.index(given) + 1 if question.kind == "choice" else given
            os.write(theirs, f"{line}\n".encode())

        with typed_at() as (typed, theirs):
            shown = Lines(reply, theirs)
            link = JoinedStudy(invitation(f"http://127.0.0.1:{port}/#{token}"), "line", first_wait=0.05)
            screen = LineScreen(link, typed, shown)
            screen._live = True
            await screen.run()
        said = shown.getvalue()
        assert "Thank you" in said
        assert "Taking part" in said
        kept = [event.data["episode"] for event in record.events(None) if event.kind == "episode"]
        assert len(kept) == said.count("the solution is over") > 2
        assert all(episode["views"][PERSON]["person"] == "line" for episode in kept)

    serving(study, act)
