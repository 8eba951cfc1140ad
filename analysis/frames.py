"""A stored run as tidy pandas frames: what a notebook begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.units import words
from analysis.columns import METRICS, SPANS, TOKENS
from analysis.stored import Broken, Made, episodes_file, fitting, frame, parsed, read_table, settled
from arena.episode import Episode, EpisodeError
from arena.lines import read_lines
from arena.store import read_config

if TYPE_CHECKING:
    import pandas as pd

_LOT = 2000  # episodes that are kept as rows of Python objects


@dataclass(frozen=True)
class Frames:
    """The episodes of a run. Columns are described in `analysis.columns`."""

    run: Path
    config: dict[str, Any]
    """As the run was resolved; empty for an episodes file on its own."""
    episodes: pd.DataFrame
    broken: list[Broken]
    """Lines that hold no episode: they are in no frame."""
    made: Made
    """What made the episodes: versions, weights, tokenisers."""

    @cached_property
    def spans(self) -> pd.DataFrame:
        """A row a turn, in order."""
        return self._collected(SPANS, _spans)

    @cached_property
    def tokens(self) -> pd.DataFrame:
        """A row a token of language models, in order."""
        return self._collected(TOKENS, _tokens)

    @property
    def metrics(self) -> pd.DataFrame:
        """A row a figure of a training run; empty for others."""
        return self._metrics[0]

    @property
    def broken_metrics(self) -> list[Broken]:
        """Lines of metrics that hold none: they are not among `metrics`."""
        return self._metrics[1]

    @cached_property
    def _metrics(self) -> tuple[pd.DataFrame, list[Broken]]:
        return metrics_of(self.run)

    def texts(self) -> dict[str, str]:
        """Every solution by the id of its episode."""
        return {episode.id: episode.text for episode in self._each()}

    def _each(self) -> Any:
        for _, found in parsed(episodes_file(self.run)):
            if isinstance(found, Episode):
                yield found

    def _collected(self, columns: dict[str, tuple[str, str]], rows_of: Any) -> pd.DataFrame:
        parts, rows = [], []
        for number, episode in enumerate(self._each(), start=1):
            rows += rows_of(episode)
            if number % _LOT == 0:
                parts.append(frame(rows, columns))
                rows = []
        return settled([*parts, frame(rows, columns)], columns)


def load(run: Path | str, *, jobs: int = 1) -> Frames:
    """The frames of a run's folder, or of an episodes file. Raises StoreError if there is none.

    ``jobs`` processes read (a script that asks for more than one needs ``if __name__ == "__main__":``).
    """
    run = Path(run)
    table = read_table(run, jobs=jobs)
    config = read_config(run) if (run / "config.toml").is_file() else {}
    return Frames(run, config, table.episodes, table.broken, table.made)


def metrics_of(run: Path) -> tuple[pd.DataFrame, list[Broken]]:
    """A row a figure of a training run's folder (`columns.METRICS`), none for others; and the lines that hold none."""
    path, rows, at = run / "metrics.jsonl", [], []
    broken = []
    for number, line in read_lines(path) if path.is_file() else ():
        try:
            found = _figures(line)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            broken.append(Broken(path, number, str(line) if isinstance(line, EpisodeError) else f"no metrics: {error}"))
            continue
        rows += found
        at += [number] * len(found)
    whole, unfit = fitting(rows, METRICS)
    broken += [Broken(path, at[n], f"no metrics: {why}") for n, why in unfit.items()]
    return settled([whole], METRICS), broken


def _spans(episode: Episode) -> list[tuple[Any, ...]]:
    rows = []
    for number, span in enumerate(episode.spans):
        text = episode.text[span.start : span.end]
        factors = [*(span.logprobs or ()), *([] if span.end_logprob is None else [span.end_logprob])]
        rows.append(
            (
                episode.id,
                number,
                span.author,
                span.start,
                span.end,
                text,
                number < (episode.prefix_spans or 0),
                None if span.token_ids is None else len(span.token_ids),
                words(text),
                sum(factors) if factors else None,
                bool(span.cut),
            )
        )
    return rows


def _tokens(episode: Episode) -> list[tuple[Any, ...]]:
    rows = []
    for number, span in enumerate(episode.spans):
        at = span.start
        factors: list[float] | list[None] = span.logprobs or [None] * len(span.token_ids or ())
        prefix = number < (episode.prefix_spans or 0)
        drawn = zip(span.token_ids or (), span.token_ends or (), factors, strict=True)
        for place, (token, end, logprob) in enumerate(drawn):
            text = episode.text[at:end]
            rows.append((episode.id, number, place, span.author, token, at, end, text, logprob, prefix))
            at = end
    return rows


def _figures(line: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(step, split, condition, measure, value) of a line of metrics; what is not one number is left to the file."""
    step = line.get("step", 0)
    rows = [(step, "train", "team", measure, value) for measure, value in _numbers(line) if measure != "step"]
    for condition, table in (line.get("held_out") or {}).items():
        rows += [(step, "held-out", condition, measure, value) for measure, value in _numbers(table)]
    return rows


def _numbers(table: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for measure, value in table.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield measure, float(value)


def described(columns: dict[str, tuple[str, str]]) -> str:
    """The columns as a table in Markdown."""
    lines = [f"| `{name}` | {dtype} | {meaning} |" for name, (dtype, meaning) in columns.items()]
    return "\n".join(["| column | type | |", "|---|---|---|", *lines]) + "\n"
