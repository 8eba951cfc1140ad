"""Drift: KL divergences along solutions, exact for equal tokens, and an estimate for any."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.contract import Span
from agents.language_model import LanguageModel
from agents.vocabulary import Vocabulary
from analysis.drift import DriftError, Events, divergence, drift, log_ratio, summary
from analysis.reading import see
from analysis.scoring import Budget, read
from tests.models import embedded, random_agent
from tests.stored import alone, played, stored, written
from tests.toys import toy_agent

PIECES = [b"", b"", b"a", b"b", b" c", b"d"]


def toy(seed: int, ends: tuple[int, ...] = (1,), never: tuple[int, ...] = (0,)) -> LanguageModel:
    agent = toy_agent(PIECES, seed)
    agent.prompt_ids = lambda question: [0]  # type: ignore[method-assign]
    agent.vocabulary = Vocabulary(PIECES, ends, special_ids=never)
    return agent


def along(writer: LanguageModel, reader: LanguageModel) -> tuple[list[float], list[float], list[float]]:
    """KL and both masses along "a", " c", end."""
    span = written(writer, "ann", b"a", b" c", ended=True)
    episode = stored(span, ann=writer.vocabulary.digest)
    views = [[see(agent, "x", episode)] for agent in (writer, reader)]
    (found,) = drift(writer, reader, *views, budget=Budget(tokens=1))
    return found.kl.tolist(), found.only_writer.tolist(), found.only_reader.tolist()


def weights(agent: LanguageModel) -> list[np.ndarray]:
    table = agent.model.table.exp().numpy()
    return [table[0, 0], table[0, 2], table[2, 4]]  # after the prompt, after "a", after "a c"


def kl(p: np.ndarray, q: np.ndarray) -> float:
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def test_a_toy_by_hand() -> None:
    """Ids 2 to 5 and the end, which the reader has two ids for; nothing else is in either distribution."""
    writer, reader = toy(0, never=(0, 5)), toy(1, ends=(1, 5))
    expected = []
    for p, q in zip(weights(writer), weights(reader), strict=True):
        expected.append(kl(np.array([p[2], p[3], p[4], p[1]]), np.array([q[2], q[3], q[4], q[1] + q[5]])))
    found, only_writer, only_reader = along(writer, reader)
    assert found == pytest.approx(expected, abs=1e-12)
    assert only_writer == only_reader == [0, 0, 0]


def test_what_only_one_of_them_may_draw_stays_in_and_is_said() -> None:
    writer, reader = toy(0, never=(0, 3)), toy(1, never=(0, 5))
    events = Events.of(writer.vocabulary, reader.vocabulary)
    assert (events.tokens, events.only_writer, events.only_reader) == ((2, 3, 4, 5), (3,), (1,))
    found, only_writer, only_reader = along(writer, reader)
    pairs = list(zip(weights(writer), weights(reader), strict=True))
    assert found == pytest.approx([kl(p[1:], q[1:]) for p, q in pairs], abs=1e-12)
    assert only_writer == pytest.approx([p[5] / p[1:].sum() for p, _ in pairs], abs=1e-12)
    assert only_reader == pytest.approx([q[3] / q[1:].sum() for _, q in pairs], abs=1e-12)


def test_a_text_token_that_ends_a_solution_for_the_reader_is_infinitely_far() -> None:
    writer, reader = toy(0), toy(1, ends=(1, 5))
    found, _, _ = along(writer, reader)
    assert found == [np.inf] * 3
    back, _, _ = along(reader, writer)  # the writer never writes it: nothing is infinite
    assert np.isfinite(back).all()
    episode = stored(written(writer, "ann", b"a", ended=True), ann=writer.vocabulary.digest)
    views = [[see(agent, "x", episode)] for agent in (writer, reader)]
    readings = [read(agent, view, budget=Budget(tokens=1)) for agent, view in zip((writer, reader), views, strict=True)]
    figures = summary(drift(writer, reader, *views, budget=Budget(tokens=1)), *readings, seed=0)
    assert (figures["kl_per_token"], figures["kl_per_token_ci95"]) == (None, None)
    assert (figures["positions"], figures["infinite_positions"]) == (2, 2)


def test_divergence_is_that_of_torch() -> None:
    logits = torch.randn(2, 50, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p, q = logits.log_softmax(-1)
    expected = torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(-1)
    assert divergence(p, q).tolist() == pytest.approx(expected.tolist(), abs=1e-12)
    library = torch.distributions.kl_divergence(*(torch.distributions.Categorical(logits=x) for x in (p, q)))
    assert divergence(p, q).tolist() == pytest.approx(library.tolist(), abs=1e-12)
    never = torch.tensor([[0.0, -np.inf]], dtype=torch.float64)
    half = torch.tensor([[np.log(0.5), np.log(0.5)]], dtype=torch.float64)
    assert divergence(never, half).tolist() == pytest.approx([np.log(2)])
    assert divergence(half, never).tolist() == [np.inf]


@pytest.mark.parametrize("name", ["junior", "senior"])
def test_a_model_does_not_drift_from_itself(name: str) -> None:
    agent = embedded(name)
    seen = [see(agent, name, episode) for episode in alone(name, 10)]
    assert all((one.kl == 0).all() for one in drift(agent, agent, seen, seen))
    figures = summary(drift(agent, agent, seen, seen), read(agent, seen), read(agent, seen), seed=0)
    assert figures["kl_per_token"] == figures["log_ratio_per_character"] == 0
    assert figures["kl_per_token_ci95"] == [0, 0]


def test_drift_is_cross_entropy_less_entropy_and_nothing_below_zero() -> None:
    """Term by term by a plain forward of each model, over what both may draw (here they bar the same tokens)."""
    senior, junior = embedded("senior"), embedded("junior")
    episodes = alone("senior", 4)
    views = [[see(agent, "x", episode) for episode in episodes] for agent in (senior, junior)]
    found = drift(senior, junior, *views, budget=Budget(tokens=200, logits=490 * 50))
    kept = [i for i in range(490) if i not in senior.vocabulary.never]
    assert senior.vocabulary.never == junior.vocabulary.never
    for one, view in zip(found, views[0], strict=True):
        ids = torch.tensor([view.ids])
        with torch.inference_mode():
            p, q = (
                agent.model(input_ids=ids).logits[0, view.prompt - 1 :, kept].double().log_softmax(-1)
                for agent in (senior, junior)
            )
        expected = (p.exp() * p).sum(-1) - (p.exp() * q).sum(-1)
        assert one.kl.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
        assert (one.kl > -1e-6).all()


def test_each_model_has_its_own_prompt() -> None:
    one, two = random_agent("llama", "gpt2", seed=1), random_agent("qwen3", "gpt2", seed=2)
    told = LanguageModel(two.model, two.tokenizer, prompt="Quite another thing to be told. {question} ->")
    episodes = played({"one": one}, "word:solo", 3)
    views = [[see(agent, "x", episode) for episode in episodes] for agent in (one, told)]
    assert views[0][0].prompt != views[1][0].prompt
    readings = [read(agent, view) for agent, view in zip((one, told), views, strict=True)]
    found = drift(one, told, *views)
    apart = drift(one, told, *views, budget=Budget(tokens=1))
    for a, b, mine, theirs in zip(found, apart, *readings, strict=True):
        assert a.kl.tolist() == pytest.approx(b.kl.tolist(), abs=1e-4)
        assert len(a.kl) == len(mine.surprisal) == len(theirs.surprisal)


def test_the_sampled_estimate_agrees_with_the_exact_figure() -> None:
    """On the senior's own draws log ratio minus KL is a martingale difference, so sums per solution have mean 0.

    With the junior that knows the jargon, which is near enough for a mean of 120 solutions to say something.
    """
    senior, reader = embedded("senior"), embedded("junior-jargon")
    episodes = alone("senior", 120)
    views = [[see(agent, "x", episode) for episode in episodes] for agent in (senior, reader)]
    mine, theirs = (read(agent, view) for agent, view in zip((senior, reader), views, strict=True))
    exact = drift(senior, reader, *views)
    gaps = np.array([log_ratio(a, b) - one.kl.sum() for a, b, one in zip(mine, theirs, exact, strict=True)])
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    assert abs(gaps.mean()) < 1.96 * error
    assert np.mean([one.kl.sum() for one in exact]) > 5 * error
    figures = summary(exact, mine, theirs, seed=0)
    low, high = figures["kl_per_token_ci95"]
    assert low < figures["kl_per_token"] < high
    characters = sum(len(episode.text) for episode in episodes)
    ratios = sum(log_ratio(a, b) for a, b in zip(mine, theirs, strict=True))
    assert figures["log_ratio_per_character"] == pytest.approx(ratios / characters)


def test_other_tokenisers_have_a_log_ratio_and_no_divergence() -> None:
    writer, reader = random_agent("llama", "gpt2"), random_agent("gpt2", "sentencepiece", seed=1)
    episodes = played({"writer": writer}, "word:solo", 4)
    views = [[see(agent, "x", episode) for episode in episodes] for agent in (writer, reader)]
    with pytest.raises(DriftError, match="tokens are not equal"):
        drift(writer, reader, *views)
    mine, theirs = (read(agent, view) for agent, view in zip((writer, reader), views, strict=True))
    figures = summary(None, mine, theirs, seed=0)
    assert "kl_per_token" not in figures
    nats = sum(b.surprisal.sum() - a.surprisal.sum() for a, b in zip(mine, theirs, strict=True))
    assert figures["log_ratio_per_character"] == pytest.approx(nats / sum(len(e.text) for e in episodes))


def test_views_of_other_tokens_are_refused() -> None:
    agent = embedded("junior")
    spelt = stored(written(agent, "ann", b"S", b"h", b"e"), ann=agent.vocabulary.digest)
    with pytest.raises(DriftError, match="do not see the same tokens"):
        drift(agent, agent, [see(agent, "x", spelt)], [see(agent, "x", stored(Span("ann", "She")))])
