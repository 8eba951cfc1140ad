"""What the senior can do, alone and with others, on problems that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.contract import Agent
from arena.command import fail
from arena.episode import Episode
from arena.grading import Grader
from arena.jobs import Engine, Job
from arena.measures import CUT_OFF, tally
from arena.plan import begun
from arena.policy import Bernoulli, Curriculum, Once, Policy, Solo, parse
from arena.regrade import graded
from arena.tasks import Split, Task
from training.config import TrainConfig
from training.rollouts import TrainingError, policy_for

if TYPE_CHECKING:
    from training.world import World


class Evaluator:
    """Plays the same problems with the same coins and draws each time, so that two evaluations are a paired comparison.

    Conditions are named as by ``python -m arena.run --baselines``: solo:NAME and team.
    """

    def __init__(
        self, config: TrainConfig, task: Task, agents: Mapping[str, Agent], engine: Engine, grader: Grader, world: World
    ):
        self.task, self.engine, self.grader, self.world = task, engine, grader, world
        self.senior, self.pair = config.senior, team_of(config)
        self.policy = team_policy(config)
        self._vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if hasattr(a, "vocabulary")}

    def evaluate(self, split: Split, count: int, step: int, *, partners: bool = False) -> list[Episode]:
        """Graded episodes of the first problems of a split, of all processes. Raises TrainingError.

        The senior alone and the team; with ``partners`` also each of the team's others alone, who never change.
        """
        jobs = self._jobs(split, count, step, partners)
        mine = self.world.share(jobs)
        once = isinstance(self.policy.schedule, Once)
        first = [job for job in mine if not (once and job.condition == "team")]
        if once:  # the team goes on from the senior's own solutions, which other processes may have played
            needed = {(job.problem.id, job.sample) for job in mine if job.condition == "team"}
            there = {(job.problem.id, job.sample) for job in first if job.names == (self.senior,)}
            first += [j for j in jobs if j.names == (self.senior,) and (j.problem.id, j.sample) in needed - there]
        episodes = self._played(first)
        if once:
            episodes |= self._played(self._begun([job for job in mine if job.condition == "team"], episodes))
        found = [episodes[job.id] for job in mine]
        grades = graded([(e, job.problem.answer) for e, job in zip(found, mine, strict=True)], self.task, self.grader)
        for episode, grade in zip(found, grades, strict=True):
            episode.grade = grade
        by_id = {episode.id: episode for episode in self.world.gathered(found)}
        return [by_id[job.id] for job in jobs]

    def _jobs(self, split: Split, count: int, step: int, partners: bool) -> list[Job]:
        problems = self.task.problems(split)
        alone = [self.senior, *(name for name in self.pair if partners and name != self.senior)]
        jobs = []
        for index in range(min(count, len(problems))):
            solo = Policy(self.policy.unit, Solo())
            jobs += [Job(problems[index], 0, solo, (name,), f"solo:{name}", step) for name in alone]
            if len(self.pair) > 1:
                jobs.append(Job(problems[index], 0, policy_for(self.policy, self.pair), self.pair, step=step))
        return jobs

    def _begun(self, jobs: Sequence[Job], parents: Mapping[str, Episode]) -> list[Job]:
        assert isinstance(self.policy.schedule, Once)
        by_problem = {e.problem_id: e for e in parents.values() if e.condition == f"solo:{self.senior}"}
        fraction = self.policy.schedule.fraction
        return [begun(job, by_problem[job.problem.id], fraction, self._vocabularies) for job in jobs]

    def _played(self, jobs: Sequence[Job]) -> dict[str, Episode]:
        episodes = {episode.id: episode for episode in self.engine.episodes(jobs)}
        if failed := next((one for one in episodes.values() if one.ended == "error"), None):
            raise TrainingError(f"evaluation {failed.id} failed: {failed.error}")
        return episodes


def team_policy(config: TrainConfig) -> Policy:
    """How the team is evaluated: of a curriculum by where it ends, the same all along.

    Else figures would move with p, and the best checkpoint would be that of the easiest p.
    """
    policy = parse(config.evaluation.handoff or config.handoff)
    if isinstance(policy.schedule, Curriculum):
        return Policy(policy.unit, Bernoulli((policy.schedule.stop,)))
    return policy


def team_of(config: TrainConfig) -> tuple[str, ...]:
    """Who is evaluated as the team: also where the senior is trained alone, whether it can be followed is asked."""
    if config.evaluation.pair:
        return tuple(config.evaluation.pair.split(":"))
    return next((pair for pair in config.pairs if len(pair) > 1), (config.senior, "junior"))


KEPT = (
    "episodes",
    "accuracy",
    "accuracy_ci95",
    "unreadable",
    "jargon_rate",
    "accuracy_by_difficulty",
    "handoffs_per_episode",
    "author_share",
)
"""Of a run's summary, in every evaluation."""


def figures(episodes: Sequence[Episode]) -> dict[str, dict[str, Any]]:
    """By condition: accuracy, its 95% interval, jargon, by difficulty, length, cut-offs; a table for the metrics."""
    out: dict[str, dict[str, Any]] = {}
    for name, one in tally(episodes).items():
        summary = one.summary()
        out[name] = {key: summary[key] for key in KEPT}
        out[name]["cut_off"] = round(sum(one.endings[kind] for kind in CUT_OFF) / max(1, one.episodes), 4)
        out[name]["tokens_per_episode"] = round(one.tokens / max(1, one.episodes), 2)
    return out


CHOOSING = {"accuracy": 1, "unreadable": -1, "jargon_rate": -1, "cut_off": -1, "tokens_per_episode": -1}
"""The measures among `figures` that a checkpoint can be chosen by; of those with -1 less is better."""


def check_best(config: TrainConfig) -> None:
    """Raises UserError for a figure that no evaluation will have."""
    conditions = [f"solo:{config.senior}", *(["team"] if len(team_of(config)) > 1 else [])]
    have = [f"{condition}.{measure}" for condition in conditions for measure in CHOOSING]
    if config.evaluation.best not in have:
        fail(f"--set evaluation.best={config.evaluation.best}: there is no such figure; there are {', '.join(have)}")


def figure(found: Mapping[str, Mapping[str, Any]], name: str) -> float:
    """One figure by its name, CONDITION.MEASURE."""
    condition, _, measure = name.rpartition(".")
    return float(found[condition][measure])


def better(value: float, other: float, name: str) -> bool:
    """Whether a figure of this name is at least as good as another."""
    sign = CHOOSING[name.rpartition(".")[2]]
    return sign * value >= sign * other
