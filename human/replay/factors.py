"""The tokens of a turn as a table: how likely each was to its author, and to whoever read it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from analysis.shading import STEPS
from human.replay.beside import Heard
from human.replay.paint import Look
from human.replay.turns import Token, Turns

MOST = 2000
"""Tokens that are drawn of a turn."""
BARS, ASCII_BARS = " ▁▂▄▆█", " .:+*#"
"""By surprisal: below .5 nats, then from .5, 1, 2, 4 and 8 on."""
_NAME = 12


def table(opened: Turns | str | None, shown: int, look: Look, heard: Sequence[Heard] | None, hint: str) -> Text:
    """Of the last turn shown. ``heard`` is None while the readings are looked at; ``hint`` says how to make one."""
    if not isinstance(opened, Turns):
        return Text()
    if not shown:
        return Text("Nothing is written yet.", "italic")
    turn, span = opened.turns[shown - 1], opened.episode.spans[shown - 1]
    tokens = list(islice(opened.tokens(shown - 1), MOST))
    out = Text().append_text(look.signed(turn.author))
    if turn.prefix:
        out.append(": a prefix, in which nobody acts")
    elif span.token_ids is None:
        out.append(": writes text without tokens, so nothing is known of how likely it was")
    out.append("\n")
    # The author may have read it, too: who else did comes first.
    readers = sorted(heard or (), key=lambda one: one.reader == turn.author)
    wide = max([5, *(min(_NAME, cell_len(_spelled(token, look))) for token in tokens)])
    heads = ["author".rjust(8), "".ljust(8), *(look.name(one.reader, 9).rjust(10) for one in readers)]
    out.append("token".ljust(wide) + " " + "".join(heads).rstrip(), "dim").append("\n")
    others = [one.along((token.start, token.end) for token in tokens) for one in readers]
    for number, token in enumerate(tokens):
        out.append(set_cell_size(look.name(_spelled(token, look), wide), wide), look.author(turn.author))
        out.append(" ").append(_number(token.logprob, look)).append(_factor(token).ljust(8), "dim")
        for one, along in zip(readers, others, strict=True):
            out.append("  ").append(_number(one.end if token.kind == "ends" else along[number], look))
        out.append("\n")
    if (more := len(span.token_ids or ()) - MOST) > 0:
        out.append(f"({more:,} tokens more)\n", "dim italic")
    if heard is None:
        out.append("looking for readings ...", "dim italic")
    elif not readers:
        out.append(hint, "dim italic")
    return out


def _factor(token: Token) -> str:
    return f" {token.factor}" if token.factor else ""


def _spelled(token: Token, look: Look) -> str:
    if token.kind == "ends":
        return "(end)"
    if token.kind == "hands over":
        return "(unit over)"
    if token.kind == "partial":
        return "(part)"
    text = token.text[: 2 * _NAME].replace(" ", look.marks.sign("·", "_"))
    return text.replace("\n", look.marks.sign("↵", "\\n"))


def _number(value: float | None, look: Look) -> str:
    """A log-probability in eight cells, its last a bar: the taller, the less it was expected."""
    if value is None or value != value:
        return "-".rjust(6) + "  "
    bar = look.marks.sign(BARS, ASCII_BARS)[bisect_right(STEPS, -value)]
    return f"{min(value, 0.0) + 0.0:6.2f} {bar}"
