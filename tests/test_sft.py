"""``python -m training.sft``: what is learnt and in which order, how the loss is made, and that nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from array import array
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.contract import Span, View
from agents.language_model import LanguageModel
from agents.prompting import Demonstration, Prompting
from agents.registry import AgentConfig
from arena.lines import read_episodes
from arena.run import cli as play
from arena.tasks import Problem, load_task
from arena.tasks.arithmetic import Arithmetic
from tests.models import random_agent, random_model, tokenizer_of_kind
from tests.running import ENVIRONMENT, only_line
from training import checkpoint, sft, tuning
from training.config import LoraConfig, OptimiserConfig
from training.optimiser import Optimiser
from training.senior import make_trainable
from training.sft import cli, settled, tuner_of
from training.sft_config import SftConfig
from training.tuning import Example, Tuner, examples_of, nats, parts_of

PROBLEMS = Arithmetic(most_steps=3, style="jargon").problems("train")[:12]
GSM8K = Path(__file__).parents[2] / "shared" / "gsm8k"


def fresh(architecture: str = "llama", kind: str = "gpt2", prompt: str | Prompting = "{question}\n") -> LanguageModel:
    """A model of its own, since these are trained."""
    tokenizer = tokenizer_of_kind(kind)
    return LanguageModel(random_model(architecture, tokenizer), tokenizer, prompt=prompt)


def learnt(agent: LanguageModel, count: int = 6) -> list[Example]:
    found, left_out = examples_of(agent, PROBLEMS[:count], 512)
    assert len(found) == count
    assert not left_out
    return found


def tuner(agent: LanguageModel, examples: list[Example], **given: Any) -> Tuner:
    micro = given.pop("micro_tokens", 4096)
    return Tuner(SftConfig(optimiser=OptimiserConfig(micro_tokens=micro), **given), agent, examples)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """A run's metrics, but for what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def weights_of(folder: Path) -> dict[str, bytes]:
    """All tensors of a run's last checkpoint, those of its optimiser too, as files."""
    return {path.name: path.read_bytes() for path in (folder / "checkpoints" / "last").glob("*.safetensors")}


# What is learnt


@pytest.mark.parametrize("prompting", [Prompting("Q: {question}\nA: "), Prompting(system="Be brief.")], ids=str)
def test_an_example_is_the_view_that_the_arena_gives(prompting: Prompting) -> None:
    shown = Demonstration("1 + 1?", "1 + 1 = 2\n#### 2")
    agent = fresh(kind="sentencepiece", prompt=replace(prompting, demonstrations=(shown,)))
    for problem, example in zip(PROBLEMS, learnt(agent, 4), strict=False):
        seat = agent.sit(View(problem.question, "senior", ("other",)))
        assert list(example.ids[: example.prompt]) == seat.ids
        seat.read(Span("other", problem.solution or "", ended=True))
        assert list(example.ids) == [*seat.take_in(), agent.vocabulary.end]
        pieces = [agent.vocabulary.pieces[i] for i in example.ids[example.prompt : -1]]
        assert b"".join(pieces).decode() == problem.solution


def test_what_does_not_fit_is_left_out_and_counted_never_cut() -> None:
    agent = random_agent("llama", "gpt2")
    problems = [
        *PROBLEMS[:4],
        replace(PROBLEMS[4], solution=None),
        replace(PROBLEMS[5], solution=" \n"),
        replace(PROBLEMS[6], solution="word " * 300),
    ]
    lengths = sorted(len(one.ids) for one in learnt(agent, 4))
    found, left_out = examples_of(agent, problems, lengths[-1])
    assert (len(found), left_out) == (4, Counter({"without a solution": 2, "too long": 1}))
    found, left_out = examples_of(agent, problems[:4], lengths[-1] - 1)
    assert left_out["too long"] == 4 - len(found) > 0
    assert all(one.ids[-1] == agent.vocabulary.end for one in found)
    found, left_out = examples_of(agent, problems, 10**6)  # the model's context is an end, too
    assert left_out["too long"] == 1


def test_what_the_agent_could_never_write_is_left_out() -> None:
    agent = fresh()
    unseen = agent.encode("\x07")[0]
    agent.model.generation_config.suppress_tokens = unseen
    careful = LanguageModel(agent.model, agent.tokenizer)
    found, left_out = examples_of(careful, [Problem("p", "?", "1", None, "a\x07b"), PROBLEMS[0]], 512)
    assert (len(found), left_out) == (1, Counter({"not writable": 1}))
    lossy = random_agent("llama", "wordpiece")
    broken = Problem("q", "?", "1", None, "She has\napples")  # in words that it knows, but for the line's end
    assert not set(lossy.encode(broken.solution or "")[0]) & set(lossy.vocabulary.never)
    assert examples_of(lossy, [broken, *PROBLEMS[:2]], 512) == ([], Counter({"not writable": 3}))


@pytest.mark.skipif(not GSM8K.is_dir(), reason=f"needs GSM8K in {GSM8K}")
def test_gsm8ks_calculator_notes_are_learnt() -> None:
    agent = fresh()
    problems = load_task(f"gsm8k:{GSM8K}").problems("train")[:30]
    agent.context = 4096
    found, left_out = examples_of(agent, problems, 4096)
    assert not left_out
    texts = [b"".join(agent.vocabulary.pieces[i] for i in one.ids[one.prompt : -1]).decode() for one in found]
    assert texts == [problem.solution for problem in problems]
    assert sum("<<" in text and ">>" in text for text in texts) >= 28


# The order


def batches(count: int, **given: Any) -> list[list[int]]:
    """The numbers of the examples of each update."""
    examples = [Example(array("i", [n] * (2 + n % 7)), 1) for n in range(count)]
    made = tuner(random_agent("llama", "gpt2"), examples, **given)
    out = []
    while made.step < made.steps:
        out.append([one.ids[0] for one in made.batch()])
        made.step += 1
    return out


def test_an_epoch_has_each_example_once_whatever_its_length() -> None:
    found = batches(10, epochs=3, batch_size=4)
    assert [len(batch) for batch in found] == [4] * 7 + [2]
    order = [number for batch in found for number in batch]
    epochs = [order[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert found == batches(10, epochs=3, batch_size=4, micro_tokens=1)
    assert found != batches(10, epochs=3, batch_size=4, seed=1)
    steps = batches(10, steps=7, batch_size=4)
    assert steps == found[:7]
    assert all(len(batch) == 4 for batch in batches(3, steps=5, batch_size=4))


def test_a_run_of_steps_reads_no_more_of_a_task_than_it_needs_and_not_its_beginning() -> None:
    config = SftConfig(agent="junior", steps=3, batch_size=4, validate=0)
    made = tuner_of(settled(config))
    assert len(made.train) == 12
    first = examples_of(made.agent, Arithmetic().problems("train")[:12], 512)[0]
    assert {one.ids.tobytes() for one in made.train}.isdisjoint(one.ids.tobytes() for one in first)
    few = tuner_of(settled(replace(config, problems=5)))
    assert {one.ids.tobytes() for one in few.train} == {one.ids.tobytes() for one in first[:5]}


# The loss


@pytest.mark.parametrize(("architecture", "kind"), [("llama", "gpt2"), ("gpt2", "gpt2"), ("qwen3", "sentencepiece")])
def test_the_loss_is_the_cross_entropy_of_solution_and_end(architecture: str, kind: str) -> None:
    agent = random_agent(architecture, kind)
    examples = learnt(agent)
    expected = 0.0
    for one in examples:
        ids = torch.tensor([list(one.ids)])
        labels = ids.clone()
        labels[0, : one.prompt] = -100
        # transformers' own: the mean over the labels of one text.
        expected += float(agent.model(input_ids=ids, labels=labels).loss.detach()) * (len(one.ids) - one.prompt)
    assert float(nats(agent, examples).detach()) == pytest.approx(expected, rel=1e-5)
    one = examples[0]
    logits = agent.model(input_ids=torch.tensor([list(one.ids)])).logits[0].detach().double()
    places = range(one.prompt - 1, len(one.ids) - 1)
    by_hand = -sum(float(logits[at, one.ids[at + 1]] - torch.logsumexp(logits[at], 0)) for at in places)
    assert float(nats(agent, [one]).detach()) == pytest.approx(by_hand, rel=1e-5)


def test_nothing_but_the_solution_is_in_the_loss() -> None:
    agent, made = random_agent("llama", "gpt2"), []

    def keep(module: Any, given: Any, out: Any) -> None:
        out.logits.retain_grad()
        made.append(out.logits)

    examples = learnt(agent)
    columns = torch.tensor(sorted({at - 1 for one in examples for at in range(one.prompt, len(one.ids))}))
    hook = agent.model.register_forward_hook(keep)
    try:
        torch.autograd.backward(nats(agent, examples))
    finally:
        hook.remove()
        agent.model.zero_grad(set_to_none=True)
    assert len({one.prompt for one in examples}) > 1  # so some columns are of one's prompt and of another's solution
    for row, one in enumerate(examples):
        inside = (columns >= one.prompt - 1) & (columns < len(one.ids) - 1)
        moved = made[0].grad[row].abs().sum(-1) > 0
        assert moved.tolist() == inside.tolist()


@pytest.mark.parametrize("micro_tokens", [1, 300, 900])
def test_micro_batches_change_neither_loss_nor_gradient(micro_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[float, list[torch.Tensor]]] = []
    for tokens in (10**6, micro_tokens):
        agent = fresh()
        made = tuner(agent, learnt(agent, 12), steps=1, batch_size=12, micro_tokens=tokens)
        monkeypatch.setattr(made.optimiser, "step", lambda norm: None)
        line = made.update()
        assert line["tokens"] == sum(len(one.ids) - one.prompt for one in made.train)
        found.append(
            (line["loss"], [weight.grad.clone() for weight in made.optimiser.weights if weight.grad is not None])
        )
    assert len(list(parts_of(learnt(fresh(), 12), micro_tokens))) > 1
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-6)
    for a, b in zip(found[0][1], found[1][1], strict=True):
        assert float((a - b).abs().max()) < 1e-6


def test_a_batchs_loss_is_its_mean_over_tokens_not_over_solutions() -> None:
    agent = fresh()
    examples = learnt(agent, 8)
    each = [float(nats(agent, [one]).detach()) for one in examples]
    sizes = [len(one.ids) - one.prompt for one in examples]
    line = tuner(agent, examples, steps=1, batch_size=8).update()
    assert line["loss"] == pytest.approx(sum(each) / sum(sizes), abs=2e-6)
    assert line["loss"] != pytest.approx(sum(e / s for e, s in zip(each, sizes, strict=True)) / 8, abs=1e-4)


def test_dropout_is_that_of_seed_and_step() -> None:
    pytest.importorskip("peft")
    agent = fresh()
    config = SftConfig(steps=1, batch_size=4, lora=LoraConfig(rank=2, dropout=0.5))
    make_trainable(agent, "senior", AgentConfig(), config.learning)
    with torch.no_grad():  # an adapter begins as nothing
        for name, weight in agent.model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    examples = learnt(agent, 4)
    losses: list[float] = []
    whole = float(nats(agent, examples).detach()) / sum(len(one.ids) - one.prompt for one in examples)
    before = {name: weight.clone() for name, weight in agent.model.state_dict().items()}
    for seed in (0, 0, 1):
        torch.manual_seed(len(losses))
        agent.model.load_state_dict(before)
        losses.append(Tuner(replace(config, seed=seed), agent, examples).update()["loss"])
    assert losses[0] == losses[1]
    assert all(abs(a - b) > 1e-4 for a, b in ((losses[0], losses[2]), (losses[0], whole)))
    agent.model.load_state_dict(before)
    assert float(nats(agent, examples).detach()) == pytest.approx(whole * sum(one.learnt for one in examples), rel=1e-6)


# The command

QUICK = ["--task", "arithmetic:style=jargon,steps=2", "--batch-size", "4", "--validate", "4", "--validate-every", "4"]


def run(folder: Path, *flags: str) -> int:
    return cli([*QUICK, "--out", str(folder), *flags])


def test_a_model_that_learnt_some_solutions_writes_them_in_the_arena(here: Path) -> None:
    """From the embedded junior, which never saw the jargon, to an agent of `arena.run` that writes it."""
    rate = ["--set", "optimiser.learning_rate=1e-2", "--set", "optimiser.warmup_steps=5"]
    flags = ["--agent", "junior", "--problems", "3", "--batch-size", "3", "--steps", "60", *rate]
    assert run(here / "sft", *flags, "--validate-every", "0") == 0
    lines = lines_of(here / "sft")
    assert [line["step"] for line in lines] == list(range(61))
    assert [line["step"] for line in lines if "held_out" in line] == [0, 60]
    assert lines[-1]["loss"] < 0.05 < lines[1]["loss"]
    last = here / "sft" / "checkpoints" / "last"
    flags = ["--pair", "senior", f"--agent=senior=hf:{last}", "--task", "arithmetic:style=jargon,steps=2"]
    assert play([*flags, "--split", "train", "--episodes", "3", "--temperature", "0", "--show", "0", "--out", "a"]) == 0
    problems = Arithmetic(most_steps=2, style="jargon").problems("train")
    assert [e.text for e in read_episodes(here / "a")] == [problems[n].solution for n in range(3)]

    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(last)
    tokenizer = AutoTokenizer.from_pretrained(last)
    ids = tokenizer(problems[0].question + "\n", return_tensors="pt", return_token_type_ids=False)
    made = model.generate(**ids, do_sample=False, max_new_tokens=100)[0, ids.input_ids.shape[1] :]
    assert tokenizer.decode(made, skip_special_tokens=True) == problems[0].solution


@pytest.mark.parametrize("four_bit", [False, True], ids=["lora", "4-bit lora"])
def test_an_adapter_is_trained_loaded_by_peft_and_played(
    tiny_models: tuple[Path, Path], here: Path, four_bit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    if four_bit:
        pytest.importorskip("bitsandbytes")
    base, made, real = f"hf:{tiny_models[0]}", [], sft.tuner_of

    def watched(config: SftConfig) -> Tuner:
        made.append(real(config))
        return made[-1]

    monkeypatch.setattr(sft, "tuner_of", watched)
    flags = ["--agent", base, *(["--four-bit"] if four_bit else []), "--steps", "3", "--device", "cpu"]
    assert run(here / "sft", *flags, "--set", "lora.rank=4", "--set", "optimiser.learning_rate=1e-2") == 0
    assert all("lora_" in name for name in made[0].optimiser.names)
    assert any(type(module).__name__ == "Linear4bit" for module in made[0].agent.model.modules()) == four_bit
    lines = lines_of(here / "sft")
    assert lines[3]["held_out"] < lines[0]["held_out"]
    last = here / "sft" / "checkpoints" / "last"
    assert not (last / "model.safetensors").exists()

    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    if not four_bit:
        auto: Any = AutoModelForCausalLM
        plain = PeftModel.from_pretrained(auto.from_pretrained(tiny_models[0]), str(last))
        text = torch.arange(3, 40).unsqueeze(0)
        with torch.no_grad(), plain.disable_adapter():
            before = plain(input_ids=text).logits
        assert not torch.allclose(plain(input_ids=text).logits, before, atol=1e-3)
    table = f'[agents.senior]\naddress = "{base}"\nadapter = "{last}"\nfour_bit = {str(four_bit).lower()}\n'
    (here / "play.toml").write_text(table)
    flags = ["--config", "play.toml", "--pair", "senior:junior", "--episodes", "1", "--limit", "8", "--show", "0"]
    assert play([*flags, "--out", "a"]) == 0
    # An adapter that is there is gone on with, from where it was.
    assert run(here / "more", "--config", "play.toml", "--steps", "1") == 0
    assert lines_of(here / "more")[0]["held_out"] == pytest.approx(lines[3]["held_out"], abs=1e-4)


STEPS = ["--agent", "junior", "--steps", "10", "--set", "checkpoints.every=3", "--set", "optimiser.warmup_steps=2"]
KILLED = """
import os, sys
from training import checkpoint, sft, tuning
save = checkpoint.save_weights
def save_and_die(agent, place):
    save(agent, place)
    if {step} == int(place.name.split("-")[1].split(".")[0]):
        os.kill(os.getpid(), 9)
checkpoint.save_weights = save_and_die
sft.cli(sys.argv[1:])
"""


def test_a_killed_run_goes_on_bit_for_bit(here: Path) -> None:
    """Killed while its second checkpoint is being written; the metrics are ahead of the first then."""
    flags = [*QUICK, *STEPS, "--out", str(here / "killed")]
    program = [sys.executable, "-c", KILLED.format(step=6), *flags]
    done = subprocess.run(program, env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in checkpoint.saved_steps(here / "killed" / "checkpoints")] == ["step-000003"]
    assert (here / "killed" / "checkpoints" / ".step-000006.half").is_dir()
    assert lines_of(here / "killed")[-1]["step"] == 6
    assert cli([*flags, "--resume"]) == 0
    assert run(here / "whole", *STEPS) == 0
    assert lines_of(here / "killed") == lines_of(here / "whole")
    assert weights_of(here / "killed") == weights_of(here / "whole")
    assert sorted(path.name for path in (here / "killed" / "checkpoints").iterdir()) == ["last", "step-000010"]
    (here / "killed" / "checkpoints" / "last").unlink()  # as if killed between the checkpoint and the link to it
    assert cli([*flags, "--resume"]) == 0  # a complete run has nothing to go on with
    assert lines_of(here / "killed") == lines_of(here / "whole")
    assert weights_of(here / "killed") == weights_of(here / "whole")


def test_ctrl_c_keeps_the_steps_that_are_done_also_with_dropout(
    tiny_models: tuple[Path, Path], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("peft")
    lora = ["--set", "lora.rank=4", "--set", "lora.dropout=0.3", "--steps", "8"]
    flags = ["--agent", f"hf:{tiny_models[0]}", *lora]
    assert run(here / "whole", *flags) == 0
    calls, real = 0, tuning.nats

    def interrupted(agent: LanguageModel, examples: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 7:  # a validation and five updates before
            raise KeyboardInterrupt
        return real(agent, examples)

    with monkeypatch.context() as patched:
        patched.setattr(tuning, "nats", interrupted)
        capsys.readouterr()
        assert run(here / "stopped", *flags) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    kept = here / "stopped" / "checkpoints" / "step-000004"
    assert said.startswith(f"stopped; the last checkpoint is {kept}. To go on: ")
    words = said.partition("To go on: ")[2].split()
    assert words[1:3] == ["-m", "training.sft"]
    torch.manual_seed(12345)
    assert cli(words[3:]) == 0
    assert lines_of(here / "stopped") == lines_of(here / "whole")
    assert weights_of(here / "stopped") == weights_of(here / "whole")


@pytest.mark.parametrize("where", ["forward", "update"])
def test_ctrl_c_writes_neither_half_a_step_nor_the_same_checkpoint_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    written: list[int] = []
    place: Any = tuning if where == "forward" else Optimiser
    name = "nats" if where == "forward" else "step"
    real, write, calls = getattr(place, name), checkpoint.write, 0

    def interrupted(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        found = real(*given)
        if calls == (3 if where == "forward" else 4):
            raise KeyboardInterrupt
        return found

    def noted(folder: Path, step: int, *rest: Any) -> Path:
        written.append(step)
        return write(folder, step, *rest)

    monkeypatch.setattr(place, name, interrupted)
    monkeypatch.setattr(checkpoint, "write", noted)
    flags = ["--agent", "junior", "--steps", "5", "--validate", "0", "--set", "checkpoints.every=2"]
    assert run(here / "sft", *flags) == 130
    assert written == [2]
    assert "the last checkpoint is " in capsys.readouterr().err.splitlines()[-1]


def test_another_model_or_other_solutions_under_the_same_names_are_refused(
    tiny_models: tuple[Path, Path], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"question": p.question, "answer": p.answer, "solution": p.solution, "split": "train"} for p in PROBLEMS]
    (here / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (here / "model").symlink_to(tiny_models[0])
    flags = ["--agent", "hf:./model", "--task", "jsonl:mine.jsonl", "--steps", "1", "--validate", "0"]
    assert run(here / "sft", *flags) == 0
    (here / "model").unlink()
    (here / "model").symlink_to(tiny_models[1])
    capsys.readouterr()
    assert run(here / "sft", *flags, "--resume") == 2
    assert "was begun with another model" in capsys.readouterr().err
    (here / "model").unlink()
    (here / "model").symlink_to(tiny_models[0])
    (here / "mine.jsonl").write_text("\n".join(map(json.dumps, rows[1:])))
    assert run(here / "sft", *flags, "--resume") == 2
    assert "was begun with other solutions" in capsys.readouterr().err


def test_the_summary_and_the_configuration_are_stored(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--agent", "junior", "--problems", "6", "--epochs", "2", "--set", "optimiser.micro_tokens=100"]
    flags += ["--set", "agents.senior.top_k=5", "--set", "agents.senior.temperature=0"]  # how it will be asked
    assert run(here / "sft", *flags, "--json") == 0
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert summary == json.loads((here / "sft" / "summary.json").read_text())
    assert (summary["steps"], summary["epochs"], summary["solutions"], summary["left_out"]) == (3, 2, 6, {})
    lines = lines_of(here / "sft")
    assert summary["held_out"] == {"solutions": 4, "before": lines[0]["held_out"], "after": lines[3]["held_out"]}
    assert summary["tokens"] == sum(line["tokens"] for line in lines[1:])
    assert said.err.splitlines()[0].startswith("train: 6 solutions, ")
    assert said.err.splitlines()[-1].startswith("step 3/3, held-out ")
    assert "\x1b" not in said.err
    # The stored configuration is one that can be run again, and printed.
    assert cli(["--config", str(here / "sft" / "config.toml"), "--out", str(here / "again")]) == 0
    assert weights_of(here / "again") == weights_of(here / "sft")
    capsys.readouterr()
    assert cli(["--config", str(here / "sft" / "config.toml"), "--dry-run"]) == 0
    assert capsys.readouterr().out == (here / "sft" / "config.toml").read_text()
    assert run(here / "sft", *flags, "--resume", "--seed", "5") == 2
    assert "seed was 0, is 5" in only_line(capsys.readouterr().err)
    assert run(here / "sft", *flags) == 2
    assert "--resume" in only_line(capsys.readouterr().err)


def test_what_is_no_number_is_one_line_and_leaves_the_last_checkpoint(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ["--set", "optimiser.learning_rate=1e30", "--set", "optimiser.max_grad_norm=0", "--validate", "0"]
    assert run(here / "sft", "--agent", "junior", "--steps", "5", *wild, "--set", "checkpoints.every=1") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: step 2: the ")
    assert "is not a number; try a lower --set optimiser.learning_rate; the last checkpoint is " in line
    assert line.endswith("step-000001")


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checkpoint.save_weights

    def full(agent: LanguageModel, place: Path) -> None:
        real(agent, place)
        if "6" in place.name:
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(checkpoint, "save_weights", full)
    assert run(here / "sft", *STEPS) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        "error: the checkpoint could not be written: No space left on device; the last checkpoint is "
    )
    assert sorted(path.name for path in (here / "sft" / "checkpoints").iterdir()) == ["last", "step-000003"]
    monkeypatch.undo()
    assert run(here / "sft", *STEPS, "--resume") == 0


MISTAKES: list[tuple[list[str], list[str]]] = [
    (["--agent", "seniro"], ["--agent seniro", "known are senior, junior"]),
    (["--agent", "ftp:x"], ["ftp:x", "hf:PATH-OR-ID"]),
    (["--agent", "hf:./nothing"], ["--agent senior=hf:./nothing", "no such folder"]),
    (["--agent", "openai:m@http://127.0.0.1:1/v1"], ["--agent openai:m@", "no model that can be trained"]),
    (["--agent", "human"], ["--agent human", "no model that can be trained"]),
    (["--agent", "script:x"], ["--agent script:x", "no model that can be trained"]),
    (["--four-bit"], ["--four-bit", "--set lora.rank=16"]),
    (["--config", "four.toml"], ["--four-bit", "--set lora.rank=16"]),
    (["--set", "lora.rank=2", "--set", 'lora.targets=["nothing"]'], ["--set lora.targets", "nothing"]),
    (["--task", "nothing"], ["--task nothing"]),
    (["--task", "jsonl:two.jsonl"], ["--task jsonl:two.jsonl", "'train'", "it has test"]),
    (["--task", "jsonl:bare.jsonl"], ["--task jsonl:bare.jsonl", "'held-out'", "--validate 0"]),
    (["--task", "jsonl:bare.jsonl", "--validate", "0"], ["--task jsonl:bare.jsonl", "2 without a solution"]),
    (["--max-length", "20"], ["--task arithmetic", "too long"]),
    (["--max-length", "1"], ["--max-length", "at least 2"]),
    (["--epochs", "1", "--steps", "1"], ["--epochs 1 --steps 1", "one of them"]),
    (["--epochs", "-1"], ["--epochs", "0 or more"]),
    (["--steps", "-1"], ["--steps", "0 or more"]),
    (["--batch-size", "0"], ["--batch-size", "at least 1"]),
    (["--problems", "-1"], ["--problems", "0 or more"]),
    (["--validate", "-1"], ["--validate", "0 or more"]),
    (["--validate-every", "-1"], ["--validate-every", "0 or more"]),
    (["--seed", "-1"], ["--seed", "from 0"]),
    (["--steps", "many"], ["--steps", "'many'"]),
    (["--set", "optimiser.learning_rate=-1"], ["--set optimiser.learning_rate"]),
    (["--set", "optimiser.learning_rate=nan"], ["--set optimiser.learning_rate"]),
    (["--set", "optimiser.betas=[1.0, 0.9]"], ["--set optimiser.betas"]),
    (["--set", "optimiser.schedule=step"], ["--set optimiser.schedule", "cosine"]),
    (["--set", "optimiser.micro_tokens=0"], ["--set optimiser.micro_tokens"]),
    (["--set", "optimiser.epochs=2"], ["--set optimiser.epochs", "--epochs"]),
    (["--set", "optimizer.eps=1"], ["--set optimizer.eps", "'optimizer'", "optimiser"]),
    (["--set", "seed"], ["--set seed", "FIELD=VALUE"]),
    (["--out", "two.jsonl"], ["--out two.jsonl", "file"]),
    (["--out", "."], ["--out .", "other files"]),
    (["--resume"], ["--resume", "--out"]),
    (["--config", "nothing.toml"], ["--config nothing.toml", "No such file"]),
    (["--config", "field.toml"], ["--config field.toml", "'step'"]),
    (["--device", "gpu"], ["--device gpu"]),
    (["--dtype", "int8"], ["--dtype int8"]),
    (["--lr", "1"], ["--lr"]),
]


@pytest.mark.parametrize(("flags", "words"), MISTAKES, ids=[" ".join(flags) for flags, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_the_flag_and_leaves_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: list[str]
) -> None:
    bare = (
        '{"question": "1 + 1?", "answer": 2, "split": "train"}\n{"question": "1 + 2?", "answer": 3, "split": "train"}\n'
    )
    (here / "bare.jsonl").write_text(bare)
    (here / "two.jsonl").write_text(bare.replace(', "split": "train"', ""))
    (here / "field.toml").write_text("step = 3")
    (here / "four.toml").write_text('[agents.senior]\naddress = "junior"\nfour_bit = true')
    before = sorted(here.rglob("*"))
    out = [] if "--resume" in flags else ["--out", "new"]
    assert cli(["--agent", "junior", "--problems", "2", "--validate", "1", *out, *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    line = only_line(said.err)
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for word in words:
        assert word in line
    assert sorted(here.rglob("*")) == before
