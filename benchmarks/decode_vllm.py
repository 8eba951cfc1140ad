"""The vLLM part of ``python -m benchmarks.decode --engine vllm``: our engine beside plain vLLM and the torch engine.

For several pairs and batch sizes, interleaved, at temperature 1 under word:p=0.5, tokens per second of

- tandem: both agents in one vLLM;
- solo: the same engine with the senior alone;
- plain: vLLM itself with the senior alone, its own model class and sampler, without log-probabilities;
- torch: the torch engine's tandem;

then the share of tandem's time that is spent in the logits processor, what the junior's forward pass takes beside the
senior's (its logits left out), what a step of tandem takes beyond a solo step and the junior's forward pass, and how
long the senior's weights take to be swapped beside a plain copy of them. The pairs: the embedded one;
two random Llamas of equal size; one of them with a junior of about a quarter of its size. Random models never end, so
that all rows stay full.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from agents.language_model import LanguageModel
from agents.registry import AgentConfig, make_agent
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import Problem, load_task
from arena.torch_engine.tandem import Tandem
from arena.vllm_engine.engine import VLLMEngine

POLICY = "word:p=0.5"
NAMES = ("senior", "junior")


def pairs() -> dict[str, Mapping[str, LanguageModel]]:
    """The pairs by name."""
    made: Any = {name: make_agent(AgentConfig(name)) for name in NAMES}
    large, again, small = (_random(made["senior"], *size) for size in ((384, 6, 0), (384, 6, 1), (192, 6, 2)))
    return {
        "embedded": made,
        "equal sizes": {"senior": large, "junior": again},
        "quarter-size junior": {"senior": large, "junior": small},
    }


def _random(like: LanguageModel, width: int, layers: int, seed: int) -> LanguageModel:
    """A random Llama of the senior's tokens that never ends; ``width`` 384 with 6 layers has 10.8 million weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config: Any = LlamaConfig
    make: Any = LlamaForCausalLM
    sizes = {"hidden_size": width, "intermediate_size": 3 * width, "num_hidden_layers": layers}
    heads = {"num_attention_heads": width // 32, "num_key_value_heads": width // 64, "head_dim": 32}
    more = {"max_position_embeddings": 1024, "eos_token_id": like.vocabulary.end, "tie_word_embeddings": True}
    model = make(config(vocab_size=len(like.vocabulary), **sizes, **heads, **more))
    _never_end(model, like.vocabulary.end)
    return LanguageModel(model, like.tokenizer)


def _never_end(model: Any, end: int) -> None:
    """Makes the end too unlikely to be drawn.

    In one dimension all tokens are the same positive number, up to the last layer; the end is a large negative one.
    """
    with torch.no_grad():
        tokens = model.get_input_embeddings().weight
        tokens[:, 0] = tokens.std()
        tokens[end] = 0
        tokens[end, 0] = -1000
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[0] = layer.mlp.down_proj.weight[0] = 0


class Plain:
    """vLLM alone with one model."""

    def __init__(self, agent: LanguageModel, rows: int, limit: int, eager: bool):
        from vllm import EngineArgs, LLMEngine

        from arena.vllm_engine.start import defaults

        self._folder = tempfile.TemporaryDirectory()
        agent.model.save_pretrained(self._folder.name)
        given: dict[str, Any] = {
            "skip_tokenizer_init": True,
            "dtype": "float32",
            "max_model_len": agent.context,
            "max_num_seqs": rows,
        }
        given |= {**defaults(1 << 30), "enforce_eager": eager}
        arguments = EngineArgs(model=self._folder.name, disable_log_stats=True, **given)
        self._engine, self._agent, self._limit, self._rows = LLMEngine.from_engine_args(arguments), agent, limit, rows

    def play(self, problems: list[Problem], ends: bool) -> int:
        """Tokens written, with as many requests in vLLM as it has rows, as our engine has."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        told = SamplingParams(
            temperature=1.0,
            max_tokens=self._limit,
            detokenize=False,
            ignore_eos=not ends,
            stop_token_ids=list(self._agent.vocabulary.end_ids) if ends else None,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        waiting, sitting, written = list(enumerate(problems)), 0, 0
        while waiting or sitting:
            while waiting and sitting < self._rows:
                number, problem = waiting.pop()
                prompt = {"prompt_token_ids": self._agent.prompt_ids(problem.question)}
                self._engine.add_request(f"{number}", prompt, told)
                sitting += 1
            for output in self._engine.step():
                if output.finished:
                    sitting -= 1
                    written += len(output.outputs[0].token_ids)
        return written

    def close(self) -> None:
        self._engine.engine_core.shutdown()
        self._folder.cleanup()


@contextmanager
def processor_clock() -> Iterator[list[float]]:
    """Seconds spent in the logits processor, as the one number of a list."""
    from arena.vllm_engine.processor import TandemProcessor

    spent, whole = [0.0], {name: getattr(TandemProcessor, name) for name in ("apply", "update_state")}

    def clocked(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            began = time.perf_counter()
            out = work(*given)
            spent[0] += time.perf_counter() - began
            return out

        return run

    try:
        for name, work in whole.items():
            setattr(TandemProcessor, name, clocked(work))
        yield spent
    finally:
        for name, work in whole.items():
            setattr(TandemProcessor, name, work)


class Forwards:
    """Seconds in the forward passes of each agent of an engine, and their number."""

    def __init__(self, engine: VLLMEngine):
        from arena.vllm_engine.model import LOADED

        agents = LOADED[engine.hosts[0]._folder.name]._agents
        self.seconds, self.steps = [0.0] * len(agents), 0
        for number, agent in enumerate(agents):
            agent.forward = self._clocked(number, agent.forward)

    def _clocked(self, number: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            began = time.perf_counter()
            out = forward(*given)
            self.seconds[number] += time.perf_counter() - began
            self.steps += number == 0
            return out

        return run

    def taken(self) -> tuple[int, list[float]]:
        """Steps, and seconds of each agent, since this was last asked."""
        out = self.steps, self.seconds
        self.steps, self.seconds = 0, [0.0] * len(self.seconds)
        return out


@dataclass
class Shape:
    """How much is measured."""

    rows: int
    rounds: int
    waves: int
    limit: int
    eager: bool


def measure(name: str, agents: Mapping[str, LanguageModel], shape: Shape) -> None:
    """Measures one pair at one batch size, and prints it."""
    rows, rounds, waves, limit = shape.rows, shape.rounds, shape.waves, shape.limit
    ends = name == "embedded"
    problems = [load_task("arithmetic").problems("test")[index] for index in range(rows * waves)]
    team = [Job(problem, 0, parse(POLICY), NAMES) for problem in problems]
    alone = [Job(problem, 0, parse("word:solo"), NAMES[:1]) for problem in problems]
    senior = agents["senior"]
    options = {"enforce_eager": shape.eager}
    both = VLLMEngine(agents, seed=1, limit=limit, batch_size=rows, options=options)
    solo = VLLMEngine({"senior": senior}, seed=1, limit=limit, batch_size=rows, options=options)
    plain = Plain(senior, rows, limit, shape.eager)
    forwards = {"tandem": Forwards(both), "solo": Forwards(solo)}

    def written(engine: Any, jobs: list[Job]) -> int:
        before: int = engine.drawn
        for episode in engine.episodes(jobs):
            assert ends or episode.ended == "limit", "a random model ended: its rows would not be full"
        return int(engine.drawn - before)

    torch_engine = Tandem(agents, seed=1, limit=limit, rows=rows)
    ways: dict[str, Callable[[], int]] = {
        "tandem": lambda: written(both, team),
        "solo": lambda: written(solo, alone),
        "plain": lambda: plain.play(problems, ends),
        "torch": lambda: written(torch_engine, team),
    }
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    shares, beside, beyond = [], [], []
    for number in range(rounds + 1):
        steps: dict[str, float] = {}
        models: dict[str, list[float]] = {}
        for way, work in ways.items():
            with processor_clock() as spent:
                began = time.perf_counter()
                tokens = work()
                seconds = time.perf_counter() - began
            if way in forwards:
                count, found = forwards[way].taken()
                steps[way], models[way] = seconds / count, [one / count for one in found]
            if number:  # the first round warms up
                speeds[way].append(tokens / seconds)
                shares += [spent[0] / seconds] if way == "tandem" else []
        if number:
            of_senior, of_junior = models["tandem"]
            beside.append(of_junior / of_senior)
            beyond.append((steps["tandem"] - steps["solo"] - of_junior) / steps["tandem"])
    print(f"vllm, {name}, batch {rows}, {'eager' if shape.eager else 'compiled'}")
    for way, found in speeds.items():
        print(f"  {way:9}{statistics.median(found):>9,.0f} tokens/s")
    for over in ("solo", "plain", "torch"):
        ratios = [a / b for a, b in zip(speeds["tandem"], speeds[over], strict=True)]
        print(f"  tandem_over_{over:8}{statistics.median(ratios):7.2f}   [{min(ratios):.2f}, {max(ratios):.2f}]")
    print(f"  processor, of the time {statistics.median(shares):7.1%}")
    print(f"  junior's forward pass over the senior's {statistics.median(beside):.2f}")
    if not ends:  # else a solo step has other rows in it
        print(f"  beyond a solo step and the junior's forward pass {statistics.median(beyond):7.1%} of a step")
    _show_swap(both, senior, rounds)
    both.close()
    solo.close()
    plain.close()


def _show_swap(engine: VLLMEngine, senior: LanguageModel, rounds: int) -> None:
    """The senior's weights handed over, beside a plain copy of them."""
    swaps, copies = [], []
    target = {name: tensor.clone() for name, tensor in senior.model.state_dict().items()}
    for _ in range(rounds + 1):
        began = time.perf_counter()
        engine.hand_over("senior")
        swaps.append(time.perf_counter() - began)
        began = time.perf_counter()
        for name, tensor in senior.model.state_dict().items():
            target[name].copy_(tensor)
        copies.append(time.perf_counter() - began)
    swap, copy = statistics.median(swaps[1:]), statistics.median(copies[1:])
    print(f"  swap {swap * 1e3:.1f} ms, copy {copy * 1e3:.1f} ms, ratio {swap / copy:.2f}", flush=True)


def main(batches: list[int], rounds: int, waves: int, limit: int, eager: bool) -> None:
    """All pairs at all batch sizes."""
    torch.set_num_threads(1)
    for name, agents in pairs().items():
        for rows in batches:
            measure(name, agents, Shape(rows, rounds, waves, limit, eager))
