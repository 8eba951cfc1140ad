"""What an episode is filtered by: groups of values. Within a group any value will do, and all groups must agree."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from human.replay.index import Row

Entry = tuple[Row | None, ...]
"""An episode, or a pair of them in comparison; None where a run has no such episode."""
Value = str | int | None

HANDOFFS = ((0, "none"), (1, "1 to 4"), (5, "5 to 9"), (10, "10 to 19"), (20, "20 or more"))
MANY = frozenset({"10 to 19", "20 or more"})
"""What counts as many handoffs."""
_EDGES = [low for low, _ in HANDOFFS]
_CONDITION, _SOLUTION = Row._fields.index("condition"), Row._fields.index("solution")
"""What is filtered by stands between them."""
SAID = {"correct": "right"}
"""Verdicts as people say them; the others are said as they are stored."""


def outcome(entry: Entry) -> str:
    """How the second run's episode differs from the first's."""
    a, b = entry[0], entry[-1]
    if a is None or b is None:
        return "only in the second" if a is None else "only in the first"
    if a.broken or b.broken:
        return "broken"
    if a.verdict == b.verdict:
        return "same text" if a.solution == b.solution else "other text, same verdict"
    if b.verdict == "correct":
        return "gained"
    return "lost" if a.verdict == "correct" else "other verdict, both not right"


def _of_rows(read: Callable[[Row], Iterable[Value]]) -> Callable[[Entry], set[Value]]:
    return lambda entry: {value for row in entry if row is not None for value in read(row)}


def _handoffs(row: Row) -> str:
    return HANDOFFS[bisect_right(_EDGES, row.handoffs) - 1][1]


GROUPS: Mapping[str, Callable[[Entry], set[Value]]] = {
    "verdict": _of_rows(lambda row: [SAID.get(row.verdict, row.verdict)]),
    "jargon": _of_rows(lambda row: [] if row.broken else ["yes" if row.jargon else "no"]),
    "handoffs": _of_rows(lambda row: [] if row.broken else [_handoffs(row)]),
    "written by": _of_rows(lambda row: row.writers),
    "condition": _of_rows(lambda row: [] if row.broken else [row.condition]),
    "step": _of_rows(lambda row: [] if row.step is None else [row.step]),
    "ended by": _of_rows(lambda row: [row.ended] if row.ended else []),
    "compared": lambda entry: {outcome(entry)} if len(entry) > 1 else set(),
}
"""By group: the values that an entry has. A pair has those of both episodes."""


@dataclass(frozen=True)
class Filter:
    """What is chosen; nothing chosen lets everything through."""

    chosen: Mapping[str, frozenset[Value]] = field(default_factory=dict)

    def admits(self, entry: Entry) -> bool:
        return all(not values.isdisjoint(GROUPS[group](entry)) for group, values in self.chosen.items())

    def toggled(self, group: str, values: Iterable[Value]) -> Filter:
        """With these values chosen in the group and no others; without the group if they were just those."""
        wanted = frozenset(values)
        chosen = {name: kept for name, kept in self.chosen.items() if name != group}
        return Filter(chosen if self.chosen.get(group) == wanted or not wanted else {**chosen, group: wanted})

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Value]]) -> Filter:
        """From (group, value)."""
        chosen: dict[str, frozenset[Value]] = {}
        for group, value in pairs:
            chosen[group] = chosen.get(group, frozenset()) | {value}
        return cls(chosen)

    def __str__(self) -> str:
        """In a line: "wrong, broken; handoffs 10 to 19"."""
        parts = []
        for group, values in self.chosen.items():
            names = ", ".join(str(value) for value in sorted(values, key=str))
            parts.append(names if group in ("verdict", "compared") else f"{group} {names}")
        return "; ".join(parts)


def counts(entries: Iterable[Entry]) -> dict[str, Counter[Value]]:
    """How many entries have each value, by group."""
    kinds: Counter[object] = Counter()
    examples: dict[object, Entry] = {}
    for entry in entries:  # most are like some other: a hundred thousand of them are a few thousand kinds
        rows = (None if row is None else row[_CONDITION:_SOLUTION] for row in entry)
        key = (*rows, outcome(entry) if len(entry) > 1 else "")
        kinds[key] += 1
        examples.setdefault(key, entry)
    found: dict[str, Counter[Value]] = {group: Counter() for group in GROUPS}
    for kind, times in kinds.items():
        for group, read in GROUPS.items():
            for value in read(examples[kind]):
                found[group][value] += times
    return found
