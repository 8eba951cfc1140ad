"""What can go wrong in the app: hostile text, sizes, pastes, leaving, colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from human.app.app import PersonApp
from human.app.widgets.confirm import Confirm
from human.messages import (
    Graded,
    Leave,
    Note,
    Over,
    Page,
    Problem,
    Question,
    Refused,
    Said,
    Time,
    Welcome,
    Write,
    Writing,
)
from tests.apps import ASK, PROBLEM, SIZES, Told, drive, play, rate, seen, shows, turn, until
from tests.typed import parts

HOSTILE = "[red]x[/] [link=a] \x1b[2J\x1b]0;t\x07 \u202eabc\u202c \x9b1m \ud83d {end"


@pytest.mark.parametrize("size", SIZES)
def test_hostile_text_is_text(size: tuple[int, int]) -> None:
    hostile = HOSTILE.encode("utf-8", "replace").decode()
    problem = Problem(id="1", question=hostile, authors=("[b]a", hostile), number=1, of=1)
    link = Told(Welcome(title=hostile), problem, Said(author=1, text=hostile), Writing(author=1))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "[red]x[/] [link=a] ␛[2J␛]0;t␇ <U+202E>abc<U+202C>", "▍ [b]a (you)")
        link.tell(Refused(n=1, name="x", text=hostile))
        await shows(app, pilot, "not done: [red]x[/]")
        link.tell(Over(ended=hostile), Graded(verdict=hostile, answer=hostile, reason=hostile))
        await shows(app, pilot, "unreadable: [red]x[/]")
        link.tell(Page(id="a", title=hostile, text=(hostile,), button=hostile, questions=(
            Question(id="a", text=hostile, kind="choice", options=(hostile,)),
            Question(id="b", text=hostile, kind="scale", options=(hostile, hostile)),
        )))  # fmt: skip
        await until(pilot, lambda: bool(app.play.query("Scale")) and seen(app).count("[red]x[/]") >= 5)
        raw = "".join(part.text for line in app.screen._compositor.render_strips() for part in line)
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u202c" for c in raw)

    drive(link, act, size)


def test_hostile_text_through_a_whole_run(tmp_path: Path) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        await shows(app, pilot, "How [b]many[/]␛[2J <U+D83D>?", "[red]x[/]")
        app.play.composer.load_text(HOSTILE)
        await pilot.press("f2")
        await shows(app, pilot, "no answer is marked yet, as in #### 12; F2 again finishes all the same")
        await pilot.press("f2")
        await rate(app, pilot)
        await shows(app, pilot, "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done")

    partner = "script:[red]x[/]\x1b[2J\u202e. more {end}"
    code, (made,) = play(
        tmp_path, act, handoff="sentence:alternate", partner=partner, questions=("How [b]many[/]\x1b[2J \ud83d?",)
    )
    assert code == 0
    assert "\x1b" not in parts(made)[1][1]
    assert "[red]x[/] [link=a]" in parts(made)[1][1]


def test_a_megabyte_is_shown_at_its_end() -> None:
    link = Told(PROBLEM, Said(author=1, text="word " * 200_000), ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "word word")
        await pilot.press("a", "b")
        await shows(app, pilot, "ab")
        for _ in range(30):
            link.tell(Said(author=1, text="more "))
        link.tell(ASK.model_copy(update={"turn": 2}))
        await shows(app, pilot, "more more")
        await turn(app, pilot)

    drive(link, act)


def test_a_paste_is_cleaned_and_bounded() -> None:
    from textual import events

    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        app.play.composer.post_message(events.Paste("a\x1b[31m\r\nb\x00"))
        await until(pilot, lambda: app.play.composer.text == "a\nb")
        assert not any(isinstance(message, Write) for message in link.sent)
        app.play.composer.post_message(events.Paste("x" * 1_000_000))
        await shows(app, pilot, "991,999 of 1,000,000 characters are left out: 8,000 can be sent at once")
        app.play.composer.load_text("")
        app.play.composer.post_message(events.Paste("y" * 8_001))
        await shows(app, pilot, "too long: 8,000 characters can be sent at once, and these are 8,001")
        await pilot.press("enter")
        assert not any(isinstance(message, Write) for message in link.sent)
        assert [message.characters for message in link.sent if isinstance(message, Note)] == [3, 1_000_000, 8_001]

    drive(link, act)


def test_nothing_is_cut_off_and_a_resize_is_followed() -> None:
    question = " ".join(["many"] * 300)
    problem = PROBLEM.model_copy(update={"question": question})
    link = Told(problem, Said(author=1, text="so " * 400), ASK, Time(spent=0.0))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        for size in (SIZES[0], SIZES[1], (100, 30), SIZES[0]):
            await pilot.resize_terminal(*size)
            await shows(app, pilot, "░" if size == SIZES[1] else "so so", "Your turn: 2 new words", "F2 Finish")
            for name in ("#status", "#problem", "#solution", "#told", "#composer", "#hint", "Footer"):
                place = app.play.query_one(name)
                await until(pilot, lambda place=place, size=size: place.region.height >= 1 and (  # type: ignore[misc]
                    place.region.bottom <= size[1] and place.region.right <= size[0]))  # fmt: skip
        await pilot.press(*"many lines", *["ctrl+n"] * 12, *"end")
        await shows(app, pilot, "end", "F2 Finish", "so so")
        await pilot.press("pageup")
        assert app.play.query_one("#solution").scroll_y < app.play.query_one("#solution").max_scroll_y

    drive(link, act)


def test_focus_is_seen_and_goes_round_by_tab() -> None:
    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        names = []
        for _ in range(3):
            names.append(app.focused.id if app.focused else None)
            assert app.focused
            assert "heavy" in str(app.focused.styles.border_top) or app.focused.id == "composer"
            await pilot.press("tab")
        assert set(names) == {"composer", "problem", "solution"}

    drive(link, act)


def test_ascii_and_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    link = Told(PROBLEM, Said(author=1, text="so é"), ASK.model_copy(update={"draft": "mine"}))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "| ann (you)", "~ bot", "~so ?|mine")
        body = "\n".join(seen(app).splitlines())
        assert body.isascii(), [c for c in body if not c.isascii()]
        colours = {part.style.color for line in app.screen._compositor.render_strips() for part in line if part.style}
        assert all(c is None or c.triplet is None or len(set(c.triplet)) == 1 for c in colours)

    drive(link, act, ascii_only=True)


def test_leaving_is_asked_first() -> None:
    link = Told(PROBLEM)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "How many?")
        await pilot.press("ctrl+q")
        await shows(app, pilot, "Leave?", "Stay (n)")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert not link.sent
        await pilot.press("ctrl+q", "y")
        await until(pilot, lambda: link.sent == [Leave(n=1)])
        await until(pilot, lambda: app._exit)

    drive(link, act)
