"""One reader's reading of one condition of a run: what it is made of, how it is made, where it is kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.drift import drift, log_ratio, same_text
from analysis.drift import summary as drift_summary
from analysis.legibility import legibility, summary
from analysis.readers import Loaded, seen_by, unlike_the_writer, versions_of
from analysis.reading import SeenText
from analysis.reading_files import Place, episodes_digest, keep, kept
from analysis.scoring import Budget, read
from arena.episode import Episode

PLAIN = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
"""The sampling under which texts of the writer's estimate its divergence."""


class ReadingError(ValueError):
    """The solutions cannot be read as asked; the message says why."""


@dataclass(frozen=True)
class Job:
    """What is read, and by whom."""

    run: Path
    agents: Mapping[str, Loaded]
    """By name: the reader, and the writer where drift is asked for."""
    reader: str
    writer: str
    """Who wrote all of them alone, for drift; else nothing."""
    condition: str
    step: int | None
    episodes: Sequence[Episode]
    seed: int

    @property
    def place(self) -> Place:
        return Place.of(self.run, self.reader, self.condition, self.step)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the figures depend on: what is stored with them, and compared before they are made again."""
        return {
            "reader": self.agents[self.reader].record(self.reader),
            "writer": self.agents[self.writer].record(self.writer) if self.writer else None,
            "condition": self.condition,
            "step": self.step,
            "episodes": {"count": len(self.episodes), "digest": episodes_digest(self.episodes)},
            "seed": self.seed,
        }

    def kept(self) -> dict[str, Any] | None:
        """The figures that are in this place, of whatever inputs."""
        return kept(self.place)

    def changed(self, before: dict[str, Any]) -> str:
        """Which of its inputs figures were not made of; nothing if they are all the same.

        A drift more than is asked for is no change; one that is lacking is the change of ``writer``, the last of all.
        """
        names = [name for name in self.inputs if name != "writer"] + ["writer"] * bool(self.writer)
        return next((name for name in names if before.get(name) != self.inputs[name]), "")


def make(job: Job, budget: Budget, advance: Callable[[int, int], None] = lambda tokens, total: None) -> dict[str, Any]:
    """Reads, sums up and stores; returns the figures. ``advance`` is told how many tokens were done, and the total.

    Raises ReadingError, AgentError for a model that gives no numbers, and StoreError.
    """
    job.place.check()
    views, left_out = _views(job)
    model = job.agents[job.reader].model
    writer = job.agents[job.writer].model if job.writer else None
    equal = writer is not None and writer.vocabulary.digest == model.vocabulary.digest
    targets = sum(text.targets for text in views[job.reader])
    total = targets * (1 + equal) + sum(text.targets for text in views.get(job.writer, ()))

    def on(tokens: int) -> None:
        advance(tokens, total)

    readings = read(model, views[job.reader], budget=budget, advance=on)
    rows = [asdict(legibility(reading, job.reader)) for reading in readings]
    figures = {**job.inputs, "left_out": dict(left_out), "legibility": summary(readings, job.reader, seed=job.seed)}
    drifts = drifted = None
    if writer is not None:
        own = views[job.writer]
        by_writer = read(writer, own, budget=budget, advance=on)
        drifts = drift(writer, model, own, views[job.reader], budget=budget, advance=on) if equal else None
        for n, row in enumerate(rows):
            row["log_ratio"] = log_ratio(by_writer[n], readings[n])
            mean = drifts[n].kl.mean() if drifts and len(drifts[n].kl) else math.nan
            row["kl_per_token"] = float(mean) if math.isfinite(mean) else None
        sampling = [{name: text.episode.views[job.writer].get(name) for name in PLAIN} for text in own]
        drifted = {
            **drift_summary(drifts, by_writer, readings, seed=job.seed),
            "writer_sampling": sampling[0],
            "log_ratio_estimates_kl": all(one == PLAIN for one in sampling),
        }
    figures |= {"drift": drifted, "solutions": rows, "versions": versions_of()}
    return keep(job.place, figures, readings, drifts, model)


def _views(job: Job) -> tuple[dict[str, list[SeenText]], Counter[str]]:
    """What reader and writer see of the solutions that both can see, in order, and how many were left out, and why."""
    model = job.agents[job.reader].model
    seen, left_out = seen_by(model, job.reader, job.episodes)
    views = {job.reader: list(seen.values())}
    if job.writer:
        writer = job.agents[job.writer].model
        own, _ = seen_by(writer, job.writer, job.episodes)
        if other := unlike_the_writer(job.writer, writer, list(own.values())):
            raise ReadingError(
                f"{job.writer!r} has other {other} here than when it wrote {job.condition}; "
                f"define that one, as by --agent {job.writer}=hf:RUN/checkpoints/step-000060"
            )
        equal = model.vocabulary.digest == writer.vocabulary.digest
        both = [i for i in seen if i in own and (not equal or same_text(own[i], seen[i]))]
        if len(both) < len(seen):
            left_out["not seen alike by the writer"] = len(seen) - len(both)
        views = {job.reader: [seen[i] for i in both], job.writer: [own[i] for i in both]}
    if not views[job.reader]:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise ReadingError(f"none of the solutions of {job.condition} can be read: {why}")
    return views, left_out
