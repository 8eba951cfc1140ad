"""``python -m training.sft``: supervised fine-tuning of a model on a task's worked solutions; stored and resumable.

The model is asked as the Arena asks it (`LanguageModel.prompt_ids`), and the loss is the cross entropy of the
solution's tokens and the end. An update is a pure function of seed, step and weights. docs/SFT.md has paper 1's
specialist.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agents.contract import AgentError
from agents.registry import BUILT_IN, AgentConfig, defined_agents, make_agent, resolve, table_of, takes
from arena.command import (
    INTERRUPTED,
    check_least,
    fail,
    guarded,
    leave,
    new_folder,
    out_of_memory,
    parse_options,
    to_go_on,
    told,
)
from arena.config import check_agent, place
from arena.tasks import Problem, Split, TaskError, load_task
from arena.terminal import say, visible
from training.reading import read_toml, set_fields, set_texts
from training.settle import check_numbers
from training.sft_config import CALL, SENIOR, SftConfig
from training.tuning import Tuner, examples_of


def settled(config: SftConfig) -> SftConfig:
    """The configuration with everything resolved. Raises UserError."""
    tables: Any = config
    set_texts(tables, config.set)
    check_least(config, 0, "problems", "epochs", "steps", "validate", "validate_every")
    check_least(config, 1, "batch_size")
    check_least(config, 2, "max_length")
    if config.epochs and config.steps:
        fail(f"--epochs {config.epochs} --steps {config.steps}: give one of them")
    if (config.optimiser.epochs, config.optimiser.mini_batches) != (1, 1):
        fail("--set optimiser.epochs and optimiser.mini_batches are for training.run; here give --epochs, --batch-size")
    check_numbers(config.learning)
    agent = _table(config)
    if agent.four_bit and not (config.lora.rank or agent.adapter):  # before anything large is loaded
        fail("--four-bit: weights of 4 bits cannot be trained themselves; give --set lora.rank=16")
    place(config.device, config.dtype, {SENIOR: agent})
    return replace(config, steps=config.steps or (0 if config.epochs else 1000), agents={SENIOR: agent})


def _table(config: SftConfig) -> AgentConfig:
    """Who is trained, resolved."""
    tables = {name: asdict(table) for name, table in config.agents.items()}
    known = dict.fromkeys([*BUILT_IN, *tables])
    if ":" not in config.agent and config.agent not in known:
        fail(f"--agent {config.agent}: there is no such agent; known are {', '.join(known)}, or give hf:PATH-OR-ID")
    if config.four_bit:
        tables.setdefault(SENIOR, {})["four_bit"] = True
    try:
        named = [] if config.agent == SENIOR else [f"{SENIOR}={config.agent}"]
        agent = resolve(SENIOR, defined_agents(named, tables))
    except AgentError as error:
        fail(str(error).removeprefix("--pair: "))
    if not takes(agent, "adapter"):
        fail(f"--agent {config.agent}: {agent.address} is no model that can be trained here; give hf:PATH-OR-ID")
    check_agent(SENIOR, agent)
    return agent


def saved(config: SftConfig) -> dict[str, Any]:
    """The resolved configuration as it is stored in ``config.toml``."""
    plain = {name: value for name, value in asdict(config).items() if name not in CALL}
    return {**plain, "agents": {name: table_of(agent) for name, agent in config.agents.items()}}


@contextmanager
def _shown(steps: int, done: int) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """How far the run is: a bar on a terminal, else a line every ten seconds and with each validation."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from arena.show import Screen

    seen: dict[str, float] = {}
    last = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Screen(stderr=True))
    bar = progress.add_task("steps", total=steps, completed=done)

    def tell(line: Mapping[str, Any]) -> None:
        nonlocal last
        seen.update({name.replace("_", "-"): line[name] for name in ("loss", "held_out") if name in line})
        said = ", ".join(f"{name} {value:.4f}" for name, value in seen.items())
        if progress.console.is_terminal:
            progress.update(bar, completed=line["step"], description=said)
        elif "held_out" in line or line["step"] == steps or time.monotonic() - last > 10:
            say(f"step {line['step']}/{steps}, {said}", sys.stderr)
            last = time.monotonic()

    if not progress.console.is_terminal:
        yield tell
        return
    with progress:
        yield tell


def main(given: SftConfig) -> int:
    """Runs a configuration; returns the exit code. Raises UserError for what the user can mend."""
    from arena.lines import StoreError
    from arena.store import refuse

    config = settled(given)
    if config.dry_run:
        import tomli_w

        print(tomli_w.dumps(saved(config)), end="")
        return 0
    folder = config.out or new_folder(f"sft-{config.task.partition(':')[0]}", resume=config.resume)
    try:
        refuse(folder, saved(config), resume=config.resume)
    except (StoreError, OSError) as error:
        fail(f"--out {folder}: {error.strerror}" if isinstance(error, OSError) else str(error))
    return _train(config, folder, tuner_of(config))


def tuner_of(config: SftConfig) -> Tuner:
    """The model, made trainable, and what it is to learn. Raises UserError."""
    from agents.loading import quiet
    from arena.run import settle_threads
    from training.rollouts import in_order
    from training.senior import make_trainable

    train = _problems(config, "train")
    held_out = _problems(config, "held-out")[: config.validate] if config.validate else ()
    table = replace(config.agents[SENIOR], temperature=1.0, top_k=0, top_p=1.0)  # nothing is drawn here
    try:
        made: Any = make_agent(table)
    except AgentError as error:
        fail(f"--agent {error}")
    settle_threads({SENIOR: made})
    four_bit = (
        table.four_bit or getattr(made.model.config, "quantization_config", None) is not None
    )  # or stored in 4 bits
    with quiet():
        agent = make_trainable(made, SENIOR, replace(table, four_bit=four_bit), config.learning)
    count = min(len(train), config.problems or len(train))
    shuffled = (train[at] for _, at in in_order(count, config.seed, 0, count, True))
    examples, left_out = examples_of(agent, shuffled, config.max_length, config.steps * config.batch_size)
    measured, missing = examples_of(agent, held_out, config.max_length)
    for split, found, lost in (("train", examples, left_out), ("held-out", measured, missing)):
        said = ", ".join(f"{number:,} {why}" for why, number in lost.items())
        if lost and not found:
            fail(f"--task {config.task}: no problem of its {split} split can be learnt: {said}")
        if found:
            tokens = sum(one.learnt for one in found)
            say(f"{split}: {len(found):,} solutions, {tokens:,} tokens; left out: {said or 'none'}", sys.stderr)
    return Tuner(config, agent, examples, measured, left_out)


def _problems(config: SftConfig, split: Split) -> Sequence[Problem]:
    try:
        if found := load_task(config.task).problems(split):
            return found
        fail(f"--task {config.task}: its {split} split is empty")
    except TaskError as error:
        fail(f"--task {config.task}: {error}" + ("; or give --validate 0" if split == "held-out" else ""))


def _train(config: SftConfig, folder: Path, tuner: Tuner) -> int:
    from arena.lines import StoreError, replace_file
    from arena.store import Run
    from training.checkpoint import CheckpointError, last_of
    from training.rollouts import TrainingError

    def stopped(why: str) -> str:
        last = last_of(folder / "checkpoints")
        return f"{why}; " + (f"the last checkpoint is {last}" if last else "there is no checkpoint yet")

    try:
        run = Run(folder, saved(config), resume=config.resume)
        try:
            tuner.restore(folder)
            with _shown(tuner.steps, tuner.step) as tell:
                tuner.run(run, tell)
            summary = tuner.summary(folder)
            replace_file(folder / "summary.json", f"{json.dumps(summary, indent=2)}\n".encode())
        except KeyboardInterrupt:
            if tuner.whole and tuner.step > tuner.kept:
                tuner.save(folder)
            raise
        finally:
            run.close()
    except KeyboardInterrupt:
        say(f"{stopped('stopped')}. To go on: {to_go_on('training.sft', folder)}", sys.stderr)
        return INTERRUPTED
    except (StoreError, CheckpointError) as error:
        fail(str(error))
    except (TrainingError, OSError) as error:
        why = f"--out {folder}: {error.strerror or error}" if isinstance(error, OSError) else str(error)
        say(visible(f"error: {stopped(why)}"), sys.stderr)
        return 1
    except RuntimeError as error:
        if out_of_memory(error):
            say(f"error: {stopped('out of memory; lower --set optimiser.micro_tokens')}", sys.stderr)
            return 1
        raise
    if config.json:
        say(json.dumps(summary, indent=2))
        return 0
    if found := summary["held_out"]:
        say(f"held-out: {found['before']:.4f} nats a token before, {found['after']:.4f} after, n {found['solutions']}")
    say(f"{tuner.steps} steps in {summary['seconds']:.0f} s; the weights are in {visible(summary['checkpoint'])}")
    return 0


def cli(argv: list[str] | None = None) -> int:
    """The command line: flags over ``--config`` over defaults."""
    argv = sys.argv[1:] if argv is None else argv

    def act() -> int:
        default = SftConfig()
        if path := told(argv, "--config"):
            set_fields(default, read_toml(Path(path), "--config"), f"--config {path}")
        return main(parse_options(SftConfig, argv, default=default, prog="python -m training.sft"))

    return guarded(act)


if __name__ == "__main__":
    leave(cli())
