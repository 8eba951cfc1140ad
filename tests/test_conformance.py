"""The conformance kit: agents that conform pass, and every fault is found by the check that is there for it."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agents.conformance import ConformanceError, Report, assert_conforms, check_agent
from agents.conformance.runner import CHECKS
from agents.contract import Agent, View
from agents.desk import Action, Asking
from agents.line_commands import action_of
from agents.line_desk import TerminalDesk
from agents.person import Person
from agents.registry import AgentConfig, make_agent, resolve
from agents.scripted import Reciting, Scripted
from agents.units import RULES
from arena.torch_engine.scheduler import SharedModel
from tests import mutants_of_models, mutants_of_seats
from tests.asking import Server
from tests.models import random_agent
from tests.mutants import (
    FACTORS,
    FAILS,
    HEARS,
    IS_AGENT,
    MODELS,
    PLAIN,
    SAME,
    TEXT,
    WRITES,
    Honest,
    HonestSeat,
    Mutant,
    think,
)
from tests.mutants_of_models import quick_agent
from tests.running import ROOT

assert mutants_of_seats, mutants_of_models  # they add to TEXT and MODELS
SCRIPTS = (
    "So there are 3 boxes of 4 pens.",
    "It is 3 * 4 = 12.\n\n#### 12 {end}",
    "one",
    " \n she\u00a0said: 「三個」。 \n\n 😀👍🏽 \u202e3,000.50!  ",
    "{end}.",
    "\ud83d half = \ud83d=\ud83d",
)


def failed(report: Report) -> set[str]:
    return {result.name for result in report.failures}


def skipped(report: Report) -> set[str]:
    return {result.name for result in report.results if result.passed is None}


# Those that conform


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_conform(script: str) -> None:
    assert_conforms(Reciting(script))


def test_functions_conform() -> None:
    report = assert_conforms(Scripted(think), name="thinker")
    assert [result.name for result in report.results] == list(CHECKS)
    assert skipped(report) == {FACTORS, HEARS}
    assert_conforms(Scripted(lambda view, so_far, turn: f"I say it is {len(so_far)}. {{end}}"))


@pytest.mark.parametrize(
    ("name", "units"), [("senior", "word,line"), ("junior", ",".join(RULES)), ("junior-jargon", "word,token")]
)
def test_embedded_models_conform(name: str, units: str) -> None:
    """As the registry makes them."""
    report = assert_conforms(make_agent(resolve(name, {})), units=units.split(","))
    assert skipped(report) == {PLAIN, HEARS, FAILS}


@pytest.mark.parametrize(
    ("architecture", "kind", "temperature"), [("llama", "sentencepiece", 1.0), ("qwen3", "wordpiece", 0.7)]
)
def test_models_of_other_tokenisers_conform(architecture: str, kind: str, temperature: float) -> None:
    assert_conforms(
        random_agent(architecture, kind, temperature=temperature), units=("word", "sentence", "spaced-token")
    )


def test_a_model_in_a_folder_conforms(tiny_models: tuple[Path, Path]) -> None:
    for temperature in (1.0, 0.0):
        config = AgentConfig(f"hf:{tiny_models[0]}", temperature=temperature)
        assert_conforms(
            make_agent(resolve("tiny", {"tiny": config})), name="tiny", units=("word", "paragraph", "solution")
        )


def test_models_conform_beside_models() -> None:
    """The partner's tokens are the agent's own, or of another tokeniser."""
    for partner in (quick_agent(), random_agent("llama", "sentencepiece")):
        assert_conforms(quick_agent(), partner=partner, units=("word", "token"))


@pytest.mark.parametrize("marker", ["e", "\n", "<<", "aa", " she"])
def test_models_that_give_the_pen_away_conform(marker: str) -> None:
    assert_conforms(quick_agent(marker, likely=f"a. {marker}"))


@pytest.mark.parametrize(("slots", "unit"), [(1, "word"), (4, "line")])
def test_seats_that_share_a_models_forwards_conform(slots: int, unit: str) -> None:
    """With one slot two seats take it from each other at every token."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(int).result()  # the turn loop's thread, not the agent's
        assert_conforms(SharedModel(random_agent("llama", "gpt2"), slots, thread), units=(unit,))


@pytest.mark.parametrize(
    ("texts", "options", "behave"),
    [
        ((), {}, {}),
        ((), {"max_tokens": 3}, {"wait": 0.001, "events": [1, 2]}),
        (("It is 12. So it is.\n",), {"temperature": 0}, {}),
        ((" ",), {}, {}),
    ],
)
def test_endpoints_conform(
    server: Server, texts: tuple[str, ...], options: dict[str, Any], behave: dict[str, Any]
) -> None:
    """Texts of all kinds; in small pieces, slowly; one that often opens nothing and comes at once; none at all."""
    agent, _ = server.agent(*texts, options=options, **behave)
    assert SAME in skipped(assert_conforms(agent, units=("word", "sentence", "line")))


def test_an_endpoint_that_fails_now_and_then_conforms(server: Server) -> None:
    agent, _ = server.agent("a", options={"openings": 0})
    report = assert_conforms(agent, units=("word", "line"))
    (note,) = [result.reason for result in report.results if result.name == WRITES]
    assert note.startswith("it failed, by its name, in 3 of 12 episodes: AgentError: agent: toy at ")


def test_an_endpoint_that_is_down_does_not(server: Server) -> None:
    report = check_agent(server.agent(fault="500")[0])
    assert failed(report) == {WRITES}
    assert "HTTP 500" in report.failures[0].reason
    assert f"{len(CHECKS) - 3} checks (not tried, because it wrote no turn)" in report.table()


class Typist:
    """A desk at which somebody types something new whenever something is asked for."""

    kind, live, hint = "a typist", True, ""
    LINES = ("It is 3", "* 4 = 12.", ", so", "(we see)", "3.5 of\\", "中文。", "/undo", "#### 12")

    def __init__(self) -> None:
        self.asked = 0
        self.line: str | None = None

    def open(self, view: View, acted: Callable[[], None]) -> None:
        self.line = None

    async def ask(self, asking: Asking) -> None:
        self.asked += 1
        self.line = self.LINES[self.asked % len(self.LINES)]
        if asking.stuck or self.asked % 97 == 0:
            self.line = "/end"
        elif asking.on_demand and asking.goes_on and self.asked % 3 == 0:
            self.line = "/give"
        elif asking.unfinished:
            self.line = "so it is."

    async def waiting(self) -> bool:
        await asyncio.sleep(0)
        return True

    def take(self) -> Action | None:
        line, self.line = self.line, None
        return None if line is None else action_of(line)

    def now(self) -> float:
        return 0.0

    async def review(self, ended: str, together: bool) -> dict[str, Any]:
        return {}

    def hear(self, author: str, piece: bytes) -> None: ...
    def wrote(self, author: str, text: str, ended: bool) -> None: ...
    def notice(self, line: str) -> None: ...
    async def room(self) -> None: ...
    def sent(self, text: str, seconds: list[float]) -> None: ...
    def show(self, turns: Any) -> None: ...
    def help(self) -> None: ...
    def close(self) -> None: ...


def test_a_person_conforms() -> None:
    assert HEARS not in skipped(assert_conforms(Person(Typist())))


def test_a_person_in_line_mode_conforms() -> None:
    lines = io.StringIO("So it is 3.\nIt has 4 = 4\nowls!\\\n/end\n" * 5000)
    person = Person(TerminalDesk(lines, io.StringIO()))
    assert HEARS not in skipped(assert_conforms(person, helpers=["a person's lines"]))


# Those that do not


@pytest.mark.parametrize("name", TEXT)
def test_faults_of_text_authors_are_found(name: str) -> None:
    _found(TEXT[name], Honest(TEXT[name].seat))


@pytest.mark.parametrize("name", MODELS)
def test_faults_of_language_models_are_found(name: str) -> None:
    _found(MODELS[name], Honest(MODELS[name].seat, quick_agent()))


def _found(mutant: Mutant, agent: Agent) -> None:
    report = check_agent(agent, units=("word", "sentence", "line"), **mutant.options)
    assert failed(report) == mutant.found_by, report.failures


def test_every_check_is_proven_to_bite() -> None:
    assert set().union(*(mutant.found_by for mutant in (*TEXT.values(), *MODELS.values()))) == set(CHECKS)


def test_every_check_is_described() -> None:
    described = (ROOT / "docs" / "CONFORMANCE.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if name not in described] == []


@pytest.mark.parametrize("flag", ["deterministic", "gives_logprobs", "conditions_on_opening"])
@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_flags_are_plain(flag: str, value: Any) -> None:
    agent = Honest()
    setattr(agent, flag, value)
    report = check_agent(agent)
    assert failed(report) == {IS_AGENT}
    assert flag in report.failures[0].reason
    assert all(result.passed is None for result in report.results[1:])


def test_a_class_and_what_cannot_sit_are_no_agents() -> None:
    assert failed(check_agent(Honest)) == {IS_AGENT}  # type: ignore[arg-type]
    assert failed(check_agent("script:hello")) == {IS_AGENT}  # type: ignore[arg-type]


def test_an_agent_that_is_not_deterministic_may_say_so() -> None:
    agent = Honest(TEXT["Dices"].seat)
    agent.deterministic = False
    report = assert_conforms(agent)
    assert SAME in skipped(report)


def test_who_ignores_stops_is_found_though_it_is_not_deterministic() -> None:
    agent = Honest(TEXT["IgnoresStops"].seat)
    agent.deterministic = False
    assert failed(check_agent(agent)) == TEXT["IgnoresStops"].found_by


def test_nobody_waits_for_an_agent_that_hangs() -> None:
    began = time.monotonic()
    report = check_agent(Honest(TEXT["Hangs"].seat), timeout=0.3)
    assert time.monotonic() - began < 5
    assert [result.name for result in report.failures] == [WRITES]
    assert "hangs" in report.failures[0].reason
    assert report.failures[0].evidence == "when asked to write a turn (unit token, holding everything)"


def test_declared_helpers_may_stay() -> None:
    agent = Honest(TEXT["LeavesAThread"].seat)
    assert_conforms(agent, helpers=["forgotten"], units=("word",))


def test_what_was_found_is_said() -> None:
    with pytest.raises(ConformanceError) as error:
        assert_conforms(Honest(TEXT["SignsForAnother"].seat), name="ann")
    first, second = str(error.value).splitlines()
    assert first == "ann does not conform:"
    assert second.startswith(
        "  puts its own name on its spans: it sat down as 'ann' and its span is by 'somebody' [unit"
    )


def test_what_cannot_be_asked_is_refused() -> None:
    for options in ({"units": ("word", "verse")}, {"units": ()}, {"questions": ()}, {"name": ""}):
        with pytest.raises(ValueError, match="unit"):
            check_agent(Reciting("a"), **options)


def test_the_partners_fault_is_not_the_agents() -> None:
    class Down(HonestSeat):
        async def write(self, turn: Any) -> Any:
            raise RuntimeError("down")

    report = check_agent(Reciting("a b c"), partner=Honest(Down))
    assert failed(report) == {WRITES}
    assert report.failures[0].reason == "the partner could not write: RuntimeError: down"


def test_an_agent_is_told_its_own_name() -> None:
    names: list[View] = []

    class Noting(HonestSeat):
        def __init__(self, agent: Honest, view: View):
            names.append(view)
            super().__init__(agent, view)

    assert_conforms(Honest(Noting), name="partner", units=("word",))
    assert {(view.author, view.others) for view in names} == {("partner", ("other",))}
