"""Handoff policies: their text form, who writes which unit, and what their errors say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chance import Chance
from agents.units import RULES
from arena.policy import (
    GRAMMAR,
    Alternate,
    Bernoulli,
    Call,
    Curriculum,
    Once,
    OnDemand,
    Policy,
    PolicyError,
    Schedule,
    Script,
    Situation,
    Solo,
    parse,
)

NAMES = ("ann", "bob", "cid")
CHANCE = Chance(7, 11)
UNITS = range(300)


def authors(
    schedule: Schedule,
    names: Sequence[str] = NAMES[:2],
    *,
    p: float | None = None,
    pens: Sequence[tuple[int, str]] = (),
    assigned: Sequence[int] | None = None,
    units: Sequence[int] = UNITS,
) -> list[int]:
    now = Situation(tuple(names), CHANCE.coin, p, pens, assigned)
    return [schedule.author(unit, now) for unit in units]


def every_third(unit: int, agents: int, coin: float) -> int:
    """A schedule for ``call=``."""
    return int(unit % 3 == 0 and coin < 2 and agents > 1)


def out_of_range(unit: int, agents: int, coin: float) -> int:
    return agents


def raising(unit: int, agents: int, coin: float) -> int:
    raise KeyError("no such thing")


not_a_function = 3

probabilities = st.floats(0, 1, allow_nan=False)
names = st.text(st.characters(categories=["L", "N"], include_characters="-_."), min_size=1)
schedules = st.one_of(
    st.just(Bernoulli(None)),
    probabilities.map(lambda p: Bernoulli((p,))),
    st.lists(probabilities, min_size=2, max_size=4).map(lambda weights: Bernoulli(tuple(weights))),
    st.just(Alternate()),
    probabilities.map(Once),
    st.lists(names, min_size=1, max_size=5).map(lambda given: Script(tuple(given))),
    st.builds(Curriculum, probabilities, probabilities, st.integers(1, 10**9)),
    st.just(Solo()),
    names.map(Solo),
    st.just(OnDemand()),
    st.just(Call("tests.test_policy:every_third")),
)


@given(st.sampled_from(list(RULES)), schedules)
def test_the_text_form_reads_back_as_the_same_policy(unit: str, schedule: Schedule) -> None:
    policy = Policy(unit, schedule)
    assert parse(str(policy)) == policy
    assert str(parse(str(policy))) == str(policy)
    assert policy.rule is RULES[unit]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("word:p=0.5", Policy("word", Bernoulli((0.5,)))),
        (" word:p=.25 ", Policy("word", Bernoulli((0.25,)))),
        ("word", Policy("word", Bernoulli(None))),
        ("word:", Policy("word", Bernoulli(None))),
        ("token:p=1", Policy("token", Bernoulli((1.0,)))),
        ("token:p=1e-3", Policy("token", Bernoulli((0.001,)))),
        ("sentence:p=0.5,0.3,0.2", Policy("sentence", Bernoulli((0.5, 0.3, 0.2)))),
        ("line:alternate", Policy("line", Alternate())),
        ("word:once=0.5", Policy("word", Once(0.5))),
        ("word:script=a, b ,a", Policy("word", Script(("a", "b", "a")))),
        ("word:curriculum=0.2..0.8@100", Policy("word", Curriculum(0.2, 0.8, 100))),
        ("word:curriculum=0..1@1", Policy("word", Curriculum(0, 1, 1))),
        ("solution:solo=junior", Policy("solution", Solo("junior"))),
        ("solution:solo", Policy("solution", Solo())),
        ("paragraph:demand", Policy("paragraph", OnDemand())),
        ("spaced-token:p=0.5", Policy("spaced-token", Bernoulli((0.5,)))),
        ("word:call=tests.test_policy:every_third", Policy("word", Call("tests.test_policy:every_third"))),
    ],
)
def test_text_forms(text: str, policy: Policy) -> None:
    assert parse(text) == policy


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "unit ''"),
        ("wrod:p=0.5", "'wrod'"),
        ("p=0.5", "'p=0.5'"),
        ("Word:p=0.5", "'Word'"),
        ("word:p", "'p'"),
        ("word:p=", "'p='"),
        ("word:p=x", "'p=x'"),
        ("word:p=1.5", "1.5"),
        ("word:p=-0.1", "-0.1"),
        ("word:p=nan", "nan"),
        ("word:p=0.5,", "'p=0.5,'"),
        ("word:p=0.5,x", "'p=0.5,x'"),
        ("word:alternate=3", "alternate takes no value"),
        ("word:alternately", "'alternately'"),
        ("word:once", "'once'"),
        ("word:once=2", "fraction of once"),
        ("word:once=half", "'once=half'"),
        ("word:script=", "'script='"),
        ("word:script", "'script'"),
        ("word:curriculum=0.2", "'curriculum=0.2'"),
        ("word:curriculum=0.2..0.8", "'curriculum=0.2..0.8'"),
        ("word:curriculum=0.2..0.8@0", "at least 1 step"),
        ("word:curriculum=0.2..1.8@10", "curriculum must be between"),
        ("word:curriculum=0.2..0.8@1.5", "'curriculum=0.2..0.8@1.5'"),
        ("word:solo=", "'solo='"),
        ("word:demand=x", "demand takes no value"),
        ("word:call", "'call'"),
        ("word:sometimes=3", "'sometimes'"),
        ("word:p=0.5\n", None),
    ],
)
def test_every_error_names_its_part_and_shows_the_grammar(text: str, word: str | None) -> None:
    if word is None:  # white space around a policy is nobody's mistake
        parse(text)
        return
    with pytest.raises(PolicyError) as caught:
        parse(text)
    message = str(caught.value)
    assert word in message
    assert repr(text) in message
    assert GRAMMAR in message
    assert "\n" not in message


def test_the_grammar_names_everything_there_is() -> None:
    for unit in RULES:
        assert unit in GRAMMAR
    for schedule in ("p=0.5", "p=equal", "alternate", "once=", "script=", "curriculum=", "solo", "demand", "call="):
        assert schedule in GRAMMAR


@pytest.mark.parametrize(
    ("text", "names", "word"),
    [
        ("word:p=0.5", NAMES, "weight for each of ann, bob, cid"),
        ("word:p=0.5,0.5", NAMES, "2 weights for 3 agents"),
        ("word:p=0.5,0.3,0.2", NAMES[:2], "3 weights for 2 agents"),
        ("word:p=0.5,0.2,0.2", NAMES, "sum to 1, not 0.9"),
        ("word:once=0.5", NAMES, "two agents, not 3"),
        ("word:once=0.5", NAMES[:1], "two agents, not 1"),
        ("word:curriculum=0..1@5", NAMES, "two agents, not 3"),
        ("word:curriculum=0..1@5", NAMES[:1], "two agents, not 1"),
        ("word:script=ann,dan", NAMES, "'dan' is not in the pair (ann:bob:cid)"),
        ("word:script=ann,,bob", NAMES, "'' is not in the pair"),
        ("word:solo=dan", NAMES, "'dan'"),
        ("word:call=tests.test_policy", NAMES, "call=tests.test_policy"),
        ("word:call=tests.test_policy:nobody", NAMES, "nobody"),
        ("word:call=no.such.module:f", NAMES, "no.such"),
        ("word:call=:f", NAMES, "call=:f"),
        ("word:call=..x:f", NAMES, "call=..x:f"),
        ("word:call=tests.test_policy:not_a_function", NAMES, "has no class or function"),
    ],
)
def test_a_policy_that_does_not_fit_the_agents(text: str, names: Sequence[str], word: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(text).check(names)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bernoulli_thresholds_the_units_own_coin() -> None:
    for p in (0.0, 0.3, 0.5, 1.0):
        assert authors(Bernoulli((p,))) == [0 if CHANCE.coin[u] < p else 1 for u in UNITS]
    assert set(authors(Bernoulli((1.0,)))) == {0}
    assert set(authors(Bernoulli((0.0,)))) == {1}
    assert authors(Bernoulli((0.5,))) == authors(Bernoulli(None)) == authors(Bernoulli((0.5, 0.5)))


@given(probabilities, probabilities)
def test_runs_at_different_p_are_coupled(one: float, other: float) -> None:
    """The same coins are thresholded: whoever the first agent gets at a lower p, it keeps at a higher one."""
    low, high = authors(Bernoulli((min(one, other),))), authors(Bernoulli((max(one, other),)))
    assert all(b == 0 for a, b in zip(low, high, strict=True) if a == 0)
    for unit, (a, b) in enumerate(zip(low, high, strict=True)):
        assert (a != b) == (min(one, other) <= CHANCE.coin[unit] < max(one, other))


def test_the_order_in_which_coins_are_asked_for_does_not_matter() -> None:
    forwards = authors(Bernoulli((0.5,)))
    assert authors(Bernoulli((0.5,)), units=list(reversed(UNITS))) == forwards[::-1]


def test_weights_for_three_agents() -> None:
    weights = (0.5, 0.3, 0.2)
    found = authors(Bernoulli(weights), NAMES, units=range(4000))
    for unit, author in enumerate(found):
        coin = CHANCE.coin[unit]
        assert author == (0 if coin < 0.5 else 1 if coin < 0.8 else 2)
    for index, weight in enumerate(weights):
        deviation = math.sqrt(weight * (1 - weight) / len(found))
        assert abs(found.count(index) / len(found) - weight) < 4 * deviation
    assert 1 not in authors(Bernoulli((0.5, 0.0, 0.5)), NAMES)
    assert set(authors(Bernoulli((0.0, 0.0, 1.0)), NAMES)) == {2}
    assert set(authors(Bernoulli(None), NAMES)) == {0, 1, 2}
    tenths = tuple([0.1] * 10)  # they add up to a little less than 1
    assert set(authors(Bernoulli(tenths), [f"a{n}" for n in range(10)], units=range(2000))) == set(range(10))


def test_schedules_without_chance() -> None:
    assert authors(Alternate(), units=range(5)) == [0, 1, 0, 1, 0]
    assert authors(Alternate(), NAMES, units=range(5)) == [0, 1, 2, 0, 1]
    assert authors(Script(("bob", "ann", "ann", "bob")), units=range(7)) == [1, 0, 0, 1, 1, 1, 1]
    assert set(authors(Once(0.5))) == {1}
    assert set(authors(Solo())) == {0}
    assert set(authors(Solo("bob"))) == {1}
    assert authors(Call("tests.test_policy:every_third"), units=range(5)) == [1, 0, 0, 1, 0]
    assert authors(Call("no.such:thing"), assigned=[1, 0, 1], units=range(3)) == [1, 0, 1]


def test_on_demand_the_pen_moves_at_the_unit_it_was_asked_for() -> None:
    assert set(authors(OnDemand())) == {0}
    pens = [(2, "bob"), (5, "ann"), (5, "cid")]
    assert authors(OnDemand(), NAMES, pens=pens, units=range(8)) == [0, 0, 1, 1, 1, 2, 2, 2]


def test_a_curriculum_moves_p_and_records_it() -> None:
    policy = parse("word:curriculum=0.2..0.8@100")
    assert policy.p_at(None) == policy.p_at(0) == 0.2
    assert policy.p_at(50) == pytest.approx(0.5)
    assert policy.p_at(100) == policy.p_at(10**6) == pytest.approx(0.8)
    assert parse("word:curriculum=1..0@4").p_at(1) == 0.75
    assert authors(policy.schedule, p=0.37) == authors(Bernoulli((0.37,)))
    assert parse("word:p=0.3").p_at(9) == 0.3
    assert parse("word:p=0.2,0.3,0.5").p_at(None) == 0.2
    assert parse("word:alternate").p_at(9) is None
    assert parse("word").p_at(None) is None


@pytest.mark.parametrize(("name", "word"), [("out_of_range", "returned 2"), ("raising", "KeyError")])
def test_a_function_that_does_not_keep_its_word_is_named(name: str, word: str) -> None:
    with pytest.raises(PolicyError) as caught:
        authors(Call(f"tests.test_policy:{name}"), units=[4])
    assert name in str(caught.value)
    assert word in str(caught.value)
    assert "unit 4" in str(caught.value)
