"""``python -m benchmarks.coverage``: do the statistics keep what they promise, on simulated studies with known truth?

Of every method, in every scenario: the share of intervals that hold the truth, of tests that reject a true null, or the
power beside the one that was promised. What is called is what users call. ``--markdown docs/COVERAGE.md`` writes the
page.
"""

from __future__ import annotations

import math
import platform
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from arena.command import run_command
from benchmarks.studies import STUDIES
from benchmarks.studies.base import Kind, Simulations, Table

WIDTH = 130
"""Of a line of text on the page."""


@dataclass
class CoverageConfig:
    """Simulated studies of all statistics, with known truth."""

    simulations: int = 2000
    """Studies of each scenario."""
    seed: int = 20261121
    only: list[str] = field(default_factory=list)
    """Names of studies to run; all of them if none is given."""
    markdown: Path | None = None
    """Where to write the page."""


def cell(value: float, kind: Kind, promised: float | None) -> str:
    """As a percentage, bold where it misses what was promised, in italics where it is only conservative."""
    if math.isnan(value):
        return ""
    shown = f"{100 * value:.1f}"
    if kind == "coverage":
        return f"**{shown}**" if value < 0.93 else f"*{shown}*" if value > 0.97 else shown
    if kind == "rejection":
        return f"**{shown}**" if value > 0.06 else shown
    assert promised is not None
    both = f"{shown} ({100 * promised:.1f})"
    return f"**{both}**" if abs(value - promised) > 0.03 else both


def lines(table: Table) -> Iterator[str]:
    """A table in Markdown."""
    yield f"### {table.title}"
    yield ""
    yield textwrap.fill(table.words, WIDTH)
    yield ""
    yield "| | " + " | ".join(table.columns) + " |"
    yield "|---" * (len(table.columns) + 1) + "|"
    for name, values in table.rows.items():
        promised = table.promised.get(name, [None] * len(values))
        cells = (cell(value, table.kind, promise) for value, promise in zip(values, promised, strict=True))
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""


def failures(tables: list[Table]) -> Iterator[str]:
    """How many scenarios of each table miss what was promised."""
    yield "| | scenarios | lowest | highest | below 93% | above 97% | reject more than 6% | off by 3 points |"
    yield "|---|---|---|---|---|---|---|---|"
    for table in tables:
        for name, values in table.by_method().items():
            found = np.array([value for value, _ in values if not math.isnan(value)])
            if not found.size:
                continue
            promised = np.array([promise or 0.0 for value, promise in values if not math.isnan(value)])
            counts = ["", "", "", ""]
            if table.kind == "coverage":
                counts[:2] = str(int((found < 0.93).sum())), str(int((found > 0.97).sum()))
            elif table.kind == "rejection":
                counts[2] = str(int((found > 0.06).sum()))
            else:
                counts[3] = str(int((np.abs(found - promised) > 0.03).sum()))
            yield (
                f"| {table.title}: {name} | {len(found)} | {100 * found.min():.1f} | {100 * found.max():.1f} | "
                + " | ".join(counts)
                + " |"
            )


def page(tables: list[Table], config: CoverageConfig, seconds: float) -> str:
    """docs/COVERAGE.md."""
    used = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels"))
    error = 100 * math.sqrt(0.95 * 0.05 / config.simulations)
    said = (
        f"`make coverage-sims`, {datetime.now(UTC):%Y-%m-%d}: {config.simulations:,} simulated studies of known truth "
        f"for each number, seed {config.seed}, Python {platform.python_version()}, {used}; {seconds / 60:.0f} minutes "
        f"of one core. Percentages; their Monte Carlo standard error is {error:.1f} at 95 or 5: a true 95 shows as "
        f"{95 - 2 * error:.0f} to {95 + 2 * error:.0f}. Coverage below 93 is **bold**, above 97 in *italics* "
        "(conservative: the interval is wider than it says). A test that rejects a true null in more than 6% is "
        "**bold**; fewer than 5 is conservative. Of power, the promised one is in brackets, **bold** if off by more "
        "than three points.",
        "What the functions are and when to use them: [STATISTICS.md](STATISTICS.md). Populations are in "
        "`benchmarks/populations.py`, studies in `benchmarks/studies/`.",
    )
    head = [
        "# Coverage",
        "",
        *(line for words in said for line in (textwrap.fill(words, WIDTH), "")),
        "## In sum",
        "",
        *failures(tables),
        "",
        "## In full",
        "",
    ]
    return "\n".join([*head, *(line for table in tables for line in lines(table))]).rstrip() + "\n"


def main(config: CoverageConfig) -> None:
    """Prints a table as each study ends, and writes the page."""
    unknown = set(config.only) - STUDIES.keys()
    if unknown:
        from arena.command import fail

        fail(f"--only {sorted(unknown)[0]}: the studies are {', '.join(STUDIES)}")
    began = time.process_time()
    tables: list[Table] = []
    chosen = {name: study for name, study in STUDIES.items() if not config.only or name in config.only}
    for name, study in chosen.items():
        # Each study has its own numbers: running one alone gives what it gives among the others.
        number = list(STUDIES).index(name)
        found = study(Simulations(config.simulations, np.random.SeedSequence([config.seed, number])))
        tables += found
        print(f"{name}: done after {(time.process_time() - began) / 60:.1f} min", file=sys.stderr, flush=True)
        for table in found:
            print("\n".join(lines(table)), flush=True)
    if config.markdown is not None:
        config.markdown.write_text(page(tables, config, time.process_time() - began))


if __name__ == "__main__":
    run_command(main, CoverageConfig)
