"""Real agents for tests: the embedded models, loaded once, and random models of several architectures."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from agents.distribution import Sampling
from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import EMBEDDED


@lru_cache(maxsize=8)
def embedded(name: str, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> LanguageModel:
    """An embedded model under some sampling."""
    torch.set_num_threads(1)
    return load_language_model(str(EMBEDDED / name), sampling=Sampling(temperature, top_k, top_p))


CORPUS = [
    "Then she has 29 + 6 = 35 cookies.\nSo each bag holds 35 / 7 = 5 cookies.\n#### 5",
    "Don't pay $3,000.50! (ok) Мама мыла раму. 他有三個蘋果。 日本語です。 😀👍🏽 café naïve",
    "Tom has 12 apples. He gives 3 to Anna. How many apples does Tom have now?",
]


@lru_cache(maxsize=8)
def tokenizer_of_kind(kind: str) -> Any:
    """A small tokeniser trained here: "gpt2" (byte-level), "sentencepiece" (byte fallback) or "wordpiece"."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    specials = ["<s>", "</s>", "<unk>"]
    trainer: Any
    if kind == "gpt2":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
        )
    elif kind == "sentencepiece":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        tokenizer.decoder = decoders.Sequence(parts)
        fallback = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=specials + fallback, show_progress=False)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    if kind == "sentencepiece":
        # Byte tokens are ordinary tokens of SentencePiece's vocabulary, not specials.
        import json

        spec = json.loads(tokenizer.to_str())
        spec["added_tokens"] = [token for token in spec["added_tokens"] if not token["content"].startswith("<0x")]
        tokenizer = Tokenizer.from_str(json.dumps(spec))
    make: Any = PreTrainedTokenizerFast
    return make(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def random_model(architecture: str, tokenizer: Any, seed: int = 0, head_size: int = 16) -> Any:
    """A tiny random model: "llama", "gpt2", "qwen3" or "gemma"."""
    import transformers

    torch.manual_seed(seed)
    size = len(tokenizer)
    config: Any
    if architecture == "gpt2":
        config = transformers.GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=512)
    else:
        kinds = {
            "llama": transformers.LlamaConfig,
            "qwen3": transformers.Qwen3Config,
            "gemma": transformers.GemmaConfig,
        }
        config = kinds[architecture](
            vocab_size=size,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=head_size,
            max_position_embeddings=512,
        )
    config.eos_token_id = tokenizer.eos_token_id
    config.bos_token_id = tokenizer.bos_token_id
    make: Any = transformers.AutoModelForCausalLM.from_config
    model = make(config)
    with torch.no_grad():  # random models are almost uniform: make them have opinions
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


@lru_cache(maxsize=16)
def random_agent(
    architecture: str, kind: str, seed: int = 0, temperature: float = 1.0, head_size: int = 16
) -> LanguageModel:
    """A random model with a tokeniser of a kind, as an agent."""
    tokenizer = tokenizer_of_kind(kind)
    prompt = "<s>{question}\n"
    model = random_model(architecture, tokenizer, seed, head_size)
    return LanguageModel(model, tokenizer, prompt=prompt, sampling=Sampling(temperature))
