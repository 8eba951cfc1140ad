"""Is a study over by its own rule? The server says so. It turns people away only where [stopping] enforce is set."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from human.record.people import Person
from human.study import Study


def over(study: Study, everybody: Iterable[Person], today: date) -> tuple[str, ...]:
    """Why nobody further is to be invited, a sentence each; nothing while people are wanted."""
    there = list(everybody)
    counted = sum(one.state in ("finished", "left") for one in there)
    began = sum(one.slot is not None for one in there)
    rule, found = study.stopping, []
    if counted >= study.participants:
        found.append(f"As many have finished and count as are wanted ({counted} of {study.participants}).")
    if rule.recruited and began >= rule.recruited:
        found.append(f"As many have begun as [stopping] recruited says ({began} of {rule.recruited}).")
    if rule.latest and today > rule.latest:
        found.append(f"[stopping] latest, {rule.latest}, is over.")
    return tuple(found)


OVER = "this study is over: nobody further is needed; thank you for coming"


def turned_away(study: Study, person: Person, everybody: Iterable[Person], today: date) -> bool:
    """The study is over, says that nobody further is let in then, and this person has not begun."""
    return study.stopping.enforce and person.slot is None and bool(over(study, everybody, today))
