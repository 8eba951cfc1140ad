"""What the conformance kit found out about an agent."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

NOT_TRIED = "not tried, because"
"""How the reason begins for which a check was not even tried."""
_MARKS = {True: "ok", False: "FAILED", None: "-"}


class ConformanceError(AssertionError):
    """The Arena cannot rely on the agent; the message lists the checks that failed."""


@dataclass(frozen=True)
class Result:
    """What came of one check."""

    name: str
    """The check in plain words, as what an agent that conforms does."""
    passed: bool | None
    """None: not applicable."""
    reason: str = ""
    """In one line: why it failed or is not applicable; of one that passed, what is worth knowing."""
    evidence: str = ""
    """What shows it: what was asked and what was written."""


@dataclass(frozen=True)
class Report:
    """All checks of one agent, in the order in which they were made."""

    agent: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results if result.passed is False]

    @property
    def passed(self) -> bool:
        return not self.failures

    def table(self) -> str:
        """For people: a line for each check, and below it what is to be said about it."""
        lines = []
        for untried, results in groupby(self.results, lambda result: result.reason.startswith(NOT_TRIED)):
            some = list(results)
            if untried:
                lines.append(f"{_MARKS[None]:6}  {len(some)} checks ({some[0].reason})")
                continue
            for result in some:
                note = f" ({result.reason})" if result.passed is None else ""
                lines.append(f"{_MARKS[result.passed]:6}  {result.name}{note}")
                for text in ("" if note else result.reason, result.evidence):
                    lines += textwrap.wrap(text, 110, initial_indent=" " * 10, subsequent_indent=" " * 12)
        count = [sum(result.passed is kind for result in self.results) for kind in (True, False, None)]
        lines.append(f"{self.agent}: {count[0]} passed, {count[1]} failed, {count[2]} not applicable")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {"agent": self.agent, "passed": self.passed, "checks": [asdict(result) for result in self.results]}
