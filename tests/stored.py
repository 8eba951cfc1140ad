"""Stored solutions for tests of readings: played by models, or put together by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from agents.contract import Span
from agents.language_model import LanguageModel
from arena.engines import ReferenceEngine
from arena.episode import Episode, assemble, episode_id
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import load_task
from tests.models import embedded

PROBLEMS = load_task("arithmetic").problems("test")


def stored(
    *spans: Span, problem: str = "p/0", sample: int = 0, condition: str = "team", prefix: int | None = None, **more: str
) -> Episode:
    """An episode of these spans, the first ``prefix`` of them frozen; ``more`` are names of tokenisers by author."""
    text, records = assemble(spans)
    views = {name: {"tokeniser": digest} for name, digest in more.items()}
    return Episode(
        id=episode_id(problem, sample, condition),
        problem_id=problem,
        sample=sample,
        question="How many?",
        text=text,
        spans=records,
        authors=list(dict.fromkeys(span.author for span in spans)),
        policy="word:solo",
        seed=0,
        ended="end" if spans and spans[-1].ended else "limit",
        limit=256,
        condition=condition,
        prefix_spans=prefix,
        views=views,
    )


def written(agent: LanguageModel, author: str, *pieces: bytes, ended: bool = False) -> Span:
    """A span of an agent's own tokens, by their bytes."""
    own = agent.vocabulary
    ids = [own.pieces.index(piece) for piece in pieces] + [own.end] * ended
    spelled = (*pieces, b"") if ended else pieces
    return Span(author, "", tuple(ids), spelled, (-1.0,) * len(ids), None, ended, own.digest)


def played(agents: Mapping[str, LanguageModel], handoff: str, count: int, *, limit: int = 60) -> list[Episode]:
    """Some episodes by the reference loop."""
    jobs = [Job(PROBLEMS[n], 0, parse(handoff), tuple(agents)) for n in range(count)]
    return list(ReferenceEngine(agents, seed=2, limit=limit).episodes(jobs))


@lru_cache(maxsize=4)
def alone(name: str, count: int) -> Sequence[Episode]:
    """Solutions of an embedded model, drawn at temperature 1."""
    from arena.torch_engine.engine import TorchEngine

    engine = TorchEngine({name: embedded(name)}, seed=5, limit=256, batch_size=64)
    jobs = [Job(PROBLEMS[n], 0, parse("word:solo"), (name,), condition=f"solo:{name}") for n in range(count)]
    return sorted(engine.episodes(jobs), key=lambda episode: PROBLEMS_AT[episode.problem_id])


PROBLEMS_AT = {PROBLEMS[n].id: n for n in range(1000)}
