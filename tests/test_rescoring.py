"""Factors again, many episodes at a time, and those of others as this author would have made them."""

from __future__ import annotations

import pytest
import torch

from agents.contract import View
from agents.language_model import LanguageModel
from agents.rescoring import OVER, TrainingView, logprobs, training_view
from arena.engines import ReferenceEngine
from arena.episode import Episode, spans_of
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import load_task
from tests.models import embedded, random_agent

PAIR = {"senior": embedded("senior"), "junior": embedded("junior")}
OTHER = {"senior": random_agent("llama", "gpt2"), "junior": random_agent("gpt2", "sentencepiece", seed=1)}
PROBLEMS = load_task("arithmetic").problems("test")


def played(agents: dict[str, LanguageModel], handoff: str, count: int = 6) -> list[Episode]:
    jobs = [Job(PROBLEMS[n], 0, parse(handoff), ("senior", "junior")) for n in range(count)]
    return list(ReferenceEngine(agents, seed=2, limit=60).episodes(jobs))


def seen(agents: dict[str, LanguageModel], episode: Episode, others: bool) -> TrainingView:
    vocabularies = {agent.vocabulary.digest: agent.vocabulary for agent in agents.values()}
    spans = spans_of(episode, vocabularies)
    view = View(episode.question, "senior", ("junior",))
    return training_view(agents["senior"], view, parse(episode.policy).rule, spans, others=others)


@pytest.mark.parametrize("unit", ["word", "token", "spaced-token", "line"])
@pytest.mark.parametrize("agents", [PAIR, OTHER], ids=["equal", "different"])
def test_a_batch_gives_what_was_recorded(agents: dict[str, LanguageModel], unit: str) -> None:
    episodes = played(agents, f"{unit}:p=0.5")
    views = [seen(agents, episode, others=False) for episode in episodes]
    recorded: list[float] = []
    for episode in episodes:
        for span in episode.spans:
            if span.author == "senior":
                recorded += span.logprobs or ()
                recorded += [] if span.end_logprob is None else [span.end_logprob]
    with torch.inference_mode():
        found = logprobs(agents["senior"], parse(unit).rule, views)
    assert len(recorded) > 40
    assert found.tolist() == pytest.approx(recorded, abs=1e-4)


@pytest.mark.parametrize("unit", ["word", "token", "spaced-token", "line"])
@pytest.mark.parametrize("agents", [PAIR, OTHER], ids=["equal", "different"])
def test_all_factors_together_are_the_likelihood_of_the_text(agents: dict[str, LanguageModel], unit: str) -> None:
    """At j = 1 the weights leave the senior's log-likelihood of the whole solution: paper 1's main loss."""
    senior, rule, compared = agents["senior"], parse(unit).rule, 0
    for episode in played(agents, f"{unit}:p=0.5"):
        view = seen(agents, episode, others=True)
        with torch.inference_mode():
            total = float(logprobs(senior, rule, [view]).sum())
            tokens = [factor for factor in view.factors if factor.token != OVER]
            plain = [factor._replace(opening=False) for factor in tokens]
            likelihood = float(logprobs(senior, rule, [TrainingView(view.ids, plain)]).sum())
        assert [factor.place for factor in tokens] == list(range(tokens[0].place, tokens[0].place + len(tokens)))
        decided = {factor.place for factor in view.factors if factor.token == OVER}
        if decided != {factor.place for factor in tokens if factor.opening}:
            continue  # read in other tokens, a text may begin with one that opens no unit
        compared += 1
        assert total == pytest.approx(likelihood, abs=1e-3)
    assert compared
