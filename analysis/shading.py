"""The legibility view: a solution in which every token is shaded by how much it surprises the reader.

Steps of surprisal rather than a continuous scale: they can be named in a legend, told apart in print, and set in marks
where there is no colour. One hue whose lightness changes is safe for every kind of colour blindness. Text is never
taken for markup, and no control character reaches the terminal or the page.
"""

from __future__ import annotations

import html
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rich.text import Text

from agents.plain import visible
from analysis.reading import NOWHERE, Reading

STEPS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Nats at which the next shade begins: probabilities of .61, .37, .14, .018 and .0003."""
MARKED = 3
"""Where there is no colour, shades from this one on are marked: surprisal of 2 nats or more."""
ENDS = "(end)"

LIGHT = ("#ffffff", "#fdeee0", "#fbd3ad", "#f5a968", "#dd7a2a", "#8f3f04")
"""Backgrounds by shade, on white; the text is black on all but the last."""
DARK = ("#16181d", "#33241a", "#573516", "#87500f", "#c27619", "#ffc27d")
"""On black; the text is white on the first four."""
PRINTED = (*LIGHT[:4], "#ec9145", "#cf6216")
"""On paper, where the text is black on all: a browser may leave backgrounds out."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the solution that belongs to one token (and to those before it that have no text of their own)."""

    text: str
    nats: float | None
    """Surprisal of its tokens; None for text that no token could be placed in."""
    entropy: float | None
    author: str
    prefix: bool = False
    barred: bool = False
    tokens: int = 1
    end: bool = False

    @property
    def shade(self) -> int:
        """0 to 5."""
        return 0 if self.nats is None else bisect_right(STEPS, self.nats)

    @property
    def told(self) -> str:
        """What the token's hint says."""
        if self.nats is None:
            return "no token of the reader's could be placed here"
        parts = [f"{self.nats:.2f} nats (p = {math.exp(-self.nats):.2g})"]
        if self.entropy is not None:
            parts.append(f"{self.entropy:.2f} expected")
        if self.tokens > 1:
            parts.append(f"{self.tokens} tokens")
        if self.barred:
            parts.append("never written by the reader")
        if self.prefix:
            parts.append("prefix")
        return ", ".join([*parts, f"by {self.author}"] if self.author else parts)


def pieces_of(reading: Reading) -> Iterator[Piece]:
    """The solution, whole and in order: what the tokens cover, what none covers, and the end."""
    seen, text, spans = reading.text, reading.text.episode.text, reading.text.episode.spans
    at, waiting = 0, 0  # tokens without text wait for the one that completes their character
    for n, (start, stop) in enumerate(zip(seen.starts, seen.stops, strict=True)):
        if start in (stop, NOWHERE):
            waiting = 0 if start == NOWHERE else waiting + 1
            continue
        if start > at:
            yield Piece(text[at:start], None, None, "")
        own = slice(n - waiting, n + 1)
        nats, entropy = float(reading.surprisal[own].sum()), float(reading.entropy[own].sum())
        author, barred = spans[seen.spans[n]].author, bool(reading.barred[own].any())
        yield Piece(text[max(at, start) : stop], nats, entropy, author, seen.prefix[n], barred, waiting + 1)
        at, waiting = max(at, stop), 0
    if at < len(text):
        yield Piece(text[at:], None, None, "")
    if seen.ended:
        author = spans[-1].author if spans else ""
        yield Piece(ENDS, float(reading.surprisal[-1]), float(reading.entropy[-1]), author, end=True)


def headline(reading: Reading, reader: str) -> str:
    """Whose surprise, at what, and how much of it there is."""
    episode, nats = reading.text.episode, reading.nats
    mean = f"{nats.mean():.3f} nats/token over {len(nats)} tokens" if len(nats) else "no tokens"
    return f"{episode.id} as {reader} reads it: {mean}"


def scale() -> list[str]:
    """What each shade means, in nats."""
    edges = [f"{edge:g}" for edge in STEPS]
    return [
        f"below {edges[0]}",
        *(f"{low} to {high}" for low, high in pairwise(edges)),
        f"{edges[-1]} or more",
    ]


def terminal(reading: Reading, *, colour: bool) -> Text:
    """The solution for a terminal, behind its legend: shaded, or with ``[token|nats]`` where there is no colour.

    Surprising white space is shown by a sign; a new line stays a new line.
    """
    out = Text()
    if colour:
        for shade, meaning in enumerate(scale()):
            out.append(f" {meaning} ", style=_style(shade))
        out.append(" nats\n\n")
    else:
        out.append(f"[token|nats] from {STEPS[MARKED - 1]:g} nats on; (prefix) was read and is in no figure\n\n")
    frozen = False
    for piece in pieces_of(reading):
        if piece.prefix != frozen:
            frozen = piece.prefix
            out.append("(prefix)", style="dim")
        words = visible(piece.text)
        if colour:
            style = _style(piece.shade) + (" dim italic" if piece.prefix else "")
            out.append(_signed(words, "↵\n") if piece.shade else words, style=style)
        elif piece.nats is not None and piece.shade >= MARKED:
            out.append(f"[{_signed(words, '↵')}|{piece.nats:.1f}]" + "\n" * (len(words) - len(words.rstrip("\n"))))
        else:
            out.append(words)
    return out


def _style(shade: int) -> str:
    return f"black on {LIGHT[shade]}" if 0 < shade < len(LIGHT) - 1 else f"white on {LIGHT[shade]}" if shade else ""


def _signed(text: str, line_break: str) -> str:
    """With signs for line breaks and for text that is nothing but spaces, so that a shade or mark can be seen on it."""
    return text.replace("\n", line_break) if text.strip(" ") else "·" * len(text)


_CSS = """
.reading { --ink: #000; --paper: #fff; --far: #fff; --near: #000; LIGHT
  color: var(--ink); background: var(--paper); font: 16px/2 ui-monospace, monospace; padding: 1em; }
.reading .legend { font: 13px/2 system-ui, sans-serif; margin: 0 0 1em; }
.reading .legend span { padding: .2em .6em; }
.reading .text { white-space: pre-wrap; overflow-wrap: anywhere; }
.reading .text span { padding: .15em 0; }
.reading .text span:hover { outline: 2px solid var(--ink); }
.reading [class*=s] { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.reading .nl::before { content: "\\21b5"; opacity: .6; }
.reading .prefix { font-style: italic; }
.reading .none { text-decoration: underline dotted; }
.reading .text .end { font: 12px/1 system-ui, sans-serif; padding: .2em .5em; margin-left: .5em; }
SHADES
@media (prefers-color-scheme: dark) { .reading { --ink: #fff; --paper: #16181d; --far: #000; DARK } }
@media print { .reading { --ink: #000; --paper: #fff; --far: #000; PRINTED }
  .reading .s3 { border-bottom: 1px solid #000; } .reading .s4 { border-bottom: 2px solid #000; }
  .reading .s5 { border-bottom: 4px solid #000; } }
"""
"""Colours are per page, light, dark or printed. Where backgrounds are not printed, lines below the text remain."""


def style_sheet() -> str:
    """The CSS that `fragment` needs, once a page; all of its rules are below ``.reading``."""
    sheet = _CSS
    for name, ramp in (("LIGHT", LIGHT), ("DARK", DARK), ("PRINTED", PRINTED)):
        sheet = sheet.replace(name, " ".join(f"--s{n}: {colour};" for n, colour in enumerate(ramp)))
    # A line of the page's colour keeps neighbours of one shade apart.
    shades = [
        f".reading .s{n} {{ background: var(--s{n}); box-shadow: inset -1px 0 var(--paper); }}"
        for n in range(1, len(LIGHT))
    ]
    shades.append(".reading .s4 { color: var(--near); } .reading .s5 { color: var(--far); }")
    return sheet.replace("SHADES", "\n".join(shades)).strip()


def fragment(reading: Reading, reader: str) -> str:
    """The solution as HTML: a legend, and a span a token with its figures in its title. It needs `style_sheet`."""
    legend = "".join(f'<span class="s{shade}">{meaning}</span>' for shade, meaning in enumerate(scale()))
    legend += " in italics: prefix, in no figure" * any(reading.text.prefix)
    tokens = "".join(_span(piece) for piece in pieces_of(reading))
    return (
        f'<div class="reading"><p class="legend">{_safe(headline(reading, reader))}<br>'
        f'surprisal in nats: {legend}</p>\n<div class="text">{tokens}</div></div>'
    )


def _span(piece: Piece) -> str:
    kinds = {"none": piece.nats is None, "prefix": piece.prefix, "end": piece.end}
    kinds |= {"nl": piece.text.startswith("\n") and piece.shade > 0}
    names = " ".join([f"s{piece.shade}", *(name for name, yes in kinds.items() if yes)])
    return f'<span class="{names}" title="{_safe(piece.told)}">{_safe(piece.text)}</span>'


def _safe(text: str) -> str:
    return html.escape(visible(text), quote=True)


def page(reading: Reading, reader: str) -> str:
    """A page of its own, with the question: nothing is fetched, and no script runs."""
    episode = reading.text.episode
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_safe(headline(reading, reader))}</title>\n<style>\n"
        "body { margin: 0; max-width: 60em; }\n"
        ".question { font: 15px/1.5 system-ui, sans-serif; white-space: pre-wrap; padding: 1em 1em 0; margin: 0; }\n"
        "@media (prefers-color-scheme: dark) { html { background: #16181d; color: #fff; } }\n"
        "@media print { html { background: #fff; color: #000; } }\n"
        f'{style_sheet()}\n</style></head>\n<body><p class="question">{_safe(episode.question)}</p>\n'
        f"{fragment(reading, reader)}\n</body></html>\n"
    )
