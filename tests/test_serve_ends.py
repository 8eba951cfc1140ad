"""How connections to a server end: it stops, its disk is full, nobody is there, or somebody who does not read."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket as sockets
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from human.messages import Answer, Bye, Join, Page
from human.record import Record, RecordError
from human.server import limits
from human.server.house import opened, record_of
from human.server.limits import Limits
from tests.running import ENVIRONMENT, ROOT
from tests.studies import made, study_file
from tests.test_serve import attend, free_port, link, said, serving
from tests.test_session import SHORT
from tests.visitors import Visitor


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return made(study_file(tmp_path, SHORT))[0].path


def test_the_server_is_stopped_with_people_connected_and_they_come_back(study: Path) -> None:
    port = free_port()
    read, _, seal = opened(study, draft=True)
    with record_of(read, seal) as record:
        token = link(record)
    command = [sys.executable, "-m", "human.serve", "--study", str(study), "--port", str(port), "--draft"]
    visitor = Visitor()

    async def stay(token: str) -> int | None:
        """Until the server ends the connection; by which code."""
        async with connect(f"ws://127.0.0.1:{port}/socket") as socket:
            join = Join(token=token, key=visitor.key, client="app")
            await socket.send(join.model_dump_json())
            visitor.tell(await said(socket))
            server.send_signal(signal.SIGTERM)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
            return socket.close_code

    for again in ("", "again"):
        server = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        assert server.stderr
        assert server.stderr.readline().startswith("serving")
        assert asyncio.run(stay("" if again else token)) == 1012
        assert "everything that was acknowledged is in the record" in server.communicate(timeout=20)[1]
        assert server.returncode == 0


def test_what_cannot_be_recorded_is_not_acknowledged(study: Path) -> None:
    """A full disk: the connection ends with an error, and whoever comes back goes on from what was recorded."""

    async def act(port: int, record: Record) -> None:
        visitor = Visitor()
        full = True
        together = record._together

        def fails(jobs: Any) -> Any:
            if full and visitor.trial == "t01":
                for _, done in jobs:
                    done(None, RecordError("database or disk is full"))
                return []
            return together(jobs)

        record._together = fails  # type: ignore[method-assign]
        await attend(visitor, port, link(record))
        assert visitor.bye
        assert visitor.bye.name == "error"
        last = visitor.n - len(visitor.unacknowledged)
        ((stored,),) = record.read("SELECT max(n) FROM events")
        assert last == stored
        full = False
        visitor.over.clear()
        await attend(visitor, port)
        page = visitor.heard[-1]
        assert isinstance(page, Page)
        assert page.last
        ((person,),) = record.read("SELECT id FROM people")
        episodes = [event for event in record.events(person) if event.kind == "episode"]
        assert [event.trial for event in episodes] == ["p01", "p02", "t01", "t02", "t03"]

    serving(study, act)


def test_who_joins_nobody_and_who_does_not_read_are_closed(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = partial(Limits, join_seconds=0.2, waiting=20, messages_per_second=1e6, burst=10**6)
    monkeypatch.setattr(limits, "Limits", many)

    async def act(port: int, record: Record) -> None:
        async with connect(f"ws://127.0.0.1:{port}/socket") as socket:
            message = await said(socket)
            assert isinstance(message, Bye)
            assert message.name == "not_joined"
        loop = asyncio.get_running_loop()
        slow = sockets.socket()
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 2048)
        slow.setblocking(False)
        await loop.sock_connect(slow, ("127.0.0.1", port))
        async with connect(f"ws://127.0.0.1:{port}/socket", sock=slow, max_queue=1, close_timeout=0) as socket:
            await socket.send(Join(token=link(record), client="app").model_dump_json())
            with contextlib.suppress(ConnectionClosed):
                while True:  # every one is refused with a text, and nobody reads it
                    await socket.send(Answer(n=2**31, screen="x" * 200).model_dump_json())
                    await asyncio.sleep(0)
            assert socket.close_code == 1006, "a goodbye would wait behind what is not read"

    serving(study, act)
