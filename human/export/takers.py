"""Who took part, as the record knows it: what each was dealt, answered and finished, and whether it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from human.record import BY_RESEARCHER, Event
from human.record.people import Person
from human.record.snapshot import Snapshot
from human.session.judged import agreed, taken, understood
from human.session.past import Past, past_of
from human.study import Stimuli, Study, Trial, trials_for
from human.study.exclusion import reasons

STOPPED = "stopped by the researcher"
BOT = "is a bot"


@dataclass
class Taker:
    """Somebody who agreed to take part."""

    name: str
    """The pseudonym in the export."""
    number: int
    """The sample of the person's episodes in the export."""
    person: Person
    events: list[Event]
    past: Past
    halts: list[Event] = field(default_factory=list)
    """The study's own events: its pauses."""
    trials: list[Trial] = field(default_factory=list)
    """Those of its slot, practice first."""
    understood: bool | None = None
    """Passed the comprehension check; None if it did not come to an end."""
    attention_failed: int = 0
    reasons: list[str] = field(default_factory=list)
    """Why its trials do not count."""

    @property
    def start(self) -> float:
        """When the person came first; what a researcher did before is not its beginning."""
        return next(event.at for event in self.events if event.kind not in BY_RESEARCHER)

    def of_trial(self, trial: str) -> list[Event]:
        return [event for event in self.events if event.trial == trial]

    def answers(self) -> Iterator[tuple[Event, str, dict[str, str | int | float | None]]]:
        """(event, page, answers) of every page that asked something."""
        for event in self.events:
            if event.kind == "answered" and event.data["answers"]:
                yield event, event.data["page"], event.data["answers"]


@dataclass
class Everybody:
    """All that were invited."""

    takers: list[Taker]
    """By number."""
    counts: Counter[str]
    """All people by what has become of them."""


def everybody(study: Study, stimuli: Stimuli, found: Snapshot, new: dict[str, tuple[str, int]]) -> Everybody:
    """Who took part. ``new`` gives some another (pseudonym, number) than the record does."""
    by_person: dict[str, list[Event]] = {}
    for event in found.events:
        if event.kind != "link":  # when somebody was invited is about the researcher
            by_person.setdefault(event.person, []).append(event)
    takers, counts = [], Counter[str]()
    for person in found.people:
        events = by_person.get(person.id, [])
        past = past_of(events)
        if person.state in ("withdrawn", "declined") or not agreed(study, past):
            counts[person.state if person.state != "joined" else "came, and has not agreed"] += 1
            continue
        counts[person.state] += 1
        name, number = new.get(person.id, (person.id, person.number))
        taker = Taker(name, number, person, events, past, by_person.get("", []))
        if person.slot is not None:
            taker.trials = trials_for(study, stimuli, person.slot)
        _judge(study, taker, locked=found.seal not in (None, "draft"))
        takers.append(taker)
    return Everybody(sorted(takers, key=lambda one: one.number), counts)


def _judge(study: Study, taker: Taker, *, locked: bool) -> None:
    """The study's own rules, for those too who are in the middle just now; under a lock no bot counts."""
    found = taken(study, taker.trials, taker.past)
    taker.understood = understood(study, taker.past)
    taker.attention_failed = found.attention_failed
    taker.reasons = reasons(study.exclusion, found)
    if taker.person.state == "revoked":
        taker.reasons.insert(0, STOPPED)
    if locked and any(event.data.get("client") == "bot" for event in taker.events):
        taker.reasons.insert(0, BOT)
