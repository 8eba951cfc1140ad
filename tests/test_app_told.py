"""What the app shows and sends: pages, refusals, options, what was typed early, help."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from human import theme
from human.app.app import PersonApp
from human.app.widgets.paused import Paused
from human.app.widgets.reading import Reading
from human.app.widgets.scale import Scale
from human.link import NotDone
from human.messages import (
    Answer,
    Bye,
    End,
    Extend,
    FromResearcher,
    Graded,
    Over,
    Page,
    Pause,
    Question,
    Refused,
    Resume,
    Said,
    Time,
    Try,
    Undo,
    Welcome,
    Whole,
    Withdraw,
    Write,
)
from tests.apps import ASK, PROBLEM, Told, calm, drive, seen, shows, turn, until, write


def test_loading_and_trouble_are_seen() -> None:
    link = Told()

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Loading [b]senior ...")
        link.trouble = "Not connected"
        await shows(app, pilot, "Not connected")
        link.tell(PROBLEM)
        await shows(app, pilot, "How many?", "Not connected")

    drive(link, act, opening="Loading [b]senior ...")


def test_what_is_typed_while_models_load_waits_for_the_turn() -> None:
    link = Told()

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Loading senior ...")
        await pilot.press("h", "i", "space", "e", "backspace", "[", "b", "]", "enter", "f2", "ctrl+n", "tab")
        await shows(app, pilot, "Loading senior ...", "what you typed stays here: hi [b]")
        link.tell(PROBLEM, ASK)
        await turn(app, pilot)
        assert app.play.composer.text == "hi [b]"
        assert not [message for message in link.sent if not isinstance(message, Try)]
        await pilot.press("x", "enter")
        await until(pilot, lambda: any(isinstance(one, Write) and one.text == "hi [b]x" for one in link.sent))

    drive(link, act, opening="Loading senior ...")


def test_what_is_typed_before_a_page_is_no_part_of_a_solution() -> None:
    link = Told()

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "One moment")
        await pilot.press("h", "i")
        link.tell(Page(id="a", title="Taking part"))
        await shows(app, pilot, "Taking part")
        link.tell(PROBLEM, ASK)
        await turn(app, pilot)
        assert app.play.composer.text == ""

    drive(link, act)


def test_an_option_that_is_chosen_is_in_sight() -> None:
    long = tuple(f"Paragraph {number}." for number in range(9))
    options = ("I take part.", "I do not take part.")
    asks = Question(id="consent", text="Do you take part?", kind="choice", options=options)
    link = Told(Page(id="consent", title="Taking part", text=long, questions=(asks,)))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Paragraph 0.")
        assert options[1] not in seen(app)
        calm(app)
        await pilot.press("down", "down")
        await shows(app, pilot, f"(*) 2. {options[1]}")
        await pilot.press("up")
        await shows(app, pilot, f"(*) 1. {options[0]}", f"( ) 2. {options[1]}")

    drive(link, act)


def test_a_page_with_every_kind_of_question() -> None:
    questions = (
        Question(id="who", text="Who?", kind="choice", options=("[b]me", "you")),
        Question(id="how", text="How?", kind="scale", low=0, high=100, options=("bad", "good")),
        Question(id="age", text="Age?", kind="number"),
        Question(id="more", text="More?", kind="text", optional=True),
    )
    link = Told(
        Welcome(title="A [study]"), Page(id="p", title="About you", text=("Read [this].",), questions=questions)
    )

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "A [study]", "About you", "Read [this].", "1. [b]me", "bad", "may be left out", "Go on")
        calm(app)
        await pilot.press("enter", "enter", "enter", "enter")
        await shows(app, pilot, "Not answered yet: Who?")
        await pilot.press("down", "down", "up", "2", "enter", "right", "right", "pageup", "enter", *"4x2", "enter")
        await pilot.press(*"hm", "enter")
        await until(pilot, lambda: bool(link.sent))
        assert link.sent == [
            Answer(n=1, screen="p", answers={"who": "you", "how": 61, "age": 42, "more": "hm"}),
        ]
        link.tell(Page(id="p", title="Again", questions=questions[:3], wrong=("how",)))
        await shows(app, pilot, "this was not right")
        assert isinstance(app.focused, Scale)

    drive(link, act)


@pytest.mark.parametrize("optional", [False, True])
def test_a_number_without_end_is_none(optional: bool) -> None:
    asks = Question(id="age", text="Age?", kind="number", optional=optional)
    link = Told(Page(id="p", title="You", questions=(asks,)))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Age?")
        calm(app)
        await pilot.press(*"1e999", "enter")
        await shows(app, pilot, "Type a number: Age?")
        assert not link.sent
        await pilot.press(*["backspace"] * 5, *"2", "enter")
        await until(pilot, lambda: link.sent == [Answer(n=1, screen="p", answers={"age": 2})])

    drive(link, act)


def test_a_page_stands_alone_unless_it_is_about_the_problem() -> None:
    link = Told(PROBLEM, Said(author=1, text="so"), Over(ended="limit"), Page(id="a", title="Rate", problem="1"))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Rate", "░so", "its length is used up")
        calm(app)
        await pilot.press("enter")
        link.tell(Graded(verdict="wrong", answer="[b]4", expected="5"), Page(id="b", title="", problem="1"))
        await shows(app, pilot, "wrong: [b]4, expected 5")
        await pilot.press("enter")
        link.tell(Page(id="c", title="A break"))
        await shows(app, pilot, "A break")
        calm(app)
        assert "so" not in seen(app)
        link.tell(Page(id="d", title="Thanks", last=True), Bye(name="over", text="over"))
        await shows(app, pilot, "Thanks")
        calm(app)
        await pilot.press("enter")
        await until(pilot, lambda: app._exit)

    drive(link, act)


def test_the_researcher_is_read() -> None:
    link = Told(PROBLEM, FromResearcher(text="[b]hello"))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "From the researcher", "[b]hello", "escape or F1 closes")
        calm(app)
        await pilot.press("enter", "space")
        await pilot.pause()
        assert isinstance(app.screen, Reading)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Reading))

    drive(link, act)


def test_what_is_refused_goes_back_into_the_input() -> None:
    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await write(app, pilot, "two", "enter")
        assert [message for message in link.sent if isinstance(message, Write)] == [Write(n=1, turn=1, text="two")]
        assert not app.state.my_turn
        why = Refused(n=1, name="not_your_turn", text="this turn is over")
        link.tell(NotDone(Write(n=1, turn=1, text="two"), why))
        await shows(app, pilot, "not done: this turn is over")
        assert app.play.composer.text == "two"

    drive(link, act)


def test_help_palette_and_theme_by_keys() -> None:
    link = Told(Welcome(can_withdraw=True, can_extend=True), PROBLEM, Time(spent=61.0, limit=600.0))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "1:01 of 10:00", "F1 Help")
        await pilot.press("f1")
        await shows(app, pilot, "You and a partner write one solution", "enter, ctrl+j", "F10, ctrl+q")
        await pilot.press("escape", "f8")
        await until(pilot, lambda: app.theme == theme.LIGHT.name)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.theme == theme.DARK.name)
        await pilot.press("ctrl+p", *"more time")
        await until(pilot, lambda: "More time" in seen(app) and "Screenshot" not in seen(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: Extend(n=1) in link.sent)
        await pilot.press("ctrl+p", *"withdraw")
        await until(pilot, lambda: "Leave for good" in seen(app) and "Screenshot" not in seen(app))
        await pilot.press("down", "enter")
        await shows(app, pilot, "Withdraw (y)")
        await pilot.press("left", "enter")
        await until(pilot, lambda: Withdraw(n=1) in link.sent)

    drive(link, act)


def test_pausing_is_asked_for_and_not_assumed() -> None:
    link = Told(PROBLEM, Time(spent=1.0), ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        await pilot.press("ctrl+r")
        assert isinstance(link.sent[-1], Pause)
        assert not isinstance(app.screen, Paused)
        link.tell(Time(spent=2.0, running=False, why="[b]why"))
        await shows(app, pilot, "The clock stands at 0:02: [b]why")
        await pilot.press("enter")
        assert isinstance(link.sent[-1], Resume)
        link.tell(Time(spent=2.0))
        await shows(app, pilot, "How many?")

    drive(link, act)


def test_the_whole_text_replaces_what_was_shown() -> None:
    link = Told(PROBLEM, Said(author=1, text="so she had"), Whole(turns=((1, "so she"),)))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "░so she")
        assert "had" not in seen(app)

    drive(link, act)


def test_what_is_sent_is_what_stood_there_when_enter_was_pressed() -> None:
    from textual import events

    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        for key, character in (("o", "o"), ("enter", "\r"), ("n", "n")):  # as they come when somebody types ahead
            app.play.composer.post_message(events.Key(key, character))
        await until(pilot, lambda: app.play.composer.text == "n")
        assert [message.text for message in link.sent if isinstance(message, Write)] == ["o"]

    drive(link, act)


def test_what_was_deleted_comes_back_by_undo_before_what_was_sent() -> None:
    link = Told(PROBLEM, ASK.model_copy(update={"draft": "sent", "goes_on": True}))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        await pilot.press(*"ab", "ctrl+u")
        await until(pilot, lambda: app.play.composer.text == "")
        await pilot.press("ctrl+z")
        await until(pilot, lambda: app.play.composer.text == "ab")
        assert not any(isinstance(message, Undo) for message in link.sent)
        await pilot.press("f6")
        await until(pilot, lambda: Undo(n=1, turn=1) in link.sent)

    drive(link, act)


def test_a_new_user_is_told_what_to_do_next() -> None:
    link = Told(PROBLEM.model_copy(update={"form": "#### 12"}), ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Your turn: 2 new words", "Type here, then enter; at the end the answer, as #### 12")
        await shows(app, pilot, "enter Send", "F2 Finish", "F1 Help")
        await pilot.press("f3")
        await shows(app, pilot, "the pen goes on by itself")
        await pilot.press("f2")
        await shows(app, pilot, "no answer is marked yet")
        assert not any(isinstance(message, End) for message in link.sent)
        await pilot.press(*"####", "space", "7", "f2")
        await until(pilot, lambda: End(n=1, turn=1, text="#### 7") in link.sent)

    drive(link, act)


def test_help_fits_its_box() -> None:
    link = Told(PROBLEM, ASK)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        await pilot.press("f1")
        await shows(app, pilot, "You and a partner write one solution")
        await pilot.press("end")
        await shows(app, pilot, "Escape closes this.")
        page = app.screen.query_one("#reading")
        assert page.scrollable_content_region.width == page.virtual_size.width
        assert not page.show_horizontal_scrollbar

    drive(link, act)
