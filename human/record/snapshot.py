"""The record as it is at one moment; nothing is written, and somebody else may be writing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from human.record.events import Event
from human.record.people import Person
from human.record.store import SCHEMA, RecordError


@dataclass(frozen=True)
class Snapshot:
    """All of a record."""

    seal: str | None
    """What the study was when the record was begun."""
    people: list[Person]
    events: list[Event]
    """In order."""


def snapshot(path: Path) -> Snapshot:
    """Reads a record in one transaction. Raises RecordError."""
    if not path.is_file():
        raise RecordError(f"{path}: there is no record; a study that was served has one beside its file")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA busy_timeout=5000")
            db.execute("BEGIN")
            meta = dict(db.execute("SELECT key, value FROM meta"))
            if meta.get("schema") != str(SCHEMA):
                raise RecordError(f"{path}: its schema is {meta.get('schema')}, and this version reads {SCHEMA}")
            people = [Person(*row) for row in db.execute("SELECT number, id, slot, state FROM people ORDER BY number")]
            events = [
                Event(person, kind, trial, clock, n, json.loads(data), seq, at)
                for person, kind, trial, clock, n, data, seq, at in db.execute(
                    "SELECT person, kind, trial, clock, n, data, seq, at FROM events ORDER BY seq"
                )
            ]
    except (sqlite3.Error, ValueError) as error:
        raise RecordError(f"{path}: {error}") from None
    return Snapshot(meta.get("seal"), people, events)
