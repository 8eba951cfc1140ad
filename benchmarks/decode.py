"""``python -m benchmarks.decode``: how fast the torch engine decodes, beside other ways, in one run.

Interleaved, for each batch size and number of threads, on the embedded pair at temperature 1: tokens per second of

- tandem: the closed tandem mode, word:p=0.5;
- lazy: the same without guesses (a model runs only where it is the one to draw);
- solo: the same engine with the senior alone;
- generate: transformers' ``generate`` with the senior alone, in batches of the same size;
- naive: one episode at a time, a ``generate`` call for every turn over the text so far.

Every ratio is taken within a round; the table has medians and the range. Tokens are written tokens, the end left out.
Outside forwards is everything but the models, their positions and their masks. It is told apart into what a step does
(draws, who is next, the books of the batch) and what an episode costs once (its prompts encoded, its coins drawn, its
record made and proven). ``--engine vllm`` measures the vLLM engine instead: `benchmarks.decode_vllm`.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from agents.chance import Chance, episode_key
from agents.language_model import LanguageModel
from agents.registry import EMBEDDED, AgentConfig, make_agent
from arena.command import fail, run_command
from arena.jobs import Job
from arena.policy import Bernoulli, Situation, parse
from arena.tasks import Problem, load_task
from arena.torch_engine.tandem import Tandem

POLICY = "word:p=0.5"


@dataclass
class DecodeConfig:
    """Measures decoding on the embedded pair, side by side."""

    engine: Literal["torch", "vllm"] = "torch"
    """vllm measures the vLLM engine beside plain vLLM and the torch engine, on other pairs too, on one thread."""
    compiled: bool = False
    """With --engine vllm: with compiled graphs (vLLM's enforce_eager=false)."""
    batches: list[int] = field(default_factory=lambda: [152, 32])
    """Batch sizes."""
    threads: list[int] = field(default_factory=lambda: [1, 2])
    """Numbers of threads."""
    rounds: int = 5
    """How often everything is measured."""
    waves: int = 4
    """Episodes of a measurement: so many times the batch."""
    naive_episodes: int = 3
    """Episodes of the naive way, which is slow."""
    limit: int = 256
    """Tokens that an episode may have."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True)
class Measured:
    """One way, once."""

    tokens: int
    seconds: float
    outside: float = 0.0
    """Share of the time that was not spent in forwards."""
    outside_step: float = 0.0
    """The same of the time of steps alone."""
    forwards: float = 0.0
    """Rows that models were run on, per token written."""

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


def _timed(work: Callable[[], int]) -> tuple[int, float]:
    began = time.perf_counter()
    tokens = work()
    return tokens, time.perf_counter() - began


def engine(agents: dict[str, LanguageModel], jobs: list[Job], rows: int, limit: int, guess: bool = True) -> Measured:
    """The engine over some jobs, prefills, drawing, records and proofs included."""
    made = Tandem(agents, seed=1, limit=limit, rows=rows, guess=guess)

    def play() -> int:
        for _ in made.episodes(jobs):
            pass
        return made.drawn

    tokens, seconds = _timed(play)
    inside = sum(forward.seconds for forward in made.forwards)
    rows = sum(forward.rows for forward in made.forwards)
    return Measured(tokens, seconds, 1 - inside / seconds, 1 - inside / (seconds - made.around), rows / tokens)


class Generating:
    """transformers' own ``generate`` with the senior, and the naive way; on models that the engine never touched."""

    def __init__(self, limit: int):
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        auto: Any = AutoModelForCausalLM
        self.models = [
            auto.from_pretrained(EMBEDDED / name, dtype=torch.float32, local_files_only=True).eval()
            for name in ("senior", "junior")
        ]
        self.tokenizer = AutoTokenizer.from_pretrained(EMBEDDED / "senior", local_files_only=True, padding_side="left")
        self.limit = limit
        self.pad = self.tokenizer.pad_token_id
        self.end = self.tokenizer.eos_token_id

    @torch.inference_mode()
    def _generate(self, model: Any, most: int, **given: Any) -> torch.Tensor:
        sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
        out: torch.Tensor = model.generate(**given, **sampling, max_new_tokens=most, pad_token_id=self.pad)
        return out

    def solo(self, problems: list[Problem], batch: int) -> Measured:
        """The senior alone, in batches."""

        def play() -> int:
            written = 0
            for first in range(0, len(problems), batch):
                texts = [f"{problem.question}\n" for problem in problems[first : first + batch]]
                inputs = self.tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
                out = self._generate(self.models[0], self.limit, **inputs)[:, inputs["input_ids"].shape[1] :]
                written += int(((out != self.pad) & (out != self.end)).sum())
            return written

        return Measured(*_timed(play))

    def naive(self, problems: list[Problem], agents: dict[str, LanguageModel]) -> Measured:
        """Both, one episode at a time: for every turn the whole text so far is read again."""
        policy = parse(POLICY)
        table = agents["senior"].vocabulary.table(policy.unit)
        schedule = policy.schedule
        assert isinstance(schedule, Bernoulli)

        def turn_of(author: int, ids: list[int], state: int, unit: int, now: Situation, most: int) -> list[int]:
            """One `generate` call over the text so far, which stops when a unit of the other's opens."""

            def opened(new: list[int]) -> bool:
                at, u = state, unit
                for n, token in enumerate(new):
                    opens = bool(table.opens[at, token])
                    if n and opens and schedule.author(u + 1, now) != author:
                        return True
                    u, at = u + opens, int(table.next[at, token])
                return False

            def over(seen: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
                return torch.tensor([opened(seen[0, len(ids) :].tolist())])

            given = torch.tensor([ids])
            out = self._generate(self.models[author], most, input_ids=given, stopping_criteria=[over])
            new: list[int] = out[0, len(ids) :].tolist()
            return new[:-1] if len(new) > 1 and new[-1] != self.end and opened(new) else new

        def episode(problem: Problem) -> int:
            now = Situation(("senior", "junior"), Chance(1, episode_key(problem.id, 0)).coin, 0.5)
            prompt: list[int] = self.tokenizer(f"{problem.question}\n").input_ids
            text, state, unit, written = "", 0, -1, 0
            while written < self.limit:
                # The plain way knows the text only, and reads all of it again.
                ids = prompt + self.tokenizer(text, add_special_tokens=False).input_ids
                author = schedule.author(unit + 1, now)
                new = turn_of(author, ids, state, unit, now, self.limit - written)
                for token in new:
                    if token == self.end:
                        return written
                    unit, state = unit + bool(table.opens[state, token]), int(table.next[state, token])
                    written += 1
                text += str(self.tokenizer.decode([token for token in new if token != self.end]))
            return written

        return Measured(*_timed(lambda: sum(map(episode, problems))))


def measure(config: DecodeConfig, batch: int, threads: int) -> dict[str, Any]:
    """Everything at one batch size and number of threads."""
    torch.set_num_threads(threads)
    agents: dict[str, Any] = {name: make_agent(AgentConfig(name)) for name in ("senior", "junior")}
    alone = {"senior": agents["senior"]}
    problems = [load_task("arithmetic").problems("test")[index] for index in range(batch * config.waves)]
    team = [Job(problem, 0, parse(POLICY), ("senior", "junior")) for problem in problems]
    solo = [Job(problem, 0, parse("word:solo"), ("senior",)) for problem in problems]
    generating = Generating(config.limit)
    ways: dict[str, Callable[[], Measured]] = {
        "solo": lambda: engine(alone, solo, batch, config.limit),
        "tandem": lambda: engine(agents, team, batch, config.limit),
        "lazy": lambda: engine(agents, team, batch, config.limit, guess=False),
        "generate": lambda: generating.solo(problems, batch),
        "naive": lambda: generating.naive(problems[: config.naive_episodes], agents),
    }
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    for number in range(config.rounds + 1):
        for name, way in ways.items():
            measured = way()
            if number:  # the first round warms up
                found[name].append(measured)
    return _summed_up(batch, threads, found)


def _summed_up(batch: int, threads: int, found: dict[str, list[Measured]]) -> dict[str, Any]:
    out: dict[str, Any] = {"batch": batch, "threads": threads}
    for name, many in found.items():
        out[f"{name}_tokens_per_second"] = round(statistics.median(one.speed for one in many), 1)
    for name, over in (("tandem", "solo"), ("lazy", "solo"), ("solo", "generate"), ("tandem", "naive")):
        ratios = [a.speed / b.speed for a, b in zip(found[name], found[over], strict=True)]
        key = f"{name}_over_{'hf_generate' if over == 'generate' else over}"
        out[key] = round(statistics.median(ratios), 3)
        out[f"{key}_range"] = [round(min(ratios), 3), round(max(ratios), 3)]
    for name in ("solo", "tandem", "lazy"):
        out[f"{name}_outside_forwards"] = round(statistics.median(one.outside for one in found[name]), 3)
        out[f"{name}_outside_forwards_of_steps"] = round(statistics.median(one.outside_step for one in found[name]), 3)
        out[f"{name}_forwards_per_token"] = round(float(np.mean([one.forwards for one in found[name]])), 3)
    return out


def main(config: DecodeConfig) -> None:
    """Prints what was measured."""
    if config.compiled and config.engine != "vllm":
        fail("--compiled: it is vLLM that compiles graphs; add --engine vllm")
    if config.engine == "vllm":
        from benchmarks import decode_vllm

        decode_vllm.main(config.batches, config.rounds, config.waves, config.limit, not config.compiled)
        return
    settings = []
    for threads in config.threads:
        for batch in config.batches:
            settings.append(measure(config, batch, threads))
            if not config.json:
                _show(settings[-1])
    if config.json:
        first = settings[0]
        named = ("tandem_over_solo", "solo_over_hf_generate", "tandem_over_naive")
        json.dump({**{name: first[name] for name in named}, "settings": settings}, sys.stdout, indent=2)
        print()


def _show(one: dict[str, Any]) -> None:
    print(f"batch {one['batch']}, threads {one['threads']}")
    for name in ("solo", "tandem", "lazy", "generate", "naive"):
        line = f"  {name:9}{one[f'{name}_tokens_per_second']:>9,.0f} tokens/s"
        if f"{name}_outside_forwards" in one:
            line += f"   outside forwards {one[f'{name}_outside_forwards']:.0%}"
            line += f" (of steps {one[f'{name}_outside_forwards_of_steps']:.0%})"
            line += f"   forwards per token {one[f'{name}_forwards_per_token']:.2f}"
        print(line)
    for key in ("tandem_over_solo", "lazy_over_solo", "solo_over_hf_generate", "tandem_over_naive"):
        low, high = one[f"{key}_range"]
        print(f"  {key:22}{one[key]:7.2f}   [{low:.2f}, {high:.2f}]", flush=True)


if __name__ == "__main__":
    run_command(main, DecodeConfig, prog="python -m benchmarks.decode")
