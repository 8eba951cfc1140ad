"""What vLLM's processes are told about the agents: a folder with a configuration for each, and one file about all.

The folder is read by every process of vLLM, so nothing hangs on memory that they share.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.distribution import Sampling
from agents.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.language_model import LanguageModel

FILE = "tandem.json"
ADDITIONAL = "tandem"
"""Under this name the folder lies in vLLM's ``additional_config``."""


@dataclass(frozen=True)
class Member:
    """One agent, as vLLM's processes know it."""

    name: str
    folder: str
    """Holds its ``config.json``."""
    pieces: tuple[str, ...]
    """The bytes of each token, as Latin-1."""
    end_ids: tuple[int, ...]
    """The first is the one that the end is recorded under."""
    never: tuple[int, ...]
    sampling: dict[str, Any]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        pieces = [piece.encode("latin-1") for piece in self.pieces]
        return Vocabulary(pieces, self.end_ids, self.never)

    @cached_property
    def drawn_by(self) -> Sampling:
        return Sampling(**self.sampling)


def letter(number: int) -> str:
    """The name of a member's submodule: vLLM numbers layers by the one number in their names."""
    return f"agent_{chr(ord('a') + number)}"


def write_members(folder: Path, agents: Mapping[str, LanguageModel]) -> list[Member]:
    """Writes what vLLM has to know of agents that read the same."""
    members = []
    for number, (name, agent) in enumerate(agents.items()):
        where = folder / letter(number)
        base_of(agent.model).config.save_pretrained(where)
        vocabulary = agent.vocabulary
        pieces = tuple(piece.decode("latin-1") for piece in vocabulary.pieces)
        ends = (vocabulary.end, *(one for one in vocabulary.end_ids if one != vocabulary.end))
        members.append(Member(name, str(where), pieces, ends, vocabulary.never, asdict(agent.sampling)))
    (folder / FILE).write_text(json.dumps([asdict(member) for member in members]), encoding="utf-8")
    return members


def read_members(folder: str | Path) -> list[Member]:
    """What `write_members` wrote."""
    tables = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
    lists = ("pieces", "end_ids", "never")
    return [Member(**{**table, **{key: tuple(table[key]) for key in lists}}) for table in tables]


def same_end(vocabularies: Sequence[Vocabulary]) -> bool:
    """Can the first one's end stand for everybody's? Not if another may draw it as text."""
    end = vocabularies[0].end
    return all(end in one.never or end in one.end_ids for one in vocabularies[1:])


def base_of(model: Any) -> Any:
    """The model without its adapter."""
    return model.get_base_model() if hasattr(model, "peft_config") else model
