"""The legibility view: every token shaded by the reader's surprise, in a terminal and on a page."""

from __future__ import annotations

import dataclasses
import html.parser
import io
import re

import numpy as np
import pytest
from rich.console import Console

from agents.contract import Span
from analysis.reading import NOWHERE, Reading, see
from analysis.scoring import read
from analysis.shading import DARK, LIGHT, PRINTED, STEPS, Piece, fragment, page, pieces_of, scale, style_sheet, terminal
from arena.episode import Episode
from tests.models import embedded
from tests.stored import stored

HOSTILE = '<b>3</b> & "q" \x1b[31m\u202e [red]x[/red]\n蘋\n#### 36'


def reading_of(episode: Episode) -> Reading:
    agent = embedded("junior")
    return read(agent, [see(agent, "junior", episode)])[0]


def with_nats(text: str, *nats: float, ended: bool = False) -> Reading:
    """A reading of one letter a token, with these surprisals."""
    reading = reading_of(stored(Span("ann", text, ended=ended)))
    assert len(nats) == len(text) + ended == len(reading.surprisal)
    return dataclasses.replace(reading, surprisal=np.array(nats))


class Page(html.parser.HTMLParser):
    """The text of the solution on a page, and its titles, as a browser has them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.titles: list[str] = []
        self.text = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside |= ("class", "text") in attrs
        self.titles += [value or "" for name, value in attrs if name == "title"]

    def handle_data(self, data: str) -> None:
        self.text += data if self._inside else ""


def parsed(text: str) -> Page:
    found = Page()
    found.feed(text)
    return found


@pytest.mark.parametrize("text", ["She has 3 boxes.\n\n#### 36", "Café 蘋果 😀👍🏽 naïve", "", " \n ", HOSTILE])
@pytest.mark.parametrize("prefix", [None, 1])
def test_the_pieces_are_the_solution_and_all_of_its_nats(text: str, prefix: int | None) -> None:
    reading = reading_of(stored(Span("ann", "So "), Span("bob", text, ended=True), prefix=prefix))
    pieces = list(pieces_of(reading))
    assert "".join(piece.text for piece in pieces[:-1]) == reading.text.episode.text
    assert pieces[-1].end
    assert sum(piece.nats or 0 for piece in pieces) == pytest.approx(float(reading.surprisal.sum()))
    assert sum(piece.tokens for piece in pieces) == len(reading.surprisal)
    assert any(piece.prefix for piece in pieces) == (prefix is not None)


def test_text_that_no_token_was_placed_in_is_shown() -> None:
    reading = with_nats("abcd", 9.0, 9.0, 9.0, 9.0)
    seen = dataclasses.replace(reading.text, starts=[0, NOWHERE, 2, NOWHERE], stops=[1, NOWHERE, 3, NOWHERE])
    found = [(piece.text, piece.nats) for piece in pieces_of(dataclasses.replace(reading, text=seen))]
    assert found == [("a", 9.0), ("b", None), ("c", 9.0), ("d", None)]


def test_shades_are_the_steps_of_the_legend() -> None:
    at = [Piece("x", nats, None, "").shade for nats in (0, 0.49, 0.5, 1.99, 2, 4, 7.9, 8, 50)]
    assert at == [0, 0, 1, 2, 3, 4, 4, 5, 5]
    assert scale()[0] == "below 0.5"
    assert scale()[-1] == "8 or more"
    assert len(scale()) == len(STEPS) + 1 == len(LIGHT) == len(DARK) == len(PRINTED)


def test_what_a_token_says() -> None:
    assert Piece("x", 0.6931472, 0.25, "ann").told == "0.69 nats (p = 0.5), 0.25 expected, by ann"
    told = Piece("x", 3.0, None, "ann", prefix=True, barred=True, tokens=2).told
    assert told == "3.00 nats (p = 0.05), 2 tokens, never written by the reader, prefix, by ann"


def test_hostile_text_stays_text_on_the_page() -> None:
    reading = reading_of(stored(Span("<i>", HOSTILE, ended=True)))
    found = parsed(page(reading, 'j" onmouseover="x'))
    assert set(found.tags) <= {"html", "head", "meta", "title", "style", "body", "p", "div", "br", "span"}
    assert found.text.startswith('<b>3</b> & "q" ␛[31m<U+202E> [red]x[/red]\n蘋\n#### 36(end)')
    assert len(found.titles) == len(list(pieces_of(reading)))
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", page(reading, "j"))


def test_the_page_needs_nothing_from_elsewhere() -> None:
    found = page(reading_of(stored(Span("ann", "Two."))), "junior")
    assert not re.search(r"https?://|src=|url\(|@import|<script", found)
    assert "LIGHT" not in found
    assert "PRINTED" not in found
    assert "italics" not in found
    assert "in italics" in fragment(reading_of(stored(Span("ann", "Two."), Span("ann", "."), prefix=1)), "junior")


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_shades_are_one_ramp_of_lightness_and_text_is_readable_on_all() -> None:
    for ramp, inks in (
        (LIGHT, ["#000000"] * 5 + ["#ffffff"]),
        (DARK, ["#ffffff"] * 4 + ["#000000"] * 2),
        (PRINTED, ["#000000"] * 6),
    ):
        light = [luminance(colour) for colour in ramp]
        assert light in (sorted(light), sorted(light, reverse=True))
        for background, ink in zip(light, map(luminance, inks), strict=True):
            low, high = sorted((background, ink))
            assert (high + 0.05) / (low + 0.05) >= 4.5
    assert style_sheet().count("{") == style_sheet().count("}")


def shown(reading: Reading, *, colour: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=colour, color_system="truecolor" if colour else None, width=200)
    console.print(terminal(reading, colour=colour))
    return out.getvalue()


def test_a_terminal_without_colour_has_marks() -> None:
    reading = with_nats("abc\n", 0.1, 1.9, 2.0, 8.25, 3.0, ended=True)
    assert shown(reading, colour=False).partition("\n\n")[2] == "ab[c|2.0][↵|8.2]\n[(end)|3.0]\n"


def test_a_terminal_with_colour_has_shades() -> None:
    found = shown(with_nats("ab\n", 0.1, 2.5, 9.0), colour=True)
    legend, _, text = found.partition("nats\n")
    assert "below 0.5" in legend
    assert "\x1b[30;48;2;245;169;104mb" in text
    assert "a\x1b" in text
    assert "↵" in text


def test_hostile_text_cannot_reach_the_terminal() -> None:
    reading = reading_of(stored(Span("ann", HOSTILE, ended=True)))
    assert "\x1b" not in shown(reading, colour=False)
    assert "\x1b[31m" not in shown(reading, colour=True)
    assert "[red]a\n" in shown(with_nats("[red]a", *[0.0] * 6), colour=False)
