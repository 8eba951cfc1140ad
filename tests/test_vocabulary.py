"""Tokenisers of the three kinds, trained here on a little text: their bytes, their tables, and encoding mid-view."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from agents.distribution import event_logprobs
from agents.language_model import LanguageModel
from agents.units import RULES
from agents.vocabulary import TokeniserError, Vocabulary, readable, surface, vocabulary_of
from arena.tasks.arithmetic import Arithmetic

GSM8K = Path(__file__).parents[2] / "shared" / "gsm8k"
needs_gsm8k = pytest.mark.skipif(not GSM8K.is_dir(), reason=f"no GSM8K in {GSM8K}")
EMBEDDED = Path(__file__).parents[1] / "agents" / "embedded" / "senior"

fast: Any = PreTrainedTokenizerFast

MIXED = [
    "Then she has 29 + 6 = <<29+6=35>>35 cookies.\n#### 35",
    "Don't pay $3,000.50! (ok) He said: “no…” «да»?",
    "她有3.5个苹果。她没有！ りんごをカートに入れる、はい。",
    "لديها ٣٫٥ تفاحات، نعم؟ יש לה תפוחים. उसके पास सेब हैं। มีผล 그는 사과 3개를 👩‍👩‍👧 👍🏽 🇫🇷 e\u0301",
    "\\frac{1}{2} x_1^2 <= 3.  \n\n\tif (a == b) { return; }",
]


def problems(count: int) -> Iterator[str]:
    for problem in Arithmetic(style="mixed").problems("train")[:count]:
        yield f"{problem.question}\n{problem.solution}"


CORPUS = [*MIXED * 30, *problems(60)]


def gpt2() -> Any:
    """Byte-level BPE with GPT-2's own split."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=700, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    return fast(tokenizer_object=made, eos_token="<|endoftext|>")


def sentencepiece(style: str) -> Any:
    """BPE with byte fallback: ``llama`` is Llama-2's legacy pair of normaliser and decoder, ``metaspace`` the newer."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    # Rare characters stay out of the alphabet, so that they fall back to bytes.
    trainer = trainers.BpeTrainer(
        vocab_size=600, limit_alphabet=60, special_tokens=["<unk>", "<s>", "</s>", *byte_tokens], show_progress=False
    )
    made.train_from_iterator(CORPUS, trainer)
    spec = json.loads(made.to_str())
    spec["added_tokens"] = spec["added_tokens"][:3]  # byte tokens are no specials
    made = Tokenizer.from_str(json.dumps(spec))
    if style == "llama":
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        made.pre_tokenizer = None
        made.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return fast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def wordpiece() -> Any:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(prefix="##")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    return fast(tokenizer_object=made, eos_token="[SEP]", **names)


def embedded() -> Any:
    if EMBEDDED.is_dir():
        return AutoTokenizer.from_pretrained(EMBEDDED)
    from training.pretrain.fit import tokenizer_of
    from training.pretrain.recipes import ENGLISH

    return tokenizer_of(ENGLISH)


MAKERS: dict[str, Callable[[], Any]] = {
    "gpt2": gpt2,
    "llama": lambda: sentencepiece("llama"),
    "metaspace": lambda: sentencepiece("metaspace"),
    "wordpiece": wordpiece,
    "embedded": embedded,
}
EXACT = ("gpt2", "llama", "metaspace", "embedded")


def agent_of(tokenizer: Any) -> LanguageModel:
    """A language model of no weights, for its encoding."""
    model = SimpleNamespace(config=SimpleNamespace(vocab_size=len(tokenizer) + 3), eval=lambda: None, state_dict=dict)
    vocabulary = vocabulary_of(tokenizer, len(tokenizer) + 3)
    return LanguageModel(model, tokenizer, vocabulary=vocabulary)


@cache
def agent(name: str) -> LanguageModel:
    return agent_of(MAKERS[name]())


def spelled(agent: LanguageModel, ids: Sequence[int]) -> bytes:
    return b"".join(agent.vocabulary.pieces[i] for i in ids)


def plain_ids(agent: LanguageModel, text: str) -> list[int]:
    return list(agent.tokenizer(text, add_special_tokens=False).input_ids)


@pytest.mark.parametrize("name", ["gpt2", "embedded"])
@pytest.mark.parametrize("text", CORPUS[: len(MIXED)] + CORPUS[-5:] + ["你", "\x00\n\n\r\n \u2028", " a", "▁ ▁a"])
def test_byte_level_pieces_spell_the_text(name, text):
    assert spelled(agent(name), plain_ids(agent(name), text)) == text.encode()


@pytest.mark.parametrize("name", ["llama", "metaspace"])
@pytest.mark.parametrize("text", CORPUS[: len(MIXED)] + CORPUS[-5:] + ["你", "\x00\n\n\r\n \u2028", "a"])
def test_sentencepiece_pieces_spell_the_text_behind_the_space_that_it_adds(name, text):
    assert spelled(agent(name), plain_ids(agent(name), text)) == b" " + text.encode()


def test_wordpiece_loses_case_accents_and_white_space():
    pieces = agent("wordpiece").vocabulary.pieces
    ids = plain_ids(agent("wordpiece"), "Then\n\nshe has  29 cookíes.")
    assert spelled(agent("wordpiece"), ids) == b" then she has 29 cookies ."
    assert any(not piece.startswith(b" ") for piece in pieces if piece)  # ##cont
    unknown = plain_ids(agent("wordpiece"), "\u4e00")
    assert set(unknown) <= set(agent("wordpiece").vocabulary.never)


@pytest.mark.parametrize("name", EXACT)
def test_bytes_of_half_a_character_are_tokens(name):
    made = agent(name)
    ids = plain_ids(made, "x你")
    halves = [made.vocabulary.pieces[i] for i in ids if made.vocabulary.pieces[i] in (b"\xe4", b"\xbd", b"\xa0")]
    assert halves == [b"\xe4", b"\xbd", b"\xa0"]
    assert {bytes([byte]) for byte in range(0x80, 0xC0)} <= set(made.vocabulary.pieces)
    assert readable(b"".join(made.vocabulary.pieces[i] for i in ids)).strip() == "x你"
    assert readable(b"".join(made.vocabulary.pieces[i] for i in ids[:-1])).strip() == "x\ufffd"


def test_known_bytes_of_known_tokens():
    """By name of the vocabulary entry, in the spelling of each kind."""
    wanted = {
        "gpt2": {"Ġshe": b" she", "Ċ": b"\n", "Ġ": b" ", "ä": b"\xe4", "ĉ": b"\t", "<|endoftext|>": b"<|endoftext|>"},
        "llama": {"▁she": b" she", "▁": b" ", "<0x0A>": b"\n", "<0xE4>": b"\xe4", "</s>": b"</s>"},
        "metaspace": {"▁she": b" she", "▁": b" ", "<0x0A>": b"\n", "<0xE4>": b"\xe4"},
        "wordpiece": {"she": b" she", "##s": b"s", "=": b" =", "[SEP]": b"[SEP]"},
        "embedded": {"Ċ": b"\n", "<<": b"<<", "####": b"####", "Ġ": b" ", "</s>": b"</s>"},
    }
    for name, tokens in wanted.items():
        ids = agent(name).tokenizer.get_vocab()
        assert {token: agent(name).vocabulary.pieces[ids[token]] for token in tokens} == tokens


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("unit", RULES)
def test_tables_are_the_rule_token_by_token(name, unit):
    vocabulary, rule = agent(name).vocabulary, RULES[unit]
    table = vocabulary.table(unit)
    assert table.opens.shape == table.next.shape == (len(rule.states), len(vocabulary))
    for state in range(len(rule.states)):
        steps = [rule.step(state, surface(piece)) for piece in vocabulary.pieces]
        assert table.opens[state].tolist() == [opens for opens, _ in steps]
        assert table.next[state].tolist() == [after for _, after in steps]


@pytest.mark.parametrize("name", EXACT)
def test_a_token_opens_iff_its_first_character_does(name):
    vocabulary = agent(name).vocabulary
    for unit in ("word", "sentence", "line", "paragraph", "solution", "token"):
        rule, table = RULES[unit], vocabulary.table(unit)
        for token, piece in enumerate(vocabulary.pieces):
            if first := surface(piece)[:1]:
                assert table.opens[:, token].tolist() == [rule.step(s, first)[0] for s in range(len(rule.states))]


@pytest.mark.parametrize("name", EXACT)
def test_bytes_of_half_a_character_are_letters(name):
    pieces = agent(name).vocabulary.pieces
    for unit, rule in RULES.items():
        table = agent(name).vocabulary.table(unit)
        letter = [rule.step(state, "a") for state in range(len(rule.states))]
        for byte in (b"\xe4", b"\xbd", b"\xa0", b"\xff", b"\xc2", b"\x85"):  # U+0085 and U+00A0 are white space
            token = pieces.index(byte)
            assert list(zip(table.opens[:, token], table.next[:, token], strict=True)) == letter


def test_tokens_that_hold_several_words():
    word = Vocabulary([b"<e>", b" she has 3", b".\n\n####", b".\n", b" =<<", b"a b "], [0]).table("word")
    states = {name: number for number, name in enumerate(RULES["word"].states)}
    letters = states["LETTERS"]
    assert word.opens[letters].tolist() == [True, True, False, False, True, False]  # "<e>" reads as text; it is the end
    after = [word.rule.states[state] for state in word.next[letters]]
    assert after == ["SIGNS", "LETTERS", "SIGNS", "GAP", "SIGNS", "GAP"]
    assert word.opens[states["GAP"]].all()


def test_whatever_comes_opens_is_visible_in_the_table_also_with_padding_ids():
    vocabulary = Vocabulary([b"<e>", b"a", b"\n", b"", b""], [0])
    assert vocabulary.table("word").opens[1].all()
    assert vocabulary.table("line").opens[2].all()
    assert vocabulary.table("paragraph").opens[3].all()
    assert vocabulary.table("token").opens.all()


@pytest.mark.parametrize("name", MAKERS)
def test_specials_and_tokens_without_bytes_are_never_drawn_and_ends_are_one_event(name):
    made = agent(name)
    vocabulary, size = made.vocabulary, len(made.vocabulary)
    assert set(range(size - 3, size)) <= set(vocabulary.never)  # padding beyond the tokeniser
    assert set(made.tokenizer.all_special_ids) - {vocabulary.end} <= set(vocabulary.never)
    assert all(vocabulary.pieces[i] for i in range(size) if i not in vocabulary.never)
    other = next(i for i in range(size) if i not in vocabulary.never and i != vocabulary.end)
    two = Vocabulary(vocabulary.pieces, [vocabulary.end, other], vocabulary.never)
    logits = torch.randn(size, dtype=torch.float64)
    logprobs, once = event_logprobs(logits, two, 1.0), event_logprobs(logits, vocabulary, 1.0)
    assert torch.isneginf(logprobs[list(two.never)]).all()
    assert torch.isneginf(logprobs[other])
    assert torch.isclose(logprobs[two.end].exp(), once[two.end].exp() + once[other].exp())
    assert torch.isclose(logprobs.exp().sum(), torch.tensor(1.0, dtype=torch.float64))


def test_digest_tells_tokenisers_apart():
    pieces = [b"<e>", b"a", b"b", b""]
    base = Vocabulary(pieces, [0])
    assert base.digest == Vocabulary(list(pieces), (0,)).digest
    others = [
        Vocabulary([b"<e>", b"b", b"a", b""], [0]),
        Vocabulary([b"<e>", b"ab", b"", b""], [0]),
        Vocabulary([*pieces, b"c"], [0]),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 4
    # What ends a text, what is never drawn and how far the logits are padded belong to the model.
    for same in (Vocabulary([*pieces, b""], [0]), Vocabulary(pieces, [0, 2]), Vocabulary(pieces, [0], [2])):
        assert same.digest == base.digest
    assert vocabulary_of(agent("gpt2").tokenizer, 703).digest == agent("gpt2").vocabulary.digest
    assert (
        agent("llama").vocabulary.digest == agent("metaspace").vocabulary.digest
    )  # one vocabulary, two spellings of it
    assert len({agent(name).vocabulary.digest for name in MAKERS}) == len(MAKERS) - 1


@pytest.mark.parametrize(
    ("decoder", "named"),
    [
        (decoders.BPEDecoder(), "BPEDecoder"),
        (decoders.CTC(), "CTC"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 1, 0)]), "Fuse + Strip"),
        (None, "none"),
    ],
)
def test_a_decoder_of_another_kind_is_refused_by_name(decoder, named):
    made = Tokenizer(models.BPE({"<e>": 0, "a": 1}, []))
    made.decoder = decoder
    with pytest.raises(TokeniserError, match=rf"decoder is {re.escape(named)} cannot be used"):
        vocabulary_of(fast(tokenizer_object=made, eos_token="<e>"), 2)


def test_slow_tokenisers_and_tokenisers_without_an_end_are_refused():
    with pytest.raises(TokeniserError, match="SimpleNamespace is not a fast tokeniser"):
        vocabulary_of(SimpleNamespace(), 2)
    made = Tokenizer(models.BPE({"a": 0}, []))
    made.decoder = decoders.ByteLevel()
    with pytest.raises(TokeniserError, match="no end-of-text token"):
        vocabulary_of(fast(tokenizer_object=made), 1)


def test_tokens_beyond_the_logits_do_not_exist():
    """A pad token added to the tokeniser but not to the model; ids with holes."""
    tokenizer = gpt2()
    size = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    vocabulary = vocabulary_of(tokenizer, size)
    assert len(vocabulary) == size
    assert set(vocabulary.never) <= set(range(size))
    with pytest.raises(TokeniserError, match="no end-of-text token"):
        vocabulary_of(tokenizer, size, end_ids=[size])


# Encoding in the middle of a view.
TEXT = st.text(
    st.one_of(st.sampled_from(" \n\t.=<#aAe\u03013你👍🏽\u200d\u00a0\x00"), st.characters(codec="utf-8")), max_size=30
)


@pytest.mark.parametrize("name", EXACT)
@given(text=TEXT)
def test_encoding_spells_any_text_and_adds_nothing(name, text):
    if name in ("llama", "metaspace"):  # ▁ itself cannot be told from a space
        text = text.replace("▁", "")
    ids, exact = agent(name).encode(text)
    assert exact
    assert spelled(agent(name), ids) == text.encode()


@pytest.mark.parametrize("name", ["llama", "metaspace"])
def test_sentencepiece_reports_its_own_space_mark(name):
    assert not agent(name).encode("a▁b")[1]


@pytest.mark.parametrize("name", ["llama", "metaspace"])
def test_encoding_puts_no_space_in_the_middle_of_a_view(name):
    for text in ("she", "35", "\n", "(", "你", "  she", " she"):
        ids, exact = agent(name).encode(text)
        assert exact
        assert spelled(agent(name), ids) == text.encode()


@given(text=TEXT)
def test_wordpiece_reports_what_it_cannot_spell(text):
    ids, exact = agent("wordpiece").encode(text)
    assert exact == (spelled(agent("wordpiece"), ids) == text.encode())


def test_wordpiece_reports():
    assert agent("wordpiece").encode(" then she has")[1]
    assert agent("wordpiece").encode("then")[1]  # as the continuation of a word
    for text in ("Then", " then.", "\n", " a  b", "\u4e00"):
        assert not agent("wordpiece").encode(text)[1]


def boundaries(text: str) -> list[int]:
    """Where words open, in bytes."""
    return list(accumulate(len(unit.encode()) for unit in RULES["word"].split(text)))[:-1]


def inside_tokens(agent: LanguageModel, text: str) -> list[int]:
    """Where words open inside a token of the whole text's encoding, in bytes."""
    ends = set(accumulate(len(agent.vocabulary.pieces[i]) for i in agent.encode(text)[0]))
    return [cut for cut in boundaries(text) if cut not in ends]


def cuts_inside_tokens(agent: LanguageModel, text: str) -> tuple[int, int, bool]:
    """Places where words open inside a token of the whole text's encoding, all such places, and whether the encodings
    of the words join to that of the whole."""
    whole, _ = agent.encode(text)
    joined = [i for unit in RULES["word"].split(text) for i in agent.encode(unit)[0]]
    return len(inside_tokens(agent, text)), len(boundaries(text)), joined == whole


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("embedded", 0.0, 0.0),
        ("gpt2", 0.0, 0.0),  # of arithmetic; on GSM8K it has tokens such as `)=` (docs/UNITS.md)
        ("llama", 0.05, 0.6),  # no split but at spaces: tokens such as `2=`
        ("metaspace", 0.05, 0.6),
    ],
)
def test_words_encode_alone_as_they_do_together(name, least, most):
    """True of the embedded and the GPT-2 kind; of the SentencePiece kind it is not, and this says how often."""
    inside = places = 0
    for text in problems(60):
        found, cuts, same = cuts_inside_tokens(agent(name), text)
        inside, places = inside + found, places + cuts
        assert same == (found == 0)
    assert places > 3000
    assert least <= inside / places <= most


@needs_gsm8k
def test_the_embedded_tokeniser_never_joins_words_of_gsm8k():
    with (GSM8K / "test.jsonl").open(encoding="utf-8") as file:
        for line in islice(file, 200):
            assert cuts_inside_tokens(agent("embedded"), json.loads(line)["answer"])[::2] == (0, True)


@needs_gsm8k
def test_the_gpt2_kind_joins_words_of_gsm8k_only_within_runs_of_punctuation():
    found = []
    with (GSM8K / "test.jsonl").open(encoding="utf-8") as file:
        for line in islice(file, 200):
            text = json.loads(line)["answer"]
            data = text.encode()
            found += [data[cut - 1 : cut + 1].decode() for cut in inside_tokens(agent("gpt2"), text)]
    assert all(not c.isalnum() and not c.isspace() for pair in found for c in pair)


def test_readable_and_surface_keep_the_length_of_what_they_can_read():
    assert readable(b"a\xe4\xbdb") == "a\ufffdb"
    assert surface(b"a\xe4\xbdb") == "a\udce4\udcbdb"
