"""The torch engine writes what the reference loop writes: same coins, same draws, same factors."""

from __future__ import annotations

import pytest

from agents.contract import AgentError
from agents.language_model import LanguageModel
from arena.engines import ReferenceEngine
from arena.episode import Episode, cut, spans_of
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import load_task
from arena.torch_engine.forward import Forward, probe
from arena.torch_engine.tandem import Tandem
from tests.models import embedded, random_agent

PAIR = {"senior": embedded("senior"), "junior": embedded("junior")}
POLICIES = [
    "token:p=0.3",
    "word:p=0.5",
    "spaced-token:p=0.5",
    "sentence:alternate",
    "line:p=0.5",
    "paragraph:p=0.2",
    "solution:solo=junior",
    "word:script=junior,senior,junior",
]


def jobs_of(count: int, handoff: str = "word:p=0.5", names: tuple[str, ...] = ("senior", "junior")) -> list[Job]:
    problems = load_task("arithmetic").problems("test")
    return [Job(problems[index], 0, parse(handoff), names) for index in range(count)]


def assert_same(jobs, agents, *, rows: int, limit: int = 96, seed: int = 5) -> list[Episode]:
    """Plays the jobs with both engines; the episodes are equal, their log-probabilities to 1e-4."""
    wanted = {e.id: e for e in ReferenceEngine(agents, seed=seed, limit=limit).episodes(jobs)}
    found = {e.id: e for e in Tandem(agents, seed=seed, limit=limit, rows=rows).episodes(jobs)}
    assert wanted.keys() == found.keys()
    for identity, one in wanted.items():
        other = found[identity]
        assert (one.text, one.ended, one.error) == (other.text, other.ended, other.error)
        assert one.views == other.views
        for a, b in zip(one.spans, other.spans, strict=True):
            assert (a.author, a.start, a.end, a.token_ids) == (b.author, b.start, b.end, b.token_ids)
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
            assert a.end_logprob == pytest.approx(b.end_logprob, abs=1e-4)
    return list(found.values())


@pytest.mark.parametrize("rows", [1, 7, 30])
@pytest.mark.parametrize("handoff", POLICIES)
def test_equals_the_reference_loop(handoff, rows):
    assert_same(jobs_of(14, handoff), PAIR, rows=rows)


@pytest.mark.parametrize(
    "kinds", [("gpt2", "sentencepiece"), ("wordpiece", "gpt2"), ("sentencepiece", "sentencepiece")]
)
@pytest.mark.parametrize("handoff", ["word:p=0.5", "token:p=0.5", "spaced-token:p=0.4", "sentence:p=0.5"])
def test_equals_the_reference_loop_for_other_models_and_tokenisers(kinds, handoff):
    agents = {"senior": random_agent("llama", kinds[0]), "junior": random_agent("gpt2", kinds[1], seed=1)}
    assert_same(jobs_of(8, handoff), agents, rows=5, limit=40)


@pytest.mark.parametrize("pair", [("gemma", "qwen3"), ("gpt2", "gemma")])
def test_equals_the_reference_loop_for_other_architectures_with_the_same_tokens(pair):
    agents = {"senior": random_agent(pair[0], "gpt2"), "junior": random_agent(pair[1], "gpt2", seed=1)}
    assert_same(jobs_of(8), agents, rows=5, limit=40)


def test_equals_the_reference_loop_for_three_agents_of_which_one_has_other_tokens():
    agents = {
        "a": random_agent("llama", "gpt2"),
        "b": random_agent("qwen3", "sentencepiece", seed=1),
        "c": random_agent("gpt2", "gpt2", seed=2),
    }
    assert_same(jobs_of(10, "word:p=equal", ("a", "b", "c")), agents, rows=4, limit=48)


@pytest.mark.parametrize("sampling", [(0.0, 0, 1.0), (0.7, 5, 1.0), (1.3, 0, 0.8)])
def test_equals_the_reference_loop_under_other_sampling(sampling):
    agents = {"senior": embedded("senior", *sampling), "junior": embedded("junior", *sampling)}
    assert_same(jobs_of(10), agents, rows=4)


def test_equals_the_reference_loop_after_prefixes_and_for_mixed_jobs():
    parents = list(ReferenceEngine(PAIR, seed=5, limit=96).episodes(jobs_of(6, "word:solo", ("senior",))))
    rule = parse("word").rule
    vocabularies = {agent.vocabulary.digest: agent.vocabulary for agent in PAIR.values()}
    mixed = jobs_of(3, "word:p=0.5") + jobs_of(12, "line:alternate", ("junior", "senior"))[3:6]
    problems = load_task("arithmetic").problems("test")
    for number, parent in enumerate(parents):
        prefix = tuple(cut(rule, spans_of(parent, vocabularies), 3 * number))
        names = ("senior", "junior")
        mixed.append(
            Job(
                problems[number],
                1,
                parse("word:solo=junior"),
                names,
                prefix=prefix,
                parent_id=parent.id,
                prefix_units=3 * number,
            )
        )
    assert_same(mixed, PAIR, rows=3)


def test_a_full_view_ends_the_episode_as_in_the_reference_loop():
    small = embedded("senior"), embedded("junior")
    agents = {}
    for name, agent, context in zip(("senior", "junior"), small, (90, 80), strict=True):
        agents[name] = LanguageModel(agent.model, agent.tokenizer, vocabulary=agent.vocabulary)
        agents[name].context = context
    ended = {episode.ended for episode in assert_same(jobs_of(12), agents, rows=5)}
    assert "context" in ended


def test_logits_that_are_not_numbers_fail_one_episode_by_name(monkeypatch):
    engine = Tandem(PAIR, seed=5, limit=96, rows=4)
    forward = engine.forwards[1]
    whole = forward.logits

    def spoilt(slots, guesses):
        logits = whole(slots, guesses).clone()
        logits[0] = float("nan")
        return logits

    monkeypatch.setattr(forward, "logits", spoilt)
    episodes = list(engine.episodes(jobs_of(6)))
    assert len(episodes) == 6
    assert all(
        e.error == "junior: its logits are not numbers (NaN or all -inf)" for e in episodes if e.ended == "error"
    )
    assert any(e.ended == "error" for e in episodes)


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2"])
def test_the_probe_passes_models_that_the_slots_hold(architecture):
    probe(random_agent(architecture, "gpt2"))


def test_a_model_that_the_slots_cannot_hold_is_refused_by_name():
    from typing import Any

    import transformers

    from tests.models import tokenizer_of_kind

    tokenizer = tokenizer_of_kind("gpt2")
    config = transformers.Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
    )
    make: Any = transformers.AutoModelForCausalLM
    agent = LanguageModel(make.from_config(config), tokenizer)
    with pytest.raises(AgentError, match=r"Gemma2ForCausalLM: it has layers of the kind sliding_attention"):
        Forward(agent, 2)


@pytest.mark.parametrize("handoff", ["word:p=0.5", "spaced-token:p=0.5", "line:alternate"])
def test_the_turn_loop_over_shared_models_equals_the_reference_loop(handoff):
    from concurrent.futures import ThreadPoolExecutor

    from arena.torch_engine.scheduler import SharedModel
    from arena.turns import TurnLoop

    jobs = jobs_of(9, handoff)
    wanted = {e.id: e for e in ReferenceEngine(PAIR, seed=5, limit=64).episodes(jobs)}
    with ThreadPoolExecutor(1) as thread:
        # fewer slots than episodes: seats lose theirs and take their views in again
        shared = {name: SharedModel(agent, 3, thread) for name, agent in PAIR.items()}
        found = {e.id: e for e in TurnLoop(shared, seed=5, limit=64, at_once=7).episodes(jobs)}
    assert wanted.keys() == found.keys()
    for identity, one in wanted.items():
        assert one.text == found[identity].text
        assert one.views == found[identity].views
        for a, b in zip(one.spans, found[identity].spans, strict=True):
            assert a.token_ids == b.token_ids
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
