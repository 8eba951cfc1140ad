"""Every factor of an author again, from one fresh teacher-forced pass over its view (HANDOFF.md, section 4).

This is what proves a rollout: the recorded factors must equal these (promise 2), and training differentiates these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.contract import Span, View
from agents.distribution import NextEvent
from agents.language_model import LanguageModel
from agents.replay import Reader
from agents.units import UnitRule


@dataclass(frozen=True)
class SpanFactors:
    """Recomputed factors of one span of the author."""

    span: int
    """Index among the spans."""
    logprobs: Tensor
    """[tokens]: the `token` or `open` factor of each token, the end included."""
    end_logprob: Tensor | None
    """The `end` factor, where the span has one."""


@dataclass(frozen=True)
class TrainingView:
    """An author's view of a whole episode, and where in it the author acts."""

    ids: list[int]
    """Prompt and text in the author's tokenisation."""
    acts: list[list[tuple[int, int, int, bool]]]
    """Of each span of the author: (index of the logits in the view, token, rule's state, opens after another)."""
    spans: list[int]
    """Index of each of them among all spans."""
    ends: list[tuple[int, int] | None]
    """Of each of them: (index of the logits, rule's state) of its `end` factor; None without one."""


def training_view(
    agent: LanguageModel,
    view: View,
    rule: UnitRule,
    spans: Sequence[Span],
    prefix: int = 0,
    record: Mapping[str, Any] | None = None,
) -> TrainingView:
    """Rebuilds what the author saw from the spans alone. The first ``prefix`` spans are read, nobody acts in them.

    The view ends where the author last acts. Raises ValueError if the author's tokens are of another tokeniser, or if
    ``record`` (what the episode stores of the author's view) says that its prompt was another.
    """
    seat, reader = agent.sit(view), Reader(rule)
    if record is not None and record.get("prompt_ids") != seat.record()["prompt_ids"]:
        raise ValueError(f"{view.author}: its prompt is not the one that this episode was written under")
    acts: list[list[tuple[int, int, int, bool]]] = []
    indices: list[int] = []
    ends: list[tuple[int, int] | None] = []
    for number, span in enumerate(spans):
        mine = span.author == view.author and number >= prefix and span.token_ids is not None
        opening = number > 0 and not rule.plain
        start = len(seat.take_in()) if mine else 0
        states = [read.state for read in reader.read(span.steps())] + [reader.state]
        if not mine or span.token_ids is None:
            seat.read(span)
            continue
        if span.tokeniser != agent.vocabulary.digest:
            raise ValueError(f"{view.author}: span {number} was written with another tokeniser")
        acts.append([(start + i - 1, token, states[i], opening and i == 0) for i, token in enumerate(span.token_ids)])
        seat.ids += span.token_ids[: span.written]
        indices.append(number)
        ends.append(None if span.end_logprob is None else (len(seat.ids) - 1, reader.state))
    used = [place for span in acts for place, *_ in span] + [end[0] for end in ends if end is not None]
    return TrainingView(seat.ids[: max(used, default=-1) + 1], acts, indices, ends)


def rescore(
    agent: LanguageModel,
    view: View,
    rule: UnitRule,
    spans: Sequence[Span],
    prefix: int = 0,
    record: Mapping[str, Any] | None = None,
) -> list[SpanFactors]:
    """The author's factors by one teacher-forced pass, under its own temperature and truncation; differentiable.

    Raises ValueError as `training_view` does.
    """
    seen = training_view(agent, view, rule, spans, prefix, record)
    if not seen.ids:
        return []
    ids = torch.tensor([seen.ids], device=agent.model.device)
    logits = agent.model(input_ids=ids, use_cache=False).logits[0].float()
    out = []
    for number, acts, end in zip(seen.spans, seen.acts, seen.ends, strict=True):
        values = []
        for place, token, state, opening in acts:
            event = NextEvent.of(logits[place], agent.vocabulary, agent.sampling)
            event = event.opening(agent.boundary(rule.name, state).to(logits.device)) if opening else event
            values.append(event.drawn[token])
        over = None
        if end is not None:
            place, state = end
            event = NextEvent.of(logits[place], agent.vocabulary, agent.sampling)
            over = event.over(agent.boundary(rule.name, state).to(logits.device))
        out.append(SpanFactors(number, torch.stack(values) if values else logits.new_empty(0), over))
    return out
