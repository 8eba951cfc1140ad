"""Joining a study: links, keys, connections that break."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import serve

from arena.command import UserError
from human.app.__main__ import cli
from human.app.app import PersonApp
from human.clock import Clock
from human.desk import MessageDesk
from human.join import JoinedStudy, Keys, invitation
from human.link import FromLink, NotDone
from human.messages import (
    Answer,
    Bye,
    End,
    Join,
    Leave,
    Note,
    Over,
    Page,
    Time,
    ToPerson,
    Welcome,
    Whole,
    Write,
)
from tests import apps
from tests.apps import shows, until, write
from tests.breaking import LAST, PROBLEM, RATE, Study, asked, at, nothing, studying
from tests.typed import typed_at

pytestmark = pytest.mark.usefixtures("keys_folder")

# Links and keys


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://study.example.org/#abc", "wss://study.example.org/socket"),
        ("https://study.example.org:8443/#abc", "wss://study.example.org:8443/socket"),
        ("https://study.example.org/run/#abc", "wss://study.example.org/run/socket"),
        ("wss://study.example.org/socket#abc", "wss://study.example.org/socket"),
        (" http://127.0.0.1:8765/#abc\n", "ws://127.0.0.1:8765/socket"),
        ("ws://localhost:8765#abc", "ws://localhost:8765/socket"),
        ("http://[::1]:8765/#abc", "ws://[::1]:8765/socket"),
    ],
)
def test_a_link_as_it_is_sent(link: str, url: str) -> None:
    read = invitation(link)
    assert (read.url, read.token) == (url, "abc")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("study.example.org/#secret", "is no link"),
        ("ftp://study.example.org/#secret", "is no link"),
        ("https://[x/#secret", "is no link"),
        ("https://study.example.org:x/#secret", "is no link"),
        ("https://study.example.org/", "has no token"),
        ("https://study.example.org/#", "has no token"),
        ("https://study.example.org/#" + "secret" * 50, "has no token"),
        ("http://study.example.org/#secret", "is not secret on its way to study.example.org"),
        ("ws://192.168.0.7:8765/#secret", "ask for a link that begins https://"),
        ("http://127.0.0.1.example.org/#secret", "is not secret"),
    ],
)
def test_what_is_no_link_is_one_line_without_the_token(
    link: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["--join", link]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --join: ")
    assert said in error
    assert "secret" not in error.replace("not secret", "")
    assert error.count("\n") == 1


def test_a_screen_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["--join", "https://study.example.org/#abc"]) == 2
    assert "--line asks line by line" in capsys.readouterr().err


def test_a_key_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    keys = Keys(invitation("https://a.example/#abc"))
    assert keys.read() == ""
    keys.write("the key")
    assert keys.path.is_relative_to(tmp_path)
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.path.parent.stat().st_mode) == 0o700
    assert "abc" not in keys.path.name
    assert Keys(invitation("https://a.example/#abc")).read() == "the key"
    assert Keys(invitation("https://a.example/#abd")).read() == ""
    for broken in ("", "[]", '{"key": 3}', '{"key": "' + "x" * 300 + '"}'):
        keys.path.write_text(broken)
        assert keys.read() == ""
    keys.write("")
    assert not keys.path.exists()
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    Keys(invitation("https://a.example/#abc")).write("lost")


def test_a_link_that_opens_nothing_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from human.app.show import join

    async def nobody(link: JoinedStudy) -> AsyncIterator[ToPerson]:
        yield Bye(name="no_access", text="this link has expired; ask for a new one")

    monkeypatch.setattr(JoinedStudy, "told", nobody)
    monkeypatch.setattr("human.app.show.run_alone", lambda make: asyncio.run(_headless(make())))
    monkeypatch.setattr("human.app.show.misfit", lambda: "")
    link = f"http://127.0.0.1:1/#{'x' * 43}"
    with pytest.raises(UserError, match=r"^--join: this link has expired; ask for a new one$"):
        join(link, line=False, dark=True)
    with typed_at() as (typed, _):
        monkeypatch.setattr("sys.stdin", typed)
        assert join(link, line=True, dark=True) == 2
    assert capsys.readouterr().out.count("this link has expired; ask for a new one") == 1


async def _headless(app: PersonApp) -> PersonApp:
    await app.run_async(headless=True)
    return app


# Connections that break


async def hear(link: JoinedStudy, heard: list[FromLink]) -> None:
    async for message in link.told():
        heard.append(message)


def write_it(turn: int = 1) -> Write:
    return Write(n=1, turn=turn, text=f"text {turn}")


@pytest.mark.parametrize("then", ["before", "after", "drop", "order"])
def test_everything_is_done_once_and_in_order_whatever_breaks(then: str) -> None:
    study = Study(nothing)
    study.breaks = ["", then, "", then, ""]

    async def visit(link: JoinedStudy) -> None:
        heard: list[FromLink] = []
        listening = asyncio.create_task(hear(link, heard))
        for turn in range(1, 6):
            link.send(write_it(turn))
        while len(study.done) < 5:
            await asyncio.sleep(0.01)
        assert not any(isinstance(message, NotDone) for message in heard)
        link.send(Leave(n=1))
        while study.last < 6:
            await asyncio.sleep(0.01)
        await study.tell(Bye(name="left", text="come back"))
        await listening
        assert heard[-1] == Bye(name="left", text="come back")

    studying(study, visit)
    assert [message.turn for message in study.done if isinstance(message, Write)] == [1, 2, 3, 4, 5]
    assert [getattr(message, "n", 0) for message in study.done] == [1, 2, 3, 4, 5, 6]
    assert study.joins[0] == Join(token="the-token", client="app")
    assert all(join == Join(key="the key", client="app") for join in study.joins[1:])
    assert (len(study.joins) > 1) == (then != "drop")


def test_what_is_refused_frees_its_number_and_is_said() -> None:
    study = Study(nothing)
    study.breaks = ["refuse", "", "refuse"]

    async def visit(link: JoinedStudy) -> None:
        heard: list[FromLink] = []
        listening = asyncio.create_task(hear(link, heard))
        link.send(write_it(1))
        link.send(write_it(2))
        link.send(Note(n=1, what="pasted", characters=3))
        link.send(write_it(3))
        while len(study.done) < 2:
            await asyncio.sleep(0.01)
        listening.cancel()
        refused = [told.message for told in heard if isinstance(told, NotDone)]
        assert refused == [write_it(1)], "nobody needs to know of a note"

    studying(study, visit)
    assert study.seen == [("write", 1), ("write", 1), ("note", 2), ("write", 2)]
    assert [message.turn for message in study.done if isinstance(message, Write)] == [2, 3]


def test_coming_back_by_the_same_command() -> None:
    study = Study(nothing)

    async def visit(link: JoinedStudy) -> None:
        for number in (1, 2):
            again = JoinedStudy(link.invited, "app")
            listening = asyncio.create_task(hear(again, []))
            again.send(write_it(number))
            while study.last < number:
                await asyncio.sleep(0.01)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    studying(study, visit)
    assert [join.key for join in study.joins] == ["", "the key"]
    assert [getattr(message, "n", 0) for message in study.done] == [1, 2]


def test_a_key_that_opens_nothing_gives_way_to_the_token() -> None:
    study = Study(nothing)

    async def visit(link: JoinedStudy) -> None:
        keys = Keys(link.invited)
        keys.write("of another time")
        heard: list[FromLink] = []
        listening = asyncio.create_task(hear(link, heard))
        while not heard:
            await asyncio.sleep(0.01)
        assert isinstance(heard[0], Welcome)
        assert keys.read() == "the key"
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        # And where the token opens nothing either, what was said of the key is said.
        keys.write("of another time")
        study.last, heard = 3, []
        await hear(JoinedStudy(link.invited, "app", first_wait=0.02), heard)
        assert heard == [Bye(name="no_access", text="this key opens nothing")]

    studying(study, visit)


def test_a_server_that_is_not_there_is_said_and_waited_for() -> None:
    async def go() -> None:
        link = JoinedStudy(invitation("http://127.0.0.1:9/#abc"), "app", first_wait=0.01)
        listening = asyncio.create_task(hear(link, []))
        async with asyncio.timeout(20):
            while "trying again" not in link.trouble:
                await asyncio.sleep(0.01)
            assert "127.0.0.1" in link.trouble
            link.send(Leave(n=1))
            await listening

    asyncio.run(go())


def test_who_is_not_let_in_is_told() -> None:
    async def go() -> None:
        async def refuse(connection: Any, request: Any) -> Any:
            return connection.respond(404, "nothing here")

        async with serve(lambda socket: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
            heard: list[FromLink] = []
            await hear(JoinedStudy(at(next(iter(server.sockets)).getsockname()[1]), "app"), heard)
            assert heard == [Bye(name="refused", text="127.0.0.1 does not let you in (it says 404)")]

    asyncio.run(go())


# The app in a study


def test_the_app_in_a_study_whose_connection_breaks() -> None:
    desk = MessageDesk(lambda message: None, Clock())
    desk.turns = [(1, "the cat")]

    async def act(study: Study, message: Any) -> None:
        if isinstance(message, Answer) and message.screen == "welcome":
            study.greeting = [PROBLEM, *desk.again(), asked(), Time(spent=1.0)]
            await study.tell(*study.greeting)
        elif isinstance(message, End):
            study.greeting = [RATE]
            await study.tell(Whole(turns=((1, "the cat"), (0, f" {message.text}"))), Over(ended="end"), RATE)
        elif isinstance(message, Answer):
            await study.tell(LAST)

    study = Study(act)
    study.greeting = [Page(id="welcome", title="Hello", text=("Read this.",))]

    async def visit(link: JoinedStudy) -> None:
        app = PersonApp(link)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, pilot, "A study", "Hello", "Read this.")
            apps.calm(app)
            await pilot.press("enter")
            await shows(app, pilot, "░the cat", "Your turn: one word")
            await pilot.press(*"si")
            assert study.socket
            await study.socket.close()
            await until(pilot, lambda: len(study.joins) == 2)
            await write(app, pilot, "x", "f2")
            assert app.state.turns
            await shows(app, pilot, "▍six", "Easy?")
            apps.calm(app)
            await pilot.press("4")
            await study.socket.close()
            await until(pilot, lambda: len(study.joins) == 3)
            await until(pilot, lambda: not link.trouble)
            await pilot.press("enter")
            await shows(app, pilot, "Thanks", "Your code: X")
            await pilot.press("enter")
            await until(pilot, lambda: app._exit)

    studying(study, visit)
    assert [message.type for message in study.done] == ["answer", "end", "answer"]
    assert study.done[-1] == Answer(n=3, screen="r", answers={"ease": 4})
