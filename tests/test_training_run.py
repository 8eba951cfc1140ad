"""``python -m training.run``: what a run leaves, who may be trained with whom, and what cannot be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from agents.registry import EMBEDDED
from arena import validate
from arena.lines import read_episodes
from arena.run import cli as arena_cli
from arena.torch_engine.engine import TorchEngine
from tests.running import only_line, plain
from tests.training_runs import metrics, summary, train
from training.learner import Learner
from training.reading import recipe_names
from training.run import cli


def test_a_run_leaves_what_others_rely_on(here: Path) -> None:
    assert train(here / "run", "--set", "evaluation.test=6", steps=3) == 0
    names = {path.name for path in (here / "run").iterdir()}
    assert names >= {
        "config.toml",
        "episodes.jsonl",
        "metrics.jsonl",
        "summary.json",
        "episodes.parquet",
        "checkpoints",
    }
    assert len(plain(here / "run")) == 3 * 16
    assert {episode["step"] for episode in plain(here / "run")} == {0, 1, 2}
    seen = {(e["step"], e["condition"]) for e in plain(here / "run" / "validation")}
    everybody = {(0, "solo:senior"), (0, "solo:junior"), (0, "team")}
    assert seen == everybody | {(step, who) for step in (2, 3) for who in ("solo:senior", "team")}
    assert {e["condition"] for e in plain(here / "run" / "test")} == {"solo:senior", "solo:junior", "team"}
    lines = metrics(here / "run")
    assert [line["step"] for line in lines] == [0, 1, 2, 3]
    assert all(line["mismatch"]["max"] < 1e-4 for line in lines[1:])
    found = summary(here / "run")
    assert found["steps"] == 3
    assert found["test"]["team"]["episodes"] == 6
    published = ("episodes", "accuracy", "accuracy_ci95", "unreadable", "jargon_rate", "handoffs_per_episode")
    assert all(found[name] == found["test"]["team"][name] for name in (*published, "author_share"))
    assert found["measured_on"] == "test"
    assert found["tokens"] == sum(line["tokens"] for line in lines[1:])
    for place in ("", "test", "validation"):
        assert validate.main(validate.Options(here / "run" / place)) == 0


def test_only_the_senior_is_trained_and_its_checkpoint_loads_everywhere(here: Path) -> None:
    from transformers import AutoModelForCausalLM

    before = (EMBEDDED / "junior" / "model.safetensors").read_bytes()
    assert train(here / "run") == 0
    last = here / "run" / "checkpoints" / "last"
    start = load_file(EMBEDDED / "senior" / "model.safetensors")
    now = load_file(last / "model.safetensors")
    assert any(not torch.equal(now[name].float(), start[name].float()) for name in now)
    assert (EMBEDDED / "junior" / "model.safetensors").read_bytes() == before
    loaded = AutoModelForCausalLM.from_pretrained(last).state_dict()
    assert all(torch.equal(loaded[name], now[name]) for name in now)
    given = ["--agent", f"senior=hf:{last}", "--episodes", "4", "--show", "0"]
    assert arena_cli(["--pair", "senior:junior", *given, "--out", "play"]) == 0
    # The trained senior's episodes name its weights, and those of the last evaluation are the same ones.
    played = {e.views["senior"]["weights"] for e in read_episodes(here / "play")}
    evaluated = {e.views["senior"]["weights"] for e in read_episodes(here / "run" / "validation") if e.step == 2}
    assert played == evaluated


def test_alone_there_are_no_handoffs_and_the_team_is_measured_all_the_same(here: Path) -> None:
    assert train(here / "run", "--pair", "senior") == 0
    episodes = plain(here / "run")
    assert {episode["policy"] for episode in episodes} == {"word:solo"}
    assert all(span["end_logprob"] is None for episode in episodes for span in episode["spans"])
    assert set(summary(here / "run")["held_out"]) == {"solo:senior", "team"}


def test_of_several_pairs_each_episode_draws_one(here: Path) -> None:
    pairs = "senior:junior,senior:junior-jargon"
    assert train(here / "a", "--pair", pairs) == 0
    assert train(here / "b", "--pair", pairs) == 0
    authors = [tuple(episode["authors"]) for episode in plain(here / "a")]
    assert set(authors) == {("senior", "junior"), ("senior", "junior-jargon")}
    assert authors == [tuple(episode["authors"]) for episode in plain(here / "b")]
    assert 8 <= authors.count(("senior", "junior")) <= 24


@pytest.mark.parametrize("handoff", ["word:curriculum=0.9..0.5@2", "word:once=0.5", "sentence:alternate"])
def test_other_schedules(here: Path, handoff: str) -> None:
    assert train(here / "run", "--handoff", handoff, "--set", "objective.c=0.5") == 0
    episodes = plain(here / "run")
    if "curriculum" in handoff:
        assert {(e["step"], e["p"]) for e in episodes} == {(0, 0.9), (1, 0.7)}
    if "once" in handoff:  # the senior's own solutions have acted, and are stored with those that go on from them
        assert all(line["factors"] > 0 and line["episodes"] == 16 for line in metrics(here / "run")[1:])
        team = [e for e in episodes if e["condition"] == "team"]
        alone = {e["id"]: e for e in episodes if e["condition"] == "solo:senior"}
        assert len(team) == len(alone) == 2 * 16
        assert all(e["parent_id"] in alone and e["prefix_units"] is not None for e in team)
        assert all(e["grade"]["verdict"] in ("correct", "wrong", "unreadable") for e in episodes)
        assert metrics(here / "run")[1]["tokens"] == sum(
            len(span["token_ids"]) for e in episodes if e["step"] == 0 for span in e["spans"][e["prefix_spans"] or 0 :]
        )
    assert validate.main(validate.Options(here / "run")) == 0


def test_a_curriculum_is_evaluated_where_it_ends(here: Path) -> None:
    """Weights that do not move have figures that do not move, whatever p the rollouts have."""
    flags = ["--handoff", "word:curriculum=0.9..0.2@2", "--set", "optimiser.learning_rate=0"]
    assert train(here / "run", *flags, "--set", "evaluation.every=1") == 0
    team = [e for e in plain(here / "run" / "validation") if e["condition"] == "team"]
    assert {e["policy"] for e in team} == {"word:p=0.2"}
    assert len({e["text"] for e in team if e["problem_id"] == team[0]["problem_id"]}) == 1
    found = [line["held_out"]["team"] for line in metrics(here / "run")]
    assert found[0] == found[1] == found[2]


def test_of_measures_of_which_less_is_better_the_least_is_best(here: Path) -> None:
    flags = ["--set", "evaluation.best=solo:senior.tokens_per_episode", "--set", "evaluation.every=1"]
    assert train(here / "run", *flags, "--set", "optimiser.learning_rate=3e-3", steps=3) == 0
    found = {line["step"]: line["held_out"]["solo:senior"]["tokens_per_episode"] for line in metrics(here / "run")[1:]}
    assert len(set(found.values())) > 1
    best = summary(here / "run")["best"]
    assert best["solo:senior.tokens_per_episode"] == min(found.values()) == found[best["step"]]
    assert (here / "run" / "checkpoints" / "best").resolve().name == f"step-{best['step']:06d}"


def test_what_a_file_names_is_what_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.toml").write_text('recipe = "tiny"\ncontrol = "no-junior"\n[agents.junior]\naddress = "junior-other"\n')
    assert cli(["--config", "a.toml", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert 'control = "no-junior"' in said
    assert 'pair = "senior"' in said
    assert "limit = 192" in said
    assert 'address = "junior-other"' in said
    (here / "whole.toml").write_text(said)
    for flags in (["--recipe", "tiny-grpo"], ["--control", "no-junior"]):
        assert cli(["--config", "whole.toml", *flags]) == 2
        assert "is the whole configuration of a run" in only_line(capsys.readouterr().err)
    (here / "odd.toml").write_bytes(b"steps = 3 # \xff\n")
    (here / "odd2.toml").write_text("controls = 3\n")
    (here / "odd3.toml").write_text("[controls]\nx = 3\n")
    for flags in (
        ["--config", "odd.toml"],
        ["--recipe", "odd.toml"],
        ["--recipe", "odd2.toml"],
        ["--recipe", "odd3.toml"],
    ):
        assert cli(flags) == 2
        assert only_line(capsys.readouterr().err).startswith(f"error: {' '.join(flags)}: ")


def test_an_engine_that_can_rests_while_the_senior_learns(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def noted(owner: Any, name: str) -> None:
        known = getattr(owner, name, lambda self: None)

        def act(self: Any, *given: Any) -> Any:
            done.append(name)
            return known(self, *given)

        monkeypatch.setattr(owner, name, act, raising=False)

    for owner, name in ((TorchEngine, "episodes"), (TorchEngine, "rest"), (Learner, "update")):
        noted(owner, name)
    assert train(here / "run", "--set", "evaluation.problems=0") == 0
    assert done == 2 * ["episodes", "rest", "update"]


def test_a_problem_that_comes_again_has_other_draws(here: Path) -> None:
    lines = [
        f'{{"id": "p{n}", "question": "What is {n} + 1?", "answer": "{n + 1}", "split": "train"}}' for n in range(5)
    ]
    (here / "set.jsonl").write_text("\n".join(lines))
    flags = ["--task", "jsonl:set.jsonl", "--set", "evaluation.problems=0", "--set", "objective.c=1"]
    assert train(here / "run", *flags) == 0
    seen = [(e["problem_id"], e["sample"]) for e in plain(here / "run")]
    assert len(seen) == len(set(seen)) == 32
    texts = [e["text"] for e in plain(here / "run") if e["problem_id"].endswith("p3")]
    assert len(set(texts)) > 1


def test_a_junior_of_another_tokeniser(here: Path, tiny_models: tuple[Path, Path]) -> None:
    flags = ["--agent", f"junior=hf:{tiny_models[1]}", "--set", "objective.c=1", "--set", "objective.j=0.5"]
    assert train(here / "run", *flags, "--set", "rollouts.limit=40") == 0
    assert all(line["mismatch"]["max"] < 1e-4 and line["factors"] > 0 for line in metrics(here / "run")[1:])


def test_grpo_has_several_updates_a_step(here: Path) -> None:
    flags = ["--set", "objective.name=grpo", "--set", "rollouts.problems=4", "--set", "rollouts.samples=4"]
    flags += ["--set", "optimiser.mini_batches=2", "--set", "optimiser.epochs=2"]
    assert train(here / "run", *flags, "--set", "optimiser.learning_rate=3e-3") == 0
    assert any(line["moved"] > 0 for line in metrics(here / "run")[1:])


def test_recipes_and_their_controls_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    from training.reading import read_recipe

    for recipe in recipe_names():
        _, controls = read_recipe(recipe)
        for control in ["", *controls]:
            flags = ["--control", control] if control else []
            assert cli(["--recipe", recipe, *flags, "--dry-run"]) == 0
            assert f'recipe = "{recipe}"' in capsys.readouterr().out


def test_a_run_can_be_run_again_from_its_config(here: Path) -> None:
    assert train(here / "a", "--recipe", "tiny", "--control", "reward-ignored") == 0
    assert cli(["--config", str(here / "a" / "config.toml"), "--out", str(here / "b")]) == 0
    assert (here / "a" / "config.toml").read_text() == (here / "b" / "config.toml").read_text()
    assert plain(here / "a") == plain(here / "b")


MISTAKES = [
    (["--recipe", "tinny"], "--recipe tinny: there is no such recipe; known are"),
    (["--recipe", "tiny", "--control", "none"], "--control none: tiny has no-junior, jargon-junior, reward-ignored"),
    (["--control", "no-junior"], "--control no-junior: name the --recipe"),
    (["--set", "objective.q=1"], "objective.q: reinforce has no such option; it has c, j, baseline"),
    (["--set", "objective.name=grppo"], "did you mean grpo?"),
    (["--set", "objective.c=7"], "objective.c must be a number from -10 to 1"),
    (["--set", "objective.name=grpo"], "rollouts.samples=1: grpo compares samples of one problem"),
    (["--set", "optimiser.learning_rat=1"], "there is no field 'learning_rat'"),
    (["--set", "optimiser.learning_rate=fast"], "learning_rate must be of type float"),
    (["--set", "optimiser"], "write FIELD=VALUE"),
    (["--set", "optimiser.schedule=cos"], "must be one of constant, linear, cosine"),
    (["--set", "optimiser.mini_batches=99"], "there are only 16 problems a step"),
    (["--set", "evaluation.pair=junior:senior"], "the first must be senior"),
    (["--pair", "senior:junior,junior:senior"], "the first of every pair is trained"),
    (["--pair", "human"], "human is trained, so it must be a model"),
    (["--handoff", "word:demand"], "training needs a schedule that coins decide"),
    (["--handoff", "wrd:p=0.5"], "--handoff"),
    (["--task", "nothing"], "--task nothing"),
    (["--set", "agents.senior.top_p=0.9"], "training needs the whole distribution"),
    (["--set", "agents.senior.temperature=0"], "training needs the whole distribution"),
    (["--set", "lora.rank=4", "--set", "lora.targets=['nowhere']"], "--set lora.targets"),
    (["--set", "evaluation.best=team.acc"], "there is no such figure; there are"),
    (["--steps", "0"], "--steps=0: must be at least 1"),
    (["--set", "control=no-junior"], "control is no field of a run; give it as --control"),
    (["--set", "resume=true"], "give it as --resume"),
    (["--set", "agents.jnior.temperature=0.7"], "nobody called 'jnior' sits down"),
    (["--agent", "jnr=junior-other"], "nobody called 'jnr' sits down"),
    (["--set", "lora.dropout=0.1"], "lora.alpha and lora.dropout do nothing"),
    (["--set", "lora.rank=4", "--set", "lora.targets=[1]"], "lora: targets must be a list like"),
    (["--set", "optimiser.eps=0"], "optimiser.eps=0.0: must be above 0"),
    (["--set", "evaluation.pair=senior:senior"], "give different names"),
    (["--set", "objective.baseline=mean", "--set", "rollouts.problems=1"], "has no others to compare with"),
    (["--handoff", "word:once=0.5", "--set", "objective.j=0.5"], "under once only the senior's own"),
    (["--handoff", "word:once=0.5", "--set", "loss.kl_junior=0.5"], "under once only the senior's own"),
    (["--seed", "-1"], "--seed must be a whole number"),
]


@pytest.mark.parametrize(("flags", "said"), MISTAKES)
def test_mistakes_are_one_line(here: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str) -> None:
    code = train(here / "run", *flags)
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line
    assert (code, line[:6]) == (2, "error:")
    assert not (here / "run").exists()


def test_a_folder_belongs_to_one_configuration(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(here / "run") == 0
    capsys.readouterr()
    assert train(here / "run") == 2
    assert "add --resume" in only_line(capsys.readouterr().err)
    assert train(here / "run", "--set", "objective.c=-0.5", "--resume") == 2
    assert "objective.c was 0.0, is -0.5" in only_line(capsys.readouterr().err)
