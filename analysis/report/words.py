"""Numbers as a report says them."""

from __future__ import annotations

import math

from analysis.statistics import Estimate


def number(value: float, share: bool = True) -> str:
    """Three decimals for shares, one for counts; a dash for nothing."""
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if share else f"{value:,.1f}"


def interval(estimate: Estimate, share: bool = True) -> str:
    """[low, high]; words where it says nothing."""
    if len({value for _, value in estimate.each}) == 1 or math.isinf(estimate.low):
        return "(all alike)"  # which says nothing of how others would differ: the interval is all that is possible
    return f"[{number(estimate.low, share)}, {number(estimate.high, share)}]"


def said(estimate: Estimate, share: bool = True) -> str:
    """The value with its interval."""
    return f"{number(estimate.value, share)} {interval(estimate, share)}"


def signed(estimate: Estimate, share: bool = True) -> str:
    """A difference with its sign and interval."""
    sign = "+" if estimate.value > 0 else ""
    return f"{sign}{number(estimate.value, share)} {interval(estimate, share)}"


def p_value(p: float) -> str:
    return "p < .0001" if p < 1e-4 else f"p = {p:.2g}"


def counted(count: int, noun: str) -> str:
    """1 seed, 2 seeds, 1,000 problems."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def basis(estimate: Estimate) -> str:
    """What an interval is about."""
    few, crossed, many = estimate.unit.partition(" crossed with ")
    if crossed:
        both = sorted((counted(estimate.clusters, few), many), key=lambda part: part.endswith(("problem", "problems")))
        return f"over {' and '.join(both)}".replace("persons", "people")
    return f"over {counted(estimate.clusters, estimate.unit)}"


def who(condition: str) -> str:
    """A condition in words."""
    return f"{condition.removeprefix('solo:')} alone" if condition.startswith("solo:") else condition
