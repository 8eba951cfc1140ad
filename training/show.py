"""What is seen of a run while it goes on: a table that stays in its place on a terminal, else a line a step."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from arena.terminal import say

BARS = "▁▂▃▄▅▆▇█"
WIDE = 40


def curve(values: list[float], width: int = WIDE) -> str:
    """Shares from 0 to 1 as a row of bars, the newest last; thinned evenly where there are more than ``width``."""
    if len(values) > width:
        values = [values[round(n * (len(values) - 1) / (width - 1))] for n in range(width)]
    return "".join(BARS[min(len(BARS) - 1, int(max(0.0, value) * len(BARS)))] for value in values)


def duration(seconds: float) -> str:
    """As 41 s, 7 min 05 s or 2 h 03 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class History:
    """What the two displays have in common: the lines so far, and how long the rest will take."""

    def __init__(self, senior: str):
        self.alone = f"solo:{senior}"
        self.step = self.steps = self.started = 0
        self.last: Mapping[str, Any] = {}
        self.evaluated: list[tuple[int, Mapping[str, Any]]] = []
        self.rewards: list[float] = []
        self._began = time.monotonic()

    def began(self, step: int, steps: int) -> None:
        self.step = self.started = step
        self.steps, self._began = steps, time.monotonic()

    def add(self, line: Mapping[str, Any]) -> None:
        self.step, self.last = line["step"], line
        if "accuracy" in line:
            self.rewards.append(line["accuracy"])
        if line.get("held_out"):
            self.evaluated.append((line["step"], line["held_out"]))

    def left(self) -> float | None:
        """Seconds until the end, at the speed so far."""
        done = self.step - self.started
        return (time.monotonic() - self._began) / done * (self.steps - self.step) if done else None

    def over_time(self, condition: str, measure: str) -> list[float]:
        return [found[condition][measure] for _, found in self.evaluated if condition in found]

    def speed(self) -> float:
        """Tokens a second of the last step's rollouts."""
        seconds = self.last.get("seconds", {}).get("rollout", 0.0)
        return self.last.get("tokens", 0) / seconds if seconds else 0.0


class Lines:
    """A line on standard error for each step: for pipes, logs and screen readers."""

    def __init__(self, senior: str):
        self.history = History(senior)

    def began(self, step: int, steps: int) -> None:
        self.history.began(step, steps)

    def stepped(self, line: Mapping[str, Any]) -> None:
        history = self.history
        history.add(line)
        parts = [f"step {line['step']}/{history.steps}"]
        if "accuracy" in line:
            parts.append(f"reward {line['accuracy']:.3f}")
            parts.append(f"{history.speed():,.0f} tokens/s")
        if found := line.get("held_out"):
            parts.append("held-out: " + ", ".join(_said(name, table) for name, table in found.items()))
        if (left := history.left()) is not None:
            parts.append(f"{duration(left)} left")
        say(", ".join(parts), sys.stderr)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass


def _said(name: str, table: Mapping[str, Any]) -> str:
    return f"{name} {table['accuracy']:.3f} (jargon {table['jargon_rate']:.3f})"


class Live:
    """A panel at the foot of a terminal, drawn again after every step."""

    def __init__(self, senior: str):
        from rich.live import Live as RichLive

        from arena.show import Screen

        self.history = History(senior)
        self._live = RichLive(console=Screen(stderr=True), auto_refresh=False, transient=False)

    def began(self, step: int, steps: int) -> None:
        self.history.began(step, steps)
        self._draw()

    def stepped(self, line: Mapping[str, Any]) -> None:
        self.history.add(line)
        self._draw()

    def _draw(self) -> None:
        from rich.table import Table

        history, last = self.history, self.history.last
        table = Table.grid(padding=(0, 2))
        left = history.left()
        table.add_row("step", f"{history.step} of {history.steps}" + (f", {duration(left)} left" if left else ""))
        if history.rewards:
            table.add_row("reward", f"{history.rewards[-1]:.3f}  {curve(history.rewards)}")
        for title, condition, measure in (
            ("solo accuracy", history.alone, "accuracy"),
            ("team accuracy", "team", "accuracy"),
            ("solo jargon", history.alone, "jargon_rate"),
        ):
            if values := history.over_time(condition, measure):
                table.add_row(title, f"{values[-1]:.3f}  {curve(values)}")
        if "tokens" in last:
            seconds = last["seconds"]
            spent = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items() if value >= 0.05)
            table.add_row("speed", f"{history.speed():,.0f} tokens/s ({spent})")
        self._live.update(table, refresh=True)

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()


class Silent:
    """For the processes that have no screen."""

    def began(self, step: int, steps: int) -> None: ...

    def stepped(self, line: Mapping[str, Any]) -> None: ...

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass
