"""Which episodes a run owes, in order: problems, samples, conditions, prefixes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from agents.vocabulary import Vocabulary
from arena.command import fail
from arena.config import RunConfig
from arena.episode import Episode, count_units, cut, episode_id, spans_of
from arena.jobs import Job
from arena.policy import Once, Policy, Solo, parse
from arena.store import StoreError, read_episodes
from arena.tasks import Problem, Task, TaskError, find_problem

Stored = Callable[[str], Episode]
"""Gives a stored episode of this run by its id."""


def plan(config: RunConfig, task: Task, vocabularies: Mapping[str, Vocabulary], stored: Stored) -> Iterator[Job]:
    """Every job of the run, problem by problem; an episode that others begin with comes before them.

    A job with a parent in this run is made when it is its turn, and by then the parent is stored.
    """
    policy = parse(config.handoff)
    once = isinstance(policy.schedule, Once)
    for problem, sample, parent in _cases(config, task):
        alone = list(config.names) if config.baselines else [config.names[0]] if once else []
        if parent is None:
            for name in alone:
                yield Job(problem, sample, Policy(policy.unit, Solo()), (name,), condition=f"solo:{name}")
        job = Job(problem, sample, policy, config.names)
        if isinstance(policy.schedule, Once):
            parent = stored(episode_id(problem.id, sample, f"solo:{config.names[0]}"))
            job = begun(job, parent, policy.schedule.fraction, vocabularies)
        elif parent is not None:
            _, _, place = config.prefix.rpartition("@")
            job = begun(job, parent, _place(place), vocabularies)
        yield job


def begun(job: Job, parent: Episode, place: float | int, vocabularies: Mapping[str, Vocabulary]) -> Job:
    """The job with the beginning of ``parent`` as its prefix, cut at a fraction (float) or number (int) of units."""
    spans = spans_of(parent, vocabularies)
    total = count_units(job.policy.rule, spans)
    units = min(total, place) if isinstance(place, int) else round(place * total)
    return dataclasses.replace(
        job, prefix=tuple(cut(job.policy.rule, spans, units)), parent_id=parent.id, prefix_units=units
    )


def _cases(config: RunConfig, task: Task) -> Iterator[tuple[Problem, int, Episode | None]]:
    """(problem, sample, parent) in order."""
    if config.prefix:
        path, _, _ = config.prefix.rpartition("@")
        for parent in islice(_parents(Path(path), config), config.episodes // config.samples):
            problem = _problem_of(parent, task)
            for number in range(config.samples):
                yield problem, parent.sample * config.samples + number, parent
        return
    try:
        problems = task.problems(config.split)
    except TaskError as error:
        fail(f"--split {config.split}: {error}")
    wanted = config.episodes // config.samples
    if wanted > len(problems):
        most = len(problems) * config.samples
        fail(f"--episodes {config.episodes}: {config.task} has {len(problems)} {config.split} problems; ask for {most}")
    for index in range(wanted):
        for sample in range(config.samples):
            yield problems[index], sample, None


def _parents(path: Path, config: RunConfig) -> Iterator[Episode]:
    """The stored episodes to begin with: those of the parent run's own condition whose authors sit down again."""
    try:
        for episode in read_episodes(path):
            if episode.condition != "team" or episode.ended == "error":
                continue
            if strangers := {span.author for span in episode.spans} - set(config.names):
                fail(f"--prefix {path}: its author {sorted(strangers)[0]!r} is not in --pair {config.pair}")
            yield episode
    except StoreError as error:
        fail(f"--prefix {error}")


def _problem_of(parent: Episode, task: Task) -> Problem:
    problem = find_problem(task, parent.problem_id)
    if problem is None or problem.question != parent.question:
        fail(
            f"--prefix: problem {parent.problem_id!r} is not one of --task {task.name}; give the task of the parent run"
        )
    return problem


def _place(text: str) -> float | int:
    try:
        place: float | int = int(text) if text.isdigit() else float(text)
    except ValueError:
        place = -1.0
    if not (isinstance(place, int) or 0 <= place <= 1):
        fail(f"--prefix ...@{text}: give a fraction from 0.0 to 1.0, or a whole number of units")
    return place


def check_prefix(config: RunConfig) -> None:
    """Raises UserError if ``--prefix`` cannot be meant."""
    if not config.prefix:
        return
    path, at, place = config.prefix.rpartition("@")
    if not at or not path:
        fail(f"--prefix {config.prefix}: write RUN@0.5 (a fraction of its units) or RUN@12 (units)")
    _place(place)
    if isinstance(parse(config.handoff).schedule, Once):
        fail("--prefix: once makes its own prefix; use another schedule, such as solution:solo=junior")
    if not (Path(path) / "episodes.jsonl").is_file():
        fail(f"--prefix {path}: there is no episodes.jsonl; name the folder of a run")
