"""The files of an export: written into a folder of their own, which takes its place when it is whole."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arena.command import fail
from arena.episode import Episode
from human.export.codebook import TABLES, Column, markdown, rows

FREE_TEXT = "free_text"
UNREAD = "READ-BEFORE-RELEASE.free_text.csv"
MARK = "codebook.csv"
"""Whatever folder holds this was exported."""


def check_place(out: Path, *, force: bool) -> None:
    """Raises UserError, before anything is read, for a folder that must not be written."""
    try:
        if out.exists() and not out.is_dir():
            fail(f"--out {out}: is a file; name a folder")
        if out.is_dir() and any(out.iterdir()):
            if not (out / MARK).is_file():
                fail(f"--out {out}: holds other files; choose an empty or a new folder")
            if not force:
                fail(f"--out {out}: holds an export already; give --force to replace it, or choose another folder")
        parent = out.absolute().parent
        if not parent.is_dir():
            fail(f"--out {out}: there is no folder {parent}; make it first")
        if not os.access(parent, os.W_OK):
            fail(f"--out {out}: nothing may be written into {parent}; choose another folder")
    except OSError as error:
        fail(f"--out {out}: {error.strerror}")


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``out`` at the end, or is taken away. Only its owner can look into it."""
    out = out.absolute()
    new, old = (out.with_name(f".{out.name}.{what}") for what in ("new", "old"))
    for left in (new, old):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        new.mkdir(mode=0o700)
        yield new
        if out.exists():
            out.rename(old)
        new.rename(out)
    except OSError as error:
        if old.exists() and not out.exists():
            old.rename(out)
        fail(f"--out {out}: {error.strerror}")
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def write_run(folder: Path, config: dict[str, Any], episodes: Iterable[Episode], counts: Mapping[str, int]) -> int:
    """Episodes as a run, its summary and Parquet file; says how many there are."""
    import tomli_w

    from arena.lines import read_episodes
    from arena.measures import summary_of
    from arena.parquet import write_parquet

    (folder / "config.toml").write_bytes(tomli_w.dumps(config).encode())
    with (folder / "episodes.jsonl").open("wb") as file:
        count = 0
        for episode in episodes:
            file.write(episode.line())
            count += 1
    summary = {**summary_of(read_episodes(folder)), "people": dict(sorted(counts.items()))}
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    (folder / "summary.json").write_bytes(text.encode("utf-8", "replace"))
    write_parquet(folder)
    return count


def write_tables(folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]], *, free_text: bool) -> None:
    """Every table as Parquet and as CSV, and the codebook; what was typed freely as CSV alone, under a name that says
    what is to be done with it.
    """
    for name, (_, columns) in TABLES.items():
        found = tables.get(name, [])
        if name != FREE_TEXT:
            _write_csv(folder / f"{name}.csv", list(columns), found)
            _write_parquet(folder / f"{name}.parquet", columns, found)
        elif free_text:
            _write_csv(folder / UNREAD, list(columns), found)
    _write_csv(folder / MARK, list(rows()[0]), rows())
    (folder / "codebook.md").write_text(markdown(), encoding="utf-8")


def _write_csv(path: Path, columns: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows([_cell(row.get(name)) for name in columns] for row in found)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _write_parquet(path: Path, columns: Mapping[str, Column], found: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64(), "yes": pa.bool_()}
    schema = pa.schema([(name, types[one.type]) for name, one in columns.items()])
    table = [{name: _plain(row.get(name)) for name in columns} for row in found]
    pq.write_table(pa.Table.from_pylist(table, schema=schema), path)


def _plain(value: Any) -> Any:
    """Half a surrogate pair, which no Parquet text can hold, as a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
