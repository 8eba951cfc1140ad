"""The figures of a reading in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """What `analysis.read` prints of the figures that it stores."""
    found, reader = figures["legibility"], figures["reader"]["name"]
    step = "" if figures["step"] is None else f" at step {figures['step']}"
    yield (
        f"{reader} reads {figures['condition']}{step}: {_many(found['solutions'], 'solution')} of "
        f"{_many(found['problems'], 'problem')}, {found['tokens']:,} tokens"
    )
    if figures["left_out"]:
        yield "left out: " + ", ".join(f"{count} {reason}" for reason, count in figures["left_out"].items())
    yield (
        f"legibility: {_number(found, 'nats_per_token')} nats/token; mean of the solutions "
        f"{_number(found, 'nats_per_token_of_solutions')}; {_number(found, 'nats_per_character')} nats/character; "
        f"the end {_number(found, 'end_nats')}"
    )
    yield (
        f"beside it: {_number(found, 'tokens_per_solution', 1)} tokens a solution, "
        f"repeated 4-grams {_number(found, 'repeated_ngrams')}, compression {_number(found, 'compression')}, "
        f"expected {_number(found, 'entropy_per_token')} nats/token"
    )
    if found["first_tokens"]:
        cells = (
            f"{row['tokens']}: {row['nats_per_token']:.3f} ({row['solutions']})"
            for row in found["first_tokens"]
            if row["nats_per_token"] is not None
        )
        yield "nats/token over the first tokens (solutions as long): " + ", ".join(cells)
    if len(found["by_author"]) > 1:
        parts = (
            f"{name} {one['nats_per_token']:.3f} nats/token ({one['tokens']:,} tokens)"
            for name, one in found["by_author"].items()
        )
        yield "by author: " + ", ".join(parts)
    if found["barred_tokens"] or found["inexact_solutions"]:
        yield (
            f"{_many(found['barred_tokens'], 'token')} that {reader} never writes, "
            f"{_many(found['inexact_solutions'], 'solution')} that it cannot spell"
        )
    if drift := figures["drift"]:
        yield from _drift(drift, figures["writer"]["name"], reader)


def _drift(drift: dict[str, Any], writer: str, reader: str) -> Iterator[str]:
    if "kl_per_token" in drift:
        said = f"drift: KL({writer} || {reader}) {_number(drift, 'kl_per_token')} nats/token"
        if drift["infinite_positions"]:
            said = f"drift: KL({writer} || {reader}) is infinite at {drift['infinite_positions']:,} positions"
        yield f"{said}, over {drift['positions']:,} positions"
        if drift["mass_only_writer"] or drift["mass_only_reader"]:
            yield (
                f"of tokens that only one of them draws, {writer} gives its own {drift['mass_only_writer']:.2g}, "
                f"{reader} its own {drift['mass_only_reader']:.2g}"
            )
    else:
        yield f"drift: {writer} and {reader} have other tokens, so there is no KL per token"
    yield (
        f"log p_{writer} / p_{reader}: {_number(drift, 'log_ratio_per_character')} nats/character, "
        f"{_number(drift, 'log_ratio_per_word')} nats/word"
    )


def _number(found: dict[str, Any], name: str, digits: int = 3) -> str:
    """A figure with its interval, where it has one."""
    if found[name] is None:
        return "-"
    ci = found.get(f"{name}_ci95")
    interval = f" [{ci[0]:.{digits}f}, {ci[1]:.{digits}f}]" if ci else ""
    return f"{found[name]:.{digits}f}{interval}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
