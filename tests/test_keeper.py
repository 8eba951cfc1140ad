"""Who leaves for good, and whose place a researcher closes, by a command in another process too, at any moment."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from human.export.takers import everybody
from human.messages import Ack, Ask, Leave, Page, Write
from human.record import ClosedError, Record
from human.record.people import AccessError, by_key, by_token, forget, invite, revoke
from human.record.snapshot import snapshot
from human.server.keeper import Keeper
from human.study import Stimuli, Study
from tests.running import ENVIRONMENT, ROOT
from tests.studies import made, replacing, study_file
from tests.test_serve import attend, link, serving
from tests.test_session import SHORT, run, until
from tests.visitors import House, Visitor

LATE = 60 * 31.0


@pytest.fixture
def study(tmp_path: Path) -> tuple[Study, Stimuli]:
    """Two finished trials of three are enough."""
    return made(study_file(tmp_path, lambda text: SHORT(text).replace("fewest_trials = 3", "fewest_trials = 2")))


def states(record: Record) -> list[tuple[str, int | None]]:
    return record.read("SELECT state, slot FROM people ORDER BY number")


async def leaves_in(house: House, visitor: Visitor, trial: str) -> None:
    """Takes part until this trial has begun, and goes."""
    await house.visit(visitor, house.invite())
    await until(visitor, lambda: visitor.trial == trial)
    visitor.keeps_quiet = True
    visitor.say(Leave(n=1))
    await visitor.over.wait()
    visitor.over.clear()


async def comes_back(house: House, visitor: Visitor) -> Page:
    """The page that somebody sees who comes back."""
    again = Visitor()
    again.key, again.n = visitor.key, visitor.n
    await house.visit(again)
    async with asyncio.timeout(5):
        await again.over.wait()
    page = again.heard[-1]
    assert isinstance(page, Page)
    return page


def test_who_leaves_with_too_little_frees_the_slot(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await leaves_in(house, visitor, "t02")
        keeper, now = Keeper(house.hall), time.time()
        await keeper.sweep(now + 60 * 29)
        assert states(house.record) == [("joined", 0)]
        await keeper.sweep(now + LATE)
        await keeper.sweep(now + LATE)
        assert states(house.record) == [("excluded", 0)]
        other = Visitor()
        await leaves_in(house, other, "t01")
        assert states(house.record) == [("excluded", 0), ("joined", 0)]
        before = [message.question for message in visitor.heard if message.type == "problem"]
        after = [message.question for message in other.heard if message.type == "problem"]
        assert after == before[: len(after)], "the next person meets other trials"
        page = await comes_back(house, visitor)
        assert page.title == "Your place is closed"
        assert page.last
        assert "Your code: HANDOFF-PARTIAL" in page.text
        assert any(one.startswith("You were away for more than 30 minutes") for one in page.text)
        person = house.record.read("SELECT id FROM people ORDER BY number")[0][0]
        ended = [event for event in house.record.events(person) if event.kind in ("left", "excluded")]
        assert [(event.kind, event.data) for event in ended] == [
            ("left", {"by": "time", "finished": 1}),
            ("excluded", {"reasons": ["finished too few trials"]}),
        ]

    house = run(study, act)
    found = everybody(*study, snapshot(house.path), {})
    assert found.counts == {"excluded": 1, "joined": 1}
    assert [one.reasons for one in found.takers] == [["finished too few trials"]] * 2
    assert [one.past.left for one in found.takers] == [True, False]


def test_who_leaves_with_enough_is_kept_with_the_slot(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await leaves_in(house, visitor, "t03")
        await Keeper(house.hall).sweep(time.time() + LATE)
        assert states(house.record) == [("left", 0)]
        await leaves_in(house, Visitor(), "t01")
        assert states(house.record) == [("left", 0), ("joined", 1)]
        page = await comes_back(house, visitor)
        assert "Your code: HANDOFF-PARTIAL" in page.text
        assert "Your code: HANDOFF-DONE" not in page.text
        assert states(house.record)[0] == ("left", 0)

    house = run(study, act)
    found = everybody(*study, snapshot(house.path), {})
    assert next((one.person.state, one.reasons) for one in found.takers) == ("left", [])


def test_who_is_there_or_has_not_agreed_has_not_left(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "t01")
        visitor.keeps_quiet = True
        looks = Visitor()
        looks.keeps_quiet = True
        token = house.invite()
        session = await house.visit(looks, token)
        await session.detach(looks.tell)
        await Keeper(house.hall).sweep(time.time() + 10 * LATE)
        assert states(house.record) == [("joined", 0), ("joined", None)]
        assert (await by_token(house.record, token))[0].id == session.person.id

    run(study, act)


def test_the_time_in_which_nobody_could_come_is_nobodys_absence(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        gone, there = visitor, Visitor()
        await leaves_in(house, gone, "t01")
        await house.visit(there, house.invite())
        await until(there, lambda: there.trial == "t01")
        there.keeps_quiet = True
        await house.kill()
        house.open()
        night = time.time() + 12 * 3600
        keeper = Keeper(house.hall, night)
        await keeper.sweep(night + 60 * 29)
        assert [state for state, _ in states(house.record)] == ["joined"] * 2
        house.hall.paused = True
        await keeper.sweep(night + 2 * LATE)
        house.hall.paused = False
        await keeper.sweep(night + 3 * LATE - 120)
        assert [state for state, _ in states(house.record)] == ["joined"] * 2
        await keeper.sweep(night + 3 * LATE + 1)
        assert [state for state, _ in states(house.record)] == ["excluded"] * 2

    run(study, act)


def test_who_had_left_before_the_server_stopped_is_found_at_its_start(study: tuple[Study, Stimuli]) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await leaves_in(house, visitor, "t01")
        late = house.record.read("SELECT id FROM people")[0][0]
        house.record.now(lambda db: db.execute("UPDATE events SET at = at - ? WHERE person = ?", (LATE, late)))
        other = Visitor()
        await leaves_in(house, other, "p01")
        await house.kill()
        house.open()
        await Keeper(house.hall).sweep(time.time())
        assert [state for state, _ in states(house.record)] == ["excluded", "joined"]

    run(study, act)


@pytest.mark.parametrize("how", ["withdrawn", "no_access"])
def test_a_place_that_another_process_closes_takes_nothing_more(study: tuple[Study, Stimuli], how: str) -> None:
    """At the next message at the latest, whoever looks or not; and nothing of it is acknowledged."""

    async def act(house: House, visitor: Visitor) -> None:
        session = await house.visit(visitor, house.invite())
        await until(visitor, lambda: visitor.trial == "t01")
        visitor.keeps_quiet = True
        await until(visitor, lambda: not visitor.unacknowledged and session.trial and session.trial.desk.asked)
        assert isinstance(visitor.now, Ask)
        name = session.person.id
        with Record(house.path) as other:
            if how == "withdrawn":
                await forget(other, name)
            else:
                revoke(other, name)
        kept = len(list(house.record.events(name)))
        await session.handle(Write(n=visitor.n + 1, turn=visitor.now.turn, text="REMARKABLE"))
        assert visitor.bye
        assert visitor.bye.name == how
        assert not [one for one in visitor.heard if isinstance(one, Ack) and one.n == visitor.n + 1]
        assert not session.here
        assert name not in house.sessions
        with pytest.raises(AccessError):
            by_key(house.record, visitor.key)
        with pytest.raises(ClosedError):
            await session.attach(visitor.tell, "bot")
        assert len(list(house.record.events(name))) == kept

    house = run(study, act)
    assert b"REMARKABLE" not in b"".join(path.read_bytes() for path in house.path.parent.glob("*.sqlite*"))


@pytest.mark.parametrize("how", ["withdrawn", "no_access", "replaced"])
def test_commands_beside_a_running_server(study: tuple[Study, Stimuli], how: str) -> None:
    """The screen is told within moments, though nobody says anything; what was deleted is on no disk."""
    path = study[0].path
    given = ["--study", str(path), "--draft"]
    command = {
        "withdrawn": ["human.withdraw", "--yes", *given],
        "no_access": ["human.links", *given, "--revoke"],
        "replaced": ["human.links", *given, "--again"],
    }[how]

    async def act(port: int, record: Record) -> None:
        visitor, other = Visitor(), Visitor()
        ((name, token),) = invite(record, 1, 7)
        coming = asyncio.create_task(attend(visitor, port, token))
        beside = asyncio.create_task(attend(other, port, link(record)))
        visitor.texts["t01"] = ["REMARKABLE", *"abcdefgh"]
        await until(visitor, lambda: ("t01", "REMARKABLE") in visitor.written)
        visitor.keeps_quiet = True
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, name, cwd=ROOT, env=ENVIRONMENT, stderr=asyncio.subprocess.PIPE
        )
        said = (await process.communicate())[1].decode()
        assert process.returncode == 0, said
        async with asyncio.timeout(3):
            await coming
        assert visitor.bye
        assert visitor.bye.name == how
        with pytest.raises(AccessError):
            by_key(record, visitor.key)
        kinds = [event.kind for event in record.events(name)]
        if how == "withdrawn":
            assert kinds == ["withdrew"]
            assert visitor.bye.text.endswith("is deleted")
            assert b"REMARKABLE" not in b"".join(one.read_bytes() for one in path.parent.glob("*.sqlite*"))
            await beside
        else:
            assert "gone" not in kinds[kinds.index("link", 1) if how == "replaced" else -1 :]
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)

    serving(path, act)


def test_a_study_may_wait_for_ever(tmp_path: Path) -> None:
    patient = made(
        study_file(tmp_path, lambda text: replacing(("rejoin_minutes = 30", "rejoin_minutes = 0"))(SHORT(text)))
    )

    async def act(house: House, visitor: Visitor) -> None:
        await leaves_in(house, visitor, "t01")
        await Keeper(house.hall).sweep(time.time() + 1000 * LATE)
        assert states(house.record) == [("joined", 0)]

    run(patient, act)
