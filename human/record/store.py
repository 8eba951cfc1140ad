"""The record's file. One thread writes; whatever waits is written in one transaction, and then everybody is told.

``synchronous=FULL``: what was acknowledged survives a killed process and a lost power supply. The file and SQLite's own
beside it can be read by their owner only.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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
CREATE TABLE IF NOT EXISTS clocks (
    person TEXT PRIMARY KEY,
    trial TEXT NOT NULL,
    clock REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_of_person ON events (person, seq);
CREATE TRIGGER IF NOT EXISTS nothing_of_the_closed BEFORE INSERT ON events
WHEN NEW.kind NOT IN ('withdrew', 'revoked')
AND (SELECT state FROM people WHERE id = NEW.person) IN ('withdrawn', 'revoked')
BEGIN SELECT RAISE(ABORT, 'closed'); END;
CREATE TRIGGER IF NOT EXISTS nothing_of_who_declined BEFORE INSERT ON events
WHEN NEW.kind NOT IN ('withdrew', 'declined') AND (SELECT state FROM people WHERE id = NEW.person) = 'declined'
BEGIN SELECT RAISE(IGNORE); END;
"""
_TOGETHER = 500
"""Jobs that are written in one transaction at most."""
_AGAIN = 0.2
"""Seconds after which it is tried again to empty SQLite's log."""
_PATIENCE = 5.0
"""Seconds for which who deletes waits for that."""
_LOG = "log"
"""Key of what is owed to those who were deleted."""
_Job = Callable[[sqlite3.Connection], Any]
_Done = Callable[[Any, BaseException | None], None]
_Asked = tuple[_Job, _Done]


class _Said(NamedTuple):
    """What became of a job, to be told."""

    done: _Done
    value: Any
    problem: BaseException | None
    deletes: bool
    at: float


class RecordError(RuntimeError):
    """The record cannot be opened or written; the message says why."""


class ClosedError(Exception):
    """Nothing more is recorded of this person, who has withdrawn or was stopped: perhaps by another process."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a record that is there, or to a new one. Raises RecordError."""
    try:
        # Before SQLite makes it with the rights of everybody; it gives its own files those of this one. A file that is
        # there must never be opened and closed by hand: POSIX then drops all locks that this process has on it, and
        # the next process to close it would take itself for the last and delete the log that is written here.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
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
        self._jobs: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._owed = self.log_owed
        """SQLite's log may hold what was deleted."""
        self._deletes = False
        """The job that runs does."""
        self._held: list[_Said] = []
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

        Raises RecordError, ClosedError, and sqlite3.IntegrityError for a number of a message that is there already.
        """
        await self.do(lambda db: insert(db, *events))

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

    def leave_no_trace(self, db: sqlite3.Connection) -> None:
        """Within a job that deletes: it is done when SQLite's log is empty. That this is owed outlives the process."""
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_LOG, secrets.token_hex(8)))
        self._owed = self._deletes = True

    @property
    def log_owed(self) -> bool:
        """SQLite's log may still hold what was deleted, by whatever process."""
        return self.meta(_LOG) is not None

    def empty_log(self) -> None:
        """Empties SQLite's log as soon as nobody reads: for what another process has deleted."""

        def job(db: sqlite3.Connection) -> None:
            self._owed = True

        self._jobs.put((job, lambda value, error: None))

    def _work(self) -> None:
        more = True
        while more:
            jobs, more = self._next()
            self._held += self._together(jobs)
            if self._owed:
                self._owed = not self._emptied()
            late, held = time.monotonic() - _PATIENCE, []
            for one in self._held:
                if one.deletes and self._owed and more and one.at > late:
                    held.append(one)
                else:
                    one.done(one.value, one.problem)
            self._held = held

    def _next(self) -> tuple[list[_Asked], bool]:
        """Jobs that wait, and whether there may be more; none after a moment in which the log could be emptied."""
        jobs: list[_Asked | None] = []
        with suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=_AGAIN if self._owed else None))
            while len(jobs) < _TOGETHER and jobs[-1] is not None:
                jobs.append(self._jobs.get_nowait())
        return [job for job in jobs if job is not None], None not in jobs

    def _emptied(self) -> bool:
        """Moves SQLite's log into the file, unless somebody reads just now: nobody waits for that."""
        try:
            self._db.execute("PRAGMA busy_timeout=0")
            owed = self._db.execute("SELECT value FROM meta WHERE key = ?", (_LOG,)).fetchone()
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy and owed:  # what another process has come to owe since then stays
                self._db.execute("DELETE FROM meta WHERE key = ? AND value = ?", (_LOG, *owed))
        except sqlite3.Error:  # another process writes
            return False
        finally:
            self._db.execute("PRAGMA busy_timeout=5000")
        return not busy

    def _together(self, jobs: list[_Asked]) -> list[_Said]:
        """Does jobs in one transaction; says what became of each, when it is on the disk."""
        results: list[tuple[Any, BaseException | None, bool]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job, _ in jobs:
                self._deletes = False
                results.append((*self._one(job), self._deletes))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:  # a full disk: nothing of it is there
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            results = [(None, RecordError(f"{self.path}: {error}"), False)] * len(jobs)
        now = time.monotonic()
        return [_Said(done, *result, now) for (_, done), result in zip(jobs, results, strict=True)]

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
    """Writes events within a job. Raises ClosedError."""
    try:
        _insert(db, events)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname == "SQLITE_CONSTRAINT_TRIGGER":
            raise ClosedError(events[0].person) from None
        raise


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
