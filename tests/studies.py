"""Studies for tests: two stored runs put together by hand, and a file that cuts them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.contract import Span
from arena.episode import Episode, assemble
from arena.tasks import Problem
from arena.tasks.arithmetic import Arithmetic
from human.study import Stimuli, Study, read_stimuli, read_study
from human.study.stimuli import make_stimuli

EXAMPLE = Path(__file__).parents[1] / "examples" / "study" / "handoff.toml"
PROBLEMS = 60
TASKS = {style: Arithmetic(style=style) for style in ("plain", "jargon")}


def solved(problem: Problem, text: str, sample: int = 0) -> Episode:
    """A senior's solution of a problem."""
    spans = [Span("senior", text, ended=True)]
    joined, records = assemble(spans)
    return Episode(
        id=f"{problem.id}#{sample}:solo:senior",
        problem_id=problem.id,
        sample=sample,
        question=problem.question,
        text=joined,
        spans=records,
        authors=["senior"],
        policy="word:solo",
        seed=0,
        ended="end",
        limit=256,
        condition="solo:senior",
        difficulty=problem.steps,
        grade={"verdict": "correct", "answer": problem.answer, "expected": problem.answer, "reason": ""},
    )


def write_run(folder: Path, style: str, samples: int = 1, count: int = PROBLEMS) -> None:
    """A run in which every problem was solved rightly, in this style."""
    folder.mkdir(parents=True)
    with (folder / "episodes.jsonl").open("wb") as file:
        for index in range(count):
            problem = TASKS[style].problem("test", index)
            for sample in range(samples):
                more = "Well: " * sample
                file.write(solved(problem, more + (problem.solution or ""), sample).line())


def study_file(folder: Path, change: Callable[[str], str] = lambda text: text, samples: int = 1) -> Path:
    """The example study with its runs, its text changed."""
    for name, style in (("before", "jargon"), ("after", "plain")):
        if not (folder / "runs" / name).exists():
            write_run(folder / "runs" / name, style, samples)
    path = folder / "handoff.toml"
    path.write_text(change(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def replacing(*pairs: tuple[str, str]) -> Callable[[str], str]:
    """A change of the example, each part of which is there once."""

    def change(text: str) -> str:
        for old, new in pairs:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text

    return change


def made(path: Path) -> tuple[Study, Stimuli]:
    """A study with its stimuli on the disk."""
    study = read_study(path)
    study.stimuli_path.write_bytes(make_stimuli(study).data)
    return study, read_stimuli(study)
