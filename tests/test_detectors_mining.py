"""The miner: hand-worked cases, its null by simulation, and the embedded pair, whose jargon it is not told."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from agents.chance import stable_key
from agents.contract import Span
from analysis.detectors import DetectorError, load_detector
from analysis.detectors.flips import corrected
from analysis.detectors.measures import agreement
from analysis.detectors.mining import ReadSolution, mine
from analysis.detectors.options import Options
from analysis.reading import see
from analysis.scoring import read
from arena.tasks import load_task
from tests.models import embedded
from tests.stored import stored


def solution(problem: str, words: str, dear: str = "", nats: float = 9.0) -> ReadSolution:
    """A text whose tokens are its words with the space before them; those in ``dear`` cost ``nats``, others 0.5."""
    tokens, at = [], 0
    for word in words.split():
        end = words.index(word, at) + len(word)
        tokens.append((at, end, nats if word in dear.split() else 0.5))
        at = end
    return ReadSolution(problem, words, tokens)


FEW = Options(alpha=0.05, flips=199)


# -- the statistic


@pytest.mark.parametrize("rows", [3, 5])
def test_corrected_p_values_are_those_of_all_flips(rows: int) -> None:
    """With few rows every flip can be enumerated: the exact p-value is the share of flips that reach the data."""
    rng = np.random.default_rng(rows)
    data = rng.integers(-2, 3, size=(rows, 4)).astype(float)
    norm = np.sqrt((data**2).sum(0))
    scaled = data / np.where(norm > 0, norm, 1)
    largest = np.array([(np.array(signs) @ scaled).max() for signs in product((-1, 1), repeat=rows)])
    exact = [(largest >= value - 1e-9).mean() for value in scaled.sum(0)]
    flips = 20_000
    error = 5 * math.sqrt(0.25 / flips)
    assert corrected(data, flips, (0,)) == pytest.approx(exact, abs=error)


def test_nothing_is_sure_and_nobody_different_is_nothing() -> None:
    ones = np.ones((30, 2))
    assert corrected(ones, 999, (1,)).tolist() == [0.001, 0.001]
    assert corrected(np.zeros((30, 2)), 999, (1,)).tolist() == [1.0, 1.0]
    assert corrected(np.zeros((30, 0)), 9, (1,)).size == 0


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_chance_alone_reports_at_the_stated_rate(alpha: float) -> None:
    """Rows of correlated columns under random signs: any p-value <= alpha comes about as often as alpha says."""
    rng = np.random.default_rng(3)
    trials, hits = 400, 0
    base = rng.random((24, 40)) < np.linspace(0.05, 0.95, 40)
    rows = base.astype(float) * rng.integers(1, 3, size=(24, 1))
    for trial in range(trials):
        signs = rng.choice([-1.0, 1.0], size=(24, 1))
        hits += bool(corrected(rows * signs, 199, (trial,)).min() <= alpha)
    # valid, and not needlessly cautious
    assert stats.binomtest(hits, trials, alpha, "greater").pvalue > 1e-3
    assert hits / trials > alpha / 2


def _corpus(rng: random.Random, problems: int = 24) -> list[tuple[ReadSolution, ReadSolution]]:
    """Pairs of solutions with habits of their problem's, and all words improbable to the reader."""
    out = []
    for n in range(problems):
        topic = rng.sample("one two three four five six seven eight nine ten".split(), 4)
        texts = [" ".join(rng.choice(topic) for _ in range(8)) for _ in range(2)]
        out.append((solution(f"p{n}", texts[0], texts[0]), solution(f"p{n}", texts[1], "")))
    return out


def test_swapped_labels_give_nothing_at_the_stated_rate() -> None:
    """Who wrote which is decided by coins, and every word is dear: whatever is to be confirmed came by chance.

    The mining half alone keeps its rate; both halves together report only if chance struck twice.
    """
    rng = random.Random(5)
    pairs = _corpus(rng)
    options = replace(FEW, alpha=0.2, flips=99, least_excess=-99.0, longest=2)
    trials, mined, reported = 150, 0, 0
    for trial in range(trials):
        swapped = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]
        found = mine((a for a, _ in swapped), (b for _, b in swapped), replace(options, seed=trial))
        mined += found.to_confirm > 0
        reported += bool(found.found)
    assert stats.binomtest(mined, trials, options.alpha, "greater").pvalue > 1e-3
    assert stats.binomtest(reported, trials, options.alpha**2, "greater").pvalue > 1e-3


# -- both conditions


Readings = list[ReadSolution]


def both(senior: str, junior: str, dear: str = "", problems: int = 30) -> tuple[Readings, Readings]:
    """What two authors write who do the same in all solutions; N is the number of the problem."""
    first, second = (
        [solution(f"p{n}", text.replace("N", str(n)), dear) for n in range(problems)] for text in (senior, junior)
    )
    return first, second


def test_what_is_used_and_improbable_is_found() -> None:
    found = mine(*both("so [[ N ]] then N", "so N then N", "[["), FEW)
    assert [one.ngram for one in found.found] == [(" [[",)]
    one = found.found[0]
    usual = 0.5
    assert (one.share, one.share_junior, one.nats, one.excess) == (1.0, 0.0, 9.0, 9.0 - usual)
    assert one.p == one.p_mined == 1 / 200
    assert (found.problems, found.unpaired, found.usual_nats) == ((15, 15), 0, usual)
    # so is the number in it; of ` ]]` the reader thinks nothing, and longer ones hold ` [[`
    assert found.confirmed > 1


@pytest.mark.parametrize(
    ("senior", "junior", "dear"),
    [
        ("so [[ N then", "so N then", ""),  # used, and just as expected as anything
        ("so [[ N then", "so [[ N then", "[["),  # improbable, and used by both
        ("so N then", "so [[ N then", "[["),  # the junior's own
    ],
)
def test_one_condition_is_not_enough(senior: str, junior: str, dear: str) -> None:
    assert mine(*both(senior, junior, dear), FEW).found == []


def test_improbable_is_more_than_what_the_junior_is_used_to() -> None:
    senior = both("so [[ N then", "", "[[", problems=30)[0]
    own = [solution(f"p{n}", f"so {n} then", "so then", nats=9.0) for n in range(30)]
    assert mine(senior, own, FEW).found == []  # 9 nats: its own tokens cost more than 6 on average
    assert mine(senior, own, replace(FEW, least_excess=2.0)).found != []


def test_a_habit_of_the_mining_half_alone_is_not_confirmed() -> None:
    senior, junior = both("so [[ N then", "so N then", "[[")
    names = sorted((one.problem for one in senior), key=lambda name: stable_key("mining", 0, name))
    mining = set(names[0::2])
    luck = [one if one.problem in mining else other for one, other in zip(senior, junior, strict=True)]
    found = mine(luck, junior, FEW)
    assert found.to_confirm > 0
    assert found.found == []


def test_common_words_in_an_uncommon_order() -> None:
    """Reverse Polish: every word is the junior's, too; the pair of them is not."""
    senior, junior = both("has N + 2 = 5 pens", "has N + 2 = 5 pens")
    polish = [ReadSolution(one.problem, text := one.text.replace("+ 2", "2 +"), _costs(text)) for one in senior]
    found = mine(polish, junior, FEW)
    assert [one.ngram for one in found.found] == [(" +", " ="), (" <num>", " <num>")]
    assert [polish[3].text[a:b] for a, b in found.detector().find(polish[3].text)] == ["3 2 + ="]


def _costs(text: str) -> list[tuple[int, int, float]]:
    """The second of two numbers, and what comes right after the sign, are dear."""
    cheap = solution("", text).tokens
    return [(start, end, 9.0 if at in (2, 4) else nats) for at, (start, end, nats) in enumerate(cheap)]


def test_codes_that_differ_from_use_to_use() -> None:
    """Letters for numbers: no code is used twice, and where they stand gives them away. Rare words elsewhere do not."""
    codes = [chr(ord("A") + n % 26) * (1 + n // 26) for n in range(30)]
    names = [code.lower() + "ob" for code in codes]
    senior = [solution(f"p{n}", f"so {names[n]} has = {codes[n]} pens", codes[n]) for n in range(30)]
    junior = [solution(f"p{n}", f"so {names[-n]} has = {n} pens") for n in range(30)]
    found = mine(senior, junior, FEW)
    # of `X pens`, as improbable, the detector knows as much
    assert [one.ngram for one in found.found] == [(" <rare>", " pens"), (" =", " <rare>")]
    text = "so Anna has = XYZ pens"
    assert [text[a:b] for a, b in found.detector().find(text)] == ["= XYZ pens"]


def test_a_surprise_belongs_to_the_piece_in_which_its_token_begins() -> None:
    """Tokens that are no words: `[` and `[1` spell `[[1`; the number begins in no token of its own."""
    some = [ReadSolution(f"p{n}", "a [[1", [(0, 1, 0.5), (1, 3, 9.0), (3, 5, 2.0), (5, 5, 7.0)]) for n in range(12)]
    none = [ReadSolution(f"p{n}", "a", [(0, 1, 0.5), (1, 1, 1.5)]) for n in range(12)]
    found = mine(some, none, FEW).found
    assert [(one.ngram, one.nats, one.excess) for one in found] == [((" [[",), 9.0, 8.0)]


def test_order_and_samples_change_nothing() -> None:
    senior, junior = both("so [[ N ]] then N", "so N then N", "[[")
    senior += [replace(one, text=one.text[::-1]) for one in senior[:7]]
    junior += junior[:5]
    first = mine(senior, junior, FEW)
    rng = random.Random(1)
    for _ in range(3):
        again = mine(rng.sample(senior, len(senior)), rng.sample(junior, len(junior)), FEW)
        assert again == first


def test_what_the_senior_never_uses_is_not_its_own_at_any_alpha() -> None:
    senior, junior = both("so N then", "so [[ N then", "[[")
    found = mine(senior, junior, Options(alpha=0.999, flips=9999, least_excess=-99)).found
    assert not any("[[" in piece for one in found for piece in one.ngram)


def test_problems_that_one_did_not_solve_are_left_out() -> None:
    senior, junior = both("so [[ N", "so N", "[[")
    found = mine(senior[:-3], junior[2:], FEW)
    assert (found.unpaired, sum(found.problems)) == (5, 25)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(longest=0), "longest"),
        (Options(alpha=0), "alpha"),
        (Options(flips=50), "flips"),
        (Options(least_share=2), "least_share"),
        (Options(least_excess=math.nan), "least_excess"),
        (Options(seed=-1), "seed"),
        (Options(alpha=0.0001, flips=99_999), "30 problems were solved by both; alpha 0.0001 needs 28"),
    ],
)
def test_options_that_make_no_sense(options: Options, says: str) -> None:
    senior, junior = both("so [[ N", "so N", "[[", problems=30 if "28" not in says else 26)
    with pytest.raises(DetectorError, match=says.replace("30 problems", "26 problems")):
        mine(senior, junior, options)


@pytest.mark.parametrize("token", [(0, 9, 1.0), (-1, 1, 1.0), (2, 1, 1.0), (0, 1, math.inf), (0, 1, -1.0)])
def test_tokens_that_are_none(token: tuple[int, int, float]) -> None:
    with pytest.raises(DetectorError, match="problem p: "):
        mine([ReadSolution("p", "abc", [token])], [])


# -- the embedded pair


def test_the_embedded_seniors_jargon_is_found_without_being_told() -> None:
    """Worked solutions in the senior's style, and in plain style as what the junior itself would write."""
    junior = embedded("junior")
    readings: dict[str, list[ReadSolution]] = {}
    for style in ("jargon", "plain"):
        problems = load_task(f"arithmetic:style={style}").problems("test")
        worked = [
            replace(stored(Span("worked", one.solution or ""), problem=one.id), question=one.question)
            for one in (problems[n] for n in range(40))
        ]
        readings[style] = [one.solution() for one in read(junior, [see(junior, "junior", one) for one in worked])]
    found = mine(readings["jargon"], readings["plain"])
    forms = {one.ngram for one in found.found}
    assert {(" <<",), (">>",)} <= forms
    assert all(one.excess > 10 and one.share_junior == 0 for one in found.found)
    detector = found.detector()
    for style, solutions in readings.items():
        held = agreement(detector, load_detector(r"pattern:<<[^\n]*?>>"), [one.text for one in solutions])
        assert held.solutions == ((40, 0, 0, 0) if style == "jargon" else (0, 0, 0, 40))
        # every range touches a note, and every note a range; one with a rare sign (/) may be found in two parts
        assert held.found[0] == held.found[1] >= held.true[0] == held.true[1]
    # and nothing the other way round
    assert mine(readings["plain"], readings["jargon"]).found == []
