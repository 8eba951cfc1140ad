"""Whole screens of the app as they are kept in tests/screens: ``SCREENS=write`` keeps what is drawn now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from human import theme
from human.app.app import PersonApp
from human.local import RATING
from human.messages import Graded, Over, Page, Problem, Said, Time, ToPerson, Welcome, Writing
from tests.apps import SIZES, Told, asked, calm, drive, seen, shows, until

KEPT = Path(__file__).parent / "screens"
QUESTION = "Lily has 16 coins. Then she triples what she has. She gets 2 more. How many coins does Lily have now?"
PROBLEM = Problem(id="1", question=QUESTION, authors=("human", "senior"), number=1, of=3, form="#### 12")
BEGUN: tuple[ToPerson, ...] = (
    PROBLEM,
    Said(author=1, text="Now she has 16 * 3 = 48 coins."),
    Said(author=0, text=" And"),
    Said(author=1, text=" then 48 + 2 = 50."),
)
ASK = asked(words_left=200)
OVER = (Said(author=0, text="\n#### 50"), Over(ended="end"))
SCREENS: dict[str, tuple[Sequence[ToPerson], Sequence[str], str]] = {
    "begins": ((PROBLEM, ASK), (), "Your turn"),
    "turn": ((*BEGUN, ASK), ("#", "#", "#", "#", "space", "5"), "#### 5"),
    "demand": ((*BEGUN, ASK.model_copy(update={"on_demand": True, "held": None, "draft": " so", "goes_on": True})), (),
               "Undo"),
    "writes": ((*BEGUN, Writing(author=1, may_take=True)), (), "F4 takes over"),
    "paused": ((*BEGUN, ASK, Time(spent=61.0, running=False, why="paused")), (), "The clock stands at 1:01"),
    "rating": ((*BEGUN, *OVER, Page(id="r", title="Before you see whether it is right", questions=RATING, problem="1")),
               ("6",), "[6]"),
    "grade": ((*BEGUN, *OVER, Graded(verdict="correct", answer="50", expected="50", reason="equal numbers"),
               Page(id="g", title="", button="Next problem", problem="1")), (), "right: 50"),
    "study": ((Welcome(title="A study"), Page(id="p", title="Taking part", text=("You will solve problems.",))), (),
              "Go on"),
    "help": ((*BEGUN, ASK), ("f1",), "You and a partner"),
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_as_it_was_kept(name: str, size: tuple[int, int]) -> None:
    messages, pressed, there = SCREENS[name]

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await until(pilot, lambda: app.state.problem is not None or app.state.page is not None)
        await shows(app, pilot, "Taking part" if name == "study" else "clock" if name == "paused" else "Lily")
        calm(app)
        await pilot.press(*pressed)
        await shows(app, pilot, there)
        file = KEPT / f"{name}-{size[0]}.txt"
        if os.environ.get("SCREENS") == "write":
            await pilot.pause(0.5)
            file.write_text(drawn(app), encoding="utf-8")
        kept = file.read_text(encoding="utf-8")
        await until(pilot, lambda: drawn(app) == kept)

    drive(Told(*messages), act, size)


@pytest.mark.parametrize("dark", [True, False])
def test_the_colours_are_those_of_the_theme(dark: bool) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Your turn")
        svg = app.export_screenshot()
        wanted = theme.DARK if dark else theme.LIGHT
        for colour in (wanted.background, wanted.panel, wanted.primary, wanted.secondary):
            assert str(colour).lower() in svg.lower(), colour

    drive(Told(*BEGUN, ASK), act, dark=dark)


def drawn(app: PersonApp) -> str:
    return "\n".join(line.rstrip() for line in seen(app).splitlines()) + "\n"
