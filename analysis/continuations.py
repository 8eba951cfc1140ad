"""Stored solutions that are cut at a unit, and the episodes in which somebody goes on from there.

Both the handoff curve and the value profile are made of these (docs/PROFILES.md). A continuation is an ordinary episode
with a prefix; what is special is by which numbers it draws. They must not be those that wrote the rest of the solution:
then who goes on is not independent of what was cut off, and the estimate is biased (`draws_of`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agents.chance import stable_key
from agents.contract import Span
from agents.units import UnitRule
from agents.vocabulary import Vocabulary
from arena.command import fail
from arena.episode import Episode, count_units, cut, episode_id, spans_of
from arena.jobs import Job
from arena.lines import StoreError, read_episodes, read_lines
from arena.policy import Once, Policy, Solo, parse
from arena.tasks import Problem, Task, TaskError, find_problem


def draws_of(parent: Episode, rollout: int) -> int:
    """The key of the draws of continuation number ``rollout`` of a solution: from every place the same.

    It is made of the solution itself, so nothing that the solution hangs on was drawn with it, whatever seed and sample
    wrote it. Continuations from different places draw by the same numbers: each by itself is independent of the
    solution, and the difference of two places is less noisy than if they were independent of each other.
    """
    return stable_key("continuation", parent.id, parent.seed, parent.text, rollout)


@dataclass(frozen=True)
class Solution:
    """A stored solution with its problem, to be cut into units of one rule."""

    episode: Episode
    problem: Problem
    unit: str
    spans: tuple[Span, ...]
    units: int
    """How many units it has: it can be cut at 0 to this many."""

    @classmethod
    def of(cls, episode: Episode, problem: Problem, unit: str, vocabularies: Mapping[str, Vocabulary]) -> Solution:
        """``vocabularies`` (by digest) give the tokens' own bytes, where the author's tokeniser is at hand."""
        spans = tuple(spans_of(episode, vocabularies))
        return cls(episode, problem, unit, spans, count_units(Policy(unit).rule, spans))

    @property
    def rule(self) -> UnitRule:
        return Policy(self.unit).rule

    def id_at(self, condition: str, sample: int) -> str:
        """The id of a continuation."""
        return episode_id(self.problem.id, sample, condition, self.episode.step)

    def jobs(self, writer: str, units: int, condition: str, samples: Mapping[int, int]) -> Iterator[Job]:
        """Continuations by ``writer`` after the first ``units`` units: sample number by number of the rollout."""
        policy = Policy(self.unit, Solo(writer))
        prefix = tuple(cut(policy.rule, self.spans, units))
        wrote = {span.author for span in prefix} - {writer}
        for rollout, sample in samples.items():
            yield Job(
                self.problem,
                sample,
                policy,
                (writer,),
                condition,
                self.episode.step,
                prefix,
                self.episode.id,
                units,
                absent=tuple(name for name in self.episode.authors if name in wrote),
                draws=draws_of(self.episode, rollout),
            )


def stored_solutions(
    run: Path, condition: str, flag: str, which: str = "--condition", writer: str = ""
) -> Iterator[Episode]:
    """The solutions of a run under one condition, without those that failed. Raises UserError, naming ``flag``.

    Where ``condition`` is empty, it is the only one that the run has, or the only one of somebody alone who is not
    ``writer``, who goes on. ``which`` is the flag by which a user says it.
    """
    path = run / "episodes.jsonl" if run.is_dir() else run
    if not path.is_file():
        fail(f"{flag} {run}: there is no episodes.jsonl; name the folder of a run")
    there = dict.fromkeys(str(line.get("condition")) for _, line in read_lines(path) if isinstance(line, dict))
    some = ", ".join(list(there)[:6]) or "no episodes"
    if not condition and len(there) > 1:
        alone = [name for name in there if name.startswith("solo:") and name != f"solo:{writer}"]
        condition = alone[0] if writer and len(alone) == 1 else ""
    if not condition and len(there) > 1:
        fail(f"{which}: {run} has {some}; say whose solutions are meant")
    if condition and condition not in there:
        fail(f"{which} {condition}: {run} has {some}")
    try:
        for episode in read_episodes(run):
            if episode.condition == (condition or episode.condition) and episode.ended != "error":
                yield episode
    except StoreError as error:
        fail(f"{flag} {error}")


def first_solutions(run: Path, condition: str, most: int, flag: str, writer: str) -> list[Episode]:
    """The first ``most`` of them, of which there is one at least. Raises UserError, naming ``flag``."""
    found = list(islice(stored_solutions(run, condition, flag, writer=writer), most))
    if not found:
        fail(f"{flag} {run}: there is no solution to go on with; name another run")
    return found


def chosen_solutions(run: Path, wanted: Sequence[str]) -> list[Episode]:
    """The solutions with these ids, in the order of the run. Raises UserError."""
    try:
        found = [episode for episode in read_episodes(run) if episode.id in wanted]
    except StoreError as error:
        fail(f"RUN {error}")
    there = {episode.id for episode in found}
    for name in wanted:
        if name not in there:
            fail(f"--only {name}: {run} has no episode of that id")
    for episode in found:
        if episode.ended == "error":
            fail(f"--only {episode.id}: it failed, so there is no solution")
    return found


def with_openings(run: Path, episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes, and before each that begins with a solo solution (once) that one: a validator wants to see it."""
    needed = {e.parent_id for e in episodes if e.parent_id and isinstance(parse(e.policy).schedule, Once)}
    if not needed:
        return list(episodes)
    found = {episode.id: episode for episode in read_episodes(run) if episode.id in needed}
    out: dict[str, Episode] = {}
    for episode in episodes:
        if episode.parent_id in found and isinstance(parse(episode.policy).schedule, Once):
            out[episode.parent_id] = found[episode.parent_id]
        out[episode.id] = episode
    return list(out.values())


def problem_of(episode: Episode, task: Task) -> Problem:
    """The problem that a stored solution is of. Raises UserError."""
    try:
        problem = find_problem(task, episode.problem_id)
    except TaskError as error:
        fail(f"--task {task.name}: {error}")
    if problem is None or problem.question != episode.question:
        fail(f"--task {task.name}: {episode.problem_id!r} is not one of its problems; give the task of the solutions")
    return problem


def check_writer(writer: str, weights: str, solutions: Sequence[Episode], flag: str) -> None:
    """Raises UserError where who goes on has the name of an author of the solutions, but other weights.

    One name would stand for two in the same episode.
    """
    for episode in solutions:
        wrote = episode.views.get(writer, {}).get("weights", weights)
        if wrote != weights:
            fail(
                f"{flag} {writer}: has other weights than the {writer!r} that wrote {episode.id}; "
                f"call it otherwise, as in --agent new-{writer}=ADDRESS"
            )
