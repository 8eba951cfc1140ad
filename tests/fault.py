"""``make fault``: the server of a study killed with -9 again and again under load, and sent what no screen would send.

Nothing that was acknowledged may be lost or be there twice, everybody goes on where they were, no clock counts a gap,
and nobody is told what is not theirs. Exit code 1 for any violation. Takes about three minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import tyro

from arena.episode import Episode
from arena.proof import problems_of
from human.bots import Bot, Known, play
from human.messages import Page, ToPerson, Welcome
from human.messages import Problem as Shown
from human.record import Event, Record
from human.record.people import invite
from human.server.house import record_of
from human.study import Stimuli, Study
from human.study.people import Act
from tests.running import ENVIRONMENT, ROOT
from tests.studies import made, replacing, study_file
from tests.test_serve import free_port

SMALL = replacing(
    ("per_person = 12", "per_person = 6"),
    ("problems = 24", "problems = 6"),
    ("pace = 4.0", "pace = 30.0"),
    ("fewest_trials = 9", "fewest_trials = 3"),
    ("fastest_seconds = 4", "fastest_seconds = 0"),
)
TRIALS = ["p01", "p02", *(f"t{number:02d}" for number in range(1, 7))]
Gaps = list[tuple[float, float]]
"""When the server was killed, and when it was begun again."""


@dataclass
class Options:
    """Kill the server under load, then send it nonsense."""

    people: int = 36
    kills: int = 20
    speed: float = 5.0
    """How many times as fast as people the bots are."""
    seed: int = 0
    minutes: float = 4.0
    """For all of them to finish."""
    fuzz_seconds: float = 30.0


class Marked(Bot):
    """Writes lines that nobody else writes, and keeps account of where it was."""

    def __init__(self, *given: Any, mark: str, **options: Any):
        super().__init__(*given, **options)
        self.mark = mark
        self.places: list[str] = []
        self.wrong: list[str] = []
        self.done = 0
        """The last number that was acknowledged."""

    def lines(self, plan: Act) -> list[str]:
        return [*(f"So {self.mark} {self.trial} {part} it goes." for part in range(4)), "#### 12"]

    def tell(self, message: ToPerson) -> None:
        if isinstance(message, Welcome) and message.last < self.done:
            self.wrong.append(f"message {self.done} was acknowledged, and after coming back {message.last} is the last")
        if isinstance(message, Page | Shown):
            # The questions after a problem belong to it: who comes back to them sees it first.
            place = message.id.split("/")[0] if message.id[:3] in TRIALS else message.id
            if place not in self.places:
                self.places.append(place)
            elif place != self.places[-1]:
                self.wrong.append(f"was at {self.places[-1]}, and came back to {place}")
        super().tell(message)
        self.done = max(self.done, self.n - len(self.unacknowledged))


@dataclass
class Server:
    """A served draft that can be killed."""

    study: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "human.serve", "--study", str(self.study), "--port", str(self.port), "--draft"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL)

    def kill(self, how: int = signal.SIGKILL) -> None:
        assert self.process
        os.kill(self.process.pid, how)
        self.process.wait()


async def beside(server: Server) -> None:
    """A command that writes to the same record, in a process of its own."""
    command = [sys.executable, "-m", "human.links", "--study", str(server.study), "--draft"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError("human.links failed beside the server")


async def kills(server: Server, bots: list[Marked], options: Options, gaps: Gaps) -> None:
    """Kills the server at random moments under load; notes when, and when it was begun again."""
    rng = random.Random(options.seed)
    for _ in range(options.kills):
        before = sum(len(bot.trips) for bot in bots)
        while sum(len(bot.trips) for bot in bots) < before + 5:  # it is back, and busy
            await asyncio.sleep(0.01)
            if all(bot.over.is_set() for bot in bots):
                return
        await asyncio.sleep(rng.uniform(0, 2))
        await beside(server)
        await asyncio.sleep(rng.uniform(0, 1))  # what is acknowledged after a command must be there, too
        server.kill()
        at = time.time()
        await asyncio.sleep(rng.uniform(0, 1))
        server.start()
        gaps.append((at, time.time()))


def checked(bot: Marked, events: list[Event], gaps: Gaps) -> list[str]:
    """What is wrong with a person's record, beside what the bot was told."""
    wrong = list(bot.wrong)
    if not bot.over.is_set() or bot.bye:
        wrong.append(f"did not come to the end: {bot.bye or bot.trial}")
    numbers = [event.n for event in events if event.n]
    if numbers != list(range(1, bot.done + 1)):
        wrong.append(f"acknowledged up to {bot.done}, recorded {len(numbers)} up to {max(numbers, default=0)}")
    acted = [(one.trial, one.data["text"]) for one in events if one.kind == "did" and "text" in one.data]
    if acted != bot.written:
        wrong.append(f"{len(bot.written)} texts acknowledged, {len(acted)} recorded, not the same")
    found = [event for event in events if event.kind == "episode"]
    if [event.trial for event in found] != TRIALS:
        wrong.append(f"episodes of {[event.trial for event in found]}")
    for event in found:
        wrong += _of_episode(bot, event, [one for one in events if one.trial == event.trial])
    for at, again in gaps:
        after = next((one for one in events if one.at > at), None)
        if after and any(one.n and one.at < at for one in events):
            gap = after.data.get("gap", 0.0)
            if after.kind != "restarted" or gap < again - at - 0.1:
                wrong.append(f"after a gap of {again - at:.1f} s there is {after.kind} with {gap} s")
    return wrong


def _of_episode(bot: Marked, event: Event, events: list[Event]) -> list[str]:
    """Every acknowledged text once and in order; seconds without the gaps."""
    episode = Episode.from_dict(event.data["episode"])
    wrong = [f"{event.trial}: {problem}" for problem in problems_of(episode)]
    texts = [text for trial, text in bot.written if trial == event.trial]
    places = [episode.text.find(text) for text in texts]
    if -1 in places or places != sorted(places) or any(episode.text.count(text) != 1 for text in texts[:-1]):
        wrong.append(f"{event.trial}: of {len(texts)} acknowledged texts not every one is there once and in order")
    clocks = [one.clock for one in events if one.clock is not None]
    if any(later < sooner for sooner, later in pairwise(clocks)):
        wrong.append(f"{event.trial}: the clock goes back")
    shown = next((one for one in events if one.kind == "shown"), None)
    if shown:
        gaps = sum(one.data.get("gap", 0.0) for one in events if one.kind == "restarted" and one.seq > shown.seq)
        most = event.at - shown.at - gaps
        if (event.data["seconds"] or 0) > most + 0.5:
            wrong.append(f"{event.trial}: {event.data['seconds']} s on the clock, {most:.1f} s without the gaps")
    return wrong


def killing(study: Study, stimuli: Stimuli, options: Options) -> list[str]:
    """Violations."""
    with record_of(study, "draft") as record:
        links = invite(record, options.people, 1)
    server, known = Server(study.path), Known(study, stimuli, {})
    bots: list[Marked] = []
    gaps: Gaps = []

    async def go() -> None:
        kinds = ("steady", "fast")
        for number, (person, _) in enumerate(links):
            bots.append(Marked(known, kinds[number % 2], number, options.seed, options.speed, mark=person))
            bots[-1].behaviour = replace(bots[-1].behaviour, leaves=0.0, attends=1.0)
        killer = asyncio.create_task(kills(server, bots, options, gaps))
        tokens = [token for _, token in links]
        await play(list(bots), f"ws://127.0.0.1:{server.port}", tokens, 60 * options.minutes)
        killer.cancel()

    server.start()
    began = time.monotonic()
    try:
        asyncio.run(go())
    finally:
        server.kill(signal.SIGTERM)
    return _told(study, links, bots, gaps, time.monotonic() - began)


def _told(study: Study, links: list[Any], bots: list[Marked], gaps: Gaps, took: float) -> list[str]:
    wrong = []
    with Record(study.path.with_suffix(".sqlite")) as record:
        for (person, _), bot in zip(links, bots, strict=True):
            wrong += [f"{person}: {one}" for one in checked(bot, list(record.events(person)), gaps)]
        ((restarts, away),) = record.read(
            "SELECT count(*), coalesce(sum(data ->> 'gap'), 0) FROM events WHERE kind = 'restarted'"
        )
    texts = sum(len(bot.written) for bot in bots)
    print(
        f"{len(bots)} bots, killed {len(gaps)} times in {took:.0f} s: {sum(bot.done for bot in bots)} messages and "
        f"{texts} texts acknowledged, {restarts} times gone on with after {away:.0f} s in all, {len(wrong)} violations"
    )
    return wrong


def main(options: Options) -> int:
    from tests.fuzz import fuzzing

    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        wrong += killing(*made(study_file(Path(folder), SMALL)), options)
    with tempfile.TemporaryDirectory() as folder:
        wrong += fuzzing(*made(study_file(Path(folder))), options.fuzz_seconds, options.seed)
    for one in wrong[:40]:
        print(f"violation: {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
