"""The engine that people use: local models in the closed tandem mode, everybody else in the turn loop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from agents.contract import AgentError
from agents.language_model import LanguageModel
from arena.policy import Call, OnDemand
from arena.torch_engine.forward import probe
from arena.torch_engine.scheduler import SharedModel
from arena.torch_engine.tandem import Tandem
from arena.turns import TurnLoop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agents.contract import Agent
    from arena.episode import Episode
    from arena.jobs import Job

BATCH_SIZE = 64


def check_apart(agents: Mapping[str, Agent]) -> None:
    """Raises AgentError for two models on the same weights: PEFT puts an adapter into the model that it is given."""
    owners: dict[int, tuple[str, int]] = {}
    for name, agent in agents.items():
        if isinstance(agent, LanguageModel):
            for parameter in agent.model.parameters():
                other, model = owners.setdefault(id(parameter), (name, id(agent.model)))
                if model != id(agent.model):
                    raise AgentError(
                        f"{name}: shares weights with {other}, so an adapter of one is in both; load the model twice"
                    )


class TorchEngine:
    """Plays ``batch_size`` episodes at once. Equal to the reference loop as HANDOFF.md, section 6, says."""

    def __init__(self, agents: Mapping[str, Agent], *, seed: int, limit: int, batch_size: int = BATCH_SIZE):
        """Raises AgentError, by name, for a model that slots cannot hold."""
        if limit < 1:
            raise ValueError(f"the limit must be at least 1 token, not {limit}")
        if batch_size < 1:
            raise ValueError(f"the batch must have at least 1 episode, not {batch_size}")
        self.agents, self.seed, self.limit, self.batch_size = dict(agents), seed, limit, batch_size
        check_apart(agents)
        for agent in agents.values():
            if isinstance(agent, LanguageModel):
                probe(agent)

    def episodes(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        """Ungraded episodes as they end."""
        jobs = iter(jobs)
        first = next(jobs, NotImplemented)
        if first is NotImplemented:
            return
        if first is None:
            raise RuntimeError("no job is ready, and none is under way that it could wait for")
        whole = chain([first], jobs)
        if not self._closed(first):
            yield from self._turn_loop(whole)
            return
        models = {name: agent for name, agent in self.agents.items() if isinstance(agent, LanguageModel)}
        tandem = Tandem(models, seed=self.seed, limit=self.limit, rows=self.batch_size)
        others: list[Job] | None = None
        while others is None or others:
            others = []
            yield from tandem.episodes(self._only_closed(whole, others))
            if others:
                yield from self._turn_loop(others)

    def _closed(self, job: Job) -> bool:
        """Are all its authors local models, and known from the coins?"""
        local = all(isinstance(self.agents[name], LanguageModel) for name in job.names)
        return local and not isinstance(job.policy.schedule, OnDemand | Call)

    def _only_closed(self, jobs: Iterator[Job | None], others: list[Job]) -> Iterator[Job | None]:
        """Sets the others aside, until there is none left but those that may wait for one of them."""
        for job in jobs:
            if job is None and others:
                return
            if job is None or self._closed(job):
                yield job
            else:
                others.append(job)

    def _turn_loop(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        with ThreadPoolExecutor(1, thread_name_prefix="forward") as thread:
            agents = {
                name: SharedModel(agent, self.batch_size, thread) if isinstance(agent, LanguageModel) else agent
                for name, agent in self.agents.items()
            }
            yield from TurnLoop(agents, seed=self.seed, limit=self.limit, at_once=self.batch_size).episodes(jobs)
