"""Promise 3 (and 2) on vocabularies so small that every episode can be counted.

The exact law in `tests.toys.Law` is the closed form of HANDOFF.md, section 3; the engine draws twice and drops. They
must agree: in the probability of each episode by its recorded factors, in frequencies, and in the gradient.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping

import pytest
import torch
from scipy import stats

from agents.chance import Chance
from agents.contract import Span, View
from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.rescoring import rescore
from agents.units import RULES
from arena.policy import Bernoulli, Policy, Situation, parse
from arena.reference import Played, play
from tests.toys import Law, Step, chances, toy_agent

ONE = [b"<p>", b"", b"a", b" b", b".", b"+", b" ", b"b", b"\n"]
OTHER = [b"<q>", b"", b"a", b" ", b"b", b". ", b".", b"+", b"\n", b"a b"]
LIMIT = 3


def seats_of(agents: Mapping[str, LanguageModel]) -> dict[str, object]:
    return {name: agent.sit(View("", name)) for name, agent in agents.items()}


def run(agents: Mapping[str, LanguageModel], policy: Policy, chance: Chance, limit: int = LIMIT) -> Played:
    return asyncio.run(play(seats_of(agents), policy, chance, limit=limit))  # type: ignore[arg-type]


def trail_of(played: Played) -> tuple[Step, ...]:
    """The episode as (author, piece) events."""
    steps: list[Step] = []
    for span in played.spans:
        pieces = span.pieces if span.token_ids is not None else [span.text.encode()]
        steps += [(span.author, piece) for piece in pieces[: len(pieces) - span.ended]]
        steps += [(span.author, None)] if span.ended else []
    return tuple(steps)


def pair(same: bool, sampling: Sampling | None = None) -> dict[str, LanguageModel]:
    return {"senior": toy_agent(ONE, 1, sampling), "junior": toy_agent(ONE if same else OTHER, 2, sampling)}


def weights(policy: Policy, names: list[str]) -> Mapping[str, float]:
    assert isinstance(policy.schedule, Bernoulli)
    p = policy.schedule.weights or (0.5,)
    return {names[0]: p[0], names[1]: 1 - p[0]} if len(p) == 1 else dict(zip(names, p, strict=True))


def exact(agents: Mapping[str, LanguageModel], policy: Policy) -> dict[tuple[Step, ...], float]:
    share = weights(policy, list(agents))
    return dict(Law(agents, policy.rule, lambda unit: share, LIMIT).episodes())


def agrees(law: Mapping[tuple[Step, ...], float], seen: Counter[tuple[Step, ...]]) -> float:
    """p-value of the chi-square test that the counts come from the law; rare episodes are put together."""
    count = seen.total()
    assert set(seen) <= {trail for trail, p in law.items() if p > 0}, "an episode that the law forbids"
    common = [trail for trail, p in law.items() if p * count >= 8]
    expected = [law[trail] * count for trail in common]
    observed = [seen[trail] for trail in common]
    rest = count - sum(expected)
    if rest > 1e-6 * count:
        expected.append(rest)
        observed.append(count - sum(observed))
    return float(stats.chisquare(observed, [e * count / sum(expected) for e in expected]).pvalue)


CASES = [
    *((unit, same, None) for unit in RULES for same in (True, False)),
    ("word", True, Sampling(temperature=0.5)),
    ("word", False, Sampling(temperature=1.7)),
    ("word", True, Sampling(top_k=2)),
    ("word", False, Sampling(top_k=3, top_p=0.8)),
    ("line", True, Sampling(top_p=0.5)),
]


@pytest.mark.parametrize(("unit", "same", "sampling"), CASES)
def test_the_law(unit: str, same: bool, sampling: Sampling | None) -> None:
    """The law sums to 1, the engine's frequencies follow it, and each episode's factors multiply to it."""
    agents, policy = pair(same, sampling), parse(f"{unit}:p=0.6")
    law = exact(agents, policy)
    assert math.isclose(sum(law.values()), 1.0, rel_tol=1e-9)
    seen: Counter[tuple[Step, ...]] = Counter()
    for number, chance in enumerate(chances(1500)):
        played = run(agents, policy, chance)
        seen[trail_of(played)] += 1
        if number < 100:
            assert_factors(agents, policy, chance, played)
    assert agrees(law, seen) > 1e-4


def assert_factors(agents: Mapping[str, LanguageModel], policy: Policy, chance: Chance, played: Played) -> None:
    """Given its coins, an episode's recorded factors multiply to its probability and equal a teacher-forced pass."""
    names = tuple(agents)
    now = Situation(names, chance.coin, 0.6)
    order = lambda unit: {names[policy.schedule.author(unit, now)]: 1.0}  # noqa: E731
    law = dict(Law(agents, policy.rule, order, LIMIT).episodes())
    factors = sum(sum(span.logprobs) + (span.end_logprob or 0.0) for span in played.spans)
    assert math.isclose(math.exp(factors), law[trail_of(played)], rel_tol=1e-4)
    for name, agent in agents.items():
        for again in rescore(agent, View("", name), policy.rule, played.spans):
            span = played.spans[again.span]
            assert again.logprobs.tolist() == pytest.approx(span.logprobs, abs=1e-5)
            assert (again.end_logprob is None) == (span.end_logprob is None)
            if again.end_logprob is not None and span.end_logprob is not None:
                assert float(again.end_logprob) == pytest.approx(span.end_logprob, abs=1e-5)


def test_three_authors() -> None:
    agents = {**pair(False), "third": toy_agent(ONE, 3)}
    policy = parse("word:p=0.5,0.3,0.2")
    law = exact(agents, policy)
    assert math.isclose(sum(law.values()), 1.0, rel_tol=1e-9)
    assert agrees(law, Counter(trail_of(run(agents, policy, chance)) for chance in chances(1500))) > 1e-4


def test_several_ways_to_end_are_one_event() -> None:
    agents = {"senior": toy_agent(ONE, 1, ends=(1, 5)), "junior": toy_agent(ONE, 2, ends=(1, 5))}
    policy = parse("word:p=0.6")
    law = exact(agents, policy)
    assert agrees(law, Counter(trail_of(run(agents, policy, chance)) for chance in chances(1500))) > 1e-4
    ends = [span for chance in chances(50) for span in run(agents, policy, chance).spans if span.ended]
    assert {span.token_ids[-1] for span in ends if span.token_ids} == {1}


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("unit", ["word", "token", "line", "spaced-token"])
def test_the_gradient(unit: str, same: bool) -> None:
    """The expected score-function gradient over the senior's factors is the gradient of the exact expected reward.

    The reward is an arbitrary function of the text. Junior factors do not depend on the senior's weights given the
    view, so leaving them out (j = 0) is exact.
    """
    agents, policy = pair(same), parse(f"{unit}:p=0.6")
    senior = agents["senior"]
    table = senior.model.table.requires_grad_(True)
    share = weights(policy, list(agents))

    def reward(trail: tuple[Step, ...]) -> float:
        return len(b"".join(piece or b"!" for _, piece in trail)) % 3

    law = Law(agents, policy.rule, lambda unit: share, LIMIT, differentiable=True)
    exact_gradient = torch.autograd.grad(sum(p * reward(trail) for trail, p in law.episodes()), table)[0]
    # The same expectation as training forms it: probability x reward x gradient of the senior's log factors. The
    # factors of an episode depend on its coins, so the sum runs over episodes and over the coins they used.
    estimate = torch.zeros_like(table)
    for trail, probability, spans in episodes_by_coins(agents, policy, share):
        factors = rescore(senior, View("", "senior"), policy.rule, spans)
        score = sum(
            (f.logprobs.sum() + (f.end_logprob if f.end_logprob is not None else 0.0) for f in factors),
            start=torch.zeros(()),
        )
        if score.requires_grad:
            estimate += probability * reward(trail) * torch.autograd.grad(score, table)[0]
    assert float(exact_gradient.abs().max()) > 1e-3
    assert torch.allclose(estimate, exact_gradient, atol=1e-6)


def episodes_by_coins(
    agents: Mapping[str, LanguageModel], policy: Policy, share: Mapping[str, float]
) -> list[tuple[tuple[Step, ...], float, list[Span]]]:
    """(episode, probability, spans) for every assignment of authors to the units 0 to LIMIT."""
    import itertools

    found = []
    for authors in itertools.product(agents, repeat=LIMIT + 1):
        chance = math.prod(share[name] for name in authors)
        law = Law(agents, policy.rule, lambda unit, authors=authors: {authors[unit]: 1.0}, LIMIT)  # type: ignore[misc]
        for trail, probability in law.episodes():
            if probability:
                found.append((trail, chance * float(probability), spans_of_trail(agents, policy, trail, authors)))
    return found


def spans_of_trail(
    agents: Mapping[str, LanguageModel], policy: Policy, trail: tuple[Step, ...], authors: tuple[str, ...]
) -> list[Span]:
    """The spans of an enumerated episode, with an `end` factor wherever one author's unit ended for another's."""
    spans: list[Span] = []
    for author, piece in trail:
        vocabulary = agents[author].vocabulary
        token = vocabulary.end if piece is None else vocabulary.pieces.index(piece)
        if not spans or spans[-1].author != author:
            if spans and not policy.rule.plain:
                spans[-1] = replace(spans[-1], end_logprob=0.0)
            spans.append(Span(author, "", (), (), tokeniser=vocabulary.digest))
        last = spans[-1]
        ids, pieces = (*(last.token_ids or ()), token), (*last.pieces, piece or b"")
        spans[-1] = replace(last, token_ids=ids, pieces=pieces, ended=piece is None)
    return spans


def replace(span: Span, **changes: object) -> Span:
    from dataclasses import replace as copy

    return copy(span, **changes)  # type: ignore[arg-type]
