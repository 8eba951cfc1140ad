"""Runs for the tests of the replay viewer, put together by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from arena.episode import Episode, SpanRecord, episode_id

HOSTILE = "[red]x[/red] [@click=app.quit]y[/] \x1b[2J\x1b]0;title\x07 \u202eRTL\u2069 \ud800 \x00\r\t\x9b31m"
"""Markup, escape sequences, directions, half a surrogate pair, control characters."""


def episode(*turns: tuple[str, str], problem: str = "p/0", verdict: str = "correct", **more: Any) -> Episode:
    """An episode whose authors have one token a character."""
    text, spans, at = "".join(part for _, part in turns), [], 0
    for number, (author, part) in enumerate(turns):
        ends = list(range(at + 1, at + len(part) + 1))
        logprobs = [-0.25 * (n + 1) for n in range(len(part))]
        over = None if number == len(turns) - 1 else -0.5
        spans.append(SpanRecord(author, at, at + len(part), list(range(len(part))), ends, logprobs, over))
        at += len(part)
    given: dict[str, Any] = {
        "problem_id": problem,
        "sample": 0,
        "question": "How many?",
        "text": text,
        "spans": spans,
        "authors": ["senior", "junior"],
        "policy": "word:p=0.5",
        "seed": 0,
        "ended": "limit",
        "limit": 99,
        "grade": {"verdict": verdict, "answer": "12", "expected": "12", "reason": "equal numbers"},
        **more,
    }
    named = episode_id(given["problem_id"], given["sample"], given.get("condition", "team"), given.get("step"))
    return Episode(**{"id": named, **given})


def write(folder: Path, lines: Iterable[Episode | bytes]) -> Path:
    """A run of these lines."""
    folder.mkdir(exist_ok=True)
    data = [line if isinstance(line, bytes) else line.line() for line in lines]
    (folder / "episodes.jsonl").write_bytes(b"".join(data))
    return folder


def mixed() -> list[Episode | bytes]:
    """Right, wrong, unreadable, jargon, many handoffs, three conditions, broken lines."""
    often = [("senior" if n % 2 else "junior", f" w{n}") for n in range(23)]
    return [
        episode(("senior", "So 3 * 4"), ("junior", " = 12"), problem="p/0"),
        episode(("senior", "So <<3*4"), ("junior", " 13"), problem="p/1", verdict="wrong"),
        b"this is not JSON\n",
        episode(*often, problem="p/2", verdict="unreadable", step=7),
        episode(("senior", "Pens: 12"), problem="p/0", condition="solo:senior", policy="word:solo", authors=["senior"]),
        (json.dumps({"schema": 1, "id": "x", "text": "y"}) + "\n").encode(),
        episode(("junior", "ÉCLAIRS\nand more"), problem="p/3", verdict="wrong"),
    ]
