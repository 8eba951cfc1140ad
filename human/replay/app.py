"""The viewer on its screen: keys and files to the state, the state to the widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static

from arena.lines import StoreError
from arena.store import read_config
from human import theme
from human.marks import Marks
from human.replay import words
from human.replay.background import Found, Heeded, Indexed, Work
from human.replay.factors import table
from human.replay.filters import MANY, Filter, counts
from human.replay.paint import Look, Wanted, list_head, page, turn_line
from human.replay.state import COPIES, Replay
from human.replay.turns import Turns
from human.replay.widgets.episode_list import EpisodeList
from human.replay.widgets.filter_screen import FilterScreen
from human.replay.widgets.help_screen import HelpScreen
from human.replay.widgets.page import Page
from human.replay.widgets.search_line import SearchLine

LONG_COPY = 74_000
"""Bytes that every terminal with a clipboard takes."""
WIDE = 110
"""Columns from which the list stands beside the solution, not above it."""
PLAY = 0.6
"""Seconds a turn."""


class ReplayApp(App[None]):
    """Shows one run, or two side by side."""

    TITLE = "Tandem Arena: replay"
    CSS_PATH = "replay.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.footer or key.title, show=bool(key.footer), key_display=key.shown)
        for key in words.KEYS
    ]

    def __init__(self, runs: Sequence[Path], *, dark: bool = True, ascii_only: bool = False):
        """Raises StoreError if a run has no episodes file."""
        super().__init__()
        self.state = Replay(runs)
        self.look = Look(Marks(_named(runs), ascii_only=ascii_only), dark)
        self.units = False
        self.work = Work(self, self.state)
        self._playing: Timer | None = None
        self.register_theme(theme.DARK)
        self.register_theme(theme.LIGHT)
        self.theme = theme.DARK.name if dark else theme.LIGHT.name
        self.set_class(ascii_only, "-ascii")
        self.set_class(self.state.comparing, "-comparing")

    def compose(self) -> ComposeResult:
        yield Static(id="status", markup=False)
        with Vertical(id="body"):
            with Vertical(id="left"):
                yield Static(id="head", markup=False)
                yield EpisodeList(self.state, self.look)
            with Vertical(id="right"):
                with Horizontal(id="pages"):
                    for side in range(len(self.state.sources)):
                        with Vertical(classes="side"):
                            yield Page(id=f"page-{side}", classes="page")
                            yield Static(id=f"turn-{side}", classes="turn", markup=False)
                yield Page(id="tokens")
        yield SearchLine()
        yield Footer(show_command_palette=not self.look.marks.ascii_only)  # its line is drawn in no ASCII

    def on_mount(self) -> None:
        for side, source in enumerate(self.state.sources):
            name = self.look.name(str(source.run))
            self.query_one(f"#page-{side}", Page).border_title = Content(name)
        self.query_one("#tokens").border_title = Content("log-probabilities")
        # A small screen is for the solution; the tokens are a key away.
        self.query_one("#tokens").display = self.size.width >= WIDE and not self.state.comparing
        self.query_one(EpisodeList).focus()
        self.work.index()
        self.call_after_refresh(self.draw)

    # What the threads say

    @on(Indexed)
    def take_part(self, said: Indexed) -> None:
        if self.work.is_current(said.task):
            before = self.state.entry
            if said.part is not None:
                self.state.add(said.side, said.part)
            else:
                self.state.sources[said.side].complete = True
            self._draw_list()
            if self.state.entry != before:
                self.draw()

    @on(Found)
    def take_hits(self, said: Found) -> None:
        if self.work.is_current(said.task):
            before = self.state.current
            self.state.found(said.side, said.numbers)
            if said.over:
                self.work.over(said.task)
            self._draw_list()
            if self.state.current != before:
                self.draw()

    @on(Heeded)
    def take_readings(self, said: Heeded) -> None:
        self.work.take(said)
        self._draw_tokens()

    @on(EpisodeList.Moved)
    def draw(self) -> None:
        """Draws everything."""
        self._draw_list()
        self._draw_episode()

    def _draw_list(self) -> None:
        shown = self.query_one(EpisodeList)
        self.query_one("#head", Static).update(list_head(self.state.comparing, shown.size.width - 2))
        shown.update()
        self.query_one("#status", Static).update(self._status())

    def _status(self) -> Text:
        state = self.state
        place = f"{state.place + 1:,} of {len(state.shown):,}" if state.shown else "none"
        parts = [place if len(state.shown) == len(state.entries) else f"{place} ({len(state.entries):,} in all)"]
        if state.filter.chosen:
            parts.append(self.look.name(str(state.filter)))
        if state.query:
            parts.append(f"“{self.look.name(state.query, 30)}”" if not self.look.marks.ascii_only else state.query)
            if self.work.searching:
                parts.append("searching")
        for source in state.sources:
            if not source.complete:
                parts.append(f"reading {source.share:.0%}")
            elif source.torn:
                parts.append("the last line is not whole (r reads again)")
        if not state.entries and all(source.complete for source in state.sources):
            parts[0] = "no episodes yet (r reads again)"
        return Text(" " + "  |  ".join(parts), no_wrap=True)

    def _draw_episode(self) -> None:
        state = self.state
        entry, whole = state.entry, state.turn is None
        for side in range(len(state.sources)):
            shown = state.turns_shown(side)
            wanted = Wanted(shown, whole, self.units, state.query, state.difference)
            row = None if entry is None else entry[side]
            text = Text() if entry is None else page(state.opened[side], row, self.look, wanted)
            line = Text() if entry is None else turn_line(state.opened[side], shown, self.look)
            self.query_one(f"#page-{side}", Page).show(text, state.current)
            self.query_one(f"#turn-{side}", Static).update(line)
        self.work.heed()
        self._draw_tokens()

    def _draw_tokens(self) -> None:
        if not self.query_one("#tokens").display:
            return
        side = self._side
        opened, known = self.state.opened[side], self.work.heard(side)
        hint = f"no stored reading; python -m analysis.read {self.state.sources[side].run} --reader NAME makes one"
        text = table(opened, self.state.turns_shown(side), self.look, known, self.look.shown(hint))
        self.query_one("#tokens", Page).show(text, (side, self.state.current, self.state.turn), head=2)

    @property
    def _side(self) -> int:
        """The run that is meant: of two the one whose page is in focus, else the first."""
        focused = self.focused.id if self.focused is not None else None
        return 1 if focused == "page-1" else 0

    # Keys

    def on_descendant_focus(self) -> None:
        if self.state.comparing:
            self._draw_tokens()

    def action_next(self, by: int) -> None:
        self.state.go(self.state.place + by)
        self.draw()

    def action_step(self, by: int) -> None:
        self.state.step(by)
        self._draw_episode()

    def action_first(self) -> None:
        self.state.step_to(0)
        self._draw_episode()

    def action_whole(self) -> None:
        self.state.turn = None
        self._draw_episode()

    def action_play(self) -> None:
        if self._playing is not None:
            self._playing.stop()
            self._playing = None
            return
        if self.state.turn is None or self.state.turn >= self.state.longest:
            self.state.step_to(0)
        self._playing = self.set_interval(PLAY, self._play)
        self._play()

    def _play(self) -> None:
        self.state.step(1)
        self._draw_episode()
        if self.state.turn is None or self.state.turn >= self.state.longest:
            self.action_play()

    def action_difference(self) -> None:
        if not self.state.comparing:
            self.say("name two runs to compare them: python -m human.replay RUN RUN2")
        elif not self.state.step_to_difference():
            self.say("these two do not differ" if all(isinstance(o, Turns) for o in self.state.opened) else "no pair")
        self._draw_episode()

    def action_units(self) -> None:
        self.units = not self.units
        self._draw_episode()

    def action_tokens(self) -> None:
        shown = self.query_one("#tokens")
        shown.display = not shown.display
        self._draw_tokens()

    def action_only(self, group: str, value: str) -> None:
        self._choose(self.state.filter.toggled(group, [value]))

    def action_many(self) -> None:
        self._choose(self.state.filter.toggled("handoffs", MANY))

    def action_all(self) -> None:
        self.work.stop_search()
        self.state.search("")
        self._choose(Filter())

    def _choose(self, filtered: Filter) -> None:
        self.state.choose(filtered)
        self.draw()

    def action_filter(self) -> None:
        def take(chosen: Filter | None) -> None:
            if chosen is not None:
                self._choose(chosen)

        self.push_screen(FilterScreen(counts(self.state.entries), self.state.filter, self.look), take)

    def action_search(self) -> None:
        line = self.query_one(SearchLine)
        line.display = True
        line.focus()

    @on(SearchLine.Submitted)
    def search(self, said: SearchLine.Submitted) -> None:
        self._leave_line()
        self._search(said.value.strip())

    def action_leave_search(self) -> None:
        self.query_one(SearchLine).clear()
        self._leave_line()
        self._search("")

    def key_escape(self) -> None:
        if self.state.query:
            self.action_leave_search()

    def _leave_line(self) -> None:
        self.query_one(SearchLine).display = False
        self.query_one(EpisodeList).focus()

    def _search(self, query: str) -> None:
        self.work.stop_search()
        self.state.search(query)
        if query:
            self.work.search(query)
        self.draw()

    def action_copy(self, what: str) -> None:
        text = COPIES[what](self.state, self._side)
        if text is None:
            self.say("there is nothing to copy here")
            return
        self.copy_to_clipboard(text)
        size = len(text.encode())
        long = "; terminals may refuse so much" if size > LONG_COPY else ""
        self.say(f"{what} copied ({size:,} bytes), if this terminal has a clipboard for programs (OSC 52){long}")

    def action_reload(self) -> None:
        self.work.stop()
        try:
            self.state.reload()
        except StoreError as error:
            self.say(str(error))
            return
        self.work.index()
        if self.state.query:
            self.state.search(self.state.query)
            self.work.search(self.state.query)
        self.draw()

    def action_light(self) -> None:
        self.theme = theme.LIGHT.name if self.look.dark else theme.DARK.name

    def _watch_theme(self, name: str) -> None:
        super()._watch_theme(name)
        look = Look(self.look.marks, self.current_theme.dark)
        if look != self.look and self.is_running:
            self.look = self.query_one(EpisodeList).look = look
            self.draw()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.look, self.state.comparing))

    def say(self, message: str) -> None:
        self.notify(self.look.shown(message), markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for key in words.KEYS:
            name = f"{key.title} ({key.shown})"
            yield SystemCommand(name, key.help or key.title, lambda action=key.action: self.run_action(action))
        yield SystemCommand("Theme", "Another theme", self.action_change_theme)
        yield SystemCommand("Screenshot", "Save the screen as an SVG", self.deliver_screenshot)


def _named(runs: Sequence[Path]) -> list[str]:
    """The pairs of the runs, in order: who is first has the first mark, whatever episode comes first."""
    names: list[str] = []
    for run in runs:
        try:
            pair = read_config(run).get("pair")
        except StoreError:
            continue
        names += pair.split(":") if isinstance(pair, str) else []
    return names
