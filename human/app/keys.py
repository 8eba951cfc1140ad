"""The keys of the app. Each has one that every terminal sends, also through ssh and tmux."""

from __future__ import annotations

from rich.text import Text

from human.keys import Key

SEND = ("enter", "ctrl+j", "ctrl+enter")
"""Most terminals send the same for enter and ctrl+enter; those that do not send the last."""
BREAK = ("ctrl+n", "shift+enter", "alt+enter")
"""The first is sent by every terminal; of the others many send no more than enter."""
END, GIVE, TAKE = "F2", "F3", "F4"

KEYS = (
    Key("f2,ctrl+s", END, "end", "Finish the solution", "with what is typed", "Finish"),
    Key("f3,ctrl+o", GIVE, "give", "Hand back", "sends what is typed; your partner goes on", "Hand back"),
    Key("f4,ctrl+t", TAKE, "take", "Take over", "asks for the pen while your partner writes", "Take over"),
    Key("f6", "F6", "undo", "Undo", "takes back what you sent in this turn (or ctrl+z)", "Undo"),
    Key("f5,ctrl+r", "F5", "pause", "Pause", "stops the clock and hides the text", "Pause"),
    Key("f8,ctrl+l", "F8", "light", "Light or dark", "changes the colours"),
    Key("f1,ctrl+g", "F1", "help", "Help", "shows this page", "Help"),
    Key("f10,ctrl+q", "F10", "leave", "Quit", "keeps what is done", "Quit"),
)
"""In the order in which the help and the palette show them."""
OF_TEXT = {"send": SEND, **{key.action: tuple(key.keys.split(",")) for key in KEYS if key.action in ("end", "give")}}
"""Keys by what they do with that which is typed."""

_AROUND = (
    ("enter, ctrl+j", "sends what is typed"),
    ("ctrl+n", "begins a new line (or shift+enter, in some terminals)"),
    ("page up/down", "scrolls the solution"),
    ("tab", "to the next part of the screen; shift+tab: to the one before"),
    ("ctrl+p", "all commands by name"),
)
_WORDS = (
    "You and a partner write one solution, in turns. The line above your input says whose turn it is, and how much you "
    "may write. Type, and press enter. When the solution is complete, with its answer, F2 finishes it.",
)
_MORE = (
    "Below your input stands how much of what you typed fits into your turn; the rest is not taken. What you type "
    "before your turn waits there: nothing is sent before you send it. A new word or sentence is one that begins "
    "behind what your partner wrote; the space between is put there for you, and #### begins a line by itself.",
    "Each author has a sign and a colour; the sign stands where a turn begins. Underlined is what you sent in a turn "
    "that is not over.",
    "The clock counts while a problem is open. When you pause, nothing moves.",
)


def help_text() -> Text:
    rows = [*_AROUND]
    for key in KEYS:
        names = ", ".join((key.shown, *key.keys.split(",")[1:]))
        rows.append((names, f"{key.title}: {key.help}"))
    out = Text("\n\n".join(_WORDS)).append("\n\n")
    for names, said in rows:
        out.append(f"{names:<15}", "bold").append(f"{said}\n")
    return out.append("\n" + "\n\n".join(_MORE)).append("\n\nEscape closes this.", "italic")
