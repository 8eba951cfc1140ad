"""The Arena as a library: agents, a task and a handoff policy; out come graded episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType

from agents.contract import Agent
from agents.registry import AgentConfig, make_agent, resolve
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.grading import Grader
from arena.jobs import Engine, Job
from arena.policy import Policy, default_policy, parse
from arena.regrade import graded
from arena.tasks import Problem, Split, Task, load_task


class Arena:
    """Lets agents take turns on a task's problems and grades what they wrote. Use it in ``with``, or ``close`` it.

    Example::

        with Arena({"senior": "senior", "junior": "junior"}, "arithmetic", "word:p=0.5", seed=7) as arena:
            for episode in arena.episodes(20):
                print(episode.text, episode.grade)
    """

    def __init__(
        self,
        agents: Mapping[str, Agent | str],
        task: Task | str = "arithmetic",
        handoff: Policy | str | None = None,
        *,
        seed: int = 0,
        limit: int = 256,
        engine: Engine | None = None,
    ):
        """Agents are objects or addresses (``senior``, ``hf:PATH``, ``script:TEXT``), by the name they write under.

        The default policy is word:p=0.5 for two agents, equal shares for more. Raises AgentError, TaskError or
        PolicyError for what cannot be.
        """
        self.agents = {name: _agent(name, given) for name, given in agents.items()}
        self.names = tuple(self.agents)
        self.task = load_task(task) if isinstance(task, str) else task
        policy = handoff if isinstance(handoff, Policy) else parse(handoff) if handoff else default_policy(len(agents))
        self.policy = policy.check(self.names)
        self.engine: Engine = engine or ReferenceEngine(self.agents, seed=seed, limit=limit)
        self._grader = Grader()

    def episodes(self, count: int, *, split: Split = "test", samples: int = 1) -> Iterator[Episode]:
        """Graded episodes of the first ``count`` problems of a split, ``samples`` of each."""
        problems = self.task.problems(split)
        jobs = (self.job(problems[index], sample) for index in range(count) for sample in range(samples))
        return self.play(jobs)

    def job(self, problem: Problem, sample: int = 0) -> Job:
        """The job of one episode under the Arena's policy."""
        return Job(problem, sample, self.policy, self.names)

    def play(self, jobs: Iterable[Job]) -> Iterator[Episode]:
        """Plays and grades any jobs, also with prefixes and other policies."""
        for job in jobs:
            for episode in self.engine.episodes([job]):
                yield self.graded(episode, job.problem.answer)

    def graded(self, episode: Episode, expected: str) -> Episode:
        """The episode with its grade."""
        (episode.grade,) = graded([(episode, expected)], self.task, self._grader)
        return episode

    def close(self) -> None:
        self._grader.close()

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _agent(name: str, given: Agent | str) -> Agent:
    if isinstance(given, str):
        return make_agent(resolve(name, {name: AgentConfig(given)}))
    return given
