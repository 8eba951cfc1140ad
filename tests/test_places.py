"""A person's place in a study at its edges: replaced links, the last second, a restart, deletion, the end."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.scripted import Reciting
from arena.command import UserError
from human.messages import Ack, Ask, Extend, Note, Page, Pause, Refused, ToPerson, Withdraw, Write
from human.record import Record
from human.record.people import AccessError, by_key, invite, people
from human.server.house import opened, record_of
from human.session.session import Session
from human.study import lock
from tests.studies import made, replacing, study_file
from tests.test_session import SHORT, run, until
from tests.visitors import House, Visitor


def studied(tmp_path: Path, *changes: tuple[str, str]) -> Any:
    return made(study_file(tmp_path, lambda text: replacing(*changes)(SHORT(text))))


async def in_trial(house: House, visitor: Visitor) -> Session:
    """At the first turn of the first problem that counts, where the visitor says nothing more by itself."""
    session = await house.visit(visitor, house.invite())
    await until(visitor, lambda: visitor.trial == "t01")
    visitor.keeps_quiet = True
    await until(visitor, lambda: isinstance(visitor.now, Ask) and not visitor.unacknowledged)
    return session


async def back(house: House, visitor: Visitor, token: str) -> Visitor:
    """The same person on another screen, by a link, where it stood."""
    again = Visitor()
    again.keeps_quiet = True
    session = await house.visit(again, token)
    await until(again, lambda: again.now)
    again.n = session._intake.last
    return again


def test_a_link_that_replaces_another_works_once(tmp_path: Path) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        session = await in_trial(house, visitor)
        ((_, token),) = invite(house.record, 1, 30, again=session.person.id)
        visitor.say(Note(n=1, what="focus_lost"))  # the old screen, which does not know yet
        await until(visitor, lambda: not visitor.unacknowledged)
        await session.closed()
        first = await back(house, visitor, token)
        second = await back(house, visitor, token)  # the first connection broke before its key was of use
        second.say(Note(n=1, what="focus_lost"))
        await until(second, lambda: not second.unacknowledged)
        with pytest.raises(AccessError, match="was used already"):
            await house.visit(Visitor(), token)
        with pytest.raises(AccessError):
            by_key(house.record, first.key)
        assert by_key(house.record, second.key).id == session.person.id

    run(studied(tmp_path), act)


def slowly(record: Record, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    real = record.do

    async def do(job: Any) -> Any:
        out = await real(job)
        await asyncio.sleep(seconds)
        return out

    monkeypatch.setattr(record, "do", do)


@pytest.mark.parametrize("what", ["extend", "behind another", "at once"])
def test_what_is_acknowledged_in_the_last_moment_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The time runs out while a message is written: it is taken, or it is refused."""

    async def act(house: House, visitor: Visitor) -> None:
        session = await in_trial(house, visitor)
        trial, turn = session.trial, visitor.now
        assert trial
        assert isinstance(turn, Ask)
        left = trial._left()
        assert left is not None
        if what == "at once":
            await asyncio.sleep(max(0.0, left))
        else:
            await asyncio.sleep(max(0.0, left - 0.03))
            slowly(house.record, 0.05, monkeypatch)
        if what == "extend":
            visitor.say(Extend(n=1))
            await until(visitor, lambda: not visitor.unacknowledged)
            assert trial.extended
            await asyncio.sleep(0.2)
            assert not trial.over, "20 seconds more were acknowledged"
            return
        if what == "behind another":
            visitor.say(Note(n=1, what="focus_back"))
        visitor.say(Write(n=1, turn=turn.turn, text="#### 12"))
        await until(visitor, lambda: trial.over)
        await asyncio.sleep(0.2)
        did = [one for one in house.record.events(session.person.id) if one.kind == "did" and one.trial == "t01"]
        written = [span.text for span in trial._end.spans if span.author == "you" or "12" in span.text]
        refused = [one.name for one in visitor.heard if isinstance(one, Refused)]
        assert bool(did) == bool(written), "acknowledged, and in the solution"
        assert bool(did) != bool(refused)

    run(studied(tmp_path, ("seconds = 40", "seconds = 0.5"), ("extension_seconds = 20", "extension_seconds = 20")), act)


def test_who_pauses_has_paused_after_a_restart(tmp_path: Path) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        session = await in_trial(house, visitor)
        visitor.say(Pause(n=1))
        await until(visitor, lambda: not visitor.unacknowledged)
        assert session.trial
        assert not session.trial.clock.running
        await house.kill()
        house.open()
        again = Visitor()
        again.keeps_quiet, again.key, again.n = True, visitor.key, visitor.n
        session = await house.visit(again)  # the page comes back by itself
        await until(again, lambda: session.trial and session.up.is_set())
        assert (trial := session.trial)
        assert not trial.clock.running
        assert trial.why == "you paused"

    run(studied(tmp_path), act)


SECRET = "my name is Ottokar"


async def tells(house: House, visitor: Visitor) -> Session:
    session = await in_trial(house, visitor)
    assert isinstance(visitor.now, Ask)
    visitor.say(Write(n=1, turn=visitor.now.turn, text=SECRET))
    await until(visitor, lambda: not visitor.unacknowledged)
    assert holds(house)
    return session


def holds(house: House) -> bool:
    files = (house.path, Path(f"{house.path}-wal"))
    return any(SECRET.encode() in path.read_bytes() for path in files if path.exists())


def test_a_withdrawal_is_acknowledged_when_nothing_is_left(tmp_path: Path) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        session = await tells(house, visitor)
        left: list[bool] = []
        told = session._send
        assert told

        def tell(message: ToPerson) -> None:
            if isinstance(message, Ack):
                left.append(holds(house))
            told(message)

        session._send = tell
        visitor.say(Withdraw(n=1))
        await until_over(visitor)
        assert left
        assert not any(left)

    run(studied(tmp_path), act)


async def until_over(visitor: Visitor) -> None:
    async with asyncio.timeout(20):
        await visitor.over.wait()


def test_who_reads_meanwhile_holds_up_nobody_and_the_log_is_emptied_later(tmp_path: Path) -> None:
    async def act(house: House, visitor: Visitor) -> None:
        await tells(house, visitor)
        other = Visitor()
        await in_trial(house, other)
        reader = sqlite3.connect(f"file:{house.path}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        visitor.say(Withdraw(n=1))
        for _ in range(20):  # with a wait of seconds for each, this would take more than there are
            other.say(Note(n=1, what="focus_lost"))
            await until(other, lambda: not other.unacknowledged)
        assert house.record.log_owed
        await house.kill()  # as if it were gone just now
        house.open()
        assert holds(house)
        reader.execute("COMMIT")
        reader.close()
        async with asyncio.timeout(10):
            while house.record.log_owed:
                await asyncio.sleep(0.05)
        assert not holds(house)

    run(studied(tmp_path), act)


def test_a_problem_that_the_partner_ends_at_once_is_nobodys_haste(tmp_path: Path) -> None:
    live = 'name = "turns"\npolicy = "sentence:alternate"\npartner = "senior"\npartner_first = true'
    study = studied(
        tmp_path,
        ('name = "jargon"\nsenior = "runs/before"\nfraction = 0.5', live),
        ('control = "jargon"', 'control = "turns"'),
        ("jargon = 0.6", "turns = 0.6"),
        ("fastest_seconds = 0", "fastest_seconds = 0.0001"),
        ("too_fast = 2", "too_fast = 0"),
    )

    async def act(house: House, visitor: Visitor) -> None:
        await house.visit(visitor, house.invite())
        await until_end(visitor)

    house = run(study, act, partners={"senior": Reciting("#### 12{end}")})
    record = Record(house.path)
    told = [one.data["seconds"] for one in record.events() if one.kind == "episode" and not one.data["practice"]]
    assert None in told
    assert 0.0 not in told
    assert [person.state for person in people(record)] == ["finished"]
    record.close()


async def until_end(visitor: Visitor) -> None:
    await until(visitor, lambda: isinstance(visitor.screen, Page) and visitor.screen.last)


def test_who_had_only_looked_is_turned_away_when_enough_have_begun(tmp_path: Path) -> None:
    study, stimuli = studied(tmp_path)
    study = replace(study, stopping=replace(study.stopping, recruited=1, enforce=True))

    async def act(house: House, visitor: Visitor) -> None:
        looked, reading = Visitor(), Visitor()
        looked.keeps_quiet = reading.keeps_quiet = True
        for one in (looked, reading):
            await house.visit(one, house.invite())
            await until(one, lambda one=one: isinstance(one.now, Page))  # type: ignore[misc]
        house.hall.forgets(house.sessions[by_key(house.record, looked.key).id])  # gone, and comes back by its key
        await in_trial(house, visitor)
        again = Visitor()
        again.key = looked.key
        await house.visit(again)
        await until_end(again)
        assert isinstance(again.screen, Page)
        assert "nobody further is needed" in again.screen.text[0]
        reading.keeps_quiet = False
        assert isinstance(reading.now, Page)
        reading.wants(reading.now)  # agrees, in the session that it had begun before
        await until_end(reading)
        assert isinstance(reading.screen, Page)
        assert "nobody further is needed" in reading.screen.text[0]
        assert [one.slot for one in people(house.record)] == [None, None, 0]

    run((study, stimuli), act)


def test_a_record_belongs_to_what_was_dealt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version that deals other trials, locked anew: they are not those of the people in the record."""
    study, stimuli = studied(tmp_path)
    lock.seal(study, stimuli, "power .9")
    with record_of(study, opened(study.path, draft=False)[2]) as record:
        invite(record, 1, 1)
    study.lock_path.unlink()
    dealt = lock._trials_hash
    monkeypatch.setattr(lock, "_trials_hash", lambda *given: dealt(*given)[::-1])
    lock.seal(study, stimuli, "power .9")
    with pytest.raises(UserError, match="another lock"), record_of(study, opened(study.path, draft=False)[2]):
        pass
