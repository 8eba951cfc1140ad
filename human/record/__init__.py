"""What happened in a study: every event in SQLite, before anybody is told that it counts."""

from human.record.events import BY_RESEARCHER, Event
from human.record.store import ClosedError, Record, RecordError

__all__ = ["BY_RESEARCHER", "ClosedError", "Event", "Record", "RecordError"]
