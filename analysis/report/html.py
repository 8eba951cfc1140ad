"""A report as one HTML file that asks nobody for anything: styles and pictures are in it, and no script.

jinja2 escapes every text; pictures are our own SVG. Readable on a phone, in the dark and on paper.
"""

from __future__ import annotations

import base64
from importlib import resources

from analysis.report.document import Document, Example
from arena.episode import Episode
from arena.terminal import visible

AUTHORS = 6
"""Authors with a colour of their own in the template."""


def html(document: Document) -> str:
    """The whole file."""
    import jinja2

    text = (resources.files("analysis.report") / "template.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["visible"] = lambda given: visible(str(given))
    return environment.from_string(text).render(document=document, turns=turns, uri=uri, legend=legend)


def uri(svg: bytes) -> str:
    """A picture as an address: in an <img> nothing of it can act, and no two pictures share their names."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def legend(example: Example) -> list[tuple[str, int]]:
    """(author, number of its colour)."""
    return [(name, number % AUTHORS) for number, name in enumerate(example.episode.authors)]


def turns(episode: Episode) -> list[tuple[str, int, bool, str]]:
    """(author, number of its colour, part of a prefix, text) of every turn with text."""
    return [
        (
            span.author,
            episode.authors.index(span.author) % AUTHORS if span.author in episode.authors else AUTHORS - 1,
            number < (episode.prefix_spans or 0),
            visible(episode.text[span.start : span.end]),
        )
        for number, span in enumerate(episode.spans)
        if span.end > span.start
    ]
