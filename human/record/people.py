"""Who takes part, by pseudonym: links and keys (hashed), slots, states. Who is who stays outside.

A link's token is random (256 bits), works once and until a date; what it is exchanged for is a key, as random, which
the person's screen keeps. The record has SHA-256 of both: there is nothing to guess, so nothing slower is needed.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from human.record.clocks import drop_clock
from human.record.events import Event
from human.record.store import Record, insert

State = Literal["invited", "joined", "finished", "excluded", "declined", "left", "withdrawn", "revoked"]
GONE: tuple[State, ...] = ("excluded", "declined", "withdrawn", "revoked")
"""Their slot is free again. Who left with enough finished trials keeps it (`left`); with fewer it is excluded."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Person:
    """A row of the people."""

    number: int
    """Counts from 1; the sample of the person's episodes."""
    id: str
    slot: int | None
    state: State


class AccessError(Exception):
    """A token or key opens nothing; the message says what to do, and nothing about who there is."""


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def invite(record: Record, count: int, days: float, *, again: str = "") -> list[tuple[str, str]]:
    """(pseudonym, token) of new links; ``again``: one for this person, whose old ones end. Raises AccessError."""

    def job(db: sqlite3.Connection) -> list[tuple[str, str]]:
        out = []
        until = time.time() + days * 86400
        for _ in range(count):
            token = _new_secret()
            if again:
                changed = db.execute(
                    "UPDATE people SET token = ?, token_until = ?, key = NULL WHERE id = ? AND state IN "
                    "('invited', 'joined')",
                    (_hash(token), until, again),
                ).rowcount
                if not changed:
                    raise AccessError(f"{again}: there is nobody of this name who may still take part")
                name = again
            else:
                name = "p-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
                db.execute(
                    "INSERT INTO people (id, token, token_until, state) VALUES (?, ?, ?, 'invited')",
                    (name, _hash(token), until),
                )
            insert(db, Event(name, "link", data={"until": until}))
            out.append((name, token))
        return out

    return record.now(job)


def revoke(record: Record, person: str) -> None:
    """Ends all links and keys of a person. Raises AccessError."""

    def job(db: sqlite3.Connection) -> None:
        changed = db.execute(
            "UPDATE people SET state = 'revoked', token = NULL, key = NULL WHERE id = ? AND state IN "
            "('invited', 'joined')",
            (person,),
        ).rowcount
        if not changed:
            raise AccessError(f"{person}: there is nobody of this name who may still take part")
        insert(db, Event(person, "revoked"))

    record.now(job)


def _person(row: tuple[int, str, int | None, State]) -> Person:
    return Person(*row)


_COLUMNS = "number, id, slot, state"


async def by_token(record: Record, token: str) -> tuple[Person, str]:
    """Exchanges a link's token for (who, key). Raises AccessError.

    The token ends with the first message that is acknowledged (`spend`): a connection that breaks before the key has
    come must lock nobody out.
    """

    def job(db: sqlite3.Connection) -> tuple[Person, str]:
        row = db.execute(
            f"SELECT {_COLUMNS}, token_until FROM people WHERE token = ?",
            (_hash(token),),
        ).fetchone()
        if row is None or row[3] not in ("invited", "joined"):
            raise AccessError(
                "this link was used already, or is not of this study: go on where it was used, or ask for another"
            )
        if row[4] < time.time():
            raise AccessError("this link has expired; ask for a new one")
        key = _new_secret()
        db.execute("UPDATE people SET key = ?, state = 'joined' WHERE number = ?", (_hash(key), row[0]))
        return _person((*row[:3], "joined")), key

    return await record.do(job)


def spend(db: sqlite3.Connection, person: str) -> None:
    """Within a job: the key has come, and the link's token ends. One whose key has not come yet stays."""
    db.execute("UPDATE people SET token = NULL WHERE id = ? AND token IS NOT NULL AND key IS NOT NULL", (person,))


def by_key(record: Record, key: str) -> Person:
    """Who comes back. Raises AccessError."""
    rows = record.read(f"SELECT {_COLUMNS} FROM people WHERE key = ?", _hash(key))
    if not rows or rows[0][3] in ("withdrawn", "revoked"):
        raise AccessError("this place is not open any more; ask whoever invited you")
    return _person(rows[0])


def people(record: Record) -> list[Person]:
    """Everybody who was invited, in order."""
    return [_person(row) for row in record.read(f"SELECT {_COLUMNS} FROM people ORDER BY number")]


def standing(record: Record, person: str) -> State | None:
    """What has become of a person by now; None for nobody of this name."""
    rows = record.read("SELECT state FROM people WHERE id = ?", person)
    return rows[0][0] if rows else None


def closed(record: Record) -> set[str]:
    """Whose keys open nothing any more, though their screen may be there: stopped, deleted, or with a new link."""
    query = "SELECT id FROM people WHERE state IN ('withdrawn', 'revoked') OR (state = 'joined' AND key IS NULL)"
    return {name for (name,) in record.read(query)}


def half_withdrawn(record: Record) -> list[str]:
    """Who has withdrawn and is not deleted: older versions recorded the one before they did the other."""
    query = (
        "SELECT DISTINCT person FROM events WHERE kind = 'withdrew' "
        "AND person NOT IN (SELECT id FROM people WHERE state = 'withdrawn')"
    )
    return [name for (name,) in record.read(query)]


def last_gone(record: Record, person: str) -> float | None:
    """When the person's last screen went, in seconds since 1970; None while one is there, as far as is recorded."""
    query = (
        "SELECT kind, at FROM events WHERE person = ? AND kind IN ('joined', 'restarted', 'gone') "
        "ORDER BY seq DESC LIMIT 1"
    )
    rows = record.read(query, person)
    return rows[0][1] if rows and rows[0][0] == "gone" else None


async def give_slot(record: Record, person: Person, may: Callable[[list[Person]], bool] | None = None) -> int | None:
    """The person's slot: the first that nobody has who takes part, or whose trials count. Raises ClosedError.

    ``may`` says of everybody whether one more may begin; if not, it is None.
    """

    def job(db: sqlite3.Connection) -> int | None:
        (mine,) = db.execute("SELECT slot FROM people WHERE number = ?", (person.number,)).fetchone()
        if mine is not None:
            return int(mine)
        if may and not may([_person(row) for row in db.execute(f"SELECT {_COLUMNS} FROM people ORDER BY number")]):
            return None
        marks = ",".join("?" * len(GONE))
        taken = {
            slot
            for (slot,) in db.execute(
                f"SELECT slot FROM people WHERE slot IS NOT NULL AND state NOT IN ({marks})", GONE
            )
        }
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        db.execute("UPDATE people SET slot = ? WHERE number = ?", (slot, person.number))
        insert(db, Event(person.id, "slot", data={"slot": slot}))
        return slot

    return await record.do(job)


async def set_state(record: Record, person: str, state: Literal["finished", "excluded", "left"], *why: Event) -> None:
    """How it ended for somebody who took part, with the events that say why. Raises ClosedError."""

    def job(db: sqlite3.Connection) -> None:
        insert(db, *why)
        db.execute("UPDATE people SET state = ?, token = NULL WHERE id = ?", (state, person))

    await record.do(job)


async def forget(record: Record, person: str, state: Literal["withdrawn", "declined"] = "withdrawn") -> int:
    """Everything that the person did is deleted, and that it was, noted. Says how many events there were.

    Pages of the file that held them are overwritten (``secure_delete``). It returns when SQLite's log is empty, too;
    but it waits only seconds for others who read the record: then `Record.log_owed`, until it is empty.
    """

    def job(db: sqlite3.Connection) -> int:
        count = db.execute("DELETE FROM events WHERE person = ?", (person,)).rowcount
        drop_clock(db, person)
        ends = ", key = NULL" if state == "withdrawn" else ""
        db.execute(f"UPDATE people SET state = ?, token = NULL{ends} WHERE id = ?", (state, person))
        insert(db, Event(person, "withdrew" if state == "withdrawn" else state, data={"deleted": count}))
        record.leave_no_trace(db)
        return count

    return await record.do(job)
