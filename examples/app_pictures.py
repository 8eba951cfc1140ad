"""Plays in the app by keys, against the embedded senior, and keeps four pictures of it.

Run it as ``python examples/app_pictures.py docs``.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from arena.audience import Play
from arena.config import RunConfig
from arena.run import main as run
from human.app.app import PersonApp
from human.local import LocalRun

Act = Callable[[PersonApp, Pilot[str], Callable[[str], None]], Awaitable[None]]


async def until(pilot: Pilot[str], said: Callable[[], object]) -> None:
    while not said():
        await pilot.pause(0.02)
    await pilot.pause(0.3)


async def typed(pilot: Pilot[str], text: str, *keys: str) -> None:
    names = {" ": "space", "#": "number_sign", ".": "full_stop", "=": "equals_sign", "+": "plus"}
    await pilot.press(*(names.get(character, character) for character in text), *keys)
    await pilot.pause(0.4)


async def narrow(app: PersonApp, pilot: Pilot[str], keep: Callable[[str], None]) -> None:
    """A sentence each: one's own turn, and the rating that comes before the grade."""
    state = app.state
    await until(pilot, lambda: state.my_turn)
    await typed(pilot, "So it is 48 + 2 = 50. And then")
    keep("app")
    await pilot.press("enter")
    await until(pilot, lambda: state.my_turn and len(state.turns) > 2)
    await typed(pilot, "#### 43", "f2")
    await until(pilot, lambda: state.page)
    app.action_light()
    await typed(pilot, "", "6")
    keep("app-rating")


async def wide(app: PersonApp, pilot: Pilot[str], keep: Callable[[str], None]) -> None:
    """The pen on demand: the partner writes, it is taken over, and the grade."""
    state = app.state
    await until(pilot, lambda: state.writing and "".join(text for _, text in state.turns).count(" ") > 6)
    await pilot.press("f4")
    await until(pilot, lambda: state.my_turn)
    await typed(pilot, "coins I think.", "f3")
    await until(pilot, lambda: state.writing and len(state.turns) > 2)
    keep("app-wide")
    await pilot.press("f4")
    await until(pilot, lambda: state.my_turn)
    await typed(pilot, "#### 43", "f2")
    await until(pilot, lambda: state.page)
    await pilot.press("5", "enter", "enter")
    await until(pilot, lambda: state.graded)
    app.action_light()
    await pilot.pause(0.4)
    keep("app-grade")


def picture(app: PersonApp) -> str:
    drawn = app.export_screenshot(title="python -m human.app --pair senior:human", simplify=True)
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)  # a picture must not load fonts from elsewhere
    drawn = re.sub(r"font-family: (?:Fira Code|arial);?", "font-family: monospace;", drawn)
    return re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.S)


def main(folder: Path) -> None:
    scenes: tuple[tuple[str, tuple[int, int], Act], ...] = (
        ("sentence:alternate", (80, 24), narrow),
        ("word:demand", (160, 50), wide),
    )
    for handoff, size, act in scenes:

        def show(config: RunConfig, play: Play, size: tuple[int, int] = size, act: Act = act) -> int:
            link = LocalRun(config, play)

            async def go() -> None:
                app = PersonApp(link, opening="Loading senior ...")
                async with app.run_test(size=size) as pilot, asyncio.timeout(120):
                    await act(app, pilot, lambda name: write(folder / f"{name}.svg", picture(app)))

            asyncio.run(go())
            return link.finish()

        with tempfile.TemporaryDirectory() as out:
            run(RunConfig(pair="senior:human", handoff=handoff, episodes=3, seed=7, out=Path(out) / "run"), show)


def write(path: Path, drawn: str) -> None:
    path.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
