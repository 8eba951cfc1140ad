"""``python -m benchmarks.equality``: does the torch engine write the episodes of the reference loop (HANDOFF.md, 6)?

The same jobs under every unit rule, for two models with the same tokens (the embedded pair, trained) and for two with
different ones (the embedded senior beside a random GPT-2 that reads SentencePiece), in batches of several sizes. An
episode differs if one token, author or ending does; then the first place where it does is shown, with what either
engine drew there and how likely that was. The two compute the same sums in another order, so a draw may fall to the
other side of an edge: such near-ties are told from differences by shaking the reference loop's logits, and counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any
from unittest.mock import patch

import torch

from agents.language_model import LanguageModel
from agents.registry import AgentConfig, make_agent
from agents.seat import LanguageModelSeat
from agents.units import RULES
from arena.command import run_command
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import load_task
from arena.torch_engine.tandem import Tandem
from tests.models import random_agent

ALIKE = 1e-4
"""Nats by which the log-probabilities of one draw may differ (HANDOFF.md, section 6)."""
SHAKE = 1e-5


@dataclass
class EqualityConfig:
    """Compares the torch engine with the reference loop, episode by episode."""

    episodes: int = 2000
    """Episodes for all unit rules and both kinds of pairs together."""
    batches: list[int] = field(default_factory=lambda: [1, 7, 152])
    """Batch sizes."""
    limit: int = 128
    """Tokens that an episode may have."""
    seed: int = 11


Drawn = tuple[str, int, float]
"""Author, token and its log-probability."""


def drawn(episode: Episode) -> Iterator[Drawn]:
    """Every token of an episode, with the factors of decisions that a unit was over after them (as token -1)."""
    for span in episode.spans:
        logprobs = [0.0] * len(span.token_ids or ()) if span.logprobs is None else span.logprobs  # of a prefix
        for token, logprob in zip(span.token_ids or (), logprobs, strict=True):
            yield span.author, token, logprob
        if span.end_logprob is not None:
            yield span.author, -1, span.end_logprob


@dataclass(frozen=True)
class Difference:
    """The first place where two episodes differ."""

    at: int
    """Draws before it."""
    words: str


def difference(one: Episode, other: Episode) -> Difference | None:
    """Where two episodes first differ: in a draw, its log-probability by more than ``ALIKE``, or only in the ending."""
    at = 0
    for at, (a, b) in enumerate(zip_longest(drawn(one), drawn(other))):
        if a is None or b is None or a[:2] != b[:2] or not abs(a[2] - b[2]) <= ALIKE:
            return Difference(at, f"{one.id} at draw {at}: {a} and {b}")
    whole = [(e.text, e.ended, e.error, [(s.author, s.start, s.end) for s in e.spans], e.views) for e in (one, other)]
    ends = f"{one.id}: endings {one.ended} and {other.ended}, or the views"
    return None if whole[0] == whole[1] else Difference(at + 1, ends)


def gap(one: Episode, other: Episode) -> float:
    """The largest difference of the log-probabilities of two equal episodes, in nats."""
    return max((abs(a[2] - b[2]) for a, b in zip(drawn(one), drawn(other), strict=True)), default=0.0)


def near_tie(agents: Mapping[str, Any], job: Job, other: Episode, place: Difference, *, seed: int, limit: int) -> bool:
    """Whether the reference loop passes the place as the other engine did once its logits are shaken by about 1e-5.

    Two engines add the same numbers in another order, so they cannot agree where a draw, the edge of a truncation or
    an argmax hangs on less than that.
    """
    whole = LanguageModelSeat.next_logits
    for trial in range(64):
        noise = torch.Generator().manual_seed(trial)

        async def shaken(seat: LanguageModelSeat, noise: torch.Generator = noise) -> torch.Tensor:
            logits = await whole(seat)
            return logits + SHAKE * torch.randn(logits.shape, generator=noise)

        with patch.object(LanguageModelSeat, "next_logits", shaken):
            (again,) = ReferenceEngine(agents, seed=seed, limit=limit).episodes([job])
        found = difference(again, other)
        if found is None or found.at > place.at:
            return True
    return False


def main(config: EqualityConfig) -> None:
    """Prints a line for each unit rule, pair and batch size, and the sum."""
    senior: Any = make_agent(AgentConfig("senior"))
    pairs: dict[str, Mapping[str, LanguageModel]] = {
        "equal": {"senior": senior, "junior": make_agent(AgentConfig("junior"))},  # type: ignore[dict-item]
        "different": {"senior": senior, "junior": random_agent("gpt2", "sentencepiece", seed=1)},
    }
    each = -(-config.episodes // (len(RULES) * len(pairs)))
    problems = load_task("arithmetic").problems("test")
    compared = ties = differ = 0
    largest = 0.0
    for unit in RULES:
        for kind, agents in pairs.items():
            jobs = [Job(problems[n], 0, parse(f"{unit}:p=0.5"), ("senior", "junior")) for n in range(each)]
            began = time.perf_counter()
            by_id = {job.id: job for job in jobs}
            wanted = {e.id: e for e in ReferenceEngine(agents, seed=config.seed, limit=config.limit).episodes(jobs)}
            line = f"{unit:13}{kind:10} reference {time.perf_counter() - began:6.1f} s"
            for rows in config.batches:
                found = Tandem(agents, seed=config.seed, limit=config.limit, rows=rows).episodes(jobs)
                tied, places = 0, []
                for episode in found:
                    if (place := difference(wanted[episode.id], episode)) is None:
                        largest = max(largest, gap(wanted[episode.id], episode))
                        continue
                    job = by_id[episode.id]
                    if near_tie(agents, job, episode, place, seed=config.seed, limit=config.limit):
                        tied += 1
                    else:
                        places.append(place.words)
                compared, ties, differ = compared + len(wanted), ties + tied, differ + len(places)
                line += f"   batch {rows}: {len(places)} of {len(wanted)} differ, {tied} near-ties"
                line += "".join(f"\n    {place}" for place in places)
            print(line, flush=True)
    print(
        f"{compared} comparisons of {each * len(RULES) * len(pairs)} episodes: {differ} differ, {ties} near-ties;",
        end=" ",
    )
    print(f"log-probabilities of the others differ by {largest:.1e} at most")


if __name__ == "__main__":
    run_command(main, EqualityConfig, prog="python -m benchmarks.equality")
