"""``python -m benchmarks.words GSM8K``: how often tokenisers join what the word rule cuts (a table in docs/UNITS.md).

GSM8K is a folder with train.jsonl and test.jsonl. Tokenisers of four kinds are trained on the training solutions (8,000
entries each), beside the embedded one; what is counted are the word rule's cuts inside the test solutions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agents.language_model import LanguageModel
from agents.registry import EMBEDDED
from agents.units import RULES
from agents.vocabulary import vocabulary_of

MODERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 and Qwen 2 split text before they merge bytes."""


def byte_level(texts: list[str], split: str | None) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    parts = [pre_tokenizers.Split(Regex(split), "isolated"), plain] if split else [plain]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8000, special_tokens=["</s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def sentencepiece(texts: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(vocab_size=8000, special_tokens=["</s>"], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def reader(tokenizer: Any) -> LanguageModel:
    """An agent that only encodes."""
    model = SimpleNamespace(config=SimpleNamespace(vocab_size=len(tokenizer)), eval=lambda: None, state_dict=dict)
    return LanguageModel(model, tokenizer, vocabulary=vocabulary_of(tokenizer, len(tokenizer)))


def readers(texts: list[str]) -> Iterator[tuple[str, LanguageModel]]:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    make: Any = PreTrainedTokenizerFast
    yield "embedded models", reader(AutoTokenizer.from_pretrained(EMBEDDED / "senior"))
    kinds = {
        "byte-level, split as GPT-2": byte_level(texts, None),
        "byte-level, split as Llama 3 and Qwen 2": byte_level(texts, MODERN),
        "SentencePiece, split at spaces only": sentencepiece(texts),
    }
    for name, tokenizer in kinds.items():
        yield name, reader(make(tokenizer_object=tokenizer, eos_token="</s>"))


def main(folder: Path) -> None:
    train, test = (
        [json.loads(line)["answer"] for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
        for split in ("train", "test")
    )
    for name, agent in readers(train):
        cuts = inside = differ = 0
        for text in test:
            words = RULES["word"].split(text)
            ids = agent.encode(text)[0]
            at, ends = 0, set()
            for token in ids:
                at += len(agent.vocabulary.pieces[token])
                ends.add(at)
            at = 0
            for word in words[:-1]:
                at += len(word.encode())
                cuts += 1
                inside += at not in ends
            differ += [i for word in words for i in agent.encode(word)[0]] != ids
        print(f"{name:42} {inside:7,} of {cuts:,} cuts ({inside / cuts:.2%}), {differ:5,} of {len(test):,} solutions")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
