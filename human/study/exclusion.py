"""Whose trials count: the rules of [exclusion] as one function, for the server, the analysis and the simulation alike.

The rules look at attention, completeness and time, never at whether an answer was right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from human.study.config import Exclusion


@dataclass(frozen=True)
class Taken:
    """What a person did, as far as the rules look at it. Practice is left out."""

    understood: bool
    """Passed the comprehension check."""
    attention_failed: int
    seconds: Sequence[float | None]
    """Of every finished trial; None where it was never the person's turn."""


def reasons(rules: Exclusion, taken: Taken) -> list[str]:
    """Why a person is excluded; nothing if the person is not. Without one finished trial there is nothing to keep."""
    fast = sum(one is not None and one < rules.fastest_seconds for one in taken.seconds)
    found = {
        "failed the comprehension check": rules.comprehension and not taken.understood,
        "failed attention checks": rules.attention is not None and taken.attention_failed > rules.attention,
        "finished too few trials": len(taken.seconds) < max(1, rules.fewest_trials),
        "was too fast": rules.too_fast is not None and fast > rules.too_fast,
    }
    return [why for why, so in found.items() if so]
