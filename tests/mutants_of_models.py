"""Language models with a fault (see `tests.mutants`), and a quick one without."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from agents.contract import Span
from agents.language_model import LanguageModel
from tests.models import tokenizer_of_kind
from tests.mutants import AFTER, BUDGET, ENDS, FACTORS, MODELS, PIECES, READS, STOPS, WRITES, HonestSeat, found_by


class TableModel:
    """Next-token logits looked up by a hash of all ids so far: nothing is learned, but everything read counts."""

    device = torch.device("cpu")

    def __init__(self, size: int, seed: int = 0, rows: int = 4099):
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(rows, size, generator=generator) * 2.5
        self.config = SimpleNamespace(vocab_size=size, max_position_embeddings=512)

    def eval(self) -> TableModel:
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return {"table": self.table}

    def __call__(self, input_ids: Tensor, past_key_values: Any = None, use_cache: bool = True) -> Any:
        row = past_key_values or 0
        for token in input_ids[0].tolist():
            row = (row * 31 + token + 1) % len(self.table)
        return SimpleNamespace(logits=self.table[row][None, None], past_key_values=row)


def quick_agent(marker: str | None = None, likely: str = "") -> LanguageModel:
    """A language model that costs almost nothing; the tokens of ``likely`` come often."""
    tokenizer = tokenizer_of_kind("gpt2")
    model = TableModel(len(tokenizer))
    model.table[:, tokenizer(likely, add_special_tokens=False).input_ids] += 5
    return LanguageModel(model, tokenizer, prompt="<s>{question}\n", marker=marker)


@found_by(FACTORS, among=MODELS)
class LosesALogprob(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, logprobs=span.logprobs[1:])


@found_by(FACTORS, among=MODELS)
class GivesProbabilities(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, logprobs=tuple(2.718**value for value in span.logprobs))


@found_by(FACTORS, among=MODELS)
class GivesInfinity(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, logprobs=tuple(float("-inf") for _ in span.logprobs))


@found_by(FACTORS, among=MODELS)
class HasNoEndFactors(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), end_logprob=None)


@found_by(FACTORS, among=MODELS)
class HasEndFactorsEverywhere(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, end_logprob=span.end_logprob or -0.1)


@found_by(FACTORS, among=MODELS)
class HidesItsTokeniser(HonestSeat):
    async def write(self, turn):
        return replace(await super().write(turn), tokeniser=None)


@found_by(FACTORS, among=MODELS)
class RecordsAnotherTokeniser(HonestSeat):
    def record(self):
        return {**super().record(), "tokeniser": "another"}


@found_by(FACTORS, among=MODELS)
class SaysItTwice(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, text=span.data.decode("utf-8", "replace"))


@found_by(FACTORS, among=MODELS)
class MixesUpItsTokens(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        return replace(span, token_ids=tuple(token % 7 for token in span.token_ids or ()))


@found_by(STOPS, among=MODELS)
class WritesTheTokenThatOpens(HonestSeat):
    """It writes on as if the next unit were its own, too."""

    async def write(self, turn):
        if turn.rule.name == "word" and turn.unit > 3:
            return await super().write(replace(turn, holds=lambda unit: unit == turn.unit + 1 or turn.holds(unit)))
        return await super().write(turn)


@found_by(ENDS, among=MODELS)
class EndsWhatIsNotItsOwn(HonestSeat):
    async def write(self, turn):
        span = await super().write(turn)
        if turn.unit < 3 or span.end_logprob is None or not span.written:
            return span
        end = self.inner.agent.vocabulary.end
        added = (*(span.token_ids or ()), end), (*span.pieces, b""), (*span.logprobs, -0.5)
        return replace(span, token_ids=added[0], pieces=added[1], logprobs=added[2], end_logprob=None, ended=True)


@found_by(WRITES, among=MODELS)
class WritesNoTokens(HonestSeat):
    async def write(self, turn):
        digest = self.inner.agent.vocabulary.digest
        return Span(self.view.author, token_ids=(), tokeniser=digest, cut=turn.stop.is_set())


@found_by(READS, among=MODELS)
class ReadsNothing(HonestSeat):
    def read(self, span):
        pass


@found_by(PIECES, among=MODELS)
class EncodesPieceByPiece(HonestSeat):
    """It encodes each span by itself, as soon as it reads it."""

    def read(self, span):
        self.inner.read(span)
        self.inner.take_in()


@found_by(BUDGET, FACTORS, among=MODELS)
class TakesATokenMore(HonestSeat):
    async def write(self, turn):
        return await super().write(replace(turn, budget=turn.budget + 1))


@found_by(AFTER, among=MODELS)
class KeepsTheCutInItsView(HonestSeat):
    async def write(self, turn):
        before = len(self.inner.ids)
        emitted: list[bytes] = []
        emit = turn.emit
        span = await super().write(replace(turn, emit=lambda piece: (emitted.append(piece), emit(piece))))  # type: ignore
        if span.cut and len(emitted) > span.written and len(self.inner.ids) >= before:
            self.inner.ids += self.inner.agent.encode("owl")[0]
        return span
