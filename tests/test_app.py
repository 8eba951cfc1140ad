"""The app by its keys, on a small screen and a large one: whole runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from arena.episode import Episode
from human.app.app import PersonApp
from human.app.widgets.confirm import Confirm
from human.app.widgets.paused import Paused
from human.local import LocalRun
from tests.apps import SIZES, play, rate, seen, shows, turn, until, write
from tests.typed import parts


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
