"""The record's file. One thread writes; whatever waits is written in one transaction, and then everybody is told.

``synchronous=FULL``: what was acknowledged survives a killed process and a lost power supply. The file and SQLite's own
beside it can be read by their owner only.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from human.record.events import Event

T = TypeVar("T")
SCHEMA = 1
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS people (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    token BLOB UNIQUE,
    token_until REAL,
    key BLOB UNIQUE,
    slot INTEGER,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    person TEXT NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    trial TEXT NOT NULL,
    clock REAL,
    n INTEGER,
    data TEXT NOT NULL,
    UNIQUE (person, n)
) STRICT;
CREATE INDEX IF NOT EXISTS events_of_person ON events (person, seq);
CREATE TRIGGER IF NOT EXISTS nothing_after_withdrawal BEFORE INSERT ON events
WHEN NEW.kind != 'withdrew' AND (SELECT state FROM people WHERE id = NEW.person) = 'withdrawn'
BEGIN SELECT RAISE(IGNORE); END;
"""
_TOGETHER = 500
"""Jobs that are written in one transaction at most."""
_Job = Callable[[sqlite3.Connection], Any]


class RecordError(RuntimeError):
    """The record cannot be opened or written; the message says why."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a record that is there, or to a new one. Raises RecordError."""
    try:
        # Before SQLite makes it with the rights of everybody; it gives its own files those of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")
        db.execute("PRAGMA busy_timeout=5000")
        db.executescript(TABLES)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
        (schema,) = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    except (OSError, sqlite3.Error) as error:
        raise RecordError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if schema != str(SCHEMA):
        raise RecordError(f"{path}: its schema is {schema}, and this version writes {SCHEMA}")
    return db


class Record:
    """The record of a study. Use it in ``with``, or ``close`` it."""

    def __init__(self, path: Path):
        """Opens or makes it. Raises RecordError."""
        self.path = path
        self._db = connect(path)
        self._reads = connect(path)
        self._jobs: queue.SimpleQueue[tuple[_Job, Callable[[Any, BaseException | None], None]] | None]
        self._jobs = queue.SimpleQueue()
        self._deleted = False
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Writes what waits, and closes."""
        self._jobs.put(None)
        self._thread.join()
        self._reads.close()
        self._db.close()

    # Writing

    async def write(self, *events: Event) -> None:
        """Returns when all of them are written, all or none.

        Raises RecordError, and sqlite3.IntegrityError for a number of a message that is there already.
        """
        await self.do(lambda db: _insert(db, events))

    async def do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a job in the writing thread, in a transaction with others, and returns when that is on the disk."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

        def done(value: Any, error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, value, error)

        self._jobs.put((job, done))
        return await future

    def now(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The same for callers without an event loop."""
        found: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._jobs.put((job, lambda value, error: found.put((value, error))))
        value, error = found.get()
        if error:
            raise error
        return value  # type: ignore[no-any-return]

    def leave_no_trace(self) -> None:
        """Within a job that deletes: empties SQLite's log into the file afterwards."""
        self._deleted = True

    def _work(self) -> None:
        more = True
        while more:
            jobs = [self._jobs.get()]
            with suppress(queue.Empty):
                while len(jobs) < _TOGETHER and jobs[-1] is not None:
                    jobs.append(self._jobs.get_nowait())
            if jobs[-1] is None:
                jobs.pop()
                more = False
            self._together([job for job in jobs if job is not None])
            if self._deleted:
                self._deleted = False
                with suppress(sqlite3.Error):  # somebody reads just now: the next one does it
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _together(self, jobs: list[tuple[_Job, Callable[[Any, BaseException | None], None]]]) -> None:
        results: list[tuple[Any, BaseException | None]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job, _ in jobs:
                results.append(self._one(job))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:  # a full disk: nothing of it is there
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            results = [(None, RecordError(f"{self.path}: {error}"))] * len(jobs)
        for (_, done), (value, problem) in zip(jobs, results, strict=True):
            done(value, problem)

    def _one(self, job: _Job) -> tuple[Any, BaseException | None]:
        """One job's result; a job that fails undoes what it did, and nothing of the others."""
        self._db.execute("SAVEPOINT job")
        try:
            value = job(self._db)
        except Exception as error:
            self._db.execute("ROLLBACK TO job")
            self._db.execute("RELEASE job")
            return None, error
        self._db.execute("RELEASE job")
        return value, None

    # Reading

    def events(self, person: str | None = None, *, since: int = 0) -> Iterator[Event]:
        """Events in order: of a person, or all; those after ``since``."""
        where, values = "seq > ?", [since]
        if person is not None:
            where, values = "seq > ? AND person = ?", [since, person]  # type: ignore[list-item]
        for row in self._reads.execute(
            f"SELECT person, kind, trial, clock, n, data, seq, at FROM events WHERE {where} ORDER BY seq", values
        ):
            person_, kind, trial, clock, n, data, seq, at = row
            yield Event(person_, kind, trial, clock, n, json.loads(data), seq, at)

    def read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self._reads.execute(query, values).fetchall()

    def meta(self, key: str) -> str | None:
        rows = self.read("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def set_meta(self, key: str, value: str) -> None:
        self.now(lambda db: db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value)))


def insert(db: sqlite3.Connection, *events: Event) -> None:
    """Writes events within a job."""
    _insert(db, events)


def _insert(db: sqlite3.Connection, events: tuple[Event, ...]) -> None:
    for one in events:
        db.execute(
            "INSERT INTO events (person, at, kind, trial, clock, n, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                one.person,
                one.at or time.time(),
                one.kind,
                one.trial,
                one.clock,
                one.n,
                json.dumps(one.data, ensure_ascii=False, allow_nan=False),
            ),
        )
