"""What the record knows of a person: how far it came, and what is unfinished."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from arena.reference import Begun
from human.messages import End, Give, Pen, Undo, Write
from human.record import BY_RESEARCHER, Event
from human.session.forms import Answers
from human.session.turns import span_of

Done = Write | End | Give | Undo | Pen
_DONE: dict[str, type[Done]] = {"write": Write, "end": End, "give": Give, "undo": Undo, "pen": Pen}


@dataclass
class Unfinished:
    """A trial in the middle."""

    begun: Begun = field(default_factory=Begun)
    done: list[tuple[Done, int]] = field(default_factory=list)
    """What was done since the last turn that counts, with how much was on the screen then."""
    acts: int = 0
    """How often the person acted in turns that are over."""
    shown: int = 0
    """Characters that were on the screen."""
    clock: float = 0.0
    """It stands when the solution is over (``begun.ended``)."""
    asked: float | None = None
    """On the clock: when the person was asked first."""
    extended: int = 0
    paused: bool = False
    """By the person, who has not gone on."""
    seconds: list[list[float]] = field(default_factory=list)
    """Of the person's turns: until the first action, and in all."""


@dataclass
class Past:
    """A person's past."""

    last: int = 0
    """The number of its last message."""
    at: float = 0.0
    """When something happened last."""
    answers: dict[str, Answers] = field(default_factory=dict)
    """By page."""
    trials: dict[str, Unfinished] = field(default_factory=dict)
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By trial that is over: whether it was practice, and its seconds."""
    messages: list[str] = field(default_factory=list)
    """From the researcher."""
    over: str = ""
    """How it ended for good."""
    left: bool = False
    """By going away: its place was closed."""


def past_of(events: Iterable[Event]) -> Past:
    """Reads a person's events, in order."""
    past = Past()
    for event in events:
        past.last = max(past.last, event.n or 0)
        if event.kind in BY_RESEARCHER:
            if event.kind == "message":
                past.messages.append(event.data["text"])
            continue
        past.at = event.at
        if event.kind == "answered":
            past.answers[event.data["page"]] = event.data["answers"]
        elif event.kind in ("finished", "declined", "left", "excluded"):
            past.over = event.kind
            past.left |= event.kind == "left"
        if event.trial:
            _in_trial(past, event)
    return past


def tick(past: Past, trial: str, clock: float) -> None:
    """The clock of a trial had come so far, if that is not over."""
    found = past.trials.setdefault(trial, Unfinished())
    if not found.begun.ended:
        found.clock = max(found.clock, clock)


def _in_trial(past: Past, event: Event) -> None:
    trial = past.trials.setdefault(event.trial, Unfinished())
    tick(past, event.trial, event.clock or 0.0)
    match event.kind:
        case "turn":
            span = span_of(event.data["turn"])
            pens = tuple((unit, name) for unit, name in event.data["pens"])
            trial.begun = Begun((*trial.begun.spans, span), pens)
            trial.acts += sum(not isinstance(message, Pen) for message, _ in trial.done)
            trial.done.clear()
            if "seconds" in event.data:
                trial.seconds.append(event.data["seconds"])
        case "over":
            pens = tuple((unit, name) for unit, name in event.data["pens"])
            trial.begun = Begun(trial.begun.spans, pens, event.data["ended"], event.data["error"])
            trial.done.clear()
            if "seconds" in event.data:
                trial.seconds.append(event.data["seconds"])
        case "did":
            given = dict(event.data)
            shown = given.pop("shown")
            trial.done.append((_DONE[given["type"]].model_validate({**given, "n": event.n}), shown))
            trial.shown = max(trial.shown, shown)
        case "shown":
            trial.shown = max(trial.shown, event.data["characters"])
            trial.asked = event.clock if trial.asked is None else trial.asked
        case "extended":
            trial.extended += 1
        case "paused" | "resumed":
            trial.paused = event.kind == "paused"
        case "episode":
            past.finished[event.trial] = {name: event.data[name] for name in ("practice", "seconds")}
        case _:
            pass
