"""A report in Markdown. What models and people wrote cannot become markup: it stands in fences that it lacks itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from analysis.report.document import Document, Example, Grid
from arena.terminal import visible

LINE = "\u240a"
"""A line break that breaks no line."""


def markdown(document: Document, pictures: str) -> str:
    """The report; its pictures are linked to as PICTURES/NAME.svg."""
    return "\n".join(_lines(document, pictures)) + "\n"


def _lines(document: Document, pictures: str) -> Iterator[str]:
    yield f"# {plain(document.title)}\n"
    for sentence in document.answer:
        yield f"**{plain(sentence)}**\n"
    for section in document.sections:
        yield f"## {plain(section.title)}\n"
        for sentence in section.sentences:
            yield f"{plain(sentence)}\n"
        for item in section.items:
            yield f"- {plain(item)}"
        if section.items:
            yield ""
        for grid in section.grids:
            yield from table(grid)
        for one in section.pictures:
            yield f"![{plain(one.title)}]({quote(f'{pictures}/{one.name}.svg')})\n"
            yield f"{plain(one.caption)} Numbers: {plain(f'{pictures}/{one.name}.csv')}.\n"
        for example in section.examples:
            yield from _example(example)
        if section.code:
            yield "".join(f"    {visible(line).replace(chr(10), LINE)}\n" for line in section.code)
    yield plain(document.made)


def table(grid: Grid) -> Iterator[str]:
    """A table with its title and note."""
    if grid.title:
        yield f"{plain(grid.title)}\n"
    for row in (grid.head, ("---",) * len(grid.head), *grid.rows):
        yield "|" + "|".join(f" {cell if row[0] == '---' else plain(cell)} " for cell in row) + "|"
    yield ""
    if grid.note:
        yield f"{plain(grid.note)}\n"


def _example(example: Example) -> Iterator[str]:
    episode = example.episode
    yield f"### {plain(example.title)}\n"
    yield f"{plain(example.rule)}\n"
    spans = "".join(f"[{span.author}]{episode.text[span.start : span.end]}" for span in episode.spans)
    text = visible(f"{episode.question}\n\n{spans}")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield f"{fence}\n{text}\n{fence}\n"
    grade = episode.grade or {}
    yield f"{plain(str(grade.get('verdict')))}: {plain(str(grade.get('reason', '')))}\n"


def plain(text: str) -> str:
    """Text in which nothing is markup, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(visible(text).split()))
