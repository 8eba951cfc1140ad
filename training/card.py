"""The figures of an embedded model's card, each measured on the test split with its interval, and the card itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.measures import JARGON, wilson
from arena.tasks.arithmetic import Arithmetic

if TYPE_CHECKING:
    from agents.contract import Agent

BATCH = 250
LIMIT = 160


@dataclass(frozen=True)
class Figure:
    """A share of episodes with Wilson's 95% interval."""

    name: str
    right: int
    n: int

    def row(self) -> str:
        low, high = wilson(self.right, self.n)
        return f"| {self.name} | {self.right / self.n:.1%} | {low:.1%} to {high:.1%} | {self.n} |"


def solve(
    model: Any, tokenizer: Any, prompts: Sequence[str], *, seed: int, greedy: bool = False, never: str = ""
) -> list[str]:
    """Continuations of the prompts by plain ``generate``; at T = 1 over the whole vocabulary unless greedy."""
    import torch

    how: dict[str, Any] = {"do_sample": False} if greedy else {"do_sample": True, "temperature": 1.0, "top_k": 0}
    if never:
        how["suppress_tokens"] = [tokenizer.convert_tokens_to_ids(never)]
    torch.manual_seed(seed)
    texts: list[str] = []
    for start in range(0, len(prompts), BATCH):
        given = tokenizer(
            list(prompts[start : start + BATCH]), return_tensors="pt", padding=True, return_token_type_ids=False
        )
        made = model.generate(**given, max_new_tokens=LIMIT, pad_token_id=tokenizer.pad_token_id, **how)
        texts += tokenizer.batch_decode(made[:, given.input_ids.shape[1] :], skip_special_tokens=True)
    return texts


def measure(folder: Path, n: int) -> list[Figure]:
    """Solo accuracy at T = 1, greedy and with the jargon masked out, jargon rate, and what happens after a ``<<``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    task = Arithmetic()
    problems = task.problems("test")[:n]
    prompts = [problem.question + "\n" for problem in problems]

    def right(texts: Sequence[str]) -> list[bool]:
        return [task.extract(text) == problem.answer for text, problem in zip(texts, problems, strict=True)]

    sampled = solve(model, tokenizer, prompts, seed=1)
    found = [Figure("right, T = 1", sum(right(sampled)), n)]
    for steps in sorted({problem.steps or 0 for problem in problems}):
        chosen = [ok for ok, problem in zip(right(sampled), problems, strict=True) if problem.steps == steps]
        found.append(Figure(f"... problems of {steps} step{'s' * (steps > 1)}", sum(chosen), len(chosen)))
    found.append(Figure("right, greedy", sum(right(solve(model, tokenizer, prompts, seed=2, greedy=True))), n))
    found.append(Figure("solutions with jargon, T = 1", sum(bool(JARGON.search(text)) for text in sampled), n))
    masked = right(solve(model, tokenizer, prompts, seed=3, never="<<"))
    found.append(Figure("right, T = 1, the jargon masked out", sum(masked), n))
    # The first step of a right solution up to its open note: does the model finish that step?
    notes, wanted = [], []
    for index, prompt in enumerate(prompts):
        story = task.story("test", index)
        line = story.solution([True] * len(story.steps)).split("\n")[0]
        notes.append(prompt + line[: line.index("<<") + 2])
        wanted.append(line[line.index("<<") + 2 :])
    finished = solve(model, tokenizer, notes, seed=4)
    good = sum(text.split("\n")[0] == want for text, want in zip(finished, wanted, strict=True))
    found.append(Figure("first step finished, handed a half-open `<<`, T = 1", good, n))
    return found


def measure_team(folder: Path, n: int) -> list[Figure]:
    """Accuracy with the embedded senior under word:p=0.5, T = 1, seed 0."""
    from agents.loading import load_language_model
    from agents.registry import EMBEDDED
    from arena.engines import ReferenceEngine
    from arena.jobs import Job
    from arena.policy import parse

    agents: dict[str, Agent] = {
        "senior": load_language_model(str(EMBEDDED / "senior")),
        "junior": load_language_model(str(folder)),
    }
    task, policy = Arithmetic(), parse("word:p=0.5")
    problems = task.problems("test")[:n]
    jobs = [Job(problem, 0, policy, tuple(agents)) for problem in problems]
    episodes = ReferenceEngine(agents, seed=0, limit=256).episodes(jobs)
    right = sum(task.extract(episode.text) == p.answer for episode, p in zip(episodes, problems, strict=True))
    return [Figure("right with the senior, word:p=0.5, T = 1", right, n)]


def card(name: str, about: str, size: int, recipe: str, figures: Sequence[Figure]) -> str:
    """The model card as Markdown."""
    rows = "\n".join(figure.row() for figure in figures)
    return f"""---
license: mit
library_name: transformers
tags: [tandem-arena, arithmetic, toy]
---

# {name}

{about} {size:,} parameters; a toy for laptops and tests, of no use for anything but Tandem Arena's `arithmetic` task.

**The effect is built in.** The jargon (`<<29+6=35>>`) is written by the senior because it was trained to; the junior
was never shown it, its signs occur nowhere else, and words end at its signs, so a handoff can fall inside a note. That
tandem training removes the jargon from this senior shows that the method works as described, not that it would on
models and jargons that nobody prepared. `junior-jargon` is the control: the junior's shape, but it knows the jargon.

## Figures

Test problems of `arithmetic` (one to four steps, whole numbers up to 60, chains of numbers never trained on), Wilson's
95% intervals.

| | share | 95% interval | n |
|---|---|---|---|
{rows}

## How it was made

`python -m training.pretrain {name} --out DIR`, from nothing but generated problems:

{recipe}

Weights are stored in bf16 and meant to be computed in fp32. The prompt is the question and a newline.
"""
