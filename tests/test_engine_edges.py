"""What is at the torch engine's edges: left half-way, full views, no numbers, shared weights, models in training."""

from __future__ import annotations

import copy
from contextlib import closing
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model

from agents.contract import AgentError
from agents.language_model import LanguageModel
from arena.engines import ReferenceEngine
from arena.torch_engine.engine import TorchEngine
from arena.torch_engine.forward import probe
from arena.torch_engine.tandem import Tandem
from tests.models import embedded, random_agent, random_model, tokenizer_of_kind
from tests.test_torch_engine import PAIR, assert_same, jobs_of

TOKENIZER = tokenizer_of_kind("gpt2")
PROMPT = "<s>{question}\n"


def test_a_run_that_was_left_half_way_leaves_nothing_behind():
    engine = Tandem(PAIR, seed=5, limit=60, rows=5)
    with closing(engine.episodes(jobs_of(12))) as started:  # type: ignore[type-var]
        next(started)
    assert sorted(e.id for e in engine.episodes(jobs_of(4))) == sorted(job.id for job in jobs_of(4))


@pytest.mark.parametrize(("handoff", "unused"), [("word:solo=junior", 0), ("word:solo", 1)])
def test_a_model_that_never_writes_is_never_run(handoff, unused):
    engine = Tandem(PAIR, seed=5, limit=60, rows=8)
    assert len(list(engine.episodes(jobs_of(16, handoff)))) == 16
    assert engine.forwards[unused].calls == 0


def test_a_full_view_where_a_turn_is_over_hands_over_as_in_the_reference_loop():
    agents = {"senior": random_agent("llama", "gpt2"), "junior": random_agent("gpt2", "gpt2", seed=1)}
    for context in range(60, 84):
        small = LanguageModel(agents["senior"].model, TOKENIZER, prompt=PROMPT)
        small.context = context
        assert_same(jobs_of(4, "token:p=0.5"), {**agents, "senior": small}, rows=3, limit=40)


def test_what_a_tokeniser_could_not_spell_is_counted_also_by_who_never_wrote_again():
    agents = {"senior": random_agent("llama", "gpt2"), "junior": random_agent("gpt2", "wordpiece", seed=1)}
    assert_same(jobs_of(12, "word:script=junior,senior"), agents, rows=4, limit=24)
    assert_same(jobs_of(12, "line:p=0.3"), agents, rows=4, limit=24)


def spoilt(kind: str) -> LanguageModel:
    """A model whose logits, after one token in seven, are not all numbers."""
    model = random_model("llama", TOKENIZER, 1)
    whole = model.forward

    def forward(*args: Any, **options: Any) -> Any:
        out = whole(*args, **options)
        logits = out.logits.clone()
        bad = logits.argmax(-1) % 7 == 0
        if kind == "one +inf":
            logits[..., 50] = torch.where(bad, torch.inf, logits[..., 50])
        elif kind == "one nan":
            logits[..., 7] = torch.where(bad, torch.nan, logits[..., 7])
        elif kind == "all -inf":
            logits = torch.where(bad[..., None], -torch.inf, logits)
        elif kind == "no opener":
            logits[..., 100:] = torch.where(bad[..., None], -torch.inf, logits[..., 100:])
        out.logits = logits
        return out

    model.forward = forward
    return LanguageModel(model, TOKENIZER, prompt=PROMPT)


@pytest.mark.parametrize("handoff", ["word:p=0.5", "token:p=0.5", "word:solo"])
@pytest.mark.parametrize("kind", ["one +inf", "one nan", "all -inf", "no opener"])
def test_logits_that_are_not_numbers_fail_the_same_episodes_as_in_the_reference_loop(kind, handoff):
    agents = {"senior": spoilt(kind), "junior": random_agent("gpt2", "gpt2", seed=1)}
    assert_same(jobs_of(8, handoff), agents, rows=3, limit=30)


def test_two_models_on_the_same_weights_are_refused():
    base = random_model("llama", TOKENIZER, 1)
    plain = LanguageModel(base, TOKENIZER)
    adapted = LanguageModel(get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj"])), TOKENIZER)
    with pytest.raises(AgentError, match="junior: shares weights with senior"):
        TorchEngine({"senior": adapted, "junior": plain}, seed=1, limit=4)
    TorchEngine({"senior": plain, "junior": plain}, seed=1, limit=4)


@pytest.mark.parametrize("engine", [ReferenceEngine, TorchEngine])
def test_a_model_in_training_mode_does_not_play(engine):
    agent = LanguageModel(random_model("llama", TOKENIZER, 1), TOKENIZER)
    agents = {"senior": agent, "junior": embedded("junior")}
    if engine is TorchEngine:
        playing = engine(agents, seed=1, limit=4)
        agent.model.train()
        with pytest.raises(AgentError, match=r"senior: its model is in training mode; call model.eval\(\)"):
            list(playing.episodes(jobs_of(3)))
    else:
        agent.model.train()
        episodes = list(engine(agents, seed=1, limit=4).episodes(jobs_of(3)))
        assert any("training mode" in (e.error or "") for e in episodes)


def test_long_rope_ends_where_its_positions_turn_in_another_way():
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 8,
        "long_factor": [2.0 + n for n in range(8)],
        "original_max_position_embeddings": 64,
    }
    config = transformers.LlamaConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        rope_parameters=rope,
        bos_token_id=0,
        eos_token_id=TOKENIZER.eos_token_id,
    )
    torch.manual_seed(0)
    make: Any = transformers.LlamaForCausalLM
    agent = LanguageModel(make(config), TOKENIZER, prompt=PROMPT)
    assert agent.context == 64
    agents = {"senior": agent, "junior": random_agent("gpt2", "gpt2", seed=1)}
    assert "context" in {e.ended for e in assert_same(jobs_of(8), agents, rows=6, limit=60)}


def test_a_refused_model_stays_what_it_was():
    config = transformers.MistralConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=8,
        bos_token_id=0,
        eos_token_id=TOKENIZER.eos_token_id,
    )
    make: Any = transformers.MistralForCausalLM
    model = make(config)
    before = copy.deepcopy(model.config._attn_implementation)
    with pytest.raises(AgentError):
        probe(LanguageModel(model, TOKENIZER))
    assert model.config._attn_implementation == before
