"""What the server answers before anybody is inside: one path is one thing, every answer has the headers."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from arena.command import UserError
from human.page.files import HEADERS
from human.record import Record
from human.serve import ServeConfig, serve
from human.server.house import hall_of, opened, private_file, record_of
from tests.studies import made, study_file
from tests.test_serve import serving
from tests.test_session import SHORT


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return made(study_file(tmp_path, SHORT))[0].path


UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    + "A" * 22
    + "==\r\n"
)


async def answered(port: int, path: str, headers: str = "") -> tuple[int, dict[str, str]]:
    """Status and headers of the answer to a GET of exactly this path."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode())
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
    finally:
        writer.close()
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), {name: value for name, _, value in (one.partition(": ") for one in rest)}


@pytest.mark.parametrize(
    "path", ["//x/admin", "/admin#x", "//x/socket", "/socket#x", "http://x/admin", "/admin/", "//["]
)
def test_a_path_is_what_it_says_to_the_letter(study: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    async def act(port: int, record: Record) -> None:
        assert (await answered(port, path, UPGRADE))[0] == 404

    serving(study, act)
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


def test_a_query_is_no_part_of_a_path(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        assert (await answered(port, "/?from=mail"))[0] == 200
        async with connect(f"ws://127.0.0.1:{port}/socket?a"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{port}/socket?b")
            assert refused.value.response.status_code == 503
            async with connect(f"ws://127.0.0.1:{port}/admin?c"):  # which is another count
                pass

    serving(study, act, connections=1)


def test_every_answer_has_the_headers(study: Path) -> None:
    async def act(port: int, record: Record) -> None:
        async with connect(f"ws://127.0.0.1:{port}/socket"):
            found = {
                200: await answered(port, "/"),
                404: await answered(port, "/nothing"),
                403: await answered(port, "/socket", f"{UPGRADE}Origin: https://evil.example\r\n"),
                503: await answered(port, "/socket", UPGRADE),
                426: await answered(port, "/admin"),
                400: await answered(port, "/admin", UPGRADE.replace("13", "99")),
            }
        for status, (given, headers) in found.items():
            assert given == status
            assert {name: headers.get(name) for name in HEADERS} == dict(HEADERS), status

    serving(study, act, connections=1)


@pytest.mark.parametrize("host", ["nosuchhost.invalid", "a..b", "203.0.113.77"])
def test_a_host_that_is_none_is_named(study: Path, host: str) -> None:
    read, stimuli, seal = opened(study, draft=True)
    with (
        record_of(read, seal) as record,
        hall_of(read, stimuli, record, draft=True) as hall,
        pytest.raises(UserError, match=rf"--host {host}: ") as error,
    ):
        asyncio.run(serve(ServeConfig(study, host=host, port=0, draft=True), hall, None))
    assert "--port" not in str(error.value)


def test_a_private_file_is_private_whatever_lies_there(tmp_path: Path) -> None:
    out, other = tmp_path / "links.csv", tmp_path / "other"
    other.write_text("mine")
    left = tmp_path / ".links.csv.new"
    left.symlink_to(other)
    out.write_text("old")
    out.chmod(0o644)
    private_file(out, "new")
    assert (out.read_text(), stat.S_IMODE(out.stat().st_mode)) == ("new", 0o600)
    assert other.read_text() == "mine"
    left.unlink()
    left.write_text("")
    left.chmod(0o644)
    private_file(out, "newer")
    assert (out.read_text(), stat.S_IMODE(out.stat().st_mode)) == ("newer", 0o600)
    left.unlink()
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        private_file(folder, "x")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "links.csv", "other"]
