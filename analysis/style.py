"""What the pictures have in common: colours, markers and how a figure becomes files, without pyplot's global state."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from arena.lines import replace_file

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


def rendered(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as SVG and as PNG; the same figure gives the same bytes. No text in it is taken for a formula."""
    import matplotlib
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    svg, png = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tandem-arena", "text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a script that no font here has is shown as boxes
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=150)
    return svg.getvalue(), png.getvalue()


def save(figure: Figure, out: Path) -> None:
    """Writes OUT.svg and OUT.png, each whole or not at all."""
    for kind, data in zip(("svg", "png"), rendered(figure), strict=True):
        replace_file(out.with_name(f"{out.name}.{kind}"), data)
