"""What reads files in threads, so that no key waits: the index, a search, the readings beside an episode.

Threads post messages and change nothing themselves. Each message names the task it belongs to, so what comes late,
from before a reload or another search, is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

from textual.app import App
from textual.message import Message
from textual.worker import get_current_worker

from arena.episode import Episode
from human.replay.beside import Heard
from human.replay.index import Part, Row, Source
from human.replay.search import hits
from human.replay.state import Replay, Side
from human.replay.turns import Turns

_BLOCK = 500
"""Rows that are searched before a thread looks whether it is still wanted."""


class Indexed(Message):
    """A part of a run was read; without one, it was read to its end."""

    def __init__(self, task: int, side: Side, part: Part | None):
        super().__init__()
        self.task, self.side, self.part = task, side, part


class Found(Message):
    """Positions of rows in which a search found something; the last message of a search is ``over``."""

    def __init__(self, task: int, side: Side, numbers: Sequence[int], over: bool = False):
        super().__init__()
        self.task, self.side, self.numbers, self.over = task, side, numbers, over


class Heeded(Message):
    """What the readings say of an episode."""

    def __init__(self, side: Side, episode: Episode, heard: Sequence[Heard]):
        super().__init__()
        self.side, self.episode, self.heard = side, episode, heard


class Work:
    """The threads of an app."""

    def __init__(self, app: App[Any], state: Replay):
        self._app, self._state = app, state
        self._numbers = count(1)
        self._indexing: set[int] = set()
        self._searching: set[int] = set()
        self._heard: list[tuple[Episode, Sequence[Heard]] | None] = [None] * len(state.sources)

    def is_current(self, task: int) -> bool:
        return task in self._indexing or task in self._searching

    @property
    def searching(self) -> bool:
        return bool(self._searching)

    def index(self) -> None:
        """Reads what is not read yet of every run, one after the other: the list is in the first one's order."""
        wanted = []
        for side, source in enumerate(self._state.sources):
            task = next(self._numbers)
            self._indexing.add(task)
            wanted.append((task, side, source.scan()))
        self._start(partial(self._index, wanted), "index")

    def _index(self, wanted: Sequence[tuple[int, Side, Iterator[Part]]]) -> None:
        for task, side, parts in wanted:
            for part in parts:
                if get_current_worker().is_cancelled:
                    return
                self._app.post_message(Indexed(task, side, part))
            self._app.post_message(Indexed(task, side, None))

    def search(self, query: str) -> None:
        """Looks for a text in every run, also in what is indexed meanwhile."""
        for side, source in enumerate(self._state.sources):
            task = next(self._numbers)
            self._searching.add(task)
            self._start(partial(self._search, task, side, source, source.rows, query), "search")

    def _search(self, task: int, side: Side, source: Source, rows: list[Row], query: str) -> None:
        at = 0
        while not get_current_worker().is_cancelled:
            block = rows[at : at + _BLOCK]
            if not block and source.complete:
                self._app.post_message(Found(task, side, (), over=True))
                return
            if found := list(hits(source, block, query)):
                self._app.post_message(Found(task, side, [row.line - 1 for row in found]))
            if not block:
                time.sleep(0.05)
            at += len(block)

    def over(self, task: int) -> None:
        """A search has ended."""
        self._searching.discard(task)

    def stop_search(self) -> None:
        """Forgets a search."""
        self._searching.clear()
        self._app.workers.cancel_group(self._app, "search")

    def stop(self) -> None:
        """Forgets all that is going on, and what the readings said."""
        self.stop_search()
        self._indexing.clear()
        self._app.workers.cancel_group(self._app, "index")
        self._heard = [None] * len(self._heard)

    def heed(self) -> None:
        """Looks for readings of the current episodes."""
        for side, opened in enumerate(self._state.opened):
            if isinstance(opened, Turns) and self.heard(side) is None:
                # The one before is not waited for: while a key is held down, only the last episode counts.
                self._app.workers.cancel_group(self._app, f"readings {side}")
                self._start(partial(self._heed, side, opened.episode), f"readings {side}")

    def _heed(self, side: Side, episode: Episode) -> None:
        with self._state.readings[side] as readings:
            if not get_current_worker().is_cancelled:
                self._app.post_message(Heeded(side, episode, readings.of(episode)))

    def take(self, said: Heeded) -> None:
        self._heard[said.side] = (said.episode, said.heard)

    def heard(self, side: Side) -> Sequence[Heard] | None:
        """What the readings say of the current episode; None while that is not known."""
        opened, known = self._state.opened[side], self._heard[side]
        same = known is not None and isinstance(opened, Turns) and known[0] is opened.episode
        return known[1] if same and known is not None else None

    def _start(self, work: Callable[[], None], group: str) -> None:
        self._app.run_worker(work, thread=True, group=group)
