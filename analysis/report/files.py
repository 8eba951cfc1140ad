"""The files of a report: HTML, Markdown, and a folder with every table and picture, each whole or not at all."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from analysis.report.document import Document, Grid
from analysis.report.html import html
from analysis.report.markdown import markdown
from arena.command import check_file, fail
from arena.lines import replace_file

KINDS = (".csv", ".svg", ".png")
"""What is in a report's folder, and nothing else."""


def check_place(out: Path, *, force: bool) -> None:
    """Raises UserError, before anything is computed, for a place that cannot be written to."""
    folder = out.with_suffix("")
    if out.suffix != ".html":
        fail(f"--out {out}: name an HTML file, as report.html")
    if folder.exists() and not folder.is_dir():
        fail(f"--out {out}: there is something else of that name; choose another")
    there = list(folder.iterdir()) if folder.is_dir() else []
    if strange := next((one for one in sorted(there) if one.suffix not in KINDS or not one.is_file()), None):
        fail(
            f"--out {out}: its tables would go into {folder}, which holds other things ({strange.name}); choose another"
        )
    for path in (out, out.with_suffix(".md")):
        check_file("--out", path, force=force)
    if there and not force:
        fail(f"--out {out}: {folder} is there already; give --force to write over it, or choose another name")


def write(document: Document, out: Path) -> None:
    """OUT.html, OUT.md and OUT/. Raises UserError where the disk does not take them."""
    folder = out.with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
        for one in document.pictures:
            one.write(folder)
        for grid in document.grids:
            replace_file(folder / f"{grid.name}.csv", as_csv(grid).encode())
        replace_file(out.with_suffix(".md"), markdown(document, folder.name).encode())
        replace_file(out, html(document).encode())
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")


def as_csv(grid: Grid) -> str:
    """The table in numbers where it has them, else as it is read."""
    if grid.data is not None:
        text: str = grid.data.to_csv(index=False)
        return text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([grid.head, *grid.rows])
    return out.getvalue()
