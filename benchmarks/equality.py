"""``python -m benchmarks.equality``: does the torch engine write the episodes of the reference loop (HANDOFF.md, 6)?

The same jobs under every unit rule, for two models with the same tokens (the embedded pair, trained) and for two with
different ones (the embedded senior beside a random GPT-2 that reads SentencePiece), in batches of several sizes. An
episode differs if one token, author or ending does; then the first place where it does is shown, with what either
engine drew there and how likely that was. The two compute the same sums in another order, so a draw may fall to the
other side of an edge: such a place shows two tokens that are neighbours in the cumulative distribution.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from agents.language_model import LanguageModel
from agents.registry import AgentConfig, make_agent
from agents.units import RULES
from arena.command import run_command
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import load_task
from arena.torch_engine.tandem import Tandem
from tests.models import random_agent


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
        for token, logprob in zip(span.token_ids or (), span.logprobs or (), strict=True):
            yield span.author, token, logprob
        if span.end_logprob is not None:
            yield span.author, -1, span.end_logprob


def difference(one: Episode, other: Episode) -> str | None:
    """The first place where two episodes differ, in words."""
    for at, (a, b) in enumerate(zip_longest(drawn(one), drawn(other))):
        if a is None or b is None or a[:2] != b[:2]:
            return f"{one.id} at draw {at}: {a} and {b}"
    whole = [(e.text, e.ended, e.error, [(s.author, s.start, s.end) for s in e.spans], e.views) for e in (one, other)]
    return None if whole[0] == whole[1] else f"{one.id}: endings {one.ended} and {other.ended}, or the views"


def gap(one: Episode, other: Episode) -> float:
    """The largest difference of the log-probabilities of two equal episodes, in nats."""
    return max((abs(a[2] - b[2]) for a, b in zip(drawn(one), drawn(other), strict=True)), default=0.0)


def main(config: EqualityConfig) -> None:
    """Prints a line for each unit rule, pair and batch size, and the sum."""
    senior: Any = make_agent(AgentConfig("senior"))
    pairs: dict[str, Mapping[str, LanguageModel]] = {
        "equal": {"senior": senior, "junior": make_agent(AgentConfig("junior"))},  # type: ignore[dict-item]
        "different": {"senior": senior, "junior": random_agent("gpt2", "sentencepiece", seed=1)},
    }
    each = -(-config.episodes // (len(RULES) * len(pairs)))
    problems = load_task("arithmetic").problems("test")
    compared = differ = 0
    largest = 0.0
    for unit in RULES:
        for kind, agents in pairs.items():
            jobs = [Job(problems[n], 0, parse(f"{unit}:p=0.5"), ("senior", "junior")) for n in range(each)]
            began = time.perf_counter()
            wanted = {e.id: e for e in ReferenceEngine(agents, seed=config.seed, limit=config.limit).episodes(jobs)}
            line = f"{unit:13}{kind:10} reference {time.perf_counter() - began:6.1f} s"
            for rows in config.batches:
                found = Tandem(agents, seed=config.seed, limit=config.limit, rows=rows).episodes(jobs)
                places = []
                for episode in found:
                    place = difference(wanted[episode.id], episode)
                    places += [place] if place else []
                    largest = largest if place else max(largest, gap(wanted[episode.id], episode))
                compared, differ = compared + len(wanted), differ + len(places)
                line += f"   batch {rows}: {len(places)} of {len(wanted)} differ"
                line += "".join(f"\n    {place}" for place in places)
            print(line, flush=True)
    print(f"{compared} comparisons of {each * len(RULES) * len(pairs)} episodes: {differ} differ;", end=" ")
    print(f"log-probabilities of the others differ by {largest:.1e} at most")


if __name__ == "__main__":
    run_command(main, EqualityConfig, prog="python -m benchmarks.equality")
