"""The server of a study: links and keys, strangers kept out, hostile messages named, killed and come back."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket as sockets
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from arena.command import UserError
from arena.episode import Episode
from arena.proof import problems_of
from human import screen
from human.messages import Bye, Join, Page, Refused, Welcome, to_person
from human.record import Record
from human.record.people import invite, people
from human.serve import ServeConfig, check, origins, serve
from human.server.house import hall_of, opened, record_of
from human.server.limits import Bucket
from human.study.__main__ import cli
from tests.running import ENVIRONMENT, ROOT
from tests.studies import made, replacing, study_file
from tests.test_session import SHORT
from tests.visitors import Visitor


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return made(study_file(tmp_path, SHORT))[0].path


def serving(
    study: Path,
    act: Callable[[int, Record], Awaitable[None]],
    *,
    draft: bool = True,
    ends: bool = False,
    **options: Any,
) -> None:
    """Does something while the study is served in this process. ``ends``: it ends by itself then."""

    async def go() -> None:
        read, stimuli, seal = opened(study, draft=draft)
        with record_of(read, seal) as record, hall_of(read, stimuli, record, draft=draft) as hall:
            port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            server = asyncio.create_task(
                serve(ServeConfig(study, port=0, draft=draft, **options), hall, None, port.set_result)
            )
            try:
                async with asyncio.timeout(40):
                    await act(await port, record)
                    await asyncio.gather(server if ends else asyncio.sleep(0))
            finally:
                server.cancel()
                await asyncio.gather(server, return_exceptions=True)
                for session in hall.sessions.values():
                    await session.stop()

    asyncio.run(go())


def link(record: Record) -> str:
    return invite(record, 1, 7)[0][1]


async def attend(visitor: Visitor, port: int, token: str = "", **options: Any) -> None:
    """A screen from its join until the connection ends."""
    await screen.attend(visitor, f"ws://127.0.0.1:{port}/socket", token, **options)


async def said(socket: ClientConnection) -> Any:
    return to_person(await socket.recv())


def test_several_people_take_part_at_once(study: Path) -> None:
    visitors = [Visitor() for _ in range(5)]

    async def act(port: int, record: Record) -> None:
        await asyncio.gather(*(attend(visitor, port, link(record)) for visitor in visitors))

    serving(study, act)
    codes = {visitor.heard[-1].text[-2] for visitor in visitors if isinstance(visitor.heard[-1], Page)}
    assert codes == {"Your code: HANDOFF-DONE"}


def test_a_link_works_once_and_nothing_else_opens_the_door(study: Path) -> None:
    async def opens(port: int, **join: Any) -> str:
        async with connect(f"ws://127.0.0.1:{port}/socket") as socket:
            await socket.send(Join(client="app", **join).model_dump_json())
            message = await said(socket)
            return str(message.name) if isinstance(message, Bye) else str(message.type)

    async def act(port: int, record: Record) -> None:
        token, late = link(record), invite(record, 1, -1)[0][1]
        assert await opens(port, token=token) == "welcome"  # the connection broke before anything was done
        visitor = Visitor()
        first = asyncio.create_task(attend(visitor, port, token))
        while not visitor.trial:
            await asyncio.sleep(0.01)
        visitor.keeps_quiet = True
        assert await opens(port, token=token) == "no_access"
        assert await opens(port, token=late) == "no_access"
        assert await opens(port, key="x" * 43) == "no_access"
        assert await opens(port, key="") == "no_access"
        assert await opens(port, token=visitor.key) == "no_access"
        assert await opens(port, key=visitor.key) == "welcome"
        await first
        assert visitor.heard[-1] == Bye(name="replaced", text="this place was opened somewhere else; it goes on there")
        stored = json.dumps([[str(cell) for cell in row] for row in record.read("SELECT * FROM people")])
        assert token not in stored
        assert visitor.key not in stored

    serving(study, act)


def test_a_socket_on_which_nothing_is_said_does_not_hold_up_the_end(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browsers open some ahead. Here the server would wait for them for ever."""
    from websockets.asyncio import server

    monkeypatch.setattr(server, "serve", partial(server.serve, open_timeout=None))
    process = os.getpid()

    async def act(port: int, record: Record) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.1)
        held.append(writer)
        os.kill(process, signal.SIGTERM)

    held: list[asyncio.StreamWriter] = []
    serving(study, act, ends=True)


def test_only_the_study_s_own_page_may_open_a_socket(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        for origin in ("https://evil.example", f"https://127.0.0.1:{port}", "null", "http://127.0.0.1:1"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{port}/socket", additional_headers={"Origin": origin})
            assert refused.value.response.status_code == 403
        async with connect(f"ws://127.0.0.1:{port}/socket", additional_headers={"Origin": f"http://localhost:{port}"}):
            pass

    serving(study, act)


def test_more_screens_than_there_is_room_for_wait_outside(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        async with connect(f"ws://127.0.0.1:{port}/socket"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{port}/socket")
            assert refused.value.response.status_code == 503

    serving(study, act, connections=1)


HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"\\ud800"',
    b"\xff\xfe",
    b'{"type": "write"}',
    b'{"type": "answer", "n": 1, "screen": "nope"}',
    b'{"type": "answer", "n": 1, "screen": "consent/2027-03-01", "answers": {"consent": "Yes"}}',
    b'{"type": "answer", "n": 1, "screen": "consent/2027-03-01", "answers": {"__proto__": 1}}',
    b'{"type": "write", "n": 1, "turn": 1, "text": "too soon"}',
    b'{"type": "pen", "n": 1}',
    b'{"type": "extend", "n": 1}',
    b'{"type": "resume", "n": 1}',
    b'{"type": "join", "key": "other", "client": "app"}',
    b'{"type": "answer", "n": 2147483648, "screen": "a"}',
    b'{"type": "answer", "n": 99, "screen": "a"}',
    b'{"type": "leave", "n": -1}',
    json.dumps({"type": "try", "number": 1, "text": "\u202e\u0000\x1b[2J"}).encode(),
    b'{"type": "note", "n": 1, "what": "focus_lost", "characters": -5}',
    b"[" * 50_000,
]


def test_hostile_messages_are_named_and_harm_nobody(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        other = Visitor()
        beside = asyncio.create_task(attend(other, port, link(record)))
        rng = random.Random(1)
        # A client that stops reading at some messages would wait ten seconds for the answer to its goodbye.
        async with connect(f"ws://127.0.0.1:{port}/socket", max_queue=None) as socket:
            await socket.send(Join(token=link(record), client="page").model_dump_json())
            assert (await said(socket)).type == "welcome"
            assert (await said(socket)).type == "page"
            for data in HOSTILE:
                await socket.send(data)
            for _ in range(20):
                await socket.send(bytes(rng.randrange(256) for _ in range(rng.randrange(200))))
            names = set()
            while "too_fast" not in names:
                message = await said(socket)
                assert isinstance(message, Refused), message
                assert len(message.text) < 300
                names.add(message.name)
                if len(names) >= 5:
                    break
            assert {"malformed", "out_of_order", "not_answered", "not_this_screen"} <= names
        async with connect(f"ws://127.0.0.1:{port}/socket") as socket:
            await socket.send(b"x" * 1_000_000)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd
            assert closed.value.rcvd.code == 1009
        await beside
        assert isinstance(other.heard[-1], Page)

    serving(study, act)


def test_who_says_nothing_or_too_much_is_shown_the_door() -> None:
    time = [0.0]
    bucket = Bucket(2.0, 3, lambda: time[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    time[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    time[0] = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "0.0.0.0"}, "--host 0.0.0.0: would send people's words in the clear"),
        ({"host": "192.168.1.9"}, "give --cert and --key, or --behind-proxy"),
        ({"behind_proxy": True}, "--behind-proxy: say where the page is opened"),
        ({"host": "0.0.0.0", "behind_proxy": True}, "--host 0.0.0.0: is no name; say where the page is opened"),
        ({"host": "::", "cert": Path("a.pem"), "key": Path("b.pem")}, "--host ::: is no name; say where"),
        ({"cert": Path("a.pem")}, "--cert and --key go together"),
        ({"cert": Path("a.pem"), "key": Path("b.pem")}, "--cert a.pem: "),
        ({"origin": ["http://study.example"]}, "plain http is for this machine only"),
        ({"origin": ["study.example"]}, "give scheme and host"),
        ({"port": 70000}, "--port must be between 0 and 65535"),
        ({"connections": 0}, "--connections must be at least 1"),
    ],
)
def test_mistakes_are_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        check(ServeConfig(Path("study.toml"), **options))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_browser_leaves_out_the_usual_port() -> None:
    assert origins(ServeConfig(Path("s.toml"), host="study.example"), 443, True) == {"https://study.example"}
    assert origins(ServeConfig(Path("s.toml"), host="study.example"), 8443, True) == {"https://study.example:8443"}


def test_an_unlocked_study_is_not_served(study: Path) -> None:
    with pytest.raises(UserError, match=r"the study is not locked; lock it with python -m human\.study lock"):
        opened(study, draft=False)


def free_port() -> int:
    with sockets.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_locked_study_lets_no_bot_in(study: Path) -> None:
    assert cli(["lock", str(study), "--studies", "50"]) == 0

    async def act(port: int, record: Record) -> None:
        token = link(record)
        bot = Visitor()
        await attend(bot, port, token)
        assert bot.bye is not None
        assert (bot.bye.name, bot.key) == ("no_bots", "")
        async with connect(f"ws://127.0.0.1:{port}/socket") as socket:  # its link is as it was
            await socket.send(Join(client="app", token=token).model_dump_json())
            welcome = await said(socket)
        assert isinstance(welcome, Welcome)
        bot = Visitor()
        bot.key = welcome.key
        await attend(bot, port)
        assert bot.bye is not None
        assert bot.bye.name == "no_bots"
        assert not record.read("SELECT 1 FROM events WHERE data LIKE '%bot%'")

    serving(study, act, draft=False)


def test_an_enforced_rule_lets_nobody_further_in(tmp_path: Path) -> None:
    """Who is inside goes on, and who lost a link comes back."""
    change = replacing(("participants = 48", "participants = 1"), ("recruited = 80", "recruited = 2\nenforce = true"))
    study = made(study_file(tmp_path, lambda text: SHORT(change(text))))[0].path

    async def act(port: int, record: Record) -> None:
        inside, late = Visitor(), Visitor()
        there = asyncio.create_task(attend(inside, port, link(record)))
        while not inside.trial:
            await asyncio.sleep(0.01)
        inside.keeps_quiet = True
        await attend(Visitor(), port, link(record))  # as many have finished as are wanted
        await attend(late, port, link(record))
        assert late.bye is not None
        assert late.bye.name == "no_access"
        assert "nobody further is needed" in late.bye.text
        assert late.key == ""
        (name,) = (one.id for one in people(record) if one.slot is not None and one.state == "joined")
        again, token = Visitor(), invite(record, 1, 7, again=name)[0][1]
        await attend(again, port, token)
        assert isinstance(again.heard[-1], Page)
        assert again.heard[-1].last
        there.cancel()
        await asyncio.gather(there, return_exceptions=True)

    serving(study, act)


def test_over_tls(study: Path) -> None:
    folder = study.parent
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("there is no openssl to make a certificate with")
    config = ServeConfig(study, port=0, cert=folder / "cert.pem", key=folder / "key.pem", draft=True)
    context = check(config)
    assert context

    async def go() -> None:
        read, stimuli, seal = opened(study, draft=True)
        with record_of(read, seal) as record, hall_of(read, stimuli, record, draft=True) as hall:
            port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            server = asyncio.create_task(serve(config, hall, context, port.set_result))
            trust = ssl.create_default_context(cafile=str(folder / "cert.pem"))
            async with connect(f"wss://127.0.0.1:{await port}/socket", ssl=trust) as socket:
                await socket.send(Join(token=link(record), client="app").model_dump_json())
                assert (await said(socket)).type == "welcome"
            server.cancel()
            await asyncio.gather(server, return_exceptions=True)
            for session in hall.sessions.values():
                await session.stop()

    asyncio.run(go())


def test_the_server_is_killed_and_everybody_comes_back(study: Path) -> None:
    """With -9, at random moments, as a process: all who took part finish, and no turn is lost or there twice."""
    port, rng, people = free_port(), random.Random(5), 6
    read, _, seal = opened(study, draft=True)
    with record_of(read, seal) as record:
        tokens = [token for _, token in invite(record, people, 7)]
    visitors = [Visitor() for _ in tokens]
    kills = 0

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "human.serve", "--study", str(study), "--port", str(port), "--draft"]
        return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL)

    async def come(visitor: Visitor, token: str) -> None:
        while not visitor.over.is_set():
            try:
                await attend(visitor, port, "" if visitor.key else token)
            except (OSError, ConnectionClosed, InvalidHandshake):  # killed at any moment
                await asyncio.sleep(0.1)

    async def go() -> None:
        nonlocal kills
        server = start()
        coming = asyncio.gather(*(come(visitor, token) for visitor, token in zip(visitors, tokens, strict=True)))
        try:
            async with asyncio.timeout(120):
                while not coming.done():
                    before = sum(len(visitor.heard) for visitor in visitors)
                    more = rng.randrange(30, 150)
                    while not coming.done() and sum(len(visitor.heard) for visitor in visitors) < before + more:
                        await asyncio.sleep(0.002)
                    if not coming.done() and kills < 4:
                        os.kill(server.pid, signal.SIGKILL)
                        server.wait()
                        kills += 1
                        server = start()
                await coming
        finally:
            server.terminate()
            server.wait()

    asyncio.run(go())
    assert kills
    with record_of(read, seal) as record:
        for (person,) in record.read("SELECT id FROM people"):
            found = [event for event in record.events(person) if event.kind == "episode"]
            last = [visitor.heard[-1].model_dump_json()[:200] for visitor in visitors]
            assert [event.trial for event in found] == ["p01", "p02", "t01", "t02", "t03"], last
            for event in found:
                one = Episode.from_dict(event.data["episode"])
                assert problems_of(one) == []
                assert one.text.endswith("So it is what it is\n#### 12")
