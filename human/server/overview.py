"""What a dashboard shows of a study: read from the record as it grows, and from who is here now."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import string
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date

from agents.chance import Picks, stable_key
from human.record import Record
from human.record.people import GONE, people
from human.server.admin import Overview, ProblemTime, Row, Tally
from human.session.hall import Hall
from human.session.stopping import over

_AT_ONCE = 2_000
"""Events that are read before others have their turn."""
_EVENTS = """SELECT seq, person, kind, trial, at, data ->> 'page', data ->> 'practice', data ->> 'seconds',
data -> 'episode' ->> 'problem_id', data -> 'episode' ->> 'condition' FROM events WHERE seq > ? ORDER BY seq LIMIT ?"""


@dataclass
class _Seen:
    """What is known of a person."""

    at: float | None = None
    step: str = ""
    trials: list[tuple[str, str, float]] = field(default_factory=list)
    """Problem, condition and seconds of those that are over, without practice."""


def letters(record: Record, names: tuple[str, ...]) -> dict[str, str]:
    """A letter for each condition, the same as long as the record is the same.

    In any order, that of the file included: of two conditions, an order that must differ would say which is which. The
    secret is in the record alone, so the study's file does not tell either.
    """
    secret = record.meta("letters")
    if secret is None:
        secret = secrets.token_hex(8)
        record.set_meta("letters", secret)
    order = Picks(int(secret, 16), stable_key("letters")).shuffled(names)
    return dict(zip(order, string.ascii_uppercase, strict=False))


class Watch:
    """A study, as a dashboard sees it."""

    def __init__(self, hall: Hall):
        self.hall = hall
        self._letters = letters(hall.record, tuple(one.name for one in hall.study.seen))
        self._seen: dict[str, _Seen] = defaultdict(_Seen)
        self._last = 0
        self._reading = asyncio.Lock()

    async def overview(self) -> Overview:
        """Now."""
        async with self._reading:
            while await self._read():
                await asyncio.sleep(0)
        everybody = people(self.hall.record)
        rows = tuple(self._row(who.id, who.state) for who in everybody)
        done = [trial for seen in self._seen.values() for trial in seen.trials]
        met = Counter(self._letters[condition] for _, condition, _ in done if condition in self._letters)
        times: dict[str, list[float]] = defaultdict(list)
        for problem, _, seconds in done:
            if seconds is not None:  # else it was never the person's turn
                times[problem].append(seconds)
        study = self.hall.study
        ended = over(study, everybody, date.today())
        advice = "Nobody further is let in." if study.stopping.enforce else "Invite nobody further."
        return Overview(
            study=study.name,
            draft=self.hall.draft,
            paused=self.hall.paused,
            wanted=study.participants,
            trials=study.trials.per_person,
            now=round(time.time(), 1),
            over=(*ended, advice) if ended else (),
            states=dict(Counter(row.state for row in rows)),
            slots=len({who.slot for who in everybody if who.slot is not None and who.state not in GONE}),
            people=rows,
            conditions=tuple(Tally(letter=one, finished=met[one]) for one in sorted(self._letters.values())),
            problems=tuple(
                ProblemTime(
                    problem=problem,
                    count=len(all_),
                    median=round(statistics.median(all_), 1),
                    longest=round(max(all_), 1),
                )
                for problem, all_ in sorted(times.items())
            ),
        )

    def _row(self, person: str, state: str) -> Row:
        seen, session = self._seen[person], self.hall.sessions.get(person)
        return Row(
            person=person,
            state=state,
            step=(session and session.place) or seen.step,
            finished=len(seen.trials),
            connected=bool(session and session.here),
            seen=seen.at,
        )

    async def _read(self) -> bool:
        """Takes in what is new; says whether there may be more."""
        rows = self.hall.record.read(_EVENTS, self._last, _AT_ONCE)
        for seq, person, kind, trial, at, page, practice, seconds, problem, condition in rows:
            self._last = seq
            seen = self._seen[person]
            if kind not in ("link", "message", "revoked"):  # what the person did
                seen.at = at
            seen.step = page or trial or seen.step
            if kind == "episode" and not practice:
                seen.trials.append((problem, condition, seconds))
            if kind in ("withdrew", "declined"):  # what was counted is deleted
                self._seen[person] = _Seen(at, kind)
        return len(rows) == _AT_ONCE
