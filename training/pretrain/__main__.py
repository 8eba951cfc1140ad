"""``python -m training.pretrain MODEL --out DIR``: makes one embedded model from nothing but generated problems.

One thread is the default, because it is the fastest at this size and because equal thread counts give equal weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from arena.command import check_least, fail, run_command


@dataclass
class Options:
    """Make one embedded model.

    Example: python -m training.pretrain junior --out my-junior
    """

    model: Annotated[str, tyro.conf.Positional]
    """Which one: senior, junior, junior-jargon, junior-other; senior-rpn, junior-rpn, senior-codes, junior-codes;
    senior-languages, senior-leaning, junior-en, junior-fr, junior-zh, junior-fr-en, junior-all."""
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


def main(options: Options) -> None:
    """Makes the model, measures it and writes its card. Raises UserError."""
    from training.pretrain.recipes import RECIPES

    recipe = RECIPES.get(options.model)
    if recipe is None:
        fail(f"no model {options.model!r}; there are {', '.join(RECIPES)}")
    check_least(options, 1, "threads")
    check_least(options, 0, "measure")
    if options.only_measure and not (options.out / "model.safetensors").is_file():
        fail(f"--only-measure: there are no weights in {options.out}; name the folder of a model in --out")

    import torch

    from training.pretrain.card import write_card

    torch.set_num_threads(options.threads)
    if not options.only_measure:
        make(options)
    write_card(options.model, recipe, options.out, options.measure)


def make(options: Options) -> None:
    """Trains the model from scratch and writes it to --out."""
    import torch

    from training.pretrain import fit
    from training.pretrain.recipes import RECIPES

    recipe = RECIPES[options.model]
    tokenizer = fit.tokenizer_of(recipe.subject)
    model = fit.build_model(recipe, tokenizer)
    model.generation_config.suppress_tokens = fit.unseen_ids(tokenizer, recipe.subject)
    print(f"{options.model}: {model.num_parameters():,} parameters, vocabulary {len(tokenizer)}", flush=True)
    fit.train(model, recipe, tokenizer, options.scale)
    options.out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)


if __name__ == "__main__":
    run_command(main, Options, prog="python -m training.pretrain")
