"""The replay viewer by its keys, on a small screen and a large one."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from human.replay.app import ReplayApp
from human.replay.index import Part, Source
from human.replay.widgets.filter_screen import FilterScreen
from human.replay.widgets.help_screen import HelpScreen
from human.replay.widgets.page import Page
from tests.replaying import HOSTILE, episode, mixed, write
from tests.running import ENVIRONMENT, ROOT, only_line

Play = Callable[[ReplayApp, Pilot[None]], Awaitable[None]]
SIZES = [(80, 24), (160, 50)]
COMMAND = [sys.executable, "-m", "human.replay"]


def drive(runs: list[Path], play: Play, size: tuple[int, int] = (80, 24), **more: bool) -> None:
    """Runs the app until everything is read, then plays."""

    async def go() -> None:
        app = ReplayApp(runs, **more)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: all(source.complete for source in app.state.sources))
            await pilot.pause()
            await play(app, pilot)

    asyncio.run(go())


async def until(pilot: Pilot[None], said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not said():
        assert time.monotonic() < deadline
        await pilot.pause(0.01)


def screen(app: ReplayApp) -> str:
    """What is on the screen, as text."""
    return "\n".join("".join(part.text for part in line) for line in app.screen._compositor.render_strips())


async def shows(app: ReplayApp, pilot: Pilot[None], text: str) -> None:
    """Waits until a text is on the screen: it is drawn when there is nothing else to do."""
    await until(pilot, lambda: text in screen(app))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", mixed())


@pytest.mark.parametrize("size", SIZES)
def test_filters_by_key_and_by_list(run: Path, size: tuple[int, int]) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, " 1 of 7")
        for key, shown in (("1", 2), ("2", 2), ("3", 1), ("3", 7), ("4", 1), ("0", 7), ("5", 1), ("0", 7)):
            await pilot.press(key)
            assert len(app.state.shown) == shown, key
        await pilot.press("f")
        assert isinstance(app.screen, FilterScreen)
        await shows(app, pilot, "[ ] verdict     right")
        await pilot.press("space", "down", "space")
        await shows(app, pilot, "[x] verdict     right")
        await pilot.press("enter")
        assert len(app.state.shown) == 4
        await shows(app, pilot, " of 4 (7 in all)  |  right, wrong")
        await pilot.press("f", "0", "escape")
        assert len(app.state.shown) == 4
        await pilot.press("f", "0", "enter")
        assert len(app.state.shown) == 7

    drive([run], play, size)


@pytest.mark.parametrize("size", SIZES)
def test_search_and_steps(run: Path, size: tuple[int, int]) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"w12", "enter")
        await until(pilot, lambda: not app.work.searching)
        assert len(app.state.shown) == 1
        await shows(app, pilot, "w21")
        await pilot.press("left", "left")
        await shows(app, pilot, "turn 21 of 23  ░ junior  unit 21 of 23  next ▍ senior")
        assert "w21" not in screen(app)
        await pilot.press("left_square_bracket")
        await shows(app, pilot, "turn 0 of 23  next ░ junior")
        await pilot.press("right")
        await shows(app, pilot, "turn 1 of 23")
        await pilot.press("right_square_bracket", "u", "escape")
        assert (len(app.state.shown), app.state.place, app.units) == (7, 3, True)
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: not app.work.searching)
        await shows(app, pilot, " none (7 in all)")
        await pilot.press("c", "right", "d", "n")
        await pilot.press("slash", "escape")
        assert len(app.state.shown) == 7

    drive([run], play, size)


def test_moving_in_the_list(run: Path) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        for key, place in (("down", 1), ("end", 6), ("down", 6), ("pageup", 2), ("home", 0), ("up", 0), ("n", 1)):
            await pilot.press(key)
            assert app.state.place == place, key
        await pilot.press("n")
        await shows(app, pilot, "line 3 of the file is broken")
        await shows(app, pilot, "not JSON")
        await pilot.press("tab", "tab", "tab", "p")
        assert app.state.place == 1
        await pilot.click("#list", offset=(5, 3))
        assert app.state.place == 3

    drive([run], play)


def test_tokens_are_beside_the_solution_or_a_key_away(run: Path) -> None:
    async def small(app: ReplayApp, pilot: Pilot[None]) -> None:
        assert not app.query_one("#tokens").display
        await pilot.press("t", "left")
        await shows(app, pilot, "-0.25")
        await pilot.press("t")
        assert "-0.25" not in screen(app)

    async def large(app: ReplayApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.work.heard(0) is not None)
        await shows(app, pilot, "-0.25   open")
        await pilot.press("left")
        await shows(app, pilot, "-0.25   token")
        await shows(app, pilot, "(unit over)")
        await shows(app, pilot, "no stored reading; python -m analysis.read")

    drive([run], small)
    drive([run], large, SIZES[1])


@pytest.mark.parametrize("size", SIZES)
def test_comparing(tmp_path: Path, run: Path, size: tuple[int, int]) -> None:
    other = write(tmp_path / "other", [episode(("senior", "So <<3*4"), ("junior", " 12"), problem="p/1")])

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, " 1 of 7")
        await shows(app, pilot, "This run has no such episode.")
        await pilot.press("f")
        await shows(app, pilot, "space chooses")
        await pilot.press("end", "space")
        await shows(app, pilot, "[x] compared    gained")
        await pilot.press("enter")
        await shows(app, pilot, "gained")
        assert len(app.state.shown) == 1
        await shows(app, pilot, "✗✓ ↑ p/1#0")
        await shows(app, pilot, "▍So <<3*4░ 1≠3")
        await shows(app, pilot, "▍So <<3*4░ 1≠2")
        await pilot.press("left")
        assert screen(app).count("turn 1 of 2") == 2
        await pilot.press("d")
        assert screen(app).count("turn 2 of 2") == 2
        await pilot.press("c")
        assert app.clipboard == "So <<3*4 13"
        app.query_one("#page-1").focus()
        await pilot.press("c")
        assert app.clipboard == "So <<3*4 12"

    drive([run, other], play, size)


def test_the_list_is_in_the_order_of_the_first_run(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes to read."""
    other = write(tmp_path / "other", [episode(("senior", "So <<3*4"), ("junior", " 12"), problem="p/1")])
    scan = Source.scan

    def slow(self: Source) -> Iterator[Part]:
        if self.run == run:
            time.sleep(0.5)
        yield from scan(self)

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        first = [entry[0] for entry in app.state.entries if entry[0] is not None]
        assert first == app.state.sources[0].rows
        assert app.state.current == 0
        await shows(app, pilot, "This run has no such episode.")

    monkeypatch.setattr(Source, "scan", slow)
    drive([run, other], play)


def test_copies(run: Path) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await pilot.press("c")
        assert app.clipboard == "So 3 * 4 = 12"
        await pilot.press("i")
        assert app.clipboard == "p/0#0"
        await pilot.press("e")
        assert app.clipboard.startswith('{"id": "p/0#0", ')
        await shows(app, pilot, "JSON copied")
        await pilot.press("down", "down", "c")
        await shows(app, pilot, "there is nothing to copy here")

    drive([run], play, SIZES[1])


def test_playing_stops_at_the_end(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("human.replay.app.PLAY", 0.01)

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await pilot.press("space")
        await until(pilot, lambda: app.state.turn == 2)
        assert app._playing is None
        await pilot.press("space", "space")
        assert app._playing is None

    drive([run], play)


def test_a_run_that_grows_is_reloaded(tmp_path: Path) -> None:
    lines = [episode(("senior", f"text {n}"), problem=f"p/{n}").line() for n in range(3)]
    run = write(tmp_path / "run", [lines[0][:30]])

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "no episodes yet (r reads again)")
        await shows(app, pilot, "the last line is not whole")
        write(run, lines)
        await pilot.press("slash", *"text", "enter", "r")
        await until(pilot, lambda: app.state.sources[0].complete and not app.work.searching)
        await pilot.pause()
        assert len(app.state.shown) == 3
        (run / "episodes.jsonl").unlink()
        await pilot.press("r")
        await shows(app, pilot, "No such file")

    drive([run], play)


@pytest.mark.parametrize("size", SIZES)
def test_hostile_text_acts_on_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    name = f"a{HOSTILE}"
    one = episode((name, HOSTILE), ("junior", "ok"), problem=HOSTILE, question=HOSTILE, authors=[name, "junior"])
    huge = episode(("senior", "x" * 200_000), problem="q" * 1_000_000, question="z" * 1_000_000, condition=HOSTILE)
    run = write(tmp_path / "run", [one, huge, HOSTILE.encode("utf-8", "surrogatepass").replace(b"\n", b"") + b"\n"])

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        for keys in (["left"], ["left"], ["right"], ["t"], ["c"], ["e"], ["i"], ["f"], ["escape"], ["down"], ["left"]):
            await pilot.press(*keys)
            await pilot.pause()
            shown = screen(app)
            assert not set(shown) & set("\x1b\x9b\u202e\u2069\ud800\x00\r\t\x07")
            app.export_screenshot()
        await pilot.press("home", "slash", *"[red]", "enter")
        await until(pilot, lambda: not app.work.searching)
        assert len(app.state.shown) == 2
        assert app.is_running

    drive([run], play, size)


def test_the_whole_text_is_literal(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [episode(("senior", "a [red]b[/red] \x1b[2J"))])

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await shows(app, pilot, "▍a [red]b[/red] ␛[2J")

    drive([run], play)


def test_light_dark_help_and_palette(run: Path) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        assert app.look.dark
        await pilot.press("l")
        assert (app.theme, app.look.dark) == ("tandem-light", False)
        await pilot.press("l", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        await shows(app, pilot, "Only with jargon")
        await pilot.press("end")
        await shows(app, pilot, "Bars:")
        await pilot.press("escape", "ctrl+p", *"unread")
        await shows(app, pilot, "Only unreadable")
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(app.state.shown) == 1)

    drive([run], play)


def test_ascii_terminals_get_ascii(run: Path) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        for keys in (["t"], ["left"], ["question_mark"], ["escape"], ["f"], ["escape"], ["n", "n"], ["slash"]):
            await pilot.press(*keys)
            await pilot.pause()
            assert screen(app).isascii()

    drive([run], play, ascii_only=True)


@pytest.mark.parametrize("key", ["q", "f,q", "question_mark,q"])
def test_q_quits(run: Path, key: str) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await pilot.press(*key.split(","))
        await pilot.pause()
        assert not app.is_running

    drive([run], play)


def test_scrolling_keeps_the_heads_and_its_place(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [episode(("senior", "\n".join("abcdefghijklmnopqrstuvwxyz" * 3)))])

    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await pilot.press("t", "tab", "tab", "end")
        await shows(app, pilot, "token   author")
        await shows(app, pilot, "-38.75")  # of the last of 155 tokens
        await pilot.press("shift+tab", "pagedown")
        at = app.query_one("#page-0", Page).scroll_y
        await pilot.press("u")
        assert app.query_one("#page-0", Page).scroll_y == at > 0

    drive([run], play)


def test_resizing_keeps_what_is_shown(run: Path) -> None:
    async def play(app: ReplayApp, pilot: Pilot[None]) -> None:
        await pilot.press("end")
        for size in (*SIZES, (20, 6), (1, 1), SIZES[0]):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await shows(app, pilot, "ÉCLAIRS")
        assert app.query_one("#page-0", Page).text.plain.startswith("p/3#0")

    drive([run], play)


@pytest.mark.parametrize("flags", [[], ["--plain"]])
def test_without_a_terminal_it_names_who_prints(run: Path, flags: list[str]) -> None:
    done = subprocess.run([*COMMAND, str(run), *flags], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
    assert done.returncode == 2
    line = only_line(done.stderr)
    assert "replay needs a terminal" in line
    assert f"python -m analysis.read {run} --view" in line


def test_no_such_run(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, str(tmp_path)], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
    assert (done.returncode, only_line(done.stderr).count("there is no episodes.jsonl")) == (2, 1)


def test_help_is_quick_and_imports_no_app() -> None:
    code = "import sys, human.replay.__main__; print([m for m in ('textual', 'torch', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_on_a_real_terminal(run: Path, more: dict[str, str]) -> None:
    """It starts, shows the run, and leaves the terminal as it was."""
    ours, theirs = pty.openpty()
    env = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **more}
    done = subprocess.Popen([*COMMAND, str(run)], stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=ROOT)
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    asked = False
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # it has left
                break
        if b"p/0#0" in seen and not asked:
            asked = True
            os.write(ours, b"q")
    os.close(ours)
    assert done.wait(20) == 0
    assert seen.index(b"\x1b[?1049h") < seen.index(b"p/0#0") < seen.rindex(b"\x1b[?1049l")
    assert b"Traceback" not in seen
