"""When a solution is over: its clock stands, nothing gives time back, and whoever comes back can only rate it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from arena.proof import problems_of
from human.export.times import times
from human.messages import Answer, Ask, Extend, Notice, Over, Page, Pause, Problem, Refused, Resume, Time, ToPerson
from human.record import Event
from human.study import Stimuli, Study
from tests.studies import made, replacing, study_file
from tests.test_session import SHORT, episodes, run, until
from tests.visitors import House, Visitor

RATING = "t01/questions"


@pytest.fixture
def study(tmp_path: Path) -> tuple[Study, Stimuli]:
    return made(study_file(tmp_path, SHORT))


@pytest.fixture
def quick(tmp_path: Path) -> tuple[Study, Stimuli]:
    """Half a second for a problem."""
    return made(study_file(tmp_path, lambda text: replacing(("seconds = 40", "seconds = 0.5"))(SHORT(text))))


class Rater(Visitor):
    """Leaves the questions after the first problem that counts unanswered, until it is told to."""

    silent = False
    """Writes nothing to that problem."""

    def wants(self, message: Page | Ask) -> None:
        held = isinstance(message, Page) and message.id == RATING
        if not held and not (self.silent and isinstance(message, Ask) and self.trial == "t01"):
            super().wants(message)

    def at_rating(self) -> bool:
        return isinstance(self.now, Page) and self.now.id == RATING

    def rates(self, **given: Any) -> None:
        assert isinstance(self.now, Page)
        answers = {one.id: self.answer(one) for one in self.now.questions}
        self.say(Answer(n=1, screen=RATING, answers={**answers, **given}))

    def names(self) -> list[str]:
        return [message.name for message in self.heard if isinstance(message, Refused)]


def of_trial(house: House, kind: str) -> list[Event]:
    return [event for event in house.record.events() if event.trial == "t01" and event.kind == kind]


async def to_the_rating(house: House, rater: Rater) -> None:
    await house.visit(rater, house.invite())
    await until(rater, rater.at_rating)


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["more", "less"])
def test_a_number_of_hundreds_of_digits_is_no_answer(study: tuple[Study, Stimuli], number: int) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        rater = Rater()
        await to_the_rating(house, rater)
        assert isinstance(rater.now, Page)
        scale = next(one.id for one in rater.now.questions if one.kind == "scale")
        rater.rates(**{scale: number})
        await until(rater, lambda: rater.names() == ["not_answered"])
        rater.rates()
        await rater.over.wait()

    run(study, act)


@pytest.mark.parametrize("silent", [False, True])
def test_a_solution_that_is_over_can_only_be_rated(quick: tuple[Study, Stimuli], silent: bool) -> None:
    """Killed at the rating, twice: nothing is asked again, and the episode is what it would have been."""
    found = []
    for kills in (0, 2):
        rater = Rater()
        rater.silent = silent

        async def act(house: House, visitor: Visitor, rater: Rater = rater, kills: int = kills) -> None:
            await to_the_rating(house, rater)
            (over,) = of_trial(house, "over")
            for _ in range(kills):
                await asyncio.sleep(0.3)
                await house.kill()
                house.open()
                began = len(rater.heard)
                rater.now = None
                await house.visit(rater)
                await until(rater, rater.at_rating)
                told = [one for one in rater.heard[began:] if isinstance(one, Ask | Time | Over | Notice)]
                assert told == [Over(ended=over.data["ended"])]
            rater.rates()
            await until(rater, lambda: of_trial(house, "episode"))
            (asked,), (end,) = of_trial(house, "shown"), of_trial(house, "episode")
            assert over.clock is not None
            assert asked.clock is not None
            assert end.data["seconds"] == pytest.approx(over.clock - asked.clock, abs=0.002)
            assert end.clock == pytest.approx(over.clock, abs=0.002)
            wall = times(list(house.record.events(over.person)), "t01")
            assert wall
            assert wall.all == pytest.approx(over.at - asked.at)
            assert len(of_trial(house, "over")) == 1
            found.append(asdict(episodes(house, over.person)[2]))

        run(quick, act)
        quick[0].path.with_suffix(".sqlite").unlink()
    assert found[0]["ended"] == ("stopped" if silent else "end")
    for one in found:
        del one["timings"], one["digest"]
        assert len(one["views"]["human"].pop("seconds")) == 1
    assert found[0] == found[1]


def test_the_clock_of_a_solution_that_is_over_stands(quick: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        rater = Rater()
        await to_the_rating(house, rater)
        (session,) = house.sessions.values()
        assert session.trial
        before = session.trial.clock.now()
        for message in (Pause, Extend, Resume):
            await session.handle(message(n=rater.n + 1))
        assert rater.names() == ["not_this_screen"] * 3
        await asyncio.sleep(0.6)  # more than the time for the problem
        session.run_clock()  # as for a new screen
        assert session.trial.clock.now() == before
        assert not [one for one in rater.heard if isinstance(one, Notice) and "is over" in one.text]
        rater.rates()
        await until(rater, lambda: rater.trial == "t02")
        assert session.trial
        assert session.trial.clock.running
        await rater.over.wait()

    run(quick, act)


def test_a_pause_ends_with_its_problem(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        rater = Rater()
        await to_the_rating(house, rater)
        (session,) = house.sessions.values()
        session.paused = True  # it was on its way when the solution ended
        rater.rates()
        await until(rater, lambda: rater.trial == "t02")
        assert session.trial
        assert session.trial.clock.running

    run(study, act)


@pytest.mark.parametrize("unit", ["sentence", "token"])
def test_what_is_asked_for_does_not_tell_what_a_beginning_was_cut_by(tmp_path: Path, unit: str) -> None:
    """Nor does what counts when the time is up."""
    cut = replacing(
        ('senior = "runs/after"\nfraction = 0.5', f'senior = "runs/after"\nfraction = 0.5\nunit = "{unit}"'),
        ("seconds = 40", "seconds = 0.5"),
    )
    visitor = Visitor()
    for trial in ("t01", "t02", "t03"):
        visitor.texts[trial] = ["It is not. So"]

    again: list[ToPerson] = []

    async def act(house: House, _: Visitor) -> None:
        def waits(message: Page | Ask) -> None:
            if isinstance(message, Ask) and session.trial:
                again.extend(session.trial.again())
            if isinstance(message, Page) or not visitor.trial.startswith("t") or not message.goes_on:
                Visitor.wants(visitor, message)

        visitor.wants = waits  # type: ignore[method-assign]
        session = await house.visit(visitor, house.invite())
        await visitor.over.wait()
        (person,) = {event.person for event in house.record.events()}
        for one in episodes(house, person)[2:]:
            assert problems_of(one) == []
            assert one.ended == "stopped"
            assert one.text.endswith("It is not. So")

    run(made(study_file(tmp_path, lambda text: cut(SHORT(text)))), act)
    asked: dict[str, set[str]] = {}
    trial = ""
    for message in visitor.heard:
        trial = message.id if isinstance(message, Problem) else trial
        if isinstance(message, Ask) and trial.startswith("t"):
            shown = message.model_dump(include={"unit", "held", "goes_on", "unfinished", "stuck", "on_demand"})
            asked.setdefault(trial, set()).add(str(shown))
    assert {message.unit for message in again if isinstance(message, Ask)} == {"word"}
    assert asked["t01"] == asked["t02"] == asked["t03"]
