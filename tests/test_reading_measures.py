"""Legibility, and two sets of solutions compared where they are alike."""

from __future__ import annotations

import dataclasses
import math
import zlib
from functools import lru_cache

import numpy as np
import pytest

from agents.contract import Span
from analysis.legibility import Legibility, by_author, compression, first_tokens, legibility, repeated_ngrams, summary
from analysis.matching import LENGTH, REPETITION, matched, nats_of, shared_length
from analysis.reading import Reading, see
from analysis.resampling import interval, ratio_interval
from analysis.scoring import read
from tests.models import embedded
from tests.stored import alone, stored


def reading(nats: list[float], problem: str = "p/0", sample: int = 0, *, ended: bool = False) -> Reading:
    """A reading with these surprisals, as if it had been read."""
    agent = embedded("junior")
    text = "S" * len(nats)
    spans = [Span("ann", text, ended=ended)]
    seen = see(agent, "j", stored(*spans, problem=problem, sample=sample, condition="solo:ann"))
    own = agent.vocabulary.pieces.index(b"S")
    places = list(range(len(nats)))
    seen = dataclasses.replace(
        seen,
        ids=[*seen.ids[: seen.prompt], *[own] * len(nats)],
        starts=places,
        stops=[place + 1 for place in places],
        spans=[0] * len(nats),
        prefix=[False] * len(nats),
        partial=[False] * len(nats),
    )
    values = np.array(nats)
    return Reading(seen, values, values / 2, values * 0 - 0.25, values < 0)


@lru_cache(maxsize=1)
def a_row() -> Legibility:
    return legibility(reading([1.0] * 4), "j")


def row(problem: str, nats: float, tokens: int = 10, repeated: float | None = 0.0) -> Legibility:
    return dataclasses.replace(
        a_row(), problem_id=problem, nats_per_token=nats, tokens=tokens, repeated_ngrams=repeated
    )


def test_repetition_by_hand() -> None:
    # abcd bcda cdab dabc abcd: five 4-grams, four different ones
    assert repeated_ngrams([1, 2, 3, 4, 1, 2, 3, 4]) == pytest.approx(1 / 5)
    assert repeated_ngrams([1] * 10) == pytest.approx(6 / 7)
    assert repeated_ngrams([1, 2, 3]) is None
    assert repeated_ngrams([1, 2, 1, 2], n=2) == pytest.approx(1 / 3)
    assert compression("") is None
    assert compression("ab" * 500) == len(zlib.compress(b"ab" * 500, 9)) / 1000
    assert compression("é") == len(zlib.compress("é".encode(), 9)) / 2


def test_a_solution_by_hand() -> None:
    found = legibility(reading([1.0, 2.0, 6.0]), "j")
    assert (found.tokens, found.characters, found.words) == (3, 3, 1)
    assert (found.nats, found.nats_per_token, found.nats_per_character) == (9.0, 3.0, 3.0)
    assert found.unmasked_nats_per_token == pytest.approx(3.25)
    assert found.entropy_per_token == pytest.approx(1.5)
    assert (found.end_nats, found.repeated_ngrams, found.verdict) == (None, None, None)
    empty = legibility(reading([]), "j")
    assert (empty.tokens, empty.nats, empty.nats_per_token, empty.compression) == (0, 0.0, None, None)


def test_a_prefix_and_the_end_are_in_no_figure() -> None:
    agent = embedded("junior")
    first, second = Span("ann", "She has "), Span("ann", "35 boxes.", ended=True)
    (whole,) = read(agent, [see(agent, "j", stored(first, second, prefix=1))])
    found = legibility(whole, "j")
    assert found.characters == len("35 boxes.")
    assert found.words == 2
    assert found.tokens == sum(start >= 8 for start in whole.text.starts) < len(whole.text.tokens)
    assert found.nats == pytest.approx(float(whole.nats.sum()))


def test_a_set_by_hand() -> None:
    readings = [reading([1.0, 3.0], "a"), reading([2.0, 2.0, 2.0, 6.0], "b"), reading([], "c")]
    found = summary(readings, "j", seed=0)
    assert (found["solutions"], found["problems"], found["empty"], found["tokens"]) == (3, 3, 1, 6)
    assert found["nats_per_token"] == pytest.approx(16 / 6)
    assert found["nats_per_token_of_solutions"] == pytest.approx((2 + 3) / 2)
    assert found["nats_per_character"] == pytest.approx(16 / 6)
    assert found["unmasked_nats_per_token"] == pytest.approx(16 / 6 + 0.25)
    assert found["tokens_per_solution"] == pytest.approx(2)
    # Two problems with tokens: drawn again, the mean is 2, 2.5 or 3.
    assert found["nats_per_token_of_solutions_ci95"] == [2.0, 3.0]
    assert found["first_tokens"] == []
    assert first_tokens(readings, 2) == (2.0, 2)
    assert first_tokens(readings, 4) == (3.0, 1)
    assert first_tokens(readings, 5) == (None, 0)
    nothing = summary([], "j", seed=0)
    assert (nothing["solutions"], nothing["nats_per_token"], nothing["nats_per_token_ci95"]) == (0, None, None)


def test_matching_by_hand() -> None:
    """Two strata by length: short (a 1 and 3, b 6) and long (a 2, b 7, 8, 9); the very long ones of b have no match."""
    a = [row("p", 1.0, 5), row("q", 3.0, 6), row("r", 2.0, 20)]
    b = [row("p", 6.0, 5), *(row("q", nats, 21) for nats in (7.0, 8.0, 9.0)), row("r", 100.0, 90)]
    found = matched(a, b, LENGTH, seed=1, edges={"tokens": [10, 50]})
    assert (found.a, found.b, found.matched_a, found.matched_b, found.left_out) == (3, 5, 3, 4, 0)
    # (1 * (6 - 2) + 3 * (8 - 2)) / 4
    assert found.difference == pytest.approx(5.5)
    assert found.unmatched_difference == pytest.approx(130 / 5 - 2)
    assert [(one.a, one.b) for one in found.strata] == [(2, 1), (1, 3), (0, 1)]
    assert [one.bins["tokens"] for one in found.strata] == [(-math.inf, 10), (10, 50), (50, math.inf)]
    assert found.strata[2].a_mean is None
    before, after = found.imbalance["tokens"]
    assert before == pytest.approx((5 + 63 + 90) / 5 - 31 / 3)
    assert after == pytest.approx((1 * (5 - 5.5) + 3 * (21 - 20)) / 4)


def test_matching_on_both_and_what_cannot_be_matched() -> None:
    a = [row("p", 1.0, 5, 0.0), row("q", 2.0, 5, 0.5), row("r", 9.0, 5, None)]
    b = [row("p", 3.0, 5, 0.0), row("q", 5.0, 5, 0.5)]
    edges = {"tokens": [10.0], "repeated_ngrams": [0.2]}
    found = matched(a, b, LENGTH + REPETITION, seed=1, edges=edges)
    assert (found.left_out, found.difference, len(found.strata)) == (1, 2.5, 2)
    apart = matched(a[:1], b[1:], REPETITION, seed=1, edges=edges)
    assert (apart.matched_a, apart.matched_b, apart.difference, apart.ci95) == (0, 0, None, None)
    nobody = matched([], [], seed=1)
    assert (nobody.a, nobody.difference, nobody.unmatched_difference, nobody.strata) == (0, None, None, [])


def test_a_set_against_itself_differs_by_nothing() -> None:
    rows = [
        row(f"p/{n}", float(nats), int(size)) for n, (nats, size) in enumerate(zip([1, 4, 2], [5, 9, 7], strict=True))
    ]
    for on in (LENGTH, REPETITION, LENGTH + REPETITION):
        found = matched(rows, rows, on, seed=0)
        assert found.difference == 0
        assert found.ci95 == pytest.approx([0, 0], abs=1e-12)


def test_length_alone_is_no_difference_once_it_is_matched() -> None:
    """Nats depend on nothing but length, and b is longer: all of the difference goes."""
    chance = np.random.default_rng(0)

    def some(least: int) -> list[Legibility]:
        sizes = chance.integers(least, least + 60, 300)
        return [row(f"p/{n}", 5 - size / 20 + chance.normal(0, 0.1), int(size)) for n, size in enumerate(sizes)]

    found = matched(some(20), some(40), LENGTH, seed=0, bins=30)
    assert found.unmatched_difference == pytest.approx(-1, abs=0.15)
    assert found.difference == pytest.approx(0, abs=0.05)
    assert found.ci95 is not None
    assert found.ci95[0] < 0.02 < 0.1 > found.ci95[1]


@pytest.mark.parametrize("spread", [1.0, 0.0])
def test_shuffled_labels_give_nothing_at_the_stated_rate(spread: float) -> None:
    """60 problems, two solutions each, of which chance says which is a's: at most 5% of intervals leave out 0."""
    chance = np.random.default_rng(1)
    missed, rounds = 0, 120
    for n in range(rounds):
        base = chance.normal(2, spread, 60)
        nats = base[:, None] + chance.normal(0, 0.5, (60, 2))
        sizes = chance.integers(10, 40, (60, 2))
        pairs = [[row(f"p/{i}", nats[i, j], int(sizes[i, j])) for j in chance.permutation(2)] for i in range(60)]
        found = matched([pair[0] for pair in pairs], [pair[1] for pair in pairs], LENGTH, seed=n, bins=3)
        assert found.ci95 is not None
        missed += not found.ci95[0] <= 0 <= found.ci95[1]
    assert 1 <= missed <= 14  # 99.9% of binomials of 120 at .05; with none, it would say nothing


def test_the_interval_is_welchs_where_nothing_is_paired_or_matched() -> None:
    """One stratum, and sets that share no problem."""
    chance = np.random.default_rng(2)
    a, b = chance.normal(2, 1, 80), chance.normal(3, 2, 50)
    before = [row(f"a/{n}", value) for n, value in enumerate(a)]
    after = [row(f"b/{n}", value) for n, value in enumerate(b)]
    found = matched(before, after, LENGTH, seed=0)
    half = 1.96 * math.sqrt(a.var(ddof=1) / 80 + b.var(ddof=1) / 50)
    assert found.difference == found.unmatched_difference == pytest.approx(b.mean() - a.mean())
    assert found.ci95 == pytest.approx([b.mean() - a.mean() - half, b.mean() - a.mean() + half], abs=0.06)


def test_the_shared_length_by_hand() -> None:
    a = [reading([1.0, 1.0, 9.0], "p"), reading([2.0], "q"), reading([5.0], "alone"), reading([], "r")]
    b = [reading([3.0, 5.0], "p"), reading([6.0, 100.0], "q"), reading([1.0], "r"), reading([7.0], "p", sample=1)]
    found = shared_length(nats_of(a), nats_of(b), seed=0)
    assert (found.pairs, found.tokens) == (2, 1.5)
    assert (found.a_mean, found.b_mean, found.difference) == (1.5, 5.0, 3.5)
    assert found.ci95 == [3.0, 4.0]
    assert shared_length(nats_of(a), {}, seed=0).pairs == 0


def test_a_teams_figure_is_a_mixture_of_its_authors() -> None:
    agent = embedded("junior")
    spans = [Span("ann", "Then she "), Span("bob", "has 35 "), Span("ann", "boxes.", ended=True)]
    (found,) = read(agent, [see(agent, "j", stored(*spans, prefix=1))])
    split = by_author([found])
    whole = summary([found], "j", seed=0)
    assert list(split) == ["bob", "ann"]
    assert sum(one["tokens"] for one in split.values()) == whole["tokens"]
    mixed = sum(one["tokens"] * one["nats_per_token"] for one in split.values()) / whole["tokens"]
    assert whole["nats_per_token"] == pytest.approx(mixed)


def test_intervals_keep_a_problems_solutions_together() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    ones = np.ones(6)
    assert ratio_interval(["a", "a", "a", "b", "b", "b"], values, ones, seed=0) == [0.0, 1.0]
    alone_each = ratio_interval(list("abcdef"), values, ones, seed=0)
    assert alone_each is not None
    assert 0 < alone_each[0] < 0.5 < alone_each[1] < 1
    assert ratio_interval(["a", "a"], values[:2], ones[:2], seed=0) is None
    assert ratio_interval(list("abcdef"), values, ones, seed=0) == alone_each
    assert interval(["a", "b"], np.zeros((2, 1)), lambda sums: sums[:, 0] * np.nan, seed=0) is None


def test_the_interval_of_a_mean_is_the_usual_one_where_rows_are_problems() -> None:
    values = np.random.default_rng(3).normal(0, 1, 400)
    found = ratio_interval([str(n) for n in range(400)], values, np.ones(400), seed=0)
    half = 1.96 * values.std(ddof=1) / 20
    assert found == pytest.approx([values.mean() - half, values.mean() + half], abs=0.01)


def test_the_senior_is_hard_for_the_junior_and_the_jargon_is_why() -> None:
    junior, jargon = embedded("junior"), embedded("junior-jargon")
    seniors = alone("senior", 30)
    by = {
        name: summary(read(agent, [see(agent, name, episode) for episode in seniors]), name, seed=0)
        for name, agent in (("junior", junior), ("jargon", jargon))
    }
    assert by["junior"]["nats_per_token"] > 5
    assert by["jargon"]["nats_per_token"] < 0.5
