"""``python -m training.run``: trains the senior on what the Arena plays; stored, resumable, measured along the way.

Also under ``accelerate launch -m training.run``: every process plays and differentiates its share.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.command import (
    INTERRUPTED,
    fail,
    guarded,
    leave,
    new_folder,
    out_of_memory,
    parse_options,
    patient_interrupt,
    to_go_on,
    told,
)
from arena.terminal import say, visible
from training.config import TrainConfig, saved

if TYPE_CHECKING:
    from arena.tasks import Task
    from training.world import World


def main(given: TrainConfig) -> int:
    """Runs a configuration; returns the exit code. Raises UserError for what the user can mend."""
    from arena.lines import StoreError
    from arena.store import refuse
    from training.settle import load_task_of, settled

    config = settled(given)
    if config.dry_run:
        import tomli_w

        print(tomli_w.dumps(saved(config)), end="")
        return 0
    task = load_task_of(config)
    stem = "-".join(filter(None, [Path(config.recipe or "training").stem, config.control]))
    folder = config.out or new_folder(stem, resume=config.resume)
    try:
        refuse(folder, saved(config), resume=config.resume)
    except StoreError as error:
        fail(str(error))
    from training.world import World

    world = World()
    try:
        return _train(config, task, world.from_main(folder), world)
    finally:
        world.close()


def _train(config: TrainConfig, task: Task, folder: Path, world: World) -> int:
    from agents.contract import AgentError
    from arena.arena import make_engine
    from arena.config import engine_options
    from arena.episode import EpisodeError
    from arena.grading import Grader, GraderError
    from arena.lines import StoreError
    from arena.run import settle_threads
    from training import checkpoint
    from training.checkpoint import CheckpointError
    from training.records import Records
    from training.rollouts import TrainingError
    from training.senior import make_trainable
    from training.settle import freeze, load_agents_of
    from training.trackers import Tracked
    from training.trainer import Trainer

    agents = load_agents_of(config, world.device)
    settle_threads(agents)
    freeze(agents, config.senior)
    senior = make_trainable(agents[config.senior], config.senior, config.agents[config.senior], config)
    rows = config.rollouts.batch_size or config.rollouts.problems * config.rollouts.samples
    rows = max(1, -(-rows // world.size))
    options = engine_options(config.engine, config.vllm)
    if config.engine == "vllm" and world.size > 1:
        fail("--engine vllm: plays in one process; leave out accelerate launch, or use --engine torch")
    last = checkpoint.last_of(folder / "checkpoints") if config.resume else None
    try:
        engine = make_engine(config.engine, agents, config.seed, config.rollouts.limit, rows, options)
        with Grader() as grader:
            trainer = Trainer(config, task, agents, senior, engine, grader, world)
            sizes = checkpoint.sizes_of(last) if last else {}
            files = Records(folder, saved(config), resume=config.resume, sizes=sizes) if world.main else nullcontext()
            with files as records:
                if last:
                    trainer.restore(last)
                world.wait()
                with Tracked(_screen(config, world), config, folder, world) as show, patient_interrupt("step") as asked:
                    trainer.run(folder, records, show, asked)
                summary = trainer.finish(records)
    except KeyboardInterrupt:
        if world.main:
            _say_how_to_go_on(folder)
        return INTERRUPTED
    except (StoreError, CheckpointError) as error:
        fail(str(error))
    except (TrainingError, AgentError, GraderError, EpisodeError, OSError) as error:
        return _stopped(error, folder)
    except RuntimeError as error:
        if out_of_memory(error):
            why = "out of memory; give --set optimiser.micro_tokens or --set rollouts.batch_size a smaller number"
            return _stopped(why, folder)
        raise
    if world.main:
        _sum_up(config, folder, summary)
    return 0


def _stopped(error: object, folder: Path) -> int:
    """A run that cannot go on: one line, and what is left of it. Returns the exit code."""
    from training import checkpoint

    last = checkpoint.last_of(folder / "checkpoints")
    left = f"the last checkpoint is {last}" if last else "there is no checkpoint yet"
    why = error.strerror or error if isinstance(error, OSError) else error
    say(visible(f"error: {' '.join(str(why).split())}; {left}"), sys.stderr)
    return 1


def _screen(config: TrainConfig, world: World) -> Any:
    from training.show import Lines, Live, Silent

    if not world.main:
        return Silent()
    return Live(config.senior) if sys.stderr.isatty() else Lines(config.senior)


def _sum_up(config: TrainConfig, folder: Path, summary: Mapping[str, Any]) -> None:
    if config.json:
        say(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    for split in ("held_out", "test"):
        for condition, found in (summary.get(split) or {}).items():
            low, high = found["accuracy_ci95"]
            say(
                f"{split.replace('_', '-'):9}{condition:14} accuracy {found['accuracy']:.3f} [{low:.3f}, {high:.3f}]  "
                f"jargon {found['jargon_rate']:.3f}  cut off {found['cut_off']:.3f}  "
                f"{found['tokens_per_episode']:.0f} tokens  n {found['episodes']}"
            )
    say(f"{summary['steps']} steps in {summary['seconds']:.0f} s; stored in {visible(str(folder))}")


def _say_how_to_go_on(folder: Path) -> None:
    if not (folder / "config.toml").exists():
        say("\nstopped; nothing was written yet", sys.stderr)
        return
    from training.checkpoint import last_of

    last = last_of(folder / "checkpoints")
    place = f"from {last.name}" if last else "from the beginning: there is no checkpoint yet"
    say(f"\nstopped. To go on {place}: {to_go_on('training.run', folder)}", sys.stderr)


def configured(argv: list[str]) -> TrainConfig:
    """What a command line says: flags over ``--config`` over the recipe. Raises UserError."""
    from training.reading import defaults

    path = told(argv, "--config")
    default = defaults(told(argv, "--recipe"), told(argv, "--control"), Path(path) if path else None)
    return parse_options(TrainConfig, argv, default=default, prog="python -m training.run")


def cli(argv: list[str] | None = None) -> int:
    """The command line."""
    return guarded(lambda: main(configured(sys.argv[1:] if argv is None else argv)))


if __name__ == "__main__":
    leave(cli())
