"""What the tests of the app share: runs played by keys, and what is on the screen."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from arena.audience import Play
from arena.config import RunConfig
from arena.episode import Episode
from arena.lines import read_episodes
from arena.proof import problems_of
from arena.run import main
from human.app.app import PersonApp
from human.link import FromLink
from human.local import LocalRun
from human.messages import Ask, Numbered, Problem, Try

Act = Callable[[PersonApp, Pilot[str]], Awaitable[None]]
SIZES = [(80, 24), (160, 50)]


def asked(turn: int = 1, **other: Any) -> Ask:
    """A turn of two new words, but for what is named."""
    given = {"unit": "word", "held": 2, "words_left": 9, "opening": True, "unfinished": False, "stuck": False}
    return Ask.model_validate({"turn": turn, "goes_on": bool(other.get("draft")), "on_demand": False, **given, **other})


PROBLEM = Problem(id="1", question="How many?", authors=("ann", "bot"), number=2, of=10)
ASK = asked()


class Told:
    """A link whose messages a test tells, and that keeps what was sent."""

    trouble = ""
    on_leaving = "Leave?"

    def __init__(self, *messages: FromLink) -> None:
        self.queue: asyncio.Queue[FromLink | None] = asyncio.Queue()
        self.sent: list[Numbered | Try] = []
        for message in messages:
            self.queue.put_nowait(message)

    def send(self, message: Numbered | Try) -> None:
        self.sent.append(message)

    async def told(self) -> AsyncIterator[FromLink]:
        while (message := await self.queue.get()) is not None:
            yield message

    def tell(self, *messages: FromLink) -> None:
        for message in messages:
            self.queue.put_nowait(message)


def drive(link: Told, act: Act, size: tuple[int, int] = SIZES[0], **more: Any) -> PersonApp:
    """An app with a link that a test tells."""

    async def go() -> PersonApp:
        app = PersonApp(link, **more)
        async with app.run_test(size=size) as pilot:
            await act(app, pilot)
        return app

    return asyncio.run(go())


def play(
    folder: Path,
    act: Act,
    *,
    handoff: str,
    partner: str = "script:the cat. Sat on!\n\nIt {end}",
    pair: str = "bot:human",
    questions: tuple[str, ...] = ("How many?",),
    size: tuple[int, int] = SIZES[0],
    pace: float | None = None,
    **flags: Any,
) -> tuple[int, list[Episode]]:
    """A run in the app, played by keys: its exit code, and its episodes, each proven."""
    task = folder / "problems.jsonl"
    task.write_text("".join(json.dumps({"question": one, "answer": "5"}) + "\n" for one in questions))

    def show(config: RunConfig, run: Play) -> int:
        link = LocalRun(config, run, pace=pace)

        async def go() -> None:
            app = PersonApp(link)
            async with app.run_test(size=size) as pilot:
                await act(app, pilot)

        asyncio.run(go())
        return link.finish()

    given = {"episodes": len(questions), "limit": 60, "seed": 3, "out": folder / "run", **flags}
    config = RunConfig(pair=pair, agent=[f"bot={partner}"], handoff=handoff, task=f"jsonl:{task}", **given)
    code = main(config, show)
    episodes = list(read_episodes(folder / "run"))
    assert [problems_of(episode) for episode in episodes] == [[]] * len(episodes)
    return code, episodes


async def until(pilot: Pilot[str], said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not said():
        assert time.monotonic() < deadline, seen(pilot.app)
        await pilot.pause(0.01)


def seen(app: Any) -> str:
    """What is on the screen, as text."""
    return "\n".join("".join(part.text for part in line) for line in app.screen._compositor.render_strips())


async def shows(app: PersonApp, pilot: Pilot[str], *texts: str) -> None:
    """Waits until these are on the screen: it is drawn when there is nothing else to do."""
    await until(pilot, lambda: all(text in seen(app) for text in texts))


def calm(app: PersonApp) -> None:
    """A second passes for the app in which nobody types."""
    before = app.state.now
    app.state.now = lambda: before() + 1.0


async def turn(app: PersonApp, pilot: Pilot[str]) -> None:
    """Waits for the person's turn."""
    await until(pilot, lambda: app.state.my_turn and app.focused is app.play.composer)
    await pilot.pause()


async def write(app: PersonApp, pilot: Pilot[str], text: str, key: str = "enter") -> None:
    """Types a text in the person's turn, and sends it by a key."""
    await turn(app, pilot)
    names = {" ": "space", "\n": "ctrl+n", "#": "number_sign", ".": "full_stop"}
    await pilot.press(*(names.get(character, character) for character in text), key)
    await pilot.pause()


async def rate(app: PersonApp, pilot: Pilot[str], ease: int = 5) -> None:
    await shows(app, pilot, "How easy was it")
    await pilot.press(str(ease), "enter", "enter")
