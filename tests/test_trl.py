"""Tandem episodes in TRL's GRPOTrainer: what it is handed, what its loss sees of it, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("trl", reason="the TRL adapter is tested with TRL: pip install 'tandem-arena[trl]'")

from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import EMBEDDED
from agents.vocabulary import Vocabulary
from arena.episode import Episode
from arena.lines import read_episodes
from arena.policy import PolicyError
from arena.proof import problems_of
from arena.tasks import Problem, load_task
from tests.models import random_agent, random_model, tokenizer_of_kind
from training.trl import ArenaRollouts, TrainingError, TrlError, correct
from training.trl_adapter import UNITS, bar

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def fresh(name: str = "senior", temperature: float = 1.0) -> LanguageModel:
    """An embedded model of one's own: what is trained here must not be what other tests share."""
    torch.set_num_threads(1)
    return load_language_model(str(EMBEDDED / name), sampling=Sampling(temperature))


def trainer_of(arena: ArenaRollouts, folder: Path, problems: int = 8, **given: Any) -> Any:
    """A GRPOTrainer of 2 problems x 4 completions a step, one optimiser step a round, on the CPU and in fp32."""
    from trl import GRPOConfig, GRPOTrainer

    make: Any = GRPOTrainer
    peft_config, evaluated = given.pop("peft_config", None), given.pop("eval_dataset", None)
    trained = given.pop("train_dataset", None) or arena.dataset("train", problems)
    settings: dict[str, Any] = {
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 40,
        "max_steps": 2,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "loss_type": "dapo",
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        "temperature": arena.senior.sampling.temperature,
    }
    return make(
        model=arena.senior.model,
        processing_class=arena.senior.tokenizer,
        args=GRPOConfig(output_dir=str(folder / "trl"), **{**settings, **given}),
        train_dataset=trained,
        eval_dataset=evaluated,
        reward_funcs=correct,
        rollout_func=arena,
        peft_config=peft_config,
    )


def batch(trainer: Any, problems: int = 2) -> dict[str, Any]:
    """What TRL makes of a round of rollouts, in the order of the dataset, before it shuffles them."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    rows = [dict(trainer.train_dataset[index]) for index in range(problems) for _ in range(trainer.num_generations)]
    trainer.state.global_step += 1  # a round of its own
    made: dict[str, Any] = trainer._generate_and_score_completions(rows)
    made["episode"] = [row["episode"] for row in rows]
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ArenaRollouts, Any]]:
    """An Arena and a trainer that has not trained."""
    with ArenaRollouts(fresh(), {"junior": fresh("junior")}) as arena:
        yield arena, trainer_of(arena, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("handoff", "temperature"), [("token:p=0.5", 1.0), ("spaced-token:curriculum=0.2..0.8@2", 0.7)]
)
def test_a_run_trains_the_senior_alone_and_stores_its_episodes(
    handoff: str, temperature: float, tmp_path: Path
) -> None:
    senior, junior = fresh("senior", temperature), fresh("junior")
    before = {name: tensor.clone() for name, tensor in senior.model.state_dict().items()}
    frozen = {name: tensor.clone() for name, tensor in junior.model.state_dict().items()}
    with ArenaRollouts(senior, {"junior": junior}, handoff=handoff, out=tmp_path / "run") as arena:
        trainer = trainer_of(arena, tmp_path)
        attention = trainer.model.config._attn_implementation
        trainer.train()
        assert trainer.model.training
        assert trainer.model.config._attn_implementation == attention != "slots"
    after, still = senior.model.state_dict(), junior.model.state_dict()
    assert after.keys() == before.keys()  # what bars ids in the head is not saved
    assert not any(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(torch.equal(still[name], tensor) for name, tensor in frozen.items())
    episodes = list(read_episodes(tmp_path / "run"))
    assert [problems_of(episode) for episode in episodes] == [[]] * 16
    assert {episode.step for episode in episodes} == {0, 1}
    assert len({episode.views["senior"]["weights"] for episode in episodes}) == 2  # those of each step
    assert all({span.author for span in episode.spans} <= {"senior", "junior"} for episode in episodes)
    if "curriculum" in handoff:
        assert {episode.p for episode in episodes} == {0.2, 0.5}
    logged = [line for line in trainer.state.log_history if "rewards/correct/mean" in line]
    for step, line in enumerate(logged):
        right = [(e.grade or {})["verdict"] == "correct" for e in episodes if e.step == step]
        assert line["rewards/correct/mean"] == pytest.approx(sum(right) / len(right))
    assert sum(line["rewards/correct/mean"] for line in logged) > 0
    assert (tmp_path / "run" / "summary.json").is_file()


@pytest.mark.parametrize("unit", UNITS)
def test_trl_gets_every_token_its_author_and_what_it_was_drawn_with(unit: str, tmp_path: Path) -> None:
    senior = fresh("senior", 0.8)
    with ArenaRollouts(senior, {"junior": fresh("junior")}, handoff=f"{unit}:p=0.5") as arena:
        trainer = trainer_of(arena, tmp_path)
        made = batch(trainer)
        logps, *_ = trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([made["prompt_ids"], made["completion_ids"]], 1),
            torch.cat([made["prompt_mask"], made["completion_mask"]], 1),
            made["completion_ids"].shape[1],
        )
    gaps: list[float] = []
    for n, episode in enumerate(made["episode"]):
        prompt = made["prompt_ids"][n][made["prompt_mask"][n].bool()].tolist()
        there = made["completion_mask"][n].bool()
        spans = [span for span in episode.spans for _ in span.token_ids or ()]
        assert prompt == senior.prompt_ids(episode.question)
        assert made["completion_ids"][n][there].tolist() == [i for span in episode.spans for i in span.token_ids or ()]
        assert made["tool_mask"][n][there].tolist() == [span.author == "senior" for span in spans]
        drawn = [value for span in episode.spans for value in span.logprobs or ()]
        assert made["sampling_per_token_logps"][n][there].tolist() == pytest.approx(drawn)
        mine = made["tool_mask"][n][there].bool()
        gaps += (logps[n][there][mine] - torch.tensor(drawn)[mine]).abs().tolist()
    assert len(gaps) > 30
    assert max(gaps) < 1e-4
    assert 0 < int(made["num_items_in_batch"]) == len(gaps) < int(made["completion_mask"].sum())
    rewards = torch.tensor([float((e.grade or {})["verdict"] == "correct") for e in made["episode"]]).view(2, 4)
    wanted = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    assert made["advantages"].tolist() == pytest.approx(wanted.flatten().tolist())


def test_without_barring_the_senior_would_be_trained_on_another_distribution() -> None:
    """The random model gives ids that are never drawn their share, and so would TRL."""
    agent = random_agent("llama", "gpt2", seed=5)
    ids = torch.tensor([agent.prompt_ids("2 + 3?")])
    free = torch.log_softmax(agent.model(input_ids=ids).logits[0, -1], -1)
    model = random_model("llama", agent.tokenizer, 5)
    bar(model, agent.vocabulary.never)
    bar(model, agent.vocabulary.never)  # once is enough
    barred = torch.log_softmax(model(input_ids=ids).logits[0, -1], -1)
    never = list(agent.vocabulary.never)
    assert never
    assert float(free[never].exp().sum()) > 1e-3
    assert float(barred[never].exp().sum()) == 0
    allowed = [i for i in range(len(barred)) if i not in never]
    assert torch.allclose(barred[allowed], torch.log_softmax(free[allowed], -1), atol=1e-5)


@pytest.mark.parametrize("loss_type", ["dapo", "bnpo", "grpo", "dr_grpo"])
def test_the_loss_sees_the_mask(
    loss_type: str, whole: tuple[ArenaRollouts, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient at log p of what the junior wrote is exactly 0, and its size changes nothing."""
    _, trainer = whole
    made = batch(trainer)
    monkeypatch.setattr(trainer, "loss_type", loss_type)
    made["advantages"] = torch.linspace(-1, 1, 8)  # nobody's is 0
    mine = (made["completion_mask"] * made["tool_mask"]).bool()
    others = made["completion_mask"].bool() & ~mine
    scored = trainer._get_per_token_logps_and_entropies
    seen: list[torch.Tensor] = []

    def shifted(by: torch.Tensor) -> Any:
        def score(*args: Any, **given: Any) -> Any:
            logps, *rest = scored(*args, **given)
            seen.append(logps + by)
            seen[-1].retain_grad()
            return (seen[-1], *rest)

        return score

    def loss_of(by: torch.Tensor) -> tuple[float, torch.Tensor]:
        monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", shifted(by))
        loss = trainer.compute_loss(trainer.model, made)
        loss.backward()
        gradient = seen[-1].grad
        assert gradient is not None
        return float(loss.detach()), gradient

    assert int(mine.sum()) > 30 < int(others.sum())
    still = torch.zeros(mine.shape)
    made["old_per_token_logps"] = scored(
        trainer.model,
        torch.cat([made["prompt_ids"], made["completion_ids"]], 1),
        torch.cat([made["prompt_mask"], made["completion_mask"]], 1),
        mine.shape[1],
    )[0].detach()
    loss, gradient = loss_of(still)
    assert float(gradient[others].abs().max()) == 0
    assert float(gradient[mine].abs().min()) > 0
    again, same = loss_of(still + others * 3.0)
    assert (again, same.tolist()) == (loss, gradient.tolist())
    assert loss_of(still + mine * 0.05)[0] != loss
    trainer.model.zero_grad()


def test_no_two_episodes_of_a_run_share_coins_or_draws_and_evaluations_do(tmp_path: Path) -> None:
    with ArenaRollouts(fresh(), {"junior": fresh("junior")}, out=tmp_path / "run") as arena:
        # Two rounds of rollouts in each optimiser step, three epochs over two problems, one of which is there twice.
        trainer = trainer_of(
            arena,
            tmp_path,
            train_dataset=arena.dataset("train", 2).select([0, 0, 1]),
            eval_dataset=arena.dataset("held-out", 2),
            max_steps=6,
            shuffle_dataset=False,
            per_device_train_batch_size=4,
            per_device_eval_batch_size=4,
            gradient_accumulation_steps=2,
            steps_per_generation=1,
            max_completion_length=12,
        )
        trainer.train()
        found = [trainer.evaluate() for _ in range(2)]
    assert found[0]["eval_rewards/correct/mean"] == found[1]["eval_rewards/correct/mean"]
    episodes = list(read_episodes(tmp_path / "run"))
    trained = [episode for episode in episodes if episode.condition == "team"]
    assert len(trained) == 3 * 3 * 4
    assert len({(episode.problem_id, episode.sample) for episode in trained}) == len(trained)
    assert len({episode.problem_id for episode in trained}) == 2
    first = [tuple(span.author for span in e.spans)[:6] for e in trained if e.problem_id == trained[0].problem_id]
    assert len(set(first)) > 4
    measured = [episode for episode in episodes if episode.condition == "eval"]
    assert len(measured) == 2 * 4
    assert sorted(episode.sample for episode in measured) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_going_on_from_a_checkpoint_leaves_the_run_that_was_never_stopped(tmp_path: Path) -> None:
    def run(resumed: Path | None = None) -> list[Any]:
        senior = fresh()
        with ArenaRollouts(senior, {"junior": fresh("junior")}, out=tmp_path / "run") as arena:
            settings: dict[str, Any] = {
                "max_steps": 4,
                "save_strategy": "steps",
                "save_steps": 2,
                "max_completion_length": 16,
            }
            trainer = trainer_of(arena, tmp_path, **settings)
            trainer.train(resume_from_checkpoint=resumed and str(resumed))
        return [(e.id, e.text) for e in read_episodes(tmp_path / "run")]

    whole = run()
    assert len(whole) == 32
    assert run(tmp_path / "trl" / "checkpoint-2") == whole  # what was written after it is owed again


@pytest.mark.parametrize("made_by", ["trl", "us"])
def test_an_adapter_is_trained_and_plays(made_by: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="adapters need peft: pip install 'tandem-arena[peft]'")
    senior = fresh()
    lora = peft.LoraConfig(r=4, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    if made_by == "us":
        senior = LanguageModel(peft.get_peft_model(senior.model, lora), senior.tokenizer)
    with ArenaRollouts(senior, {"junior": fresh("junior")}, out=tmp_path / "run") as arena:
        trainer = trainer_of(arena, tmp_path, peft_config=lora if made_by == "trl" else None)
        before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
        trainer.train()
    assert senior.model is trainer.model
    changed = {name for name, t in trainer.model.state_dict().items() if not torch.equal(t, before[name])}
    assert changed
    assert all("lora" in name for name in changed)
    weights = [episode.views["senior"]["weights"] for episode in read_episodes(tmp_path / "run")]
    assert len(set(weights)) == 2


def test_a_junior_that_ends_by_another_token_and_writes_what_the_senior_never_does(tmp_path: Path) -> None:
    """Several updates on one round, so that ratios are no longer 1; a mask of 0 must not meet an infinite one."""
    tokenizer = tokenizer_of_kind("gpt2")
    model = random_model("llama", tokenizer)
    model.generation_config.suppress_tokens = list(range(20, 200))
    senior, other = LanguageModel(model, tokenizer), LanguageModel(random_model("llama", tokenizer, 1), tokenizer)
    ends = range(250, 290)
    vocabulary = Vocabulary(other.vocabulary.pieces, ends, other.vocabulary.never + other.vocabulary.end_ids)
    junior = LanguageModel(other.model, tokenizer, vocabulary=vocabulary)
    with ArenaRollouts(senior, {"junior": junior}) as arena:
        trainer = trainer_of(arena, tmp_path, num_iterations=4, max_steps=4, learning_rate=1e-2)
        made = batch(trainer, 8)
        trainer.state.global_step = 0
        # Random models are never right: the reward is something else here.
        trainer.reward_funcs = [lambda completions, **given: [float(len(text)) for text in completions]]
        trainer.train()
    last = [
        (episode.spans[-1].author, ids[mask.bool()][-1])
        for episode, ids, mask in zip(made["episode"], made["completion_ids"], made["completion_mask"], strict=True)
        if episode.ended == "end"
    ]
    assert {int(token) for author, token in last if author == "junior"} == {1}
    others = made["completion_mask"].bool() & (made["tool_mask"] == 0)
    assert any(int(token) in senior.vocabulary.never for token in made["completion_ids"][others])
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert len(losses) == 4
    assert all(math.isfinite(loss) for loss in losses)
    assert all(bool(torch.isfinite(weight).all()) for weight in senior.model.parameters())


def test_what_was_cut_off_is_truncated_to_trl_too(tmp_path: Path) -> None:
    with ArenaRollouts(fresh(), {"junior": fresh("junior")}) as arena:
        trainer = trainer_of(arena, tmp_path, max_completion_length=24, mask_truncated_completions=True)
        made = batch(trainer, 4)
    ended = [episode.ended for episode in made["episode"]]
    assert set(ended) == {"end", "limit"}
    assert [bool(mask.any()) for mask in made["completion_mask"]] == [how == "end" for how in ended]
    assert max(len([i for s in e.spans for i in s.token_ids or ()]) for e in made["episode"]) == 24


def test_the_reference_model_is_barred_too(tiny_models: tuple[Path, Path], tmp_path: Path) -> None:
    """KL(senior || reference) is 0 before the first update; random models give what is barred a share."""
    senior, junior = (load_language_model(str(folder)) for folder in tiny_models)
    with ArenaRollouts(senior, {"junior": junior}) as arena:
        trainer = trainer_of(arena, tmp_path, beta=0.1)
        made = batch(trainer)
        trainer._metrics["train"].clear()
        trainer.compute_loss(trainer.model, made)
    assert trainer._metrics["train"]["kl"][0] == pytest.approx(0, abs=1e-9)


def refused(arena: ArenaRollouts, trainer: Any, message: str, error: type[Exception] = TrlError) -> None:
    arena._trainer = None  # as if it was the first time
    trainer.state.global_step += 1
    with pytest.raises(error, match=message) as caught:
        arena([trainer.train_dataset[0]["prompt"]] * 4, trainer)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("handoff", "message"),
    [
        ("word:p=0.5", r"no place for the `end` and `open` factors of the unit 'word'; take token or spaced-token"),
        ("sentence:alternate", "of the unit 'sentence'"),
        ("solution:p=0.5", "of the unit 'solution'"),
        ("token:once=0.5", "a schedule that coins decide"),
        ("token:demand", "a schedule that coins decide"),
    ],
)
def test_units_and_schedules_that_trl_cannot_express(handoff: str, message: str) -> None:
    with pytest.raises(TrlError, match=message):
        ArenaRollouts(random_agent("llama", "gpt2"), {"junior": random_agent("llama", "gpt2", 1)}, handoff=handoff)
    with pytest.raises(PolicyError):
        ArenaRollouts(random_agent("llama", "gpt2"), {}, handoff="token:p=0.3,0.7")


def test_agents_that_trl_cannot_express() -> None:
    senior, junior = random_agent("llama", "gpt2"), random_agent("llama", "gpt2", 1)
    with pytest.raises(TrlError, match="junior: has another tokeniser than senior"):
        ArenaRollouts(senior, {"junior": random_agent("llama", "sentencepiece")})
    with pytest.raises(TrlError, match="junior: is not a language model"):
        ArenaRollouts(senior, {"junior": SimpleNamespace()})  # type: ignore[dict-item]
    with pytest.raises(TrlError, match="junior: has the very weights of senior, which are trained"):
        ArenaRollouts(senior, {"junior": LanguageModel(senior.model, senior.tokenizer)})
    with pytest.raises(TrlError, match="leave out top_k, top_p and temperature 0"):
        ArenaRollouts(LanguageModel(senior.model, senior.tokenizer, sampling=Sampling(top_p=0.9)), {"junior": junior})
    model = random_model("llama", senior.tokenizer)
    model.generation_config.eos_token_id = [1, 7]
    with pytest.raises(TrlError, match=r"has 2 ends \(1, 7\).* model\.generation_config\.eos_token_id = 1"):
        ArenaRollouts(LanguageModel(model, senior.tokenizer), {"junior": junior})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("temperature", 0.7, r"temperature=0\.7\), but the senior draws at 1"),
        ("top_p", 0.9, r"top_p=0\.9\): the Arena draws"),
        ("top_k", 20, "top_k=20"),
        ("min_p", 0.1, r"min_p=0\.1"),
        ("repetition_penalty", 1.1, r"repetition_penalty=1\.1"),
        ("generation_kwargs", {"top_p": 0.5}, "generation_kwargs="),
        ("use_vllm", True, "vLLM would not be asked"),
        ("max_completion_length", None, "needs a maximum length"),
    ],
)
def test_settings_that_the_arena_does_not_follow(
    field: str, value: Any, message: str, whole: tuple[ArenaRollouts, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arena, trainer = whole
    monkeypatch.setattr(trainer.args, field, value)
    refused(arena, trainer, message)


def test_what_would_lose_authors_or_ends(whole: tuple[ArenaRollouts, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    arena, trainer = whole
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "tools", [print])
        refused(arena, trainer, "forgets who wrote what")
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "is_fsdp_enabled", True)
        refused(arena, trainer, "the weights are spread over processes")
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "eos_token_ids", [0])
        refused(arena, trainer, r"token 1 ends a solution, but TRL's ends are \[0, 2\]")
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "eos_token_ids", [1, 31])
        refused(arena, trainer, "takes token 31 for an end, and the senior for text")
    with monkeypatch.context() as patched:
        patched.setattr(arena.senior, "model", fresh().model)
        refused(arena, trainer, r"not the one that TRL trains; give GRPOTrainer\(model=senior\.model\)")
    arena._trainer = None
    with pytest.raises(TrlError, match=r"'What is 1 \+ 1\?': is no problem of this Arena; train on its dataset"):
        arena(["What is 1 + 1?"], trainer)


def without_its_first_span(episode: Episode) -> Episode:
    return replace(episode, spans=episode.spans[1:])


def with_another_author(episode: Episode) -> Episode:
    """Behind its digest: the last token is the other one's."""
    last = episode.spans[-1]
    author = "senior" if last.author == "junior" else "junior"
    return replace(episode, spans=[*episode.spans[:-1], replace(last, author=author)])


def failed(episode: Episode) -> Episode:
    return replace(episode, ended="error", error="junior: its logits are not numbers")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_its_first_span, "its authors are lost at character 0"),
        (with_another_author, "its authors are lost"),
        (failed, "failed: junior: its logits are not numbers"),
    ],
)
def test_a_lost_author_stops_the_run(
    spoil: Any, message: str, whole: tuple[ArenaRollouts, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arena, trainer = whole
    play = arena.engine.episodes
    monkeypatch.setattr(arena.engine, "episodes", lambda jobs: map(spoil, play(jobs)))
    refused(arena, trainer, message, TrainingError)
    assert trainer.model.training


def test_no_episode_becomes_a_row_that_has_lost_something(whole: tuple[ArenaRollouts, Any]) -> None:
    arena, trainer = whole
    episode = batch(trainer)["episode"][0]
    spans, last = episode.spans[:-1], episode.spans[-1]
    place, counts = (
        "TRL has no place for what (senior|junior) wrote",
        r"\d+ tokens, \d+ log-probabilities and \d+ authors",
    )
    for spoilt, message in (
        (replace(episode, spans=[*spans, replace(last, token_ids=None)]), place),
        (replace(episode, spans=[*spans, replace(last, logprobs=None)]), place),
        (replace(episode, spans=[*spans, replace(last, end_logprob=-0.5)]), place),
        (replace(episode, spans=[*spans, replace(last, logprobs=[*last.logprobs, -1.0])]), counts),
        (replace(episode, spans=[]), counts),
        (replace(episode, views={"senior": {"prompt_ids": "another"}}), "it was written under another prompt"),
        (replace(episode, ended="end" if episode.ended == "limit" else "limit"), "TRL would not see that it ended by"),
    ):
        with pytest.raises(TrainingError, match=message):
            arena._row(spoilt, trainer)
    assert len(arena._row(episode, trainer).ids) == sum(len(span.token_ids or ()) for span in episode.spans)


def test_a_model_that_trl_reads_in_another_way(tmp_path: Path) -> None:
    """GPT-2's learned positions move with the padding on the left of a batch, which TRL does not tell it."""
    tokenizer = tokenizer_of_kind("gpt2")
    senior, junior = (LanguageModel(random_model("gpt2", tokenizer, seed), tokenizer) for seed in (0, 1))
    with ArenaRollouts(senior, {"junior": junior}) as arena:
        trainer = trainer_of(arena, tmp_path)
        prompts = [trainer.train_dataset[index]["prompt"] for index in range(2) for _ in range(4)]
        assert len({len(senior.prompt_ids(prompt)) for prompt in prompts}) == 2
        with pytest.raises(TrlError, match="nats away from those that were drawn from: it reads this model in another"):
            arena(prompts, trainer)


def test_a_head_that_cannot_be_barred() -> None:
    model = random_model("llama", tokenizer_of_kind("gpt2"))
    model.lm_head = torch.nn.Linear(32, len(model.lm_head.weight), bias=True)
    with pytest.raises(TrlError, match="LlamaForCausalLM: ids that the senior never draws cannot be barred"):
        bar(model, (0, 2))


def test_two_problems_with_one_question_stay_two_problems() -> None:
    class Twins:
        name = "twins"

        def problems(self, split: str) -> list[Problem]:
            return [Problem(f"twins/{n}", "What is 2 + 3?", answer) for n, answer in enumerate("55")]

        def extract(self, text: str) -> str | None:
            return load_task("arithmetic").extract(text)

    arena = ArenaRollouts(random_agent("llama", "gpt2"), {}, Twins(), "token:solo")
    rows = arena.dataset("train").to_list()
    assert [row["prompt"] for row in rows] == ["What is 2 + 3?", "What is 2 + 3? [twins/1]"]
    assert [arena._problems[row["prompt"]].id for row in rows] == [row["problem_id"] for row in rows]
    assert arena.dataset("train").to_list() == rows


def test_the_reward_reads_the_arenas_grades_only() -> None:
    with pytest.raises(TrlError, match="so give rollout_func the ArenaRollouts"):
        correct(["4"], problem_id=["arithmetic/0"])
    made = [
        SimpleNamespace(problem_id="a", grade={"verdict": verdict}, ended="end", spans=[1, 2]) for verdict in VERDICTS
    ]
    logged: dict[str, float] = {}
    given: dict[str, Any] = {"episode": made, "problem_id": ["a"] * 3, "log_metric": logged.__setitem__}
    assert correct([""] * 3, **given) == [1, 0, 0]
    assert logged == {"arena/unreadable": pytest.approx(1 / 3), "arena/cut_off": 0, "arena/handoffs": 1}
    with pytest.raises(TrlError, match="not those of the dataset's problems"):
        correct([""] * 3, **{**given, "problem_id": ["b"] * 3})


VERDICTS = ("correct", "wrong", "unreadable")
