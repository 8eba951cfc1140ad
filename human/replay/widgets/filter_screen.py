"""The filters: every value that the run has, with how many episodes have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import ClassVar

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from human.replay.filters import HANDOFFS, Filter, Value
from human.replay.paint import Look

Choice = tuple[str, Value]
MOST = 200
"""Values that are listed of a group: a file may name as many conditions as it has lines."""
_ORDER = ["right", "wrong", "unreadable", "broken", *(name for _, name in HANDOFFS)]


class FilterScreen(ModalScreen[Filter | None]):
    """Gives the filter that was chosen, or nothing where the screen was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", "Show these", priority=True),
        Binding("escape", "dismiss(None)", "Leave as it was"),
        Binding("space", "turn", "Choose", priority=True),
        Binding("0", "clear", "Choose none"),
        Binding("q", "app.quit", show=False),
    ]

    def __init__(self, counts: Mapping[str, Counter[Value]], before: Filter, look: Look):
        super().__init__()
        self._look = look
        self._chosen: set[Choice] = {(group, value) for group, values in before.chosen.items() for value in values}
        self._choices = list(_choices(counts, self._chosen))

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static("space chooses, enter shows these, 0 chooses none, escape leaves it as it was", markup=False)
            yield OptionList(*(self._line(*choice) for choice in self._choices), id="choices", markup=False)

    def _line(self, choice: Choice, count: int) -> Content:
        group, value = choice
        name = set_cell_size(self._look.name(str(value), 36), 36)
        return Content(f"[{'x' if choice in self._chosen else ' '}] {group:<11} {name} {count:>9,}")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def _draw(self, number: int) -> None:
        self.query_one(OptionList).replace_option_prompt_at_index(number, self._line(*self._choices[number]))

    def action_turn(self) -> None:
        if (number := self.query_one(OptionList).highlighted) is not None:
            self._chosen ^= {self._choices[number][0]}
            self._draw(number)

    def action_clear(self) -> None:
        self._chosen.clear()
        for number in range(len(self._choices)):
            self._draw(number)

    def action_done(self) -> None:
        self.dismiss(Filter.of(self._chosen))


def _choices(counts: Mapping[str, Counter[Value]], chosen: set[Choice]) -> Iterator[tuple[Choice, int]]:
    """Every value with its count, and what was chosen though no episode has it now."""
    for group, values in counts.items():
        kept = [(value, 0) for name, value in chosen if name == group and value not in values]
        for value, count in sorted([*values.most_common(MOST), *kept], key=_order):
            yield (group, value), count


def _order(listed: tuple[Value, int]) -> tuple[int, int, str]:
    """Numbers as numbers, verdicts and handoffs in their order, everything else by how often it is."""
    value, count = listed
    if isinstance(value, int):
        return 0, value, ""
    return (1, _ORDER.index(value), "") if value in _ORDER else (2, -count, str(value))
