"""``python -m analysis.report RUN [RUN ...] --out report.html``: what is true of stored runs, and how sure we are."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from arena.command import check_least, fail, run_command
from arena.terminal import say, visible


@dataclass
class ReportConfig:
    """Report on stored runs: measures with intervals, comparisons, pictures, examples, doubts.

    Example: python -m analysis.report runs/sanity --out report.html
    """

    runs: Annotated[list[str], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """RUN or NAME=RUN: folders of runs, or folders that hold runs. Runs that differ only in the seed are one arm."""
    out: Path
    """The HTML file. Beside it: the same in Markdown (.md), and a folder of that name with every table and picture."""
    against: str = ""
    """The arm that is held against all others; default: a training run that is no control, else the first."""
    margin: float = 0.0
    """Also ask whether arms are equal within this margin (0.02 is two points of accuracy), chosen before looking."""
    detector: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """Another jargon to count: pattern:REGEX, ngrams:FILE or python:MODULE:CALLABLE (repeatable)."""
    languages: str = ""
    """Also say in which of these languages solutions and each author's words are: en,fr,de (ISO 639-1)."""
    seed: int = 0
    """Of the draws of permutation tests and resamples."""
    jobs: int = 0
    """Processes that read; 0 is one a core."""
    force: bool = False
    """Write over a report that is there."""
    json: bool = False
    """Print all figures and comparisons as JSON."""


def main(config: ReportConfig) -> None:
    """Reads, estimates, writes. Raises UserError."""
    from analysis.arms import analyses, place_of, read_arms
    from analysis.detectors import DetectorError, load_detector
    from analysis.detectors.language import Identifier
    from analysis.report.build import report
    from analysis.report.files import check_place, write
    from analysis.report.findings import compared_frame, find, frame_of, plain

    if not config.runs:
        fail("name at least one run, as in python -m analysis.report runs/a --out report.html")
    check_least(config, 0, "jobs", "seed", "margin")
    check_place(config.out, force=config.force)
    config.detector = list(dict.fromkeys(config.detector))
    for address in config.detector:
        try:
            load_detector(address)
        except DetectorError as error:
            fail(f"--detector {address}: {error}")
    told_apart = [code.strip() for code in config.languages.split(",")] if config.languages else []
    if told_apart:
        try:
            Identifier(told_apart)
        except DetectorError as error:
            fail(f"--languages {config.languages}: {error}")
    made = [folder for word in config.runs for folder in analyses(place_of(word))]
    with _progress() as tell:
        arms, remarks = read_arms(config.runs, jobs=config.jobs or None, progress=tell, detectors=config.detector)
    if config.against and config.against not in [arm.label for arm in arms]:
        fail(f"--against {config.against}: the arms are {', '.join(arm.label for arm in arms)}")
    reference = next((arm for arm in arms if arm.label == config.against), arms[0])
    findings = find(arms, reference, seed=config.seed, detectors=config.detector, margin=config.margin)
    document = report(
        findings, seed=config.seed, given=_words(config), remarks=remarks, made=made, told_apart=told_apart
    )
    write(document, config.out)
    if config.json:
        say(json.dumps({"figures": plain(frame_of(findings)), "compared": plain(compared_frame(findings))}, indent=1))
        return
    for sentence in document.answer:
        say(visible(sentence))
    say(visible(f"written: {config.out}, {config.out.with_suffix('.md').name}, {config.out.with_suffix('').name}/"))


def _words(config: ReportConfig) -> list[str]:
    """The command line that gives this report again."""
    words = [*config.runs, *(["--against", config.against] if config.against else [])]
    words += ["--margin", str(config.margin)] if config.margin else []
    words += [word for address in config.detector for word in ("--detector", address)]
    words += ["--languages", config.languages] if config.languages else []
    words += ["--seed", str(config.seed)] if config.seed else []
    return [*words, "--out", str(config.out)]


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on a terminal; elsewhere nothing, reading is silent unless it takes long."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from arena.show import Screen

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Screen(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with progress:
        bar = progress.add_task("reading", total=1.0)
        yield lambda what, share: progress.update(bar, description=visible(f"reading {what}"), completed=share)


if __name__ == "__main__":
    run_command(main, ReportConfig, prog="python -m analysis.report")
