"""Makes all checks of one agent, each within its time."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.conformance import reading, seats, stopping, turns
from agents.conformance.bench import OWN, Bench, Failed, NotApplicable
from agents.conformance.games import QUESTIONS, talker
from agents.conformance.report import NOT_TRIED, ConformanceError, Report, Result
from agents.contract import Agent
from agents.plain import visible
from agents.units import RULES

Function = Callable[[Bench], Awaitable[str | None] | str | None]
TIMEOUT = 120.0
"""Seconds for each check."""
PROMPTLY = 5.0
"""Seconds in which a turn has to return once it is stopped."""
HUNG = 2
"""After so many checks that were not done in time the others are not tried."""

CHECKS: dict[str, Function] = {
    "is an agent": seats.is_an_agent,
    "writes its turns in ordinary episodes": turns.plays_ordinary_episodes,
    "puts its own name on its spans": turns.of_every_turn(turns.signs),
    "adds only what is new": turns.of_every_turn(turns.adds),
    "stops where its turn ends": turns.of_every_turn(turns.stops),
    "opens a unit, or ends, after another author": turns.of_every_turn(turns.opens),
    "leaves no white space that nobody can open after": turns.of_every_turn(turns.leaves_room),
    "ends the solution only where that is its to say": turns.of_every_turn(turns.ends),
    "keeps its budget": turns.keeps_small_budgets,
    "emits what it writes": turns.of_every_turn(turns.emits),
    "cuts a turn and gives the pen away only as it may": turns.gives_the_pen_away_as_it_may,
    "gives tokens with their factors": turns.gives_factors,
    "gives text and nothing else": turns.gives_text,
    "writes the same when all is the same": reading.repeats_itself,
    "keeps its seats apart": reading.keeps_seats_apart,
    "reads what others write": reading.reads_others,
    "reads a text the same in whatever pieces": reading.reads_in_any_pieces,
    "hears without reading twice": reading.hears,
    "stops before it begins": stopping.stops_before_it_begins,
    "stops while it writes": stopping.stops_while_it_writes,
    "stops when another task says so": stopping.stops_for_another_task,
    "goes on after a stop as if there had been none": stopping.goes_on_after_a_stop,
    "leaves nothing behind": seats.leaves_nothing_behind,
    "sits down again": seats.sits_again,
    "has a record that can be stored": seats.has_a_record,
    "takes unusual questions and texts": seats.takes_the_unusual,
    "fails by name": seats.fails_by_name,
}
"""Every check by its name, in the order in which they are made. The first two are what the others need."""
_IS_AGENT, _WRITES, *_ = CHECKS


def check_agent(
    agent: Agent,
    *,
    name: str = "agent",
    partner: Agent | None = None,
    questions: Sequence[str] = QUESTIONS,
    units: Iterable[str] = tuple(RULES),
    seed: int = 0,
    timeout: float = TIMEOUT,
    promptly: float = PROMPTLY,
    helpers: Sequence[str] = (),
) -> Report:
    """Tries an agent in every way that the contract speaks of. Raises ValueError for what cannot be asked.

    It sits down as ``name``, beside ``partner`` (by default a script that knows all kinds of text). ``timeout`` is for
    each check, in seconds: an agent that hangs is reported, and left behind. A turn that is stopped has to return
    within ``promptly``. ``helpers`` are beginnings of the names of daemon threads that it may keep for all its seats.
    """
    units = tuple(units)
    if unknown := [unit for unit in units if unit not in RULES]:
        raise ValueError(f"there is no unit {unknown[0]!r}; known are {', '.join(RULES)}")
    if not (units and questions and name):
        raise ValueError("a name, at least one question and one unit are needed")
    if not (timeout > 0 and promptly > 0):
        raise ValueError(f"timeout and promptly must be above 0 seconds, not {timeout:g} and {promptly:g}")
    rules = [RULES[unit] for unit in units]
    bench = Bench(agent, name, partner or talker(), questions, rules, seed, promptly, helpers)
    results: list[Result] = []
    hung = 0
    for check, function in CHECKS.items():
        if why := _hopeless(results, bench, check, hung):
            results.append(Result(check, None, why))
            continue
        trial = _Trial(check, function, bench, timeout)
        results.append(trial.run())
        hung += HUNG if trial.hung and check in (_IS_AGENT, _WRITES) else trial.hung
    return Report(name, tuple(results))


def assert_conforms(agent: Agent, **options: Any) -> Report:
    """`check_agent` for tests: raises ConformanceError, listing what failed, unless every check passes."""
    report = check_agent(agent, **options)
    if report.failures:
        lines = [f"  {result.name}: {result.reason} [{result.evidence}]" for result in report.failures]
        raise ConformanceError("\n".join([f"{report.agent} does not conform:", *lines]))
    return report


def _hopeless(results: Sequence[Result], bench: Bench, check: str, hung: int) -> str:
    """Why a check is not even tried."""
    if hung >= HUNG:
        return f"{NOT_TRIED} others were not done in time"
    if results and results[0].passed is False:
        return f"{NOT_TRIED} it is no agent"
    if len(results) > 1 and not bench.turns and CHECKS[check] is not seats.fails_by_name:
        return f"{NOT_TRIED} it wrote no turn"
    return ""


def _plain(text: str) -> str:
    """In one line that cannot break a terminal: an error may quote anything."""
    return visible(" ".join(text.split()))


@dataclass
class _Trial:
    """One check in a thread of its own, so that nobody waits for what never returns."""

    name: str
    function: Function
    bench: Bench
    timeout: float
    hung: bool = False
    _outcome: queue.SimpleQueue[Result] = field(default_factory=queue.SimpleQueue)
    _cancel: Callable[[], object] = lambda: None

    def run(self) -> Result:
        thread = threading.Thread(target=self._work, name=f"{OWN}: {self.name}", daemon=True)
        thread.start()
        try:
            result = self._outcome.get(timeout=self.timeout)
        except queue.Empty:
            self.hung = True
            doing, hangs = self.bench.doing, time.monotonic() - self.bench.since > self.timeout / 2
            why = f"it hangs: this was not done after {self.timeout:g} s"
            if not hangs:
                why = f"not done after {self.timeout:g} s: a slow agent needs a longer timeout, or fewer units"
            result = Result(self.name, False, why, f"when asked to {doing}" if doing else "")
            with contextlib.suppress(RuntimeError):  # its loop has just been closed
                self._cancel()
        thread.join(self.bench.promptly)
        if thread.is_alive() and result.passed is not False:
            self.hung = True
            return Result(self.name, False, "something that it left running cannot be cancelled")
        return result

    def _work(self) -> None:
        try:
            asyncio.run(self._check())
        except BaseException as error:  # SystemExit, say; a second result is read by nobody
            self._found(False, f"{type(error).__name__}: {error}", "raised where only an Exception may be")

    async def _check(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            said = self.function(self.bench)
            note = said if said is None or isinstance(said, str) else await said
            self._found(True, note or "")
        except NotApplicable as why:
            self._found(None, str(why))
        except Failed as failed:
            self._found(False, failed.reason, failed.evidence)
        except Exception as error:  # what it gave is so far from the contract that it cannot even be looked at
            self._found(False, f"what it gave cannot be judged: {type(error).__name__}: {error}")

    def _found(self, passed: bool | None, reason: str, evidence: str = "") -> None:
        self._outcome.put(Result(self.name, passed, _plain(reason), _plain(evidence)))
