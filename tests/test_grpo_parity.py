"""Our GRPO against TRL's own loss, on the same rollouts of the same model: loss and every parameter's gradient.

What is set to be equal: the epsilon of the advantages (TRL's 1e-4), the clip, the dual clip (TRL's delta), no KL,
ratios of tokens, and the mean over all tokens of the batch (TRL's dapo over a batch, or bnpo).

One thing is TRL's way only: under `token` whatever comes opens a unit, so that a unit is over is certain and TRL has no
factor for it. HANDOFF.md, section 4, has one, of log 1: it has no gradient, but a place in the mean, by which our
gradient is smaller. Under `spaced-token`, paper 2's rule, there are no such factors, and nothing differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import EMBEDDED
from training.config import LossConfig
from training.loss import Loss, Sample, Watch, micro_batches, own_factors, sample_of
from training.objectives.grpo import Grpo
from training.trl import ArenaRollouts, correct

trl: Any = pytest.importorskip("trl", reason="GRPO is compared with TRL's: pip install 'tandem-arena[trl]'")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

PROBLEMS, SAMPLES = 4, 8
OURS = Grpo(clip_low=0.2, clip_high=0.2, dual_clip=3.0, epsilon=1e-4)


class Batch:
    """A round of rollouts as TRL has it and as our loss does."""

    def __init__(self, unit: str, folder: Path):
        torch.set_num_threads(1)
        self.senior, junior = (load_language_model(str(EMBEDDED / name)) for name in ("senior", "junior"))
        settings: dict[str, Any] = {
            "per_device_train_batch_size": PROBLEMS * SAMPLES,
            "num_generations": SAMPLES,
            "num_iterations": 2,  # so that TRL, too, remembers what the log-probabilities were
            "max_completion_length": 60,
            "loss_type": "dapo",
            "importance_sampling_level": "token",
            "epsilon": OURS.clip_low,
            "delta": OURS.dual_clip,
            "beta": 0.0,
            "bf16": False,
            "use_cpu": True,
            "report_to": "none",
        }
        with ArenaRollouts(self.senior, {"junior": junior}, handoff=f"{unit}:p=0.5") as arena:
            self.trainer = trl.GRPOTrainer(
                model=self.senior.model,
                processing_class=self.senior.tokenizer,
                args=trl.GRPOConfig(output_dir=str(folder), **settings),
                train_dataset=arena.dataset("train", PROBLEMS),
                reward_funcs=correct,
                rollout_func=arena,
            )
            self.trainer.model.train()
            self.trainer.current_gradient_accumulation_steps = 1
            rows = [dict(self.trainer.train_dataset[n]) for n in range(PROBLEMS) for _ in range(SAMPLES)]
            self.theirs: dict[str, Any] = self.trainer._generate_and_score_completions(rows)
        self.episodes = [row["episode"] for row in rows]
        self.rule = arena.policy.rule
        self.loss = Loss(self.senior, self.rule, OURS, LossConfig())

    @property
    def mine(self) -> torch.Tensor:
        """[N, longest]: the senior's tokens."""
        found: torch.Tensor = (self.theirs["completion_mask"] * self.theirs["tool_mask"]).bool()
        return found

    def samples(self) -> list[Sample]:
        """The rollouts with their advantages."""
        right = np.array([(episode.grade or {})["verdict"] == "correct" for episode in self.episodes])
        advantages = OURS.advantages(right, np.repeat(np.arange(PROBLEMS), SAMPLES))
        vocabularies = {self.senior.vocabulary.digest: self.senior.vocabulary}
        samples = [sample_of(self.senior, "senior", one, vocabularies, others=False) for one in self.episodes]
        for sample, advantage in zip(samples, advantages, strict=True):
            sample.advantage = float(advantage)
        return samples

    def ours(self, samples: list[Sample], divisor: float) -> tuple[float, dict[str, torch.Tensor]]:
        """Loss and gradients by our own code, in micro-batches."""
        self.senior.model.eval()
        watch = Watch()
        for batch in micro_batches(samples, 1000):
            self.loss.backward(batch, divisor, watch, gaps=True)
        assert max(map(abs, watch.gaps)) < 1e-4
        return watch.loss, self._gradients()

    def trls(self, **settings: Any) -> tuple[float, dict[str, torch.Tensor]]:
        """Loss and gradients by TRL."""
        self.trainer.model.train()
        loss = self.trainer.compute_loss(self.trainer.model, {**self.theirs, **settings})
        loss.backward()
        return float(loss.detach()), self._gradients()

    def _gradients(self) -> dict[str, torch.Tensor]:
        model = self.senior.model
        found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
        assert len(found) == len(list(model.parameters()))
        model.zero_grad()
        return found


@pytest.fixture(scope="module", params=["token", "spaced-token"])
def batch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return Batch(request.param, tmp_path_factory.mktemp("parity"))


def assert_equal(
    ours: tuple[float, dict[str, torch.Tensor]], theirs: tuple[float, dict[str, torch.Tensor]], scale: float = 1.0
) -> None:
    """Loss and gradients agree to 1e-5; the gradients also to 1e-4 of the largest number in each."""
    assert ours[0] * scale == pytest.approx(theirs[0], abs=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    for name, gradient in theirs[1].items():
        gap, size = float((ours[1][name] * scale - gradient).abs().max()), float(gradient.abs().max())
        assert size > 0, name
        assert gap < min(1e-5, 1e-4 * size), (name, gap, size)


def test_the_advantages_are_trls(batch: Batch) -> None:
    found = [sample.advantage for sample in batch.samples()]
    assert found == pytest.approx(batch.theirs["advantages"].tolist(), abs=1e-5)
    assert min(found) < -0.3 < 0.3 < max(found)


def test_what_the_log_probabilities_were_is_the_same(batch: Batch) -> None:
    samples = batch.samples()
    batch.senior.model.eval()
    batch.loss.remember(samples, 1000)
    found = torch.cat([sample.old for sample in samples if sample.old is not None])
    assert torch.allclose(found, batch.theirs["old_per_token_logps"][batch.mine], atol=1e-5)


@pytest.mark.parametrize("loss_type", ["dapo", "bnpo"])
def test_at_ratio_1(batch: Batch, loss_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch.trainer, "loss_type", loss_type)
    samples = batch.samples()
    factors = sum(len(sample.view.factors) for sample in samples)
    assert factors == int(batch.mine.sum()) == int(batch.theirs["num_items_in_batch"])
    assert_equal(batch.ours(samples, OURS.divisor(len(samples), factors, 60)), batch.trls())


def test_off_policy_with_both_clips_active(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old log-probabilities are moved by noise of one nat: ratios from .1 to 10."""
    samples, mine = batch.samples(), batch.mine
    noise = torch.randn(mine.shape, generator=torch.Generator().manual_seed(3)) * 1.0
    old = batch.theirs["old_per_token_logps"] + noise
    for sample, row, its in zip(samples, old, mine, strict=True):
        sample.old = row[its]
    ratio, advantage = (-noise[mine]).exp(), batch.theirs["advantages"].unsqueeze(1).expand(mine.shape)[mine]
    clipped = [(advantage > 0) & (ratio > 1.2), (advantage < 0) & (ratio < 0.8), (advantage < 0) & (ratio > 3)]
    assert [int(part.sum()) > 15 for part in clipped] == [True] * 3
    divisor = OURS.divisor(len(samples), int(mine.sum()), 60)
    theirs = batch.trls(old_per_token_logps=old)
    assert_equal(batch.ours(samples, divisor), theirs)
    for field, other in (("delta", None), ("epsilon_low", 0.1), ("epsilon_high", 0.3)):  # each of them counts
        with monkeypatch.context() as patched:
            patched.setattr(batch.trainer.args if field == "delta" else batch.trainer, field, other)
            assert abs(batch.trls(old_per_token_logps=old)[0] - theirs[0]) > 1e-3


def test_the_trainer_counts_what_trl_counts(batch: Batch) -> None:
    """Also under `token`, where a unit is always over: what was not decided is no factor of the loss."""
    assert sum(own_factors(episode, "senior", batch.senior.vocabulary) for episode in batch.episodes) == int(
        batch.mine.sum()
    )


def test_the_senior_is_the_model_that_trl_has(batch: Batch) -> None:
    assert isinstance(batch.senior, LanguageModel)
    assert batch.senior.model is batch.trainer.model
