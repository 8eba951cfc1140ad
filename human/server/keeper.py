"""What a server does by itself, beside answering: it closes places that nobody comes back to, and those that a command
in another process has closed.

Who is without a screen for [withdrawal] rejoin_minutes has left. Time in which the server was down, or the study
paused, is nobody's absence: at a start only who had gone long before the last sign of life has left already, everybody
else has the full time from then on.
"""

from __future__ import annotations

import asyncio
import logging
import time

from human.record import ClosedError, Event
from human.record.clocks import note_clocks
from human.record.people import closed, forget, half_withdrawn, last_gone, people, set_state
from human.session.hall import Hall
from human.session.judged import agreed, taken
from human.session.past import past_of
from human.study import trials_for
from human.study.exclusion import reasons

LOG = logging.getLogger("human.server")
LOOK = 1.0
"""Seconds after which a screen is told, at the latest, that another process has closed its place."""
SWEEP = 15
"""So many looks from one search for people who have left to the next."""
TICK = 5
"""So many looks from one note of the clocks that run to the next."""
_LIFE = "SELECT max(at) FROM events WHERE kind NOT IN ('link', 'revoked', 'withdrew')"
"""When something happened last that needs a server."""


class Keeper:
    """Of one study. ``now`` is in seconds since 1970."""

    def __init__(self, hall: Hall, now: float | None = None):
        self.hall = hall
        self._since = time.time() if now is None else now
        """Absences count from here on."""
        self._alive: float = hall.record.read(_LIFE)[0][0] or self._since

    async def run(self) -> None:
        """Until it is cancelled."""
        looks, deleted = 0, False
        while True:
            try:
                if not deleted:
                    await self.delete()
                    deleted = True
                await self.look()
                if looks % TICK == 0:
                    await self.note_clocks()
                if looks % SWEEP == 0:
                    await self.sweep(time.time())
            except Exception:  # a full disk: later, perhaps; nobody else would notice that this has stopped
                LOG.exception("looking after people who are not there")
            looks += 1
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Ends the sessions of people whose places were closed."""
        record, sessions = self.hall.record, self.hall.sessions
        if record.log_owed:  # a command has deleted somebody while this server read
            record.empty_log()
        for name in closed(record) & sessions.keys() if sessions else ():
            async with self.hall.doors[name]:  # meanwhile somebody may have come with a new link
                if name in closed(record) and name in sessions:
                    await sessions[name].closed()

    async def note_clocks(self) -> None:
        """Of all that run, in one transaction."""
        played = [(name, one.trial) for name, one in self.hall.sessions.items() if one.trial]
        if clocks := {name: (one.trial.id, one.clock.now()) for name, one in played if one.clock.running}:
            await note_clocks(self.hall.record, clocks)

    async def delete(self) -> None:
        """Finishes the deletion of people who have withdrawn, where a stop came in between."""
        for name in half_withdrawn(self.hall.record):
            async with self.hall.doors[name]:
                await forget(self.hall.record, name)
            LOG.warning("%s had withdrawn, and is deleted now", name)

    async def sweep(self, now: float) -> None:
        """Finds out who has left."""
        minutes = self.hall.study.withdrawal.rejoin_minutes
        if self.hall.paused:
            self._since = now
        if not minutes or self.hall.paused:
            return
        for person in people(self.hall.record):
            if person.state == "joined" and self._late(person.id, now, 60 * minutes):
                async with self.hall.doors[person.id]:
                    await self._leaves(person.id)

    def _late(self, person: str, now: float, most: float) -> bool:
        if self._here(person):
            return False
        gone = last_gone(self.hall.record, person)
        if gone is None:  # the server went down before the screen did
            return now - self._since > most
        return now - max(gone, self._since) > most or self._alive - gone > most

    def _here(self, person: str) -> bool:
        session = self.hall.sessions.get(person)
        return bool(session and session.here)

    async def _leaves(self, name: str) -> None:
        """Who finished enough keeps its slot; that of anybody else is free. Who never agreed holds none, and its link
        works until its date.
        """
        if self._here(name):
            return
        if session := self.hall.sessions.get(name):
            self.hall.forgets(session)
            await session.stop()
        study, past = self.hall.study, past_of(self.hall.record.events(name))
        if not agreed(study, past):
            return
        (person,) = (one for one in people(self.hall.record) if one.id == name)
        trials = [] if person.slot is None else trials_for(study, self.hall.stimuli, person.slot)
        found = taken(study, trials, past)
        why = reasons(study.exclusion, found)
        events = [Event(name, "left", data={"by": "time", "finished": len(found.seconds)})]
        if why:
            events.append(Event(name, "excluded", data={"reasons": why}))
        try:
            await set_state(self.hall.record, name, "excluded" if why else "left", *events)
        except ClosedError:  # a researcher was quicker
            return
        LOG.info("%s has left after %d trials", name, len(found.seconds))
