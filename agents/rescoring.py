"""Every factor of an author again, from one fresh teacher-forced pass over its view (HANDOFF.md, section 4).

This is what proves a rollout: the recorded factors must equal these (promise 2), and training differentiates these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.contract import Span, View
from agents.distribution import NextEvent
from agents.language_model import LanguageModel
from agents.replay import Reader
from agents.seat import LanguageModelSeat
from agents.units import UnitRule

OVER = -1
"""In place of a token: the factor of the decision that the author's unit was over."""


class Factor(NamedTuple):
    """One factor, and where in a view it is drawn."""

    span: int
    """Index among the spans."""
    place: int
    """Index in the view of the token whose logits it is drawn from."""
    token: int
    """In the view's tokenisation; `OVER` for an `end` factor."""
    state: int
    """Of the unit rule, before the token."""
    opening: bool
    """An `open` factor: given that a unit opens or the solution ends."""
    mine: bool
    """The view's own author made it. Else it is what this author would have given for what another did."""


@dataclass(frozen=True)
class TrainingView:
    """An author's view of a whole episode, and the factors in it."""

    ids: list[int]
    """Prompt and text in the author's tokenisation, up to where the last factor is drawn."""
    factors: list[Factor]


@dataclass(frozen=True)
class SpanFactors:
    """Recomputed factors of one span of the author."""

    span: int
    """Index among the spans."""
    logprobs: Tensor
    """[tokens]: the `token` or `open` factor of each token, the end included."""
    end_logprob: Tensor | None
    """The `end` factor, where the span has one."""


def training_view(
    agent: LanguageModel,
    view: View,
    rule: UnitRule,
    spans: Sequence[Span],
    prefix: int = 0,
    record: Mapping[str, Any] | None = None,
    *,
    others: bool = False,
) -> TrainingView:
    """Rebuilds what the author saw from the spans alone. The first ``prefix`` spans are read, nobody acts in them.

    With ``others`` the factors of the other authors are there, too, as this one would have made them: token by token
    where the tokens are equal; else the tokens are those in which this author read the text, and the first of them is
    an `open` factor if it opens a unit. Raises ValueError if the author's tokens are of another tokeniser, or if
    ``record`` (what the episode stores of the author's view) says that its prompt was another.
    """
    seat, reader = agent.sit(view), Reader(rule)
    if record is not None and record.get("prompt_ids") != seat.record()["prompt_ids"]:
        raise ValueError(f"{view.author}: its prompt is not the one that this episode was written under")
    digest, end = agent.vocabulary.digest, agent.vocabulary.end
    factors: list[Factor] = []
    waiting: list[_Text] = []

    def take_in() -> int:
        """Reads what waits; the length of the view then."""
        before = len(seat.ids)
        seat.take_in()
        if others and waiting:
            factors.extend(_of_text(agent, rule, seat, before, waiting))
        waiting.clear()
        return len(seat.ids)

    for number, span in enumerate(spans):
        mine = span.author == view.author
        if mine and span.token_ids is not None and number >= prefix and span.tokeniser != digest:
            raise ValueError(f"{view.author}: span {number} was written with another tokeniser")
        same = span.token_ids is not None and span.tokeniser == digest
        acts = number >= prefix and (mine or others)
        states = [read.state for read in reader.read(span.steps())] + [reader.state]
        if not same:
            waiting.append(_Text(number, states[0], states[-1], span, acts))
            seat.read(span)
            continue
        start, ids = take_in(), list(span.token_ids or ())
        if span.ended:
            ids[-1] = end  # models of one tokeniser may end by different tokens
        opening = number > 0 and not rule.plain
        seat.ids += ids[: span.written]
        if acts:
            for i, token in enumerate(ids):
                factors.append(Factor(number, start + i - 1, token, states[i], opening and i == 0, mine))
            if span.end_logprob is not None:
                factors.append(Factor(number, len(seat.ids) - 1, OVER, states[-1], False, mine))
    if others:
        take_in()
    return TrainingView(seat.ids[: max((factor.place for factor in factors), default=-1) + 1], factors)


class _Text(NamedTuple):
    """What another wrote in other tokens, or in none, and has not been encoded yet."""

    number: int
    state: int
    after: int
    span: Span
    acts: bool


def _of_text(
    agent: LanguageModel, rule: UnitRule, seat: LanguageModelSeat, before: int, waiting: Sequence[_Text]
) -> list[Factor]:
    """Factors of what was read as text, in the tokens in which it was read; a token that begins in a prefix is left."""
    table, state, last = agent.vocabulary.table(rule.name), waiting[0].state, waiting[-1]
    number = next((text.number for text in waiting if text.acts), None)
    if number is None:
        return []
    skipped = sum(len(text.span.data) for text in waiting if not text.acts)
    found, read = [], 0
    for place, token in enumerate(seat.ids[before:], before - 1):
        first = read == skipped
        if read >= skipped:
            opening = first and number > 0 and not rule.plain and bool(table.opens[state, token])
            found.append(Factor(number, place, token, state, opening, False))
        read += len(agent.vocabulary.pieces[token])
        state = int(table.next[state, token])
    if last.span.ended:
        found.append(Factor(number, len(seat.ids) - 1, agent.vocabulary.end, last.after, False, False))
    elif last.span.end_logprob is not None and last.acts:
        found.append(Factor(number, len(seat.ids) - 1, OVER, last.after, False, False))
    return found


def logprobs(agent: LanguageModel, rule: UnitRule, views: Sequence[TrainingView]) -> Tensor:
    """Log-probabilities of all factors of some views, [F], one view after the other; differentiable.

    One teacher-forced pass under the agent's own temperature and truncation. Views are padded on the right, where
    causal attention does not look, and logits are made only in the columns in which a view has a factor.
    """
    device = agent.model.device
    ids = torch.zeros(len(views), max((len(view.ids) for view in views), default=0), dtype=torch.long)
    for n, view in enumerate(views):
        ids[n, : len(view.ids)] = torch.tensor(view.ids, dtype=torch.long)
    factors = [(n, *factor[1:5]) for n, view in enumerate(views) for factor in view.factors]
    if not factors:
        return torch.zeros(0, device=device)
    row, place, token, state, opens = torch.tensor(factors, device=device).unbind(1)
    columns, column = torch.unique(place, return_inverse=True)
    out = agent.model(input_ids=ids.to(device), use_cache=False, logits_to_keep=columns).logits
    event = NextEvent.of(out[row, column], agent.vocabulary, agent.sampling)
    boundary = agent.boundaries(rule.name).to(device)

    def some(which: Tensor) -> tuple[Tensor, NextEvent, Tensor]:
        at = which.nonzero().squeeze(1)
        full = event.full[at]
        drawn = full if event.drawn is event.full else event.drawn[at]
        return at, NextEvent(drawn, full, event.greedy), boundary[state[at]]

    found = event.drawn.gather(1, token.clamp(min=0).unsqueeze(1)).squeeze(1)
    at, part, inside = some(opens.bool())
    opened = part.opening(inside).drawn.gather(1, token[at].unsqueeze(1)).squeeze(1)
    found = found.index_copy(0, at, opened)
    at, part, inside = some(token == OVER)
    return found.index_copy(0, at, part.over(inside))


def rescore(
    agent: LanguageModel,
    view: View,
    rule: UnitRule,
    spans: Sequence[Span],
    prefix: int = 0,
    record: Mapping[str, Any] | None = None,
) -> list[SpanFactors]:
    """The author's factors, span by span; differentiable. Raises ValueError as `training_view` does."""
    seen = training_view(agent, view, rule, spans, prefix, record)
    by_span: dict[int, list[tuple[Factor, Tensor]]] = {}
    for factor, value in zip(seen.factors, logprobs(agent, rule, [seen]), strict=True):
        by_span.setdefault(factor.span, []).append((factor, value))
    out = []
    for number, pairs in by_span.items():
        values = [value for factor, value in pairs if factor.token != OVER]
        over = [value for factor, value in pairs if factor.token == OVER]
        out.append(SpanFactors(number, torch.stack(values), over[0] if over else None))
    return out
