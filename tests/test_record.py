"""The record's file under several processes: what one of them was told is written stays written."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from human.record import Event, Record
from human.record.people import invite, people
from tests.running import ENVIRONMENT, ROOT

SERVES = """
import asyncio, sys, time
from pathlib import Path
from human.record import Event, Record

record = Record(Path(sys.argv[1]))
for word in sys.stdin:
    asyncio.run(record.write(Event("p-1", "message", data={"text": word.strip()})))
    print(word.strip(), flush=True)
"""
BESIDE = """
import sys
from pathlib import Path
from human.record import Record
from human.record.people import invite

with Record(Path(sys.argv[1])) as record:
    invite(record, 1, 7)
"""


def test_a_command_beside_a_server_takes_nothing_from_it(tmp_path: Path) -> None:
    """Not even its log: if the command took itself for the last one, what follows would be in no file."""
    path = tmp_path / "study.sqlite"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVES, path],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin
    assert server.stdout

    def writes(word: str) -> None:
        assert server.stdin
        assert server.stdout
        server.stdin.write(word + "\n")
        server.stdin.flush()
        assert server.stdout.readline().strip() == word

    try:
        writes("before")
        log = path.with_name("study.sqlite-wal").stat().st_ino
        for word in ("first", "second"):
            subprocess.run([sys.executable, "-c", BESIDE, path], cwd=ROOT, env=ENVIRONMENT, check=True)
            assert path.with_name("study.sqlite-wal").stat().st_ino == log
            writes(word)
    finally:
        os.kill(server.pid, signal.SIGKILL)
        server.communicate()
    with Record(path) as record:
        said = [event.data["text"] for event in record.events("p-1")]
        assert said == ["before", "first", "second"]
        assert len(people(record)) == 2


def test_a_record_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite"
    path.touch(0o644)
    with Record(path) as record:
        invite(record, 1, 7)
        asyncio.run(record.write(Event("", "study_paused")))
        for one in tmp_path.iterdir():
            assert one.stat().st_mode & 0o077 == 0, one.name
