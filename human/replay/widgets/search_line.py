"""Where a search is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class SearchLine(Input):
    """Seen while it is typed in."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.leave_search", show=False)]

    def __init__(self) -> None:
        super().__init__(
            placeholder="text of a solution or question, or an id; enter searches", id="search", compact=True
        )
        self.display = False
