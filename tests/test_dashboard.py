"""The researcher's dashboard: who may open it, what it shows and never shows, what can be done from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from human.bots import Bot, Known, play
from human.messages import FromResearcher
from human.record import Record
from human.record.people import invite
from human.server.house import opened
from human.server.overview import letters
from tests.chromium import PROGRAM, Chromium
from tests.studies import made, replacing, study_file
from tests.test_serve import attend, link, serving
from tests.test_session import SHORT
from tests.visitors import Visitor


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return made(study_file(tmp_path, SHORT))[0].path


def token_of(study: Path) -> str:
    return study.with_suffix(".admin").read_text().strip().rpartition("#")[2]


@contextlib.asynccontextmanager
async def watching(study: Path, port: int, token: str = "") -> Any:
    """A dashboard that has entered, and its first view."""
    async with connect(f"ws://127.0.0.1:{port}/admin", max_queue=None) as socket:
        await socket.send(json.dumps({"type": "enter", "token": token or token_of(study)}))
        yield socket, json.loads(await socket.recv())


async def asked(socket: ClientConnection, **command: Any) -> dict[str, Any]:
    """The answer to a command."""
    await socket.send(json.dumps({"n": 7, **command}))
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] != "overview":
            return message


async def seen(socket: ClientConnection, so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first view of which this is so."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == "overview" and so(message):
                return message


def test_the_token_is_in_a_file_of_its_owner_and_nothing_else_opens_it(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        file = study.with_suffix(".admin")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().startswith(f"http://127.0.0.1:{port}/dashboard#")
        async with watching(study, port) as (_, view):
            assert view["type"] == "overview"
        for first in ('{"type": "enter", "token": "no"}', '{"type": "go_on", "n": 1}', "[", '{"type": "enter"}'):
            async with connect(f"ws://127.0.0.1:{port}/admin") as socket:
                await socket.send(first)
                assert json.loads(await socket.recv())["type"] == "denied"
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}/admin", additional_headers={"Origin": "https://evil.example"})
        for _ in range(6):
            async with watching(study, port, "x" * 43) as (_, answer):
                assert answer["type"] == "denied"
        async with watching(study, port) as (_, answer):
            assert answer["type"] == "denied", "so many wrong ones, and the right one has to wait as well"

    serving(study, act)


@pytest.mark.parametrize("enforced", [False, True])
def test_it_says_when_the_study_is_over_and_what_follows(tmp_path: Path, enforced: bool) -> None:
    rule = "recruited = 2" + ("\nenforce = true" if enforced else "")
    change = replacing(("participants = 48", "participants = 1"), ("recruited = 80", rule))
    study = made(study_file(tmp_path, lambda text: SHORT(change(text))))[0].path

    async def act(port: int, record: Record) -> None:
        async with watching(study, port) as (socket, view):
            assert view["over"] == []
            await attend(Visitor(), port, link(record))
            view = await seen(socket, lambda now: bool(now["over"]))
            why, what = view["over"]
            assert why == "As many have finished and count as are wanted (1 of 1)."
            assert what == ("Nobody further is let in." if enforced else "Invite nobody further.")

    serving(study, act)


def test_what_it_shows_and_never_shows(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        first, second = Visitor(), Visitor()
        async with watching(study, port) as (socket, view):
            assert (view["people"], view["paused"], view["trials"]) == ([], False, 3)
            await attend(first, port, link(record))
            second.keeps_quiet = True
            waiting = asyncio.create_task(attend(second, port, link(record)))
            view = await seen(socket, lambda now: len(now["people"]) == 2 and now["people"][1]["connected"])
            done, there = view["people"]
            assert (done["state"], done["finished"], done["connected"]) == ("finished", 3, False)
            assert view["slots"] == 1
            assert "slot" not in done, "with the study's file it tells the conditions"
            assert (there["state"], there["step"]) == ("joined", "consent/2027-03-01")
            assert [one["letter"] for one in view["conditions"]] == ["A", "B", "C"]
            assert sum(one["finished"] for one in view["conditions"]) == 3
            assert sum(one["count"] for one in view["problems"]) == 3
            for never in ("jargon", "trained", "alone", "senior", "verdict", "correct", "####", "token", "key"):
                assert never not in json.dumps(view)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await seen(socket, lambda now: not now["people"][1]["connected"])

    serving(study, act)


def test_letters_are_of_the_record(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    orders = set()
    for number in range(20):
        with Record(tmp_path / f"{number}.sqlite") as record:
            found = letters(record, names)
            assert letters(record, names) == found
            orders.add("".join(sorted(found, key=found.__getitem__)))
    assert len(orders) > 2


def test_pausing_writing_new_links_and_revoking(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        visitor, again = Visitor(), Visitor()
        visitor.keeps_quiet = again.keeps_quiet = True
        there = asyncio.create_task(attend(visitor, port, link(record)))
        while not visitor.key:
            await asyncio.sleep(0.01)
        ((person,),) = record.read("SELECT id FROM people")
        async with watching(study, port) as (socket, _):
            text = "please <b>go on</b> \u202e"
            assert (await asked(socket, type="tell", person=person, text=text))["text"] == f"{person} is told"
            answer = await asked(socket, type="pause_study")
            assert answer == {"type": "done", "n": 7, "text": "the study is paused", "link": ""}
            assert (await asked(socket, type="pause_study"))["type"] == "done"
            assert (await asked(socket, type="go_on"))["text"] == "the study goes on"
            new = await asked(socket, type="new_link", person=person)
            await there
            assert visitor.bye
            assert visitor.bye.name == "replaced"
            assert new["link"].startswith(f"http://127.0.0.1:{port}/#")
            coming = asyncio.create_task(attend(again, port, new["link"].rpartition("#")[2]))
            while not again.key:
                await asyncio.sleep(0.01)
            assert FromResearcher(text=text) in visitor.heard
            while FromResearcher(text=text) not in again.heard:
                await asyncio.sleep(0.01)
            assert (await asked(socket, type="revoke", person=person))["type"] == "done"
            await coming
            assert again.bye
            assert again.bye.name == "no_access"
            for command in ({"type": "revoke"}, {"type": "new_link"}, {"type": "tell", "text": "you?"}):
                answer = await asked(socket, person="p-nobody", **command)
                assert (answer["type"], answer["n"]) == ("denied", 7)
            assert (await asked(socket, type="revoke", person=person))["type"] == "denied"
            assert (await asked(socket, type="tell", person=person, text=""))["type"] == "denied"
        kinds = [event.kind for event in record.events()]
        assert [kind for kind in kinds if kind.startswith("study")] == ["study_paused", "study_resumed"]
        assert {"message", "revoked"} <= set(kinds)
        assert new["link"].rpartition("#")[2] not in str(record.read("SELECT * FROM people"))

    serving(study, act)


def test_a_paused_study_is_paused_after_a_restart(study: Path) -> None:
    async def pause(port: int, record: Record) -> None:
        async with watching(study, port) as (socket, _):
            await asked(socket, type="pause_study")

    async def look(port: int, record: Record) -> None:
        async with watching(study, port) as (_, view):
            assert view["paused"]

    serving(study, pause)
    serving(study, look)


@pytest.mark.skipif(not PROGRAM, reason="there is no chromium")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    study = made(study_file(tmp_path, SHORT))[0].path
    read, stimuli, _ = opened(study, draft=True)
    ready, over = threading.Event(), threading.Event()
    people: list[str] = []

    async def act(port: int, record: Record) -> None:
        made_ = invite(record, 4, 1)
        people.extend(person for person, _ in made_)
        bots = [Bot(Known(read, stimuli, {}), "fast", number, speed=40 if number < 2 else 1) for number in range(3)]
        playing = asyncio.gather(play(bots, f"ws://127.0.0.1:{port}", [token for _, token in made_[:3]], 30))
        ready.set()
        while not over.is_set():
            await asyncio.sleep(0.05)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    thread = threading.Thread(target=serving, args=(study, act))
    thread.start()
    browser = Chromium(tmp_path / "profile")
    try:
        assert ready.wait(20)
        tab = browser.tab(1280, 900)
        tab.go(study.with_suffix(".admin").read_text().strip())
        tab.sees("finished")
        assert tab.run("location.hash") == ""
        tab.wait("document.querySelectorAll('#people tr').length === 4")
        tab.run("document.getElementById('pause').focus()")
        tab.key("Enter")
        tab.sees("Pause the study?")
        tab.run("document.getElementById('yes').focus()")
        tab.key("Enter")
        tab.sees("The study is paused")
        tab.run(f"document.querySelector('#row-{people[3]} button:nth-of-type(2)').click()")
        tab.run("document.getElementById('yes').click()")
        tab.sees("/#")
        tab.key("Escape")
        tab.wait("document.getElementById('link').textContent === ''")
        tab.run("document.getElementById('pause').click()")
        tab.sees("the study goes on")
        tab.size(360, 740)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert not [one for one in tab.complaints() if "Content Security" in one or "xception" in one]
    finally:
        browser.close()
        over.set()
        thread.join(30)
