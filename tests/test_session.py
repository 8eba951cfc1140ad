"""A person's session: every message once and in order, nothing acknowledged is lost, whoever comes back walks on."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from arena.episode import Episode
from arena.proof import problems_of
from human.messages import (
    Ack,
    Answer,
    Bye,
    Graded,
    Join,
    Leave,
    Page,
    Pause,
    Problem,
    Refused,
    Resume,
    Time,
    Withdraw,
    Write,
)
from human.study import Stimuli, Study
from human.study.preview import screens
from tests.studies import made, replacing, study_file
from tests.visitors import RIGHT, House, Visitor, answer_of

SHORT = replacing(
    ("per_person = 12", "per_person = 3"),
    ("problems = 24", "problems = 6"),
    ("pace = 4.0", "pace = 5000.0"),
    ("break_every = 6", "break_every = 2"),
    ("fewest_trials = 9", "fewest_trials = 3"),
    ("fastest_seconds = 4", "fastest_seconds = 0"),
)


@pytest.fixture
def study(tmp_path: Path) -> tuple[Study, Stimuli]:
    return made(study_file(tmp_path, SHORT))


def run(study: tuple[Study, Stimuli], act: Callable[[House, Visitor], Awaitable[None]], **options: Any) -> House:
    """Does something in a house, which is closed at the end; its record can be read."""

    async def go() -> House:
        house = House(*study, study[0].path.with_suffix(".sqlite"), **options)
        try:
            async with asyncio.timeout(30):
                await act(house, Visitor())
        finally:
            await house.kill()
        return house

    return asyncio.run(go())


async def until(visitor: Visitor, so: Callable[[], object]) -> None:
    """Waits for what has to come; not for somebody whose session is over."""
    async with asyncio.timeout(20):
        while not so():
            assert not visitor.over.is_set(), visitor.heard[-1]
            await asyncio.sleep(0.001)


def reopened(house: House) -> House:
    house.open()
    return house


def episodes(house: House, person: str) -> list[Episode]:
    return [
        Episode.from_dict(event.data["episode"]) for event in house.record.events(person) if event.kind == "episode"
    ]


async def whole(house: House, visitor: Visitor) -> None:
    await house.visit(visitor, house.invite())
    await visitor.over.wait()


def test_a_whole_session(study: tuple[Study, Stimuli]) -> None:
    visitors: list[Visitor] = []

    async def act(house: House, visitor: Visitor) -> None:
        visitors.append(visitor)
        await whole(house, visitor)

    house = reopened(run(study, act))
    (visitor,) = visitors
    last = visitor.heard[-1]
    assert isinstance(last, Page)
    assert last.last
    assert "Your code: HANDOFF-DONE" in last.text
    ((person, state),) = house.record.read("SELECT id, state FROM people")
    assert state == "finished"
    found = episodes(house, person)
    assert len(found) == 5  # two of practice
    for one in found:
        assert problems_of(one) == []
        assert one.text.endswith("So it is what it is\n#### 12")
        assert one.views["human"]["person"] == "bot"
        assert one.grade
    assert [one.condition for one in found][:2] == ["practice"] * 2
    assert {one.condition for one in found[2:]} == {"alone", "jargon", "trained"}
    assert all(one.prefix_units for one in found if one.condition in ("jargon", "trained"))
    assert {one.views["human"]["review"]["ease"] for one in found[2:]} == {3}
    said = "".join(message.model_dump_json() for message in visitor.heard)
    for never in ("jargon", "trained", "senior", '"verdict"', "condition"):
        assert never not in said
    assert not [message for message in visitor.heard if isinstance(message, Graded | Refused)]
    numbers = [event.n for event in house.record.events(person) if event.n]
    assert numbers == list(range(1, visitor.n + 1))
    house.close()


def test_the_preview_shows_every_page_as_it_is(study: tuple[Study, Stimuli]) -> None:
    visitors: list[Visitor] = []

    async def act(house: House, visitor: Visitor) -> None:
        visitors.append(visitor)
        await whole(house, visitor)

    run(study, act)
    seen = [message for message in visitors[0].heard if isinstance(message, Page)]
    shown = {(one.title, part.text) for one in screens(*study, slot=0) for part in one.parts}
    titles = [title for title, _ in itertools.groupby(one.title for one in screens(*study, slot=0))]
    assert [one.title for one in seen] == [one for one in titles if one != "Practice" and "Problem" not in one]
    for page in seen:
        for text in (*page.text, *(question.text for question in page.questions if not question.optional)):
            assert text.startswith("Your name in our records") or (page.title, text) in shown
    for said in ("It takes about 25 minutes.", "Questions: study@example.org"):
        assert said in seen[0].text
    assert any("deleted after 30 days" in text for text in seen[0].text)


def test_text_that_is_not_to_be_seen_yet_is_not_sent(study: tuple[Study, Stimuli]) -> None:
    """A prefix comes unit by unit, at its pace, and nothing can be done before it is there."""
    slow = made(
        study_file(
            study[0].path.parent,
            replacing(
                ("per_person = 12", "per_person = 3"), ("problems = 24", "problems = 6"), ("pace = 4.0", "pace = 10.0")
            ),
        )
    )

    async def act(house: House, visitor: Visitor) -> None:
        await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "p02" and visitor.turns)
        began = len(visitor.heard)
        visitor.say(Write(n=1, turn=1, text="too soon"))
        await until(visitor, lambda: any(isinstance(message, Refused) for message in visitor.heard[began:]))
        assert visitor.turns, [m.model_dump_json()[:150] for m in visitor.heard[began - 4 :]]
        assert visitor.turns[0][1] != study[0].practice[1].prefix
        assert [message.name for message in visitor.heard[began:] if isinstance(message, Refused)] == ["not_your_turn"]

    run(slow, act)


@pytest.mark.parametrize("seed", range(6))
def test_killed_anywhere_nothing_acknowledged_is_lost(study: tuple[Study, Stimuli], seed: int) -> None:
    """Killed after any number of messages, again and again: the same episodes, no turn twice, all that was sent."""
    rng = random.Random(seed)
    kills = 0
    visitors: list[Visitor] = []

    async def act(house: House, visitor: Visitor) -> None:
        nonlocal kills
        visitors.append(visitor)
        token = house.invite()
        while not visitor.over.is_set():
            await house.visit(visitor, token)
            token = ""
            until = len(visitor.heard) + rng.randrange(8, 40)
            while len(visitor.heard) < until and not visitor.over.is_set():
                await asyncio.sleep(0.001)
            if not visitor.over.is_set():
                await house.kill()
                kills += 1
                house.open()

    house = reopened(run(study, act))
    assert kills > 3
    ((person,),) = house.record.read("SELECT id FROM people")
    found = episodes(house, person)
    assert [event.trial for event in house.record.events(person) if event.kind == "episode"] == [
        "p01", "p02", "t01", "t02", "t03",
    ]  # fmt: skip
    for one in found:
        assert problems_of(one) == []
        assert one.text.endswith("So it is what it is\n#### 12"), "a turn was lost, or is there twice"
    numbers = [event.n for event in house.record.events(person) if event.n]
    assert numbers == sorted(set(numbers))
    assert [event.kind for event in house.record.events(person)].count("restarted") >= 1
    house.close()


def test_a_message_that_comes_again_is_done_once(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        visitor.keeps_quiet = True
        session = await house.visit(visitor, house.invite())
        await until(visitor, lambda: isinstance(visitor.heard[-1], Page))
        page = visitor.heard[-1]
        assert isinstance(page, Page)
        answer = Answer(n=1, screen=page.id, answers={"consent": page.questions[0].options[0]})
        for _ in range(3):
            await session.handle(answer)
        assert [message for message in visitor.heard if isinstance(message, Ack)] == [Ack(n=1)] * 3
        await until(visitor, lambda: isinstance(visitor.now, Page) and visitor.now.id != page.id)
        await session.handle(Answer(n=3, screen=page.id))
        await session.handle(Answer(n=2, screen=page.id))
        await session.handle(Answer(n=2, screen="instructions/1/1", answers={"nobody": "asked"}))
        await session.handle(Write(n=2, turn=1, text="no"))
        await session.handle(Pause(n=2))
        await session.handle(Join(client="bot", key=visitor.key))
        refused = [message.name for message in visitor.heard if isinstance(message, Refused)]
        assert refused == [
            "out_of_order", "not_this_screen", "not_answered", "not_this_screen", "not_this_screen", "not_allowed",
        ]  # fmt: skip
        assert [event.n for event in house.record.events(session.person.id) if event.n] == [1]

    run(study, act)


def test_who_comes_again_takes_over(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "t01")
        visitor.keeps_quiet = True
        other = Visitor()
        other.key = visitor.key
        other.n = visitor.n
        await house.visit(other)
        assert isinstance(visitor.heard[-1], Bye)
        other.texts = visitor.texts
        await other.over.wait()
        assert isinstance(other.heard[-1], Page)

    house = reopened(run(study, act))
    assert len(episodes(house, house.record.read("SELECT id FROM people")[0][0])) == 5
    house.close()


def test_who_declines_leaves_nothing(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        visitor.answer = lambda question: question.options[1]
        await whole(house, visitor)

    house = reopened(run(study, act))
    ((person, state),) = house.record.read("SELECT id, state FROM people")
    assert state == "declined"
    assert [event.kind for event in house.record.events(person)] == ["declined"]
    house.close()


def test_who_does_not_understand_is_excluded_and_told_why_nothing(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        visitor.answer = lambda question: "It ends by itself" if question.id == "end" else answer_of(question)
        await whole(house, visitor)
        page = visitor.heard[-1]
        assert isinstance(page, Page)
        assert "Your code: HANDOFF-PARTIAL" in page.text
        titles = [message.title for message in visitor.heard if isinstance(message, Page)]
        assert titles.count("Is everything clear?") == 2

    house = reopened(run(study, act))
    assert house.record.read("SELECT state FROM people") == [("excluded",)]
    house.close()


def test_withdrawal_deletes_everything(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "t01")
        visitor.texts["t01"] = ["REMARKABLE"]
        await until(visitor, lambda: ("t01", "REMARKABLE") in visitor.written)
        visitor.say(Withdraw(n=1))
        await visitor.over.wait()

    house = run(study, act)
    assert b"REMARKABLE" not in b"".join(path.read_bytes() for path in house.path.parent.glob("*.sqlite*"))
    reopened(house)
    ((person, state),) = house.record.read("SELECT id, state FROM people")
    assert state == "withdrawn"
    (event,) = house.record.events(person)
    assert event.kind == "withdrew"
    assert event.data["deleted"] > 10
    house.close()


def test_the_clock_stands_while_nobody_is_there_and_in_pauses(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        session = await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "t01")
        visitor.keeps_quiet = True
        trial = session.trial
        assert trial
        visitor.say(Pause(n=1))
        await until(visitor, lambda: not trial.clock.running)
        await session.handle(Write(n=visitor.n + 1, turn=1, text="not now"))
        refused = [message for message in visitor.heard if isinstance(message, Refused)]
        assert [message.name for message in refused] == ["paused"]
        times = [message for message in visitor.heard if isinstance(message, Time)]
        assert (times[-1].running, times[-1].why) == (False, "you paused")
        visitor.say(Resume(n=1))
        await until(visitor, lambda: trial.clock.running)
        visitor.say(Leave(n=1))
        await until(visitor, lambda: not trial.clock.running)
        before = trial.clock.now()
        await asyncio.sleep(0.05)
        assert trial.clock.now() == before
        again = Visitor()
        again.key, again.n = visitor.key, visitor.n
        await house.visit(again)
        assert trial.clock.running
        assert isinstance(next(message for message in again.heard if isinstance(message, Problem)), Problem)

    run(study, act)


def test_the_time_is_up_and_may_be_extended(study: tuple[Study, Stimuli]) -> None:
    quick = made(
        study_file(
            study[0].path.parent,
            lambda text: replacing(
                ("seconds = 40", "seconds = 0.3"), ("extension_seconds = 20", "extension_seconds = 0.3")
            )(SHORT(text)),
        )
    )

    async def act(house: House, visitor: Visitor) -> None:
        session = await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "t01")
        visitor.keeps_quiet = True
        await until(visitor, lambda: not (visitor.trial == "t01" and isinstance(visitor.screen, Problem)))
        assert session.trial
        assert session.trial._stop.is_set()

    house = reopened(run(quick, act))
    person = house.record.read("SELECT id FROM people")[0][0]
    assert RIGHT
    assert "t01" in {event.trial for event in house.record.events(person)}
    house.close()
