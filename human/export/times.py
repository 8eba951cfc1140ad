"""How long a trial took by the wall, and how much of that nobody was there or had paused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from human.record import Event


@dataclass(frozen=True)
class Times:
    """Seconds by the wall, from when the person was asked first until the solution was over."""

    all: float
    paused: float
    """By the person itself."""
    halted: float
    """While the whole study was paused."""
    away: float
    """Without a screen: a lost connection, a window that was closed, a server that was down."""


def times(events: Sequence[Event], trial: str, halts: Sequence[Event] = ()) -> Times | None:
    """Of a trial that is over; None if the person was never asked. ``events`` are all of the person, ``halts`` those
    of the study."""
    mine = [event for event in events if event.trial == trial]
    begin = next((event.at for event in mine if event.kind == "shown"), None)
    ends = [event.at for event in mine if event.kind in ("turn", "over")] or [event.at for event in mine]
    if begin is None or ends[-1] < begin:
        return None
    end = ends[-1]
    paused = _inside(_spans(events, ("paused",), ("resumed", "over")), begin, end)
    halted = _inside(_spans(halts, ("study_paused",), ("study_resumed",)), begin, end)
    away = _inside([*_spans(events, ("gone",), ("joined", "restarted")), *_gaps(events)], begin, end)
    return Times(end - begin, paused, halted, away)


def _spans(events: Iterable[Event], opens: tuple[str, ...], closes: tuple[str, ...]) -> list[tuple[float, float]]:
    out, since = [], None
    for event in events:
        if event.kind in opens and since is None:
            since = event.at
        elif event.kind in closes and since is not None:
            out.append((since, event.at))
            since = None
    return out if since is None else [*out, (since, float("inf"))]


def _gaps(events: Sequence[Event]) -> list[tuple[float, float]]:
    """From the last that was recorded before the server went down, until somebody came back."""
    pairs = pairwise(events)
    return [(one.at, two.at) for one, two in pairs if two.kind == "restarted" and one.kind != "gone"]


def _inside(spans: Iterable[tuple[float, float]], begin: float, end: float) -> float:
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in spans)
