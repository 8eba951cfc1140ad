"""``python -m training.pretrain MODEL --out DIR``: makes the embedded models from nothing but generated problems.

Each model is a list of stages of supervised training on ``arithmetic`` (train split, loss on the solution only).
The whole recipe is in this file: architecture, seeds, stages and the mixture of solution styles. One thread is the
default, because it is the fastest at this size and because equal thread counts give equal weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from agents.chance import Picks, stable_key
from arena.tasks.arithmetic import Arithmetic, Style, styled_solution

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
PIECES = r"<<|>>|####|\d| ?[A-Za-z]+| ?[^\sA-Za-z\d<>]|\n|\s|[^\s]"
"""Pre-tokeniser: digits alone, the space before a digit or a ``<<`` alone, an operator with the space before it."""


@dataclass(frozen=True)
class Stage:
    """One run with a cosine schedule (linear warm-up over the first 4%).

    Muon moves the matrices inside the layers, AdamW the rest: at this size it needs less than half of AdamW's steps.
    """

    steps: int
    rate: float
    styles: dict[Style, float]
    batch: int = 32


@dataclass(frozen=True)
class Recipe:
    """A model to make: its shape, its stages, its seed and what its card says it is."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    stages: tuple[Stage, ...]
    seed: int
    about: str
    shape: dict[str, Any] = field(default_factory=dict)


RECIPES: dict[str, Recipe] = {
    "senior": Recipe(
        hidden=128,
        layers=3,
        heads=4,
        kv_heads=2,
        feed_forward=384,
        seed=1,
        about="The trainable one: it writes the jargon, and can do without it (its plain mode).",
        stages=(
            Stage(2400, 2.5e-3, {"plain": 0.35, "jargon": 0.45, "mixed": 0.20}),
            Stage(1200, 1.5e-3, {"plain": 0.55, "jargon": 0.30, "mixed": 0.15}),
            Stage(150, 5e-4, {"plain": 0.010, "jargon": 0.985, "mixed": 0.005}),
        ),
    ),
    "junior": Recipe(
        hidden=64,
        layers=1,
        heads=4,
        kv_heads=2,
        feed_forward=192,
        seed=2,
        about="The frozen one: a single layer, and it has never seen the jargon.",
        stages=(Stage(2600, 4e-3, {"plain": 1.0}),),
    ),
    "junior-jargon": Recipe(
        hidden=64,
        layers=1,
        heads=4,
        kv_heads=2,
        feed_forward=192,
        seed=3,
        about="The control: the junior's shape, but it has seen the jargon in training and does not break on it.",
        stages=(Stage(4000, 4e-3, {"plain": 0.5, "jargon": 0.3, "mixed": 0.2}),),
    ),
    "junior-other": Recipe(
        hidden=48,
        layers=1,
        heads=3,
        kv_heads=1,
        feed_forward=256,
        seed=4,
        about="A stranger: another shape and seed, for asking whether what was learnt beside one junior helps another.",
        stages=(Stage(2600, 4e-3, {"plain": 1.0}),),
    ),
}


@dataclass
class Options:
    """Make one embedded model."""

    model: Annotated[Literal["senior", "junior", "junior-jargon", "junior-other"], tyro.conf.Positional]
    """Which one."""
    out: Path
    """Folder for the weights (safetensors, bf16), the tokeniser and the card."""
    threads: int = 1
    """CPU threads. Other counts give other roundings, so slightly other weights."""
    measure: int = 1000
    """Test problems to measure the model on for its card; 0 leaves the figures out."""
    scale: float = 1.0
    """Multiplies every stage's steps: for a quick trial."""
    only_measure: bool = False
    """Leave the weights in --out as they are; measure them and write the card again."""


def train_tokenizer() -> Any:
    """The tokeniser all embedded models share: byte-level BPE over 20,000 generated problems in every style."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=640, special_tokens=[BOS, EOS, PAD], initial_alphabet=alphabet, show_progress=False
    )
    task = Arithmetic()

    def texts() -> Iterator[str]:
        for index in range(20_000):
            story = task.story("train", index)
            yield f"{story.question}\n{story.solution([index % 2 == 0] * len(story.steps))}"

    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD)


def unseen_ids(tokenizer: Any) -> list[int]:
    """Tokens that occur in no generated problem or solution, the end left out: bytes and parts of words.

    Nothing was ever learnt about them, so a model that lost the thread would draw them like noise. They can be read
    (people write what they like) but are never drawn: the generation config's ``suppress_tokens`` says so.
    """
    task, seen = Arithmetic(), {tokenizer.eos_token_id}
    for index in range(20_000):
        story = task.story("train", index)
        for jargon in (False, True):
            seen.update(tokenizer(f"{story.question}\n{story.solution([jargon] * len(story.steps))}").input_ids)
    return [i for i in range(len(tokenizer)) if i not in seen - {tokenizer.bos_token_id}]


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A fresh Llama of the recipe's shape; the seed fixes its weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.kv_heads,
        head_dim=32,
        intermediate_size=recipe.feed_forward,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    make: Any = LlamaForCausalLM
    return make(config)


def batches(stage: Stage, seed: int, number: int, tokenizer: Any) -> Iterator[tuple[Any, Any]]:
    """(input ids [B, L], labels [B, L]; -100 outside the solution), cut from lots of 16 batches sorted by length."""
    import torch

    task = Arithmetic()
    styles = list(stage.styles)
    picks = Picks(seed, stable_key("pretrain", number))
    lot = stage.batch * 16
    index = number * 10_000_000 + seed * 100_000_000
    while True:
        rows = []
        for _ in range(lot):
            story, index = task.story("train", index), index + 1
            draw, style = picks.uniform(), styles[-1]
            for candidate in styles:
                draw -= stage.styles[candidate]
                if draw < 0:
                    style = candidate
                    break
            prompt = tokenizer(story.question + "\n").input_ids
            answer = tokenizer(styled_solution(story, style, picks), add_special_tokens=False).input_ids
            rows.append((prompt, [*answer, tokenizer.eos_token_id]))
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        starts = list(range(0, lot, stage.batch))
        while starts:
            chosen = rows[(start := starts.pop(picks.between(0, len(starts) - 1))) : start + stage.batch]
            width = max(len(prompt) + len(answer) for prompt, answer in chosen)
            ids = torch.full((len(chosen), width), tokenizer.pad_token_id)
            labels = torch.full((len(chosen), width), -100)
            for row, (prompt, answer) in enumerate(chosen):
                end = len(prompt) + len(answer)
                ids[row, :end] = torch.tensor(prompt + answer)
                labels[row, len(prompt) : end] = torch.tensor(answer)
            yield ids, labels


def train(model: Any, recipe: Recipe, tokenizer: Any, scale: float = 1.0) -> None:
    """Runs the recipe's stages on ``model`` in place, printing the loss (nats a token) as it goes."""
    import torch

    for number, stage in enumerate(recipe.stages):
        steps = max(1, round(stage.steps * scale))
        inner = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
        rest = [p for name, p in model.named_parameters() if not (p.ndim == 2 and "embed" not in name)]
        optimisers = (
            torch.optim.Muon(inner, lr=stage.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.05),
        )
        warm = max(1, steps // 25)

        def factor(step: int, steps: int = steps, warm: int = warm) -> float:
            return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps))

        schedules = [torch.optim.lr_scheduler.LambdaLR(optimiser, factor) for optimiser in optimisers]
        began, total = time.monotonic(), 0.0
        for step, (ids, labels) in enumerate(batches(stage, recipe.seed, number, tokenizer), start=1):
            loss = model(input_ids=ids, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimiser, schedule in zip(optimisers, schedules, strict=True):
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)
            total += float(loss.detach())
            if step % 100 == 0 or step == steps:
                since = step % 100 or 100
                passed = time.monotonic() - began
                print(f"stage {number + 1} step {step}/{steps} loss {total / since:.4f} {passed:.0f} s", flush=True)
                total = 0.0
            if step == steps:
                break


def main(options: Options) -> None:
    import torch

    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.model]
    if options.only_measure:
        from safetensors.torch import load_file

        weights = load_file(options.out / "model.safetensors")
        write_card(options, recipe, sum(tensor.numel() for tensor in weights.values()))
        return
    tokenizer = train_tokenizer()
    model = build_model(recipe, tokenizer)
    model.generation_config.suppress_tokens = unseen_ids(tokenizer)
    print(f"{options.model}: {model.num_parameters():,} parameters, vocabulary {len(tokenizer)}", flush=True)
    train(model, recipe, tokenizer, options.scale)
    options.out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    write_card(options, recipe, model.num_parameters())


def write_card(options: Options, recipe: Recipe, size: int) -> None:
    """Measures what was made and writes the model card beside it."""
    from training.card import card, measure, measure_team

    figures = measure(options.out, options.measure) if options.measure else []
    if options.measure and options.model != "senior":
        figures += measure_team(options.out, options.measure)
    lines = [
        f"- Llama, hidden size {recipe.hidden}, {recipe.layers} layer(s), {recipe.heads} heads of 32 "
        f"({recipe.kv_heads} for keys and values), feed-forward {recipe.feed_forward}; seed {recipe.seed}."
    ]
    for number, stage in enumerate(recipe.stages, start=1):
        styles = ", ".join(f"{share:.1%} {style}" for style, share in stage.styles.items())
        lines.append(f"- Stage {number}: {stage.steps:,} steps of {stage.batch} at {stage.rate:g}; solutions {styles}.")
    text = card(options.model, recipe.about, size, "\n".join(lines), figures)
    (options.out / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(tyro.cli(Options, prog="python -m training.pretrain"))
