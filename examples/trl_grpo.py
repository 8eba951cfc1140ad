"""The embedded senior trained by TRL's GRPOTrainer on tandem episodes; minutes on a CPU. docs/TRL.md explains.

``pip install 'tandem-arena[trl]'``, then ``python -m examples.trl_grpo [FOLDER]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from trl import GRPOConfig, GRPOTrainer

from agents.loading import load_language_model
from agents.registry import EMBEDDED
from training.trl import ArenaRollouts, correct


def main(folder: Path) -> None:
    senior, junior = (load_language_model(str(EMBEDDED / name)) for name in ("senior", "junior"))
    with ArenaRollouts(senior, {"junior": junior}, "arithmetic", "token:p=0.5", out=folder / "run") as arena:
        config = GRPOConfig(
            output_dir=str(folder / "trl"),
            per_device_train_batch_size=32,
            gradient_accumulation_steps=4,  # 16 problems x 8 episodes a step
            num_generations=8,
            max_completion_length=96,
            max_steps=30,
            learning_rate=5e-4,
            lr_scheduler_type="constant",
            delta=3.0,  # dual clip
            loss_type="dapo",  # the mean over all of the senior's tokens in the step
            per_device_eval_batch_size=200,
            num_generations_eval=1,
            logging_steps=5,
            bf16=False,
            save_strategy="no",
            report_to="none",
        )
        trainer = GRPOTrainer(
            model=senior.model,
            processing_class=senior.tokenizer,
            args=config,
            train_dataset=arena.dataset("train", 2000),
            eval_dataset=arena.dataset("held-out", 200),
            rollout_func=arena,
            reward_funcs=correct,
        )
        before = trainer.evaluate()["eval_reward"]
        trainer.train()
        after = trainer.evaluate()["eval_reward"]
    print(f"the team's accuracy on the same 200 held-out problems: {before:.3f} before, {after:.3f} after")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/trl"))
