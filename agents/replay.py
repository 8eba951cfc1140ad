"""Reading authored text again: which token opened which unit, in which state; for loop, validator and training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.units import UnitRule


@dataclass(frozen=True)
class Read:
    """One token (or character) as a rule reads it."""

    span: int
    """Index of the span it is in."""
    token: int
    """Index within the span."""
    state: int
    """The rule's state before it."""
    opens: bool
    unit: int
    """Index of the unit it belongs to."""


@dataclass
class Reader:
    """Follows a rule through spans."""

    rule: UnitRule
    state: int = 0
    unit: int = -1
    """Index of the last unit opened; -1 before the first token."""
    spans: int = 0

    def read(self, steps: Sequence[str]) -> Iterator[Read]:
        """Reads one more span: its tokens' surfaces, or its text character by character."""
        for token, piece in enumerate(steps):
            before = self.state
            opens, self.state = self.rule.step(before, piece)
            self.unit += opens
            yield Read(self.spans, token, before, opens, self.unit)
        self.spans += 1

    def units(self, steps: Sequence[str]) -> list[int]:
        """Reads one more span; the unit of each token."""
        step, state, unit, found = self.rule.step, self.state, self.unit, []
        for piece in steps:
            opens, state = step(state, piece)
            unit += opens
            found.append(unit)
        self.state, self.unit = state, unit
        self.spans += 1
        return found

    def skip(self, steps: Sequence[str]) -> None:
        """Reads one more span without looking."""
        self.units(steps)
