"""The vLLM engine on a real vLLM: `make test-vllm` runs this in an environment of its own; elsewhere it is skipped."""

from __future__ import annotations

import copy
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from agents.contract import AgentError
from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.units import RULES
from agents.vocabulary import Vocabulary
from arena.episode import Episode, count_units, cut, spans_of
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import Problem, load_task
from arena.torch_engine.tandem import Tandem
from arena.vllm_engine.engine import VLLMEngine
from benchmarks.equality import difference, near_tie
from tests.models import embedded, random_agent
from tests.test_law import LIMIT as LAW_LIMIT
from tests.test_law import ONE, agrees
from tests.toys import Law, Step, ToyTokenizer

pytest.importorskip("vllm")

NAMES = ("senior", "junior")
SEED, LIMIT = 3, 160
SCARCE = {"num_gpu_blocks_override": 40, "block_size": 32}
"""A cache that the rows of a batch do not fit in: requests are evicted and come back."""


def pair(temperature: float = 1.0, **sampling: Any) -> dict[str, LanguageModel]:
    return {name: embedded(name, temperature, **sampling) for name in NAMES}


def jobs_of(count: int, handoff: str, names: tuple[str, ...] = NAMES) -> list[Job]:
    problems = load_task("arithmetic").problems("test")
    return [Job(problems[index], 0, parse(handoff), names) for index in range(count)]


@contextmanager
def vllm(agents: Mapping[str, Any], rows: int = 32, limit: int = LIMIT, **options: Any) -> Iterator[VLLMEngine]:
    engine = VLLMEngine(agents, seed=SEED, limit=limit, batch_size=rows, options=options)
    try:
        yield engine
    finally:
        engine.close()


def assert_same(engine: VLLMEngine, jobs: Sequence[Job], limit: int = LIMIT) -> list[Episode]:
    """The torch engine's episodes, but for near-ties, of which there is at most one."""
    wanted = {e.id: e for e in Tandem(engine.agents, seed=SEED, limit=limit, rows=64).episodes(jobs)}
    found, ties = list(engine.episodes(jobs)), 0
    assert {e.id for e in found} == wanted.keys()
    by_id = {job.id: job for job in jobs}
    for episode in found:
        if place := difference(wanted[episode.id], episode):
            assert near_tie(engine.agents, by_id[episode.id], episode, place, seed=SEED, limit=limit), place.words
            ties += 1
    assert ties <= 1
    return found


@pytest.fixture
def evictions(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often vLLM evicts a request of this process."""
    from vllm.v1.core.sched.scheduler import Scheduler

    seen: Counter[str] = Counter()
    preempt = Scheduler._preempt_request

    def counted(self: Any, request: Any, *given: Any, **more: Any) -> Any:
        seen["all"] += 1
        seen["had written"] += request.num_output_tokens > 0
        return preempt(self, request, *given, **more)

    monkeypatch.setattr(Scheduler, "_preempt_request", counted)
    return seen


MODES = [
    {},
    {"enable_prefix_caching": False},
    {"max_num_batched_tokens": 40},
    {"async_scheduling": True},
    {"async_scheduling": True, "max_num_batched_tokens": 40, "enable_prefix_caching": False},
    {"enforce_eager": False},
]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_eviction_changes_no_coin_author_or_draw(mode: dict[str, Any], evictions: Counter[str]) -> None:
    """Under every unit rule; prompts are read in pieces, prefixes kept or not, steps planned ahead or not, graphs
    compiled."""
    with vllm(pair(), **SCARCE, **mode) as engine:
        for unit in RULES:
            evictions.clear()
            assert_same(engine, jobs_of(40, f"{unit}:p=0.5"))
            assert evictions["had written"] >= 5


@pytest.mark.parametrize("eager", [True, False])
def test_greedy_episodes_are_the_torch_engines(eager: bool, evictions: Counter[str]) -> None:
    with vllm(pair(0.0), rows=64, num_gpu_blocks_override=60, block_size=32, enforce_eager=eager) as engine:
        assert_same(engine, jobs_of(500, "word:p=0.5"))
        assert evictions["had written"] >= 50


SCHEDULES = [
    "word:alternate",
    "word:p=1",
    "word:p=0",
    "word:solo=junior",
    "sentence:script=junior,senior",
    "token:p=0.3",
]


def test_schedules_and_who_sits_alone() -> None:
    with vllm(pair()) as engine:
        for handoff in SCHEDULES:
            assert_same(engine, jobs_of(20, handoff))
        for name in NAMES:
            alone = assert_same(engine, jobs_of(20, "word:solo", (name,)))
            same = {e.problem_id: e for e in engine.episodes(jobs_of(20, f"word:solo={name}"))}
            assert all(same[e.problem_id].text == e.text for e in alone)
        once = [replaced(job, parse("word:once=0.5")) for job in jobs_of(12, "word:p=0.5")]
        assert_same(engine, once)


def replaced(job: Job, policy: Any) -> Job:
    """The job, beginning with the first half of the senior's own solution."""
    solo = Job(job.problem, 0, parse("word:solo"), NAMES[:1], "solo:senior")
    (parent,) = Tandem({"senior": embedded("senior")}, seed=SEED, limit=LIMIT, rows=1).episodes([solo])
    vocabulary = embedded("senior").vocabulary
    spans = spans_of(parent, {vocabulary.digest: vocabulary})
    units = count_units(policy.rule, spans) // 2
    prefix = tuple(cut(policy.rule, spans, units))
    return Job(job.problem, 0, policy, NAMES, "team", None, prefix, parent.id, units)


@pytest.mark.parametrize("sampling", [{"temperature": 0.7, "top_k": 5}, {"temperature": 1.0, "top_p": 0.8}])
def test_truncated_sampling(sampling: dict[str, Any]) -> None:
    with vllm(pair(**sampling)) as engine:
        assert_same(engine, jobs_of(30, "word:p=0.5"))


def test_solo_is_plain_vllm() -> None:
    """p = 1 under greedy decoding is what an engine of vLLM's own writes with the senior alone."""
    agents = pair(0.0)
    with vllm(agents) as engine:
        episodes = list(engine.episodes(jobs_of(20, "word:p=1")))
    from vllm import EngineArgs, LLMEngine, SamplingParams
    from vllm.sampling_params import RequestOutputKind

    from agents.registry import EMBEDDED
    from arena.vllm_engine.start import defaults

    given = {"skip_tokenizer_init": True, "dtype": "float32", **defaults(1 << 28)}
    plain = LLMEngine.from_engine_args(EngineArgs(model=str(EMBEDDED / "senior"), **given))
    senior = agents["senior"]
    told = SamplingParams(
        temperature=0,
        max_tokens=LIMIT,
        detokenize=False,
        logit_bias=dict.fromkeys(senior.vocabulary.never, -100.0),
        stop_token_ids=list(senior.vocabulary.end_ids),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    for number, episode in enumerate(episodes):
        plain.add_request(str(number), {"prompt_token_ids": senior.prompt_ids(episode.question)}, told)
    found: dict[int, list[int]] = {}
    while plain.has_unfinished_requests():
        for output in plain.step():
            found[int(output.request_id)] = list(output.outputs[0].token_ids)
    plain.engine_core.shutdown()
    written = [[token for span in episode.spans for token in span.token_ids or ()] for episode in episodes]
    assert written == [found[number] for number in range(len(episodes))]


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("kinds", [("qwen3", "llama", "gemma"), ("llama", "gemma", "llama")])
def test_other_architectures_and_three_agents(kinds: tuple[str, str, str], eager: bool) -> None:
    """Each agent by vLLM's own class for its architecture, of any size."""
    agents = {
        "senior": random_agent(kinds[0], "gpt2", head_size=32),
        "junior": random_agent(kinds[1], "gpt2", seed=1, head_size=32),
        "third": random_agent(kinds[2], "gpt2", seed=2, head_size=32),
    }
    with vllm(agents, limit=40, enforce_eager=eager) as engine:
        assert_same(engine, jobs_of(16, "word:p=equal", ("senior", "junior", "third")), limit=40)


def test_several_ends_are_one() -> None:
    """A model may end by a token that its partner writes as text."""
    senior, junior = embedded("senior"), copy.deepcopy(embedded("junior").model)
    end = senior.vocabulary.end
    other = next(token for token, piece in enumerate(senior.vocabulary.pieces) if piece == b".")
    junior.generation_config.eos_token_id = [other, end]
    agents = {"senior": senior, "junior": LanguageModel(junior, senior.tokenizer, sampling=Sampling())}
    assert set(agents["junior"].vocabulary.end_ids) == {end, other}
    with vllm(agents) as engine:
        found = assert_same(engine, jobs_of(60, "word:p=0.5"))
    assert sum("." in episode.text for episode in found) > 5


def test_not_a_number_is_told_where_several_ends_are_one() -> None:
    """Whatever token is picked then, also an end that is never drawn by itself: the last one, here."""
    senior = embedded("senior")
    end, last = senior.vocabulary.end, max(set(range(len(senior.vocabulary))) - set(senior.vocabulary.never))
    agents = {}
    for name in NAMES:
        model = copy.deepcopy(embedded(name).model)
        model.generation_config.eos_token_id = [end, last]
        agents[name] = LanguageModel(model, senior.tokenizer, sampling=Sampling())
    with torch.no_grad():
        agents["junior"].model.get_input_embeddings().weight.fill_(float("nan"))
    with vllm(agents) as engine:
        found = assert_same(engine, jobs_of(12, "word:p=0.5"))
    assert all("junior: its logits are not numbers" in str(episode.error) for episode in found)


def test_padding_is_found_only_where_it_is() -> None:
    from arena.vllm_engine.processor import _padded

    padded = torch.arange(24.0).reshape(3, 8)
    assert _padded(padded[:, :5]).shape == (3, 8)
    assert _padded(padded[1:, :5]).tolist() == padded[1:].tolist()
    for other in (padded.t(), padded[:1, :1].t(), padded[:1].expand(3, 8), padded[1:, 2:7]):
        assert torch.equal(_padded(other)[:, : other.shape[1]], other)


def pairs_apart() -> dict[str, dict[str, LanguageModel]]:
    """Agents that cannot share a vLLM."""
    senior, junior = embedded("senior"), embedded("junior")
    told = LanguageModel(senior.model, senior.tokenizer, prompt="Question: {question}\n")
    shorter = LanguageModel(junior.model, junior.tokenizer)
    shorter.context = 96
    return {
        "prompts": {"senior": told, "junior": junior},
        "tokens": {"senior": senior, "junior": random_agent("llama", "sentencepiece", seed=1, head_size=32)},
        "views": {"senior": senior, "junior": shorter},
    }


@pytest.mark.parametrize("kind", ["prompts", "tokens", "views"])
def test_agents_that_read_different_things(kind: str, evictions: Counter[str]) -> None:
    """A vLLM for each, a request for each turn; with evictions, too."""
    with vllm(pairs_apart()[kind], limit=100, **SCARCE) as engine:
        assert len(engine.hosts) == 2
        for unit in RULES:
            assert_same(engine, jobs_of(16, f"{unit}:p=0.5"), limit=100)


def toy(seed: int) -> LanguageModel:
    """A tiny Llama over nine tokens, whose episodes of three tokens can all be counted."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config: Any = LlamaConfig
    make: Any = LlamaForCausalLM
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = make(config(vocab_size=len(ONE), head_dim=32, max_position_embeddings=64, eos_token_id=1, **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0)

    @torch.no_grad()
    def logits(ids: Sequence[int]) -> torch.Tensor:
        found: torch.Tensor = model(input_ids=torch.tensor([list(ids)])).logits[0, -1].double()
        return found

    model.logits = logits
    vocabulary = Vocabulary(ONE, [1], special_ids=[0])
    return LanguageModel(model, ToyTokenizer(ONE), prompt="{question}", vocabulary=vocabulary)


@pytest.mark.parametrize("unit", RULES)
def test_frequencies_follow_the_law(unit: str) -> None:
    """Sampled episodes of an enumerated law, many rows at once."""
    agents = {"senior": toy(1), "junior": toy(2)}
    policy = parse(f"{unit}:p=0.6")
    law = dict(Law(agents, policy.rule, lambda unit: {"senior": 0.6, "junior": 0.4}, LAW_LIMIT).episodes())
    assert math.isclose(sum(law.values()), 1.0, rel_tol=1e-9)
    problem = Problem("toy", "", "")
    jobs = [Job(problem, sample, policy, NAMES) for sample in range(6_000)]
    with vllm(agents, rows=256, limit=LAW_LIMIT) as engine:
        seen = Counter(trail_of(episode) for episode in engine.episodes(jobs))
    assert agrees(law, seen) > 1e-4


def trail_of(episode: Episode) -> tuple[Step, ...]:
    return tuple(
        (span.author, None if token == 1 else ONE[token]) for span in episode.spans for token in span.token_ids or ()
    )


def test_logits_that_are_not_numbers_fail_their_episode_by_name() -> None:
    agents = {"senior": embedded("senior"), "junior": random_agent_like_junior()}
    with vllm(agents) as engine:
        with torch.no_grad():
            agents["junior"].model.get_input_embeddings().weight.fill_(float("nan"))
        engine.hand_over("junior")
        found = assert_same(engine, jobs_of(12, "word:p=0.5"))
    assert {episode.ended for episode in found} == {"error"}
    assert all("junior: its logits are not numbers" in str(episode.error) for episode in found)


def random_agent_like_junior() -> LanguageModel:
    """The junior, but in weights of its own."""
    junior = embedded("junior")
    return LanguageModel(copy.deepcopy(junior.model), junior.tokenizer, sampling=Sampling())


@pytest.mark.parametrize("eager", [True, False])
def test_new_weights_are_played_from_then_on(eager: bool) -> None:
    """Trained in place: the next episodes are the new weights', no block of the old ones' cache is used again."""
    from agents.language_model import weights_digest

    agents = {"senior": embedded("senior"), "junior": random_agent_like_junior()}
    jobs = jobs_of(20, "word:p=0.5")
    with vllm(agents, enforce_eager=eager) as engine:
        before = {e.id: e.text for e in assert_same(engine, jobs)}
        with torch.no_grad():
            for parameter in agents["junior"].model.parameters():
                parameter.mul_(1.05)
        agents["junior"].weights = weights_digest(agents["junior"].model)
        after = {e.id: e.text for e in assert_same(engine, jobs)}
    assert before != after


def test_a_rest_changes_no_episode() -> None:
    """vLLM's CPU build goes to sleep as others do, but gives no memory back; so it cannot be started for it."""
    with vllm(pair()) as engine:
        assert_same(engine, jobs_of(10, "word:p=0.5"))
        engine.rest()
        assert not engine._host.engine.is_sleeping()
        engine._host._can_rest = True
        for handed in (False, True):
            engine.rest()
            engine.rest()
            assert engine._host.engine.is_sleeping()
            if handed:
                engine.hand_over("senior")
            assert_same(engine, jobs_of(10, "word:p=0.5"))
    with pytest.raises(AgentError, match=r"--engine vllm: it does not start: .*leep"):
        VLLMEngine(pair(), seed=SEED, limit=LIMIT, batch_size=4, options={"enable_sleep_mode": True})


def test_who_leaves_half_way_leaves_nothing_behind() -> None:
    with vllm(pair(), rows=8) as engine:
        next(engine.episodes(jobs_of(30, "word:p=0.5")))
        assert not engine._host.engine.has_unfinished_requests()
        assert_same(engine, jobs_of(20, "token:p=0.5"))


def test_who_leaves_agents_apart_half_way_leaves_nothing_behind() -> None:
    """Rows that were left would hold blocks of the old weights' cache, which are used again then."""
    from agents.language_model import weights_digest

    agents = dict(next(iter(pairs_apart().values())))
    agents["senior"] = LanguageModel(
        copy.deepcopy(agents["senior"].model), agents["senior"].tokenizer, prompt=agents["senior"].prompting
    )
    with vllm(agents, rows=8) as engine:
        assert len(engine.hosts) == 2
        episodes = engine.episodes(jobs_of(24, "word:p=0.5"))
        next(episodes)
        episodes.close()  # type: ignore[attr-defined]
        assert not any(host.engine.has_unfinished_requests() for host in engine.hosts)
        with torch.no_grad():
            for parameter in agents["senior"].model.parameters():
                parameter.mul_(1.05)
        agents["senior"].weights = weights_digest(agents["senior"].model)
        assert_same(engine, jobs_of(24, "word:p=0.5"))


def test_new_weights_while_rows_are_played_are_refused() -> None:
    with vllm(pair(), rows=8) as engine:
        episodes = engine.episodes(jobs_of(24, "word:p=0.5"))
        next(episodes)
        with pytest.raises(AgentError, match="senior has new weights while rows of the old ones are still played"):
            engine.hand_over("senior")
        episodes.close()  # type: ignore[attr-defined]
        assert_same(engine, jobs_of(8, "word:p=0.5"))


def test_a_shorter_view_is_never_a_reason_to_end() -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    with vllm(pair(), max_model_len=160) as engine:
        assert torch.equal(before, torch.get_rng_state()), "vLLM seeds the process's numbers"
        with pytest.raises(AgentError, match=r"--vllm max_model_len=160: prompt and --limit may come to \d+ tokens"):
            list(engine.episodes(jobs_of(4, "word:p=0.5")))
    with vllm(pair(), limit=80, max_model_len=160) as engine:
        assert_same(engine, jobs_of(20, "word:p=0.5"), limit=80)
    with (
        vllm(pair(), rows=1, max_model_len=8) as engine,
        pytest.raises(AgentError, match="max_model_len=8: prompt and"),
    ):
        list(engine.episodes(jobs_of(1, "word:p=0.5")))


def test_a_full_view_ends_an_episode() -> None:
    agents = {name: LanguageModel(embedded(name).model, embedded(name).tokenizer) for name in NAMES}
    for agent in agents.values():
        agent.context = 96
    with vllm(agents) as engine:
        for unit in ("word", "spaced-token", "line"):
            found = assert_same(engine, jobs_of(24, f"{unit}:p=0.5"))
            assert {"context", "end"} <= {episode.ended for episode in found}


def test_in_processes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is found by its entry point, plans and weights travel, factors come back."""
    monkeypatch.setitem(os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    with vllm(pair(), **SCARCE) as engine:
        assert_same(engine, jobs_of(40, "word:p=0.5"))
