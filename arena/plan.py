"""Which episodes a run owes, in order: problems, samples, conditions, prefixes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from agents.vocabulary import Vocabulary
from arena.command import fail
from arena.config import RunConfig, Splits
from arena.episode import Episode, count_units, cut, episode_id, spans_of
from arena.jobs import Job
from arena.lines import StoreError, read_episodes
from arena.policy import Once, Policy, Solo, parse
from arena.store import Run
from arena.tasks import Problem, Task, TaskError, find_problem

Stored = Callable[[str], Episode | None]
"""Gives an episode of this run by its id, and lets go of it; None if it is not stored yet."""


def plan(
    config: RunConfig,
    task: Task,
    vocabularies: Mapping[str, Vocabulary],
    stored: Stored,
    done: Container[str] = (),
) -> Iterator[Job | None]:
    """Every job that the run owes (ids in ``done`` are not), problem by problem; what others begin with comes first.

    A job with a parent in this run follows as soon as the parent is stored. None means that all that is left waits for
    parents that are being played.
    """
    policy = parse(config.handoff)
    once = policy.schedule if isinstance(policy.schedule, Once) else None
    wanted = set(config.only)
    if once:
        wanted |= {f"{name}:{_solo(config.names[0])}" for name in config.only}

    def owed(identity: str) -> bool:
        return identity not in done and (not wanted or identity in wanted)

    children: dict[str, Job] = {}
    """Jobs that wait, by the id of the parent: as many as are being played."""

    def grown() -> Iterator[Job]:
        for identity in list(children):
            parent = stored(identity)
            if once and parent is not None:
                yield begun(children.pop(identity), parent, once.fraction, vocabularies)

    for problem, sample, parent in _cases(config, task):
        yield from grown()
        for name in _alone(config):
            if owed(episode_id(problem.id, sample, _solo(name))):
                yield Job(problem, sample, Policy(policy.unit, Solo()), (name,), condition=_solo(name))
        if not owed(episode_id(problem.id, sample)):
            continue
        job = Job(problem, sample, policy, config.names)
        if once:
            children[episode_id(problem.id, sample, _solo(config.names[0]))] = job
            continue
        if parent is not None:
            _, _, place = config.prefix.rpartition("@")
            job = begun(job, parent, _place(place), vocabularies)
        yield job
    while children:
        ready = False
        for job in grown():
            ready = True
            yield job
        if not ready:
            yield None


def order(config: RunConfig, task: Task) -> Iterator[str]:
    """The ids of all episodes of a run, in order."""
    for problem, sample, _ in _cases(config, task):
        for name in _alone(config):
            yield episode_id(problem.id, sample, _solo(name))
        yield episode_id(problem.id, sample)


def waited_for(config: RunConfig, run: Run) -> dict[str, Episode]:
    """The stored solo solutions of a run that is gone on with, whose episodes are still owed."""
    if not (config.once and run.ids):
        return {}
    mine = f":{_solo(config.names[0])}"
    return {
        episode.id: episode
        for episode in run.episodes()
        if episode.id.endswith(mine) and episode.id.removesuffix(mine) not in run.ids
    }


def size(config: RunConfig, name: str = "") -> int:
    """How many episodes the run has in all, baselines included; or those in which this agent sits."""
    if not config.only:
        return config.episodes * (1 + sum(alone == name or not name for alone in _alone(config)))
    once = isinstance(parse(config.handoff).schedule, Once)
    return len(config.only) * (2 if once else 1)


def check_plan(config: RunConfig, task: Task) -> None:
    """Raises UserError, before anything is written, for a run that could not be played to its end."""
    if not config.prefix and not config.only:
        _problems(config, task)
        return
    found: dict[str, None] = {}
    for problem, sample, _ in _cases(config, task):
        identity = episode_id(problem.id, sample)
        if identity in found:
            fail(f"--prefix {config.prefix}: {identity} is in that run more than once; name a run that has it once")
        found[identity] = None
    if len(found) < config.episodes:
        fail(
            f"--episodes {config.episodes}: {config.prefix.rpartition('@')[0]} has {len(found) // config.samples} "
            f"episodes to begin with" + (f"; ask for {len(found)} at most" if found else ", name another run")
        )
    solos = {f"{identity}:{_solo(name)}" for identity in found for name in _alone(config)}
    for name in config.only:
        if name not in found and name not in solos:
            fail(f"--only {name}: no episode of this run has that id; its first is {next(iter(found))}")


def _solo(name: str) -> str:
    """The condition of a solo solution."""
    return f"solo:{name}"


def _alone(config: RunConfig) -> list[str]:
    """Who solves each problem alone, too: everybody for baselines, the first for a prefix of its own."""
    if config.baselines:
        return list(config.names)
    return [config.names[0]] if isinstance(parse(config.handoff).schedule, Once) else []


def begun(job: Job, parent: Episode, place: float | int, vocabularies: Mapping[str, Vocabulary]) -> Job:
    """The job with the beginning of ``parent`` as its prefix, cut at a fraction (float) or number (int) of units."""
    for name in {span.author for span in parent.spans}:
        digest = parent.views.get(name, {}).get("tokeniser")
        if digest is not None and digest not in vocabularies:
            fail(f"--prefix: {parent.id} was written with another tokeniser than {name!r} has here; use the same model")
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
    problems = _problems(config, task)
    for index in range(config.episodes // config.samples):
        for sample in range(config.samples):
            yield problems[index], sample, None


def _problems(config: RunConfig, task: Task) -> Sequence[Problem]:
    return problems_for(task, config.split, config.episodes // config.samples, config.samples, config.task)


def problems_for(task: Task, split: Splits, count: int, samples: int, address: str) -> Sequence[Problem]:
    """The problems of the split; there are ``count`` at least, for so many samples each. Raises UserError."""
    try:
        problems = task.problems(split)
    except TaskError as error:
        fail(f"--split {split}: {error}")
    if count > len(problems):
        most = len(problems) * samples
        fail(f"--episodes {count * samples}: {address} has {len(problems)} {split} problems; ask for {most} at most")
    return problems


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
    try:
        problem = find_problem(task, parent.problem_id)
    except TaskError as error:
        fail(f"--prefix: {error}")
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
        fail("--prefix: once makes its own prefix; use another schedule, such as word:solo=junior")
    if not (Path(path) / "episodes.jsonl").is_file():
        fail(f"--prefix {path}: there is no episodes.jsonl; name the folder of a run")
