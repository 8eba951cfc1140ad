"""The viewer without its screen: one run or two, what is filtered and found, where one stands, and how far one looks.

Whatever reads files for long is not here: parts of an index and hits of a search are handed in (`add`, `found`).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agents.plain import cleaned, inline
from human.replay.beside import Readings
from human.replay.filters import Entry, Filter
from human.replay.index import Part, Source
from human.replay.turns import Turns, first_difference, turn_at, turns_of

Side = int
"""0 for the first run, 1 for the second."""
Key = tuple[object, ...]


class Replay:
    """Raises StoreError if a run has no episodes file."""

    def __init__(self, runs: Sequence[Path]):
        self.sources = [Source(run) for run in runs]
        self.readings = [Readings(source.path.parent) for source in self.sources]
        self.filter, self.query = Filter(), ""
        self._clear()

    def _clear(self) -> None:
        self.entries: list[Entry] = []
        self.shown: list[int] = []
        """Numbers of the entries that filter and search let through, ascending."""
        self.current: int | None = None
        self.turn: int | None = None
        """How many turns are shown; None is all."""
        self._hits: set[int] = set()
        self._entry_of: list[list[int]] = [[] for _ in self.sources]
        self._paired: dict[Key, int] = {}
        self._times: list[Counter[Key]] = [Counter() for _ in self.sources]
        self._opened: tuple[int | None, tuple[Turns | str | None, ...]] | None = None

    @property
    def comparing(self) -> bool:
        return len(self.sources) > 1

    # The index

    def add(self, side: Side, part: Part) -> None:
        """Takes what was read of a run."""
        source = self.sources[side]
        source.add(part)
        for row in part.rows:
            number = len(self.entries)
            if self.comparing:
                key: Key = (row.problem_id, row.sample, row.condition, row.step)
                if row.broken:
                    key = (side, row.line)
                # A file may hold an episode twice: the first is paired with the first.
                self._times[side][key] += 1
                number = self._paired.setdefault((key, self._times[side][key]), number)
            if number == len(self.entries):
                self.entries.append(tuple(row if n == side else None for n in range(len(self.sources))))
            else:
                both = list(self.entries[number])
                both[side] = row
                self.entries[number] = tuple(both)
                if number == self.current:
                    self._opened = None
            self._entry_of[side].append(number)
            self._judge(number)
        self._stand()

    def reload(self) -> None:
        """Looks at the files again; `Source.scan` then gives what is new. Raises StoreError."""
        at = self.entry
        others = [source.reload() for source in self.sources]
        if any(others):
            self._clear()
            for side, source in enumerate(self.sources):  # the other file's index is as it was
                rows, source.rows = source.rows, []
                self.add(side, Part(rows, source.read, False))
            self._return_to(at)
        for readings in self.readings:
            readings.forget()

    def _return_to(self, entry: Entry | None) -> None:
        ids = {row.id for row in entry or () if row is not None}
        for number in self.shown:
            if ids & {row.id for row in self.entries[number] if row is not None}:
                self.current = number
                return

    # What is shown

    def choose(self, filtered: Filter) -> None:
        """Shows what the filter admits; stays with the episode, or goes to the next that is shown."""
        self.filter = filtered
        self._choose()

    def search(self, query: str) -> None:
        """Shows what `found` will name; an empty query shows all."""
        self.query, self._hits = query, set()
        self._choose()

    def found(self, side: Side, numbers: Iterable[int]) -> None:
        """Takes hits of the search: positions in the rows of a run."""
        for number in numbers:
            entry = self._entry_of[side][number]
            self._hits.add(entry)
            self._judge(entry)
        self._stand()

    def _choose(self) -> None:
        self.shown = [number for number in range(len(self.entries)) if self._admits(number)]
        self._stand()

    def _admits(self, number: int) -> bool:
        return (not self.query or number in self._hits) and self.filter.admits(self.entries[number])

    def _judge(self, number: int) -> None:
        place = bisect_left(self.shown, number)
        there, wanted = place < len(self.shown) and self.shown[place] == number, self._admits(number)
        if wanted and not there:
            self.shown.insert(place, number)
        elif there and not wanted:
            del self.shown[place]

    def _stand(self) -> None:
        """Stands on an entry that is shown, the nearest one."""
        if not self.shown:
            self._go(None)
        elif self.current is None:
            self._go(self.shown[0])
        else:
            self._go(self.shown[min(bisect_left(self.shown, self.current), len(self.shown) - 1)])

    # Where one stands

    @property
    def entry(self) -> Entry | None:
        return None if self.current is None else self.entries[self.current]

    @property
    def place(self) -> int:
        """Of the current entry among those that are shown."""
        return 0 if self.current is None else bisect_left(self.shown, self.current)

    def go(self, place: int) -> None:
        """To a place among what is shown, or the nearest that there is."""
        if self.shown:
            self._go(self.shown[max(0, min(place, len(self.shown) - 1))])

    def _go(self, number: int | None) -> None:
        if number != self.current:
            self.current, self.turn = number, None

    # The episode, turn by turn

    @property
    def opened(self) -> tuple[Turns | str | None, ...]:
        """The current episodes: turns, or why there are none; None where a run has no such episode."""
        if self._opened is None or self._opened[0] != self.current:
            self._opened = (self.current, tuple(self._open(side) for side in range(len(self.sources))))
        return self._opened[1]

    def _open(self, side: Side) -> Turns | str | None:
        row = None if self.entry is None else self.entry[side]
        if row is None:
            return None
        episode = self.sources[side].episode(row)
        if isinstance(episode, str):
            return episode
        try:
            return turns_of(episode)
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            return f"not an episode: {error}"

    def turns_shown(self, side: Side = 0) -> int:
        """How many of an episode's turns are shown."""
        opened = self.opened[side]
        size = len(opened) if isinstance(opened, Turns) else 0
        return size if self.turn is None else min(self.turn, size)

    @property
    def longest(self) -> int:
        return max((len(one) for one in self.opened if isinstance(one, Turns)), default=0)

    def step(self, by: int) -> None:
        """Turns forward or back."""
        self.step_to((self.longest if self.turn is None else self.turn) + by)

    def step_to(self, turn: int) -> None:
        self.turn = max(0, min(turn, self.longest))

    @property
    def difference(self) -> int | None:
        """The first character in which the two solutions differ, where there are two that do."""
        first, second = self.opened[0], self.opened[-1]
        if not (self.comparing and isinstance(first, Turns) and isinstance(second, Turns)):
            return None
        return first_difference(first.episode.text, second.episode.text)

    def step_to_difference(self) -> bool:
        """Shows both as far as the turns in which they begin to differ; False if they do not."""
        if (place := self.difference) is None:
            return False
        self.step_to(max(turn_at(one, place) for one in self.opened if isinstance(one, Turns)))
        return True

    # To take along

    def solution(self, side: Side) -> str | None:
        """The solution without control characters: what is pasted into a terminal must not act there."""
        opened = self.opened[side]
        return cleaned(opened.episode.text) if isinstance(opened, Turns) else None

    def line(self, side: Side) -> str | None:
        """The stored line as JSON in ASCII, or as it is where it is none."""
        row = None if self.entry is None else self.entry[side]
        if row is None:
            return None
        line = self.sources[side].line(row)
        try:
            return json.dumps(json.loads(line))
        except (ValueError, RecursionError):
            return cleaned(line.decode("utf-8", "replace").rstrip("\n"))

    def identity(self, side: Side) -> str | None:
        """The id."""
        row = None if self.entry is None else self.entry[side]
        return None if row is None else inline(row.id)


COPIES: dict[str, Callable[[Replay, Side], str | None]] = {
    "solution": Replay.solution,
    "JSON": Replay.line,
    "id": Replay.identity,
}
"""What can be copied, by name."""
