"""Promises 1 and 2 of the design on real models: the embedded pair, and random models that share nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from agents.contract import Agent, View
from agents.language_model import LanguageModel
from agents.registry import EMBEDDED
from agents.rescoring import rescore
from agents.scripted import Reciting
from agents.units import RULES
from arena.engines import ReferenceEngine
from arena.episode import Episode, spans_of
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.tasks import Problem
from arena.tasks.arithmetic import Arithmetic
from tests.models import embedded, random_agent

PROBLEMS = Arithmetic().problems("test")[:6]
HANDOFFS = ["p=0.5", "alternate", "script=senior,junior,junior,senior", "solo=junior"]


def played(
    agents: Mapping[str, Agent], handoff: str, problem: Problem, seed: int = 5, sample: int = 0, limit: int = 160
) -> Episode:
    job = Job(problem, sample, parse(handoff).check(list(agents)), tuple(agents))
    (episode,) = ReferenceEngine(agents, seed=seed, limit=limit).episodes([job])
    assert problems_of(episode) == []
    return episode


def tokens(episode: Episode) -> list[int]:
    return [token for span in episode.spans for token in span.token_ids or ()]


@pytest.mark.parametrize("unit", RULES)
def test_p_1_is_the_first_alone_and_p_0_the_second(unit: str) -> None:
    """Promise 1, sampled: token for token, whatever the unit."""
    agents: dict[str, Agent] = {"senior": embedded("senior"), "junior": embedded("junior")}
    for problem in PROBLEMS[:3]:
        for p, name in ((1, "senior"), (0, "junior")):
            team = played(agents, f"{unit}:p={p}", problem)
            solo = played({name: agents[name]}, "word:solo", problem)
            assert tokens(team) == tokens(solo)
            assert team.text == solo.text


def test_solo_greedy_equals_transformers() -> None:
    """The senior alone at temperature 0 writes what ``generate`` writes."""
    agent = embedded("senior", 0.0)
    for problem in PROBLEMS:
        ids = torch.tensor([agent.prompt_ids(problem.question)])
        made = agent.model.generate(ids, do_sample=False, max_new_tokens=160, pad_token_id=2)[0, ids.shape[1] :]
        assert tokens(played({"senior": agent}, "word:solo", problem)) == made.tolist()


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("schedule", ["p=0.5", "alternate", "script=senior,twin,twin,senior", "curriculum=0.2..0.8@9"])
def test_greedy_twins_equal_one(unit: str, schedule: str) -> None:
    """Promise 1: identical models under greedy decoding equal either alone, for every unit and schedule."""
    agent = embedded("senior", 0.0)
    for problem in PROBLEMS[:2]:
        alone = played({"senior": agent}, "word:solo", problem)
        team = played({"senior": agent, "twin": agent}, f"{unit}:{schedule}", problem)
        assert tokens(team) == tokens(alone)


def assert_factors(agents: Mapping[str, Agent], episode: Episode) -> int:
    """Promise 2 from the stored episode alone; returns how many factors were compared."""
    vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if isinstance(a, LanguageModel)}
    spans, rule, compared = spans_of(episode, vocabularies), parse(episode.policy).rule, 0
    for name, agent in agents.items():
        if not isinstance(agent, LanguageModel):
            continue
        with torch.no_grad():
            again = rescore(
                agent, View(episode.question, name), rule, spans, episode.prefix_spans or 0, episode.views[name]
            )
        for found in again:
            record = episode.spans[found.span]
            assert found.logprobs.tolist() == pytest.approx(record.logprobs, abs=1e-4)
            compared += len(found.logprobs)
            if record.end_logprob is not None:
                assert found.end_logprob is not None
                assert float(found.end_logprob) == pytest.approx(record.end_logprob, abs=1e-4)
                compared += 1
    return compared


@pytest.mark.parametrize("unit", RULES)
def test_factors_of_the_embedded_pair(unit: str) -> None:
    agents: dict[str, Agent] = {"senior": embedded("senior"), "junior": embedded("junior")}
    assert sum(assert_factors(agents, played(agents, f"{unit}:p=0.5", problem)) for problem in PROBLEMS[:3]) > 50


@pytest.mark.parametrize("sampling", [(0.7, 0, 1.0), (1.3, 5, 1.0), (1.0, 0, 0.8), (0.9, 20, 0.9)])
def test_factors_under_temperature_and_truncation(sampling: tuple[float, int, float]) -> None:
    agents: dict[str, Agent] = {"senior": embedded("senior", *sampling), "junior": embedded("junior", *sampling)}
    assert sum(assert_factors(agents, played(agents, "word:p=0.5", problem)) for problem in PROBLEMS[:3]) > 50


KINDS = [("llama", "gpt2"), ("qwen3", "sentencepiece"), ("gpt2", "wordpiece")]


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (0, 2), (2, 1)])
def test_models_that_share_nothing(unit: str, first: int, second: int) -> None:
    """Other architecture, other tokeniser: authored, legal, and every factor is its author's over its own view."""
    agents: dict[str, Agent] = {"a": random_agent(*KINDS[first], seed=1), "b": random_agent(*KINDS[second], seed=2)}
    for sample in range(2):
        episode = played(agents, f"{unit}:p=0.5", PROBLEMS[0], sample=sample, limit=40)
        assert len(episode.spans) >= 1
        assert_factors(agents, episode)


def test_a_scripted_third_author() -> None:
    agents: dict[str, Agent] = {
        "senior": embedded("senior"),
        "junior": embedded("junior"),
        "bot": Reciting(" well, let me see:"),
    }
    wrote: set[str] = set()
    for problem in PROBLEMS:
        episode = played(agents, "word:p=0.45,0.45,0.1", problem)
        assert_factors(agents, episode)
        wrote |= {span.author for span in episode.spans}
        for span in episode.spans:
            if span.author == "bot":
                assert span.token_ids is None
    assert wrote == set(agents)


def test_a_prefix_is_frozen_and_continued() -> None:
    """Once at a fraction: the senior's own solution up to there, then the junior, whose first token opens a unit."""
    from arena.plan import begun

    agents: dict[str, Agent] = {"senior": embedded("senior"), "junior": embedded("junior")}
    vocabularies = {embedded("senior").vocabulary.digest: embedded("senior").vocabulary}
    for problem in PROBLEMS:
        parent = played({"senior": agents["senior"]}, "word:solo", problem)
        job = begun(Job(problem, 0, parse("word:once=0.5"), tuple(agents)), parent, 0.5, vocabularies)
        (episode,) = ReferenceEngine(agents, seed=5, limit=160).episodes([job])
        assert problems_of(episode) == []
        first, *rest = episode.spans
        assert first.author == "senior"
        assert first.token_ids == parent.spans[0].token_ids[: len(first.token_ids)]  # type: ignore[index,arg-type]
        assert first.logprobs is None
        assert {span.author for span in rest} <= {"junior"}
        assert_factors(agents, episode)


def test_the_embedded_models_load_from_safetensors_only() -> None:
    for name in ("senior", "junior"):
        files = {path.suffix for path in (EMBEDDED / name).iterdir()}
        assert files <= {".json", ".safetensors", ".md"}
