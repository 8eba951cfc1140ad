"""Promise 8 and what loading may meet: no remote code, safetensors only, no network for a folder, one-line errors."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from agents.contract import AgentError, View
from agents.language_model import LanguageModel, weights_digest
from agents.loading import load_language_model
from agents.registry import EMBEDDED
from tests.models import embedded, random_model, tokenizer_of_kind
from tests.running import ENVIRONMENT, only_line

EVIL = """
from pathlib import Path
Path("was-run").write_text("")
from transformers import LlamaForCausalLM as Evil, LlamaConfig as EvilConfig
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the embedded junior to spoil."""
    return Path(shutil.copytree(EMBEDDED / "junior", tmp_path / "model"))


def test_remote_code_is_never_run(folder: Path, tmp_path: Path) -> None:
    """Not even if somebody types yes."""
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.Evil"}
    config["model_type"] = "evil"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(EVIL)
    command = [sys.executable, "-m", "arena.run", "--pair", "x", f"--agent=x=hf:{folder}", "--episodes", "1"]
    done = subprocess.run(
        command, input="y\ny\n", capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, timeout=120
    )
    assert done.returncode == 2
    assert only_line(done.stderr).startswith("error: --agent x=hf:")
    assert not (tmp_path / "was-run").exists()
    assert not (tmp_path / "runs").exists()


def test_pickled_weights_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    torch.save({"x": torch.zeros(1)}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(AgentError, match="safetensors"):
        load_language_model(str(folder))


@pytest.mark.parametrize("spoil", ["weights", "config", "tokenizer"])
def test_a_spoilt_folder_is_one_line(folder: Path, spoil: str) -> None:
    name = {"weights": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}[spoil]
    (folder / name).write_bytes(b"not what it should be")
    with pytest.raises(AgentError, match=r"^hf:.*[^\s]") as caught:
        load_language_model(str(folder))
    assert "\n" not in str(caught.value)


def test_a_folder_needs_no_network() -> None:
    """Loads and plays with every socket refused."""
    code = """
import socket
def refuse(*args, **kwargs): raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
from arena import Arena
if __name__ == "__main__":
    with Arena({"senior": "senior", "junior": "junior"}) as arena:
        print(next(arena.episodes(1)).ended)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.stdout.strip() in ("end", "limit"), done.stderr


def test_weights_are_told_apart() -> None:
    assert embedded("senior").weights == weights_digest(embedded("senior").model)
    assert embedded("senior").weights != embedded("junior").weights
    changed = random_model("llama", tokenizer_of_kind("gpt2"))
    before = weights_digest(changed)
    with torch.no_grad():
        changed.model.layers[0].mlp.up_proj.weight.add_(1e-3)
    assert weights_digest(changed) != before


def agent(kind: str, prompt: str, *, bos: bool = False, both: bool = False) -> LanguageModel:
    """A random model whose tokeniser may add a beginning, or a beginning and an end, to every text."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = tokenizer_of_kind(kind)
    copied = type(tokenizer)(
        tokenizer_object=type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str()),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    single = "<s> $A </s>" if both else "<s> $A" if bos else "$A"
    specials = [(token, copied.convert_tokens_to_ids(token)) for token in ("<s>", "</s>")]
    copied.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=specials)
    return LanguageModel(random_model("llama", copied), copied, prompt=prompt)


@pytest.mark.parametrize("kind", ["gpt2", "sentencepiece"])
@pytest.mark.parametrize("question", ["Tom has 3?", "Tom </s> has <s>3?", "</s>", "a\n\nb", "café <unk> 😀"])
def test_a_prompt_has_one_beginning_no_end_and_the_question_as_text(kind: str, question: str) -> None:
    for prompt in ("{question}\n", "<s>{question}\n", "Q: {question}\nAgain: {question}\nA:"):
        for bos, both in ((True, False), (False, True), (False, False)):
            one = agent(kind, prompt, bos=bos, both=both)
            ids = one.prompt_ids(question)
            beginning = one.tokenizer.convert_tokens_to_ids("<s>")
            assert ids.count(beginning) == int(bos or both or "<s>" in prompt)
            assert not set(ids) & set(one.vocabulary.end_ids)
            text = b"".join(one.vocabulary.pieces[i] for i in ids if i != beginning).decode()
            assert text.removeprefix(" ") == prompt.replace("<s>", "").replace("{question}", question)


def test_an_end_that_is_not_flagged_as_special_is_text_too() -> None:
    tokenizer = tokenizer_of_kind("gpt2")
    copied = type(tokenizer)(
        tokenizer_object=type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str()),
        eos_token="</s>",
    )
    copied.add_tokens(["<end_of_turn>"])
    model = random_model("llama", copied)
    model.generation_config.eos_token_id = [copied.eos_token_id, copied.convert_tokens_to_ids("<end_of_turn>")]
    one = LanguageModel(model, copied)
    assert len(one.vocabulary.end_ids) == 2
    ids, exact = one.encode("Hi<end_of_turn>there</s><end_of_turn>")
    assert exact
    assert not set(ids) & set(one.vocabulary.end_ids)
    assert not set(one.prompt_ids("a <end_of_turn> b")) & set(one.vocabulary.end_ids)


def test_a_turn_that_has_no_tokens_for_its_reader() -> None:
    """What the reader's tokeniser drops leaves its view as it was."""
    from agents.contract import Span

    one = agent("wordpiece", "{question}\n")
    seat = one.sit(View("how many", "x"))
    before = list(seat.take_in())
    seat._logits()
    seat.read(Span("y", " \u200b"))
    seat.take_in()
    assert torch.isfinite(seat._logits()).any()
    assert seat.ids[: len(before)] == before
