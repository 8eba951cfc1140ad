"""What the pictures have in common: colours, markers and how a figure becomes files, without pyplot's global state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#999999")
"""Okabe and Ito's, which the colour-blind tell apart; in grey they are told apart by line and marker."""
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


_FALLBACKS = ("Noto Sans Mono CJK SC", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "PingFang SC", "MS Gothic")


def fonts(first: str) -> list[str]:
    """``first`` and those fonts of this machine that have the scripts which it has not."""
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return [first, *(name for name in _FALLBACKS if name in there)]


def save(figure: Figure, out: Path) -> None:
    """Writes OUT.svg and OUT.png; the same figure gives the same bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "tandem-arena"}):
        figure.savefig(out.with_name(f"{out.name}.svg"), metadata={"Date": None})
        figure.savefig(out.with_name(f"{out.name}.png"), dpi=150)
