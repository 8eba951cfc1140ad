"""What takes the keyboard in the middle of a word: those keys are for nobody, or for the input."""

from __future__ import annotations

from textual.pilot import Pilot

from human.app.app import PersonApp
from human.app.widgets.confirm import Confirm
from human.app.widgets.paused import Paused
from human.app.widgets.reading import Reading
from human.messages import (
    Answer,
    FromResearcher,
    Over,
    Page,
    Problem,
    Question,
    Resume,
    Said,
    Time,
    Writing,
)
from tests.apps import ASK, PROBLEM, Told, calm, drive, seen, shows, turn, until, write


def stands_still(app: PersonApp) -> None:
    """No time passes for the app."""
    now = app.state.now()
    app.state.now = lambda: now


RATE = Page(id="r", title="Rate", problem="1", questions=(
    Question(id="ease", text="Easy?", kind="scale"), Question(id="why", text="Why?", kind="text", optional=True),
))  # fmt: skip


def test_what_is_typed_when_a_form_appears_is_no_answer() -> None:
    link = Told(PROBLEM, Said(author=1, text="so"), Writing(author=1))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "bot writes")
        await pilot.press(*"he had")
        stands_still(app)
        link.tell(Over(ended="end"), RATE)
        await shows(app, pilot, "Easy?", "Typed and not sent: he had")
        await pilot.press("5", "enter", "x", "enter")
        await pilot.pause()
        assert "[5]" not in seen(app)
        assert not any(isinstance(message, Answer) for message in link.sent)
        calm(app)
        await pilot.press("6", "enter", "enter")
        await until(pilot, lambda: Answer(n=1, screen="r", answers={"ease": 6}) in link.sent)

    drive(link, act)


def test_keys_are_ignored_until_nobody_types() -> None:
    from human.app.calm import STILL, Calm

    now = 0.0
    calm = Calm(lambda: now)
    assert not calm.ignores()
    calm.appeared()
    for now in (0.1, 0.1 + 0.9 * STILL, 0.1 + 1.8 * STILL):  # noqa: B007  # the clock of the above
        assert calm.ignores()
    now += STILL
    assert not calm.ignores()
    assert not calm.ignores()


def test_a_form_that_was_asked_for_is_answered_at_once() -> None:
    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        stands_still(app)
        await write(app, pilot, "5", "f2")
        link.tell(Over(ended="end"), RATE)
        await shows(app, pilot, "Easy?")
        await pilot.press("6", "enter", "enter")
        await until(pilot, lambda: Answer(n=1, screen="r", answers={"ease": 6}) in link.sent)

    drive(link, act)


def test_a_form_comes_while_somebody_types_on_after_finishing() -> None:
    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        stands_still(app)
        await write(app, pilot, "5", "f2")
        await pilot.press("4")
        link.tell(Over(ended="end"), RATE)
        await shows(app, pilot, "Easy?")
        await pilot.press("3")
        await pilot.pause()
        assert "[3]" not in seen(app)

    drive(link, act)


def test_a_letter_and_a_pause_take_no_keys_from_a_sentence() -> None:
    link = Told(PROBLEM, Time(spent=1.0), ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        stands_still(app)
        await pilot.press(*"it")
        link.tell(FromResearcher(text="Please wait."))
        await shows(app, pilot, "Please wait.")
        await pilot.press(*"is", "escape", "f1")
        await pilot.pause()
        assert isinstance(app.screen, Reading)
        calm(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Reading))
        await pilot.press("s")
        link.tell(Time(spent=1.0, running=False, why="the study is paused"))
        await until(pilot, lambda: isinstance(app.screen, Paused))
        await pilot.press("space", "enter")
        await pilot.pause()
        assert not any(isinstance(message, Resume) for message in link.sent)
        calm(app)
        await pilot.press("enter")
        await until(pilot, lambda: Resume(n=1) in link.sent)
        link.tell(Time(spent=1.0))
        await turn(app, pilot)
        assert app.play.composer.text == "its"

    drive(link, act)


def test_what_was_typed_for_a_problem_that_is_gone_is_shown() -> None:
    link = Told(PROBLEM, Writing(author=1))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "bot writes")
        await pilot.press(*"half")
        link.tell(Problem(id="2", question="And now?", authors=("ann", "bot")), ASK)
        await shows(app, pilot, "And now?", "not sent, and not for this problem: half")
        assert app.play.composer.text == ""

    drive(link, act)


def test_what_is_typed_goes_into_the_input_wherever_the_focus_is() -> None:
    from textual import events

    link = Told(PROBLEM, Said(author=1, text="so"), Writing(author=1))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "bot writes")
        await pilot.press(*"ab")
        await pilot.click("#solution")
        await until(pilot, lambda: app.focused is app.play.query_one("#solution"))
        for key in "cd":  # as they come when somebody types fast
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: app.play.composer.text == "abcd")
        assert app.focused is app.play.composer
        await pilot.press("tab")
        assert app.focused is not app.play.composer
        await pilot.press("backspace")
        await until(pilot, lambda: app.play.composer.text == "abc")
        app.play.set_focus(None)
        app.post_message(events.Paste("x y"))
        await until(pilot, lambda: app.play.composer.text == "abcx y")
        await pilot.press("tab")
        link.tell(ASK)
        await turn(app, pilot)
        await pilot.press("ctrl+q", "z", "n")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert app.play.composer.text == "abcx y"

    drive(link, act)
