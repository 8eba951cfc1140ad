"""The tokeniser of a subject, a model of a recipe's shape, and its supervised training, stage by stage."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from agents.chance import Picks, stable_key
from training.pretrain.lessons import Lesson, Shown, Subject
from training.pretrain.recipes import ENGLISH, NOTATIONS, Recipe, Stage

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
LOT = 16
"""Batches whose examples are sorted by length together."""


def tokenizer_of(subject: Subject) -> Any:
    """Byte-level BPE over a subject's sample. Notations share the English one: teams of one tokeniser are faster."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(subject.pieces), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=subject.vocabulary, special_tokens=[BOS, EOS, PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator((ENGLISH if subject is NOTATIONS else subject).sample(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=PAD)


def unseen_ids(tokenizer: Any, subject: Subject) -> list[int]:
    """Tokens that occur in no problem or solution of a subject, the end left out: bytes and parts of words.

    Nothing was ever learnt about them, so a model that lost the thread would draw them like noise. They can be read
    (people write what they like) but are never drawn: the generation config's ``suppress_tokens`` says so.
    """
    seen = {tokenizer.eos_token_id}
    for text in subject.everything():
        seen.update(tokenizer(text).input_ids)
    return [i for i in range(len(tokenizer)) if i not in seen - {tokenizer.bos_token_id}]


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A fresh Llama of the recipe's shape; the seed fixes its weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.shape.hidden,
        num_hidden_layers=recipe.shape.layers,
        num_attention_heads=recipe.shape.heads,
        num_key_value_heads=recipe.shape.kv_heads,
        head_dim=32,
        intermediate_size=recipe.shape.feed_forward,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    make: Any = LlamaForCausalLM
    return make(config)


def batches(stage: Stage, recipe: Recipe, number: int, tokenizer: Any) -> Iterator[tuple[Any, Any]]:
    """(input ids [B, L], labels [B, L]; -100 where nothing is learnt), cut from lots sorted by length."""
    import torch

    picks = Picks(recipe.seed, stable_key("pretrain", number))
    index = number * 10_000_000 + recipe.seed * 100_000_000
    while True:
        rows = []
        for _ in range(stage.batch * LOT):
            story, index = recipe.subject.task.story("train", index), index + 1
            rows.append(_encoded(_drawn(stage, picks).show(story, picks), tokenizer))
        rows.sort(key=lambda row: len(row[0]))
        starts = list(range(0, len(rows), stage.batch))
        while starts:
            chosen = rows[(start := starts.pop(picks.between(0, len(starts) - 1))) : start + stage.batch]
            width = max(len(given) for given, _ in chosen)
            ids = torch.full((len(chosen), width), tokenizer.pad_token_id)
            labels = torch.full((len(chosen), width), -100)
            for row, (given, learnt) in enumerate(chosen):
                ids[row, : len(given)] = torch.tensor(given)
                labels[row, : len(given)] = torch.tensor(learnt)
            yield ids, labels


def _drawn(stage: Stage, picks: Picks) -> Lesson:
    draw, lessons = picks.uniform(), list(stage.lessons)
    for lesson in lessons:
        draw -= stage.lessons[lesson]
        if draw < 0:
            return lesson
    return lessons[-1]


def _encoded(one: Shown, tokenizer: Any) -> tuple[list[int], list[int]]:
    """(ids, labels) of one problem. Each writer's run is encoded by itself, as in a team's solution."""
    ids: list[int] = tokenizer(one.prompt).input_ids
    labels, mine = [-100] * len(ids), True
    for mine, run in groupby(one.solution, key=lambda part: part[1]):
        more = tokenizer("".join(text for text, _ in run), add_special_tokens=False).input_ids
        ids += more
        labels += more if mine else [-100] * len(more)
    end = tokenizer.eos_token_id
    return [*ids, end], [*labels, end if mine else -100]


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
        for step, (ids, labels) in enumerate(batches(stage, recipe, number, tokenizer), start=1):
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
