"""The Arena as a library: agents, a task and a handoff policy; out come graded episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal

from agents.contract import Agent
from agents.registry import AgentConfig, make_agent, resolve
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.grading import Grader
from arena.jobs import Engine, Job
from arena.policy import Policy, default_policy, parse
from arena.regrade import graded
from arena.tasks import Problem, Split, Task, load_task
from arena.turns import TurnLoop


class Arena:
    """Lets agents take turns on a task's problems and grades what they wrote. Use it in ``with``, or ``close`` it.

    Example::

        with Arena({"senior": "senior", "junior": "junior"}, "arithmetic", "word:p=0.5", seed=7) as arena:
            for episode in arena.episodes(20):
                print(episode.text, episode.grade)
    """

    def __init__(
        self,
        agents: Mapping[str, Agent | AgentConfig | str],
        task: Task | str = "arithmetic",
        handoff: Policy | str | None = None,
        *,
        seed: int = 0,
        limit: int = 256,
        engine: Engine | Literal["torch", "vllm", "reference"] = "torch",
        batch_size: int = 64,
    ):
        """Agents are objects, addresses (``senior``, ``hf:PATH``, ``script:TEXT``) or an `AgentConfig`, by their names.

        The default policy is word:p=0.5 for two agents, equal shares for more. The torch engine and vLLM play
        ``batch_size`` episodes at once, the reference engine one. Raises AgentError, TaskError or PolicyError for what
        cannot be.
        """
        self.agents = {name: _agent(name, given) for name, given in agents.items()}
        self.names = tuple(self.agents)
        self.task = load_task(task) if isinstance(task, str) else task
        policy = handoff if isinstance(handoff, Policy) else parse(handoff) if handoff else default_policy(len(agents))
        self.policy = policy.check(self.names)
        self.engine = make_engine(engine, self.agents, seed, limit, batch_size) if isinstance(engine, str) else engine
        self._engine_of = engine
        self._grader = Grader()

    def episodes(self, count: int, *, split: Split = "test", samples: int = 1) -> Iterator[Episode]:
        """Graded episodes of the first ``count`` problems of a split, ``samples`` of each, as they end."""
        problems = self.task.problems(split)
        jobs = (self.job(problems[index], sample) for index in range(count) for sample in range(samples))
        return self.play(jobs)

    def job(self, problem: Problem, sample: int = 0) -> Job:
        """The job of one episode under the Arena's policy."""
        return Job(problem, sample, self.policy, self.names)

    def play(self, jobs: Iterable[Job]) -> Iterator[Episode]:
        """Plays and grades any jobs, also with prefixes and other policies; episodes come as they end."""
        expected: dict[str, str] = {}

        def noted() -> Iterator[Job]:
            for job in jobs:
                expected[job.id] = job.problem.answer
                yield job

        for episode in self.engine.episodes(noted()):
            yield self.graded(episode, expected[episode.id])

    def graded(self, episode: Episode, expected: str) -> Episode:
        """The episode with its grade."""
        (episode.grade,) = graded([(episode, expected)], self.task, self._grader)
        return episode

    def close(self) -> None:
        self._grader.close()
        if isinstance(self._engine_of, str) and hasattr(self.engine, "close"):  # another's engine is theirs to close
            self.engine.close()

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _agent(name: str, given: Agent | AgentConfig | str) -> Agent:
    if isinstance(given, str):
        given = AgentConfig(given)
    return make_agent(resolve(name, {name: given})) if isinstance(given, AgentConfig) else given


def make_engine(
    kind: str,
    agents: Mapping[str, Agent],
    seed: int,
    limit: int,
    batch_size: int,
    options: Mapping[str, Any] | None = None,
) -> Engine:
    """The engine that plays these agents: torch (without a model among them: the turn loop alone), vllm or reference.

    ``options`` are vLLM's. Raises AgentError for agents that the engine cannot seat.
    """
    if kind == "reference":
        return ReferenceEngine(agents, seed=seed, limit=limit)
    if kind == "vllm":
        from arena.vllm_engine.engine import VLLMEngine

        return VLLMEngine(agents, seed=seed, limit=limit, batch_size=batch_size, options=options)
    if kind != "torch":
        raise ValueError(f"engine must be torch, vllm or reference, not {kind!r}")
    if not any(hasattr(agent, "vocabulary") for agent in agents.values()):  # no model: torch need not be imported
        return TurnLoop(agents, seed=seed, limit=limit, at_once=batch_size)
    from arena.torch_engine.engine import TorchEngine

    return TorchEngine(agents, seed=seed, limit=limit, batch_size=batch_size)
