"""Legibility: how many nats a reader needs for a solution, with its length and repetition beside it.

Legibility is the reader's mean surprisal per token of a solution that another wrote (`analysis.reading`), teacher
forced; low is legible. It depends on length (a reader learns from a text as it goes on, or loses the thread) and on
repetition (what was said once is cheap to say again), so both stand beside it; `analysis.matching` compares what has
the same of both.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from agents.units import words
from analysis.reading import Numbers, Reading
from analysis.resampling import ratio_interval

NGRAM = 4


@dataclass(frozen=True)
class Legibility:
    """One solution as one reader reads it. A prefix and the end are in no figure but ``end_nats``."""

    id: str
    problem_id: str
    sample: int
    condition: str
    step: int | None
    reader: str
    tokens: int
    """Tokens of the reader."""
    characters: int
    words: int
    nats: float
    """Surprisal in all, in nats."""
    nats_per_token: float | None
    """The reader's legibility of it; None for a solution without tokens."""
    nats_per_character: float | None
    """The same per character: it can be compared between readers of different tokenisers."""
    unmasked_nats_per_token: float | None
    """Under the softmax over all ids, those included that the reader never draws."""
    entropy_per_token: float | None
    """Nats: what the reader would need on average if it had drawn these tokens itself."""
    end_nats: float | None
    """Surprisal of the end; None where the solution was cut off."""
    barred: int
    """Tokens that the reader could never write."""
    inexact: int
    """Stretches of text that its tokeniser cannot spell."""
    repeated_ngrams: float | None
    """seq-rep-4: share of 4-grams of tokens that stood in the solution before; None below four tokens."""
    compression: float | None
    """Bytes of the text compressed by zlib (level 9) over its bytes; above 1 for very short texts."""
    verdict: str | None
    """Of the solution's grade."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Legibility:
        """Of a stored row, which may hold more (figures of drift)."""
        return cls(**{one.name: row[one.name] for one in fields(cls)})


def legibility(reading: Reading, reader: str) -> Legibility:
    """The figures of one solution."""
    seen, episode = reading.text, reading.text.episode
    counted = seen.counted
    frozen = episode.spans[: episode.prefix_spans or 0]
    text = episode.text[frozen[-1].end if frozen else 0 :]
    nats, tokens = float(reading.nats.sum()), int(counted.sum())

    def per_token(values: Numbers) -> float | None:
        return float(values[: len(counted)][counted].mean()) if tokens else None

    return Legibility(
        id=episode.id,
        problem_id=episode.problem_id,
        sample=episode.sample,
        condition=episode.condition,
        step=episode.step,
        reader=reader,
        tokens=tokens,
        characters=len(text),
        words=words(text),
        nats=nats,
        nats_per_token=per_token(reading.surprisal),
        nats_per_character=nats / len(text) if text else None,
        unmasked_nats_per_token=per_token(reading.unmasked),
        entropy_per_token=per_token(reading.entropy),
        end_nats=reading.end_nats,
        barred=int(reading.barred[: len(counted)][counted].sum()),
        inexact=seen.inexact,
        repeated_ngrams=repeated_ngrams(np.array(seen.tokens, dtype=np.int64)[counted].tolist()),
        compression=compression(text),
        verdict=(episode.grade or {}).get("verdict"),
    )


def repeated_ngrams(tokens: Sequence[int], n: int = NGRAM) -> float | None:
    """1 - different n-grams / n-grams: seq-rep-n of Welleck et al. (2020). None where there is no n-gram."""
    grams = [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else None


def compression(text: str) -> float | None:
    """Compressed over plain bytes: low where a text repeats itself at any distance. None without text."""
    data = text.encode("utf-8", "replace")
    return len(zlib.compress(data, 9)) / len(data) if data else None


def first_tokens(readings: Iterable[Reading], length: int) -> tuple[float | None, int]:
    """Nats per token over the first ``length`` tokens, and how many solutions have as many: the others are left out."""
    some = [reading.nats[:length] for reading in readings if len(reading.nats) >= length]
    return (float(np.concatenate(some).mean()) if some and length else None), len(some)


def summary(readings: Sequence[Reading], reader: str, *, seed: int) -> dict[str, Any]:
    """The figures of a set of solutions, as `analysis.read` stores them; None for what there is nothing to say of.

    ``nats_per_token`` is over all tokens alike, ``nats_per_token_of_solutions`` the mean of the solutions' own means;
    the 95% intervals keep the solutions of a problem together, and ``seed`` decides how problems are drawn again.
    """
    rows = [legibility(reading, reader) for reading in readings]
    full = [row for row in rows if row.nats_per_token is not None]
    problems = [row.problem_id for row in full]
    sizes = np.array([(row.tokens, row.characters, 1) for row in full], dtype=float).reshape(-1, 3)
    nats = np.array([row.nats for row in full])

    def mean(name: str) -> float | None:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        return float(np.mean(values)) if values else None

    def weighed(name: str) -> float | None:
        """Of figures per token: over all tokens alike."""
        return float(np.average([getattr(row, name) for row in full], weights=sizes[:, 0])) if full else None

    return {
        "solutions": len(rows),
        "problems": len({row.problem_id for row in rows}),
        "empty": len(rows) - len(full),
        "cut_off": sum(row.end_nats is None for row in rows),
        "tokens": sum(row.tokens for row in rows),
        "nats_per_token": weighed("nats_per_token"),
        "nats_per_token_ci95": ratio_interval(problems, nats, sizes[:, 0], seed=seed),
        "nats_per_token_of_solutions": mean("nats_per_token"),
        "nats_per_token_of_solutions_ci95": ratio_interval(problems, nats / sizes[:, 0], sizes[:, 2], seed=seed),
        "nats_per_character": float(nats.sum() / sizes[:, 1].sum()) if full else None,
        "unmasked_nats_per_token": weighed("unmasked_nats_per_token"),
        "entropy_per_token": weighed("entropy_per_token"),
        "end_nats": mean("end_nats"),
        "nats_per_solution": mean("nats"),
        "tokens_per_solution": mean("tokens"),
        "words_per_solution": mean("words"),
        "characters_per_solution": mean("characters"),
        "repeated_ngrams": mean("repeated_ngrams"),
        "compression": mean("compression"),
        "by_author": by_author(readings),
        "barred_tokens": sum(row.barred for row in rows),
        "inexact_solutions": sum(row.inexact > 0 for row in rows),
        "first_tokens": first_tokens_table(readings),
    }


def by_author(readings: Iterable[Reading]) -> dict[str, dict[str, float]]:
    """Tokens and nats per token of each author: a team's figure is a mixture of theirs, the reader's own among them."""
    found: dict[str, list[float]] = {}
    for reading in readings:
        spans, seen = reading.text.episode.spans, reading.text
        for span, nats, counted in zip(
            seen.spans, reading.surprisal, seen.counted, strict=False
        ):  # the end is left out
            if counted:
                found.setdefault(spans[span].author, []).append(float(nats))
    return {name: {"tokens": len(nats), "nats_per_token": float(np.mean(nats))} for name, nats in found.items()}


def first_tokens_table(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """`first_tokens` for 8, 16, 32, ... as far as any solution goes: the same places in a text, whatever its length."""
    longest, length, rows = max((len(reading.nats) for reading in readings), default=0), 8, []
    while length <= longest:
        value, count = first_tokens(readings, length)
        rows.append({"tokens": length, "solutions": count, "nats_per_token": value})
        length *= 2
    return rows
