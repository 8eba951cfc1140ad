"""The app by its keys, on a small screen and a large one: whole runs, and what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from arena.episode import Episode
from human import theme
from human.app import keys
from human.app.app import PersonApp
from human.app.widgets.confirm import Confirm
from human.app.widgets.paused import Paused
from human.app.widgets.reading import Reading
from human.app.widgets.scale import Scale
from human.link import NotDone
from human.local import LocalRun
from human.messages import (
    Answer,
    Bye,
    End,
    Extend,
    FromResearcher,
    Graded,
    Leave,
    Note,
    Over,
    Page,
    Pause,
    Problem,
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
    Writing,
)
from tests.apps import SIZES, Told, asked, calm, drive, play, rate, seen, shows, turn, until, write

PROBLEM = Problem(id="1", question="How many?", authors=("ann", "bot"), number=2, of=10)
ASK = asked()
HOSTILE = "[red]x[/] [link=a] \x1b[2J\x1b]0;t\x07 \u202eabc\u202c \x9b1m \ud83d {end"


def parts(episode: Episode) -> list[tuple[str, str]]:
    return [(span.author, episode.text[span.start : span.end]) for span in episode.spans if span.end > span.start]


def review(episode: Episode) -> object:
    return episode.views["human"].get("review")


# Whole runs


@pytest.mark.parametrize("size", SIZES)
def test_a_word_each_two_problems_and_the_results(tmp_path: Path, size: tuple[int, int]) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Problem 1 of 2", "How many?", "you", "bot", "Your turn: one new word")
        await write(app, pilot, "big")
        await write(app, pilot, "sat")
        await write(app, pilot, "5", "f2")
        await rate(app, pilot, 6)
        await shows(app, pilot, "right: 5", "Next problem")
        await pilot.press("enter")
        await shows(app, pilot, "Problem 2 of 2", "And now?")
        await write(app, pilot, "4", "ctrl+s")
        await shows(app, pilot, "no answer is marked yet, as in #### 12; F2 again finishes all the same")
        await pilot.press("ctrl+s")
        await rate(app, pilot, 2)
        await shows(app, pilot, "expected 5", "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done", "together: 1 of 2 right", "human.replay", str(tmp_path)[:20])
        await pilot.press("enter")

    partner, both = "script:the cat\n####", ("How many?", "And now?")
    code, (first, second) = play(tmp_path, act, handoff="word:alternate", partner=partner, questions=both, size=size)
    assert code == 0
    written = [
        ("bot", "the"),
        ("human", " big"),
        ("bot", " cat"),
        ("human", " sat"),
        ("bot", "\n####"),
        ("human", " 5"),
    ]
    assert parts(first) == written
    assert (first.grade or {})["verdict"] == "correct"
    assert review(first) == {"ease": 6}
    assert review(second) == {"ease": 2}
    assert first.views["human"]["person"] == "app"
    assert len(first.views["human"]["seconds"]) == 3


def test_a_sentence_each_with_what_was_not_taken(tmp_path: Path) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await turn(app, pilot)
        await pilot.press(*"Two", "space", *"a")
        await shows(app, pilot, "1 of 1 sentence, not over yet")
        await pilot.press("full_stop", "space", *"More")
        await shows(app, pilot, "1 of 1 sentence; not taken: More")
        await pilot.press("enter")
        await shows(app, pilot, "kept: Two a.; not taken: More")
        await turn(app, pilot)
        await write(app, pilot, "It goes")
        await shows(app, pilot, "the sentence is not over")
        assert app.state.ask
        assert app.state.ask.draft
        await pilot.press("ctrl+z")
        await until(pilot, lambda: app.state.my_turn and not app.state.ask.draft)  # type: ignore[union-attr]
        assert app.play.composer.text == "It goes", "what is taken back is there to be changed"
        await write(app, pilot, "\n#### 5", "f2")
        await rate(app, pilot)
        await shows(app, pilot, "right", "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done")

    code, (made,) = play(tmp_path, act, handoff="sentence:alternate")
    assert code == 0
    assert parts(made) == [("bot", "the cat."), ("human", " Two a."), ("bot", " Sat on!"),
                           ("human", " It goes\n#### 5")]  # fmt: skip


def test_the_pen_is_taken_and_handed_back(tmp_path: Path) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "bot writes; F4 takes over")
        await pilot.press(*"meanwhile")
        await shows(app, pilot, "it is not your turn yet; what you typed stays here")
        await pilot.press("enter")
        assert app.play.composer.text == "meanwhile"
        assert not app.state.my_turn
        await pilot.press("f4")
        await turn(app, pilot)
        assert app.play.composer.text == "meanwhile"
        await pilot.press("enter")
        await until(pilot, lambda: app.state.may_undo)
        await shows(app, pilot, "F3 (hand back) or F2 (finish)", "F3 Hand back", "F6 Undo")
        await pilot.press("f3")
        await shows(app, pilot, "bot writes")
        await pilot.press("ctrl+t")
        await write(app, pilot, "#### 5", "f2")
        await rate(app, pilot)
        await shows(app, pilot, "right", "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done")

    words = " ".join(f"w{number}" for number in range(400))
    code, (made,) = play(tmp_path, act, handoff="word:demand", partner=f"script:{words}{{end}}", pace=10.0, limit=500)
    assert code == 0
    assert [author for author, _ in parts(made)] == ["bot", "human", "bot", "human"]
    assert parts(made)[1][1] == " meanwhile"
    assert made.text.endswith("\n#### 5")
    assert len(made.text.split()) < 300, "nobody wrote on"


def test_the_rest_of_a_solution(tmp_path: Path) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await write(app, pilot, "a\nb", "enter")
        await write(app, pilot, "\n#### 5", "f2")
        await shows(app, pilot, "right", "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done")

    code, (made,) = play(tmp_path, act, handoff="solution:solo=human")
    assert code == 0
    assert made.text == "a\nb\n#### 5"
    assert review(made) is None, "who wrote alone is asked nothing"


def test_a_rating_comes_before_any_grade(tmp_path: Path) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await write(app, pilot, "#### 5", "f2")
        await shows(app, pilot, "Before you see whether it is right", "▍#### 5", "the cat.", "(stands)")
        assert app.state.graded is None
        assert not (tmp_path / "run" / "episodes.jsonl").read_text()
        await pilot.press("right", "right", "left", "9", "enter", *"fine", "enter")
        await shows(app, pilot, "right: 5", "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done")

    _, (made,) = play(tmp_path, act, handoff="sentence:alternate", partner="script:the cat.")
    assert review(made) == {"ease": 4, "text": "fine"}


def test_leaving_before_the_first_desk_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seated = LocalRun.seated

    def seated_and_left(run: LocalRun, *given: Any) -> Any:
        agents = seated(run, *given)
        run.leave()
        return agents

    monkeypatch.setattr(LocalRun, "seated", seated_and_left)

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await until(pilot, lambda: app._exit)

    assert play(tmp_path, act, handoff="sentence:alternate") == (130, [])


@pytest.mark.parametrize("when", ["turn", "writing", "rating", "grade", "results"])
def test_leaving_keeps_what_is_done(tmp_path: Path, when: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        if when == "writing":
            await shows(app, pilot, "bot writes")
        elif when == "turn":
            await write(app, pilot, "some", "enter")
        else:
            await write(app, pilot, "#### 6", "f2")
            await shows(app, pilot, "How easy")
            if when != "rating":
                await pilot.press("enter", "enter")
                await shows(app, pilot, "expected", "Results" if when == "results" else "Next problem")
            if when == "results":
                await pilot.press("enter")
                await shows(app, pilot, "All problems are done")
        await pilot.press("f10")
        if when != "results":
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press("escape", "ctrl+q")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press("y")
        await until(pilot, lambda: not app.is_running or app._exit)

    slow = 4.0 if when == "writing" else None
    partner = "script:the cat sat on the mat and it slept all day."
    count = 1 if when == "results" else 2
    code, made = play(
        tmp_path, act, handoff="sentence:alternate", partner=partner, pace=slow, questions=("How many?",) * count
    )
    kept = when in ("rating", "grade", "results")
    assert len(made) == kept
    said = capsys.readouterr()
    if when == "results":
        assert code == 0
        assert "stored in" in said.out
    else:
        assert code == 130
        assert f"stopped; {int(kept)} episode" in said.err
        assert "--resume" in said.err


def test_a_run_is_gone_on_with(tmp_path: Path) -> None:
    async def first(app: PersonApp, pilot: Pilot[str]) -> None:
        await write(app, pilot, "#### 6", "f2")
        await rate(app, pilot)
        await shows(app, pilot, "Next problem")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: app._exit)

    async def second(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "Problem 2 of 2", "And now?")
        await write(app, pilot, "#### 6", "f2")
        await rate(app, pilot)
        await shows(app, pilot, "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done", "of 2 right")

    both = ("How many?", "And now?")
    assert play(tmp_path, first, handoff="sentence:alternate", questions=both)[0] == 130
    code, made = play(tmp_path, second, handoff="sentence:alternate", questions=both, resume=True)
    assert code == 0
    assert [episode.question for episode in made] == list(both)


def test_an_answer_that_needs_the_graders_processes(tmp_path: Path) -> None:
    """They inherit standard error, which must be a file."""

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await write(app, pilot, "#### \\sqrt{25}", "f2")
        await rate(app, pilot)
        await shows(app, pilot, "Results")
        await pilot.press("enter")
        await shows(app, pilot, "All problems are done")

    code, (made,) = play(tmp_path, act, handoff="sentence:alternate", partner="script:the cat. #### {end}")
    assert code == 0
    assert (made.grade or {})["answer"]


def test_what_fails_is_said_when_the_screen_is_free(tmp_path: Path) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await until(pilot, lambda: app._exit)

    with pytest.raises(Exception, match="needs some text to write"):
        play(tmp_path, act, handoff="word:alternate", partner="script:{end}")


# The clock


@pytest.mark.parametrize("size", SIZES)
def test_a_pause_hides_the_text_and_stops_the_clock(tmp_path: Path, size: tuple[int, int]) -> None:
    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "w2")
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.screen, Paused))
        await shows(app, pilot, "The clock stands at 0:0", "paused", "goes on")
        assert "w1" not in seen(app)
        assert "How many" not in seen(app)
        spent, written = app.state.spent, list(app.state.turns)
        await pilot.pause(0.3)
        assert (app.state.spent, app.state.turns) == (spent, written)
        await pilot.press("f10", "n")
        await until(pilot, lambda: isinstance(app.screen, Paused))
        await pilot.press("space")
        await shows(app, pilot, "w5")
        await pilot.press("f10", "y")
        await until(pilot, lambda: app._exit)

    words = " ".join(f"w{number}" for number in range(400))
    code, made = play(
        tmp_path, act, handoff="word:demand", partner=f"script:{words}{{end}}", pace=20.0, size=size, limit=500
    )
    assert (code, made) == (130, [])


# What it is told


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


# What can go wrong


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


def test_the_whole_text_replaces_what_was_shown() -> None:
    link = Told(PROBLEM, Said(author=1, text="so she had"), Whole(turns=((1, "so she"),)))

    async def act(app: PersonApp, pilot: Pilot[str]) -> None:
        await shows(app, pilot, "░so she")
        assert "had" not in seen(app)

    drive(link, act)


def test_the_desk_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from arena import audience
    from arena.command import UserError
    from arena.config import RunConfig, resolved

    def config(desk: str, pair: str = "bot:human") -> RunConfig:
        return resolved(RunConfig(pair=pair, agent=["bot=script:a"], desk=desk))  # type: ignore[arg-type]

    assert audience.app_of(config("auto")) is None, "a pipe is never an app"
    assert audience.app_of(config("line")) is None
    with pytest.raises(UserError, match="must be a terminal"):
        audience.app_of(config("app"))
    with pytest.raises(UserError, match="is a person"):
        audience.app_of(config("app", "bot:senior"))
    monkeypatch.setattr(audience, "misfit", lambda: "")
    assert audience.app_of(config("auto", "bot:senior")) is None
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [])
    assert audience.app_of(config("auto")) is None
    with pytest.raises(UserError, match="no app is installed"):
        audience.app_of(config("app"))


def test_what_is_installed_names_the_app() -> None:
    import tomllib
    from importlib import import_module

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["tandem_arena.desks"]["app"].partition(":")
    assert callable(getattr(import_module(module), name))


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


def test_every_key_is_in_the_manual() -> None:
    said = (Path(__file__).parents[1] / "docs" / "APP.md").read_text(encoding="utf-8")
    for key in keys.KEYS:
        for name in (key.shown, *key.keys.split(",")[1:]):
            assert f"`{name}`" in said, name
