"""A finished run as one Parquet file that pandas, `datasets` and DuckDB read."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from arena.episode import Episode
from arena.lines import read_episodes, replaced

_BATCH = 1000


def _schema() -> Any:
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int64(), pa.float64()
    span = pa.struct(
        [
            ("author", text),
            ("start", whole),
            ("end", whole),
            ("token_ids", pa.list_(whole)),
            ("token_ends", pa.list_(whole)),
            ("logprobs", pa.list_(real)),
            ("end_logprob", real),
            ("partial", pa.list_(whole)),
            ("cut", pa.bool_()),
        ]
    )
    grade = pa.struct([("verdict", text), ("answer", text), ("expected", text), ("reason", text)])
    columns = [
        ("id", text), ("problem_id", text), ("sample", whole), ("question", text), ("text", text),
        ("spans", pa.list_(span)), ("authors", pa.list_(text)), ("policy", text), ("seed", whole), ("ended", text),
        ("limit", whole), ("condition", text), ("p", real), ("step", whole), ("parent_id", text),
        ("prefix_units", whole), ("prefix_spans", whole), ("pens", text), ("assigned", pa.list_(whole)),
        ("error", text), ("difficulty", whole), ("views", text), ("grade", grade), ("timings", text),
        ("versions", text), ("schema", whole), ("digest", text),
    ]  # fmt: skip
    return pa.schema(columns)


def _row(episode: Episode) -> dict[str, Any]:
    row: dict[str, Any] = asdict(episode)
    # What has no fixed shape goes as JSON text: a column has one type.
    row["pens"] = None if episode.pens is None else json.dumps(episode.pens)
    for name in ("views", "timings", "versions"):
        row[name] = json.dumps(row[name])
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        row = _spelt(row)
    return row


def _spelt(value: Any) -> Any:
    """The value with every half of a surrogate pair, which no Parquet text can hold, as U+FFFD."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, dict):
        return {_spelt(name): _spelt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spelt(inner) for inner in value]
    return value


def write_parquet(run: Path) -> Path:
    """Writes ``episodes.parquet`` beside a run's ``episodes.jsonl``, whole or not at all, a batch at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, schema = run / "episodes.parquet", _schema()
    with replaced(path) as file, pq.ParquetWriter(file, schema) as writer:
        episodes = read_episodes(run)
        while batch := list(islice(episodes, _BATCH)):
            writer.write_table(pa.Table.from_pylist([_row(episode) for episode in batch], schema=schema))
    return path
