"""docs/STUDY.md: every table and key of the file is there, and the example reads as it says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from human.study.config import Body, Head, Question
from human.study.people import BEHAVIOURS
from tests.studies import EXAMPLE

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "STUDY.md").read_text(encoding="utf-8")


def test_every_key_is_described() -> None:
    rows = {row.split("|")[1].strip(" `"): row for row in TEXT.splitlines() if row.startswith("| `[")}
    assert all(f"`{one.name}`" in rows["[study]"] for one in fields(Head))
    for name, kind in get_type_hints(Body).items():
        several = bool(get_args(kind))
        row = rows[f"[[{name}]]" if several else f"[{name}]"]
        inner = get_args(kind)[0] if several else kind
        if inner is Question:
            continue
        shared = {one.name for one in fields(Question)} if name == "probes" else set()
        for one in fields(inner):
            assert one.name in shared or f"`{one.name}`" in row, (name, one.name)
    asked = TEXT.partition("A question has ")[2].partition("\n\n")[0]
    assert all(f"`{one.name}`" in asked for one in fields(Question))
    assert all(name in rows["[simulation]"] for name in BEHAVIOURS)


def test_the_readme_names_the_runs_that_the_example_cuts() -> None:
    said = (EXAMPLE.parent / "README.md").read_text(encoding="utf-8")
    for run in ("runs/before", "runs/after"):
        assert f'senior = "{run}"' in EXAMPLE.read_text(encoding="utf-8")
        assert f"--out {run}" in said
