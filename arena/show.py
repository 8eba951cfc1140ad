"""Episodes and summaries for people: in colour on a terminal, with marks where there is no colour.

Text of models and people is never taken as markup or control codes: what would move a cursor or turn the direction of
writing is shown as a visible stand-in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from arena.episode import Episode
from arena.terminal import silence, visible

TABLE_WIDTH = 110
"""Columns below which the summary is shown as lines: a table would have to cut its words."""
COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")


class Screen(Console):
    """A console that takes no text for markup, has no styles where NO_COLOR is set, and outlives a closed pipe."""

    def __init__(self, *, stderr: bool = False):
        colours: Any = None if os.environ.get("NO_COLOR") else "auto"
        super().__init__(stderr=stderr, color_system=colours, highlight=False, emoji=False, markup=False)

    def tell(self, line: str) -> None:
        """Prints a line of text; on a terminal it is wrapped between words."""
        self.print(Text(line), soft_wrap=not self.is_terminal)

    def on_broken_pipe(self) -> None:
        """Shows nothing more; whoever writes goes on."""
        self.quiet = True
        silence(sys.stderr if self.stderr else sys.stdout)


def colour_of(name: str, names: list[str]) -> str:
    return COLOURS[names.index(name) % len(COLOURS)]


def episode_text(episode: Episode, colour: bool) -> Text:
    """The solution with its authors: by colour, or with ``[author]`` before each turn where there is none."""
    out = Text()
    for number, span in enumerate(episode.spans):
        words = visible(episode.text[span.start : span.end])
        frozen = number < (episode.prefix_spans or 0)
        if colour:
            out.append(words, style=colour_of(span.author, episode.authors) + (" dim" if frozen else ""))
        elif words:
            out.append(f"[{visible(span.author)}{' (prefix)' if frozen else ''}]{words}")
    return out


def show_episode(console: Console, episode: Episode) -> None:
    """Prints one episode: question, solution with its authors, verdict."""
    colour = console.color_system is not None
    console.print(Text(visible(f"{episode.id}  {episode.policy}"), style="dim"), soft_wrap=True)
    console.print(Text(visible(episode.question), style="bold"), soft_wrap=True)
    if colour:
        legend = Text()
        for name in episode.authors:
            legend.append(f"{visible(name)} ", style=colour_of(name, episode.authors))
        console.print(legend)
    console.print(episode_text(episode, colour), soft_wrap=not console.is_terminal)
    grade = episode.grade or {}
    mark = {"correct": "right", "wrong": "wrong"}.get(grade.get("verdict", ""), "unreadable")
    style = {"right": "green", "wrong": "red"}.get(mark, "yellow")
    said = visible(str(grade.get("answer") or "no answer"))[:80]
    end = "" if episode.ended == "end" else f"; ended by {episode.ended}"
    if episode.error:
        end += f": {visible(episode.error)}"
    console.print(
        Text(f"=> {said} is {mark} ({visible(str(grade.get('reason', '')))}){end}", style=style), soft_wrap=True
    )
    console.print()


def summary_table(summaries: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a condition."""
    table = Table(box=None, pad_edge=False)
    heads = (
        "condition",
        "episodes",
        "accuracy",
        "95% interval",
        "unreadable",
        "jargon",
        "handoffs",
        "words by",
        "tokens/s",
    )
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number in (0, 7) else "right")
    for condition, s in summaries.items():
        low, high = s["accuracy_ci95"]
        share = ", ".join(f"{visible(name)} {part:.0%}" for name, part in s["author_share"].items())
        cells = (
            visible(condition),
            str(s["episodes"]),
            f"{s['accuracy']:.1%}",
            f"{low:.1%} to {high:.1%}",
            str(s["unreadable"]),
            f"{s['jargon_rate']:.1%}",
            f"{s['handoffs_per_episode']:.1f}",
            share,
            f"{s['tokens_per_second']:.0f}",
        )
        table.add_row(*map(Text, cells))
    return table


def difficulty_lines(summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Accuracy by number of steps, a line a condition, where the task knows the steps."""
    lines = []
    for condition, s in summaries.items():
        steps = s["accuracy_by_difficulty"]
        cells = ", ".join(f"{number}: {one['accuracy']:.1%} of {one['episodes']}" for number, one in steps.items())
        if cells:
            lines.append(f"{visible(condition)}, accuracy by steps: {cells}")
    return lines


def plain_summary(summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The same as lines, for pipes and logs."""
    lines = []
    for condition, s in summaries.items():
        low, high = s["accuracy_ci95"]
        share = ", ".join(f"{visible(name)} {part:.1%}" for name, part in s["author_share"].items())
        lines.append(
            f"{visible(condition)}: episodes {s['episodes']}, accuracy {s['accuracy']:.3f} [{low:.3f}, {high:.3f}], "
            f"unreadable {s['unreadable']}, jargon {s['jargon_rate']:.3f}, handoffs {s['handoffs_per_episode']:.1f}, "
            f"words by {share or 'nobody'}, tokens/s {s['tokens_per_second']:.0f}"
        )
    return lines
