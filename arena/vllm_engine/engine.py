"""Jobs in, episodes out: many episodes at once in one vLLM that holds all agents, or in one for each."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from agents.contract import AgentError, Span, View
from agents.language_model import LanguageModel
from agents.replay import Reader
from agents.seat import NOT_NUMBERS
from arena.jobs import Waiting, episode_of
from arena.policy import Call, OnDemand
from arena.reference import Played
from arena.torch_engine.drawing import Tables
from arena.torch_engine.engine import check_apart
from arena.turns import TurnLoop
from arena.vllm_engine.environment import check_options, check_there, settle_environment
from arena.vllm_engine.host import BROKEN, Host, Said
from arena.vllm_engine.members import same_end
from arena.vllm_engine.plan import RowPlan
from arena.vllm_engine.rows import follow
from arena.vllm_engine.start import heads_of, in_process, version
from arena.vllm_engine.turns import HostedModel
from arena.vllm_engine.weights import check_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agents.contract import Agent
    from agents.seat import LanguageModelSeat
    from arena.episode import Episode
    from arena.jobs import Job

_OF_MEMORY = 0.9
"""Of a GPU's memory that all vLLMs together take, unless an option says otherwise: vLLM's own default for one."""


@dataclass
class _Sitting:
    """One episode that is being played."""

    job: Job
    seats: dict[str, LanguageModelSeat]
    plan: RowPlan
    clock: float


class VLLMEngine:
    """Plays ``batch_size`` episodes at once. Equal to the reference loop as HANDOFF.md, section 6, says."""

    def __init__(
        self,
        agents: Mapping[str, Agent],
        *,
        seed: int,
        limit: int,
        batch_size: int,
        options: Mapping[str, Any] | None = None,
    ):
        """``options`` are vLLM's own, as far as `environment.ALLOWED` goes. Raises AgentError before anything loads."""
        if limit < 1 or batch_size < 1:
            raise ValueError(f"limit and batch must be at least 1, not {limit} and {batch_size}")
        self.agents, self.seed, self.limit, self.batch_size = _models(agents), seed, limit, batch_size
        options = dict(options or {})
        check_options(options)
        check_apart(self.agents)
        for name, agent in self.agents.items():
            check_weights(name, agent)
        check_there()
        settle_environment()
        several = [self.agents] if _read_alike(self.agents) else [{name: one} for name, one in self.agents.items()]
        if len(several) > 1 and "gpu_memory_utilization" not in options:
            options["gpu_memory_utilization"] = round(_OF_MEMORY / len(several), 2)
        if len(several) > 1 and options.get("enable_sleep_mode") and in_process():
            raise AgentError(
                "--vllm enable_sleep_mode: these agents need a vLLM each, and one in a process can sleep; leave it out"
            )
        self.hosts: list[Host] = []
        """One with all agents, or one for each, where they do not read the same."""
        try:
            for agents in several:
                self.hosts.append(Host(agents, batch_size, options))
        except BaseException:
            self.close()
            raise
        self._host = self.hosts[0]
        self._tables = Tables(self._host.members[0].vocabulary, torch.device("cpu"))
        self._version = version()
        self.clock = 0.0
        """Seconds, each divided by the episodes that shared it: the playing times of all episodes sum to the whole."""
        self.drawn = 0
        """Tokens written so far."""

    def hand_over(self, name: str) -> None:
        """Gives an agent's present weights to vLLM, in place: what it plays from then on is played by these.

        `episodes` does so by itself where ``weights`` of the agent says that they are others.
        """
        host = next(host for host in self.hosts if name in host.agents)
        host.wake()
        host.hand_over(name)

    def rest(self) -> None:
        """Gives back the memory of weights and caches, where vLLM was started with ``enable_sleep_mode``."""
        for host in self.hosts:
            host.rest()

    def close(self) -> None:
        """Stops vLLM and gives its memory back."""
        for host in self.hosts:
            host.close()

    def episodes(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        """Ungraded episodes as they end. A job that is None means: none now, ask again later."""
        for host in self.hosts:
            host.wake()
            host.refresh()
        if len(self.hosts) > 1:
            yield from self._by_turns(jobs)
            return
        waiting = Waiting(jobs)
        sitting: dict[str, _Sitting] = {}
        try:
            while True:
                began = time.perf_counter()
                done: list[Episode] = []
                while len(sitting) < self.batch_size and (job := waiting.take()):
                    if (over := self._sit(job, sitting)) is not None:
                        done.append(over)
                here = len(sitting)
                if here:
                    done += [self._finish(sitting.pop(row), said) for row, said in self._host.step()]
                elif not done:
                    waiting.check()
                    return
                self.clock += (time.perf_counter() - began) / max(here, 1)
                yield from done
        finally:
            if sitting:  # the caller left half-way
                self._host.abort(list(sitting))

    def _by_turns(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        """Each agent in a vLLM of its own, a request for each turn."""
        with ThreadPoolExecutor(1, thread_name_prefix="vllm") as thread:
            hosted = {name: HostedModel(host, thread) for host in self.hosts for name in host.agents}
            loop = TurnLoop(hosted, seed=self.seed, limit=self.limit, at_once=self.batch_size)
            try:
                with closing(loop.episodes(_known(job) for job in jobs)) as episodes:
                    for episode in episodes:
                        self.drawn += sum(len(span.token_ids or ()) for span in episode.spans)
                        yield episode
            finally:  # the caller may have left half-way
                for one in hosted.values():
                    thread.submit(one.leave).result()

    def _sit(self, job: Job, sitting: dict[str, _Sitting]) -> Episode | None:
        """Seats a job's agents and gives vLLM the request. Returns its episode if it is over before it begins."""
        _known(job)
        reader = Reader(job.policy.rule)
        for span in job.prefix:
            reader.skip(span.steps())
        start = sum(span.written for span in job.prefix)
        seats: dict[str, LanguageModelSeat] = {}
        try:
            for name in job.names:
                others = tuple(other for other in job.names if other != name)
                seat = seats[name] = self.agents[name].sit(View(job.problem.question, name, others))
                for span in job.prefix:
                    seat.read(span)
        except AgentError as error:  # it could not even sit down: a failed episode is data too
            return self._episode(job, seats, Played(list(job.prefix), "error", str(error)), 0.0)
        views = [seat.take_in() for seat in seats.values()]
        ids = views[0]
        if any(view != ids for view in views):
            raise AgentError(
                f"--engine vllm: {job.id}: {' and '.join(job.names)} have the same tokens and prompts, but spell this "
                "text by different ones; use --engine torch"
            )
        self._host.check_length(len(ids) + self.limit - start)
        if start >= self.limit:
            return self._episode(job, seats, Played(list(job.prefix), "limit"), 0.0)
        if len(ids) >= self.agents[job.names[0]].context:
            return self._episode(job, seats, Played(list(job.prefix), "context"), 0.0)
        numbers = [self._host.numbers[name] for name in job.names]
        told = {"start": start, "state": reader.state, "unit": reader.unit}
        plan = RowPlan.of(job, numbers, seed=self.seed, limit=self.limit, **told)
        sitting[self._host.add(ids, plan)] = _Sitting(job, seats, plan, self.clock)
        return None

    def _finish(self, sitting: _Sitting, said: Said) -> Episode:
        """The episode of a row that is over."""
        job, plan, tokens = sitting.job, sitting.plan, said.tokens
        self.drawn += len(tokens)
        authors = plan.authors()
        read = follow(plan, tokens, authors, self._tables, self._host.end)
        decided = {**said.decided, **dict.fromkeys(read.forced, 0.0)}
        seconds = self.clock - sitting.clock
        if said.why == BROKEN:
            over = len(tokens) in said.decided
            author, turn = (int(authors[read.next]), len(tokens)) if over else (read.author, read.turn)
            why = f"{self._host.members[author].name}: {NOT_NUMBERS}"
            spans = self._spans(tokens[:turn], read.by, said.logprobs, decided)
            return self._episode(job, sitting.seats, Played([*job.prefix, *spans], "error", why), seconds)
        decided.pop(len(tokens), None)  # it ended there: nobody was asked
        full = "limit" if plan.start + len(tokens) >= self.limit else "context"
        ended = "end" if tokens[-1] == self._host.end else full
        spans = self._spans(tokens, read.by, said.logprobs, decided)
        return self._episode(job, sitting.seats, Played([*job.prefix, *spans], ended), seconds)

    def _spans(self, tokens: list[int], by: list[int], logprobs: Any, decided: dict[int, float]) -> list[Span]:
        """One span a turn. ``decided``: the `end` factor before a token, where a unit was found to be over."""
        cuts = [0, *(n for n in range(1, len(tokens)) if by[n] != by[n - 1]), len(tokens)]
        spans = []
        for a, b in pairwise(cuts):
            if a == b:
                continue
            vocabulary = self._host.members[by[a]].vocabulary
            ids = tokens[a:b]
            pieces = [vocabulary.pieces[token] if token != self._host.end else b"" for token in ids]
            ended = ids[-1] == self._host.end
            if ended:
                ids[-1] = vocabulary.end
            values = tuple(logprobs[a:b].tolist())
            name, digest = self._host.members[by[a]].name, vocabulary.digest
            spans.append(Span(name, "", tuple(ids), tuple(pieces), values, decided.get(b), ended, digest))
        return spans

    def _episode(self, job: Job, seats: dict[str, LanguageModelSeat], played: Played, seconds: float) -> Episode:
        views = {name: seat.record() for name, seat in seats.items()}
        told: dict[str, Any] = {"seconds": seconds, "views": views, "engine": self._version}
        return episode_of(job, played, seed=self.seed, limit=self.limit, **told)


def _models(agents: Mapping[str, Agent]) -> dict[str, LanguageModel]:
    """The agents, if all are local models. Raises AgentError."""
    found = {name: agent for name, agent in agents.items() if isinstance(agent, LanguageModel)}
    if other := next((name for name in agents if name not in found), None):
        raise AgentError(f"--engine vllm plays local models only, and {other} is none; use --engine torch")
    return found


def _read_alike(agents: Mapping[str, LanguageModel]) -> bool:
    """May one vLLM hold them all: the same tokens, prompts, lengths of view and numbers?"""

    def read(agent: LanguageModel) -> tuple[object, ...]:
        # On a GPU vLLM computes fp32 attention by a kernel whose buffers are of the first model's head size.
        fp32 = agent.model.dtype == torch.float32 and torch.cuda.is_available()
        heads = heads_of(agent.model) if fp32 else None
        return (
            agent.vocabulary.digest,
            tuple(agent.prompt_ids("")),
            agent.prompting,
            agent.context,
            agent.model.dtype,
            heads,
        )

    alike = len({repr(read(agent)) for agent in agents.values()}) == 1
    return alike and same_end([agent.vocabulary for agent in agents.values()])


def _known(job: Job | None) -> Job | None:
    """The job, if who writes is known from its coins. Raises AgentError."""
    if job is not None and isinstance(job.policy.schedule, OnDemand | Call):
        raise AgentError(f"--engine vllm: who writes must be known from the coins, under {job.policy} it is not")
    return job
