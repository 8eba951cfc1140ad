"""The event distribution: ends lumped, specials never drawn, truncation, openings, inverse-CDF draws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.distribution import NextEvent, Sampling, event_logprobs, truncated
from agents.vocabulary import TokeniserError, Vocabulary

PIECES = [b"", b"", b"a", b" b", b".", b"", b" c"]
VOCABULARY = Vocabulary(PIECES, end_ids=[1, 5], special_ids=[0])
LOGITS = torch.tensor([9.0, 0.0, 1.0, 2.0, 0.5, 1.0, -1.0])


def test_ends_are_one_event_and_specials_are_never_drawn() -> None:
    p = event_logprobs(LOGITS, VOCABULARY, 0.7).exp()
    assert p[0] == 0
    assert p[5] == 0
    assert float(p.sum()) == pytest.approx(1, abs=1e-6)
    weights = torch.exp(LOGITS / 0.7)
    total = weights[[1, 2, 3, 4, 5, 6]].sum()
    assert float(p[1]) == pytest.approx(float((weights[1] + weights[5]) / total), abs=1e-6)


def test_an_end_is_needed() -> None:
    with pytest.raises(TokeniserError, match="end-of-text"):
        Vocabulary(PIECES, end_ids=[])


def test_top_k_counts_events() -> None:
    """The two ends together are one of the k."""
    p = truncated(event_logprobs(torch.tensor([0, 2.0, 2.1, 0, 0, 2.0, 0]), VOCABULARY, 1.0), Sampling(top_k=1)).exp()
    assert p.tolist() == [0, 1, 0, 0, 0, 0, 0]


def test_top_p_keeps_the_smallest_set() -> None:
    logits = torch.log(torch.tensor([1e-9, 0.1, 0.4, 0.3, 0.15, 1e-30, 0.05]))
    p = truncated(event_logprobs(logits, VOCABULARY, 1.0), Sampling(top_p=0.7)).exp()
    assert p.nonzero().flatten().tolist() == [2, 3]
    p = truncated(event_logprobs(logits, VOCABULARY, 1.0), Sampling(top_p=0.71)).exp()
    assert p.nonzero().flatten().tolist() == [2, 3, 4]


def test_opening_falls_back_to_the_untruncated() -> None:
    """HANDOFF.md, section 3: if truncation leaves nothing in W or E, the distribution before it is used."""
    boundary = torch.tensor([False, True, False, False, False, False, True])
    event = NextEvent.of(LOGITS, VOCABULARY, Sampling(top_k=1))
    assert float(event.over(boundary)) == -math.inf
    opening = event.opening(boundary).drawn.exp()
    full = event.full.exp()
    assert float(opening[6]) == pytest.approx(float(full[6] / (full[1] + full[6])), abs=1e-6)


def test_greedy_records_at_temperature_1() -> None:
    event = NextEvent.of(LOGITS, VOCABULARY, Sampling(temperature=0))
    assert int(event.draw(0.99)) == 3
    assert torch.equal(event.drawn, event_logprobs(LOGITS, VOCABULARY, 1.0))


@given(
    st.lists(st.floats(-30, 30), min_size=7, max_size=7),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0.3, 1.0, 2.0]),
    st.integers(0, 4),
    st.floats(0.05, 1),
)
@settings(deadline=None)
def test_what_cannot_be_is_never_drawn(logits: list[float], u: float, temperature: float, k: int, p: float) -> None:
    event = NextEvent.of(torch.tensor(logits), VOCABULARY, Sampling(temperature, k, p))
    boundary = torch.tensor([False, True, False, True, False, False, True])
    for one in (event, event.opening(boundary)):
        assert float(one.drawn.exp().sum()) == pytest.approx(1, abs=1e-5)
        assert float(one.drawn[one.draw(u)]) > -math.inf
    assert boundary[event.opening(boundary).draw(u)]
    batch = NextEvent.of(torch.tensor([logits, logits]), VOCABULARY, Sampling(temperature, k, p))
    assert batch.draw(torch.tensor([u, u], dtype=torch.float64)).tolist() == [int(event.draw(u))] * 2


def test_draws_follow_the_distribution() -> None:
    event = NextEvent.of(LOGITS, VOCABULARY, Sampling())
    uniforms = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    drawn = torch.stack([event.draw(float(u)) for u in uniforms])
    counts = torch.bincount(drawn, minlength=7) / 10_000
    assert torch.allclose(counts, event.drawn.exp(), atol=2e-4)


@pytest.mark.parametrize("bad", [{"temperature": -1.0}, {"top_k": -2}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_bad_sampling_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Sampling(**bad)  # type: ignore[arg-type]
