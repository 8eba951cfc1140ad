"""What happens between two steps: a stop in a withdrawal, a screen that is replaced, a link at the wrong moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from human.messages import Ack, Answer, Ask, Page, Withdraw
from human.record import Event, RecordError
from human.record.clocks import note_clocks, noted_clock
from human.record.people import closed, invite
from human.server import keeper as keeping
from human.server.keeper import Keeper
from human.session import intake
from human.study import Stimuli, Study
from tests.studies import made, study_file
from tests.test_session import SHORT, reopened, run, until
from tests.visitors import House, Visitor


@pytest.fixture
def study(tmp_path: Path) -> tuple[Study, Stimuli]:
    return made(study_file(tmp_path, SHORT))


async def in_trial(house: House, visitor: Visitor) -> str:
    """Takes part until it is asked for the first turn that counts; gives its name."""
    session = await house.visit(visitor, house.invite())
    await until(visitor, lambda: visitor.trial == "t01")
    visitor.keeps_quiet = True
    await until(visitor, lambda: isinstance(visitor.now, Ask) and not visitor.unacknowledged)
    return session.person.id


def test_a_withdrawal_that_was_acknowledged_is_done(
    study: tuple[Study, Stimuli], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        async def fails(*given: object) -> int:
            raise RecordError("the disk is full")

        name = await in_trial(house, visitor)
        before = list(house.record.events(name))
        with monkeypatch.context() as broken:
            broken.setattr(intake, "forget", fails)
            with pytest.raises(RecordError):
                await house.sessions[name].handle(Withdraw(n=visitor.n + 1))
        assert not [one for one in visitor.heard if isinstance(one, Ack) and one.n > visitor.n]
        # What nobody waits for, as that the text was shown, may be written meanwhile.
        assert list(house.record.events(name))[: len(before)] == before
        assert not [one for one in house.record.events(name) if one.kind == "withdrew"]
        await house.kill()
        house.open()
        again = Visitor()
        again.keeps_quiet, again.key, again.n = True, visitor.key, visitor.n
        await house.visit(again)
        again.say(Withdraw(n=1))
        await again.over.wait()
        assert not again.unacknowledged
        assert [event.kind for event in house.record.events(name)] == ["withdrew"]
        assert house.record.read("SELECT state FROM people") == [("withdrawn",)]

    run(study, act)


def test_a_withdrawal_that_an_older_version_only_began_is_finished(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        name = await in_trial(house, visitor)
        await note_clocks(house.record, {name: ("t01", 7.0)})
        await house.record.write(Event(name, "withdrew", "t01", n=visitor.n + 1))
        watching = asyncio.create_task(Keeper(house.hall).run())
        await visitor.over.wait()
        watching.cancel()
        assert visitor.bye
        assert visitor.bye.name == "withdrawn"
        assert [event.kind for event in house.record.events(name)] == ["withdrew"]
        assert noted_clock(house.record, name) is None
        await note_clocks(house.record, {name: ("t01", 8.0)})
        assert noted_clock(house.record, name) is None

    run(study, act)


def test_a_screen_that_was_replaced_is_not_heard(study: tuple[Study, Stimuli]) -> None:
    """Not even with what was on its way, and waits behind another message: the number is the new screen's."""

    async def act(house: House, visitor: Visitor) -> None:
        old = visitor.tell
        visitor.keeps_quiet = True
        session = await house.visit(visitor, house.invite())
        await session.attach(old, "bot")
        await until(visitor, lambda: isinstance(visitor.now, Page))
        assert isinstance(visitor.now, Page)
        page = visitor.now
        declines, agrees = (
            Answer(n=1, screen=page.id, answers={"consent": page.questions[0].options[n]}) for n in (1, 0)
        )
        async with session._intake.lock:
            waiting = asyncio.create_task(session.handle(declines, old))
            await asyncio.sleep(0.01)
            other = Visitor()
            new = other.tell
            other.keeps_quiet = True
            await session.attach(new, "bot")
        await waiting
        await session.handle(declines, old)
        assert not [event for event in house.record.events() if event.n]
        await session.handle(agrees, new)
        assert Ack(n=1) in other.heard
        (event,) = (event for event in house.record.events() if event.n)
        assert event.data["answers"] == agrees.answers

    run(study, act)


def test_who_comes_with_a_new_link_meanwhile_stays(
    study: tuple[Study, Stimuli], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        name = await in_trial(house, visitor)
        ((_, token),) = invite(house.record, 1, 7, again=name)
        late = closed(house.record)
        assert late == {name}
        other = Visitor()
        other.keeps_quiet, other.n = True, visitor.n
        session = await house.visit(other, token)

        async def look(*seen: set[str]) -> None:
            found = iter(seen)
            with monkeypatch.context() as slow:
                slow.setattr(keeping, "closed", lambda record: next(found))
                await Keeper(house.hall).look()

        await look(late, set())
        assert session.here
        assert other.bye is None
        for _ in range(2):  # one that is gone by then is no error
            await look(late, late)
        assert not session.here

    run(study, act)


def test_a_killed_server_gives_back_no_more_than_since_the_last_note(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        name = await in_trial(house, visitor)
        trial = house.sessions[name].trial
        assert trial
        await asyncio.sleep(0.3)
        await Keeper(house.hall).note_clocks()
        noted = trial.clock.now()
        found = noted_clock(house.record, name)
        assert found
        assert found == ("t01", found[1])
        assert found[1] == pytest.approx(noted, abs=0.05)
        assert max(event.clock or 0.0 for event in house.record.events(name) if event.trial == "t01") < noted - 0.2
        await house.kill()
        house.open()
        again = Visitor()
        again.keeps_quiet, again.key, again.n = True, visitor.key, visitor.n
        session = await house.visit(again)
        await until(again, lambda: isinstance(again.now, Ask))
        assert session.trial
        assert session.trial.clock.now() >= noted - 0.05

    reopened(run(study, act)).close()
