"""The frozen beginnings of a study: made once from stored runs, the same for everybody, kept beside the TOML file.

A line for each problem, condition that is no live one, and number of a prefix; a problem's line says what was cut
where, of which stored solution. The file hangs on the study and its runs alone: made again it has the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.chance import Picks, stable_key
from agents.contract import Span
from arena.command import fail
from arena.episode import Episode, EpisodeError, SpanRecord, assemble, cut, disassemble
from arena.lines import read_lines
from arena.policy import parse
from arena.tasks import Problem, Task, TaskError, find_problem, load_task
from human.study.config import PERSON, Condition, Study
from human.study.results import Intermediate, probe, results, states

if TYPE_CHECKING:
    from analysis.continuations import Solution

SCHEMA = 1
CONSIDERED = 10_000
"""Problems among which is chosen where no run says which there are."""


@dataclass(frozen=True)
class Parent:
    """The stored solution that a stimulus is of."""

    run: str
    """As the study names it."""
    id: str
    digest: str
    verdict: str
    """How its own end was graded: at fraction 1 that is the senior's result."""


@dataclass(frozen=True)
class Stimulus:
    """How a problem begins under a condition."""

    problem: Problem
    condition: str
    number: int
    """Which of the prefixes of this problem and condition."""
    parent: Parent | None = None
    prefix: tuple[Span, ...] = ()
    units: int | None = None
    """The prefix has so many units ..."""
    of: int | None = None
    """... of so many that the whole solution has."""
    text: str = ""
    """The prefix as it is read."""
    probe: Intermediate | None = None

    def line(self) -> bytes:
        """As it is stored."""
        _, records = assemble(self.prefix)
        for record in records:
            record.logprobs = record.end_logprob = None  # nobody acts in a prefix
        problem = {key: value for key, value in asdict(self.problem).items() if key != "solution"}
        found = {
            "schema": SCHEMA,
            "problem": problem,
            "condition": self.condition,
            "number": self.number,
            "parent": self.parent and asdict(self.parent),
            "units": self.units,
            "of": self.of,
            "text": self.text,
            "spans": [{k: v for k, v in record.stored().items() if v is not None} for record in records],
            "tokenisers": {span.author: span.tokeniser for span in self.prefix},
            "probe": self.probe and asdict(self.probe),
        }
        return (json.dumps(found, ensure_ascii=False, sort_keys=True) + "\n").encode()

    @classmethod
    def of_line(cls, given: dict[str, Any]) -> Stimulus:
        """What `line` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        if given["schema"] != SCHEMA:
            raise ValueError(f"schema {given['schema']!r} is not {SCHEMA}")
        records = [SpanRecord(**span) for span in given["spans"]]
        made = given["probe"]
        return cls(
            Problem(**given["problem"]),
            given["condition"],
            given["number"],
            given["parent"] and Parent(**given["parent"]),
            tuple(disassemble(given["text"], records, given["tokenisers"])),
            given["units"],
            given["of"],
            given["text"],
            made and Intermediate(tuple(made["options"]), made["right"]),
        )


@dataclass(frozen=True)
class Stimuli:
    """All of a study's."""

    path: Path
    all: tuple[Stimulus, ...]
    sha256: str
    """Of the file."""

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        return tuple({one.problem.id: one.problem for one in self.all}.values())

    @cached_property
    def _places(self) -> dict[tuple[str, str, int], Stimulus]:
        return {(one.problem.id, one.condition, one.number): one for one in self.all}

    def at(self, problem_id: str, condition: str, number: int) -> Stimulus:
        return self._places[problem_id, condition, number]

    def of(self, condition: str) -> list[Stimulus]:
        return [one for one in self.all if one.condition == condition]


@dataclass
class Made:
    """New stimuli, and what there is to say about how they came to be."""

    stimuli: list[Stimulus]
    left_out: Counter[str] = field(default_factory=Counter)
    """Problems that were passed over, by the reason."""
    passed_over: list[str] = field(default_factory=list)
    """Their ids, each with its reason."""

    @property
    def data(self) -> bytes:
        return b"".join(one.line() for one in self.stimuli)


def read_stimuli(study: Study) -> Stimuli:
    """The stored stimuli of a study. Raises UserError where there are none, or not those of this study."""
    path = study.stimuli_path
    again = f"make them with python -m human.study stimuli {study.path}"
    if not path.is_file():
        fail(f"{path}: there are no stimuli; {again}")
    found = []
    for number, given in read_lines(path):
        if not isinstance(given, dict):
            fail(f"{path}:{number}: {given if isinstance(given, EpisodeError) else 'not a stimulus'}; {again}")
        try:
            found.append(Stimulus.of_line(given))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            fail(f"{path}:{number}: not a stimulus ({type(error).__name__}: {error}); {again}")
    stimuli = Stimuli(path, tuple(found), hashlib.sha256(path.read_bytes()).hexdigest())
    wanted = {(one.name, number) for one in study.conditions for number in range(study.trials.prefixes)}
    for problem in stimuli.problems:
        for name, number in wanted:
            if (problem.id, name, number) not in stimuli._places:
                fail(f"{path}: has no stimulus of {problem.id} under {name!r}; {again}")
    if len(stimuli.problems) != study.trials.problems or len(found) != len(wanted) * study.trials.problems:
        fail(f"{path}: is of {len(stimuli.problems)} problems, not [trials] problems {study.trials.problems}; {again}")
    return stimuli


def make_stimuli(study: Study) -> Made:
    """Chooses problems and cuts their stored solutions. Raises UserError, naming the table, where that cannot be."""
    task = _task(study)
    runs = {one.name: _solutions(one, study) for one in study.conditions if one.senior}
    made = Made([])
    chosen = 0
    for problem in _candidates(study, task, [set(run) for run in runs.values()]):
        if study.trials.steps and not study.trials.steps[0] <= (problem.steps or 0) <= study.trials.steps[1]:
            continue
        found: list[Stimulus] = []
        why = ""
        for condition in study.conditions:
            for number in range(study.trials.prefixes):
                one, wrong = _stimulus(study, condition, problem, number, runs.get(condition.name, {}), task)
                why = why or wrong
                found.append(one)
        if why:
            made.left_out[why] += 1
            made.passed_over.append(f"{problem.id}: {why}")
            continue
        made.stimuli += found
        chosen += 1
        if chosen == study.trials.problems:
            return made
    said = "; ".join(f"{count} because {why}" for why, count in made.left_out.items())
    return fail(
        f"{study.path}: [trials] problems {study.trials.problems}: only {chosen} fit"
        f"{f' ({said})' if said else ''}; ask for fewer, or give runs with more problems"
    )


def _task(study: Study) -> Task:
    try:
        return load_task(study.task)
    except TaskError as error:
        fail(f"{study.path}: [study] task: {error}")


def _solutions(condition: Condition, study: Study) -> dict[str, list[Episode]]:
    """A run's solutions by problem, in the order of their samples; problems with too few are left out."""
    from analysis.continuations import stored_solutions

    where = f"{study.path}: [[conditions]] {condition.name}"
    found: dict[str, list[Episode]] = {}
    for one in stored_solutions(study.run(condition.senior), condition.solutions, f"{where} senior", where):
        found.setdefault(one.problem_id, []).append(one)
    for solutions in found.values():
        solutions.sort(key=lambda one: one.sample)
    return {name: them for name, them in found.items() if len(them) >= study.trials.prefixes}


def _candidates(study: Study, task: Task, there: Sequence[set[str]]) -> Iterator[Problem]:
    """The problems that all runs have, in an order of the study's seed; of this task and split."""
    try:
        ids = set.intersection(*there) if there else None
        problems = task.problems(study.split)
        if ids is None:
            ids = {one.id for one in islice(problems, CONSIDERED)}
        for name in sorted(ids, key=lambda name: stable_key("study problem", study.seed, name)):
            problem = find_problem(task, name)
            if problem is None:
                fail(f"{study.path}: [study] task {study.task}: {name!r} is no problem of it; give the runs' task")
            yield replace(problem, solution=None)  # nobody meets it, so it is not kept
    except TaskError as error:
        fail(f"{study.path}: [study] split {study.split}: {error}")


def _stimulus(
    study: Study, condition: Condition, problem: Problem, number: int, run: dict[str, list[Episode]], task: Task
) -> tuple[Stimulus, str]:
    """How a problem begins, and why it cannot be used so (empty if it can)."""
    if not condition.senior:
        return Stimulus(problem, condition.name, number), ""
    from analysis.continuations import Solution

    episode = run[problem.id][number]
    if episode.question != problem.question:
        fail(f"{study.path}: [study] task {study.task}: {episode.id} is of another question; give the runs' task")
    parent = Parent(condition.senior, episode.id, episode.digest, str((episode.grade or {}).get("verdict")))
    if condition.baseline:
        return Stimulus(problem, condition.name, number, parent), ""
    return _cut(study, condition, Solution.of(episode, problem, condition.unit, {}), number, parent, task)


def _cut(
    study: Study, condition: Condition, solution: Solution, number: int, parent: Parent, task: Task
) -> tuple[Stimulus, str]:
    problem, whole = solution.problem, solution.episode.text
    units = round((condition.fraction or 0) * solution.units)
    prefix = tuple(cut(parse(condition.unit).rule, solution.spans, units))
    if any(span.author == PERSON for span in prefix):
        fail(
            f"{study.path}: [[conditions]] {condition.name}: {solution.episode.id} was written by {PERSON!r}, as "
            "whoever takes part is called: the two could not be told apart; cut another run"
        )
    text, _ = assemble(prefix)
    why = ""
    if not 0 < units < solution.units or not text.strip():
        why = f"at fraction {condition.fraction:g} {condition.name!r} has nothing of it, or all"
    elif task.extract(text) is not None or states(text, results(whole, len(text)), problem.question, problem.answer):
        why = f"the prefix of {condition.name!r} states the answer"
    picks = Picks(study.seed, stable_key("study probe", problem.id, condition.name, number))
    asked = probe(problem.question, whole, len(text), picks) if not why else None
    return (
        Stimulus(problem, condition.name, number, parent, prefix, units, solution.units, text, asked),
        why,
    )
