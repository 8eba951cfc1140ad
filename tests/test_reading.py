"""What a reader sees of stored solutions, and its surprisal and entropy at every token."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from agents.contract import AgentError, Span, View
from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import EMBEDDED
from agents.rescoring import training_view
from agents.vocabulary import Vocabulary
from analysis.readers import seen_by
from analysis.reading import NOWHERE, see
from analysis.scoring import Budget, read
from arena.episode import spans_of
from arena.policy import parse
from tests.models import embedded, random_agent
from tests.stored import alone, played, stored, written
from tests.strangers import table
from tests.toys import toy_agent

ONE = Budget(tokens=1)
"""One solution at a time: toy models know no batches."""
PIECES = [b"", b"", b"a", b"b", b" c", b"\xc3", b"\xa9"]
ASKED = "How many?"


def naive(agent: LanguageModel, ids: list[int], prompt: int) -> list[float]:
    """-log p of each id behind the prompt, by one plain forward of the model alone."""
    with torch.inference_mode():
        logits = agent.model(input_ids=torch.tensor([ids])).logits[0].float()
    losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    return losses[prompt - 1 :].tolist()


def toy() -> LanguageModel:
    agent = toy_agent(PIECES, seed=0)
    agent.prompt_ids = lambda question: [0]  # type: ignore[method-assign]
    return agent


def test_surprisal_and_entropy_of_a_toy_by_hand() -> None:
    """Softmax over what may be drawn: id 0 is never, ids 1 and 6 are the end, one event."""
    agent = toy()
    agent.vocabulary = Vocabulary(PIECES, (1, 6), special_ids=[0])
    span = written(agent, "ann", b"a", b" c", ended=True)
    (reading,) = read(agent, [see(agent, "toy", stored(span, ann=agent.vocabulary.digest))], budget=ONE)
    model = agent.model.table
    before = [model[0, 0], model[0, 2], model[2, 4]]  # logits after the prompt, after "a", after "a c"
    surprisal, entropy, drawable = [], [], []
    for logits, token in zip(before, (2, 4, None), strict=True):
        weight = np.exp(logits.numpy())
        total = weight[1:].sum()
        events = [*weight[2:6] / total, (weight[1] + weight[6]) / total]
        surprisal.append(-np.log(events[-1] if token is None else weight[token] / total))
        entropy.append(-sum(p * np.log(p) for p in events))
        drawable.append(np.log(total / weight.sum()))
    assert reading.surprisal.tolist() == pytest.approx(surprisal, abs=1e-9)
    assert reading.entropy.tolist() == pytest.approx(entropy, abs=1e-9)
    assert reading.log_drawable.tolist() == pytest.approx(drawable, abs=1e-9)
    assert reading.end_nats == pytest.approx(surprisal[-1])
    assert reading.nats.tolist() == pytest.approx(surprisal[:2])
    assert not reading.barred.any()


def test_a_token_that_the_reader_never_draws_has_the_surprisal_of_all_ids() -> None:
    agent, barring = toy(), toy()
    barring.vocabulary = Vocabulary(PIECES, (1, 4), special_ids=[0, 2])
    span = written(agent, "ann", b"a", b"b", b" c")  # never drawn; drawn; an end to the reader
    (reading,) = read(barring, [see(barring, "toy", stored(span, ann=agent.vocabulary.digest))], budget=ONE)
    assert reading.barred.tolist() == [True, False, True]
    logits = [agent.model.table[0, 0], agent.model.table[0, 2], agent.model.table[2, 3]]
    plain = [float(-one.log_softmax(0)[token]) for one, token in zip(logits, (2, 3, 4), strict=True)]
    assert reading.unmasked.tolist() == pytest.approx(plain, abs=1e-9)
    assert reading.surprisal[[0, 2]].tolist() == pytest.approx([plain[0], plain[2]], abs=1e-9)
    assert reading.surprisal[1] < plain[1]


@pytest.mark.parametrize("kind", ["gpt2", "sentencepiece", "wordpiece"])
def test_surprisal_is_that_of_a_plain_forward(kind: str) -> None:
    writer, reader = random_agent("llama", "gpt2"), random_agent("qwen3", kind, seed=1)
    episodes = played({"writer": writer}, "word:solo", 6)
    seen = [see(reader, "reader", episode) for episode in episodes]
    for text, reading in zip(seen, read(reader, seen), strict=True):
        prompt = reader.prompt_ids(text.episode.question)
        ids = text.tokens if kind == "gpt2" else reader.encode(text.episode.text)[0]
        expected = naive(reader, [*prompt, *ids], len(prompt))
        assert text.tokens == ids
        assert reading.unmasked[: len(ids)].tolist() == pytest.approx(expected, abs=1e-5)
    assert sum(len(text.tokens) for text in seen) > 100


def test_the_mean_is_the_loss_that_transformers_gives() -> None:
    junior = embedded("junior")
    seen = [see(junior, "junior", episode) for episode in alone("senior", 8)]
    for text, reading in zip(seen, read(junior, seen), strict=True):
        ids = torch.tensor([[*text.ids, junior.vocabulary.end]])
        labels = ids.clone()
        labels[:, : text.prompt] = -100
        with torch.inference_mode():
            loss = junior.model(input_ids=ids, labels=labels).loss
        assert reading.unmasked.mean() == pytest.approx(float(loss), abs=1e-5)


def test_reading_ones_own_draws_again_gives_what_was_recorded() -> None:
    junior = embedded("junior")
    seen = [see(junior, "anything", episode) for episode in alone("junior", 20)]
    for reading in read(junior, seen):
        (span,) = reading.text.episode.spans
        assert span.logprobs is not None
        assert (-reading.surprisal).tolist() == pytest.approx(span.logprobs, abs=1e-5)


def test_mean_surprisal_of_ones_own_draws_is_the_mean_entropy() -> None:
    """Differences along a solution are a martingale, so their sums per solution are independent with mean 0."""
    junior = embedded("junior")
    readings = read(junior, [see(junior, "junior", episode) for episode in alone("junior", 300)])
    gaps = np.array([float((one.surprisal - one.entropy).sum()) for one in readings])
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    assert np.mean([one.surprisal.sum() for one in readings]) > 20 * error  # the interval says something
    assert abs(gaps.mean()) < 1.96 * error


def test_temperature_and_truncation_of_the_readers_table_do_not_matter() -> None:
    episodes = alone("senior", 4)
    plain, other = embedded("junior"), embedded("junior", 0.3, 2, 0.5)
    one, two = (read(agent, [see(agent, "r", episode) for episode in episodes]) for agent in (plain, other))
    for a, b in zip(one, two, strict=True):
        assert a.surprisal.tolist() == b.surprisal.tolist()


@pytest.mark.parametrize("double", [True, False], ids=["fp64", "fp32"])
def test_the_batch_changes_nothing(double: bool) -> None:
    """In fp64, where roundings cannot hide a mistake; in fp32 a token by less than 1e-4 (HANDOFF.md, section 6)."""
    junior = load_language_model(str(EMBEDDED / "junior")) if double else embedded("junior")
    if double:
        junior.model.double()
    seen = [see(junior, "junior", episode) for episode in alone("senior", 12)]
    told: list[int] = []
    whole = read(junior, seen, advance=told.append)
    assert sum(told) == sum(text.targets for text in seen)
    for budget in (ONE, Budget(tokens=400), Budget(logits=490 * 7), Budget(tokens=500, logits=490 * 40)):
        for a, b in zip(whole, read(junior, seen[::-1], budget=budget)[::-1], strict=True):
            assert float(a.nats.mean()) == pytest.approx(float(b.nats.mean()), abs=1e-5)
            for name in ("surprisal", "entropy", "log_drawable"):
                assert np.abs(getattr(a, name) - getattr(b, name)).max() < (1e-9 if double else 1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "sentencepiece"])
def test_every_token_is_placed_in_the_text(kind: str) -> None:
    """Also where characters are split over tokens, or are no characters at all."""
    reader = random_agent("llama", kind, seed=3)
    own = random_agent("llama", "gpt2", seed=1)
    half = next(i for i, piece in enumerate(own.vocabulary.pieces) if piece == b"\xe4")
    broken = Span("b", "", (half, half), (b"\xe4", b"\xe4"), (-1.0, -1.0), None, False, own.vocabulary.digest)
    episodes = [
        stored(Span("ann", "Café 蘋果 😀👍🏽 naïve\n"), Span("bob", "日本 — ok"), Span("cy", "x", ended=True)),
        stored(Span("ann", " ß"), broken, b=own.vocabulary.digest),
        *played({"own": own}, "word:solo", 5),
    ]
    split = 0
    for episode in episodes:
        seen = see(reader, "reader", episode)
        assert not seen.inexact
        pieces = [episode.text[a:b] for a, b in zip(seen.starts, seen.stops, strict=True)]
        assert "".join(pieces) == episode.text
        for span, start, partial in zip(seen.spans, seen.starts, seen.partial, strict=True):
            assert episode.spans[span].start <= start <= episode.spans[span].end
            split += partial
    assert split > 10


def test_a_view_is_the_one_that_training_rebuilds() -> None:
    """Over random tables: any tokenisers, prefixes cut inside of characters, other ends, empty questions."""
    compared = 0
    for seed in range(15):
        agents, _, _, episodes = table(seed)
        for episode in episodes.values():
            spans = spans_of(episode, {agent.vocabulary.digest: agent.vocabulary for agent in agents.values()})
            for name in episode.authors:
                if episode.error:
                    continue
                view = View(episode.question, name, tuple(other for other in episode.authors if other != name))
                rule = parse(episode.policy).rule
                seen = see(agents[name], name, episode)
                rebuilt = training_view(agents[name], view, rule, spans, others=True)
                assert seen.ids[: len(rebuilt.ids)] == rebuilt.ids
                assert len(seen.ids) - len(rebuilt.ids) <= 1 or not rebuilt.ids
                compared += len(rebuilt.ids) > 0
    assert compared > 60


def test_a_prefix_is_read_and_marked() -> None:
    agent = embedded("junior")
    first, second = Span("ann", "She has 3"), Span("ann", "5 boxes.")
    seen = see(agent, "junior", stored(first, second, prefix=1))
    (reading,) = read(agent, [seen])
    # Both are read in one go; what begins in the prefix is of the prefix.
    inside = [start < len(first.text) for start in seen.starts]
    assert seen.prefix == inside
    assert 0 < sum(inside) < len(inside)
    assert reading.nats.tolist() == reading.surprisal[~np.array(inside)].tolist()
    assert np.isfinite(reading.surprisal).all()
    (whole,) = read(agent, [see(agent, "junior", stored(first, second))])
    assert whole.surprisal.tolist() == reading.surprisal.tolist()


def test_empty_solutions() -> None:
    agent = embedded("junior")
    nothing = stored(Span("ann", ""))
    only_end = stored(written(agent, "ann", ended=True), ann=agent.vocabulary.digest)
    cut, ended = read(agent, [see(agent, "j", nothing), see(agent, "j", only_end)])
    assert (len(cut.surprisal), cut.end_nats, len(cut.nats)) == (0, None, 0)
    assert (len(ended.surprisal), len(ended.nats)) == (1, 0)
    assert ended.end_nats == pytest.approx(float(ended.surprisal[0]))
    assert read(agent, []) == []


def test_a_solution_that_the_reader_cannot_spell_is_counted_and_placed_as_far_as_can_be() -> None:
    reader = random_agent("gpt2", "wordpiece")
    seen = see(reader, "reader", stored(Span("ann", "Then  she\nhas"), Span("bob", " 29 😀")))
    assert seen.inexact == 1
    assert len(seen.starts) == len(seen.tokens) > 3
    assert NOWHERE not in seen.starts
    assert seen.episode.text[seen.starts[0] : seen.stops[0]].strip() in ("Then", "T")
    assert seen.spans[-1] == 1
    (reading,) = read(reader, [seen])
    assert np.isfinite(reading.surprisal).all()


def test_nothing_is_read_by_a_model_in_training_or_without_numbers() -> None:
    agent = random_agent("llama", "gpt2", seed=9)
    seen = [see(agent, "r", stored(Span("ann", "Two.")))]
    agent.model.train()
    try:
        with pytest.raises(ValueError, match="training mode"):
            read(agent, seen)
    finally:
        agent.model.eval()
    broken = toy()
    broken.model.table = broken.model.table * float("nan")
    with pytest.raises(AgentError, match="not numbers"):
        read(broken, [see(broken, "r", stored(Span("ann", "a")))], budget=ONE)


def test_tokens_pass_straight_through_and_text_is_encoded() -> None:
    agent = embedded("junior")
    spelt = written(agent, "ann", b"S", b"h", b"e")
    passed = see(agent, "j", stored(spelt, ann=agent.vocabulary.digest))
    encoded = see(agent, "j", stored(Span("ann", "She")))
    assert passed.tokens == list(spelt.token_ids or ())
    assert encoded.tokens == agent.encode("She")[0] != passed.tokens
    assert passed.ids[: passed.prompt] == encoded.ids[: encoded.prompt] == agent.prompt_ids(ASKED)


def test_what_is_left_out_is_counted_by_reason() -> None:
    agent = load_language_model(str(EMBEDDED / "junior"))
    seen = see(agent, "j", alone("junior", 2)[1])
    agent.context = seen.fed  # it fits exactly
    failed = dataclasses.replace(stored(Span("ann", "x"), problem="failed"), ended="error", error="ann: x", digest="")
    long = stored(Span("ann", "x" * seen.fed), problem="long")
    found, left_out = seen_by(agent, "j", [seen.episode, failed, long])
    assert list(found) == [seen.episode.id]
    assert left_out == {"failed": 1, "too long for its context": 1}
    (reading,) = read(agent, list(found.values()))
    assert len(reading.surprisal) == seen.targets
    random = random_agent("llama", "gpt2")
    quiet = LanguageModel(random.model, random.tokenizer, prompt="{question}")
    empty = dataclasses.replace(stored(Span("ann", "x")), question="", digest="")
    assert seen_by(quiet, "j", [empty])[1] == {"not askable": 1}
