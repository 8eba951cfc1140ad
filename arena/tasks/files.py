"""Rows of local files: Parquet, JSON lines and JSON lists, one file or a folder of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from arena.tasks.base import TaskError
from arena.tasks.jsonl import read_objects
from arena.tasks.sets import COLUMNS

KINDS = (".parquet", ".jsonl", ".json")
_NO_PROBLEMS = frozenset(("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"))

Rows = Iterable[tuple[str, Mapping[str, Any]]]
"""(place for messages, row) in the original order."""


def problem_files(path: Path, what: str) -> list[Path]:
    """The file itself, or the files of problems in a folder and below it, by name; all of one kind."""
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in KINDS
        and file.name not in _NO_PROBLEMS
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    )
    if not found:
        raise TaskError(f"{what}: no file of problems in {path}; {', '.join(KINDS)} are read")
    kinds = sorted({file.suffix.lower() for file in found})
    if len(kinds) > 1:
        raise TaskError(f"{what}: {path} has {' and '.join(kinds)} files, perhaps of the same problems; name one file")
    return found


def stored_rows(path: Path, what: str) -> Rows:
    """The rows of a file. Raises TaskError naming the file, and the line or row where there is one."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _parquet(path, what)
    if kind not in KINDS:
        raise TaskError(f"{what}: cannot tell what {path} is by its name; {', '.join(KINDS)} are read")
    try:
        with path.open("rb") as file:
            listed = file.read(1000).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    except OSError as error:
        raise TaskError(f"{what}: cannot read {path} ({error.strerror})") from None
    if listed:
        return _listed(path)
    return ((place, found) for place, _, found in read_objects(path, what))


def _listed(path: Path) -> Rows:
    """A JSON file that is one list of objects."""
    try:
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise TaskError(f"{path}: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{path}: not a JSON list of objects ({str(error)[:80]})") from None
    for index, row in enumerate(found):
        if not isinstance(row, dict):
            raise TaskError(f"{path} row {index}: a JSON object is needed, not {type(row).__name__}")
        yield f"{path} row {index}", row


def _parquet(path: Path, what: str) -> Rows:
    """Only columns that mean something are read; the others are named in messages, so they come as None."""
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            used = [name for name in names if name.casefold() in COLUMNS]
            index = 0
            for batch in file.iter_batches(columns=used):
                # Without a column, a batch has rows and nothing in them.
                for row in batch.to_pylist() if used else [{}] * batch.num_rows:
                    yield f"{path} row {index}", dict.fromkeys(names) | row
                    index += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise TaskError(f"{what}: cannot read {path} as Parquet ({type(error).__name__})") from None
