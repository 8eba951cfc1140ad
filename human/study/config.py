"""A study as data: what a TOML file says, every table a frozen dataclass (docs/STUDY.md describes every key).

What a key says is typed here and judged in `human.study.check`: a file that can be read may still be a bad study.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from agents.contract import AgentError
from agents.registry import AgentConfig, defined_agents
from arena.command import fail
from arena.config import Splits, agent_tables
from human.study.reading import table

PERSON = "human"
"""Who a person is in policies and episodes."""
PRACTICE = "practice"
"""The condition that practice trials are recorded under."""
PARTNER = "partner"
"""Who wrote the beginnings of practice trials."""

Kind = Literal["choice", "scale", "number", "text"]


@dataclass(frozen=True)
class Question:
    """Something that a person is asked."""

    id: str
    text: str
    kind: Kind = "choice"
    options: tuple[str, ...] = ()
    """Of a choice, all; of a scale the labels of its two ends."""
    right: str | None = None
    """The right answer, where there is one: an option's text, or a number as text."""
    optional: bool = False
    points: int = 7
    """Of a scale: it goes from 1 to this."""


@dataclass(frozen=True)
class Probe:
    """A question after a trial in which a partner wrote. ``results`` makes its options from the prefix."""

    id: str
    text: str
    kind: Literal["choice", "scale", "number", "text", "results"] = "choice"
    options: tuple[str, ...] = ()
    """Under ``results``: what stands below the numbers, as "I do not know"."""
    optional: bool = False
    points: int = 7
    every: int = 1
    """Asked after every so-many-th of the trials that it fits."""


@dataclass(frozen=True)
class Consent:
    version: str = ""
    text: str = ""
    minutes: int = 0
    """How long taking part is said to take."""
    agree: str = "I agree"


@dataclass(frozen=True)
class Instructions:
    pages: tuple[str, ...] = ()
    attempts: int = 2
    """How often the comprehension check may be taken; each failure shows the pages again."""


@dataclass(frozen=True)
class Practice:
    """A trial before those that count, the same for everybody; its beginning is written by the experimenters, so that
    nobody is trained on the style of a condition."""

    question: str
    answer: str
    prefix: str = ""
    feedback: str = ""


@dataclass(frozen=True)
class Condition:
    """How a trial begins and goes on."""

    name: str
    fraction: float | None = None
    """The senior's share of its own solution: 0 the person alone, 1 the senior alone (computed, shown to nobody)."""
    senior: str = ""
    """The run whose solutions are cut, beside the file of the study."""
    solutions: str = "solo:senior"
    """The condition of these solutions in that run."""
    unit: str = "word"
    """Of what the fraction is."""
    policy: str = ""
    """Instead of a fraction: who writes next, live, as sentence:alternate."""
    partner: str = ""
    """Live: who writes with the person, built in or of [agents.NAME]."""
    partner_first: bool = False
    """Live: the partner is the first of the pair, else the person is."""

    @property
    def live(self) -> bool:
        return bool(self.policy)

    @property
    def alone(self) -> bool:
        return self.fraction == 0

    @property
    def baseline(self) -> bool:
        """The senior alone: nobody meets it."""
        return self.fraction == 1

    @property
    def cut(self) -> bool:
        """It begins with a prefix."""
        return self.fraction is not None and 0 < self.fraction < 1


@dataclass(frozen=True)
class Trials:
    per_person: int
    problems: int
    """Of the whole study."""
    prefixes: int = 1
    """Stored solutions of each problem that are cut, in each condition: samples 0, 1, ... of the run."""
    steps: tuple[int, ...] = ()
    """[least, most] steps of a problem."""
    pace: float = 0.0
    """Units a second in which all that a partner wrote appears, whoever wrote it."""
    seconds: float = 0.0
    """For a trial, from its last streamed word on."""
    extensions: int = 0
    """How often a person may ask for more time."""
    extension_seconds: float = 0.0
    break_every: int = 0
    """A break before every so-many-th trial; 0 for none."""
    partner_name: str = "your partner"
    """What every partner is called on the screen."""


@dataclass(frozen=True)
class Exclusion:
    """Whose trials are left out: decided before the first person, without looking at who was right."""

    comprehension: bool = True
    """Who failed the comprehension check in every attempt."""
    attention: int | None = None
    """Who failed more than so many attention checks."""
    fewest_trials: int = 0
    """Who finished fewer trials."""
    fastest_seconds: float = 0.0
    """A trial that took less is too fast."""
    too_fast: int | None = None
    """Who had more than so many of these."""


@dataclass(frozen=True)
class Stopping:
    """When it is over: with so many people who are not excluded ([study] participants), or one of these."""

    recruited: int = 0
    """With so many people who began, excluded ones too."""
    latest: date | None = None
    rule: str = ""
    """The same in words."""
    enforce: bool = False
    """The server lets nobody further in then; who is inside goes on. Else the researcher stops."""


@dataclass(frozen=True)
class Analysis:
    """The comparison that is named beforehand: accuracy under ``treated`` less that under ``control``."""

    treated: str
    control: str
    alpha: float = 0.05


@dataclass(frozen=True)
class Calibration:
    """How well people do without help, on these problems."""

    alone: float | None = None
    """Assumed accuracy."""
    source: str = ""
    """What the assumption rests on."""
    pilot: str = ""
    """Instead: a run of people alone."""
    solutions: str = "solo:human"
    """The condition of their episodes in it."""


@dataclass(frozen=True)
class Withdrawal:
    """Leaving, coming back, and having everything deleted."""

    rejoin_minutes: int = 30
    """Who has no screen for so long has left: its place is closed. 0: nobody ever has."""
    days: int = 0
    """How long after taking part all may be deleted on request."""
    text: str = ""


@dataclass(frozen=True)
class Debrief:
    pages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Simulation:
    """What `simulate` takes for true. Standard deviations are in logits."""

    accuracy: dict[str, float] = field(default_factory=dict)
    """By condition, of people who try, without a time limit."""
    person_sd: float = 1.0
    problem_sd: float = 1.0
    prefix_sd: float = 0.5
    """Of a prefix around its problem and condition."""
    person_effect_sd: float = 0.5
    """How much a person takes to a condition more than another does."""
    problem_effect_sd: float = 0.5
    """How much a condition suits one problem more than another."""
    people: dict[str, float] = field(default_factory=dict)
    """Shares of behaviours (`human.study.people`)."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The table [study]."""

    name: str
    version: str
    seed: int
    participants: int
    """How many people who are not excluded are wanted."""
    ethics: str = ""
    """Number of the ethics board's approval."""
    contact: str = ""
    language: str = ""
    task: str = "arithmetic"
    split: Splits = "test"
    limit: int = 256
    """Most words and tokens of a solution, its beginning included."""
    retention: str = ""
    """How long what is kept, and then."""
    completion_code: str = ""
    """Shown to who finishes and is not excluded."""
    screened_code: str = ""
    """Shown to who is excluded; empty for none."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """All other tables."""

    trials: Trials
    conditions: tuple[Condition, ...]
    analysis: Analysis
    consent: Consent = Consent()
    instructions: Instructions = Instructions()
    comprehension: tuple[Question, ...] = ()
    practice: tuple[Practice, ...] = ()
    probes: tuple[Probe, ...] = ()
    rating: tuple[Question, ...] = ()
    attention: tuple[Question, ...] = ()
    exit: tuple[Question, ...] = ()
    debrief: Debrief = Debrief()
    exclusion: Exclusion = Exclusion()
    stopping: Stopping = Stopping()
    calibration: Calibration = Calibration()
    withdrawal: Withdrawal = Withdrawal()
    simulation: Simulation = Simulation()


@dataclass(frozen=True, kw_only=True)
class Study(Head, Body):
    """All that is said about a study before the first person."""

    path: Path
    sha256: str
    """Of the file's bytes."""
    agents: dict[str, AgentConfig] = field(default_factory=dict)
    """The tables [agents.NAME]: live partners."""

    @property
    def seen(self) -> tuple[Condition, ...]:
        """The conditions that people meet."""
        return tuple(one for one in self.conditions if not one.baseline)

    @property
    def stimuli_path(self) -> Path:
        return self.path.with_suffix(".stimuli.jsonl")

    @property
    def lock_path(self) -> Path:
        return self.path.with_suffix(".lock.json")

    def condition(self, name: str) -> Condition:
        return next(one for one in self.conditions if one.name == name)

    def run(self, folder: str) -> Path:
        """A run's folder as the file names it, from the file's own place."""
        return self.path.parent / Path(folder).expanduser()

    def rules(self) -> dict[str, Any]:
        """Who is left out, when it is over, what is compared: what must not be chosen after looking."""
        latest = self.stopping.latest
        stopping = {**asdict(self.stopping), "latest": latest and latest.isoformat(), "participants": self.participants}
        if not self.stopping.enforce:
            del stopping["enforce"]  # locks that were made before there was this key hold
        return {"exclusion": asdict(self.exclusion), "stopping": stopping, "analysis": asdict(self.analysis)}


def parse_study(path: Path) -> Study:
    """What the file says, however bad a study it is. Raises UserError for what cannot be read."""
    try:
        data = path.read_bytes()
        given = tomllib.loads(data.decode())
    except OSError as error:
        fail(f"{path}: {error.strerror}; name the TOML file of a study, or make one with python -m human.study new")
    except ValueError as error:
        fail(f"{path}: not TOML: {error}")
    try:
        agents = defined_agents([], agent_tables(given.pop("agents", {})))
    except AgentError as error:
        fail(f"{path}: {error}")
    if "study" not in given:
        fail(f"{path}: the table [study] is missing; python -m human.study new writes a file to begin with")
    head = table(Head, given.pop("study"), f"{path}: [study]")
    body = table(Body, given, str(path))
    return Study(**vars(head), **vars(body), path=path, sha256=hashlib.sha256(data).hexdigest(), agents=agents)


def read_study(path: Path) -> Study:
    """A study that makes sense. Raises UserError with the first thing that does not (`structure.defects`)."""
    from human.study.structure import defects

    study = parse_study(path)
    for first in defects(study):
        fail(f"{path}: {first.where}: {first.text}")
    return study
