"""Draws for a batch: where few ids can be drawn the others are left out of the arithmetic, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from agents.distribution import NextEvent, Sampling
from agents.units import RULES
from agents.vocabulary import Vocabulary
from arena.episode import SpanRecord
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import load_task
from arena.torch_engine import drawing
from arena.torch_engine.drawing import Drawn, Tables, Wanted, draw
from arena.torch_engine.tandem import Tandem
from tests.models import embedded

ROWS = 240
CPU = torch.device("cpu")
SAMPLINGS = [Sampling(), Sampling(0.7, top_k=3), Sampling(1.3, top_p=0.6), Sampling(0.0)]


def vocabulary(ends: Sequence[int]) -> Vocabulary:
    """Of 40 ids, fewer than half can be drawn: words, spaces, line breaks, digits, and the ends."""
    pieces = [b""] * 40
    for place, piece in zip(range(1, 30, 2), (b" a", b"b", b" ", b"\n", b"7", b" 8", b".", b" c", b"d"), strict=False):
        pieces[place] = piece
    for end in ends:
        pieces[end] = b"</s>"
    return Vocabulary(pieces, ends, [31])


def drawn_of(tables: Tables, logits: torch.Tensor, sampling: Sampling, unit: str) -> Drawn:
    """Every kind of row: at its author's free draw, before a handoff, at an opening, with a spare."""
    turn = np.arange(len(logits))
    uniforms = np.random.default_rng(3).random(len(logits))
    lines = tables.first(RULES[unit]) + turn % len(RULES[unit].states)
    wanted = Wanted(lines, turn % 4 == 1, turn % 4 >= 2, turn % 4 == 3, uniforms, uniforms[::-1].copy())
    return draw(tables.events(tables.columns(logits), sampling), tables, wanted)


@pytest.mark.parametrize("ends", [(36,), (36, 30), (0, 38)])
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("unit", ["word", "spaced-token", "line"])
def test_ids_that_are_never_drawn_may_be_left_out(
    unit: str, sampling: Sampling, ends: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With columns for the drawable ids alone, the same tokens are drawn, with the same factors."""
    known = vocabulary(ends)
    logits = 2 * torch.randn(ROWS, len(known), generator=torch.Generator().manual_seed(7))
    some = Tables(known, CPU)
    monkeypatch.setattr(drawing, "_SPARSE", 0.0)
    every = Tables(known, CPU)
    assert some.columns(logits).shape[1] == len(known) - len(known.never) < every.columns(logits).shape[1] == 40
    padded = torch.cat([logits, torch.full((ROWS, 8), float("nan"))], dim=1)  # as vLLM pads a vocabulary
    for one in (drawn_of(some, logits, sampling, unit), drawn_of(some, padded, sampling, unit)):
        other = drawn_of(every, padded, sampling, unit)
        assert np.array_equal(one.tokens, other.tokens)
        assert np.array_equal(one.spares, other.spares)
        assert np.array_equal(one.over, other.over)
        assert one.over.any()
        for field in ("logprobs", "over_logprobs", "spare_logprobs"):
            assert np.allclose(getattr(one, field), getattr(other, field), atol=1e-6), field
        assert not np.isin(one.tokens, known.never).any()
        assert not one.broken.any()
        assert not other.broken.any()


def test_the_factor_of_a_unit_that_is_over_is_a_log_of_a_sum() -> None:
    """What `NextEvent.over` says, though it is computed otherwise."""
    known = vocabulary((36,))
    tables = Tables(known, CPU)
    logits = 9 * torch.randn(ROWS, len(known), generator=torch.Generator().manual_seed(1))
    drawn = drawn_of(tables, logits, Sampling(), "word")
    event = NextEvent.of(logits, known, Sampling())
    table = known.table("word")
    inside = torch.from_numpy(table.opens[np.arange(ROWS) % len(table.rule.states)])
    inside[:, known.end] = True
    expected = event.over(inside).numpy()
    assert drawn.over.sum() >= 20
    assert np.allclose(drawn.over_logprobs[drawn.over], expected[drawn.over], atol=1e-5)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("ends", [(36,), (30, 36), (0, 38), (3, 39)])
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_rows_whose_logits_are_not_numbers_are_told(
    sampling: Sampling, ends: tuple[int, ...], sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = vocabulary(ends)
    logits = torch.zeros(ROWS, len(known))
    logits[5] = float("nan")
    logits[9, 5] = float("inf")
    logits[11] = float("-inf")
    if not sparse:
        monkeypatch.setattr(drawing, "_SPARSE", 0.0)
    drawn = drawn_of(Tables(known, CPU), logits, sampling, "word")
    assert np.flatnonzero(drawn.broken).tolist() == [5, 9, 11]
    assert np.isnan(drawn.spare_logprobs[[11]]).all()
    assert np.isfinite(np.delete(drawn.spare_logprobs, [5, 9, 11])).all()


@pytest.mark.parametrize("handoff", ["word:p=0.5", "token:p=0.5", "line:alternate"])
def test_whole_episodes_are_the_same(handoff: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded pair can draw a quarter of its ids."""
    pair = {name: embedded(name) for name in ("senior", "junior")}
    problems = load_task("arithmetic").problems("test")
    jobs = [Job(problems[index], 0, parse(handoff), ("senior", "junior")) for index in range(24)]

    def spans() -> list[list[SpanRecord]]:
        episodes = Tandem(pair, seed=2, limit=80, rows=12).episodes(jobs)
        return [list(episode.spans) for episode in sorted(episodes, key=lambda episode: episode.id)]

    senior = pair["senior"].vocabulary
    assert len(senior.never) > len(senior) / 2
    some = spans()
    monkeypatch.setattr(drawing, "_SPARSE", 0.0)
    for ours, theirs in zip(some, spans(), strict=True):
        assert [(span.author, span.token_ids) for span in ours] == [(span.author, span.token_ids) for span in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert np.allclose(one.logprobs or (), other.logprobs or (), atol=1e-5)
            assert (one.end_logprob is None) == (other.end_logprob is None)
            assert one.end_logprob == pytest.approx(other.end_logprob, abs=1e-5)
