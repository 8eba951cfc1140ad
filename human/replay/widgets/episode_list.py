"""The list of episodes: as long as it is, only the lines in sight are drawn."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from human.replay.paint import Look, row_text
from human.replay.state import Replay


class EpisodeList(ScrollView, can_focus=True, inherit_bindings=False):
    """Moves the state's place; whoever shows the episode listens to `Moved`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
    ]

    class Moved(Message):
        """Another episode is the current one."""

    def __init__(self, state: Replay, look: Look):
        super().__init__(id="list")
        self.state, self.look = state, look

    def update(self) -> None:
        """Draws what the state says, with the current episode in sight."""
        self.virtual_size = Size(self.size.width, len(self.state.shown))
        top, height, place = round(self.scroll_y), max(1, self.size.height), self.state.place
        if not top <= place < top + height:
            y = place if place < top else place - height + 1
            self.scroll_to(y=y, animate=False, force=True, immediate=True)
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self.update()

    def render_line(self, y: int) -> Strip:
        width, number = self.size.width, round(self.scroll_y) + y
        if number >= len(self.state.shown):
            return Strip.blank(width, self.rich_style)
        entry = self.state.entries[self.state.shown[number]]
        current = number == self.state.place
        text = row_text(entry, self.look, width - 2)
        text.pad_left(1, self.look.marks.sign("›", ">") if current else " ")
        if current:
            text.stylize("bold reverse" if self.has_focus else "bold")
        strip = Strip(text.render(self.app.console))
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self.action_go(round(self.scroll_y) + event.y, from_end=False)

    def action_move(self, by: int) -> None:
        self.action_go(max(0, self.state.place + by), from_end=False)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_go(self, place: int, from_end: bool = True) -> None:
        """To a place; -1 is the last."""
        self.state.go(len(self.state.shown) - 1 if from_end and place < 0 else place)
        self.post_message(self.Moved())
