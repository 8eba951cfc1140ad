"""Finding text: in the solution, the question or the id of an episode, whatever its case."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from human.replay.index import Row, Source


def hits(source: Source, rows: Iterable[Row], query: str) -> Iterator[Row]:
    """Those of the rows in which the query stands. Reads their lines from the file."""
    wanted = query.casefold()
    quoted = json.dumps(query, ensure_ascii=False)[1:-1].casefold()
    for row in rows:
        if wanted in row.id.casefold():
            yield row
        elif not row.broken:
            try:
                line = source.line(row)
            except OSError:  # the file system went away
                continue
            if _holds(line, wanted, quoted):
                yield row


def _holds(line: bytes, wanted: str, quoted: str) -> bool:
    """Most lines need not be parsed: where no character is written by its number, text stands as it is."""
    if b"\\u" not in line and b"\\/" not in line and quoted not in line.decode("utf-8", "replace").casefold():
        return False
    try:
        given = json.loads(line)
        return wanted in given["text"].casefold() or wanted in given["question"].casefold()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
