"""The keys, and what the viewer says about itself."""

from __future__ import annotations

from rich.text import Text

from human.keys import Key
from human.replay.factors import ASCII_BARS, BARS
from human.replay.paint import CHANGES, Look

KEYS = (
    Key("f", "f", "filter", "Filter", "by verdict, jargon, handoffs, who wrote, condition, step, ending", "filter"),
    Key("slash", "/", "search", "Search", "text of solutions and questions, or an id; escape ends it", "search"),
    Key("1", "1", "only('verdict','right')", "Only right", "again: all of them"),
    Key("2", "2", "only('verdict','wrong')", "Only wrong", ""),
    Key("3", "3", "only('verdict','unreadable')", "Only unreadable", "no answer could be read"),
    Key("4", "4", "only('jargon','yes')", "Only with jargon", "a calculator note << was opened"),
    Key("5", "5", "many", "Only with many handoffs", "ten or more"),
    Key("0", "0", "all", "All episodes", "no filter, no search"),
    Key("n", "n", "next(1)", "Next episode", "from wherever you are; up and down move in the list"),
    Key("p", "p", "next(-1)", "Episode before", ""),
    Key("left", "left", "step(-1)", "One turn back", "the last turn disappears", "back"),
    Key("right", "right", "step(1)", "One turn forward", "", "on"),
    Key("left_square_bracket", "[", "first", "Before the first turn", ""),
    Key("right_square_bracket", "]", "whole", "The whole solution", ""),
    Key("space", "space", "play", "Play", "turn by turn, until pressed again"),
    Key("d", "d", "difference", "To the difference", "comparing: as far as the turn in which the two begin to differ"),
    Key("u", "u", "units", "Units", "every second unit underlined"),
    Key("t", "t", "tokens", "Tokens", "log-probabilities of the turn, shown or hidden"),
    Key("c", "c", "copy('solution')", "Copy the solution", "without control characters", "copy"),
    Key("e", "e", "copy('JSON')", "Copy the episode", "as one line of JSON"),
    Key("i", "i", "copy('id')", "Copy the id", ""),
    Key("r", "r", "reload", "Reload", "reads what was written since"),
    Key("l", "l", "light", "Light or dark", ""),
    Key("question_mark,f1", "?", "help", "Help", "", "help"),
    Key("q", "q", "quit", "Quit", "", "quit"),
)
"""In the order in which the help and the palette show them."""

_AROUND = (
    ("tab", "to the next part: list, solution, tokens"),
    ("up, down, page up, page down, home, end", "move in the list, or scroll"),
    ("ctrl+p", "all commands by name"),
)


def help_text(look: Look, comparing: bool) -> Text:
    """The help page."""
    out = Text("Keys\n\n", "bold")
    for key in KEYS:
        if key.action == "difference" and not comparing:
            continue
        out.append(f"  {key.shown:<7}", "bold").append(f"{key.title}{': ' + key.help if key.help else ''}\n")
    for keys, meaning in _AROUND:
        out.append(f"  {keys:<7}", "bold").append(f"  {meaning}\n")
    out.append("\nSigns\n\n", "bold")
    for verdict, meaning in (("correct", "right"), ("wrong", "wrong"), ("unreadable", "unreadable"), ("broken", "")):
        said = meaning or "the line holds no episode"
        out.append("  ").append_text(look.verdict(verdict)).append(f"  {said}\n")
    out.append("  <<  jargon, behind the number of handoffs\n")
    if comparing:
        for change, signs in CHANGES.items():
            out.append(f"  {look.marks.sign(*signs)}  {change}, from the first run to the second\n")
    out.append("\nLog-probabilities\n\n", "bold")
    out.append(
        "Natural logarithms. The author's own are those that were recorded when it wrote: `token` of a token among "
        "all that it may draw; `open` of the first token after another author, among those that open a unit, and the "
        "end; `end` of the decision that its last unit was over. What others give the same text comes from stored "
        "readings (python -m analysis.read), at temperature 1 among all that the reader may draw: compare them with "
        "`token`. Where the reader's tokens do not meet the author's there is a dash.\n\n"
    )
    bars = look.marks.sign(BARS, ASCII_BARS)
    steps = ("below .5", "from .5", "1", "2", "4", "8 nats on")
    out.append("Bars: " + ", ".join(f"[{bar}] {step}" for bar, step in zip(bars, steps, strict=True)) + "\n")
    return out
