"""``python -m benchmarks.participants``: many people at once, against a server in a process of its own.

A round trip is from a message's being sent to its acknowledgement, which comes after its record is on the disk. The
bots share the machine with the server, so what they wait for their own turn counts too: an upper bound.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from human.bots import Bot, Known, crew, play
from human.record.people import invite
from human.server.house import record_of
from tests.studies import made, replacing, study_file

LIVE = """[[conditions]]
name = "live"
policy = "sentence:alternate"
partner = "senior"

[[conditions]]
name = "senior-jargon\""""


@dataclass
class Options:
    """Round trips, connections, and what the server needs."""

    people: int = 300
    """With prefixes alone."""
    live: int = 50
    """With the embedded senior writing live in every fourth problem; 0 for none."""
    seconds: float = 60.0
    """Of each."""
    speed: float = 3.0
    """How many times as fast as people the bots are."""


def live(text: str) -> str:
    """The example study with one more condition: a senior that writes with the person."""
    changed = replacing(('[[conditions]]\nname = "senior-jargon"', LIVE), ("per_person = 12", "per_person = 12"))(text)
    return changed.replace("accuracy = { alone = 0.75,", "accuracy = { live = 0.7, alone = 0.75,")


@contextmanager
def server(study: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A served draft, its port and its process."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    command = [sys.executable, "-m", "human.serve", "--study", str(study), "--port", str(port), "--draft"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr
    process.stderr.readline()
    try:
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def used(process: subprocess.Popen[bytes]) -> tuple[float, float, float]:
    """Seconds of CPU, and MiB of memory now and at most."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024


def measure(name: str, people: int, change: Callable[[str], str], options: Options) -> None:
    with tempfile.TemporaryDirectory() as folder:
        study, stimuli = made(study_file(Path(folder), change))
        with record_of(study, "draft") as record:
            tokens = [token for _, token in invite(record, people, 1)]
        load = os.getloadavg()[0]
        with server(study.path) as (port, process):
            known = Known(study, stimuli, {})
            shares = {"steady": 0.4, "fast": 0.4, "careless": 0.2}
            bots: list[Bot] = []

            async def go() -> tuple[float, float, float]:
                bots.extend(crew(known, shares, people, speed=options.speed))
                await play(bots, f"ws://127.0.0.1:{port}", tokens, options.seconds)
                return used(process)

            began, mine = time.perf_counter(), time.process_time()
            cpu, now, most = asyncio.run(go())
            seconds = time.perf_counter() - began
            mine = time.process_time() - mine
        trips = 1000 * np.array([trip for bot in bots for trip in bot.trips])
        middle, late = np.percentile(trips, [50, 99])
        joined = sum(bool(bot.key) for bot in bots)
        print(
            f"{name}: {joined} of {people} people, {seconds:.0f} s, load before {load:.1f}\n"
            f"  {len(trips)} messages acknowledged ({len(trips) / seconds:.0f}/s): "
            f"median {middle:.1f} ms, p99 {late:.1f} ms, worst {trips.max():.1f} ms\n"
            f"  {sum(bot.lost for bot in bots)} connections lost; server {100 * cpu / seconds:.0f}% of a core, "
            f"bots {100 * mine / seconds:.0f}%; {now:.0f} MiB, {most:.0f} at most"
        )


def main(options: Options) -> None:
    if options.people:
        measure("prefixes", options.people, lambda text: text, options)
    if options.live:
        measure("live", options.live, live, options)


if __name__ == "__main__":
    main(tyro.cli(Options))
