"""What happened in a study: every event in SQLite, before anybody is told that it counts."""

from human.record.events import Event
from human.record.store import Record, RecordError

__all__ = ["Event", "Record", "RecordError"]
