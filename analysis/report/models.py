"""Sections of measures that models make: legibility and drift, as ``python -m analysis.read`` has stored them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from analysis.arms import Arm
from analysis.matching import LENGTH, REPETITION, matched, shared_length
from analysis.reading_files import FOLDER, Place, Stored, kept, stored
from analysis.report.document import Grid, Section
from analysis.report.words import counted, who


def legibility(arms: Sequence[Arm], reference: Arm, *, seed: int) -> Section | None:
    """What readers needed for the solutions, with length and repetition beside it; arms compared where alike."""
    rows = list(chain.from_iterable(_rows(arm) for arm in arms))
    if not rows:
        return None
    head = (
        "arm", "seed", "text", "reader", "nats per token", "per character", "tokens", "repeated 4-grams", "compression",
        "drift: KL per token",
    )  # fmt: skip
    note = (
        "Legibility is a reader's mean surprisal per token of a solution, teacher forced; low is legible. It hangs on "
        "length and repetition, which stand beside it. Drift is KL(writer || reader), exact over the vocabulary, or "
        "the log ratio per character where the tokens differ. Intervals are over problems (docs/READINGS.md)."
    )
    grids = [Grid("legibility", "", head, tuple(rows), note)]
    if compared := list(_compared(arms, reference, seed)):
        beside = ("arm", "text", "reader", "plain", "same length", "same repetition", "same of both", "shared length")
        note = (
            f"{reference.label} minus arm, nats per token, mean over solutions, all seeds that have a reading. Same: "
            "coarsened exact matching (Iacus, King and Porro 2012); shared length: each pair over as many first tokens "
            "as both have. Intervals draw problems again; with small strata they are a little wide."
        )
        grids.append(Grid("legibility-matched", "Compared where alike", beside, tuple(compared), note))
    return Section("Legibility and drift", grids=tuple(grids))


def _there(arm: Arm) -> Iterator[tuple[int, dict[str, Any], Place]]:
    """(seed, figures, place) of every reading of an arm."""
    for run in arm.runs:
        folder = run.source / FOLDER
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            place = Place(path.with_suffix(".parquet"), path)
            if figures := kept(place):
                yield run.seed, figures, place


def _rows(arm: Arm) -> Iterator[tuple[str, ...]]:
    for seed, figures, _ in _there(arm):
        found = figures["legibility"]
        yield (
            arm.label,
            str(seed),
            _text(figures),
            figures["reader"]["name"],
            _with_interval(found, "nats_per_token"),
            _with_interval(found, "nats_per_character"),
            _number(found["tokens_per_solution"], 1),
            _number(found["repeated_ngrams"]),
            _number(found["compression"]),
            _drift(figures.get("drift")),
        )


def _compared(arms: Sequence[Arm], reference: Arm, seed: int) -> Iterator[tuple[str, ...]]:
    ours = _by_key(reference)
    for arm in arms:
        theirs = _by_key(arm) if arm is not reference else {}
        for key in (key for key in ours if key in theirs):
            a, b = ([row for one in found[key] for row in one.rows] for found in (theirs, ours))
            cells = [matched(a, b, on, seed=seed) for on in (LENGTH, REPETITION, LENGTH + REPETITION)]
            shared = shared_length(_nats(theirs[key]), _nats(ours[key]), seed=seed)
            plain = cells[0]
            yield (
                arm.label,
                *key,
                _limits(plain.unmatched_difference, plain.unmatched_ci95),
                *(
                    f"{_limits(one.difference, one.ci95)}, {counted(one.matched_a + one.matched_b, 'solution')}"
                    for one in cells
                ),
                _limits(shared.difference, shared.ci95),
            )


def _by_key(arm: Arm) -> dict[tuple[str, str], list[Stored]]:
    """Readings of an arm by (text, reader)."""
    out: dict[tuple[str, str], list[Stored]] = {}
    for _, figures, place in _there(arm):
        one = stored(place.figures.parent.parent, figures["reader"]["name"], figures["condition"], figures["step"])
        out.setdefault((_text(figures), figures["reader"]["name"]), []).append(one)
    return out


def _nats(found: Sequence[Stored]) -> dict[tuple[str, int], Any]:
    """Of all seeds: samples of a problem are numbered on."""
    out: dict[tuple[str, int], Any] = {}
    for number, one in enumerate(found):
        out |= {(problem, sample + 1_000_000 * number): nats for (problem, sample), nats in one.nats.items()}
    return out


def _text(figures: dict[str, Any]) -> str:
    step = figures.get("step")
    return who(figures["condition"]) + ("" if step is None else f", step {step}")


def _with_interval(found: dict[str, Any], name: str) -> str:
    return _limits(found[name], found.get(f"{name}_ci95"))


def _limits(value: float | None, limits: Sequence[float] | None) -> str:
    interval = f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else ""
    return f"{_number(value)}{interval}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _drift(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    if found.get("infinite_positions"):
        return f"infinite at {counted(found['infinite_positions'], 'place')}"
    if "kl_per_token" in found:
        return _with_interval(found, "kl_per_token")
    return f"log ratio {_with_interval(found, 'log_ratio_per_character')} per character"
