"""``python -m human.bots --study STUDY.toml --count 40``: bots that take part in a study that is served, as people do.

How they behave is `human.study.people`; what they know is the study's file, read here. What they send and are sent are
the messages of every other screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import math
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from agents.chance import Picks, stable_key
from agents.contract import Span
from agents.units import RULES
from arena.command import fail, run_command
from arena.tasks import Problem
from arena.terminal import say, visible
from human.messages import Answer, Ask, End, FromPerson, Page, ToPerson, Write
from human.messages import Problem as Shown
from human.messages import Question as Asked
from human.screen import Screen, attend
from human.study import Stimuli, Study, Trial
from human.study.config import PARTNER, Question
from human.study.people import BEHAVIOURS, Act, act, answers
from human.study.simulate import people_of

if TYPE_CHECKING:
    from agents.contract import Agent

READS = 4.0
"""Seconds at a page."""
RETURNS, AWAY = 0.5, 120.0
"""Share of those who leave that come back, and after how many seconds."""
_ODD = {"error", "idle"}
"""How the server ends a connection that may be opened again."""


@dataclass
class BotsConfig:
    """Let bots take part in a study that is served, to try it before people do.

    Example: python -m human.bots --study handoff.toml --draft --count 40 --speed 60
    """

    study: Path
    """The study's TOML file: its right answers, and the shares of behaviours in [simulation] people."""
    url: str = "ws://127.0.0.1:8765"
    """Where it is served."""
    count: int = 40
    """How many."""
    links: Path | None = None
    """A CSV file of personal links (python -m human.links); default: new ones, written to the record here."""
    seed: int = 0
    """Another seed, other people."""
    speed: float = 1.0
    """How many times as fast as people they think, write and read."""
    minutes: float = 60.0
    """When they stop, whoever is still there."""
    draft: bool = False
    """Must be given: bots take part in drafts alone, so that none gets into a study's real record."""


class Known:
    """What a bot may know of a study."""

    def __init__(self, study: Study, stimuli: Stimuli, agents: Mapping[str, Agent]):
        self.study, self.agents = study, agents
        self._questions = {one.id: one for one in (*study.comprehension, *study.attention)}
        self._results = {
            (*one.probe.options, *probe.options): one.probe.right
            for one in stimuli.all
            if one.probe
            for probe in study.probes
            if probe.kind == "results"
        }
        practice = [Problem("", one.question, one.answer) for one in study.practice]
        self.problems = {one.question: one for one in (*stimuli.problems, *practice)}

    @cached_property
    def accuracy(self) -> float:
        stated = self.study.simulation.accuracy.values()
        return sum(stated) / len(stated) if stated else 0.75

    def question(self, asked: Asked) -> Question:
        """With its right answer, if there is one."""
        right = self._results.get(asked.options)
        if asked.id in self._questions:
            right = self._questions[asked.id].right
        return Question(asked.id, asked.text, asked.kind, asked.options, right, asked.optional, asked.high)


class Bot(Screen):
    """Somebody who takes part."""

    def __init__(self, known: Known, behaviour: str, number: int, seed: int = 0, speed: float = 1.0):
        super().__init__()
        self.known, self.behaviour, self.speed = known, BEHAVIOURS[behaviour], speed
        self.name = behaviour
        self.picks = Picks(seed, stable_key("bot", number))
        self.leaves = asyncio.Event()
        self.returns = False
        self.lost = 0
        """Connections that ended by themselves."""
        self._doing: asyncio.Task[None] | None = None
        self._act: Act | None = None
        self._texts: list[str] = []
        self._pieces = 1
        self._read = 0
        """Characters of others that the model in the person's place went on from."""

    def tell(self, message: ToPerson) -> None:
        if isinstance(message, Shown) and message.id != self.trial:
            self._act, self._texts = None, []
        super().tell(message)

    def wants(self, message: Page | Ask) -> None:
        self.stop()
        self._doing = asyncio.create_task(self._answer(message) if isinstance(message, Page) else self._write(message))

    def refused(self, message: FromPerson | None) -> None:
        if isinstance(message, Write | End) and message.text:
            self._texts.insert(0, message.text)

    def lines(self, plan: Act) -> list[str]:
        """What it writes, in so many messages; the last one ends the solution."""
        return plan.text.splitlines()

    def stop(self) -> None:
        if self._doing:
            self._doing.cancel()

    async def _answer(self, page: Page) -> None:
        spread = math.exp(self.behaviour.spread * (2 * self.picks.uniform() - 1))
        await asyncio.sleep(READS * spread / self.speed)
        questions = [self.known.question(one) for one in page.questions]
        given = answers(self.behaviour, questions, self.picks)
        if "consent" in given:
            given["consent"] = self.known.study.consent.agree
        self.say(Answer(n=1, screen=page.id, answers=dict(given)))

    async def _write(self, ask: Ask) -> None:
        """A line at a time; the last one ends the solution."""
        problem = self.known.problems[self.problem.question] if self.problem else Problem("", "", "")
        new = self._act is None
        if self._act is None:
            prefix = tuple(Span(PARTNER, text) for _, text in self.turns)
            right = self.picks.uniform() < self.known.accuracy
            self._act = act(self.behaviour, Trial(self.trial, problem, "", "", prefix), right, self.picks)
            self._texts = self.lines(self._act)
            self._pieces = max(1, len(self._texts))
            if self._act.leaves:
                self.returns = self.picks.uniform() < RETURNS
                self.leaves.set()
                return
        read = sum(len(text) for author, text in self.turns if author)
        if self.behaviour.writer and (new or read > self._read):
            self._read = read
            self._texts = await self._modelled(problem)
        await asyncio.sleep(self._act.seconds / self._pieces / self.speed)
        if len(self._texts) > 1:
            self.say(Write(n=1, turn=ask.turn, text=self._texts.pop(0)))
        else:
            self.say(End(n=1, turn=ask.turn, text=self._texts.pop() if self._texts else ""))

    async def _modelled(self, problem: Problem) -> list[str]:
        """How the model in the person's place goes on from what stands there, by lines."""
        from arena.engines import play_job
        from arena.jobs import Job
        from arena.policy import Policy, Solo

        name = self.behaviour.writer
        text = "".join(text for _, text in self.turns)
        job = Job(
            problem,
            self.picks.between(0, 10**6),
            Policy("word", Solo(name)).check((name,)),
            (name,),
            prefix=(Span(PARTNER, text),) if text else (),
            parent_id="shown" if text else None,
            prefix_units=len(RULES["word"].openings(text)) if text else None,
            absent=(PARTNER,) if text else (),
        )
        episode = await play_job(job, self.known.agents, seed=self.known.study.seed, limit=self.known.study.limit)
        return [line for line in episode.text[len(text) :].splitlines() if line.strip()]


async def take_part(bot: Bot, url: str, token: str) -> None:
    """From the link to the last page, over lost connections and a server that is away."""
    from websockets.exceptions import InvalidHandshake

    wait = 0.1
    while not bot.over.is_set():
        leaving = asyncio.create_task(bot.leaves.wait())
        there = asyncio.create_task(attend(bot, url, token))
        try:
            await asyncio.wait({leaving, there}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            there.cancel()
            (ended,) = await asyncio.gather(there, return_exceptions=True)
        if bot.leaves.is_set():
            if not bot.returns:
                return
            bot.leaves.clear()
            await asyncio.sleep(AWAY / bot.speed)
        elif bot.bye and bot.bye.name in _ODD:
            bot.bye = None
            bot.over.clear()
        elif ended is not None and not isinstance(ended, OSError | InvalidHandshake):
            raise ended
        if bot.over.is_set():
            break
        bot.lost += bool(bot.key)
        wait = 0.1 if bot.unacknowledged else min(2.0, wait * 1.5)
        await asyncio.sleep(wait)
    bot.stop()


def crew(known: Known, shares: Mapping[str, float], count: int, seed: int = 0, speed: float = 1.0) -> list[Bot]:
    """Bots of these behaviours, as many of each as its share says."""
    names, picks = list(shares), Picks(seed, stable_key("bots"))
    ends = np.cumsum([shares[name] for name in names]) * count
    kinds = [names[min(int(np.searchsorted(ends, place + 0.5)), len(names) - 1)] for place in range(count)]
    return [Bot(known, kind, number, seed, speed) for number, kind in enumerate(picks.shuffled(kinds))]


def summary(bots: list[Bot]) -> list[str]:
    """What became of them."""
    out = []
    for name in sorted({bot.name for bot in bots}):
        ended = Counter(_ended(bot) for bot in bots if bot.name == name)
        out.append(f"{name}: " + ", ".join(f"{count} {how}" for how, count in ended.most_common()))
    trips = [1000 * trip for bot in bots for trip in bot.trips]
    if trips:
        middle, late = np.percentile(trips, [50, 99])
        out.append(
            f"{len(trips)} messages acknowledged: median {middle:.1f} ms, p99 {late:.1f} ms, worst {max(trips):.1f} ms"
        )
    out.append(f"{sum(bot.lost for bot in bots)} connections lost and opened again")
    return out


def _ended(bot: Bot) -> str:
    if bot.leaves.is_set():
        return "left"
    if bot.bye:
        return f"turned away ({bot.bye.name})"
    return "at the last page" if bot.over.is_set() else f"still at {bot.trial or 'the beginning'}"


def main(config: BotsConfig) -> None:
    """Lets them take part. Raises UserError."""
    from human.server.house import opened, seated

    if config.count < 1:
        fail(f"--count must be at least 1, not {config.count}")
    if not config.speed > 0 or not config.minutes > 0:
        fail("--speed and --minutes must be above 0")
    if urlsplit(config.url).scheme not in ("ws", "wss"):
        fail(f"--url {config.url}: give it as ws://127.0.0.1:8765")
    if not config.draft:
        fail("bots would stand in the study's record: serve a copy of it with --draft, and give --draft here as well")
    study, stimuli, seal = opened(config.study, draft=True)
    shares = people_of(study)
    if hurry := too_fast(study, config.speed):
        say(visible(hurry), sys.stderr)
    tokens = _tokens(config, study, seal)
    with ExitStack() as stack:
        writers = sorted({BEHAVIOURS[name].writer for name in shares if BEHAVIOURS[name].writer})
        known = Known(study, stimuli, seated(writers, study, 64, stack))
        bots = crew(known, shares, len(tokens), config.seed, config.speed)
        asyncio.run(play(bots, config.url, tokens, 60 * config.minutes))
    for line in summary(bots):
        say(visible(line))
    if not any(bot.key for bot in bots):
        fail(f"--url {config.url}: no bot got in; is it this study that is served there, and are the links of it?")


def too_fast(study: Study, speed: float) -> str:
    """What is to be said where bots of this speed break the rule of [exclusion] about time; else nothing."""
    seconds, least = BEHAVIOURS["steady"].seconds(0) / speed, study.exclusion.fastest_seconds
    if study.exclusion.too_fast is None or seconds > 1.5 * least:
        return ""
    return (
        f"--speed {speed:g}: a trial takes most bots about {seconds:.1f} s, and [exclusion] fastest_seconds is "
        f"{least:g}: most are excluded as too fast; be slower, or try a copy of the study with less"
    )


async def play(bots: list[Bot], url: str, tokens: list[str], seconds: float) -> None:
    """All of them, until they are done or the time is up."""
    address = url.rstrip("/") + "/socket"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(take_part(bot, address, token) for bot, token in zip(bots, tokens, strict=True)))
    for bot in bots:
        bot.stop()


def _tokens(config: BotsConfig, study: Study, seal: str) -> list[str]:
    """Of the links in the file, or of new ones where a server is there. Raises UserError."""
    from human.record.people import invite
    from human.server.house import record_of

    if not config.links:
        asyncio.run(_answers(config.url))
        with record_of(study, seal) as record:
            return [token for _, token in invite(record, config.count, 1)]
    try:
        with config.links.open(encoding="utf-8", newline="") as file:
            found = [row["link"].rpartition("#")[2] for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        fail(f"--links {config.links}: {error}; python -m human.links makes such a file")
    if len(found) < config.count:
        say(visible(f"{config.links}: has {len(found)} links, so there are as many bots"), sys.stderr)
    return found[: config.count]


async def _answers(url: str) -> None:
    """Raises UserError where nobody lets a bot in."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake

    try:
        async with connect(url.rstrip("/") + "/socket", open_timeout=10):
            pass
    except (OSError, InvalidHandshake) as error:
        fail(f"--url {url}: {error}; serve the study there first: python -m human.serve")


if __name__ == "__main__":
    run_command(main, BotsConfig, prog="python -m human.bots")
