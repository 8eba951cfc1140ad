"""A finished run as one Parquet file that pandas, `datasets` and DuckDB read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from arena.episode import Episode
from arena.store import read_episodes

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
        ]
    )
    grade = pa.struct([("verdict", text), ("answer", text), ("expected", text), ("reason", text)])
    columns = [
        ("id", text), ("problem_id", text), ("sample", whole), ("question", text), ("text", text),
        ("spans", pa.list_(span)), ("authors", pa.list_(text)), ("policy", text), ("seed", whole), ("ended", text),
        ("limit", whole), ("condition", text), ("p", real), ("step", whole), ("parent_id", text),
        ("prefix_units", whole), ("prefix_spans", whole), ("pens", text), ("assigned", pa.list_(whole)),
        ("error", text), ("difficulty", whole), ("views", text), ("grade", grade), ("timings", pa.map_(text, real)),
        ("versions", pa.map_(text, text)), ("schema", whole), ("digest", text),
    ]  # fmt: skip
    return pa.schema(columns)


def _row(episode: Episode) -> dict[str, Any]:
    row = asdict(episode)
    # What has no fixed shape goes as JSON text: a column has one type.
    row["pens"] = None if episode.pens is None else json.dumps(episode.pens)
    row["views"] = json.dumps(episode.views)
    row["timings"], row["versions"] = list(episode.timings.items()), list(episode.versions.items())
    return row


def write_parquet(run: Path) -> Path:
    """Writes ``episodes.parquet`` beside a run's ``episodes.jsonl``, whole or not at all, a batch at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, schema = run / "episodes.parquet", _schema()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(temporary, schema) as writer:
            episodes = read_episodes(run)
            while batch := list(islice(episodes, _BATCH)):
                writer.write_table(pa.Table.from_pylist([_row(episode) for episode in batch], schema=schema))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
