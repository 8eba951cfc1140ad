"""The card of an embedded model: what it is, its figures, and how it was made."""

from __future__ import annotations

from pathlib import Path

from training.pretrain.recipes import Recipe


def write_card(name: str, recipe: Recipe, folder: Path, n: int) -> None:
    """Measures the model in a folder on ``n`` test problems (0: not at all) and writes its card there."""
    from safetensors.torch import load_file

    from training.pretrain.figures import figures

    size = sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())
    rows = "\n".join(figure.row() for figure in (figures(name, recipe, folder, n) if n else []))
    (folder / "README.md").write_text(card(name, recipe, size, rows), encoding="utf-8")


def card(name: str, recipe: Recipe, size: int, rows: str) -> str:
    """The model card as Markdown."""
    most = recipe.subject.task.most_steps
    problems = {4: "one to four steps", 2: "one or two steps"}[most]
    task = "arithmetic" if most == 4 else f"arithmetic:steps={most}"
    return f"""---
license: mit
library_name: transformers
tags: [tandem-arena, arithmetic, toy]
---

# {name}

{recipe.about} {size:,} parameters; a toy for laptops and tests, of no use for anything but
Tandem Arena's `{task}` task.

**The effect is built in.** {recipe.subject.built_in}

## Figures

Test problems of `{task}` ({problems}, whole numbers up to 60; no such story was trained on, though many of
its sums were), Wilson's 95% intervals.

| | share | 95% interval | n |
|---|---|---|---|
{rows}

## How it was made

`python -m training.pretrain {name} --out DIR`, from nothing but generated problems:

{how(recipe)}

Weights are stored in bf16 and meant to be computed in fp32. The prompt is {prompt(recipe)}.
"""


def how(recipe: Recipe) -> str:
    """The recipe as a list."""
    shape = recipe.shape
    lines = [
        f"- Llama, hidden size {shape.hidden}, {shape.layers} layer(s), {shape.heads} heads of 32 "
        f"({shape.kv_heads} for keys and values), feed-forward {shape.feed_forward}; seed {recipe.seed}."
    ]
    for number, stage in enumerate(recipe.stages, start=1):
        shares = ", ".join(f"{share:.1%} {lesson.name}" for lesson, share in stage.lessons.items())
        lines.append(f"- Stage {number}: {stage.steps:,} steps of {stage.batch} at {stage.rate:g}; solutions {shares}.")
    return "\n".join(lines)


def prompt(recipe: Recipe) -> str:
    """What the model was asked with."""
    tags = any(getattr(lesson, "tag", "") for stage in recipe.stages for lesson in stage.lessons)
    return "a line with the language, as `fr`, the question and a newline" if tags else "the question and a newline"
