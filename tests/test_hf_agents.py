"""`hf:` agents with all that their tables may say: adapters, 4 bits, dtype and device, chats, demonstrations.

On random models in local folders; nothing is fetched.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.contract import Agent, AgentError
from agents.language_model import LanguageModel, weights_digest
from agents.loading import load_language_model
from agents.registry import AgentConfig, make_agent
from arena.episode import Episode
from tests.models import random_model, tokenizer_of_kind
from tests.running import ENVIRONMENT, PYTHON, only_line, plain
from tests.test_promises import PROBLEMS, assert_factors, played
from tests.test_prompting import CHATML, tokenizer

peft = importlib.import_module("peft")  # by name: its types are not ours to check


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a random model of each architecture; their tokenisers know chats."""
    out = {}
    for architecture, kind in (("llama", "gpt2"), ("qwen3", "sentencepiece"), ("gpt2", "gpt2")):
        words = tokenizer(kind, "chatml")
        out[architecture] = tmp_path_factory.mktemp(architecture)
        random_model(architecture, words).save_pretrained(out[architecture])
        words.save_pretrained(out[architecture])
    return out


def adapter_config(kind: str = "LORA", **options: Any) -> Any:
    modules = {"target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
    small: dict[str, dict[str, Any]] = {
        "LORA": {"r": 4},
        "LOHA": {"r": 4},
        "LOKR": {"r": 4},
        "IA3": {"feedforward_modules": []},
        "OFT": {"oft_block_size": 8},
        "VERA": {"r": 4, "target_modules": ["q_proj"]},
    }
    return peft.PEFT_TYPE_TO_CONFIG_MAPPING[kind](**{**modules, **small[kind], **options})


def save_adapter(config: Any, base: Path, out: Path, seed: int = 0, scale: float = 0.3) -> Path:
    """Makes an adapter for the model in ``base`` that says something, and saves it."""
    from transformers import AutoModelForCausalLM

    auto: Any = AutoModelForCausalLM
    model = peft.get_peft_model(auto.from_pretrained(base, dtype=torch.float32), config)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(scale * torch.randn_like(parameter))
    model.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def lora(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(adapter_config(), folders["llama"], tmp_path_factory.mktemp("lora"))


def logits(agent: LanguageModel, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        out: torch.Tensor = agent.model(input_ids=torch.tensor([ids])).logits[0]
    return out


def play(agents: Mapping[str, Agent]) -> Episode:
    episode = played(agents, "word:p=0.5" if len(agents) > 1 else "word:solo", PROBLEMS[0], limit=40)
    assert assert_factors(agents, episode) > 20
    return episode


# Adapters


@pytest.mark.parametrize("kind", ["LORA", "DORA", "IA3", "LOHA", "LOKR", "OFT", "VERA"])
def test_the_factors_of_an_adapted_model_are_its_own(folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Recorded factors equal a plain teacher-forced pass of a PeftModel that is made here, and not the base's."""
    config = adapter_config("LORA", use_dora=True) if kind == "DORA" else adapter_config(kind)
    folder = save_adapter(config, folders["llama"], tmp_path / "adapter")
    agent = load_language_model(str(folders["llama"]), adapter=str(folder), device="cpu")
    base = load_language_model(str(folders["llama"]), device="cpu")
    other = load_language_model(str(folders["qwen3"]), device="cpu")
    (span,) = play({"a": agent}).spans
    play({"a": agent, "b": other})
    assert span.token_ids
    assert span.logprobs
    prompt = agent.prompt_ids(PROBLEMS[0].question)
    ids = prompt + list(span.token_ids)
    plain_model = peft.PeftModel.from_pretrained(base.model, str(folder)).eval()
    with torch.no_grad():
        whole = plain_model(input_ids=torch.tensor([ids])).logits[0].double()
    whole[:, list(agent.vocabulary.never)] = -torch.inf
    expected = whole.log_softmax(-1)
    for n, (token, found) in enumerate(zip(span.token_ids, span.logprobs, strict=True)):
        assert found == pytest.approx(float(expected[len(prompt) + n - 1, token]), abs=1e-4)
    fresh = load_language_model(str(folders["llama"]), device="cpu")  # `base.model` was adapted in place
    assert (logits(fresh, ids) - logits(agent, ids)).abs().max() > 0.01
    assert fresh.weights != agent.weights
    assert agent.weights == load_language_model(str(folders["llama"]), adapter=str(folder), device="cpu").weights


def test_an_adapted_model_is_called_trained_and_saved_like_any_other(
    folders: dict[str, Path], lora: Path, tmp_path: Path
) -> None:
    agent = load_language_model(str(folders["llama"]), adapter=str(lora), device="cpu")
    base = load_language_model(str(folders["llama"]), device="cpu")
    model, ids = agent.model, torch.tensor([[5, 6, 7, 8]])
    assert model.config.vocab_size == base.model.config.vocab_size
    assert model.num_parameters() > base.model.num_parameters()
    assert (agent.context, agent.vocabulary.digest) == (512, base.vocabulary.digest)
    assert model.device == torch.device("cpu")
    assert not model.training
    with torch.no_grad():
        begun = model(input_ids=ids[:, :2], use_cache=True)
        rest = model(
            input_ids=ids[:, 2:],
            past_key_values=begun.past_key_values,
            position_ids=torch.tensor([[2, 3]]),
            attention_mask=torch.ones_like(ids),
            logits_to_keep=1,
        )
        assert rest.logits.shape == (1, 1, model.config.vocab_size)
        assert torch.allclose(rest.logits[0, -1], model(input_ids=ids).logits[0, -1], atol=1e-5)
        with model.disable_adapter():
            assert torch.allclose(model(input_ids=ids).logits, base.model(input_ids=ids).logits, atol=1e-6)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    model.save_pretrained(tmp_path / "again")
    again = load_language_model(str(folders["llama"]), adapter=str(tmp_path / "again"), device="cpu")
    assert again.weights == agent.weights


def test_adapters_are_told_apart_by_weights_and_by_scale(folders: dict[str, Path], tmp_path: Path) -> None:
    digests = set()
    for seed, alpha in ((0, 8), (1, 8), (0, 16)):
        folder = save_adapter(adapter_config(lora_alpha=alpha), folders["llama"], tmp_path / f"{seed}-{alpha}", seed)
        digests.add(load_language_model(str(folders["llama"]), adapter=str(folder), device="cpu").weights)
    assert len(digests) == 3


def test_an_adapter_for_another_model_is_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    import transformers

    words = tokenizer("gpt2", "chatml")
    wider = transformers.LlamaConfig(
        vocab_size=len(words) + 8,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
    )
    narrow: Any = transformers.AutoConfig.from_pretrained(folders["llama"])
    more_words, deeper = narrow.__class__(**narrow.to_dict()), narrow.__class__(**narrow.to_dict())
    more_words.vocab_size += 8
    deeper.num_hidden_layers = 3
    make: Any = transformers.AutoModelForCausalLM.from_config
    others: list[tuple[str, Any, dict[str, Any], str]] = [
        ("wider", wider, {}, "size mismatch"),
        ("words", more_words, {"modules_to_save": ["embed_tokens", "lm_head"]}, "size mismatch"),
        ("deeper", deeper, {}, "is for another model: 4 weights do not fit"),
    ]
    for name, config, options, why in others:
        base = tmp_path / name
        make(config).save_pretrained(base)
        folder = save_adapter(adapter_config(**options), base, tmp_path / f"{name}-adapter")
        with pytest.raises(AgentError, match=f"^hf:.*: adapter .*{why}") as caught:
            load_language_model(str(folders["llama"]), adapter=str(folder), device="cpu")
        assert "\n" not in str(caught.value)
    with pytest.raises(AgentError, match=r"adapter .*q_proj"):  # GPT-2 has no such modules
        load_language_model(str(folders["gpt2"]), adapter=str(tmp_path / "deeper-adapter"), device="cpu")


def spoilt(lora: Path, folder: Path, **fields: Any) -> str:
    """A copy of an adapter's folder, with other fields in its configuration."""
    folder.mkdir()
    for path in lora.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **fields}))
    return str(folder)


def test_an_adapter_that_cannot_be_used_is_one_line(folders: dict[str, Path], lora: Path, tmp_path: Path) -> None:
    pickled = Path(spoilt(lora, tmp_path / "pickled"))
    (pickled / "adapter_model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, pickled / "adapter_model.bin")
    torn = Path(spoilt(lora, tmp_path / "torn"))
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    empty = Path(spoilt(lora, tmp_path / "empty"))
    (empty / "adapter_config.json").unlink()
    broken = Path(spoilt(lora, tmp_path / "broken"))
    (broken / "adapter_config.json").write_text("{")
    for adapter, why in (
        (str(tmp_path / "nowhere"), "no such folder"),
        (str(pickled), "only safetensors are read"),
        (str(torn), "."),
        (str(empty), "there is no adapter_config.json in this folder, so there is no adapter in it"),
        (str(broken), "."),
        (spoilt(lora, tmp_path / "prompts", peft_type="PREFIX_TUNING"), "of type PREFIX_TUNING"),
        (spoilt(lora, tmp_path / "none", peft_type=None), "of type None"),
        (spoilt(lora, tmp_path / "class", task_type="SEQ_CLS"), "for the task SEQ_CLS"),
        (spoilt(lora, tmp_path / "alora", alora_invocation_tokens=[3]), "alora_invocation_tokens is set"),
        (spoilt(lora, tmp_path / "mega", megatron_config={"a": 1}, megatron_core="evil"), "megatron_config is set"),
    ):
        with pytest.raises(AgentError, match=f"^hf:.*: adapter .*{why}") as caught:
            load_language_model(str(folders["llama"]), adapter=adapter, device="cpu")
        assert "\n" not in str(caught.value)


def test_only_two_files_are_fetched_of_an_adapter_on_the_hub(
    folders: dict[str, Path], lora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def fetched(name: str, allow_patterns: list[str]) -> str:
        assert (name, allow_patterns) == ("them/lora", ["adapter_config.json", "adapter_model.safetensors"])
        return str(lora)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    far = load_language_model(str(folders["llama"]), adapter="them/lora", device="cpu")
    assert far.weights == load_language_model(str(folders["llama"]), adapter=str(lora), device="cpu").weights


def test_an_adapter_as_the_address_is_one_line(folders: dict[str, Path], lora: Path, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"holds an adapter; write its model as the address, and adapter = "):
        load_language_model(str(lora))
    both = Path(spoilt(lora, tmp_path / "both"))
    for path in folders["llama"].iterdir():
        (both / path.name).write_bytes(path.read_bytes())
    with pytest.raises(AgentError, match="holds an adapter"):  # or it would be loaded without being asked for
        load_language_model(str(both))


@pytest.mark.parametrize(
    ("library", "options", "fix"),
    [
        ("peft", {"adapter": "somewhere"}, r"needs peft: pip install 'tandem-arena\[peft\]'$"),
        ("bitsandbytes", {"four_bit": True}, r"needs bitsandbytes: pip install 'tandem-arena\[4bit\]'$"),
        ("accelerate", {"four_bit": True}, r"needs accelerate: pip install 'tandem-arena\[4bit\]'$"),
    ],
)
def test_a_missing_library_is_one_line_with_the_fix(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, library: str, options: dict[str, Any], fix: str
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (extra 4bit)")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(AgentError, match=fix):
        load_language_model(str(folders["llama"]), device="cpu", **options)


# 4 bits, dtype, device


@pytest.fixture
def bits() -> Any:
    return pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (extra 4bit)")


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2"])
def test_the_factors_of_a_model_in_4_bits_are_its_own(
    folders: dict[str, Path], architecture: str, bits: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = load_language_model(str(folders[architecture]), four_bit=True, device="cpu")
    base = load_language_model(str(folders[architecture]), device="cpu")
    layers = [module for module in agent.model.modules() if isinstance(module, bits.nn.Linear4bit)]
    assert layers
    assert all(one.weight.quant_type == "nf4" and one.weight.compress_statistics for one in layers)
    assert all(one.compute_dtype == torch.float32 and one.weight.dtype == torch.uint8 for one in layers)
    assert agent.model.num_parameters() == base.model.num_parameters()
    ids = agent.prompt_ids(PROBLEMS[0].question)
    assert (logits(agent, ids) - logits(base, ids)).abs().max() > 1e-3
    play({"a": agent, "b": base})
    play({"a": agent})
    assert agent.weights == weights_digest(agent.model)  # also after it has computed, and been asked for its weights
    assert agent.weights == load_language_model(str(folders[architecture]), four_bit=True, device="cpu").weights
    assert agent.weights != base.weights
    assert capfd.readouterr() == ("", "")


def test_an_adapter_on_4_bits(folders: dict[str, Path], lora: Path, tmp_path: Path, bits: Any) -> None:
    other = save_adapter(adapter_config(), folders["llama"], tmp_path / "other", seed=1)
    digests = set()
    for folder in (lora, other):
        agent = load_language_model(str(folders["llama"]), adapter=str(folder), four_bit=True, device="cpu")
        play({"a": agent})
        digests |= {agent.weights, weights_digest(agent.model)}
    assert len(digests) == 2
    ids = agent.prompt_ids("1 + 1?")
    loss = agent.model(input_ids=torch.tensor([ids])).logits.logsumexp(-1).sum()
    loss.backward()
    grads = [p.grad for p in agent.model.parameters() if p.requires_grad]
    assert all(grad is not None and torch.isfinite(grad).all() and grad.abs().max() > 0 for grad in grads)


def test_models_in_4_bits_are_told_apart(folders: dict[str, Path], tmp_path: Path, bits: Any) -> None:
    words = tokenizer("gpt2", "chatml")
    random_model("llama", words, seed=7).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    digests = {load_language_model(str(at), four_bit=True, device="cpu").weights for at in (tmp_path, folders["llama"])}
    assert len(digests) == 2


def test_a_checkpoint_in_4_bits_is_loaded_as_it_is(folders: dict[str, Path], tmp_path: Path, bits: Any) -> None:
    made = load_language_model(str(folders["llama"]), four_bit=True, device="cpu")
    made.model.save_pretrained(tmp_path)
    made.tokenizer.save_pretrained(tmp_path)
    for four_bit in (False, True):
        agent = load_language_model(str(tmp_path), four_bit=four_bit, device="cpu")
        assert agent.weights == made.weights
        ids = agent.prompt_ids("1 + 1?")
        assert torch.equal(logits(agent, ids), logits(made, ids))


@pytest.mark.parametrize(
    ("dtype", "is_of"),
    [("auto", torch.float32), ("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)],
)
def test_dtypes(folders: dict[str, Path], tmp_path: Path, dtype: str, is_of: torch.dtype) -> None:
    """On a CPU auto is fp32, whatever the checkpoint is in."""
    words = tokenizer("gpt2", "chatml")
    random_model("llama", words).to(torch.bfloat16).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    agent = load_language_model(str(tmp_path), dtype=dtype, device="cpu")
    assert {parameter.dtype for parameter in agent.model.parameters()} == {is_of}
    assert len(played({"a": agent}, "word:solo", PROBLEMS[0], limit=5).spans) == 1


def test_what_there_is_not(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    where = str(folders["llama"])
    with pytest.raises(AgentError, match="dtype must be one of auto, float32, bfloat16, float16, not 'int8'"):
        load_language_model(where, dtype="int8")
    with pytest.raises(AgentError, match="device must be auto, cpu, cuda or cuda:N, not 'tpu'"):
        load_language_model(where, device="tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_language_model(where).model.device == torch.device("cpu")
    with pytest.raises(AgentError, match="device cuda:0: there are 0 CUDA devices here"):
        load_language_model(where, device="cuda:0")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("four_bit", [False, True])
def test_on_a_gpu(folders: dict[str, Path], lora: Path, four_bit: bool) -> None:
    agent = load_language_model(str(folders["llama"]), four_bit=four_bit, adapter=str(lora))
    assert agent.model.device.type == "cuda"
    episode = played({"a": agent}, "word:solo", PROBLEMS[0], limit=40)
    assert episode.ended in ("end", "limit")


# What a model may bring along


EVIL = """
from pathlib import Path
Path("was-run").write_text("")
from transformers import LlamaForCausalLM as Evil, LlamaConfig as EvilConfig
EvilConfig.model_type = "evil"
Evil.config_class = EvilConfig
"""


@pytest.mark.parametrize("trusted", [False, True])
def test_code_that_comes_with_a_model_is_run_only_if_it_is_asked_for(
    folders: dict[str, Path], tmp_path: Path, trusted: bool
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for path in folders["llama"].iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    config = json.loads((model / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.Evil"}, "model_type": "evil"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "evil.py").write_text(EVIL)
    (tmp_path / "run.toml").write_text(
        f"pair = 'x'\n[agents.x]\naddress = 'hf:./model'\ndevice = 'cpu'\ntrust_remote_code = {str(trusted).lower()}\n"
    )
    done = subprocess.run(
        [*PYTHON, "--config", "run.toml", "--episodes", "1", "--limit", "3", "--out", "out", "--json"],
        input="y\ny\n", capture_output=True, text=True, cwd=tmp_path, timeout=120,
        env={**ENVIRONMENT, "HF_MODULES_CACHE": str(tmp_path / "modules")},
    )  # fmt: skip
    assert (tmp_path / "was-run").exists() == trusted
    if trusted:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 2
        assert only_line(done.stderr).startswith("error: --agent x=hf:./model: ")


def test_a_folder_and_its_adapter_need_no_network(folders: dict[str, Path], lora: Path) -> None:
    code = f"""
import socket
def refuse(*args, **kwargs): raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
from agents.loading import load_language_model
print(load_language_model({str(folders["llama"])!r}, adapter={str(lora)!r}, device="cpu").weights)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert len(done.stdout.strip()) == 16, done.stderr


# Tables


def test_a_run_by_its_tables_and_again_by_its_own_configuration(
    folders: dict[str, Path], lora: Path, tmp_path: Path, bits: Any
) -> None:
    """Everything at once: what was resolved is stored, begins the same episodes again, and is gone on with."""
    (tmp_path / "shown.jsonl").write_text(
        '{"question": "Et 1 + 1 ?", "solution": "1 + 1 = 2\\n#### 2", "answer": 2}\n\n'
        '{"question": "Et 2 + 2 ?", "solution": "2 + 2 = 4\\n#### 4"}\n'
    )
    (tmp_path / "run.toml").write_text(
        f"""
        pair = "big:small"
        episodes = 2
        limit = 12
        [agents.big]
        address = "hf:{folders["llama"]}"
        adapter = "{lora}"
        device = "cpu"
        dtype = "float32"
        system = "Sois bref."
        language = "Réponds en français."
        chat = true
        demonstrations_file = "shown.jsonl"
        shots = 2
        temperature = 0.9
        [agents.big.chat_options]
        enable_thinking = false
        [[agents.big.demonstrations]]
        question = "Et 0 + 0 ?"
        solution = "0 + 0 = 0\\n#### 0"
        [agents.small]
        address = "big"
        temperature = 0.7
        four_bit = true
        prompt = "{{language}} {{question}}"
        marker = "<<over>>"
        """
    )

    def run(*flags: str) -> None:
        done = subprocess.run(
            [*PYTHON, *flags, "--json"], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, timeout=300
        )
        assert (done.returncode, done.stderr) == (0, "")

    run("--config", "run.toml", "--out", "one")
    stored = tomllib.loads((tmp_path / "one" / "config.toml").read_text())["agents"]
    shown = [
        {"question": "Et 0 + 0 ?", "solution": "0 + 0 = 0\n#### 0"},
        {"question": "Et 1 + 1 ?", "solution": "1 + 1 = 2\n#### 2"},
    ]
    assert stored["big"]["demonstrations"] == stored["small"]["demonstrations"] == shown
    assert stored["big"]["chat_options"] == {"enable_thinking": False}
    assert (stored["small"]["adapter"], stored["small"]["marker"]) == (str(lora), "<<over>>")
    assert (stored["big"]["temperature"], stored["small"]["temperature"]) == (0.9, 0.7)
    (tmp_path / "shown.jsonl").unlink()  # the run knows its demonstrations
    run("--config", "one/config.toml", "--out", "two")
    run("--config", "one/config.toml", "--out", "one", "--resume")
    assert (tmp_path / "one" / "config.toml").read_text() == (tmp_path / "two" / "config.toml").read_text()
    episodes = plain(tmp_path / "one")
    assert len(episodes) == 2
    assert episodes == plain(tmp_path / "two")
    views = episodes[0]["views"]
    assert views["big"]["weights"] != views["small"]["weights"]
    assert views["big"]["prompt_ids"] != views["small"]["prompt_ids"]


def test_a_chat_with_demonstrations_is_what_the_agent_is_told(folders: dict[str, Path]) -> None:
    agent = make_agent(
        AgentConfig(
            f"hf:{folders['llama']}",
            device="cpu",
            chat=True,
            system="Sois bref.",
            demonstrations=[{"question": "Et 1 + 1 ?", "solution": "2"}],
            marker="<<over>>",
        )
    )
    assert isinstance(agent, LanguageModel)
    assert agent.marker == "<<over>>"
    assert agent.tokenizer.chat_template == CHATML
    told = b"".join(agent.vocabulary.pieces[i] for i in agent.prompt_ids("Et 3 ?")).decode()
    turns = [("system", "Sois bref."), ("user", "Et 1 + 1 ?"), ("assistant", "2"), ("user", "Et 3 ?")]
    wanted = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in turns)
    assert told == wanted + "<|im_start|>assistant\n"
    assert agent.tokenizer.convert_tokens_to_ids("<|im_end|>") in agent.vocabulary.end_ids
    play({"a": agent})


def test_a_chat_without_a_template_is_one_line(tmp_path: Path) -> None:
    words = tokenizer_of_kind("gpt2")
    random_model("llama", words).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    with pytest.raises(AgentError, match=r"^hf:.*: chat is asked for, but the tokeniser has no chat template"):
        make_agent(AgentConfig(f"hf:{tmp_path}", device="cpu", chat=True))
