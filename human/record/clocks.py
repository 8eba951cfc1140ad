"""How far the clocks are that run: noted every few seconds, so that a killed server gives back no more than those.

No events: a line for each person, written over, which nobody exports. It goes when the person withdraws.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from human.record.store import Record


async def note_clocks(record: Record, clocks: Mapping[str, tuple[str, float]]) -> None:
    """By person: the trial that is played, and the seconds on its clock. Nothing is noted of who is not in a study."""

    def job(db: sqlite3.Connection) -> None:
        db.executemany(
            "INSERT OR REPLACE INTO clocks SELECT id, ?, ? FROM people WHERE id = ? AND state = 'joined'",
            [(trial, round(clock, 3), person) for person, (trial, clock) in clocks.items()],
        )

    await record.do(job)


def noted_clock(record: Record, person: str) -> tuple[str, float] | None:
    """The trial, and what its clock had come to; None if nothing is noted."""
    rows = record.read("SELECT trial, clock FROM clocks WHERE person = ?", person)
    return (rows[0][0], rows[0][1]) if rows else None


def drop_clock(db: sqlite3.Connection, person: str) -> None:
    """Within a job."""
    db.execute("DELETE FROM clocks WHERE person = ?", (person,))
