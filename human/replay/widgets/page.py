"""Text that scrolls, drawn line by line: long texts cost what is seen of them."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip


class Page(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a rich text. What is styled with the meta ``here`` is brought into sight.

    Left and right are not for scrolling: text is wrapped, and the keys step through turns.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    def __init__(self, *, id: str, classes: str = ""):  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.text = Text()
        self._lines: list[Text] = []
        self._width = self._head = self._drawn_head = 0
        self._about: object = None

    def show(self, text: Text, about: object, head: int = 0) -> None:
        """Shows another text: of something else from its beginning, of the same from where one was.

        The first ``head`` lines stay when the others scroll.
        """
        fresh, self._about = about != self._about, about
        self.text, self._head = text, head
        self._wrap()
        here = next((n for n, line in enumerate(self._lines) if _marked(line)), 0 if fresh else None)
        top, height = round(self.scroll_y), self.size.height
        if here is not None and not top <= here < top + height - 2:
            # A turn that does not fit is seen from a third of the way down: what came before, and how it goes on.
            self.scroll_to(y=max(0, here - height // 3), animate=False, force=True, immediate=True)

    def on_resize(self, event: events.Resize) -> None:
        if self.scrollable_content_region.width != self._width:
            self._wrap()

    def _wrap(self) -> None:
        width = max(1, self.scrollable_content_region.width)
        before, same = self._lines, (width, 0) == (self._width, self._head) == (width, self._drawn_head)
        self._width, self._drawn_head = width, self._head
        self._lines = list(self.text.wrap(self.app.console, width, overflow="fold"))
        self.virtual_size = Size(width, len(self._lines))
        if not same:
            self.refresh()
            return
        # A text that grows by a word costs its last line, not the whole part of the screen.
        both = min(len(before), len(self._lines))
        first = next((n for n in range(both) if before[n] != self._lines[n]), both)
        if rows := max(len(before), len(self._lines)) - first:
            self.refresh_lines(first, rows)

    def render_line(self, y: int) -> Strip:
        number, width = y if y < self._head else round(self.scroll_y) + y, self.size.width
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        strip = Strip(self._lines[number].render(self.app.console))
        return strip.adjust_cell_length(width).apply_style(self.rich_style)


def _marked(line: Text) -> bool:
    return any(not isinstance(span.style, str) and span.style.meta.get("here") for span in line.spans)
