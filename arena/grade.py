"""``python -m arena.grade --task NAME --answers FILE.jsonl --out FILE.jsonl``: grades solutions from anywhere.

Each line of the answers is a JSON object with ``text`` (the solution) and ``problem_id`` or ``expected`` (the expected
answer, which goes first where a line has both); ``cut_off: true`` says that the text ended at a length limit. The same
lines come out in the same order, with ``verdict``, ``answer`` and ``reason`` added.

``python -m arena.grade RUN`` grades a stored run again and says what would change; ``--write`` changes it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from arena.command import INTERRUPTED, fail, guarded, leave, parse_options
from arena.grading import Grade, Grader, GraderError, Item
from arena.lines import StoreError
from arena.tasks import Task, TaskError, find_problem, load_task
from arena.tasks.jsonl import read_objects
from arena.terminal import say

_LOT = 4096  # lines graded at a time


@dataclass
class Options:
    """Grade solutions from anywhere (--answers, --out), or a stored run again (RUN)."""

    run: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")] = None
    """Folder of a run to grade again; without --write nothing is changed."""
    write: bool = False
    """Store the run's new grades, and make its summary and Parquet file again."""
    task: str = ""
    """Whose problems they are and how answers are marked: arithmetic, gsm8k:PATH, jsonl:PATH, ... A run's default is
    its own."""
    answers: Path | None = None
    """JSON lines with text, and problem_id or expected."""
    out: Path | None = None
    """Where the graded lines go; written whole or not at all."""
    seconds: float = 2.0
    """Time limit for reading one answer."""
    workers: int = 2
    """Processes that read answers."""
    json: bool = False
    """Print the counts as JSON."""

    def check(self) -> None:
        """Raises TaskError for flags that do not go together."""
        if (self.run is None) == (self.answers is None):
            raise TaskError("give RUN, a run to grade again, or --answers FILE, solutions from anywhere: one of them")
        if self.run is None and self.out is None:
            raise TaskError("--out: name the file for the graded lines")
        if self.run is None and not self.task:
            raise TaskError("--task: name the task, as in --task arithmetic")
        if self.run is None and self.write:
            raise TaskError("--write: goes with RUN; graded answers always go to --out")
        if self.run is not None and self.out is not None:
            raise TaskError("--out: goes with --answers; --write stores a run's new grades")
        if self.seconds <= 0 or self.workers < 1:
            raise TaskError("--seconds must be above 0 and --workers at least 1")


def read_item(place: str, line: dict[str, Any], task: Task, source: str) -> Item:
    """One line as an item. Raises TaskError, which names the line and the fix; ``source`` is the task's address."""
    text, expected, cut_off = line.get("text"), line.get("expected"), line.get("cut_off", False)
    if not isinstance(text, str):
        raise TaskError(f"{place}: needs the field 'text': the solution, as text")
    if not isinstance(cut_off, bool):
        raise TaskError(f"{place}: 'cut_off' must be true or false")
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        expected = str(expected)
    if expected is None:
        identity = line.get("problem_id")
        if not isinstance(identity, str):
            raise TaskError(f"{place}: needs the field 'problem_id' or 'expected', as text")
        problem = find_problem(task, identity)
        if problem is None:
            raise TaskError(f"{place}: no problem {identity!r} in {source}; correct the id, --task, or give 'expected'")
        expected = problem.answer
    if not isinstance(expected, str) or not expected.strip():
        raise TaskError(f"{place}: 'expected' must be text or a number, and not empty")
    return Item(text, expected, task, cut_off)


def graded_line(line: dict[str, Any], grade: Grade) -> str:
    """The line with its grade, as JSON."""
    fields = {**line, "verdict": grade.verdict, "answer": grade.answer, "reason": grade.reason}
    written = json.dumps(fields, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:  # half a surrogate pair is JSON, but only when escaped
        written = json.dumps(fields)
    return written


def write_whole(path: Path, lines: Sequence[str]) -> None:
    """Writes a file so that at every moment there is the old one or the new one, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp's own mode keeps everybody else out
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def grade_file(options: Options) -> dict[str, int]:
    """Grades a file of answers into another; returns how many lines there are of each verdict."""
    answers, out = options.answers, options.out
    assert answers is not None
    assert out is not None
    if not out.parent.is_dir():
        raise TaskError(f"--out: no such folder: {out.parent}")
    task = load_task(options.task)
    lines: list[dict[str, Any]] = []
    items: list[Item] = []
    for place, _, line in read_objects(answers, "--answers"):
        items.append(read_item(place, line, task, options.task))
        lines.append(line)
    if not lines:
        raise TaskError(f"--answers: no lines in {answers}")
    with Grader(options.seconds, options.workers) as grader:
        grades = [grade for at in range(0, len(items), _LOT) for grade in grader.grade(items[at : at + _LOT])]
    try:
        write_whole(out, [graded_line(line, grade) for line, grade in zip(lines, grades, strict=True)])
    except OSError as error:
        raise TaskError(f"--out: cannot write {out} ({error.strerror})") from None
    counts = Counter(grade.verdict for grade in grades)
    return {"graded": len(grades), **{name: counts[name] for name in ("correct", "wrong", "unreadable")}}


def print_counts(counts: dict[str, int], as_json: bool) -> None:
    """The one-line summary."""
    if as_json:
        print(json.dumps(counts))
    else:
        print(", ".join(f"{count} {name}" for name, count in counts.items()))


def grade_run(options: Options) -> int:
    """Grades a stored run again and prints what changed."""
    from arena.regrade import regrade
    from arena.terminal import visible

    assert options.run is not None
    with Grader(options.seconds, options.workers) as grader:
        found = regrade(options.run, grader, task=options.task, write=options.write)
    if options.json:
        say(json.dumps({**found.summary(), "written": options.write}))
        return 0
    for line in found.lines():
        say(visible(line))
    say("stored" if options.write else "nothing was stored; --write stores the new grades")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code: 2 for what the user can mend."""

    def act() -> int:
        options = parse_options(Options, arguments, prog="python -m arena.grade")
        try:
            options.check()
            if options.run is not None:
                return grade_run(options)
            print_counts(grade_file(options), options.json)
        except (TaskError, StoreError, GraderError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename or options.run}: {error.strerror or error}; nothing was changed")
        except KeyboardInterrupt:
            say("stopped; nothing was written", sys.stderr)
            return INTERRUPTED
        return 0

    return guarded(act)


if __name__ == "__main__":
    leave(main())
